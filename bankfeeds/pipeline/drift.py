"""The bank's answers drifting away from its contract: told once, and by the field."""

from __future__ import annotations

import hashlib
from datetime import datetime

from django.db import transaction

from bankfeeds.jpmorgan import contract
from bankfeeds.jpmorgan.client import Page
from bankfeeds.jpmorgan.errors import BankError, Unreadable
from bankfeeds.models import Account, Connection, Finding, Pull
from bankfeeds.models.finding import FindingKind
from bankfeeds.pipeline.findings import Cause, finding_key, open_findings

UNREADABLE = finding_key(FindingKind.CONTRACT_DRIFT, None)
"""One for a connection, whatever number of accounts meets it."""


def tell_of_unreadable(error: BankError, pull: Pull, *, now: datetime) -> None:
    """Open the connection's finding, if the answer differs from the contract. Called with the pull locked."""
    if not isinstance(error, Unreadable) or not error.differs:
        return
    # Pulls of other accounts may be at the same place: the row they share makes one wait for the other.
    connection = Connection.objects.select_for_update().get(pk=pull.account.connection_id)
    cause = Cause(
        kind=FindingKind.CONTRACT_DRIFT,
        sentence=f"{error.sentence} The answer is kept whole with the pull: have a developer compare it with the "
        "bank's documentation, then ask the bank whether the change is meant.",
        data={"differs": error.differs},
    )
    open_findings([cause], connection=connection, account=None, pull=pull, now=now)


def settled_by(pull: Pull) -> list[str]:
    """Return the key of that finding, if it is this pull's account that met it and is read again now."""
    met = Finding.objects.filter(connection=pull.account.connection, state="open", key=UNREADABLE)
    return [UNREADABLE] if met.filter(pull__account=pull.account_id).exists() else []


def tell_of_new_fields(pull: Pull, account: Account, page: Page) -> None:
    """Open one finding in all for fields the contract does not have; the pull goes on."""
    found = contract.new_fields(page.kind, page.body)
    if not found:
        return
    topic = "new:" + hashlib.sha256("\n".join(found).encode()).hexdigest()[:16]
    cause = Cause(
        kind=FindingKind.CONTRACT_DRIFT,
        sentence=f"The bank's answers hold fields that its contract does not have: {', '.join(found)}. They are kept "
        "with the raw answers and not used; nothing else changes. Have a developer look whether they matter, then "
        "accept this. It is said once, for all connections.",
        topic=topic,
        data={"fields": found},
    )
    with transaction.atomic():
        # By its key, in whatever state: what a person has accepted is not asked again.
        if Finding.objects.filter(key=cause.key(None)).exists():
            return
        connection = Connection.objects.select_for_update().get(pk=account.connection_id)
        open_findings([cause], connection=connection, account=None, pull=pull, now=page.received_at)
