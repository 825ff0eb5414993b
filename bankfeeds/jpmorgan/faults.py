"""What the bank says with an error."""

from typing import Any

import msgspec

from bankfeeds.jpmorgan.wire import Fault, Wire


class _ErrorEnvelope(Wire):
    errors: list[Fault] | None = None
    error: str | None = None
    error_description: str | None = msgspec.field(default=None, name="error_description")
    http_status: int | None = None
    title: str | None = None
    context: list[dict[str, Any]] | None = None


_errors = msgspec.json.Decoder(_ErrorEnvelope)


def faults(body: bytes) -> list[tuple[str, str]]:
    """Return the (code, message) pairs of an error answer in any of the bank's three shapes, or []."""
    try:
        answer = _errors.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []
    found = [(str(f.error_code or ""), f.error_msg or "") for f in answer.errors or []]
    if answer.error or answer.error_description:
        found.append((answer.error or "", answer.error_description or ""))
    for entry in answer.context or []:
        found.append((str(entry.get("code") or ""), str(entry.get("message") or "")))
    return found or ([("", answer.title)] if answer.title else [])
