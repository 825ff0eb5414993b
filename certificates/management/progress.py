"""Progress of a long walk, on standard error, at most once a second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Progress:
    """Told ``(done, total)`` after each batch; writes rows and rate. Silent when all is over within a second."""

    def __init__(self, stderr: Any, word: str, *, clock: Callable[[], float]) -> None:
        self._stderr, self._word, self._clock = stderr, word, clock
        self._began = self._said = clock()

    def __call__(self, done: int, total: int) -> None:
        at = self._clock()
        if at - self._said < 1:
            return
        self._said = at
        rate = done / (at - self._began)
        self._stderr.write(f"{done:,} of {max(done, total):,} {self._word}, {rate:,.0f}/s")
