"""Who is in the demonstration and how far each has come."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.utils import timezone

from config.demonstration.road import Scene, Story
from onboarding import operations

MAIN = "HARBOR KETTLE CO"


def _days(**ago: float) -> dict[str, timedelta]:
    return {act: timedelta(days=days) for act, days in ago.items()}


LIVE = _days(
    ask=30, prove_eligibility=29, meet=26, set_up=25, name_admins=23, approve=1, install_and_pull=0, go_live=0
)
EARLIER: dict[str, float] = {
    "ask": 44, "prove_eligibility": 43, "meet": 40, "set_up": 39, "name_admins": 36, "approve": 3,
    "install_and_pull": 0, "go_live": 0,
}  # fmt: skip

STORIES: tuple[tuple[str, str, dict[str, timedelta], int], ...] = (
    (MAIN, "live, every day proven", LIVE, 365),
    ("TIN WHISTLE TOYS", "live, with an open finding", _days(**EARLIER, lose_a_line=0), 365),
    ("PAPER LANTERN STUDIO", "live, certificate near its end, after a bad day", _days(**EARLIER, have_a_bad_day=0), 20),
    ("BLUE HERON FREIGHT", "with the bank, beyond its usual range",
     _days(ask=52, prove_eligibility=50, meet=47, set_up=46, name_admins=43), 365),
    ("COPPER FERN CLINIC", "technical setup and administrators, side by side",
     _days(ask=9, prove_eligibility=8, meet=3), 365),
    ("NORTH PIER TRADING LLC", "waiting for the kickoff", _days(ask=6, prove_eligibility=5), 365),
    ("WOODEN SPOON BAKERY", "turned away: Chase Connect", _days(ask=4, answer_chase_connect=2), 365),
    ("GRAVEL AND GRAIN", "requested today", _days(ask=0.1), 365),
)  # fmt: skip


def play(scene: Scene, say: Callable[[str], None]) -> list[tuple[Story, str]]:
    """Play every story in the order of time, mails included; return the stories with the words for their stage."""
    told = []
    acts: list[tuple[datetime, int, int, timedelta, Story, str]] = []
    for number, (name, stage, plan, valid_days) in enumerate(STORIES, 1):
        story = Story(scene, name=name, number=number, valid_days=valid_days)
        told.append((story, stage))
        acts += [
            (_moment(scene.now, ago, number), number, turn, ago, story, act)
            for turn, (act, ago) in enumerate(plan.items())
        ]
    for when, number, _, ago, story, act in sorted(acts, key=lambda entry: entry[:3]):
        if act in {"set_up", "install_and_pull", "go_live"} or story.name == MAIN:
            say(f"{story.name}: {act.replace('_', ' ')}")
        if ago < timedelta(days=1):
            when = _moment(timezone.now(), ago, number)  # pulls take their time, so today's clock goes on
        getattr(story, act)(when)
        operations.send_pending_messages(now=when)
    return told


def _moment(now: datetime, ago: timedelta, number: int) -> datetime:
    """Return when an act happened: past days' acts in business hours of a weekday, today's now."""
    if ago < timedelta(days=1):
        return now - ago
    when = (now - ago).replace(hour=15, minute=5 * number, second=0, microsecond=0)
    return when - timedelta(days=max(0, when.weekday() - 4))
