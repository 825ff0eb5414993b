"""Another keyring version begins to seal: what may be asked for, and the first use."""

from __future__ import annotations

from datetime import datetime

from audit.workflow import OperationRefused
from certificates import admission, custody, kek
from certificates.models import KekCanary


class KeyringRefused(OperationRefused):
    """This version is not one that somebody may ask for."""


def waiting_versions() -> list[str]:
    """Return the configured versions that never sealed, as ``<provider> <version>``; none if nobody must ask.

    Raises CustodyFailed without a usable configuration.
    """
    if not admission.holds_production_keys():
        return []
    try:
        provider = custody.provider()
        known = KekCanary.objects.filter(provider=provider.name).values_list("kek_version", flat=True)
        return [admission.target(provider.name, one) for one in sorted({*provider.versions()} - {*known})]
    except kek.KekError as problem:
        raise custody.CustodyFailed(problem.sentence) from None


def check_version(target: str) -> None:
    """Refuse what needs no approval, or is not in the configuration. Raises KeyringRefused or CustodyFailed."""
    if not admission.holds_production_keys():
        raise KeyringRefused("No production key is sealed here: another keyring version needs no approval.")
    waiting = waiting_versions()
    if target not in waiting:
        named = f"Waiting: {', '.join(waiting)}." if waiting else "No version waits for one."
        raise KeyringRefused(
            f"“{target}” is not a configured version that waits for an approval. {named} "
            "Add the version to the keyring of every host first."
        )


def begin_if_active(*, target: str, now: datetime) -> None:
    """Let an allowed version seal its first record at once, where it is active in this process.

    Elsewhere the first process that seals with it does. Raises CustodyFailed.
    """
    try:
        provider = custody.provider()
        active = admission.target(provider.name, provider.current())
    except kek.KekError as problem:
        raise custody.CustodyFailed(problem.sentence) from None
    if active == target:
        custody.prove(now=now)
