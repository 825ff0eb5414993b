"""Notes on lines: shown with the line, written with a button, linked by a person where the bank left a choice."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from audit.transitions import Button, ReadOnlyAdmin
from bankfeeds import operations
from bankfeeds.admin.acts import RowActs
from bankfeeds.models import Line, LineNote
from bankfeeds.previews.notes import suggestions
from bankfeeds.reports import amount_in_thousands

MOST_CHOICES = 50
RIGHT = "bankfeeds.add_linenote"


class NoteForm(forms.Form):
    """What a person writes."""

    text = forms.CharField(
        label="Note", widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}), max_length=2000, strip=True,
        help_text="Everybody who may see the line reads it. It stays with the line, and is not changed or removed.",
    )  # fmt: skip


def note_button(operation: Any) -> Button:
    """Return the button that writes a note on a row."""
    return Button(
        name="note", label="Add a note", operation=operation, form=NoteForm, permission=RIGHT, style="secondary",
        done="The note is kept.",
    )  # fmt: skip


def author_names(authors: Iterable[str]) -> dict[str, str]:
    """Return who each actor is, as kept (“user:3”), in a person's words: the name to sign in with."""
    split = {author: author.partition(":") for author in authors}
    keys = {int(key) for kind, _, key in split.values() if kind == "user" and key.isdigit()}
    people = get_user_model().objects.in_bulk(keys)
    return {
        author: people[int(key)].get_username()
        if kind == "user" and key.isdigit() and int(key) in people
        else author
        for author, (kind, _, key) in split.items()
    }


def shown(notes: Iterable[LineNote]) -> SafeString:
    """Return the notes with their authors' names."""
    rows = list(notes)
    names = author_names([note.author for note in rows])
    told = [{"note": note, "author": names[note.author]} for note in rows]
    return mark_safe(render_to_string("admin/bankfeeds/line/notes.html", {"notes": told}))  # noqa: S308 - a template


class LinkForm(forms.Form):
    """Which line a note belongs to: those that look alike; where none does, the lines of its day."""

    line = forms.TypedChoiceField(
        label="The line it belongs to", coerce=int, widget=UnfoldAdminRadioSelectWidget
    )

    def __init__(self, *args: Any, note: LineNote, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        day = Line.objects.filter(account=note.account_id, as_of_date=note.as_of_date, state="booked")
        choices = suggestions(note) or list(day.order_by("pk")[:MOST_CHOICES])
        self.fields["line"].choices = [(line.pk, _words(line)) for line in choices]  # type: ignore[attr-defined]


def link_page(page: Any, request: HttpRequest, note: Any, button: Button) -> HttpResponse:
    """Ask which line the note belongs to."""
    form = LinkForm(request.POST if request.method == "POST" else None, note=note)
    if page.acted(request, note, button, form):
        return HttpResponseRedirect(reverse("admin:bankfeeds_linenote_change", args=[note.pk]))
    asked: HttpResponse = page.act_page(request, note, button, form)
    return asked


@admin.register(LineNote)
class LineNoteAdmin(RowActs, ReadOnlyAdmin, ModelAdmin):
    list_display = ("at", "as_of_date", "connection", "account", "text", "place")
    list_filter = (("line", admin.EmptyFieldListFilter), "account__connection")
    list_select_related = ("account__connection", "line")
    show_full_result_count = False
    actions = None
    fields = ("text", "by", "at", "connection", "account", "as_of_date", "transaction_id", "place")
    buttons = (
        Button(name="link", label="Choose its line", operation=operations.link_note, permission=RIGHT, page=link_page,
               when=lambda note: note.line_id is None, done="The note is with its line.",
               warning="Nothing the bank gave leaves one line only. Choose the one that the note is about."),
    )  # fmt: skip

    @admin.display(ordering="account__connection__label")
    def connection(self, note: LineNote) -> str:
        return note.account.connection.label

    @admin.display(description="author")
    def by(self, note: LineNote) -> str:
        return author_names([note.author])[note.author]

    @admin.display(description="line")
    def place(self, note: LineNote) -> SafeString | str:
        if note.line is None:
            return "waiting for its line"
        url = reverse("admin:bankfeeds_line_change", args=[note.line.pk])
        return format_html('<a class="lk-link" href="{}">{}</a>', url, note.line.transaction_id)


def _words(line: Line) -> str:
    amount = (
        f"{line.direction.capitalize()} {amount_in_thousands(line.amount, line.currency)} {line.currency}"
    )
    return ", ".join(
        one for one in (amount, line.description, line.bank_reference, line.transaction_id) if one
    )
