"""What people fill in at the console about keys and certificates: the forms parse, the operations judge."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import get_user_model
from django.core import signing
from django.views.decorators.debug import sensitive_variables
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from certificates import csr, profiles, x509
from certificates.models import Environment, KeyPair

LOOKED_AT_LASTS = 30 * 60
"""How long, in seconds, somebody may look at an upload before confirming it."""
_SALT = "certificates.install"


class Unechoed(UnfoldAdminTextareaWidget):
    """A text area that never shows what was pasted: it may have been a private key."""

    def format_value(self, value: Any) -> str:
        return ""


class PastedOrUploaded(forms.Form):
    """One text, pasted or as a file; ``material`` is its bytes, one more than ``longest`` at most."""

    longest = x509.LARGEST

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("text", "file"):
            self.fields[name].one_of_two = True  # type: ignore[attr-defined]  # neither is optional by itself

    @sensitive_variables()
    def clean(self) -> dict[str, Any]:
        """Take the one that was given."""
        given = super().clean() or {}
        text, file = given.pop("text", ""), given.pop("file", None)
        if bool(text) == bool(file):
            raise forms.ValidationError(
                "Give either the text or the file, not both." if text else "Paste the text or choose a file."
            )
        given["material"] = file.read(self.longest + 1) if file else text.encode()[: self.longest + 1]
        return given


class UploadForm(PastedOrUploaded):
    """The certificate as the bank returned it."""

    file = forms.FileField(
        label="File from the bank",
        required=False,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget,
        help_text="PEM, DER, PKCS#7 or PKCS#12, with its issuers in any order. Never a private key.",
    )
    text = forms.CharField(
        label="Or its text",
        required=False,
        widget=Unechoed(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"}),
        help_text="Everything from the first BEGIN to the last END line.",
    )
    passphrase = forms.CharField(
        label="Passphrase of a PKCS#12 file",
        required=False,
        strip=False,
        max_length=200,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="Only if the file is locked. It is used once and kept nowhere.",
    )


class ConfirmInstallForm(forms.Form):
    """What was looked at, and that a subject other than requested is meant."""

    found = forms.CharField(widget=forms.HiddenInput)
    confirmed_drift = forms.BooleanField(
        label="I have compared the subject: it may differ like this.",
        required=False,
        widget=UnfoldBooleanWidget,
    )

    def __init__(self, *args: Any, key: KeyPair, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.key = key

    def clean(self) -> dict[str, Any]:
        """Open what was looked at: certificates only, signed by us, not older than half an hour."""
        given = super().clean() or {}
        try:
            kept = signing.loads(given.pop("found", ""), salt=_SALT, max_age=LOOKED_AT_LASTS)
        except signing.BadSignature:
            raise forms.ValidationError(
                "What you looked at is older than half an hour, or was changed. Upload it again."
            ) from None
        if kept["key"] != str(self.key.pk):
            raise forms.ValidationError("What you looked at belongs to another request. Upload it again.")
        given["material"] = kept["pem"].encode()
        return given


def looked_at(key: KeyPair, pem: str) -> str:
    """Return certificates (public, never a key) as what a page carries from looking to confirming."""
    return signing.dumps({"key": str(key.pk), "pem": pem}, salt=_SALT, compress=True)


class SubmitForm(forms.Form):
    """To whom a request was handed, and what they call it."""

    to = forms.CharField(
        label="Handed to",
        max_length=120,
        initial="J.P. Morgan developer portal",
        widget=UnfoldAdminTextInputWidget,
    )
    reference = forms.CharField(
        label="Their reference",
        required=False,
        max_length=120,
        widget=UnfoldAdminTextInputWidget,
        help_text="A ticket or portal number, to ask them about it. The date is now.",
    )


class SelfSignForm(forms.Form):
    """How long a self-signed certificate runs."""

    days = forms.IntegerField(
        label="Valid for (days)",
        initial=365,
        min_value=1,
        max_value=profiles.TWO_YEARS.days,
        widget=UnfoldAdminIntegerFieldWidget,
    )


class OwnerForm(forms.Form):
    """Who looks after a key."""

    owner = forms.ModelChoiceField(
        label="Who looks after this key",
        queryset=get_user_model().objects.none(),
        widget=UnfoldAdminSelectWidget,
        help_text="They are told before the certificate ends. Active members of staff only.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = get_user_model().objects.filter(is_active=True, is_staff=True).order_by("username")
        self.fields["owner"].queryset = staff  # type: ignore[attr-defined]


class CheckForm(PastedOrUploaded):
    """A signing request of another tool."""

    longest = csr.LARGEST
    environment = forms.ChoiceField(
        label="For which environment", choices=Environment.choices, widget=UnfoldAdminSelectWidget
    )
    text = forms.CharField(
        label="The signing request",
        required=False,
        widget=Unechoed(attrs={"rows": 8, "spellcheck": "false", "autocomplete": "off"}),
        help_text="From BEGIN to END CERTIFICATE REQUEST. Never the private key: it stays where it was made.",
    )
    file = forms.FileField(
        label="Or its file",
        required=False,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget,
        help_text="PEM or DER, 64 KiB at most. Nothing of it is kept.",
    )
