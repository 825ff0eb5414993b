"""Pulls: what is asked of the bank, by whom, how often tried, and what it answered."""

from __future__ import annotations

import uuid
import zlib
from datetime import date, datetime

from django.db import models
from django_fsm import FSMField, transition

from audit.workflow import Workflow
from bankfeeds.models.account import Account


class PullState(models.TextChoices):
    QUEUED = "queued", "Queued"
    FETCHING = "fetching", "Fetching"
    BOOKED = "booked", "Booked"
    FAILED = "failed", "Failed"
    HELD = "held", "Held"
    UNDONE = "undone", "Undone"


class PullKind(models.TextChoices):
    SCHEDULED = "scheduled", "Scheduled"
    REQUESTED = "requested", "Requested"
    BACKFILL = "backfill", "Backfill"
    REREAD = "reread", "Stored answer read again"


class Answer(models.TextChoices):
    NONE = "", "–"
    SAME_LINES = "same_lines", "Same lines, new ids"
    REALLY_NEW = "really_new", "Really new"


OPEN = models.Q(state__in=["queued", "fetching", "held"]) | models.Q(state="failed", retry_at__isnull=False)
COUNTERS = ("read", "same", "new", "amended", "renumbered", "withdrawn", "repeated", "rejected", "held")


class Pull(Workflow):
    """One reading of one account. The row, not the queue, says what is due, who works on it, and when to try again.

    While it is open (queued, fetching, held, or failed with a time to try again) its account has no other.
    ``window_start`` and ``window_end`` limit what is asked; empty: what the coverage lacks.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="pulls")
    kind = models.CharField(max_length=16, choices=PullKind.choices)
    state = FSMField(protected=True, default=PullState.QUEUED, choices=PullState.choices, max_length=16)
    window_start = models.DateField(null=True, blank=True)
    window_end = models.DateField(null=True, blank=True)
    today = models.DateField(help_text="The bank's business date the pull works with.")
    reason = models.TextField(blank=True)
    needs_person = models.BooleanField(default=False)
    retry_at = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was last called.")
    lease_owner = models.CharField(max_length=160, blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    claims = models.JSONField(
        default=list,
        blank=True,
        editable=False,
        help_text="Each time a worker took it: the business date, the answer it had, and the windows it booked.",
    )
    answer = models.CharField(max_length=16, choices=Answer.choices, blank=True, default="")
    suspects = models.CharField(
        max_length=64, blank=True, help_text="Fingerprint of the lines it was held for."
    )
    requested_by = models.CharField(max_length=80)
    requested_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_after = models.BigIntegerField(
        null=True,
        blank=True,
        editable=False,
        help_text="The account's newest raw page when it was undone: its place in what happened.",
    )
    windows = models.PositiveIntegerField(default=0)
    planned = models.PositiveIntegerField(default=0, help_text="How many windows this turn is to read.")
    covered = models.JSONField(
        null=True,
        blank=True,
        default=None,
        editable=False,
        help_text="First and last day of every window booked, in all its turns; empty: nobody wrote that down.",
    )
    read = models.PositiveIntegerField(default=0)
    same = models.PositiveIntegerField(default=0)
    new = models.PositiveIntegerField(default=0)
    amended = models.PositiveIntegerField(default=0)
    renumbered = models.PositiveIntegerField(default=0)
    withdrawn = models.PositiveIntegerField(default=0)
    repeated = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    held = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-requested_at"]
        default_permissions = ("change", "view")
        permissions = [
            ("answer_held_pull", "Can answer a held pull"),
            ("retry_pull", "Can retry a failed pull"),
            ("undo_pull", "Can undo a booked pull"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["account"], condition=OPEN, name="bankfeeds_pull_one_open"),
            models.CheckConstraint(
                condition=models.Q(state__in=PullState.values), name="bankfeeds_pull_state"
            ),
            models.CheckConstraint(
                condition=models.Q(
                    read=models.F("same")
                    + models.F("new")
                    + models.F("amended")
                    + models.F("renumbered")
                    + models.F("repeated")
                    + models.F("rejected")
                    + models.F("held")
                ),
                name="bankfeeds_pull_every_line_accounted_for",
            ),
        ]
        indexes = [
            models.Index(fields=["state", "retry_at"], name="bankfeeds_pull_due"),
            models.Index(fields=["account", "requested_at"], name="bankfeeds_pull_account"),
        ]

    def __str__(self) -> str:
        return f"pull {str(self.pk)[:8]}"

    @property
    def is_open(self) -> bool:
        return self.state in {"queued", "fetching", "held"} or (
            self.state == "failed" and self.retry_at is not None
        )

    @transition(field=state, source=["queued", "failed", "fetching"], target="fetching")
    def claim(self, *, owner: str, expires_at: datetime, at: datetime, today: date) -> None:
        """A worker takes it. Counted here, before anything is tried, so that a pull that kills its worker ends."""
        # What the worker before it has booked is counted in ``windows`` until here, and nowhere else.
        earlier = [*self.claims[:-1], {**self.claims[-1], "windows": self.windows}] if self.claims else []
        self.claims = [*earlier, {"today": today.isoformat(), "answer": self.answer}]
        self.lease_owner, self.lease_expires_at = owner, expires_at
        self.attempts += 1
        self.started_at, self.today = at, today
        self.retry_at, self.reason, self.needs_person = None, "", False
        for counter in (*COUNTERS, "windows"):
            setattr(self, counter, 0)

    @transition(field=state, source="fetching", target="booked")
    def finish(self, *, at: datetime) -> None:
        """Every window is booked."""
        self._let_go(at)

    @transition(field=state, source=["queued", "fetching", "failed", "held"], target="failed")
    def fail(
        self,
        *,
        at: datetime,
        sentence: str,
        needs_person: bool = False,
        retry_at: datetime | None = None,
        uncounted: bool = False,
    ) -> None:
        """Nothing more comes of this attempt. ``uncounted``: it was none, because the bank was not to be called."""
        self._let_go(at)
        if uncounted and self.attempts:
            self.attempts -= 1
        self.reason, self.needs_person, self.retry_at = sentence, needs_person, retry_at

    @transition(field=state, source="fetching", target="held")
    def hold(self, *, at: datetime, sentence: str, suspects: str) -> None:
        """The flood brake: a person answers first."""
        self._let_go(at)
        self.reason, self.needs_person, self.suspects, self.answer = sentence, True, suspects, ""

    @transition(
        field=state,
        source="held",
        target="queued",
        permission="bankfeeds.answer_held_pull",
        custom={"label": "Answer", "reason": True},
    )
    def release(self, *, answer: str) -> None:
        """A person has said what the lines are."""
        self.answer = answer
        self._start_over()

    @transition(
        field=state,
        source=["failed", "queued"],
        target="queued",
        permission="bankfeeds.retry_pull",
        custom={"label": "Try again", "reason": False},
    )
    def retry(self) -> None:
        """Try again now, with a fresh count."""
        self._start_over()

    @transition(
        field=state,
        source="booked",
        target="undone",
        permission="bankfeeds.undo_pull",
        custom={"label": "Undo", "reason": True},
    )
    def undo(self, *, at: datetime, after: int) -> None:
        """What it wrote is taken back; its days are missing again. ``after``: the newest raw page of the account."""
        self.undone_at, self.undone_after = at, after

    def _start_over(self) -> None:
        self.attempts, self.retry_at, self.rung_at, self.needs_person, self.reason = 0, None, None, False, ""

    def _let_go(self, at: datetime) -> None:
        self.lease_owner, self.lease_expires_at, self.finished_at = "", None, at


class RawPage(models.Model):
    """One answer of the bank, byte for byte (compressed with zlib), and what was asked. Written before it is read.

    ``attempt`` counts the workers that ever took the pull, from 1: the place in the pull's ``claims``.
    """

    pull = models.ForeignKey(Pull, on_delete=models.PROTECT, related_name="pages")
    attempt = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    number = models.PositiveIntegerField()
    request = models.JSONField()
    body = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.kind} page {self.number}"

    def content(self) -> bytes:
        """Return the bank's bytes."""
        return zlib.decompress(bytes(self.body))
