"""The timeline of a key in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certificates.admin.looks import moment
from certificates.timeline import KEY_USED, Event, Timeline

WORDS = {
    "certificates.keypair.issue_csr": "Key and signing request made",
    "certificates.keypair.submit": "Request submitted",
    "certificates.keypair.reject": "Request rejected by the bank",
    "certificates.keypair.certify": "Certificate installed",
    "certificates.keypair.go_live_in_test": "Active in the test environment",
    "certificates.keypair.activate": "Activated",
    "certificates.keypair.stand_by": "Replaced: on standby",
    "certificates.keypair.retire": "Retired",
    "certificates.keypair.compromise": "Marked as compromised",
    "certificates.keypair.destroy": "Private key destroyed",
    "certificates.key_proven": "Proven at the bank",
    "certificates.key_not_proven": "Refused at the bank",
    "certificates.key_rewrapped": "Sealed under another keyring version",
    "certificates.recovery_wrapped": "Sealed for the recovery key too",
    "certificates.key_recovered": "Brought back by the recovery key",
    "certificates.expiry_noticed": "Notice of its end due",
    "certificates.approval.request": "Act of two people asked for",
    "certificates.approval.approve": "Act allowed by a second person",
    "certificates.approval.decline": "Act declined",
    "certificates.approval.withdraw": "Wish for an act withdrawn",
    "certificates.approval.use": "Allowed act done",
    "certificates.approval.lapse": "Wish for an act lapsed",
}
BAD = {
    "certificates.keypair.reject",
    "certificates.keypair.compromise",
    "certificates.key_not_proven",
    "certificates.approval.decline",
}
DETAILS = {"submitted_to": "to {}", "reference": "reference {}", "sentence": "{}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of the timeline; ``number`` is its place in the audit record, None for added-up uses."""

    when: str
    iso: str
    title: str
    detail: str
    who: str
    reason: str
    number: int | None
    tone: str


def tell(found: Timeline) -> list[Line]:
    """Return the timeline's events as sentences, in their order."""
    return [_line(event) for event in found.events]


def _line(event: Event) -> Line:
    used = event.verb == KEY_USED
    return Line(
        when=moment(event.at),
        iso=event.at.isoformat(),
        title=_used(event) if used else WORDS.get(event.verb) or _plain(event.verb),
        detail=_span(event) if used else _details(event),
        who=_who(event),
        reason=event.reason,
        number=event.number,
        tone="bad" if event.verb in BAD else "use" if used else "act",
    )


def _used(event: Event) -> str:
    times = "once" if event.times == 1 else f"{event.times:,} times"
    purpose = event.data.get("purpose")
    return f"Used {times} for “{purpose}”" if purpose else f"Used {times}"


def _span(event: Event) -> str:
    return "" if event.times == 1 else f"first {moment(event.first)}, last {moment(event.at)}"


def _who(event: Event) -> str:
    return event.who if event.who_kind == "user" else f"{event.who_kind} {event.who}".strip()


def _plain(verb: str) -> str:
    return verb.partition(".")[2].replace("keypair.", "").replace(".", ": ").replace("_", " ").capitalize()


def _details(event: Event) -> str:
    data: Mapping[str, Any] = event.data
    told = [form.format(data[name]) for name, form in DETAILS.items() if data.get(name)]
    if event.verb == "certificates.key_rewrapped":
        told.append(f"from “{data.get('from')}” to “{data.get('to')}”")
    if "threshold" in data:
        told.append(f"{data['threshold']} days before" if data["threshold"] else "it has ended")
    if data.get("warnings"):
        told.append("accepted, but not as requested")
    return "; ".join(told)
