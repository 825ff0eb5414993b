"""What the base of every state machine repairs in the library behind it."""

from __future__ import annotations

from datetime import datetime

import pytest

from audit.recording import Actor
from certificates import operations
from certificates.models import KeyPair


@pytest.fixture
def made(db: None, now: datetime, actor: Actor) -> KeyPair:
    return operations.generate_csr(
        scope="connection:harbor", use="oauth", environment="test", actor=actor, now=now
    )


def test_a_column_left_out_of_the_query_is_read_when_it_is_asked_for(made: KeyPair) -> None:
    key = KeyPair.objects.defer("csr_pem").get()
    assert (key.csr_pem, key.state) == (made.csr_pem, "csr_issued")


def test_refreshing_one_column_leaves_the_state_as_it_was_read(made: KeyPair) -> None:
    key = made
    KeyPair.objects.filter(pk=key.pk).update(state="submitted", submitted_to="portal")
    key.refresh_from_db(fields=["submitted_to"])
    assert (key.submitted_to, key.state) == ("portal", "csr_issued")
    key.refresh_from_db(fields=["state"])
    assert key.state == "submitted"
