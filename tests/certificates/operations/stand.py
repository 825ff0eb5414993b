"""A holder of keys that answers for the bank as a test wants it to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from audit.recording import Actor
from certificates import holders
from certificates.models import KeyPair

LET_IN = "The bank gave a token."
SCOPE = "stand:harbor"


class Stand:
    """``refuses`` is raised at every try; ``tried`` holds the keys."""

    def __init__(self) -> None:
        self.refuses: Exception | None = None
        self.tried: list[Any] = []

    def prove(self, *, key: KeyPair, actor: Actor, clock: Callable[[], datetime]) -> str:
        self.tried.append(key.pk)
        if self.refuses:
            raise self.refuses
        return LET_IN

    def whereabouts(self, scope: str) -> holders.Whereabouts | None:
        return None
