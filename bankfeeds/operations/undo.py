"""Undoing a booked pull, whole."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from audit.recording import Actor
from audit.workflow import OperationRefused, PermissionMissing, perform
from bankfeeds.models import Account, Pull, RawPage
from bankfeeds.models.finding import FindingKind
from bankfeeds.pipeline import doubts, reopening, undoing
from bankfeeds.pipeline.confirming import Confirmations
from bankfeeds.pipeline.findings import close_findings, finding_key, open_findings

RIGHT = "bankfeeds.undo_pull"


def undo_pull(*, pk: UUID | str, actor: Actor, now: datetime, reason: str) -> Pull:
    """Take back what the pull wrote, make its days missing, and return it undone; all of it or nothing.

    Lines that a later pull has read too stay, and so do those that a later one changed again. Balances stay as the bank
    stated them. The next pull reads the days again and books the same lines in the same rows. Raises OperationRefused.
    """
    if actor.account is not None and not actor.account.has_perm(RIGHT):
        raise PermissionMissing(f"You may not do this: it needs the right “{RIGHT}”.")
    if not reason.strip():
        raise OperationRefused("Say why the pull is undone.", missing=["a reason"])
    with transaction.atomic():
        account_id = Pull.objects.values_list("account_id", flat=True).get(pk=pk)
        # The account first, as in booking: nothing is claimed or booked for it until this is over.
        account = (
            Account.objects.select_for_update(of=("self",)).select_related("connection").get(pk=account_id)
        )
        pull = Pull.objects.select_for_update(of=("self",)).get(pk=pk)
        pull.account = account
        _check(pull)
        confirmations = Confirmations(account, undoing.undone_pulls(account) | {pull.pk})
        days = reopening.days_last_read(pull, confirmations)
        came = undoing.take_back(pull, undoing.fates(pull, confirmations, lock=True), now)
        days |= came.days
        settled = reopening.reopen(account, pull, days)
        _forget_wide_readings(account, pull)
        _findings(pull, came, settled, actor, now)
        newest = RawPage.objects.filter(pull__account=account).aggregate(pk=Max("pk"))["pk"] or 0
        told = {"days": len(days), "taken_out": came.goes, "restored": came.back, "kept": came.stays}
        return perform(pull, "undo", actor=actor, now=now, reason=reason, data=told, at=now, after=newest)


def _check(pull: Pull) -> None:
    account = pull.account
    if pull.state != "booked":
        raise OperationRefused(f"Only a booked pull can be undone; this one is {pull.state}.")
    if account.connection.state == "closed":
        raise OperationRefused(f"{account.connection.label} is closed: its days could not be read again.")
    if Pull.objects.filter(account=account, state="fetching").exists():
        raise OperationRefused(f"{account.masked} is being pulled at this moment. Wait until that is over.")


def _forget_wide_readings(account: Account, pull: Pull) -> None:
    """A deep or wide reading that is undone has not taken place: the next pull makes it again."""
    for name in ("deep_read_on", "wide_read_on"):
        if getattr(account, name) == pull.today:
            Account.objects.filter(pk=account.pk).update(**{name: None})


def _findings(pull: Pull, came: undoing.Undone, settled: set[str], actor: Actor, now: datetime) -> None:
    account = pull.account
    causes = [doubts.withdrawn_line(ident, day) for ident, day in came.withdrawn]
    keys = settled | {
        finding_key(FindingKind.WITHDRAWN_LINE, account, day, ident) for ident, day in came.settled
    }
    open_findings(causes, connection=account.connection, account=account, pull=pull, now=now)
    close_findings(
        keys - {cause.key(account) for cause in causes},
        connection=account.connection,
        actor=actor,
        now=now,
        reason="The pull it came from was undone; the bank is asked again.",
    )
