"""Key pairs: where each stands, and what may be done with it."""

from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from certificates import operations
from certificates.admin.approvals import ASKING, request_links
from certificates.admin.forms import UploadForm
from certificates.admin.looks import preformatted
from certificates.models import LIVE, OPEN, WAITING, KeyPair, KeyState


@admin.register(KeyPair)
class KeyPairAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("common_name", "scope", "use", "environment", "state", "expires", "spki_sha256")
    list_filter = ("state", "use", "environment")
    list_select_related = ("certificate",)
    search_fields = ("common_name", "scope", "spki_sha256", "certificate__sha1")
    ordering = ("scope", "use", "-created_at")
    actions = None
    fieldsets = (
        (None, {"fields": ("common_name", "scope", "use", "environment", "state", "issued", "asked")}),
        ("Key", {"fields": ("algorithm", "spki_sha256", "sealed_under", "csr")}),
        ("History", {"fields": ("created_at", "submitted_at", "installed_by", "activated_at", "retired_at")}),
    )
    buttons = (
        Button(name="submit", label="Mark as submitted", operation=operations.mark_submitted,
               permission="certificates.submit_keypair", when=lambda key: key.state == KeyState.CSR_ISSUED),
        Button(name="install", label="Install certificate", form=UploadForm,
               operation=operations.install_for_request, permission="certificates.install_certificate",
               when=lambda key: key.state in WAITING),
        Button(name="activate", label="Activate", operation=operations.activate_key,
               permission="certificates.activate_keypair",
               when=lambda key: key.is_test and key.state in (KeyState.CERTIFIED, KeyState.STANDBY),
               warning="From now on this key is used; the one active before stands by."),
        Button(name="retire", label="Retire", operation=operations.retire_key, reason=True, style="danger",
               permission="certificates.retire_keypair", when=lambda key: key.state in LIVE,
               warning="A retired key is not used again. Without another active key its feed stops."),
        Button(name="reject", label="Rejected by the bank", operation=operations.reject_key, reason=True,
               permission="certificates.reject_keypair", when=lambda key: key.state in WAITING),
        Button(name="compromise", label="Mark as compromised", reason=True, style="danger",
               operation=operations.mark_compromised, permission="certificates.compromise_keypair",
               when=lambda key: key.state in (*OPEN, *LIVE, KeyState.RETIRED, KeyState.REJECTED),
               warning="Every use of this key stops at once. Tell the bank as well."),
        *ASKING,
    )  # fmt: skip

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
