"""Response policies: strict for the portal, the least relaxed one the console's theme works with for the console."""

from __future__ import annotations

from collections.abc import Callable

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse

from onboarding.portal import HEADERS

CONSOLE_POLICY = {
    # The theme's Alpine build evaluates expressions and paints its colours from one inline style element.
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "connect-src": [SELF],
    "manifest-src": [SELF],
    "default-src": [NONE],
}


class ConsolePolicyMiddleware:
    """Relax the policy under /admin/ only; forbid caching there, since its pages show customers' data."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/admin/"):
            response._csp_replace = CONSOLE_POLICY  # type: ignore[attr-defined]
            response.setdefault("Cache-Control", "no-store, private")
            response.setdefault("X-Robots-Tag", "noindex, nofollow")
        return response


class PortalHeadersMiddleware:
    """Put the portal's headers on every answer under /status/: redirects and error pages never reach its views."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith("/status/"):
            for name, value in HEADERS.items():
                response[name] = value
        return response
