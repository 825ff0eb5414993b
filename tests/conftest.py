"""Fixtures every test shares. Tests run without any service, on SQLite, unless DATABASE_URL says else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import TransactionTestCase

from audit import immutability
from bankfeeds import schedule
from onboarding import apps as onboarding

NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
"""Wednesday 3 June 2026, noon UTC: the moment most tests call now."""


@pytest.fixture
def now() -> datetime:
    return NOON


KEPT = {"django_migrations", "django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}
"""What migrations lay down and no test changes for good."""


def _empty(case: TransactionTestCase) -> None:
    """Empty a committed test database: the only place where audit entries are removed.

    Not through ``flush``: truncating makes every table and index anew, ten times as slow.
    """
    if connection.vendor == "sqlite":
        immutability.remove(connection)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Neither the triggers that keep history nor the order of foreign keys stand in the way.
            cursor.execute(_UNGUARDED[connection.vendor])
            tables = [name for name in connection.introspection.django_table_names() if name not in KEPT]
            cursor.execute(
                " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in tables)
            )
            for (name,) in cursor.fetchall():
                cursor.execute(f"DELETE FROM {name}")
    finally:
        if connection.vendor == "sqlite":
            immutability.install(connection)
    schedule.ensure_schedules()
    onboarding.ensure_schedules()


_UNGUARDED = {
    "postgresql": "SET LOCAL session_replication_role = replica",
    "sqlite": "PRAGMA defer_foreign_keys = ON",
}
TransactionTestCase._fixture_teardown = _empty  # type: ignore[method-assign]


@pytest.fixture
def actor() -> Any:
    from audit.recording import Actor

    return Actor.command("test")


@pytest.fixture
def people(db: Any) -> dict[str, Any]:
    """Return one signed-up user per role: operator, approver, auditor, outsider (staff without any right), admin."""
    from django.contrib.auth.models import Group, User

    found: dict[str, Any] = {}
    for name in ("operator", "approver", "auditor", "outsider"):
        user = User.objects.create_user(name, password="obviously-a-test-password", is_staff=True)
        if name != "outsider":
            user.groups.add(Group.objects.get(name=name))
        found[name] = user
    found["admin"] = User.objects.create_superuser("admin", password="obviously-a-test-password")
    return found


@pytest.fixture
def as_(client: Any, people: dict[str, Any]) -> Iterator[Any]:
    """Return a function that signs the test client in as one of ``people`` and returns it."""

    def sign_in(name: str) -> Any:
        client.force_login(people[name])
        return client

    yield sign_in
