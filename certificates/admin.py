"""Keys and certificates in the console: facts to read, acts as buttons, no private key anywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminFileFieldWidget

from audit.transitions import Button, ReadOnlyAdmin, TransitionAdmin
from certificates import operations, x509
from certificates.models import LIVE, OPEN, Certificate, KeyPair, KeyState

WAITING = (KeyState.CSR_ISSUED, KeyState.SUBMITTED)
ENDED = (KeyState.RETIRED, KeyState.REJECTED, KeyState.COMPROMISED)


class UploadForm(forms.Form):
    """The certificate as the bank returned it."""

    material = forms.FileField(
        label="Certificate",
        widget=UnfoldAdminFileFieldWidget,
        help_text="PEM, DER, PKCS#7 or PKCS#12, with its issuers in any order. Never a private key.",
    )

    def clean_material(self) -> bytes:
        """Return the upload's bytes, one more than the limit at most: the gate names what is too large."""
        content: bytes = self.cleaned_data["material"].read(x509.LARGEST + 1)
        return content


@admin.register(KeyPair)
class KeyPairAdmin(TransitionAdmin, ReadOnlyAdmin, ModelAdmin):
    list_display = ("common_name", "scope", "use", "environment", "state", "expires", "spki_sha256")
    list_filter = ("state", "use", "environment")
    list_select_related = ("certificate",)
    search_fields = ("common_name", "scope", "spki_sha256", "certificate__sha1")
    ordering = ("scope", "use", "-created_at")
    actions = None
    fieldsets = (
        (None, {"fields": ("common_name", "scope", "use", "environment", "state", "issued")}),
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
               when=lambda key: key.state in (KeyState.CERTIFIED, KeyState.STANDBY),
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
        Button(name="destroy", label="Destroy", operation=operations.destroy_key, reason=True, style="danger",
               permission="certificates.destroy_keypair", when=lambda key: key.state in ENDED,
               warning="The private key is removed for good. Backups made before still hold it, sealed."),
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

    @admin.display(description="sealed under")
    def sealed_under(self, key: KeyPair) -> str:
        envelope = getattr(key, "envelope", None)
        return f"{envelope.provider} {envelope.kek_version}" if envelope else "destroyed"

    @admin.display(description="signing request")
    def csr(self, key: KeyPair) -> SafeString:
        return _preformatted(key.csr_pem)


@admin.register(Certificate)
class CertificateAdmin(ReadOnlyAdmin, ModelAdmin):
    list_display = ("common_name", "scope", "use", "environment", "state", "not_after", "left", "sha1")
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
            {"fields": ("subject", "issuer", "serial", "not_before", "not_after", "left", "sha1", "sha256")},
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
    def left(self, certificate: Certificate) -> str:
        return _left(certificate.not_after, now=timezone.now())

    @admin.display(description="key")
    def owner(self, certificate: Certificate) -> SafeString:
        url = reverse("admin:certificates_keypair_change", args=[certificate.key_id])
        return format_html('<a href="{}">{}</a>', url, certificate.key)

    @admin.display(description="certificate")
    def certificate_text(self, certificate: Certificate) -> SafeString:
        return _preformatted(certificate.pem)

    @admin.display(description="intermediates")
    def chain_text(self, certificate: Certificate) -> SafeString:
        return _preformatted(certificate.chain_pem or "none")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("certificates.view_certificate")


def _left(not_after: datetime, *, now: datetime) -> str:
    return f"{(not_after - now).days}" if not_after > now else "ended"


def _preformatted(text: str) -> SafeString:
    return format_html('<pre class="overflow-x-auto text-xs">{}</pre>', text)
