"""Connections, accounts, coverage, pulls, the ledger and its findings."""

from bankfeeds.models.account import Account
from bankfeeds.models.comparison import ExportComparison
from bankfeeds.models.connection import Auth, Connection
from bankfeeds.models.day import BalanceObservation, Day
from bankfeeds.models.finding import Finding
from bankfeeds.models.heartbeat import Heartbeat
from bankfeeds.models.host import BankHost, Outage
from bankfeeds.models.ledger import Line, LineId, LineRevision, ProvisionalLine, RejectedLine
from bankfeeds.models.note import LineNote
from bankfeeds.models.pull import Pull, RawPage
from bankfeeds.models.window import WindowDigest

__all__ = [
    "Account",
    "Auth",
    "BalanceObservation",
    "BankHost",
    "Connection",
    "Day",
    "ExportComparison",
    "Finding",
    "Heartbeat",
    "Line",
    "LineId",
    "LineNote",
    "LineRevision",
    "Outage",
    "ProvisionalLine",
    "Pull",
    "RawPage",
    "RejectedLine",
    "WindowDigest",
]
