"""What must be right before anything is sealed or opened."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError

from certificates import custody, kek


@register("certificates")
def keyring_is_sound(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a keyring that is missing, malformed, weak, double, or without its active version.

    A key service is asked whether its keys exist and can be used.
    """
    try:
        custody.provider().check()
    except kek.KekError as problem:
        return [Error(problem.sentence, id="certificates.E001")]
    return []


@register("certificates")
def keyring_opens_what_it_sealed(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a keyring that lacks a version in use, or holds another key under a known version."""
    try:
        found = custody.unprovable()
    except (DatabaseError, kek.KekError):
        # No database or no tables yet: nothing is sealed. A broken keyring is reported above.
        return []
    return [Error(item.sentence, id="certificates.E002") for item in found]


@register("certificates")
def one_state_machine_package(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse django-fsm beside django-fsm-2: both install ``django_fsm`` and overwrite each other's files."""
    if _installed("django-fsm") and _installed("django-fsm-2"):
        return [
            Error(
                "django-fsm and django-fsm-2 are both installed and overwrite each other.",
                hint="Uninstall both, then install django-fsm-2 again.",
                id="certificates.E003",
            )
        ]
    return []


def _installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
