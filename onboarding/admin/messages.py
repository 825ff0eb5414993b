"""The outbox in the console."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from unfold.admin import ModelAdmin

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from onboarding import operations, queries
from onboarding.models import Message


def _undecided(message: Message) -> bool:
    return queries.is_undecided(message, now=timezone.now())


@admin.register(Message)
class MessageAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("subject", "project", "contact", "milestone", "state", "queued_at", "sent_at")
    list_filter = ("state", "milestone")
    list_select_related = ("project", "contact")
    search_fields = ("project__title",)
    fields = (
        *("project", "contact", "milestone", "state", "problem", "attempts"),
        *("queued_at", "sending_at", "sent_at", "subject", "text"),
    )
    actions = None
    buttons = (
        Button(
            name="resend",
            label="Send again",
            operation=operations.resend_message,
            permission="onboarding.resend_message",
            reason=True,
            when=_undecided,
            warning="If the first one did leave, the customer gets it twice.",
        ),
        Button(
            name="drop",
            label="Give it up",
            operation=operations.drop_message,
            permission="onboarding.resend_message",
            reason=True,
            style="danger",
            when=_undecided,
            warning="The customer is not told about this milestone.",
        ),
    )
