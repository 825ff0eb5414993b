"""Certificates: what was issued, to whom, until when."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import ReadOnlyAdmin
from certificates.admin.looks import left, preformatted
from certificates.models import Certificate


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin, ModelAdmin):
    list_display = ("common_name", "scope", "use", "environment", "state", "not_after", "days_left", "sha1")
    list_filter = ("key__state", "key__use", "key__environment")
    list_select_related = ("key",)
    search_fields = ("key__common_name", "key__scope", "sha1", "sha256", "serial")
    ordering = ("not_after",)
    date_hierarchy = "not_after"
    actions = None
    fieldsets = (
        (None, {"fields": ("common_name", "scope", "use", "environment", "state", "owner")}),
        (
            "Facts",
            {
                "fields": (
                    "subject",
                    "issuer",
                    "serial",
                    "not_before",
                    "not_after",
                    "days_left",
                    "sha1",
                    "sha256",
                )
            },
        ),
        ("As issued", {"fields": ("warnings", "certificate_text", "chain_text")}),
    )

    @admin.display(ordering="key__common_name")
    def common_name(self, certificate: Certificate) -> str:
        return certificate.key.common_name

    @admin.display(ordering="key__scope")
    def scope(self, certificate: Certificate) -> str:
        return certificate.key.scope

    @admin.display(ordering="key__use")
    def use(self, certificate: Certificate) -> str:
        return certificate.key.get_use_display()

    @admin.display(ordering="key__environment")
    def environment(self, certificate: Certificate) -> str:
        return certificate.key.environment

    @admin.display(ordering="key__state")
    def state(self, certificate: Certificate) -> str:
        return str(certificate.key.state)

    @admin.display(description="days left", ordering="not_after")
    def days_left(self, certificate: Certificate) -> str:
        return left(certificate.not_after, now=timezone.now())

    @admin.display(description="key")
    def owner(self, certificate: Certificate) -> SafeString:
        url = reverse("admin:certificates_keypair_change", args=[certificate.key_id])
        return format_html('<a href="{}">{}</a>', url, certificate.key)

    @admin.display(description="certificate")
    def certificate_text(self, certificate: Certificate) -> SafeString:
        return preformatted(certificate.pem)

    @admin.display(description="intermediates")
    def chain_text(self, certificate: Certificate) -> SafeString:
        return preformatted(certificate.chain_pem or "none")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("certificates.view_certificate")
