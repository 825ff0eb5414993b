"""The forms of the feed's console pages."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminDateWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations, timetable
from bankfeeds.models import Auth, Connection
from bankfeeds.models.connection import OnHolidays
from bankfeeds.models.pull import Answer
from certificates.models import Environment

_TEXT = UnfoldAdminTextInputWidget


class AnswerForm(forms.Form):
    """What the lines of a held pull are."""

    answer = forms.ChoiceField(
        choices=[choice for choice in Answer.choices if choice[0]], widget=UnfoldAdminRadioSelectWidget
    )


def _zones() -> list[Any]:
    """Return the time zones by region, as a select offers them."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(timetable.zones()):
        region, _, place = name.partition("/")
        found.setdefault(region if place else "–", []).append((name, (place or name).replace("_", " ")))
    return list(found.items())


class ScheduleForm(forms.Form):
    """When a connection is read; checked by the operation."""

    time_zone = forms.ChoiceField(
        choices=_zones, widget=UnfoldAdminSelectWidget, label="Time zone", help_text="Where the customer is."
    )
    pull_times = forms.CharField(
        widget=_TEXT,
        label="Times of day",
        max_length=120,
        help_text="In that zone, such as 06:30, 11:00, 15:00, 19:30. One to eight, at least 30 minutes apart; the "
        "bank advises three to four. Each account is read at a moment of its own within the half hour after.",
    )
    on_holidays = forms.ChoiceField(
        choices=OnHolidays.choices,
        widget=UnfoldAdminRadioSelectWidget,
        label="On weekends and bank holidays",
        help_text="The holidays of the Federal Reserve.",
    )

    def clean_pull_times(self) -> list[str]:
        """Return the times of day one by one."""
        return re.split(r"[\s,;]+", self.cleaned_data["pull_times"].strip(" \t,;"))


class BackfillForm(forms.Form):
    """From when on an earlier history is read."""

    start = forms.DateField(
        widget=UnfoldAdminDateWidget,
        label="First day",
        help_text="The feed begins on this day; every day since is read and proven.",
    )


class ConnectionForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    """A new connection with its accounts; saved by the operation, which checks every fact."""

    label = forms.CharField(max_length=64, widget=_TEXT, help_text="Lower-case letters, digits and hyphens.")
    environment = forms.ChoiceField(choices=Environment.choices, widget=UnfoldAdminSelectWidget)
    auth = forms.ChoiceField(choices=Auth.choices, widget=UnfoldAdminSelectWidget, label="Signs in with")
    api_host = forms.CharField(max_length=255, widget=_TEXT, label="API host", help_text="https://…")
    token_url = forms.CharField(max_length=255, widget=_TEXT, required=False, label="Token URL")
    audience = forms.CharField(
        max_length=255, widget=_TEXT, required=False, help_text="The token URL, if left empty."
    )
    resource = forms.CharField(max_length=255, widget=_TEXT, required=False)
    client_id = forms.CharField(max_length=128, widget=_TEXT, label="Client id")
    accounts = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), help_text="One account number a line."
    )
    trust_roots = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8}),
        help_text="The bank's root certificates as PEM; nothing else is trusted.",
    )
    history_start = forms.DateField(
        required=False,
        widget=UnfoldAdminDateWidget,
        help_text="First day of the feed; 90 days back, if left empty.",
    )

    class Meta:
        model = Connection
        fields = (
            "label",
            "environment",
            "auth",
            "api_host",
            "token_url",
            "audience",
            "resource",
            "client_id",
            "trust_roots",
            "history_start",
        )

    actor: Actor
    instance: Connection

    def clean(self) -> dict[str, Any]:
        """Create the connection, so that a refusal is shown beside the form and nothing is left half-made."""
        values = {**self.cleaned_data}
        if self.errors:
            return values
        if Connection.objects.filter(label=values["label"]).exists():
            raise forms.ValidationError(f"There is a connection {values['label']} already.")
        accounts = values.pop("accounts").split()
        try:
            self.instance = operations.create_connection(
                facts=operations.NewConnection(accounts=accounts, **values),
                actor=self.actor,
                now=timezone.now(),
            )
        except OperationRefused as problem:
            raise forms.ValidationError(
                [problem.sentence, *(f"Missing: {x}" for x in problem.missing)]
            ) from None
        return values

    def _post_clean(self) -> None:
        """The operation has written the row; the form has nothing left to put into it."""

    def save(self, commit: bool = True) -> Connection:
        """Return the row the operation wrote."""
        return self.instance

    def save_m2m(self) -> None:
        """There is nothing left to save."""
