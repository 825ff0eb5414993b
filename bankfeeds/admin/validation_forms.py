"""The form for a customer's own export: looked at first, compared then, kept nowhere."""

from __future__ import annotations

import hashlib
from typing import Any

from django import forms
from django.core import signing
from django.core.files.uploadhandler import MemoryFileUploadHandler
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminSelectWidget

from bankfeeds.models import Account, Connection
from bankfeeds.validation import LARGEST, Choices

LOOKED_AT_LASTS = 30 * 60
"""How long, in seconds, a file may be looked at before it is compared."""
CARRIED = 1_500_000
"""The longest text that the page carries from looking to comparing; a larger file is chosen again."""
_SALT = "bankfeeds.export"


class InMemory(MemoryFileUploadHandler):
    """Takes files as large as an export may be, and still never writes one to the disk."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: Any,  # noqa: N803  # the framework's name
        content_length: int,
        boundary: Any,
        encoding: Any = None,
    ) -> None:
        self.activated = content_length <= LARGEST + 2**20


class CompareForm(forms.Form):
    """Which account, which file, and what the file itself may leave open."""

    account = forms.ModelChoiceField(Account.objects.none(), widget=UnfoldAdminSelectWidget, empty_label=None)
    file = forms.FileField(
        label="The customer's export",
        required=False,
        allow_empty_file=True,
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
        help_text="CSV with a row of headings, up to 20 MB and 100,000 rows. It is compared and not kept.",
    )
    order = forms.ChoiceField(
        label="Days are written",
        required=False,
        choices=[
            ("", "As the file itself shows"),
            ("day_first", "Day first: 31/12"),
            ("month_first", "Month first: 12/31"),
        ],
        widget=UnfoldAdminSelectWidget,
    )
    mark = forms.ChoiceField(
        label="The decimal mark is",
        required=False,
        choices=[("", "As the file itself shows"), (".", "A point: 1,234.56"), (",", "A comma: 1.234,56")],
        widget=UnfoldAdminSelectWidget,
    )
    carried = forms.CharField(required=False, widget=forms.HiddenInput)
    digest = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, connection: Connection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._salt = (
            f"{_SALT}:{connection.pk}"  # what was looked at for one customer is not compared for another
        )
        self.fields["file"].one_of_two = True  # type: ignore[attr-defined]  # or the one looked at: not optional
        self.fields["account"].queryset = connection.accounts.order_by("number")  # type: ignore[attr-defined]

    def clean_account(self) -> Account:
        account: Account = self.cleaned_data["account"]
        if not account.currency:
            raise forms.ValidationError(
                "Nothing has been read of this account yet: there is nothing to compare."
            )
        return account

    def clean(self) -> dict[str, Any]:
        """Take the file that was chosen, or the one that was looked at."""
        given = super().clean() or {}
        file, carried = given.get("file"), given.pop("carried", "")
        if file is not None:
            given["content"] = file.read(LARGEST + 1)
        elif carried:
            given["content"] = _opened(carried, self._salt)
        else:
            self.add_error("file", "Choose the customer's export, a file of up to 20 MB.")
        return given

    @property
    def content(self) -> bytes:
        found: bytes = self.cleaned_data["content"]
        return found

    @property
    def choices(self) -> Choices:
        given = self.cleaned_data
        account = given["account"]
        return Choices(
            account=account.given_number,
            currency=account.currency,
            order=given["order"] or None,
            mark=given["mark"] or None,
        )

    def is_the_file_looked_at(self) -> bool:
        """Say whether this is the file of the preview, which the page names by its digest."""
        digest: str = self.cleaned_data["digest"]
        return digest == hashlib.sha256(self.content).hexdigest()

    def carry(self, content: bytes) -> bool:
        """Let the page carry ``content``, signed, to the next step; say whether it is small enough for that."""
        packed = signing.dumps(content.decode("latin-1"), salt=self._salt, compress=True)
        fits = len(packed) <= CARRIED
        digest = hashlib.sha256(content).hexdigest()
        self.data = {**dict(self.data.items()), "carried": packed if fits else "", "digest": digest}
        return fits


def _opened(carried: str, salt: str) -> bytes:
    try:
        text: str = signing.loads(carried, salt=salt, max_age=LOOKED_AT_LASTS)
    except signing.BadSignature:
        raise forms.ValidationError(
            "What you looked at is older than half an hour, or was changed. Choose the file again."
        ) from None
    return text.encode("latin-1")
