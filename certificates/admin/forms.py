"""What people fill in at the console."""

from __future__ import annotations

from django import forms
from unfold.widgets import UnfoldAdminFileFieldWidget

from certificates import x509


class UploadForm(forms.Form):
    """The certificate as the bank returned it."""

    material = forms.FileField(
        label="Certificate",
        widget=UnfoldAdminFileFieldWidget,
        help_text="PEM, DER, PKCS#7 or PKCS#12, with its issuers in any order. Never a private key.",
    )

    def clean_material(self) -> bytes:
        """Return the upload's bytes, one more than the limit at most: the gate names what is too large."""
        content: bytes = self.cleaned_data["material"].read(x509.LARGEST + 1)
        return content
