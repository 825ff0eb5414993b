"""The door for other apps' rows: it seals and opens theirs, and no private key passes through it."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test.utils import isolate_apps

from certificates import sealing
from certificates.models import KeyEnvelope, Sealed, sealed_models
from onboarding.models import ContactDetails, PortalLink
from tests.certificates.operations.sealed import seal_key
from tests.onboarding.roads import begin


def test_what_was_sealed_into_a_row_opens_from_it(db: None, now: datetime) -> None:
    row = ContactDetails(contact=begin(now).operator)
    sealing.seal_into(row, b"obviously not a secret", now=now)
    row.save()
    assert sealing.open_row(ContactDetails.objects.get(pk=row.pk)) == b"obviously not a secret"


def test_private_keys_do_not_pass(db: None, now: datetime) -> None:
    row = KeyEnvelope.objects.select_related("key").get(key=seal_key(now))
    with pytest.raises(sealing.NotForKeys):
        sealing.open_row(row)
    with pytest.raises(sealing.NotForKeys):
        sealing.seal_into(row, b"planted", now=now)


@isolate_apps("onboarding")
def test_another_model_over_the_envelopes_table_is_no_way_round() -> None:
    class Disguised(Sealed):
        class Meta:
            managed = False
            app_label = "onboarding"
            db_table = "certificates_keyenvelope"

    with pytest.raises(sealing.NotForKeys):
        sealing.open_row(Disguised())


def test_whatever_is_sealed_is_in_the_registry() -> None:
    assert sealed_models() == [KeyEnvelope, ContactDetails, PortalLink]
