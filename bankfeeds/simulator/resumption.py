"""Opening a bank whose authority, clients, certificates and books survive restarts in a directory."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

from bankfeeds.simulator import scenarios
from bankfeeds.simulator.authority import Authority
from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.books import ClockRefused
from bankfeeds.simulator.journal import Journal


class StateRefused(ValueError):
    """The state directory cannot be used for the bank asked for; the message says why."""


def open_bank(directory: Path, *, scenario: str, seed: int, today: date | None, now: datetime) -> Bank:
    """Build the bank of a scenario, or resume the one kept in `directory`, at its date or at a later `today`.

    Raises UnknownScenario, StateRefused.
    """
    if scenario not in scenarios.SCENARIOS:
        raise scenarios.UnknownScenario(
            f"There is no scenario called {scenario}; there are {', '.join(scenarios.SCENARIOS)}."
        )
    try:
        authority = Authority.load_or_create(directory, now=now)
        journal = Journal(directory / "journal.jsonl")
        asked = {"scenario": scenario, "seed": seed, "today": today or now.date()}
        origin = journal.begin(asked)
        if (origin["scenario"], origin["seed"]) != (scenario, seed):
            raise StateRefused(
                f"{directory} keeps the bank of scenario {origin['scenario']} with seed {origin['seed']}; "
                "use these, or another directory."
            )
        bank = scenarios.build(scenario, today=origin["today"], seed=seed, authority=authority)
        journal.replay(bank)
        bank.journal = journal
        if today is not None and today != bank.today:
            bank.advance_to(today)
    except ClockRefused as refusal:
        raise StateRefused(f"{refusal} Use another directory for an earlier date.") from None
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as problem:
        if isinstance(problem, StateRefused):
            raise
        raise StateRefused(f"The state kept in {directory} cannot be read: {problem}.") from None
    return bank
