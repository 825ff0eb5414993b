from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from onboarding import clock
from onboarding.calendars import business_days
from onboarding.clock import Turn, age, elapsed, totals, words

NEW_YORK = ZoneInfo("America/New_York")


def at(month: int, day: int, hour: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK)


def test_friday_afternoon_to_wednesday_over_memorial_day_is_two_business_days() -> None:
    turns = [Turn("customer", at(5, 22, 16, 30))]
    days = age(turns, zone=NEW_YORK, now=at(5, 27))
    assert words("customer", days, page="customer") == "With you for 2 business days"
    assert words("customer", days, page="console") == "With the customer for 2 business days"


def test_the_day_is_the_customers_own() -> None:
    late = Turn("customer", datetime(2026, 5, 23, 3, 30, tzinfo=UTC))
    assert age([late], zone=NEW_YORK, now=at(5, 26)) == 1
    assert age([late], zone=ZoneInfo("Asia/Tokyo"), now=at(5, 26)) == 2


def test_a_hand_over_freezes_the_total_and_starts_ours() -> None:
    turns = [Turn("customer", at(5, 22, 16, 30)), Turn("us", at(5, 27))]
    assert totals(turns, zone=NEW_YORK, now=at(5, 29)) == {"customer": 2, "us": 2}
    assert age(turns, zone=NEW_YORK, now=at(5, 29)) == 2


def test_a_hold_stops_the_clock_and_ageing_goes_on_after_it() -> None:
    turns = [Turn("bank", at(6, 1)), Turn("hold", at(6, 3)), Turn("bank", at(6, 10))]
    assert totals(turns, zone=NEW_YORK, now=at(6, 11)) == {"bank": 3, "hold": 5}
    assert age(turns, zone=NEW_YORK, now=at(6, 11)) == 3
    assert age(turns[:2], zone=NEW_YORK, now=at(6, 9)) == 2
    assert elapsed(turns, zone=NEW_YORK, now=at(6, 11)) == 3


def test_nobodys_time_is_not_counted() -> None:
    turns = [Turn("us", at(6, 1)), Turn("", at(6, 3)), Turn("us", at(6, 8))]
    assert totals(turns, zone=NEW_YORK, now=at(6, 9)) == {"us": 3}


def test_words_for_every_length() -> None:
    said = [words("us", n, page="customer") for n in (0, 1, 2)]
    assert said == ["With us since today", "With us for 1 business day", "With us for 2 business days"]
    assert [words("", 3, page="console"), words("hold", 3, page="customer")] == ["", "On hold: no clock runs"]


HOLDERS = st.sampled_from(["customer", "us", "bank", clock.HOLD])
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1))


@given(st.lists(st.tuples(HOLDERS, MOMENTS), min_size=1, max_size=8))
def test_holders_and_hold_sum_up_to_the_elapsed_business_time(found: list[tuple[str, datetime]]) -> None:
    turns = sorted(
        (Turn(holder, when.replace(tzinfo=UTC)) for holder, when in found), key=lambda turn: turn.at
    )
    now = datetime(2027, 6, 1, tzinfo=UTC)
    days = [moment.astimezone(NEW_YORK).date() for moment in (turns[0].at, now)]
    assert sum(totals(turns, zone=NEW_YORK, now=now).values()) == business_days(*days)
