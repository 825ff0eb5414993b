"""What is told about a certificate's end: notices, the mails that carry them, and the monitor's own heartbeat."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from certificates.models.certificate import Certificate


class Notice(models.Model):
    """The ledger of expiry notices: one row per certificate and threshold, whatever the schedule does.

    A threshold the monitor slept over is written too, with the nearer notice that took its place; it is not
    mailed. People are named as ``<kind>:<key>``, as in the audit record.
    """

    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, related_name="notices")
    threshold = models.PositiveSmallIntegerField(help_text="Days before the end; 0: it has ended.")
    recorded_at = models.DateTimeField()
    superseded_by = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="supersedes",
        help_text="The nearer notice that took the place of this one, whose moment passed untold.",
    )  # fmt: skip
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=90, blank=True, help_text="Who takes care of it.")

    class Meta:
        verbose_name = "expiry notice"
        default_permissions = ("view", "change")
        permissions = [("acknowledge_notice", "Can acknowledge that a certificate ends")]
        constraints = [
            models.UniqueConstraint(fields=["certificate", "threshold"], name="certificates_one_notice"),
            models.CheckConstraint(
                condition=models.Q(acknowledged_at=None, acknowledged_by="")
                | (models.Q(acknowledged_at__isnull=False) & ~models.Q(acknowledged_by="")),
                name="certificates_notice_acknowledged_by",
            ),
        ]

    def __str__(self) -> str:
        return f"Notice {self.due}"

    @property
    def due(self) -> str:
        """Return “30 days before the end”, or “after the end”."""
        if self.threshold == 0:
            return "after the end"
        return f"{self.threshold} day{'' if self.threshold == 1 else 's'} before the end"


class Role(models.TextChoices):
    """Whom a mail goes to; the address is looked up when it is sent."""

    OWNER = "owner", "the key's owner"
    OPS = "ops", "operations"
    ESCALATION = "escalation", "escalation"


class MailState(models.TextChoices):
    QUEUED = "queued", "Queued"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "Dropped"


class NoticeMail(models.Model):
    """The outbox: one mail per topic and role, rendered when queued. It holds no address.

    ``topic`` is ``notice:<pk>``, ``escalation:<pk>``, ``digest:<ISO week>`` or ``stopped:<day>``. No state
    machine: the states are claims, taken by compare-and-set.
    """

    topic = models.CharField(max_length=40)
    role = models.CharField(max_length=10, choices=Role.choices)
    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, null=True, blank=True, related_name="mails")
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+",
        help_text="The owner this mail goes to.",
    )  # fmt: skip
    state = models.CharField(
        max_length=8, choices=MailState.choices, default=MailState.QUEUED, editable=False
    )
    subject = models.CharField(max_length=200)
    text = models.TextField()
    queued_at = models.DateTimeField()
    not_before = models.DateTimeField(null=True, blank=True, help_text="When it is tried again.")
    sending_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    problem = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = "expiry mail"
        ordering = ["-queued_at", "-pk"]
        default_permissions = ("view", "change")
        permissions = [("resend_noticemail", "Can send a failed certificate mail again, or give it up")]
        constraints = [
            models.UniqueConstraint(fields=["topic", "role"], name="certificates_mail_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=MailState.values), name="certificates_mail_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(state="sent") | models.Q(sent_at__isnull=False),
                name="certificates_mail_sent",
            ),
            models.CheckConstraint(
                condition=models.Q(role="owner", recipient__isnull=False)
                | (~models.Q(role="owner") & models.Q(recipient=None)),
                name="certificates_mail_owner",
            ),
        ]
        indexes = [models.Index(fields=["state", "queued_at"], name="certificates_mail_outbox")]

    def __str__(self) -> str:
        return self.subject


class MonitorRun(models.Model):
    """The monitor's heartbeat: one row, its last completed run and what that run did."""

    name = models.CharField(max_length=16, unique=True, default="expiry")
    at = models.DateTimeField(help_text="When the last completed run began.")
    watched = models.PositiveIntegerField(default=0, help_text="Certificates ending within 90 days.")
    noticed = models.PositiveIntegerField(default=0, help_text="New notices.")
    sent = models.PositiveIntegerField(default=0, help_text="Mails sent.")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} monitor, last run {self.at:%Y-%m-%d %H:%M}"
