"""The steps of a project, who held them when, and the evidence that closes them."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django_fsm import FSMField, transition

from audit.workflow import Workflow
from onboarding import checklist
from onboarding.models.project import Project


class StepState(models.TextChoices):
    NOT_READY = "not_ready", "Not ready"
    READY = "ready", "Ready"
    IN_HAND = "in_hand", "In hand"
    WAITING = "waiting", "Waiting"
    RETURNED = "returned", "Returned"
    REOPENED = "reopened", "Reopened"
    DONE = "done", "Done"
    WAIVED = "waived", "Waived"


class Holder(models.TextChoices):
    CUSTOMER = "customer", "Customer"
    US = "us", "Us"
    BANK = "bank", "J.P. Morgan"


OPEN = ("ready", "in_hand", "waiting", "returned", "reopened")
"""Somebody holds the step and a clock runs."""
CLOSED = ("done", "waived")


class Step(Workflow):
    """One of the six. An open step has exactly one holder; a closed or unopened one has none."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="steps")
    number = models.PositiveSmallIntegerField()
    state = FSMField(protected=True, default=StepState.NOT_READY, choices=StepState.choices, max_length=16)
    holder = models.CharField(max_length=8, choices=Holder.choices, blank=True, editable=False)
    held_since = models.DateTimeField(null=True, blank=True, editable=False)
    done_at = models.DateTimeField(null=True, blank=True, editable=False)
    note = models.TextField(blank=True, editable=False, help_text="Why it was returned, reopened or waived.")

    class Meta:
        ordering = ["project", "number"]
        default_permissions = ("view",)
        permissions = [("waive_step", "Can waive a whole step")]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="onboarding_step_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=StepState.values), name="onboarding_step_state"
            ),
            models.CheckConstraint(condition=models.Q(number__range=(1, 6)), name="onboarding_step_number"),
            models.CheckConstraint(
                condition=models.Q(state__in=OPEN, holder__in=Holder.values, held_since__isnull=False)
                | (~models.Q(state__in=OPEN) & models.Q(holder="")),
                name="onboarding_step_one_holder",
            ),
        ]

    def __str__(self) -> str:
        return f"Step {self.number}, {self.template.title}"

    @property
    def template(self) -> checklist.StepTemplate:
        """Return the step of the template version its project runs on."""
        return checklist.step(self.number, self.project.template_version)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_closed(self) -> bool:
        return self.state in CLOSED

    @transition(field=state, source="not_ready", target="ready")
    def make_ready(self, *, holder: str, at: datetime) -> None:
        """What it needs is closed."""
        self._give(holder, at)

    @transition(field=state, source=list(OPEN), target="in_hand", permission="onboarding.hand_over_step")
    def take_in_hand(self, *, at: datetime) -> None:
        """It is our turn."""
        self._give(Holder.US, at)

    @transition(field=state, source=list(OPEN), target="waiting", permission="onboarding.hand_over_step")
    def wait(self, *, holder: str, at: datetime) -> None:
        """It is the customer's or the bank's turn."""
        self._give(holder, at)

    @transition(field=state, source=list(OPEN), target="returned", permission="onboarding.hand_over_step")
    def send_back(self, *, at: datetime, why: str) -> None:
        """What the customer gave will not do."""
        self._give(Holder.CUSTOMER, at)
        self.note = why

    @transition(field=state, source=list(OPEN), target="done", permission="onboarding.complete_step")
    def complete(self, *, at: datetime) -> None:
        """Its evidence is present."""
        self._close(at)
        self.note = ""

    @transition(field=state, source=list(OPEN), target="waived", permission="onboarding.waive_step")
    def waive(self, *, at: datetime, why: str) -> None:
        """It is closed without its evidence, and a person answers for that."""
        self._close(at)
        self.note = why

    @transition(field=state, source=[*CLOSED, *OPEN], target="reopened", permission="onboarding.reopen_step")
    def reopen(self, *, at: datetime, why: str) -> None:
        """It must be done again."""
        self._give(Holder.US, at)
        self.done_at = None
        self.note = why

    @transition(field=state, source=[*CLOSED, *OPEN], target="not_ready", permission="onboarding.reopen_step")
    def invalidate(self) -> None:
        """A step it needs was reopened."""
        self.holder, self.held_since, self.done_at, self.note = "", None, None, ""

    def _give(self, holder: str, at: datetime) -> None:
        if holder != self.holder:
            self.holder, self.held_since = holder, at

    def _close(self, at: datetime) -> None:
        self.holder, self.held_since, self.done_at = "", None, at


class HandOver(models.Model):
    """From ``at`` on, ``to_holder`` has the step: customer, us, bank, hold, or nobody (empty). Never changed."""

    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="hand_overs")
    from_holder = models.CharField(max_length=8, blank=True)
    to_holder = models.CharField(max_length=8, blank=True)
    at = models.DateTimeField()
    reason = models.TextField(blank=True)
    actor_kind = models.CharField(max_length=16)
    actor_key = models.CharField(max_length=64)

    class Meta:
        ordering = ["step", "at", "pk"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(to_holder__in=[*Holder.values, "hold", ""]),
                name="onboarding_handover_holder",
            )
        ]

    def __str__(self) -> str:
        return f"{self.step_id}: {self.from_holder or 'nobody'} to {self.to_holder or 'nobody'}"


class Evidence(models.Model):
    """What closes an item of a step: facts and keys, never personal data. Superseded, not changed or deleted."""

    step = models.ForeignKey(Step, on_delete=models.PROTECT, related_name="evidence")
    item = models.CharField(max_length=32)
    value = models.JSONField(default=dict)
    contact = models.ForeignKey(
        "onboarding.Contact", on_delete=models.PROTECT, null=True, blank=True, related_name="evidence"
    )
    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=16)
    actor_key = models.CharField(max_length=64)
    superseded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["step", "item", "pk"]
        default_permissions = ("view",)
        verbose_name_plural = "evidence"
        constraints = [
            models.UniqueConstraint(
                fields=["step", "item"],
                condition=models.Q(superseded_at=None),
                name="onboarding_evidence_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.item} of step {self.step_id}"
