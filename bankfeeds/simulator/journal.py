"""The bank's memory across restarts: each act is one line in a file, replayed in order at the next start."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from bankfeeds.simulator.ledger import Account

P = ParamSpec("P")
R = TypeVar("R")


class Remembering(Protocol):
    """Something with a lock whose acts can be written down."""

    lock: threading.RLock
    journal: Journal | None


S = TypeVar("S", bound=Remembering)


class Journal:
    """Acts in a file of JSON lines; the first line says from which scenario the bank was built."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, origin: dict[str, Any]) -> dict[str, Any]:
        """Return the origin already written down, or write this one down and return it."""
        if self._path.exists():
            with self._path.open(encoding="utf-8") as stream:
                first: dict[str, Any] = json.loads(stream.readline(), object_hook=_decode)
            return first
        self._write(origin)
        return origin

    def replay(self, bank: object) -> int:
        """Repeat every act on a freshly built bank; return how many there were."""
        lines = self._path.read_text(encoding="utf-8").splitlines()[1:]
        for line in lines:
            act = json.loads(line, object_hook=_decode)
            getattr(bank, act["act"])(*act["args"], **act["given"])
        return len(lines)

    def append(self, act: str, args: tuple[Any, ...], given: dict[str, Any]) -> None:
        """Write one act down."""
        self._write({"act": act, "args": args, "given": given})

    def _write(self, content: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(content, default=_encode) + "\n")


def journaled(method: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """Run the method under the bank's lock and, if it succeeded, write it down in the bank's journal."""

    @wraps(method)
    def remembered(self: S, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with self.lock:
            result = method(self, *args, **kwargs)
            if self.journal is not None:
                self.journal.append(method.__name__, args, kwargs)
            return result

    return remembered


def _encode(value: object) -> Any:
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, Account):
        return {"$account": {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}}
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written down")


def _decode(content: dict[str, Any]) -> Any:
    if "$date" in content:
        return date.fromisoformat(content["$date"])
    if "$decimal" in content:
        return Decimal(content["$decimal"])
    if "$account" in content:
        known = content["$account"]
        return Account(**{**known, "lines_per_day": tuple(known["lines_per_day"])})
    return content
