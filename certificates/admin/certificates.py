"""Certificates: what was issued, to whom, until when, and where it is used."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import ReadOnlyAdmin
from certificates import queries
from certificates.admin import looks
from certificates.admin.calendar import calendar
from certificates.admin.listing import ENDED, HORIZONS, EndsWithin, WithWhereabouts, used_by
from certificates.admin.pages import certificate_page
from certificates.models import LIVE, Certificate


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin, ModelAdmin):
    list_display = ("common_name", "validity", "use", "state", "owner", "used_by", "last_proof")
    list_filter = (
        EndsWithin,
        "key__environment",
        "key__use",
        "key__state",
        ("key__owner", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("key__owner",)
    search_fields = ("key__common_name", "key__scope", "sha1", "sha256", "serial")
    ordering = ("not_after",)
    actions = None
    list_filter_sheet = True
    list_before_template = "admin/certificates/certificate/list_top.html"
    list_unread = ("pem", "chain_pem", "key__csr_pem")
    change_form_outer_before_template = "admin/certificates/certificate/page.html"

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[WithWhereabouts]:
        return WithWhereabouts

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return []  # the page says it all

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "calendar/",
            self.admin_site.admin_view(self.calendar_view),
            name="certificates_certificate_calendar",
        )
        return [own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        days = (0, *HORIZONS)
        counts = queries.how_many_end(now=timezone.now(), days=days)
        ends = [{"days": n, "value": n or ENDED, "number": c} for n, c in zip(days, counts, strict=True)]
        context = {
            **(extra_context or {}),
            "ends": ends,
            "ends_now": request.GET.get("ends", ""),
            "calendar_url": reverse("admin:certificates_certificate_calendar"),
        }
        response: HttpResponse = super().changelist_view(request, context)
        return response

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = dict(extra_context or {})
        certificate = self.get_object(request, object_id)
        if certificate is not None and self.has_view_permission(request, certificate):
            context["page"] = certificate_page(certificate, now=timezone.now())
            context["may_read_record"] = request.user.has_perm("audit.view_auditentry")
            context["subtitle"] = certificate.key.common_name
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def calendar_view(self, request: HttpRequest) -> HttpResponse:
        """Show the ends to come."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "title": "Calendar of expiries",
            "content_title": "Calendar of expiries",
            "calendar": calendar(now=timezone.now()),
            "list_url": reverse("admin:certificates_certificate_changelist"),
        }
        return TemplateResponse(request, "admin/certificates/certificate/calendar.html", context)

    @admin.display(description="certificate", ordering="key__common_name")
    def common_name(self, certificate: Certificate) -> SafeString:
        return looks.dotted(certificate.key.common_name)

    @admin.display(description="validity", ordering="not_after")
    def validity(self, certificate: Certificate) -> SafeString:
        return looks.bar(
            looks.expiry(
                certificate.not_before,
                certificate.not_after,
                now=timezone.now(),
                in_use=certificate.key.state in LIVE,
            )
        )

    @admin.display(ordering="key__use")
    def use(self, certificate: Certificate) -> SafeString:
        return looks.purpose(certificate.key)

    @admin.display(ordering="key__state")
    def state(self, certificate: Certificate) -> SafeString:
        return looks.state_chip(certificate.key)

    @admin.display(ordering="key__owner__username")
    def owner(self, certificate: Certificate) -> str:
        owner = certificate.key.owner
        return owner.get_username() if owner else "nobody"

    @admin.display(description="used by", ordering="key__scope")
    def used_by(self, certificate: Certificate) -> SafeString:
        return used_by(certificate.key)

    @admin.display(description="last proof", ordering="key__proven_at")
    def last_proof(self, certificate: Certificate) -> SafeString:
        return looks.proof_mark(certificate.key)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("certificates.view_certificate")
