"""A customer's way into the bank: where, as whom, and how far it has come."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django_fsm import RETURN_VALUE, FSMField, transition

from audit.workflow import Workflow
from bankfeeds.timetable import Timetable
from certificates.models import Environment

LABEL = r"^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"


class Auth(models.TextChoices):
    OAUTH = "oauth", "OAuth with a signed assertion"
    MTLS = "mtls", "mutual TLS"


class ConnectionState(models.TextChoices):
    DRAFT = "draft", "Draft"
    TESTING = "testing", "Testing"
    ACTIVE = "active", "Active"
    PAUSED = "paused", "Paused"
    CLOSED = "closed", "Closed"


class OnHolidays(models.TextChoices):
    ALL = "all", "At every time"
    ONCE = "once", "At the first time only"
    NONE = "none", "Not at all"


def default_pull_times() -> list[str]:
    """Return four times of day: the bank advises three to four calls."""
    return ["06:30", "11:00", "15:00", "19:30"]


class Connection(Workflow):
    """One registration with the bank. ``scope`` is the name under which certificates keeps its keys."""

    label = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(LABEL, "Use lower-case letters, digits and hyphens.")],
    )
    environment = models.CharField(max_length=16, choices=Environment.choices)
    auth = models.CharField(max_length=8, choices=Auth.choices)
    api_host = models.CharField("API host", max_length=255)
    token_url = models.CharField("token URL", max_length=255, blank=True)
    audience = models.CharField(max_length=255, blank=True)
    resource = models.CharField(max_length=255, blank=True)
    client_id = models.CharField("client id", max_length=128)
    trust_roots = models.TextField(help_text="PEM; the only certificates trusted for this connection.")
    history_start = models.DateField(
        null=True, blank=True, help_text="First day of the feed; 90 days back if empty."
    )
    state = FSMField(
        protected=True, default=ConnectionState.DRAFT, choices=ConnectionState.choices, max_length=16
    )
    paused_from = models.CharField(max_length=16, blank=True, editable=False)
    not_before = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="The bank asked not to be called before this moment."
    )
    legal_hold = models.BooleanField(
        default=False, editable=False, help_text="Raw answers are kept, whatever their age."
    )
    time_zone = models.CharField(
        max_length=64, default="America/New_York", help_text="The customer's time zone, by its IANA name."
    )
    pull_times = models.JSONField(
        default=default_pull_times, help_text="Times of day (HH:MM) in the customer's time zone."
    )
    on_holidays = models.CharField(
        "on weekends and holidays", max_length=8, choices=OnHolidays.choices, default=OnHolidays.ONCE
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["label"]
        default_permissions = ("add", "change", "view")
        permissions = [
            ("pull_now", "Can pull a feed now"),
            ("backfill", "Can have an earlier history read"),
            ("activate_connection", "Can activate a connection"),
            ("pause_connection", "Can pause and resume a connection"),
            ("close_connection", "Can close a connection"),
            ("set_legal_hold", "Can set and lift the legal hold on raw answers"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=ConnectionState.values), name="bankfeeds_connection_state"
            ),
            models.CheckConstraint(
                condition=models.Q(api_host__startswith="https://"), name="bankfeeds_connection_https"
            ),
            models.CheckConstraint(
                condition=models.Q(auth="mtls") | models.Q(token_url__startswith="https://"),  # noqa: S106
                name="bankfeeds_connection_token_https",
            ),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def scope(self) -> str:
        return f"connection:{self.label}"

    @property
    def main_use(self) -> str:
        """Return the use of the key without which nothing can be pulled: ``oauth`` or ``transport``."""
        return "oauth" if self.auth == Auth.OAUTH else "transport"

    @property
    def timetable(self) -> Timetable:
        """Return when the connection is read."""
        return Timetable(zone=self.time_zone, times=self.pull_times, on_holidays=str(self.on_holidays))

    @property
    def pullable(self) -> bool:
        return self.state in PULLABLE

    @transition(field=state, source="draft", target="testing")
    def begin_testing(self) -> None:
        """The key is usable: the bank may be asked."""

    @transition(
        field=state,
        source="testing",
        target="active",
        permission="bankfeeds.activate_connection",
        custom={"label": "Activate", "reason": False},
    )
    def activate(self) -> None:
        """The feed is trusted."""

    @transition(
        field=state,
        source=["testing", "active"],
        target="paused",
        permission="bankfeeds.pause_connection",
        custom={"label": "Pause", "reason": True},
    )
    def pause(self) -> None:
        """Stop asking the bank."""
        self.paused_from = self.state

    @transition(
        field=state,
        source="paused",
        target=RETURN_VALUE("testing", "active"),
        permission="bankfeeds.pause_connection",
        custom={"label": "Resume", "reason": False},
    )
    def resume(self) -> str:
        """Go on where it was paused."""
        return self.paused_from

    @transition(
        field=state,
        source=["draft", "testing", "active", "paused"],
        target="closed",
        permission="bankfeeds.close_connection",
        custom={"label": "Close", "reason": True},
    )
    def close(self) -> None:
        """End the feed for good."""


PULLABLE = (ConnectionState.TESTING.value, ConnectionState.ACTIVE.value)
