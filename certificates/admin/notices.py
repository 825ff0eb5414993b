"""The ledger of notices and the mails that carry them."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from certificates import operations, watch
from certificates.admin import looks
from certificates.models import Notice, NoticeMail


def _open(notice: Notice) -> bool:
    return notice.superseded_by_id is None and notice.acknowledged_at is None


def _undecided(mail: NoticeMail) -> bool:
    return watch.undecided_mails(now=timezone.now()).filter(pk=mail.pk).exists()


@admin.register(Notice)
class NoticeAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("certificate_name", "due", "recorded_at", "acknowledged_at", "told_by")
    list_filter = ("threshold",)
    list_select_related = ("certificate__key", "superseded_by")
    search_fields = ("certificate__key__common_name",)
    ordering = ("-recorded_at", "-pk")
    fields = (
        *("certificate", "due", "recorded_at", "superseded_by"),
        *("acknowledged_at", "cared_for_by"),
    )
    actions = None
    buttons = (
        Button(
            name="acknowledge",
            label="I take care of it",
            operation=operations.acknowledge_notice,
            permission="certificates.acknowledge_notice",
            when=_open,
            warning="This notice is not escalated then. A nearer one asks again.",
            done="Noted: you take care of it.",
        ),
    )

    @admin.display(description="certificate", ordering="certificate__key__common_name")
    def certificate_name(self, notice: Notice) -> SafeString:
        return looks.dotted(notice.certificate.key.common_name)

    @admin.display(description="due", ordering="threshold")
    def due(self, notice: Notice) -> str:
        return notice.due

    @admin.display(description="told by a nearer one")
    def told_by(self, notice: Notice) -> str:
        return notice.superseded_by.due if notice.superseded_by else "–"

    @admin.display(description="taken care of by")
    def cared_for_by(self, notice: Notice) -> str:
        kind, _, key = notice.acknowledged_by.partition(":")
        person = get_user_model().objects.filter(pk=key).first() if kind == "user" else None
        return person.get_username() if person else notice.acknowledged_by or "nobody yet"


@admin.register(NoticeMail)
class NoticeMailAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("subject", "role", "state", "queued_at", "sent_at")
    list_filter = ("state", "role")
    search_fields = ("subject",)
    fields = (
        *("topic", "role", "recipient", "state", "problem", "attempts"),
        *("queued_at", "not_before", "sending_at", "sent_at", "subject", "text"),
    )
    actions = None
    buttons = (
        Button(
            name="resend",
            label="Send again",
            operation=operations.resend_notice_mail,
            permission="certificates.resend_noticemail",
            reason=True,
            when=_undecided,
            warning="If the first one did leave, it arrives twice.",
            done="Queued: it leaves with the next run of the monitor.",
        ),
        Button(
            name="drop",
            label="Give it up",
            operation=operations.drop_notice_mail,
            permission="certificates.resend_noticemail",
            reason=True,
            style="danger",
            when=_undecided,
            warning="Nobody is told by this mail.",
        ),
    )
