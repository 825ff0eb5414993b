"""Wrapping data keys anew: under the active version, and for the recovery key. No record is opened here."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import Q
from django.views.decorators.debug import sensitive_variables

from certificates import custody, kek, vault
from certificates.envelopes import put_second, put_wrap, wrap_of
from certificates.kek.recovery import RecoveryKey
from certificates.models import Sealed


@dataclass(frozen=True, slots=True)
class Wrapping:
    """How data keys are wrapped now: the provider with its active version, and the recovery key, if any."""

    to: kek.KekProvider
    version: str  # asked for once: a key service would be called again for every row
    recovery: RecoveryKey | None
    held: dict[str, kek.KekProvider] = field(default_factory=dict, repr=False)

    def due(self) -> Q:
        """Return the condition of rows that are wrapped otherwise. A missing recovery key asks for nothing."""
        due = ~Q(provider=self.to.name, kek_version=self.version)
        return due if self.recovery is None else due | ~Q(recovery_key=self.recovery.fingerprint)

    @sensitive_variables()
    def apply(self, row: Sealed) -> tuple[bool, bool]:
        """Wrap the locked row's data key anew, and for the recovery key, where due; say which of them changed.

        The ciphertext is not even read, and nothing is saved here. Raises CustodyFailed (VersionMoved
        where the key service rotated meanwhile) and leaves the row as it was.
        """
        try:
            old = wrap_of(row)
            held_by = self._holder(row.provider)
            second, new = None, None
            if self.recovery is not None and row.recovery_key != self.recovery.fingerprint:
                second = vault.second_wrap(
                    row.format, old, row.facts(), held_by=held_by, recovery=self.recovery
                )
            if (row.provider, row.kek_version) != (self.to.name, self.version):
                new = vault.rewrap_data_key(row.format, old, row.facts(), held_by=held_by, to=self.to)
        except (kek.KekError, vault.VaultError) as problem:
            raise custody.failure(problem) from None
        if new is not None:
            custody.require_version(new, self.version)
            put_wrap(row, new)
        if second is not None:
            put_second(row, second)
        return new is not None, second is not None

    def _holder(self, name: str) -> kek.KekProvider:
        if name == self.to.name:
            return self.to
        if name not in self.held:
            self.held[name] = custody.provider(name)
        return self.held[name]


def wrapping() -> Wrapping:
    """Return how data keys are wrapped now. Raises CustodyFailed where the configuration is wrong."""
    try:
        to = custody.provider()
        return Wrapping(to, to.current(), custody.recovery_key())
    except kek.KekError as problem:
        raise custody.failure(problem) from None
