"""Amounts come back exactly as they went in, on every database."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone

from bankfeeds.models import BalanceObservation, Pull
from tests.bankfeeds.feeds import TODAY
from tests.bankfeeds.test_operations import create

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "text", ["0", "0.01", "-0.01", "1234567890123456.7891", "-999999999999999999.9999", "1E+3", "12345678.10"]
)
def test_an_amount_survives_the_database(text: str) -> None:
    account = create().accounts.first()
    assert account is not None
    pull = Pull.objects.create(
        account=account, kind="requested", today=TODAY, requested_by="x", requested_at=timezone.now()
    )
    row = BalanceObservation.objects.create(
        account=account, as_of_date=TODAY, opening=Decimal(text), closing=0, currency="USD",
        observed_at=timezone.now(), pull=pull,
    )  # fmt: skip
    row.refresh_from_db()
    assert row.opening == Decimal(text)
    assert isinstance(row.opening, Decimal)
