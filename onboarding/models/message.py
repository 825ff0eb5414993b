"""The outbox: what is to be said to whom, once."""

from __future__ import annotations

from django.db import models

from onboarding.models.customer import Contact
from onboarding.models.project import Project


class MessageState(models.TextChoices):
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "Dropped"


class Message(models.Model):
    """One mail to one contact about one milestone, rendered when queued.

    It holds neither the address nor the link: both are put in while it is sent, from their sealed rows. No state
    machine: the states are claims, taken by compare-and-set.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="messages")
    contact = models.ForeignKey(Contact, on_delete=models.PROTECT, related_name="messages")
    milestone = models.CharField(max_length=32)
    state = models.CharField(
        max_length=8, choices=MessageState.choices, default=MessageState.QUEUED, editable=False
    )
    subject = models.CharField(max_length=200)
    text = models.TextField()
    html = models.TextField()
    queued_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True, help_text="When it is tried again.")
    sending_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-queued_at", "-pk"]
        default_permissions = ("view", "change")
        permissions = [("resend_message", "Can send a failed mail again, or give it up")]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "milestone", "contact"], name="onboarding_message_once"
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=MessageState.values), name="onboarding_message_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sent") | models.Q(sent_at__isnull=False),
                name="onboarding_message_sent",
            ),
        ]
        indexes = [models.Index(fields=["state", "queued_at"], name="onboarding_message_outbox")]

    def __str__(self) -> str:
        return self.subject
