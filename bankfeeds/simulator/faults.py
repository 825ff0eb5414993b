"""Bad days on request: faults that wait for a matching request, are counted down, and log whom they hit."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

INSTEAD_OF_ANSWER = ("401", "403", "429", "500", "503", "html", "redirect")
SPOILS_SENDING = ("slow", "cut", "bad_json")
CHANGES_LEDGER = (
    "late_line",
    "moving_pages",
    "identical_pair",
    "reversal_pair",
    "renumber",
    "amend",
    "withdraw",
)
SPOILS_WALK = ("repeat_across_pages", "empty_day")
SPOILS_CONTENT = ("missing_narrative", "unknown_field", "high_precision", "unpadded_account", "missing_field")
SPOILS_BALANCES = ("per_account_error",)
KINDS = INSTEAD_OF_ANSWER + SPOILS_SENDING + CHANGES_LEDGER + SPOILS_WALK + SPOILS_CONTENT + SPOILS_BALANCES
PATHS = ("token", "balances", "transactions")
OPTIONS = {
    "429": {"retry_after"},
    "503": {"retry_after"},
    "html": {"status"},
    "redirect": {"status"},
    "slow": {"seconds"},
    "late_line": {"day", "amount", "direction"},
    "identical_pair": {"day"},
    "reversal_pair": {"day"},
    "renumber": {"day"},
    "amend": {"day"},
    "withdraw": {"day"},
    "empty_day": {"day"},
    "missing_field": {"field"},
    "per_account_error": {"error_code"},
}


class UnknownFault(ValueError):
    """A fault was asked for that the simulator does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a fault is matched against."""

    listener: str
    client_id: str
    path: str
    accounts: tuple[str, ...] = ()
    page: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One request that a fault struck; `at` is monotonic seconds."""

    at: float
    kind: str
    call: Call


@dataclass(slots=True, kw_only=True)
class Fault:
    """One armed fault. None means any (for `path`: any but the token endpoint, which must be named).

    `times` None means until cleared; `after` lets so many matching calls pass first.
    """

    kind: str
    times: int | None = 1
    after: int = 0
    client_id: str | None = None
    account: str | None = None
    path: str | None = None
    listener: str | None = None
    page: int | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def matches(self, call: Call) -> bool:
        """Tell whether this fault is meant for the call (its count left aside)."""
        return (
            self.client_id in (None, call.client_id)
            and (self.path == call.path or (self.path is None and call.path != "token"))
            and self.listener in (None, call.listener)
            and (self.account is None or self.account in call.accounts)
            and self.page in (None, call.page)
            and (self.kind != "moving_pages" or call.page > 1)
        )


class Faults:
    """The faults armed at one bank. The bank's lock protects it."""

    def __init__(self) -> None:
        self._armed: list[Fault] = []
        self.hits: list[Hit] = []

    def add(
        self, kind: str, *, times: int | None = 1, after: int = 0, path: str | None = None, **more: Any
    ) -> Fault:
        """Arm a fault; `more`: client_id, account, listener, page and its options. Raises UnknownFault."""
        if kind not in KINDS:
            raise UnknownFault(f"There is no fault called {kind}; there are {', '.join(KINDS)}.")
        if path not in (None, *PATHS):
            raise UnknownFault(f"A fault's path is one of {', '.join(PATHS)}.")
        aim = {name: more.pop(name, None) for name in ("client_id", "account", "listener", "page")}
        unknown = set(more) - OPTIONS.get(kind, set())
        if unknown:
            raise UnknownFault(f"The fault {kind} has no option {', '.join(sorted(unknown))}.")
        if isinstance(more.get("day"), str):
            more["day"] = date.fromisoformat(more["day"])
        fault = Fault(kind=kind, times=times, after=after, path=path, options=more, **aim)
        self._armed.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm everything; the log of hits stays."""
        self._armed.clear()

    @property
    def armed(self) -> list[Fault]:
        """The faults that may still strike."""
        return list(self._armed)

    def strike(self, call: Call, kinds: Iterable[str]) -> Fault | None:
        """Return the first armed fault of these kinds meant for the call, counted and logged; else None."""
        for fault in self._armed:
            if fault.kind not in kinds or not fault.matches(call):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self._armed.remove(fault)
            self.hits.append(Hit(at=time.monotonic(), kind=fault.kind, call=call))
            return fault
        return None

    def strike_all(self, call: Call, kinds: Iterable[str]) -> list[Fault]:
        """Return one struck fault of each of these kinds that has one for the call."""
        struck = (self.strike(call, (kind,)) for kind in kinds)
        return [fault for fault in struck if fault is not None]
