"""Error pages that cut what custody marks as sensitive, whatever DEBUG says."""

from __future__ import annotations

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class AlwaysCutting(SafeExceptionReporterFilter):
    """Django's own filter rests while DEBUG is on: a failure in the middle of using a key would then print the key."""

    def is_active(self, request: HttpRequest | None) -> bool:
        return True
