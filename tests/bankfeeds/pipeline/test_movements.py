"""Adding up what moved on a day."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bankfeeds.pipeline import movements, writing
from tests.bankfeeds.pipeline.test_writing import DAY, PLAIN, a_pull, an_account


@pytest.mark.django_db
def test_sums_can_be_taken_while_statements_are_logged_as_with_debug_on() -> None:
    account = an_account("debug")
    writing.insert(account, a_pull(account), [PLAIN])

    with CaptureQueriesContext(connection):
        found = movements.by_day(account, [DAY])

    assert found[DAY].credits == Decimal("12500.00")
