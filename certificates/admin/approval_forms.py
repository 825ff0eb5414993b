"""What people fill in where an act takes two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from audit.recording import Actor
from audit.workflow import OperationRefused
from certificates import operations
from certificates.models import Act, Approval

if TYPE_CHECKING:
    ApprovalFormBase = forms.ModelForm[Approval]
else:
    ApprovalFormBase = forms.ModelForm


class PassphraseForm(forms.Form):
    """The passphrase of an exported key, twice; never shown again, never kept."""

    passphrase = forms.CharField(
        strip=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="At least 16 characters. It is stored nowhere: without it the file does not open.",
    )
    again = forms.CharField(
        label="Passphrase, once more",
        strip=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Compare the two."""
        given = super().clean() or {}
        if given.get("passphrase") != given.pop("again", None):
            raise forms.ValidationError("The two passphrases are not the same.")
        return given


class KeyringForm(ApprovalFormBase):
    """Ask for another keyring version; saved by the operation."""

    target = forms.ChoiceField(
        label="Keyring version",
        widget=UnfoldAdminSelectWidget,
        help_text="Every configured version that never sealed. Empty: none waits for an approval.",
    )
    reason = forms.CharField(
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        max_length=2000,
        help_text="Kept in the audit record. Write no personal data and no secrets.",
    )

    class Meta:
        model = Approval
        fields = ("target", "reason")

    actor: Actor
    instance: Approval

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["target"].choices = [(one, one) for one in _waiting()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Ask, so that a refusal is shown beside the form."""
        values = {**self.cleaned_data}
        if self.errors:
            return values
        try:
            self.instance = operations.request_approval(
                act=Act.KEYRING,
                target=values["target"],
                reason=values["reason"],
                actor=self.actor,
                now=timezone.now(),
            )
        except OperationRefused as refusal:
            raise forms.ValidationError(refusal.sentence) from None
        return values

    def _post_clean(self) -> None:
        """The operation has written the row; the form has nothing left to put into it."""

    def save(self, commit: bool = True) -> Approval:
        """Return the row the operation wrote."""
        return self.instance

    def save_m2m(self) -> None:
        """There is nothing left to save."""


def _waiting() -> list[str]:
    try:
        return operations.waiting_versions()
    except OperationRefused:
        return []  # no usable keyring: the system checks say so louder
