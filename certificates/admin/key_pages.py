"""The pages around a key: requesting, checking, downloading, and the two guides."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from audit.transitions import TransitionAdmin
from certificates.admin import checker, downloads, guide_pages, request_pages, track
from certificates.admin.approvals import open_requests
from certificates.models import LIVE, KeyPair, KeyState

READS = ("GET", "HEAD")


class KeyPages(TransitionAdmin):
    """Mixin for the admin of keys: the pages of its own, and the links to them on list and key."""

    list_before_template = "admin/certificates/acts/list_top.html"
    change_form_outer_before_template = "admin/certificates/acts/offers.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            self._page("request/", self.request_view, "request"),
            self._page("check/", self.check_view, "check"),
            self._reading("request.pem", downloads.request_pem, "request_pem"),
            self._reading("request.der", downloads.request_der, "request_der"),
            self._reading("certificate.pem", downloads.certificate_pem, "certificate_pem"),
            self._reading("renewal/", guide_pages.renewal_page, "renewal"),
            self._reading("compromised/", guide_pages.compromised_page, "compromised"),
        ]
        return [*own, *super().get_urls()]

    def _page(self, route: str, view: Callable[..., HttpResponse], name: str) -> URLPattern:
        return path(route, self.admin_site.admin_view(view), name=f"certificates_keypair_{name}")  # type: ignore[attr-defined]

    def _reading(self, tail: str, page: Callable[..., HttpResponse], name: str) -> URLPattern:
        def view(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
            if not self.has_view_permission(request):  # type: ignore[attr-defined]
                raise PermissionDenied  # before anything is said about the page, even how it is asked for
            return page(self, request, pk) if request.method in READS else HttpResponseNotAllowed(READS)

        return self._page(f"<uuid:pk>/{tail}", view, name)

    def request_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a new key and its signing request."""
        return request_pages.request_page(self, request)

    @method_decorator(sensitive_post_parameters())
    @sensitive_variables()
    def check_view(self, request: HttpRequest) -> HttpResponse:
        """Judge a signing request of another tool."""
        return checker.check_page(self, request)

    @method_decorator(sensitive_post_parameters())
    @sensitive_variables()
    def transition_view(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        # An upload may turn out to hold a private key, or a passphrase comes with it.
        return super().transition_view(request, object_id, name)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        key = self.get_object(request, object_id)  # type: ignore[attr-defined]
        context = {**(extra_context or {}), "key_links": _links(request, key) if key else []}
        context["lead"] = lead = _lead(request, key) if key else None
        if lead is not None:  # one way there is enough
            context["key_links"] = [link for link in context["key_links"] if link[0] != lead["url"]]
        return super().change_view(request, object_id, form_url, context)

    def offer(self, request: HttpRequest, key: KeyPair, name: str) -> str:
        """Return the address of an act that this person may take on this key now, or nothing."""
        button = next((one for one in self.buttons if one.name == name), None)
        return self._act_url(key, button) if button and self._offered(request, key, button) else ""


def _lead(request: HttpRequest, key: KeyPair) -> dict[str, str] | None:
    """Return the page that leads on where that is not an act on this very key."""
    asked = open_requests(key).first()
    if asked is not None:
        url = reverse("admin:certificates_approval_change", args=[asked.pk])
        return {"url": url, "label": "See what was asked for"}
    certificate = getattr(key, "certificate", None)
    if certificate is None or not request.user.has_perm("certificates.request_keypair"):
        return None
    turn = track.renewal(key, certificate, now=timezone.now())
    return {"url": turn.url, "label": "Renew"} if turn.url else None


def _links(request: HttpRequest, key: KeyPair) -> list[tuple[str, str, bool]]:
    """Return (address, words, whether it is a file) of what there is to fetch and to read about this key."""

    def page(name: str) -> str:
        return reverse(f"admin:certificates_keypair_{name}", args=[key.pk])

    found = []
    if key.state == KeyState.COMPROMISED:
        found.append((page("compromised"), "What to do now", False))
    has_certificate = hasattr(key, "certificate")
    if has_certificate and key.state in LIVE:
        found.append((page("renewal"), "Renewal, step by step", False))
    if key.csr_pem:
        found.append((page("request_pem"), "Request as PEM", True))
        found.append((page("request_der"), "Request as DER", True))
    if has_certificate and request.user.has_perm("certificates.view_certificate"):
        found.append((page("certificate_pem"), "Certificate as PEM", True))
    return found
