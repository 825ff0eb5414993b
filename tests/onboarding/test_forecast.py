from datetime import date

from onboarding.forecast import Forecast, Stage, finish, percentile

BANK = (5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 18, 20)
VALIDATION = Stage(name="the validation", history=(2,) * 12, published=(2, 3))


def bank(waited: int, history: tuple[int, ...] = BANK) -> Stage:
    return Stage(name="J.P. Morgan's approval", waited=waited, history=history, published=(5, 20))


def test_the_range_is_the_50th_to_85th_percentile_of_finished_projects() -> None:
    found = finish([[bank(0)], [VALIDATION]], today=date(2026, 6, 1))
    assert (found.earliest, found.latest) == (date(2026, 6, 17), date(2026, 6, 30))
    assert (found.slow, found.by_history) == (False, True)


def test_a_step_still_waiting_is_compared_with_those_that_took_as_long() -> None:
    found = finish([[bank(12)], [VALIDATION]], today=date(2026, 6, 17))
    assert (found.earliest, found.latest) == (date(2026, 6, 25), date(2026, 7, 2))
    assert found.slow
    assert found.why.startswith("J.P. Morgan's approval is taking longer than in most projects.")


def test_no_date_when_nothing_ever_waited_this_long() -> None:
    found = finish([[bank(21)], [VALIDATION]], today=date(2026, 7, 1))
    assert found == Forecast(
        None,
        None,
        "There is no date at the moment: J.P. Morgan's approval has already taken 21 business days, longer than in "
        "any project we can compare with.",
        slow=True,
    )


def test_with_seven_samples_the_published_weeks_are_used_and_named() -> None:
    found = finish([[bank(0, BANK[:7])], [VALIDATION]], today=date(2026, 6, 1))
    assert (found.earliest, found.latest) == (date(2026, 6, 10), date(2026, 7, 2))
    assert "1–4 weeks" in found.why
    assert "2–6 weeks" in found.why
    assert not found.by_history


def test_beyond_the_published_range_there_is_no_date() -> None:
    assert finish([[bank(21, ())]], today=date(2026, 7, 1)).earliest is None


def test_steps_side_by_side_take_as_long_as_the_longer() -> None:
    stages = [Stage(name="a", published=(1, 2)), Stage(name="b", published=(3, 4))]
    found = finish([stages], today=date(2026, 6, 1))
    assert (found.earliest, found.latest) == (date(2026, 6, 4), date(2026, 6, 5))


def test_nearest_rank() -> None:
    assert [percentile(BANK, 50), percentile(BANK, 85), percentile([7], 50)] == [10, 18, 7]
