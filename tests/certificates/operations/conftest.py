"""What the tests of the writers share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from certificates import holders
from tests.certificates.operations.stand import Stand


@pytest.fixture
def stand() -> Iterator[Stand]:
    found = Stand()
    holders.register("stand", found)
    yield found
    del holders._HOLDERS["stand"]
