"""What both guides are made of: steps derived from rows, never ticked, and the acts this person may take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from django.urls import reverse

from certificates.models import KeyPair

DONE, NOW, LATER = "done", "ready", "not_ready"
WORDS = {DONE: "Done", NOW: "To do", LATER: "Later"}


@dataclass(frozen=True, slots=True)
class Offers:
    """What the person at the console may do: ``act`` returns an act's address on a key, or nothing."""

    act: Callable[[KeyPair, str], str]
    may_request: bool
    may_read_record: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One step: done, to do now, or later; what to do in words, values to copy, and at most one way on."""

    title: str
    state: str
    words: str
    said: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    url: str = ""
    label: str = ""

    @property
    def state_words(self) -> str:
        """Return the state in a word or two."""
        return self.said or WORDS[self.state]


def named(key: KeyPair) -> str:
    """Return a key's name and state, as people write them."""
    return f"{key.common_name} ({key.get_state_display()})"


def key_url(key: KeyPair) -> str:
    """Return the address of a key's page."""
    return reverse("admin:certificates_keypair_change", args=[key.pk])


def request_url(key: KeyPair) -> str:
    """Return the address that asks for a successor of this key."""
    return reverse("admin:certificates_keypair_request") + "?" + urlencode({"renews": str(key.pk)})


def record_url(key: KeyPair) -> str:
    """Return the address of everything on record about this key."""
    return reverse("admin:audit_auditentry_changelist") + "?" + urlencode({"q": str(key.pk)})
