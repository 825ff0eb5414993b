"""Key pairs: where each stands, and what may be done with it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import ReadOnlyAdmin
from certificates.admin import looks
from certificates.admin.approvals import request_links
from certificates.admin.key_buttons import KEY_BUTTONS
from certificates.admin.key_pages import KeyPages
from certificates.admin.listing import WithWhereabouts, used_by
from certificates.admin.pages import key_page
from certificates.admin.track import turn
from certificates.models import KeyPair


@admin.register(KeyPair)
class KeyPairAdmin(KeyPages, ReadOnlyAdmin, ModelAdmin):
    list_display = ("shown_name", "shown_state", "turn", "purpose", "owned_by", "used_by", "expires")
    list_filter = ("state", "use", "environment", ("owner", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("certificate", "owner")
    search_fields = ("common_name", "scope", "spki_sha256", "certificate__sha1")
    ordering = ("scope", "use", "-created_at")
    actions = None
    list_filter_sheet = True
    list_unread = ("csr_pem", "certificate__pem", "certificate__chain_pem")
    change_form_outer_after_template = "admin/certificates/keypair/page.html"
    buttons = KEY_BUTTONS

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WithWhereabouts]:
        return WithWhereabouts

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return []  # the page says it all

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        key = self.get_object(request, object_id)
        if key is not None and self.has_view_permission(request, key):
            context["page"] = key_page(key, now=timezone.now())
            context["asked"] = request_links(key)
            context["may_read_record"] = request.user.has_perm("audit.view_auditentry")
            context["subtitle"] = key.common_name
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="state", ordering="state")
    def shown_state(self, key: KeyPair) -> SafeString:
        return looks.state_chip(key)

    @admin.display(description="turn")
    def turn(self, key: KeyPair) -> str:
        found = turn(key)
        return found.holder_words if found.holder else "–"

    @admin.display(description="common name", ordering="common_name")
    def shown_name(self, key: KeyPair) -> SafeString:
        return looks.dotted(key.common_name)

    @admin.display(description="use", ordering="use")
    def purpose(self, key: KeyPair) -> SafeString:
        return looks.purpose(key)

    @admin.display(description="owner", ordering="owner__username")
    def owned_by(self, key: KeyPair) -> str:
        return key.owner.get_username() if key.owner else "nobody"

    @admin.display(description="used by", ordering="scope")
    def used_by(self, key: KeyPair) -> SafeString:
        return used_by(key)

    @admin.display(description="validity", ordering="certificate__not_after")
    def expires(self, key: KeyPair) -> SafeString | str:
        return looks.end_of(key, now=timezone.now())
