"""Answers without measure, over real TLS: given up at the limit, and nothing beyond it is ever in memory."""

import gzip
import tracemalloc
from typing import Any

import pytest

from bankfeeds.jpmorgan.client import BankError, Decision
from bankfeeds.jpmorgan.transport import LARGEST_ANSWER
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT
from tests.bankfeeds.jpmorgan.desk import END, Open
from tests.bankfeeds.jpmorgan.tiny_bank import Said

MEGABYTE = 1024 * 1024
SPARE = 8 * MEGABYTE  # beside the answer itself, the server's part of it included


def packed(megabytes: int) -> bytes:
    """Return so many megabytes of zeros, packed to a thousandth."""
    return gzip.compress(bytes(MEGABYTE)) * megabytes


ANSWERS = {
    "100 MB": Said(body=b" " * MEGABYTE, times=100),
    "100 MB in chunks": Said(body=b" " * MEGABYTE, times=100, chunked=True),
    "100 MB packed into 100 kB": Said(body=packed(100), headers={"Content-Encoding": "gzip"}),
    "packed twice": Said(body=gzip.compress(packed(1000)), headers={"Content-Encoding": "gzip, gzip"}),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("ask", ["transactions", "balances"])
def test_an_answer_beyond_all_measure_is_given_up_in_bounded_memory(
    desk: Open, answer: Said, ask: str
) -> None:
    opened = desk(answer)
    call: Any = getattr(opened.client, ask)

    tracemalloc.start()
    try:
        with pytest.raises(BankError) as failed:
            call(account=ACCOUNT, start=END, end=END)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (failed.value.decision, failed.value.sentence) == (
        Decision.STOP,
        "The bank's answer is larger than any that is expected.",
    )
    assert most < LARGEST_ANSWER + SPARE
    assert len(opened.calls) == 1  # asking again would bring the same
