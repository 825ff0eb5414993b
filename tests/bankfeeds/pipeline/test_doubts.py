"""A BAI code that says the other direction: a finding, while the line is booked as the bank directs it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.utils import timezone

from bankfeeds import operations
from bankfeeds.expectation import day_words
from bankfeeds.models import Finding, Line
from bankfeeds.pipeline import claim
from bankfeeds.pipeline.book import book_window
from bankfeeds.pipeline.normalise import Lines
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.reading import Reading
from bankfeeds.records import PostedLine
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed, feed
from tests.bankfeeds.pipeline.looking import kinds
from tests.bankfeeds.pipeline.test_adversary import posted

pytestmark = pytest.mark.django_db

DAY = TODAY - timedelta(days=2)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        yield found


def answered(harbor: Feed, *lines: PostedLine, contradictions: tuple[str, ...] = ()) -> None:
    pull = harbor.start(start=DAY, end=DAY)
    claim.claim(pull_id=pull.pk, owner="w", today=TODAY, actor=ACTOR, now=timezone.now())
    taken = Lines(
        lines=list(lines), rejections=[], repeated=0, read=len(lines), contradictions=contradictions
    )
    reading = Reading(window=Window(start=DAY, end=DAY), lines=taken, balances=None, read_at=timezone.now())
    book_window(pull_id=pull.pk, owner="w", reading=reading, actor=ACTOR, now=timezone.now())
    claim.finish(pull, owner="w", actor=ACTOR, now=timezone.now())


def booked() -> list[tuple[str, str, date]]:
    return list(Line.objects.order_by("pk").values_list("transaction_id", "direction", "as_of_date"))


def test_it_is_told_once_accepted_by_a_person_and_settled_by_the_banks_correction(harbor: Feed) -> None:
    right = posted(harbor, "A", DAY)
    wrong = replace(posted(harbor, "B", DAY, "5.00"), bai_code="455")
    answered(harbor, right, wrong, contradictions=("B",))

    finding = Finding.objects.get()
    assert (finding.kind, finding.as_of_date, finding.data) == (
        "contradicting_code",
        DAY,
        {"transaction_ids": ["B"]},
    )
    assert finding.sentence == (
        f"BAI codes of the other direction on 1 line of {day_words(DAY)}: 455 Preauthorised ACH debit as CREDIT. "
        "Booked as the bank directs them; ask the bank."
    )
    assert booked() == [("A", "CREDIT", DAY), ("B", "CREDIT", DAY)]

    operations.accept_finding(pk=finding.pk, actor=ACTOR, now=timezone.now(), reason="The bank says so.")
    answered(harbor, right, wrong, contradictions=("B",))
    assert (kinds(), kinds("accepted")) == ([], ["contradicting_code"])

    third = replace(posted(harbor, "C", DAY, "7.00"), bai_code="699")
    answered(harbor, right, wrong, third, contradictions=("B", "C"))
    assert Finding.objects.get(state="open").data == {"transaction_ids": ["B", "C"]}
    answered(harbor, right, replace(wrong, bai_code="165"), replace(third, bai_code="399"))
    assert (kinds(), kinds("resolved")) == ([], ["contradicting_code"])
