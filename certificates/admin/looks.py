"""How a fact is shown."""

from __future__ import annotations

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString


def left(not_after: datetime, *, now: datetime) -> str:
    """Return the whole days left, or that there are none."""
    return f"{(not_after - now).days}" if not_after > now else "ended"


def preformatted(text: str) -> SafeString:
    """Return text that keeps its lines."""
    return format_html('<pre class="overflow-x-auto text-xs">{}</pre>', text)
