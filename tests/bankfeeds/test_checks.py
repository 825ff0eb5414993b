"""A configuration that cannot work is refused at the start, with a sentence."""

from __future__ import annotations

from typing import Any

import pytest

from bankfeeds import checks
from bankfeeds.checks import check_feeds


def ids() -> list[str | None]:
    return [one.id for one in check_feeds()]


def test_the_tests_configuration_is_fine() -> None:
    assert ids() == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"QUEUE_BROKER": "pigeon"}, ["bankfeeds.E001"]),
        ({"QUEUE_BROKER": "redis", "REDIS_URL": ""}, ["bankfeeds.E002"]),
        ({"RAW_PAGE_DAYS": 0}, ["bankfeeds.E006"]),
        ({"PULLS_PER_TICK": 0}, ["bankfeeds.E008"]),
        ({"QUEUE_BROKER": "redis", "REDIS_URL": "redis://127.0.0.1:6379/9"}, []),
    ],
)
def test_the_queues_settings(settings: Any, wrong: dict[str, str], expected: list[str]) -> None:
    for name, value in wrong.items():
        setattr(settings, name, value)
    assert ids() == expected


def test_without_time_zones_the_business_date_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise checks.ZoneInfoNotFoundError(name)

    monkeypatch.setattr(checks, "ZoneInfo", absent)
    assert ids() == ["bankfeeds.E004"]


def test_the_two_packages_of_one_name_are_not_installed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "version", lambda name: "3.0.1")
    assert ids() == ["bankfeeds.E005"]
