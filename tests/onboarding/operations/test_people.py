"""Contacts: sealed, masked, revealed for a purpose, erased; and their links."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any

import pytest
from django.core import serializers

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import PermissionMissing
from certificates import operations as care
from onboarding import links, masks, operations, queries, sealing
from onboarding.models import ContactDetails, PortalLink
from onboarding.operations import ContactRefused, CustomerRefused, LinkRefused, PurposeMissing
from onboarding.sealing import SealFailed
from tests.onboarding.roads import OPS, Road, begin


def test_masks_show_too_little_to_reach_anybody() -> None:
    assert masks.name("Olive van Operator Junior") == "O. v. O."
    assert masks.email("olive@kettle.example") == "o•••@kettle.example"
    assert [masks.phone(text) for text in ("+1 555 010 7733", "12345", "")] == ["•••-7733", "•••", ""]


def test_no_column_holds_what_identifies_a_contact(road: Road) -> None:
    rows = serializers.serialize("json", [road.operator, ContactDetails.objects.get(pk=road.operator.pk)])
    for secret in ("Olive", "olive@", "010"):
        assert secret not in rows
    assert "Olive" not in f"{road.operator!r} {sealing.details_of(road.operator)!r}"


def test_details_moved_to_another_contact_do_not_open(road: Road, now: datetime) -> None:
    other = begin(now, "TEAPOT LANE LTD").operator
    stolen = ContactDetails.objects.filter(pk=road.operator.pk).values(
        "format", "provider", "kek_version", "wrapped_dek", "dek_nonce", "nonce", "ciphertext"
    )[0]
    ContactDetails.objects.filter(pk=other.pk).update(**stolen)
    with pytest.raises(SealFailed):
        sealing.details_of(other)


def test_details_are_shown_for_a_recorded_purpose(road: Road, people: dict[str, Any], now: datetime) -> None:
    by = Actor.user(people["operator"])
    with pytest.raises(PurposeMissing):
        operations.reveal_contact(pk=road.operator.pk, actor=by, now=now, purpose=" ")
    shown = operations.reveal_contact(
        pk=road.operator.pk, actor=by, now=now, purpose="Call about the meeting"
    )
    assert (shown.name, shown.email, shown.phone) == (
        "Olive Operator",
        "olive@kettle.example",
        "+1 555 010 7733",
    )
    entry = AuditEntry.objects.get(verb="onboarding.contact_revealed")
    assert (entry.reason, entry.subject_key) == ("Call about the meeting", str(road.operator.pk))
    with pytest.raises(PermissionMissing):
        operations.reveal_contact(
            pk=road.operator.pk, actor=Actor.user(people["auditor"]), now=now, purpose="Curiosity"
        )


def test_changing_a_contact_leaves_what_is_empty(road: Road, now: datetime) -> None:
    operations.change_contact(pk=road.operator.pk, email="new@kettle.example", actor=OPS, now=now)
    details = sealing.details_of(road.operator)
    assert details == sealing.Details(
        name="Olive Operator", email="new@kettle.example", phone="+1 555 010 7733"
    )


def test_a_removed_contact_loses_details_and_link(road: Road, now: datetime) -> None:
    token = operations.issue_portal_link(pk=road.pk, contact_id=road.operator.pk, actor=OPS, now=now)
    operations.remove_contact(pk=road.operator.pk, actor=OPS, now=now)
    assert (queries.status_for(token, now=now), sealing.details_of(road.operator)) == (None, None)
    with pytest.raises(ContactRefused):
        operations.change_contact(pk=road.operator.pk, actor=OPS, now=now)


def test_a_contact_needs_a_name_a_mail_address_and_a_role(road: Road, now: datetime) -> None:
    with pytest.raises(ContactRefused) as refusal:
        operations.add_contact(
            customer=road.customer, role="king", name=" ", email="nobody", actor=OPS, now=now
        )
    assert refusal.value.missing == ["a name", "a mail address", "a role"]


def test_a_customer_needs_its_own_name_and_a_time_zone(road: Road, now: datetime) -> None:
    with pytest.raises(CustomerRefused) as refusal:
        operations.create_customer(name="HARBOR KETTLE CO", time_zone="Mars/Base", actor=OPS, now=now)
    assert refusal.value.missing == [
        "a name no other customer has",
        "a time zone written like America/New_York",
    ]


def test_a_link_is_stored_hashed_and_sealed(road: Road, now: datetime) -> None:
    token = operations.issue_portal_link(pk=road.pk, contact_id=road.operator.pk, actor=OPS, now=now)
    link = PortalLink.objects.get(revoked_at=None)
    assert (link.token_sha256, sealing.token_of(link)) == (links.token_hash(token), token)
    assert token not in serializers.serialize("json", PortalLink.objects.all())
    assert token not in " ".join(f"{entry.data}{entry.reason}" for entry in AuditEntry.objects.all())
    assert len(token) == 43


def test_a_new_link_ends_the_one_before(road: Road, now: datetime) -> None:
    old = operations.issue_portal_link(pk=road.pk, contact_id=road.operator.pk, actor=OPS, now=now)
    new = operations.issue_portal_link(pk=road.pk, contact_id=road.operator.pk, actor=OPS, now=now)
    assert queries.status_for(old, now=now) is None
    assert queries.status_for(new, now=now) is not None


def test_a_link_opens_its_own_project_only(road: Road, now: datetime) -> None:
    other = begin(now, "TEAPOT LANE LTD")
    token = operations.issue_portal_link(pk=other.pk, contact_id=other.operator.pk, actor=OPS, now=now)
    status = queries.status_for(token, now=now)
    assert status is not None
    assert status.customer == "TEAPOT LANE LTD"
    with pytest.raises(LinkRefused):
        operations.issue_portal_link(pk=road.pk, contact_id=other.operator.pk, actor=OPS, now=now)


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "../" * 14 + "x"])
def test_a_wrong_token_reveals_nothing(road: Road, now: datetime, token: str) -> None:
    assert queries.status_for(token, now=now) is None


def test_a_rotated_key_takes_over_what_is_sealed(road: Road, settings: Any, now: datetime) -> None:
    old = settings.KEK_KEYRING
    settings.KEK_KEYRING = f"{old},test2:{base64.b64encode(bytes(range(1, 33))).decode()}"
    settings.KEK_ACTIVE = "test2"
    assert [care.rotate_keks(actor=OPS, now=now).rewrapped for _ in range(2)] == [2, 0]
    settings.KEK_KEYRING = settings.KEK_KEYRING.removeprefix(f"{old},")
    details = sealing.details_of(road.operator)
    assert details is not None
    assert details.name == "Olive Operator"


def test_without_its_key_nothing_opens(road: Road, settings: Any) -> None:
    settings.KEK_KEYRING = f"test1:{base64.b64encode(bytes(range(2, 34))).decode()}"
    with pytest.raises(SealFailed):
        sealing.details_of(road.operator)
