"""What must be right before anything is sealed or opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import metadata
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, register
from django.db import DatabaseError, connection
from django.db.migrations.recorder import MigrationRecorder

from certificates import custody, immutability, kek
from certificates.kek.recovery import MAKE_ONE, read_private


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


@register("certificates")
def what_never_changes_is_guarded(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a database without its triggers: SQLite loses them when a migration rebuilds a table."""
    try:
        laid = ("certificates", "0002_fixed_columns") in MigrationRecorder(connection).applied_migrations()
        tables = immutability.missing(connection) if laid else []
    except DatabaseError:
        return []
    return [
        Error(
            f"The trigger that keeps {table} from being changed is not there.",
            hint="Find out who removed it, then run: manage.py restore_triggers",
            id="certificates.E004",
        )
        for table in tables
    ]


@register("certificates")
def recovery_key_is_sound(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a recovery key that is malformed, too small, or private; none at all is allowed."""
    try:
        custody.recovery_key()
    except kek.KekError as problem:
        return [Error(problem.sentence, id="certificates.E005")]
    return []


@register("certificates")
def recovery_key_is_elsewhere(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to run with the private recovery key in the environment: it belongs on no machine of ours."""
    return [
        Error(
            f"The variable {name} holds a private recovery key. Take it off this machine, and make another pair "
            f"where it stays: {MAKE_ONE}",
            id="certificates.E006",
        )
        for name, value in sorted(os.environ.items())
        if "PRIVATE KEY-----" in value and name != "RECOVERY_PUBLIC_KEY" and _opens_recovery(name, value)
    ]


def _opens_recovery(name: str, value: str) -> bool:
    if "RECOVERY" in name.upper():
        return True
    try:
        ours = custody.recovery_key()
        return ours is not None and read_private(value.encode(), None).fingerprint == ours.fingerprint
    except kek.KekError:
        return False


def _installed(distribution: str) -> bool:
    try:
        metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        return False
    return True
