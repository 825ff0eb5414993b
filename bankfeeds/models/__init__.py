"""Connections, accounts, coverage, pulls, the ledger and its findings."""

from bankfeeds.models.account import Account
from bankfeeds.models.connection import Auth, Connection
from bankfeeds.models.day import BalanceObservation, Day
from bankfeeds.models.finding import Finding
from bankfeeds.models.heartbeat import Heartbeat
from bankfeeds.models.ledger import Line, LineId, LineRevision, ProvisionalLine, RejectedLine
from bankfeeds.models.pull import Pull, RawPage

__all__ = [
    "Account",
    "Auth",
    "BalanceObservation",
    "Connection",
    "Day",
    "Finding",
    "Heartbeat",
    "Line",
    "LineId",
    "LineRevision",
    "ProvisionalLine",
    "Pull",
    "RawPage",
    "RejectedLine",
]
