"""Feeds in the console: facts to read, acts as buttons. Raw answers and secrets are not shown."""

from bankfeeds.admin.connections import AccountAdmin, ConnectionAdmin
from bankfeeds.admin.findings import FindingAdmin
from bankfeeds.admin.ledger import BalanceObservationAdmin, DayAdmin, LineAdmin, RejectedLineAdmin
from bankfeeds.admin.pulls import PullAdmin

__all__ = [
    "AccountAdmin",
    "BalanceObservationAdmin",
    "ConnectionAdmin",
    "DayAdmin",
    "FindingAdmin",
    "LineAdmin",
    "PullAdmin",
    "RejectedLineAdmin",
]
