"""The acts on a key, in the order of its life."""

from __future__ import annotations

import json

from audit.queries import history
from audit.transitions import Button
from certificates import operations, profiles
from certificates.admin.approvals import ASKING
from certificates.admin.forms import OwnerForm, SelfSignForm, SubmitForm
from certificates.admin.guide_pages import compromise_page
from certificates.admin.installing import install_page, told
from certificates.models import LIVE, OPEN, WAITING, KeyPair, KeyState


def proof_sentence(key: KeyPair) -> str:
    """Return what the bank's last welcome proved, as it stands in the audit record."""
    entry = history(key).filter(verb="certificates.key_proven").first()
    said = json.loads(entry.data).get("sentence", "") if entry else ""
    proven = f"Proven: {said}" if said else "Proven: the bank let us in with this key."
    return f"{proven} It is in use." if key.state == KeyState.ACTIVE else proven


def _may_self_sign(key: KeyPair) -> bool:
    allowed = key.is_test and profiles.profile(key.environment).self_signed_allowed
    return allowed and key.state in WAITING


KEY_BUTTONS: tuple[Button, ...] = (
    Button(name="submit", label="Mark as submitted", operation=operations.mark_submitted, form=SubmitForm,
           permission="certificates.submit_keypair", when=lambda key: key.state == KeyState.CSR_ISSUED,
           done="Recorded. When the bank returns the certificate, install it here."),
    Button(name="install", label="Install certificate", page=install_page, done=told,
           operation=operations.install_for_request, permission="certificates.install_certificate",
           when=lambda key: key.state in WAITING),
    Button(name="self_sign", label="Make a self-signed certificate", form=SelfSignForm,
           operation=operations.self_sign_for_test, permission="certificates.install_certificate",
           when=_may_self_sign, style="secondary",
           warning="Its key signs it, here, and that use is on record. Then download the certificate from the "
                   "key's page and register it in the bank's portal. For the test environment only.",
           done=lambda found: f"{told(found)} Download it from this page for the bank's portal."),
    *ASKING[:1],
    Button(name="prove", label="Prove at the bank", operation=operations.prove_and_take_over, done=proof_sentence,
           permission="certificates.prove_keypair", when=lambda key: key.state in LIVE,
           warning="The bank is asked over the network with exactly this key. It may take some seconds: press once "
                   "and wait. The outcome is recorded, good or bad; a new key of the test environment that is let in "
                   "takes over at once."),
    Button(name="activate", label="Activate", operation=operations.activate_key,
           permission="certificates.activate_keypair",
           when=lambda key: key.is_test and key.state in (KeyState.CERTIFIED, KeyState.STANDBY),
           warning="From now on this key is used; the one active before stands by."),
    Button(name="owner", label="Change owner", operation=operations.assign_owner, form=OwnerForm,
           permission="certificates.assign_keypair", style="secondary",
           when=lambda key: key.state in (*OPEN, *LIVE), done="Recorded."),
    Button(name="retire", label="Retire", operation=operations.retire_key, reason=True, style="danger",
           permission="certificates.retire_keypair", when=lambda key: key.state in LIVE,
           warning="A retired key is not used again. Without another active key its feed stops."),
    Button(name="reject", label="Rejected by the bank", operation=operations.reject_key, reason=True,
           permission="certificates.reject_keypair", when=lambda key: key.state in WAITING, style="danger"),
    Button(name="compromise", label="Mark as compromised", reason=True, style="danger", page=compromise_page,
           operation=operations.mark_compromised, permission="certificates.compromise_keypair",
           when=lambda key: key.state in (*OPEN, *LIVE, KeyState.RETIRED, KeyState.REJECTED),
           done="Every use of this key has stopped. Go through the list below now."),
    *ASKING[1:],
)  # fmt: skip
