"""What the journeys share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.journeys.feed import Feed, feed


@pytest.fixture
def harbor(db: None, tmp_path: Path) -> Iterator[Feed]:
    """A customer's live feed: connected, and read once, on a Tuesday, without trouble."""
    with feed(tmp_path) as found:
        said = found.pull()
        assert said.code == 0, said.err
        assert found.booked() == found.bank_says()
        yield found
