"""The bank's hosts: whether they may be called, how often, and the times they could not be reached."""

from __future__ import annotations

from django.db import models

from bankfeeds.expectation import day_words


class BreakerState(models.TextChoices):
    CLOSED = "closed", "Called"
    OPEN = "open", "Not called"
    HALF_OPEN = "half_open", "Tried by one"


class BankHost(models.Model):
    """One host (``name:port``) of the bank. All workers share this row: it is the breaker and the rate budget.

    The state is judged from the answers of many workers and is no step a person takes, so it is no state machine.
    """

    name = models.CharField(max_length=255, unique=True)
    state = models.CharField(max_length=16, choices=BreakerState.choices, default=BreakerState.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="Failed calls in a row.")
    unconnected = models.PositiveIntegerField(
        default=0, help_text="How many of them found no connection at all."
    )
    sources = models.JSONField(
        default=list, blank=True, editable=False, help_text="Whose calls they were: connection/account."
    )
    prober = models.CharField(
        max_length=160,
        blank=True,
        help_text="The one worker that tries the host; until then nobody else does.",
    )
    opened_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True, help_text="When one worker tries the host again.")
    reason = models.TextField(blank=True)
    next_call_at = models.DateTimeField(
        null=True, blank=True, help_text="Where the rate budget is used up to, for all workers together."
    )

    class Meta:
        ordering = ["name"]
        default_permissions = ("view",)
        permissions = [("reset_bankhost", "Can have a host of the bank called again at once")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=BreakerState.values), name="bankfeeds_host_state"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Outage(models.Model):
    """A time in which a host could not be reached: one alarm, however many feeds it stopped."""

    host = models.ForeignKey(BankHost, on_delete=models.PROTECT, related_name="outages")
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    sentence = models.TextField()
    tries = models.PositiveIntegerField(default=0, help_text="How often the host was tried in vain since.")
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="When operations were mailed that it began."
    )
    told_over_at = models.DateTimeField(
        null=True, blank=True, help_text="When operations were mailed that it ended."
    )

    class Meta:
        ordering = ["-began_at", "-pk"]
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(
                fields=["host"], condition=models.Q(ended_at=None), name="bankfeeds_outage_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.host} since {day_words(self.began_at.date())}"
