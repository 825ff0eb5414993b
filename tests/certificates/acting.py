"""What the tests of acting in the console share: an owner of keys, and how pages are addressed and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from audit.models import AuditEntry
from audit.recording import Actor
from certificates.holders import ProofFailed, Whereabouts
from certificates.models import Certificate, KeyPair

Install = Callable[..., Certificate]
SCOPE = "connection:harbor"
WANTED = {"scope": SCOPE, "use": "oauth", "environment": "test"}
FIELDS = {
    "country": "US", "state": "New York", "locality": "New York", "organization": "Harbor Kettle Integrations Inc",
    "unit": "Bank Integrations", "common_name": "harbor.oauth.test.lockkeeper", "algorithm": "rsa-3072",
}  # fmt: skip


@dataclass
class Harbor:
    """Somebody who owns keys; ``refuses`` is what the bank says, empty where it lets us in."""

    refuses: str = ""
    asked: int = 0

    def prove(self, *, key: KeyPair, actor: Actor, clock: Callable[[], datetime]) -> str:
        self.asked += 1
        if self.refuses:
            raise ProofFailed(self.refuses)
        return "The bank accepted the signature and gave a token."

    def whereabouts(self, scope: str) -> Whereabouts | None:
        if scope == "connection:nowhere":
            return None
        return Whereabouts(
            name=scope.partition(":")[2], url="/admin/", at_stake="2 accounts, pulled since 2026-01-05"
        )


def page(name: str, *args: Any, **query: str) -> str:
    tail = "?" + "&".join(f"{key}={value}" for key, value in query.items()) if query else ""
    return reverse(f"admin:certificates_keypair_{name}", args=args) + tail


def act(key: KeyPair, name: str) -> str:
    return page("do", key.pk, name)


def fresh(key: KeyPair) -> KeyPair:
    return KeyPair.objects.get(pk=key.pk)


def text(answer: Any) -> str:
    return str(answer.content.decode())


def verbs(key: KeyPair) -> list[str]:
    found = AuditEntry.objects.filter(subject_key=str(key.pk)).order_by("number")
    return [entry.verb.removeprefix("certificates.") for entry in found]


def subject_fields(common_name: str) -> dict[str, str]:
    return {name: value for name, value in FIELDS.items() if name != "algorithm"} | {
        "common_name": common_name
    }
