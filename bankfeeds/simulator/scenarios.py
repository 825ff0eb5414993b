"""Ready-made banks by name. Every name and number in them is invented."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from bankfeeds.simulator.authority import Authority
from bankfeeds.simulator.bank import Bank, Client, Terms
from bankfeeds.simulator.bank_days import business_days_before
from bankfeeds.simulator.ledger import Account

SCENARIOS = {
    "plain": "One approved client, two accounts, about forty business days of history.",
    "small-pages": "As plain, with pages of seven records.",
    "not-approved": "As plain, but the bank has not approved the client yet.",
    "bad-day": "As small-pages; a 401, a 429, a 503, a cut connection, moving pages and a late line wait.",
    "renumbered-overnight": "As plain; each night the ids of the last posted day are issued again.",
    "same-ids": "As plain; a line keeps its intraday id when it is posted.",
    "identical-pairs": "As plain, with two truly identical payments on one recent day of each account.",
    "quiet": "Few lines, many days without any; a range without activity answers GCA-024.",
    "busy": "Many lines: 1000 a day on each account, or as many as lines_per_day says.",
    "overdrawn": "As plain, with a negative balance on every account.",
    "currencies": "Four accounts: two in dollars, one in yen without decimals, one in dinar with three.",
}
TERMS: dict[str, dict[str, Any]] = {
    "small-pages": {"page_size": 7},
    "bad-day": {"page_size": 7},
    "renumbered-overnight": {"renumber_overnight": 1},
    "same-ids": {"id_policy": "same"},
}
NAMES = ("HARBOR KETTLE CO", "MARBLE OTTER LTD", "VELVET ANCHOR INC", "PEBBLE CREEK TOYS", "AMBER SLED WORKS")
PURPOSES = ("OPERATING", "PAYROLL", "RESERVE", "COLLECTIONS")
FIRST_ACCOUNT = 700_100_200
FIRST_CLIENT = 900_001


class UnknownScenario(ValueError):
    """There is no scenario of this name."""


def account_id(client: int, account: int) -> str:
    """Return the invented id (15 digits) of an account of the n-th client, both counted from 0."""
    return f"{FIRST_ACCOUNT + 100 * client + account:015d}"


def client_id(number: int, environment: str = "test") -> str:
    """Return the invented client id of the n-th client, counted from 0."""
    suffix = "PROD" if environment == "production" else "UAT"
    return f"CC-{FIRST_CLIENT + number}-Z{100_001 + number}-{200_001 + number}-{suffix}"


def resource(number: int, environment: str = "test") -> str:
    """Return the invented resource of the n-th client."""
    suffix = "PROD" if environment == "production" else "UAT"
    return f"JPMC:URI:RS-{FIRST_CLIENT + number}-{90_001 + number}-SimBankFeed-{suffix}"


def build(
    name: str,
    *,
    today: date,
    seed: int = 7,
    clients: int = 1,
    accounts: int = 2,
    lines_per_day: int | tuple[int, int] | None = None,
    environment: str = "test",
    authority: Authority | None = None,
    **terms: Any,
) -> Bank:
    """Return the bank of a scenario. `terms` are fields of bank.Terms; authority can be shared between banks.

    Raises UnknownScenario.
    """
    if name not in SCENARIOS:
        raise UnknownScenario(f"There is no scenario called {name}; there are {', '.join(SCENARIOS)}.")
    bank = Bank(
        today=today, terms=Terms(**{"seed": seed, **TERMS.get(name, {}), **terms}), authority=authority
    )
    bank.scenario = name
    per_day = (lines_per_day, lines_per_day) if isinstance(lines_per_day, int) else lines_per_day
    for number in range(clients):
        bank.register_client(
            client_id=client_id(number, environment),
            resource=resource(number, environment),
            accounts=[
                _account(name, number, place, per_day)
                for place in range(4 if name == "currencies" else accounts)
            ],
            environment=environment,
            approved=name != "not-approved",
        )
    for client in bank.clients.values():
        _prepare(name, bank, client)
    return bank


def _account(scenario: str, client: int, place: int, per_day: tuple[int, int] | None) -> Account:
    owner = NAMES[client % len(NAMES)]
    purpose = PURPOSES[place % len(PURPOSES)]
    account = Account(account_id=account_id(client, place), name=f"{owner} {purpose}")
    if scenario == "quiet":
        account = replace(account, lines_per_day=(0, 1), quiet_days_answer_error=True)
    elif scenario == "busy":
        account = replace(account, lines_per_day=(1000, 1000))
    elif scenario == "overdrawn":
        account = replace(account, opening=Decimal("-900000.00"))
    elif scenario == "currencies" and place >= 2:
        currency, opening = (("JPY", Decimal(60_000_000)), ("KWD", Decimal("90000.000")))[place - 2]
        account = replace(account, currency=currency, opening=opening)
    return replace(account, lines_per_day=per_day) if per_day else account


def _prepare(name: str, bank: Bank, client: Client) -> None:
    if name == "identical-pairs":
        for account in client.accounts:
            bank.add_identical_pair(account, business_days_before(bank.today, 3))
    if name != "bad-day":
        return
    who: dict[str, Any] = {"client_id": client.client_id}
    bank.faults.add("401", path="transactions", **who)
    bank.faults.add("429", path="balances", retry_after=1, **who)
    bank.faults.add("503", path="transactions", retry_after=1, **who)
    bank.faults.add("cut", path="transactions", **who)
    bank.faults.add("moving_pages", path="transactions", **who)
    bank.faults.add("late_line", path="transactions", after=6, day=business_days_before(bank.today, 4), **who)
