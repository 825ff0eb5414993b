"""The ledger: booked lines and the ids the bank gave them, their revisions, today's lines, and rejected records."""

from __future__ import annotations

from django.db import models

from bankfeeds.models.account import Account
from bankfeeds.models.amounts import AmountField

DIRECTIONS = [("CREDIT", "Credit"), ("DEBIT", "Debit")]


class LineFacts(models.Model):
    """What the bank says of one line. The amount is never negative; ``direction`` carries the sign."""

    as_of_date = models.DateField()
    direction = models.CharField(max_length=6, choices=DIRECTIONS)
    amount = AmountField()
    currency = models.CharField(max_length=3)
    bai_code = models.CharField("BAI code", max_length=16, blank=True)
    bank_reference = models.CharField(max_length=256, blank=True)
    customer_reference = models.CharField(max_length=256, blank=True)
    description = models.TextField(blank=True)
    check_number = models.CharField(max_length=64, blank=True)
    value_date = models.DateField(null=True, blank=True)
    reversal = models.BooleanField(default=False)
    narrative = models.JSONField(default=list, blank=True)
    transaction_id = models.CharField(max_length=128)

    class Meta:
        abstract = True


class LineState(models.TextChoices):
    BOOKED = "booked", "Booked"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Line(LineFacts):
    """One posted line. ``digest`` is its content fingerprint; ``transaction_id`` the id the bank uses now."""

    # No constraint in the database on what every line repeats, and no index where another begins with the same
    # column: see decision 0008.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="lines", db_constraint=False, db_index=False
    )
    digest = models.CharField(max_length=64)
    revision = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=16, choices=LineState.choices, default=LineState.BOOKED)
    first_pull = models.ForeignKey(
        "bankfeeds.Pull", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    last_changed_pull = models.ForeignKey(
        "bankfeeds.Pull", on_delete=models.PROTECT, related_name="+", db_constraint=False
    )

    class Meta:
        ordering = ["account", "as_of_date", "transaction_id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["account", "as_of_date"], name="bankfeeds_line_day")]
        constraints = [
            models.UniqueConstraint(fields=["account", "transaction_id"], name="bankfeeds_line_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=LineState.values), name="bankfeeds_line_state"
            ),
            models.CheckConstraint(
                condition=models.Q(direction__in=["CREDIT", "DEBIT"]), name="bankfeeds_line_direction"
            ),
        ]

    def __str__(self) -> str:
        return self.transaction_id


class LineId(models.Model):
    """An id the bank has ever used for a line. One id of an account means one line."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    transaction_id = models.CharField(max_length=128)
    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="ids")
    current = models.BooleanField(default=True)
    first_pull = models.ForeignKey(
        "bankfeeds.Pull", on_delete=models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )

    class Meta:
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["account", "transaction_id"], name="bankfeeds_line_id_once"),
            models.UniqueConstraint(
                fields=["line"], condition=models.Q(current=True), name="bankfeeds_line_id_current"
            ),
        ]

    def __str__(self) -> str:
        return self.transaction_id


class Undo(models.TextChoices):
    NONE = "", "–"
    RESTORED = "restored", "An earlier version came back"
    TAKEN_BACK = "taken_back", "Taken out: only the undone pull had seen it"


class LineRevision(models.Model):
    """A line as it was before the bank changed it, or (``undo``) before the undoing of ``replaced_by_pull`` did."""

    line = models.ForeignKey(Line, on_delete=models.PROTECT, related_name="revisions")
    revision = models.PositiveIntegerField()
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    state = models.CharField(max_length=16, choices=LineState.choices)
    transaction_id = models.CharField(max_length=128)
    replaced_by_pull = models.ForeignKey("bankfeeds.Pull", on_delete=models.PROTECT, related_name="+")
    replaced_at = models.DateTimeField()
    undo = models.CharField(max_length=16, choices=Undo.choices, blank=True, default="")

    class Meta:
        ordering = ["line", "revision"]
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["line", "revision"], name="bankfeeds_revision_once")]

    def __str__(self) -> str:
        return f"{self.transaction_id} r{self.revision}"


class ProvisionalLine(LineFacts):
    """A line of the day that is not over; the set is replaced whole at every reading and never booked."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="provisional_lines")
    position = models.PositiveIntegerField()
    pull = models.ForeignKey("bankfeeds.Pull", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["account", "as_of_date", "position"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["account", "as_of_date", "position"], name="bankfeeds_provisional_once"
            )
        ]

    def __str__(self) -> str:
        return self.transaction_id


class RejectedLine(models.Model):
    """A record that could not be taken, whole, with the reason. ``open``: the newest answer still holds it."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="rejected_lines")
    pull = models.ForeignKey("bankfeeds.Pull", on_delete=models.PROTECT, related_name="rejected_lines")
    as_of_date = models.DateField(null=True, blank=True)
    window_start = models.DateField()
    window_end = models.DateField()
    transaction_id = models.CharField(max_length=255, blank=True)
    reason = models.TextField()
    raw = models.TextField()
    page = models.PositiveIntegerField()
    index = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    open = models.BooleanField(default=True)

    class Meta:
        ordering = ["account", "as_of_date", "pk"]
        default_permissions = ("view",)
        permissions = [("retry_rejectedline", "Can have rejected records read again")]
        indexes = [models.Index(fields=["account", "open"], name="bankfeeds_rejected_open")]

    def __str__(self) -> str:
        return self.reason
