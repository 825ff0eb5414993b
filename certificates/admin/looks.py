"""How a fact is shown: an end as a bar with words, a fingerprint in groups, a moment, a state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from certificates.models import LIVE, KeyPair, KeyState

DAY = timedelta(days=1)
LEVELS = ((7, "urgent"), (30, "near"), (60, "soon"))
"""Whole days left, at most, and the colour that goes with them; the words always say the days."""

TONES = {
    KeyState.ACTIVE: "good",
    KeyState.STANDBY: "water",
    KeyState.CERTIFIED: "water",
    KeyState.COMPROMISED: "bad",
    KeyState.REJECTED: "bad",
    KeyState.RETIRED: "quiet",
    KeyState.DESTROYED: "quiet",
}


@dataclass(frozen=True, slots=True)
class Expiry:
    """How far a validity has run: ``gone`` in hundredths, the level that colours it, and the words beside it.

    ``ticks`` are the places, in hundredths, of 60, 30 and 7 days before the end.
    """

    gone: int
    level: str
    ends: str
    left: str
    ticks: tuple[tuple[int, int], ...]

    @property
    def words(self) -> str:
        """Return “ends 12 Jun 2027 · 214 days”."""
        return f"{self.ends} · {self.left}"


def expiry(begins: datetime, ends: datetime, *, now: datetime, in_use: bool = True) -> Expiry:
    """Return how far the validity from ``begins`` to ``ends`` has run; one not in use alarms nobody."""
    whole = max(ends - begins, timedelta(seconds=1))
    gone = min(100, max(0, round(100 * ((now - begins) / whole))))
    ticks = tuple((n, round(100 * (1 - n * DAY / whole))) for n, _ in reversed(LEVELS) if n * DAY < whole)
    verb = "ends" if now < ends else "ended"
    return Expiry(gone, _level(ends, now, in_use), f"{verb} {day(ends)}", left_words(ends, now=now), ticks)


def left_words(ends: datetime, *, now: datetime) -> str:
    """Return “214 days”, “2 days ago”, or “today 14:05 UTC” for an end within a day."""
    if abs(ends - now) < DAY:
        return f"{ends:%H:%M} UTC"
    days = abs(ends - now) // DAY
    return f"{days} day{'' if days == 1 else 's'}{'' if ends > now else ' ago'}"


def bar(shown: Expiry) -> SafeString:
    """Return the bar and, beside it, its words."""
    return format_html(
        '<span class="lk-end"><svg class="lk-bar lk-bar-{}" viewBox="0 0 100 8" preserveAspectRatio="none"'
        ' aria-hidden="true" focusable="false"><rect class="lk-bar-ground" width="100" height="8"/>'
        '<rect class="lk-bar-gone" width="{}" height="8"/></svg>'
        '<span class="lk-end-words">{} <span class="lk-end-left">· {}</span></span></span>',
        shown.level, shown.gone, shown.ends, shown.left,
    )  # fmt: skip


def end_of(key: KeyPair, *, now: datetime) -> SafeString | str:
    """Return the bar of the key's certificate, or a dash where it has none."""
    if not hasattr(key, "certificate"):
        return "–"
    found = key.certificate
    return bar(expiry(found.not_before, found.not_after, now=now, in_use=key.state in LIVE))


def state_chip(key: KeyPair) -> SafeString:
    """Return the state in a chip; the word carries the meaning, the colour repeats it."""
    return chip(key.get_state_display(), TONES.get(KeyState(key.state), "brass"))


def chip(words: str, tone: str) -> SafeString:
    """Return words in a chip of one of the tones good, water, brass, bad, quiet."""
    return format_html('<span class="lk-chip lk-chip-{}">{}</span>', tone, words)


def grouped(digits: str, size: int = 4) -> SafeString:
    """Return hex digits in groups that are read apart but copied as one word."""
    groups = ((digits[i : i + size],) for i in range(0, len(digits), size))
    return format_html(
        '<code class="lk-print">{}</code>', format_html_join("", "<span>{}</span><wbr>", groups)
    )


def dotted(name: str) -> SafeString:
    """Return a common name that breaks after its dots."""
    *before, last = name.split(".")
    broken = format_html_join("", "{}.<wbr>", ((part,) for part in before))
    return format_html('<span class="lk-name" title="{}">{}{}</span>', name, broken, last)


def purpose(key: KeyPair) -> SafeString:
    """Return what the key is for, and in which environment, on two lines."""
    words = (key.get_use_display(), key.get_environment_display())
    return format_html('<span class="lk-cell"><span class="lk-whole">{}</span><br>{}</span>', *words)


def proof_mark(key: KeyPair) -> SafeString:
    """Return the day of the last proof for a list, and under it the day of a refusal since."""
    proven = day(key.proven_at) if key.proven_at else "never"
    if key.proof_problem and key.proof_tried_at:
        refused = day(key.proof_tried_at)
        return format_html(
            '<span class="lk-cell">{}<br><span class="lk-bad">refused {}</span></span>', proven, refused
        )
    return format_html("{}", proven)


def proof_words(key: KeyPair) -> str:
    """Return when the bank last let us in with this key, and whether it did at the last try."""
    proven = f"proven {moment(key.proven_at)}" if key.proven_at else "never proven"
    if key.proof_problem and key.proof_tried_at:
        return f"{proven}; refused {moment(key.proof_tried_at)}"
    return proven


def day(at: datetime) -> str:
    """Return “12 Jun 2027”."""
    return f"{at.day} {at:%b %Y}"


def moment(at: datetime) -> str:
    """Return “12 Jun 2027, 09:40 UTC”."""
    return f"{day(at)}, {at:%H:%M} UTC"


def _level(ends: datetime, now: datetime, in_use: bool) -> str:
    if not in_use:
        return "idle"
    if ends <= now:
        return "ended"
    return next((level for days, level in LEVELS if ends - now <= days * DAY), "calm")
