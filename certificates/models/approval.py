"""Four eyes: an act that one person asks for and another allows."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.utils.text import capfirst
from django_fsm import FSMField, transition

from audit.workflow import Workflow
from certificates.models.keys import KeyPair


class Act(models.TextChoices):
    """What takes two people."""

    ACTIVATE = "activate", "activate a production key"
    EXPORT = "export", "export a private key"
    DESTROY = "destroy", "destroy a private key"
    KEYRING = "keyring", "seal with another keyring version"


class ApprovalState(models.TextChoices):
    REQUESTED = "requested", "waiting for another person"
    APPROVED = "approved", "allowed, not used yet"
    USED = "used", "done"
    DECLINED = "declined", "declined"
    WITHDRAWN = "withdrawn", "withdrawn"
    LAPSED = "lapsed", "lapsed"


UNDECIDED = (ApprovalState.REQUESTED, ApprovalState.APPROVED)
"""The request may still lead to its act."""


class Approval(Workflow):
    """One request for one act on one target as it was when asked for.

    ``target`` names what is acted on (a key's primary key, or ``<provider> <version>`` of a keyring);
    ``seen`` is the SHA-256 of the target's facts at the request: a target that changed since is not acted on.
    People are named as ``<kind>:<key>``, as in the audit record.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    act = models.CharField(max_length=16, choices=Act.choices)
    key = models.ForeignKey(
        KeyPair, on_delete=models.PROTECT, null=True, blank=True, related_name="approvals"
    )
    target = models.CharField(max_length=240)
    seen = models.CharField(max_length=64, editable=False)
    state = FSMField(
        max_length=16,
        choices=ApprovalState.choices,
        default=ApprovalState.REQUESTED,
        protected=True,
        db_index=True,
    )
    requested_by = models.CharField(max_length=90)
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    reason = models.TextField(help_text="Why the act is wanted.")
    decided_by = models.CharField(max_length=90, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ("view", "change")
        permissions = [
            ("request_approval", "Can ask for an act that takes two people"),
            ("decide_approval", "Can allow or decline an act somebody else asked for"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["act", "target"],
                condition=models.Q(state__in=UNDECIDED),
                name="certificates_one_open_approval",
            ),
            # The last guard, whatever the code does: nobody allows what they asked for.
            models.CheckConstraint(
                condition=~models.Q(state__in=[ApprovalState.APPROVED, ApprovalState.USED])
                | (~models.Q(decided_by="") & ~models.Q(decided_by=models.F("requested_by"))),
                name="certificates_approval_takes_two",
            ),
        ]

    def __str__(self) -> str:
        return f"{capfirst(self.get_act_display())}: {self.key or self.target}"

    @transition(field=state, source=ApprovalState.REQUESTED, target=ApprovalState.APPROVED,
                permission="certificates.decide_approval")  # fmt: skip
    def approve(self, *, by: str, at: datetime) -> None:
        """Another person allows it."""
        self.decided_by, self.decided_at = by, at

    @transition(field=state, source=ApprovalState.REQUESTED, target=ApprovalState.DECLINED,
                permission="certificates.decide_approval")  # fmt: skip
    def decline(self, *, by: str, at: datetime) -> None:
        """Another person says no."""
        self.decided_by, self.decided_at = by, at

    @transition(field=state, source=list(UNDECIDED), target=ApprovalState.WITHDRAWN)
    def withdraw(self) -> None:
        """Whoever asked does not want it any more."""

    @transition(field=state, source=ApprovalState.APPROVED, target=ApprovalState.USED)
    def use(self, *, at: datetime) -> None:
        """The act was done; it is allowed once."""
        self.used_at = at

    @transition(field=state, source=list(UNDECIDED), target=ApprovalState.LAPSED)
    def lapse(self) -> None:
        """Nobody decided in time, or the target changed."""
