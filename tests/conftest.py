"""Fixtures every test shares. Tests run without any service, on SQLite, unless DATABASE_URL says else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import TransactionTestCase

from audit import immutability

NOON = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
"""Wednesday 3 June 2026, noon UTC: the moment most tests call now."""


@pytest.fixture
def now() -> datetime:
    return NOON


_flush = TransactionTestCase._fixture_teardown


def _flush_despite_triggers(case: TransactionTestCase) -> None:
    """Empty a committed test database: the only place where audit entries are removed."""
    immutability.remove(connection)
    try:
        _flush(case)
    finally:
        immutability.install(connection)


TransactionTestCase._fixture_teardown = _flush_despite_triggers  # type: ignore[method-assign]


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
