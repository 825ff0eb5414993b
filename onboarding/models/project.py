"""A customer's way from request to live feed."""

from __future__ import annotations

from datetime import date, datetime

from django.db import models
from django_fsm import RETURN_VALUE, FSMField, transition

from audit.workflow import Workflow
from bankfeeds.models import Connection
from onboarding.models.customer import Customer


class ProjectState(models.TextChoices):
    REQUESTED = "requested", "Requested"
    KICKOFF = "kickoff", "Kickoff"
    TECHNICAL_SETUP = "technical_setup", "Technical setup"
    SECURITY_ADMINS = "security_admins", "Security administrators"
    BANK_APPROVAL = "bank_approval", "Bank approval"
    VALIDATION = "validation", "Validation"
    LIVE = "live", "Live"
    ON_HOLD = "on_hold", "On hold"
    CANCELLED = "cancelled", "Cancelled"
    INELIGIBLE = "ineligible", "Not eligible"


UNDER_WAY = ("requested", "kickoff", "technical_setup", "security_admins", "bank_approval", "validation")
"""The states in which a step is open and a clock runs (and so, once answered, in “ineligible”)."""


class Project(Workflow):
    """One project. Its state follows its steps; operations move both in one transaction."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="projects")
    title = models.CharField(max_length=120)
    state = FSMField(
        protected=True, default=ProjectState.REQUESTED, choices=ProjectState.choices, max_length=16
    )
    template_version = models.PositiveSmallIntegerField(editable=False)
    connection = models.ForeignKey(
        Connection, on_delete=models.PROTECT, null=True, blank=True, related_name="projects"
    )
    held_from = models.CharField(max_length=16, blank=True, editable=False)
    stop_reason = models.TextField(
        "why it is held or cancelled", blank=True, editable=False, help_text="The customer reads it."
    )
    review_on = models.DateField(
        null=True, blank=True, editable=False, help_text="When the hold is looked at again."
    )
    reopenings = models.PositiveSmallIntegerField(default=0, editable=False)
    requested_at = models.DateTimeField(editable=False)
    live_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    promised_from = models.DateField(
        null=True, editable=False, help_text="The first range we told the customer."
    )
    promised_to = models.DateField(null=True, editable=False)

    class Meta:
        ordering = ["customer__name", "pk"]
        default_permissions = ("add", "change", "view")
        permissions = [
            ("record_evidence", "Can record evidence"),
            ("record_bank_approval", "Can record the bank's approval"),
            ("waive_item", "Can waive an item of evidence"),
            ("complete_step", "Can complete a step"),
            ("hand_over_step", "Can hand a step over"),
            ("reopen_step", "Can reopen a step"),
            ("hold_project", "Can hold and resume a project"),
            ("cancel_project", "Can cancel a project and undo that"),
            ("attach_connection", "Can attach a connection"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=ProjectState.values), name="onboarding_project_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="on_hold") | ~models.Q(stop_reason=""),
                name="onboarding_project_hold_reason",
            ),
            models.UniqueConstraint(fields=["customer", "title"], name="onboarding_project_title_once"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @transition(field=state, source="requested", target="kickoff", permission="onboarding.complete_step")
    def open_kickoff(self) -> None:
        """The customer is eligible."""

    @transition(
        field=state, source="kickoff", target="technical_setup", permission="onboarding.complete_step"
    )
    def open_technical_setup(self) -> None:
        """The meeting was held; steps 3 and 4 run side by side."""

    @transition(
        field=state, source="technical_setup", target="security_admins", permission="onboarding.complete_step"
    )
    def open_security_admins(self) -> None:
        """Only step 4 is left before the bank's approval."""

    @transition(
        field=state,
        source=["technical_setup", "security_admins"],
        target="bank_approval",
        permission="onboarding.complete_step",
    )
    def open_bank_approval(self) -> None:
        """Steps 3 and 4 are closed: it is with the bank."""

    @transition(
        field=state, source="bank_approval", target="validation", permission="onboarding.complete_step"
    )
    def open_validation(self) -> None:
        """The bank approved and data flows."""

    @transition(field=state, source="validation", target="live", permission="onboarding.complete_step")
    def go_live(self, *, at: datetime) -> None:
        """Everything is checked and confirmed."""
        self.live_at = at

    @transition(
        field=state,
        source="requested",
        target="ineligible",
        permission="onboarding.record_evidence",
        custom={"label": "Not eligible", "reason": False},
    )
    def declare_ineligible(self) -> None:
        """The customer's bank platform cannot be connected."""

    @transition(field=state, source="ineligible", target="requested", permission="onboarding.record_evidence")
    def find_eligible(self) -> None:
        """The customer has answered anew."""

    @transition(
        field=state,
        source=list(UNDER_WAY),
        target="on_hold",
        permission="onboarding.hold_project",
        custom={"label": "Hold", "reason": True},
    )
    def hold(self, *, why: str, review_on: date) -> None:
        """Stop every clock."""
        self.held_from, self.stop_reason, self.review_on = self.state, why, review_on

    @transition(
        field=state, source="on_hold", target=RETURN_VALUE(*UNDER_WAY), permission="onboarding.hold_project"
    )
    def resume(self) -> str:
        """Go on where it was held."""
        came_from = self.held_from
        self.held_from, self.stop_reason, self.review_on = "", "", None
        return came_from

    @transition(
        field=state,
        source=[*UNDER_WAY, "on_hold", "ineligible"],
        target="cancelled",
        permission="onboarding.cancel_project",
        custom={"label": "Cancel", "reason": True},
    )
    def cancel(self, *, why: str, at: datetime) -> None:
        """End it without a feed."""
        self.held_from = self.held_from or self.state
        self.stop_reason, self.review_on, self.cancelled_at = why, None, at

    @transition(
        field=state,
        source="cancelled",
        target=RETURN_VALUE(*UNDER_WAY, "ineligible"),
        permission="onboarding.cancel_project",
    )
    def reinstate(self) -> str:
        """Take the cancellation back."""
        came_from = self.held_from
        self.held_from, self.stop_reason, self.cancelled_at = "", "", None
        return came_from

    @transition(
        field=state,
        source=[*UNDER_WAY, "live"],
        target=RETURN_VALUE(*UNDER_WAY),
        permission="onboarding.reopen_step",
        custom={"label": "Reopen a step", "reason": True},
    )
    def go_back(self, *, to: str) -> str:
        """A step was reopened: stand where its work is."""
        self.reopenings += 1
        self.live_at = None
        return to
