"""Key pairs: where each stands, and what may be done with it."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import ReadOnlyAdmin
from certificates.admin.approvals import request_links
from certificates.admin.key_buttons import KEY_BUTTONS
from certificates.admin.key_pages import KeyPages
from certificates.admin.looks import preformatted
from certificates.models import KeyPair


@admin.register(KeyPair)
class KeyPairAdmin(KeyPages, ReadOnlyAdmin, ModelAdmin):
    list_display = ("common_name", "scope", "use", "environment", "state", "expires", "spki_sha256")
    list_filter = ("state", "use", "environment")
    list_select_related = ("certificate",)
    search_fields = ("common_name", "scope", "spki_sha256", "certificate__sha1")
    ordering = ("scope", "use", "-created_at")
    actions = None
    fieldsets = (
        (
            None,
            {"fields": ("common_name", "scope", "use", "environment", "state", "owner", "issued", "asked")},
        ),
        ("Key", {"fields": ("algorithm", "spki_sha256", "sealed_under", "csr")}),
        (
            "History",
            {
                "fields": (
                    "created_at",
                    "submitted_at",
                    "submitted_to",
                    "submission_reference",
                    "installed_by",
                    "proven_at",
                    "proof_problem",
                    "activated_at",
                    "standby_until",
                    "retired_at",
                )
            },
        ),
    )
    buttons = KEY_BUTTONS

    @admin.display(description="valid until", ordering="certificate__not_after")
    def expires(self, key: KeyPair) -> str:
        return f"{key.certificate.not_after:%Y-%m-%d}" if hasattr(key, "certificate") else "–"

    @admin.display(description="certificate")
    def issued(self, key: KeyPair) -> str:
        if not hasattr(key, "certificate"):
            return "none yet"
        url = reverse("admin:certificates_certificate_change", args=[key.certificate.pk])
        return format_html('<a href="{}">{}</a>', url, key.certificate)

    @admin.display(description="asked for")
    def asked(self, key: KeyPair) -> SafeString | str:
        return request_links(key)

    @admin.display(description="sealed under")
    def sealed_under(self, key: KeyPair) -> str:
        envelope = getattr(key, "envelope", None)
        return f"{envelope.provider} {envelope.kek_version}" if envelope else "destroyed"

    @admin.display(description="signing request")
    def csr(self, key: KeyPair) -> SafeString:
        return preformatted(key.csr_pem)
