"""Acts that take two people: who asked for what, until when, and the buttons of whoever decides."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import CharField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from unfold.admin import ModelAdmin

from audit.recording import Actor
from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from audit.workflow import OperationRefused
from certificates import operations, permits
from certificates.admin import looks
from certificates.admin.approval_forms import KeyringForm, PassphraseForm
from certificates.models import ENDED, UNDECIDED, Act, Approval, ApprovalState, KeyPair

DECISIONS = ("approve", "decline")


def open_requests(key: KeyPair) -> QuerySet[Approval]:
    """Return what somebody asked for about this key and nobody decided or used yet."""
    return Approval.objects.filter(key=key, state__in=UNDECIDED).order_by("requested_at")


def request_links(key: KeyPair) -> SafeString:
    """Return links to the open requests about this key, or nothing."""
    rows = (
        (reverse("admin:certificates_approval_change", args=[one.pk]), one.get_act_display(),
         one.get_state_display(), f"{one.expires_at:%Y-%m-%d %H:%M}")
        for one in open_requests(key)
    )  # fmt: skip
    return format_html_join("; ", '<a class="lk-link" href="{}">{}</a>: {}, until {} UTC', rows)


def _may_ask(act: Act, key: KeyPair, *states: str) -> bool:
    return key.state in states and not open_requests(key).filter(act=act).exists()


ASKING = (
    Button(name="ask_activate", label="Ask for activation", reason=True,
           operation=partial(operations.request_approval, act=Act.ACTIVATE), permission=permits.MAY_ASK,
           when=lambda key: not key.is_test and key.proven_at is not None
           and _may_ask(Act.ACTIVATE, key, "certified", "standby"),
           warning="Another person allows it within 72 hours; then this key is used and the one before stands by.",
           done="Asked for. Another person decides under Approvals."),
    Button(name="ask_destroy", label="Ask to destroy", reason=True, style="danger",
           operation=partial(operations.request_approval, act=Act.DESTROY), permission=permits.MAY_ASK,
           when=lambda key: _may_ask(Act.DESTROY, key, *ENDED),
           warning="Once another person allows it, the private key is removed for good. Backups made before hold "
                   "it, sealed, until the keyring version that sealed it is destroyed too.",
           done="Asked for. Another person decides under Approvals."),
    Button(name="ask_export", label="Ask to export", reason=True, style="danger",
           operation=partial(operations.request_approval, act=Act.EXPORT), permission=permits.MAY_ASK,
           when=lambda key: settings.ALLOW_KEY_EXPORT and _may_ask(Act.EXPORT, key, "certified", "active", "standby"),
           warning="An exported key is out of this installation's hands: nothing here can account for its use.",
           done="Asked for. Another person decides under Approvals."),
)  # fmt: skip
"""The buttons of a key's page that begin an act of two people."""


