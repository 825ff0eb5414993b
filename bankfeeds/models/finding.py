"""What a person must see."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django_fsm import FSMField, transition

from audit.workflow import Workflow
from bankfeeds.models.account import Account
from bankfeeds.models.connection import Connection


class FindingKind(models.TextChoices):
    BROKEN_DAY = "broken_day", "Day does not foot"
    REJECTED_LINES = "rejected_lines", "Records that could not be taken"
    REJECTED_BALANCES = "rejected_balances", "Balances that could not be taken"
    WITHDRAWN_LINE = "withdrawn_line", "Line withdrawn by the bank"
    INCOMPLETE_ANSWER = "incomplete_answer", "Incomplete answer from the bank"
    UNPROVEN_CHANGE = "unproven_change", "Change that no balance proves"
    HELD_PULL = "held_pull", "Pull held for an answer"
    CONTRADICTING_CODE = "contradicting_code", "Code of the other direction"
    BANK_REFUSED = "bank_refused", "Refused by the bank"
    BALANCES_REFUSED = "balances_refused", "Balances refused by the bank"
    GAVE_UP = "gave_up", "Pull given up"
    CONTRACT_DRIFT = "contract_drift", "Answer unlike the bank's contract"
    LATE_FEED = "late_feed", "Feed is late"


class FindingState(models.TextChoices):
    OPEN = "open", "Open"
    RESOLVED = "resolved", "Resolved"
    ACCEPTED = "accepted", "Accepted"


class Finding(Workflow):
    """One fact that needs a person. ``key`` names its cause: while it is open, the same cause opens no second one."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="findings")
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, null=True, blank=True, related_name="findings"
    )
    pull = models.ForeignKey(
        "bankfeeds.Pull", on_delete=models.PROTECT, null=True, blank=True, related_name="findings"
    )
    kind = models.CharField(max_length=32, choices=FindingKind.choices)
    as_of_date = models.DateField(null=True, blank=True)
    key = models.CharField(max_length=255, editable=False)
    sentence = models.TextField()
    data = models.JSONField(default=dict, blank=True)
    state = FSMField(protected=True, default=FindingState.OPEN, choices=FindingState.choices, max_length=16)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    reason = models.TextField(blank=True, help_text="Why it was closed.")

    class Meta:
        ordering = ["-opened_at", "-pk"]
        default_permissions = ("change", "view")
        permissions = [("resolve_finding", "Can resolve or accept a finding")]
        constraints = [
            models.UniqueConstraint(
                fields=["connection", "key"],
                condition=models.Q(state="open"),
                name="bankfeeds_finding_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=FindingState.values), name="bankfeeds_finding_state"
            ),
        ]
        indexes = [models.Index(fields=["state", "opened_at"], name="bankfeeds_finding_by_state")]

    def __str__(self) -> str:
        return self.sentence

    @transition(
        field=state,
        source="open",
        target="resolved",
        permission="bankfeeds.resolve_finding",
        custom={"label": "Resolve", "reason": True},
    )
    def resolve(self, *, at: datetime, why: str) -> None:
        """The cause is gone."""
        self._close(at, why)

    @transition(
        field=state,
        source="open",
        target="accepted",
        permission="bankfeeds.resolve_finding",
        custom={"label": "Accept", "reason": True},
    )
    def accept(self, *, at: datetime, why: str) -> None:
        """The cause stays, and a person answers for it."""
        self._close(at, why)

    def _close(self, at: datetime, why: str) -> None:
        self.closed_at = at
        self.reason = why
