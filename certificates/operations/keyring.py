"""Another keyring version, or a recovery key, begins to seal: what may be asked for."""

from __future__ import annotations

from audit.workflow import OperationRefused
from certificates import admission, canaries, custody, kek


class KeyringRefused(OperationRefused):
    """This version is not one that somebody may ask for."""


def waiting_versions() -> list[str]:
    """Return the configured versions that never sealed, as ``<provider> <version>``; none if nobody must ask.

    A recovery key counts as one: ``recovery <fingerprint>``.

    Raises CustodyFailed without a usable configuration.
    """
    if not admission.holds_production_keys():
        return []
    try:
        return canaries.waiting()
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
