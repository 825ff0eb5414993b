"""The chain under one writer and many, and what refuses to be changed."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from audit import chain, immutability, queries
from audit.models import AppendOnly, AuditEntry, ChainHead
from audit.recording import Act, Actor, NotInTransaction, record, record_many


def write(subject: Any, now: datetime, verb: str = "test.happened", **more: Any) -> AuditEntry:
    with transaction.atomic():
        return record(verb=verb, actor=Actor.command("test"), subject=subject, now=now, **more)


@pytest.fixture
def subject(db: Any) -> User:
    return User.objects.create_user("alice")


def test_entries_are_numbered_from_one_and_follow_each_other(subject: User, now: datetime) -> None:
    first, second = write(subject, now), write(subject, now, reason="again", data={"amount": "1.00"})
    assert (first.number, second.number, second.previous) == (1, 2, first.digest)
    assert queries.verify() == queries.Verification(entries=2, head_digest=second.digest, broken=None)


def test_record_refuses_outside_a_transaction(transactional_db: Any, now: datetime) -> None:
    user = User.objects.create_user("alice")
    with pytest.raises(NotInTransaction):
        record(verb="test.happened", actor=Actor.command("test"), subject=user, now=now)
    assert AuditEntry.objects.count() == 0


def test_many_at_once_are_the_entries_of_one_by_one(subject: User, now: datetime) -> None:
    acts = [
        Act(verb=f"test.deed{n}", subject=subject, reason="r" * (n % 2), data={"n": n}) for n in range(250)
    ]
    head = ChainHead.objects.get_or_create(pk=1)[0]
    with transaction.atomic():
        for act in acts:
            record(verb=act.verb, actor=Actor.command("test"), subject=subject, now=now, reason=act.reason,
                   data=act.data)  # fmt: skip
        singly = list(AuditEntry.objects.order_by("number").values())
        transaction.set_rollback(True)
    with transaction.atomic():
        record_many(acts, actor=Actor.command("test"), now=now)
    assert (head.number, list(AuditEntry.objects.order_by("number").values())) == (0, singly)
    assert queries.verify().broken is None


def test_many_at_once_follow_what_was_there_and_are_followed(subject: User, now: datetime) -> None:
    write(subject, now)
    with transaction.atomic():
        record_many(
            [Act(verb="test.deed", subject=subject), Act(verb="test.deed", subject=subject)],
            actor=Actor.command("test"), now=now,
        )  # fmt: skip
        record_many([], actor=Actor.command("test"), now=now)
    last = write(subject, now)
    assert queries.verify() == queries.Verification(entries=4, head_digest=last.digest, broken=None)


def test_many_at_once_refuse_outside_a_transaction(transactional_db: Any, now: datetime) -> None:
    user = User.objects.create_user("alice")
    with pytest.raises(NotInTransaction):
        record_many([Act(verb="test.deed", subject=user)], actor=Actor.command("test"), now=now)
    assert AuditEntry.objects.count() == 0


def test_an_entry_disappears_with_the_transaction_it_describes(subject: User, now: datetime) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        write(subject, now)
        raise RuntimeError("the act failed")
    assert queries.verify().entries == 0


def test_data_with_a_float_is_refused(subject: User, now: datetime) -> None:
    with pytest.raises(TypeError, match="no floats"):
        write(subject, now, data={"amount": 1.1})


def test_the_orm_refuses_update_delete_and_bulk(subject: User, now: datetime) -> None:
    entry = write(subject, now)
    for act in (
        entry.save,
        entry.delete,
        lambda: AuditEntry.objects.update(verb="x"),
        lambda: AuditEntry.objects.all().delete(),
        lambda: AuditEntry.objects.bulk_update([entry], ["verb"]),
        lambda: AuditEntry.objects.bulk_create([entry]),
    ):
        with pytest.raises(AppendOnly):
            act()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditentry SET verb = 'test.forged'",
        "DELETE FROM audit_auditentry",
        "TRUNCATE audit_auditentry",
    ],
)
def test_the_database_refuses_raw_statements(subject: User, now: datetime, statement: str) -> None:
    if statement.startswith("TRUNCATE") and connection.vendor != "postgresql":
        statement = "DELETE FROM audit_auditentry WHERE 1"
    entry = write(subject, now)
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)
    assert AuditEntry.objects.get() == entry


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE audit_auditentry SET reason = 'forged' WHERE number = 2",
            "entry 2 was changed after it was written",
        ),
        ("DELETE FROM audit_auditentry WHERE number = 2", "entry 2 is missing (the next one stored is 3)"),
        ("DELETE FROM audit_auditentry WHERE number = 3", "the chain ends at entry 2, but its head says 3"),
    ],
)
def test_verify_names_the_first_broken_entry(
    subject: User, now: datetime, capsys: Any, statement: str, sentence: str
) -> None:
    for _ in range(3):
        write(subject, now)
    immutability.remove(connection)  # as somebody who owns the database would
    with connection.cursor() as cursor:
        cursor.execute(statement)
    with pytest.raises(SystemExit) as stop:
        call_command("verify_audit")
    assert (stop.value.code, sentence in capsys.readouterr().out) == (1, True)


def test_an_anchor_kept_elsewhere_is_checked(subject: User, now: datetime, capsys: Any) -> None:
    entry = write(subject, now)
    call_command("verify_audit", anchor=f"1:{entry.digest}")
    assert capsys.readouterr().out == f"whole: 1 entries, head 1:{entry.digest}\n"
    with pytest.raises(SystemExit) as stop:
        call_command("verify_audit", anchor="1:" + "f" * 64)
    assert stop.value.code == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_leave_one_unbroken_chain(now: datetime) -> None:
    user = User.objects.create_user("alice")
    failures: list[BaseException] = []

    def work(worker: int) -> None:
        try:
            for turn in range(10):
                write(user, now, verb=f"test.worker_{worker}", data={"turn": turn})
        except BaseException as problem:
            failures.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = queries.verify()
    assert (failures, found.entries, found.broken) == ([], 60, None)


@pytest.mark.django_db(transaction=True)
def test_entries_written_while_the_chain_is_verified_do_not_break_it(now: datetime) -> None:
    subject = User.objects.create_user("alice")
    write(subject, now)
    busy = False

    def meanwhile(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal busy
        if not busy and sql.startswith("SELECT") and "audit_auditentry" in sql:
            busy = True
            write(subject, now)
            busy = False
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meanwhile):
        assert queries.verify().broken is None
    assert AuditEntry.objects.count() > 1


def test_an_entry_behind_the_head_is_named(subject: User, now: datetime) -> None:
    entry = write(subject, now)
    entry.number, entry.previous = 2, entry.digest
    entry.digest = chain.digest(entry.previous, 2, entry.hashed_fields())
    entry._state.adding = True
    entry.save()
    broken = queries.verify().broken
    assert broken is not None
    assert broken.number == 3


def test_an_entry_is_not_replaced_by_an_insert(subject: User, now: datetime) -> None:
    write(subject, now)
    replacing = (
        "INSERT INTO audit_auditentry SELECT * FROM audit_auditentry ON CONFLICT (number) DO UPDATE SET verb = 'x'"
        if connection.vendor == "postgresql"
        else "INSERT OR REPLACE INTO audit_auditentry SELECT number, at, actor_kind, actor_key, 'x', subject_type,"
        " subject_key, reason, data, previous, digest FROM audit_auditentry"
    )
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(replacing)
    assert AuditEntry.objects.get().verb == "test.happened"
