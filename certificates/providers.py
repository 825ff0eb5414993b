"""The key provider of this installation: the one place where the settings become a provider's options."""

from __future__ import annotations

from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from certificates import kek
from certificates.kek.recovery import RecoveryKey, read_public


@sensitive_variables()
def configured(name: str = "") -> kek.KekProvider:
    """Return the configured key provider, or the one called ``name``. Raises a KekError."""
    options = {**settings.KEK_OPTIONS, "keyring": settings.KEK_KEYRING, "active": settings.KEK_ACTIVE}
    return kek.provider(name or settings.KEK_PROVIDER, options)


def recovery_key() -> RecoveryKey | None:
    """Return the configured offline recovery key, or None. Raises KekMisconfigured."""
    return read_public(settings.RECOVERY_PUBLIC_KEY)
