"""Canaries: what proves that a key is the right one, and the one door by which a version comes into use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from certificates import admission, kek, providers, queries
from certificates.envelopes import wrap_of
from certificates.kek import recovery
from certificates.models import KekCanary, sealed_models

_CANARY = b"a canary sings under the right key only"


@dataclass(frozen=True, slots=True)
class Unprovable:
    """A version of a provider that records depend on and that does not work here."""

    provider: str
    version: str
    sentence: str


def unprovable() -> list[Unprovable]:
    """Return every version in use that is absent from the configuration or does not open its canary.

    Raises KekMisconfigured or UnknownKekProvider when there is no usable configuration at all.
    """
    active = providers.configured()
    # What is wrapped for a recovery key opens elsewhere.
    laid = KekCanary.objects.exclude(provider=recovery.NAME)
    canaries = {(row.provider, row.kek_version): row for row in laid}
    used = queries.envelopes_per_version()
    found = []
    for name, version in sorted({*canaries, *used}):
        try:
            held_by = active if name == active.name else providers.configured(name)
            if version in held_by.versions():
                _sing(canaries.get((name, version)), held_by)
            elif rows := used.get((name, version)):
                raise kek.UnknownKekVersion(
                    f"Version “{version}” is not in the keyring, but {rows} sealed row{'s' * (rows > 1)} "
                    f"need{'s' * (rows == 1)} it: put it back, and run rotate_keks before it leaves."
                )
        except kek.KekError as problem:
            found.append(Unprovable(name, version, problem.sentence))
    return found


def waiting() -> list[str]:
    """Return what is configured and never sealed, as approvals call it: versions and the recovery key.

    Raises a KekError without a usable configuration.
    """
    active, second = providers.configured(), providers.recovery_key()
    named = {admission.target(active.name, version) for version in active.versions()}
    named |= {admission.target(recovery.NAME, second.fingerprint)} if second else set()
    known = KekCanary.objects.values_list("provider", "kek_version")
    return sorted(named - {admission.target(*one) for one in known})


def prove(active: kek.KekProvider, *, now: datetime, recovery_key: str = "") -> str:
    """Open the canary of the active version, or admit it where there is none; the recovery key too. Return the version.

    Before anything is sealed: a wrong key must stop that, not be found out at the next restart. Raises WrongKek, and
    VersionNotAdmitted where two people must have allowed it; whoever holds the recovery key called
    ``recovery_key`` needs nobody.
    """
    version = _prove_version(active, now=now, recovery_key=recovery_key)
    _prove_recovery(now=now, recovery_key=recovery_key)
    return version


def begin(target: str, *, now: datetime) -> None:
    """Admit ``target``, and nothing else, where it is configured to seal. Raises as ``prove``."""
    active, second = providers.configured(), providers.recovery_key()
    if target == admission.target(active.name, active.current()):
        _prove_version(active, now=now)
    elif second is not None and target == admission.target(recovery.NAME, second.fingerprint):
        _prove_recovery(now=now)


def _prove_version(active: kek.KekProvider, *, now: datetime, recovery_key: str = "") -> str:
    version = active.current()
    canary = KekCanary.objects.filter(provider=active.name, kek_version=version).first()
    canary = canary or _admit_version(active, version, now=now, recovery_key=recovery_key)
    _sing(canary, active)
    return canary.kek_version


def _admit_version(active: kek.KekProvider, version: str, *, now: datetime, recovery_key: str) -> KekCanary:
    # Rows sealed under that name before open with this key, or it is another key under an old name.
    for model in sealed_models():
        row = model.with_facts().filter(provider=active.name, kek_version=version).first()
        if row is not None:
            active.unwrap(wrap_of(row), {**row.facts(), "format": row.format})
    wrapped = active.wrap(_CANARY, _canary_facts(version))
    if wrapped.version != version:  # the key service went on to another version in between
        return _admit_version(active, wrapped.version, now=now, recovery_key=recovery_key)
    return admission.lay_canary(wrapped, now=now, recovery_key=recovery_key)


def _prove_recovery(*, now: datetime, recovery_key: str = "") -> None:
    # Whoever holds it opens everything sealed from now on: it comes into use by the same door as a version.
    key = providers.recovery_key()
    if key is None or KekCanary.objects.filter(provider=recovery.NAME, kek_version=key.fingerprint).exists():
        return
    blob = key.wrap(_CANARY, _canary_facts(key.fingerprint)).blob
    wrapped = kek.WrappedDek(recovery.NAME, key.fingerprint, b"", blob)
    admission.lay_canary(wrapped, now=now, recovery_key=recovery_key)


def _sing(canary: KekCanary | None, held_by: kek.KekProvider) -> None:
    if canary is None:
        return
    wrapped = kek.WrappedDek(canary.provider, canary.kek_version, bytes(canary.nonce), bytes(canary.wrapped))
    if held_by.unwrap(wrapped, _canary_facts(canary.kek_version)) != _CANARY:
        raise kek.WrongKek(f"Version “{canary.kek_version}” opens its canary to something else.")


def _canary_facts(version: str) -> Mapping[str, str]:
    return {"table": "certificates_kekcanary", "row": version, "purpose": "canary"}
