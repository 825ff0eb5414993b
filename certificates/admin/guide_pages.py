"""Two guided pages: a key that somebody else may hold, and the renewal of a certificate. Reading changes nothing."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from audit.transitions import Button, form_of
from certificates.admin import compromise_guide, renewal_guide
from certificates.admin.guides import Offers
from certificates.models import Certificate, KeyPair, KeyState


def compromise_page(admin: Any, request: HttpRequest, key: KeyPair, button: Button) -> HttpResponse:
    """Show what the key touches and what to do now; mark it on POST and go to the list of what is left."""
    form = form_of(button, request)
    if admin.acted(request, key, button, form):
        return HttpResponseRedirect(reverse("admin:certificates_keypair_compromised", args=[key.pk]))
    guide = compromise_guide.guide(key, _offers(admin, request), now=timezone.now())
    answer: HttpResponse = admin.act_page(
        request, key, button, form, "admin/certificates/acts/compromise.html", guide=guide
    )
    return answer


def compromised_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show what is left to do about a compromised key."""
    key = _key(admin, request, pk)
    if key.state not in (KeyState.COMPROMISED, KeyState.DESTROYED) or key.compromised_at is None:
        raise Http404
    guide = compromise_guide.guide(key, _offers(admin, request), now=timezone.now())
    return _page(admin, request, key, "compromised.html", "A compromised key: what to do now", guide=guide)


def renewal_page(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Show where the renewal of this key's certificate stands, and the one next act."""
    key = _key(admin, request, pk)
    certificate = Certificate.objects.select_related("key").filter(key=key).first()
    if certificate is None:
        raise Http404
    guide = renewal_guide.guide(certificate, _offers(admin, request), now=timezone.now())
    return _page(admin, request, key, "renewal.html", "Renewal of a certificate", guide=guide)


def _offers(admin: Any, request: HttpRequest) -> Offers:
    return Offers(
        act=lambda key, name: admin.offer(request, key, name),
        may_request=request.user.has_perm("certificates.request_keypair"),
        may_read_record=request.user.has_perm("audit.view_auditentry"),
    )


def _key(admin: Any, request: HttpRequest, pk: uuid.UUID) -> KeyPair:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    key = KeyPair.objects.select_related("certificate").filter(pk=pk).first()
    if key is None:
        raise Http404
    return key


def _page(
    admin: Any, request: HttpRequest, key: KeyPair, template: str, title: str, **more: Any
) -> HttpResponse:
    context = {
        **admin.admin_site.each_context(request),
        "title": title,
        "subtitle": key.common_name,
        "opts": key._meta,
        "original": key,
        "back_url": reverse("admin:certificates_keypair_change", args=[key.pk]),
        **more,
    }
    return TemplateResponse(request, f"admin/certificates/acts/{template}", context)
