"""Feeds in the console: facts to read, acts as buttons. Raw answers and secrets are not shown."""

from bankfeeds.admin.connections import AccountAdmin, ConnectionAdmin
from bankfeeds.admin.findings import FindingAdmin
from bankfeeds.admin.hosts import BankHostAdmin, OutageAdmin
from bankfeeds.admin.ledger import BalanceObservationAdmin, DayAdmin, LineAdmin
from bankfeeds.admin.notes import LineNoteAdmin
from bankfeeds.admin.pulls import PullAdmin
from bankfeeds.admin.quarantine import ProvisionalLineAdmin, RejectedLineAdmin

__all__ = [
    "AccountAdmin",
    "BalanceObservationAdmin",
    "BankHostAdmin",
    "ConnectionAdmin",
    "DayAdmin",
    "FindingAdmin",
    "LineAdmin",
    "LineNoteAdmin",
    "OutageAdmin",
    "ProvisionalLineAdmin",
    "PullAdmin",
    "RejectedLineAdmin",
]
