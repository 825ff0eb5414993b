"""The forms of the feed's console pages."""

from __future__ import annotations

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
from bankfeeds import operations
from bankfeeds.models import Auth, Connection
from bankfeeds.models.pull import Answer
from certificates.models import Environment

_TEXT = UnfoldAdminTextInputWidget


class AnswerForm(forms.Form):
    """What the lines of a held pull are."""

    answer = forms.ChoiceField(
        choices=[choice for choice in Answer.choices if choice[0]], widget=UnfoldAdminRadioSelectWidget
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
