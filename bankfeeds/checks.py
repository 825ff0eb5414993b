"""What must be right before a feed can run."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

BROKERS = ("orm", "redis")


def register_checks() -> None:
    """Register the checks of this module for ``manage.py check``."""
    register(check_feeds)


def check_feeds(**_: Any) -> list[CheckMessage]:
    """Return what stands between this configuration and a working feed."""
    return [*_queue(), *_budget(), *_retention(), *_dispatch(), *_time(), *_packages()]


def _queue() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if settings.QUEUE_BROKER not in BROKERS:
        found.append(Error("QUEUE_BROKER is neither orm nor redis.", id="bankfeeds.E001"))
    elif settings.QUEUE_BROKER == "redis" and not settings.REDIS_URL:
        found.append(Error("QUEUE_BROKER is redis, but REDIS_URL is not set.", id="bankfeeds.E002"))
    return found


def _retention() -> list[CheckMessage]:
    if settings.RAW_PAGE_DAYS >= 1:
        return []
    return [Error("RAW_PAGE_DAYS is less than one day: nothing could be looked up.", id="bankfeeds.E006")]


def _dispatch() -> list[CheckMessage]:
    if settings.PULLS_PER_TICK >= 1:
        return []
    return [Error("PULLS_PER_TICK is less than one: no feed would ever be read.", id="bankfeeds.E008")]


def _budget() -> list[CheckMessage]:
    if settings.BANK_CALLS_PER_SECOND >= 0 and settings.BANK_CALL_BURST >= 1:
        return []
    sentence = (
        "BANK_CALLS_PER_SECOND is negative or BANK_CALL_BURST is less than 1: the bank could not be called."
    )
    return [Error(sentence, id="bankfeeds.E007")]


def _time() -> list[CheckMessage]:
    try:
        ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:
        return [
            Error(
                "This system has no time zone data: the bank's business date cannot be known. Install tzdata.",
                id="bankfeeds.E004",
            )
        ]
    return []


def _packages() -> list[CheckMessage]:
    try:
        version("django-fsm")
    except PackageNotFoundError:
        return []
    return [
        Error(
            "django-fsm and django-fsm-2 are both installed and overwrite each other: remove django-fsm.",
            id="bankfeeds.E005",
        )
    ]
