"""Fixtures of the validation tests."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.bankfeeds.validation.books import Books


@pytest.fixture
def books(db: None, now: datetime) -> Books:
    """Return an account with two days and four lines, two of each day, proven."""
    found = Books(now=now)
    found.line("T-1", "1204.50", bank_reference="R-1", description="Kettles")
    found.line("T-2", "-10.00", bank_reference="R-2", description="Fees")
    found.line("T-3", "20.00", day=1, bank_reference="R-3", description="Harbour dues")
    found.line("T-4", "5.00", day=1, description="Interest")
    return found
