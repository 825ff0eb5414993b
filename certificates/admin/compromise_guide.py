"""A key that somebody else may hold: what it touches, what stops, and what to do now, in order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.timesince import timesince

from audit.queries import history
from certificates import holders, watch
from certificates.admin.guides import DONE, LATER, NOW, Offers, Stop, key_url, named, record_url, request_url
from certificates.models import LIVE, OPEN, Act, Certificate, KeyPair, KeyState

LOOK_BACK = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """What the key touches (pairs of words and links of other keys), what happens, and the ordered list."""

    key: KeyPair
    certificate: Certificate | None
    where: holders.Whereabouts | None
    facts: tuple[tuple[str, str], ...]
    others: tuple[tuple[str, str], ...]
    consequence: str
    marked: bool
    stops: tuple[Stop, ...]


def guide(key: KeyPair, offers: Offers, *, now: datetime) -> Guide:
    """Return the guide; every step but the call to the bank is read from rows."""
    certificate = Certificate.objects.filter(key=key).first()
    family = _Family(key, now)
    marked = key.compromised_at is not None
    return Guide(
        key=key,
        certificate=certificate,
        where=holders.whereabouts(key.scope),
        facts=_facts(key, certificate),
        others=tuple((named(other), key_url(other)) for other in family.of_owner),
        consequence=family.consequence(marked),
        marked=marked,
        stops=(
            _tell(key, certificate),
            _request(key, family, offers, marked),
            _fall_back(key, family, offers),
            _uses(key, offers, now),
            _destroy(key, offers, now),
        ),
    )


class _Family:
    """The other keys of the same owner: those of the same use and environment may take over."""

    def __init__(self, key: KeyPair, now: datetime) -> None:
        self.key = key
        self.of_owner = list(
            KeyPair.objects.filter(scope=key.scope, state__in=[*OPEN, *LIVE])
            .exclude(pk=key.pk)
            .select_related("certificate")
            .order_by("use", "-created_at")
        )
        same = [one for one in self.of_owner if (one.use, one.environment) == (key.use, key.environment)]
        in_date = [one for one in same if one.state in LIVE and one.certificate.in_date(now=now)]
        self.active = next((one for one in in_date if one.state == KeyState.ACTIVE), None)
        self.ready = next((one for one in in_date if one.state != KeyState.ACTIVE), None)
        self.asked = next((one for one in same if one.state in OPEN), None)

    def consequence(self, marked: bool) -> str:
        """Return what happens to the feed."""
        if self.active is not None:
            return f"{self.active.common_name} is active in its place: the feed goes on."
        key = self.key
        was_active = bool(marked and key.activated_at and not key.standby_until and not key.retired_at)
        if key.state != KeyState.ACTIVE and not was_active:
            return "It is not in use: no feed stops."
        stops = "The feed has stopped" if marked else "The feed stops"
        if self.ready is not None:
            return f"{stops} until {self.ready.common_name} ({self.ready.get_state_display()}) takes over."
        return f"{stops} until a new certificate is active: no other key is ready to take over."


def _facts(key: KeyPair, certificate: Certificate | None) -> tuple[tuple[str, str], ...]:
    found = [("Use", f"{key.get_use_display()}, {key.get_environment_display()}")]
    if certificate is not None:
        found.append(("Fingerprint (kid)", certificate.sha1))
        found.append(("Valid until", f"{certificate.not_after:%Y-%m-%d}"))
    else:
        found.append(("Public key (SHA-256)", key.spki_sha256))
    return tuple(found)


def _tell(key: KeyPair, certificate: Certificate | None) -> Stop:
    if certificate is None:
        facts = [("Common name", key.common_name), ("Public key (SHA-256)", key.spki_sha256)]
        words = "Ask the bank to drop the signing request and to sign nothing for this public key."
    else:
        words = "Ask the bank to revoke this certificate and to accept no sign-in with it. Give these values."
        facts = [
            ("Fingerprint (kid)", certificate.sha1),
            ("Serial number", certificate.serial),
            ("Issuer", certificate.issuer),
            ("SHA-256", certificate.sha256),
        ]
    if key.submission_reference:
        facts.append(("Reference of its request", key.submission_reference))
    return Stop(
        title="Tell the bank",
        state=NOW,
        words=words,
        facts=tuple(facts),
        said="By telephone; nothing here knows of it",
    )


def _request(key: KeyPair, family: _Family, offers: Offers, marked: bool) -> Stop:
    title = "Request a new certificate"
    if (
        family.active is not None
        and key.compromised_at
        and (family.active.activated_at or key.created_at) >= key.compromised_at
    ):
        return Stop(title=title, state=DONE, words=f"{family.active.common_name} is in use now.",
                    url=key_url(family.active), label="See the new key")  # fmt: skip
    if family.asked is not None:
        words = f"Asked for on {family.asked.created_at:%Y-%m-%d}; it is {family.asked.get_state_display()}."
        return Stop(
            title=title,
            state=NOW,
            words=words,
            said="Under way",
            url=key_url(family.asked),
            label="See the request",
        )
    if not marked and key.state in OPEN:
        return Stop(title=title, state=LATER, words="Once this one is marked: it is the open request.")
    return Stop(
        title=title,
        state=NOW,
        words="It gets a key of its own. Nothing of this key is used again.",
        url=request_url(key) if offers.may_request else "",
        label=title,
    )


def _fall_back(key: KeyPair, family: _Family, offers: Offers) -> Stop:
    title = "Take another key into use"
    if family.active is not None:
        return Stop(title=title, state=DONE, words=f"{family.active.common_name} is active.")
    if family.ready is None:
        return Stop(
            title=title, state=LATER, words="None is ready. The new one follows when its certificate is here."
        )
    ready = family.ready
    act = "activate" if ready.is_test else "ask_activate"
    url = offers.act(ready, act) or key_url(ready)
    proven = f"proven on {ready.proven_at:%Y-%m-%d}" if ready.proven_at else "never proven: prove it first"
    words = f"{ready.common_name} is {ready.get_state_display()} and {proven}."
    return Stop(
        title=title,
        state=NOW,
        words=words,
        url=url,
        label="Activate it" if ready.is_test else "Ask for its activation",
    )


def _uses(key: KeyPair, offers: Offers, now: datetime) -> Stop:
    uses = history(key).filter(verb="certificates.key_used")
    recent = uses.filter(at__gte=now - LOOK_BACK).count()
    last = uses.first()
    said = f"{recent} use{'' if recent == 1 else 's'} in {LOOK_BACK.days} days"
    words = f"The last use here was {timesince(last.at, now)} ago." if last else "It was never used here."
    words += " A use at the bank that is not in the audit record was not ours: ask the bank for its sign-ins."
    if not offers.may_read_record:
        words += " The auditor reads the record."
    return Stop(title="Look at its recent uses", state=NOW, words=words, said=said,
                url=record_url(key) if offers.may_read_record else "", label="Open the audit record")  # fmt: skip


def _destroy(key: KeyPair, offers: Offers, now: datetime) -> Stop:
    title = "Destroy it later, by two people"
    if key.destroyed_at:
        return Stop(title=title, state=DONE, words=f"Destroyed on {key.destroyed_at:%Y-%m-%d}.")
    if watch.approvals_waiting(now=now).filter(act=Act.DESTROY, key=key).exists():
        return Stop(
            title=title,
            state=NOW,
            words="Asked for; another person allows it under Approvals.",
            said="Asked for",
        )
    words = "When nobody needs it as evidence any more: one person asks, another allows."
    return Stop(
        title=title, state=LATER, words=words, url=offers.act(key, "ask_destroy"), label="Ask to destroy"
    )
