"""Somebody edits history: one audit row changed by SQL is found and named."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction

from audit import immutability
from audit.recording import Actor, record


@pytest.mark.django_db
def test_a_row_changed_by_sql_is_named_and_the_command_exits_1(now: datetime) -> None:
    user = User.objects.create_user("alice")
    for turn in range(5):
        with transaction.atomic():
            record(verb="test.happened", actor=Actor.user(user), subject=user, now=now, data={"turn": turn})

    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    assert said.getvalue().startswith("whole: 5 entries, head 5:")

    said = io.StringIO()
    code = _exit_code_after("UPDATE audit_auditentry SET actor_key = '999' WHERE number = 3", said)
    assert (code, said.getvalue()) == (1, "broken at entry 3: entry 3 was changed after it was written\n")


def _exit_code_after(statement: str, said: io.StringIO) -> Any:
    immutability.remove(connection)  # the forger owns the database and drops the triggers first
    with connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(SystemExit) as stop:
        call_command("verify_audit", stdout=said)
    return stop.value.code
