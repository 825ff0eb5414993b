"""The flood brake: many known contents under new ids wait for a person."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from bankfeeds import operations
from bankfeeds.models import (
    Line,
)
from tests.bankfeeds.feeds import ACTOR, Feed, feed
from tests.bankfeeds.pipeline.looking import a_day, assert_right, carry_out, counts, kinds, ledger

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def flooded() -> Iterator[Feed]:
    with feed(lines_per_day=12) as found:
        found.pull()
        for back in range(3):
            found.bank.renumber_day(found.account.given_number, a_day(found, back))
        yield found


def test_many_new_ids_for_known_lines_hold_the_pull_and_write_nothing(flooded: Feed) -> None:
    before = ledger()
    pull = flooded.pull()
    assert (pull.state, pull.needs_person) == ("held", True)
    assert ledger() == before
    assert kinds() == ["held_pull"]
    with pytest.raises(operations.PullHeld):
        flooded.start()


def test_same_lines_new_ids_is_an_answer(flooded: Feed) -> None:
    total = Line.objects.count()
    pull = flooded.pull()
    operations.answer_held_pull(
        pk=pull.pk, answer="same_lines", actor=ACTOR, now=timezone.now(), reason="The bank told us."
    )
    done = carry_out(pull.pk)
    assert (done.state, counts(done)) == ("booked", {"renumbered": 36})
    assert (Line.objects.count(), kinds()) == (total, [])
    assert_right(flooded)


def test_really_new_is_an_answer_and_the_balances_still_rule(flooded: Feed) -> None:
    pull = flooded.pull()
    operations.answer_held_pull(
        pk=pull.pk, answer="really_new", actor=ACTOR, now=timezone.now(), reason="Compared with the portal."
    )
    done = carry_out(pull.pk)
    # The days foot with what is booked: a wrong answer of a person doubles nothing.
    assert (done.state, counts(done)) == ("booked", {"held": 36})
    assert set(kinds()) == {"incomplete_answer"}


def test_an_answer_holds_for_the_lines_it_was_given_for(flooded: Feed) -> None:
    pull = flooded.pull()
    operations.answer_held_pull(
        pk=pull.pk, answer="same_lines", actor=ACTOR, now=timezone.now(), reason="The bank told us."
    )
    flooded.bank.renumber_day(flooded.account.given_number, a_day(flooded, 0))
    assert carry_out(pull.pk).state == "held"
