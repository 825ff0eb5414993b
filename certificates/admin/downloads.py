"""Files to hand out: a signing request or a certificate. Public things only."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from certificates import csr
from certificates.models import KeyPair


def request_pem(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Answer with the signing request as PEM."""
    key = _key(admin, request, pk)
    return _file(key.csr_pem.encode("ascii"), f"{key.common_name}.csr.pem", "application/x-pem-file")


def request_der(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Answer with the signing request as DER."""
    key = _key(admin, request, pk)
    return _file(csr.der(key.csr_pem), f"{key.common_name}.csr.der", "application/pkcs10")


def certificate_pem(admin: Any, request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Answer with the certificate alone as PEM, as the bank's portal takes it."""
    if not request.user.has_perm("certificates.view_certificate"):
        raise PermissionDenied
    key = _key(admin, request, pk)
    if not hasattr(key, "certificate"):
        raise Http404
    name = f"{key.common_name}.certificate.pem"
    return _file(key.certificate.pem.encode("ascii"), name, "application/x-pem-file")


def _key(admin: Any, request: HttpRequest, pk: uuid.UUID) -> KeyPair:
    if not admin.has_view_permission(request):
        raise PermissionDenied
    key = KeyPair.objects.select_related("certificate").filter(pk=pk).first()
    if key is None or not key.csr_pem:
        raise Http404
    return key


def _file(content: bytes, name: str, kind: str) -> HttpResponse:
    # A common name is text from a certificate: nothing but these characters reaches the header.
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name).lstrip(".")
    return HttpResponse(
        content,
        content_type=kind,
        headers={
            "Content-Disposition": f'attachment; filename="{safe}"',
            "Cache-Control": "no-store, private",
            "X-Content-Type-Options": "nosniff",
        },
    )