@admin.register(Approval)
class ApprovalAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("act", "about", "asked_by", "why", "expires_at", "state")
    list_filter = ("state", "act")
    list_select_related = ("key",)
    search_fields = ("key__common_name", "target", "reason")
    ordering = ("-requested_at",)
    actions = None
    form = KeyringForm
    asked = (None, {"fields": ("act", "state", "asked_by", "requested_at", "reason", "expires_at")})
    decided = ("Decision", {"fields": ("decided_by_name", "decided_at", "used_at")})
    key_fieldsets = (
        asked,
        ("What it is about", {"fields": ("key_link", "environment", "key_state", "certificate", "proven",
                                         "sealed", "unchanged")}),
        decided,
    )  # fmt: skip
    keyring_fieldsets = (asked, ("What it is about", {"fields": ("target", "unchanged")}), decided)
    add_fieldsets = (("Another keyring version", {"fields": ("target", "reason")}),)
    buttons = (
        Button(name="approve", label="Allow", operation=operations.approve, permission=permits.MAY_DECIDE,
               when=lambda one: one.state == ApprovalState.REQUESTED,
               warning="What was asked for is done at once, in your name: look at the facts first. An export is "
                       "fetched by whoever asked; a keyring version seals from its first use.",
               done="Allowed."),
        Button(name="decline", label="Decline", operation=operations.decline, permission=permits.MAY_DECIDE,
               reason=True, style="danger", when=lambda one: one.state == ApprovalState.REQUESTED),
        Button(name="withdraw", label="Withdraw", operation=operations.withdraw, permission=permits.MAY_ASK,
               reason=True, style="secondary", when=lambda one: one.state in UNDECIDED),
        Button(name="export", label="Download the key", operation=operations.export_key, form=PassphraseForm,
               permission=permits.MAY_ASK, style="danger",
               when=lambda one: one.act == Act.EXPORT and one.state == ApprovalState.APPROVED,
               warning="The file is made once. If the download fails, somebody has to ask again."),
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm(permits.MAY_ASK))

    def has_act_permission(self, request: HttpRequest, obj: Any, button: Button) -> bool:
        """Deciding takes the act's own right as well."""
        decides = button.name not in DECISIONS or request.user.has_perm(permits.RIGHTS[obj.act])
        return decides and super().has_act_permission(request, obj, button)

    def _offered(self, request: HttpRequest, obj: Any, button: Button) -> bool:
        mine = obj.requested_by == f"user:{request.user.pk}"
        return mine is (button.name not in DECISIONS) and super()._offered(request, obj, button)

    @method_decorator(sensitive_post_parameters())
    @sensitive_variables()
    def transition_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """As the base; an export is answered by its file."""
        response = super().transition_view(request, object_id, name)
        exported: bytes | None = request.__dict__.pop("_exported", None)
        if exported is None:
            return response
        headers = {
            "Content-Disposition": 'attachment; filename="key.p12"',
            "Cache-Control": "no-store, private",
            "X-Content-Type-Options": "nosniff",
        }
        return HttpResponse(exported, content_type="application/x-pkcs12", headers=headers)

    @sensitive_variables()
    def _act(
        self, request: HttpRequest, obj: Any, button: Button, form: forms.Form
    ) -> OperationRefused | None:
        if button.name != "export":
            return super()._act(request, obj, button, form)

        @sensitive_variables()
        def export(**values: Any) -> None:
            request.__dict__["_exported"] = operations.export_key(**values)

        return super()._act(request, obj, replace(button, operation=export), form)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Approval]:
        found: QuerySet[Approval] = super().get_queryset(request)
        return found.annotate(
            asked_by_name=_username("requested_by"), decided_by_username=_username("decided_by")
        )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.add_fieldsets
        return self.keyring_fieldsets if obj.act == Act.KEYRING else self.key_fieldsets

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj:
            return super().get_form(request, obj, change, **kwargs)
        return type("AskForVersionForm", (KeyringForm,), {"actor": Actor.user(request.user)})

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        # One request, one button: nobody asks for two versions in a row.
        plain = {"show_save_and_add_another": False, "show_save_and_continue": False}
        response: HttpResponse = super().add_view(request, form_url, {**(extra_context or {}), **plain})
        return response

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The form's operation has saved it."""

    @admin.display(description="about")
    def about(self, approval: Approval) -> SafeString | str:
        return looks.dotted(approval.key.common_name) if approval.key else approval.target

    @admin.display(description="reason")
    def why(self, approval: Approval) -> str:
        return Truncator(approval.reason).chars(80)

    @admin.display(description="asked by", ordering="requested_by")
    def asked_by(self, approval: Any) -> str:
        return str(approval.asked_by_name or approval.requested_by)

    @admin.display(description="decided by")
    def decided_by_name(self, approval: Any) -> str:
        return str(approval.decided_by_username or approval.decided_by or "–")

    @admin.display(description="key")
    def key_link(self, approval: Any) -> SafeString:
        url = reverse("admin:certificates_keypair_change", args=[approval.key_id])
        return format_html(
            '<a class="lk-link" href="{}">{}</a>, public key {}',
            url,
            approval.key.common_name,
            approval.key.spki_sha256,
        )

    @admin.display(description="environment")
    def environment(self, approval: Any) -> str:
        return f"{approval.key.environment}, {approval.key.get_use_display()}"

    @admin.display(description="state of the key")
    def key_state(self, approval: Any) -> str:
        return str(approval.key.get_state_display())

    @admin.display(description="certificate")
    def certificate(self, approval: Any) -> str:
        found = getattr(approval.key, "certificate", None)
        return f"{found.sha256}, until {found.not_after:%Y-%m-%d}" if found else "none"

    @admin.display(description="last proven at the bank")
    def proven(self, approval: Any) -> str:
        return f"{approval.key.proven_at:%Y-%m-%d %H:%M} UTC" if approval.key.proven_at else "never"

    @admin.display(description="sealed")
    def sealed(self, approval: Any) -> str:
        under = operations.sealed_under(approval.key)
        return operations.backups_sentence(*under) if approval.act == Act.DESTROY else " ".join(under)

    @admin.display(description="as it was when asked for")
    def unchanged(self, approval: Approval) -> str:
        if approval.state not in UNDECIDED:
            return "–"
        return permits.void_because(approval, now=timezone.now()) or "yes"


def _username(column: str) -> Subquery:
    named = Concat(Value("user:"), Cast("pk", CharField()))
    found = get_user_model().objects.annotate(named=named).filter(named=OuterRef(column))
    return Subquery(found.values("username")[:1])
