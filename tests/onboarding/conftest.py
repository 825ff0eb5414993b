"""A requested project, and a draft connection for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from bankfeeds.models import Connection
from tests.certificates.authority import Authority, pem
from tests.onboarding.roads import Road, begin, connect


@pytest.fixture
def road(db: Any, now: datetime) -> Road:
    return begin(now)


@pytest.fixture
def connection(db: Any, now: datetime) -> Connection:
    root = Authority("Harbour Test Root (not a bank)")
    return connect(now, roots=pem(root.certificate).decode())
