"""One person asks, another decides; what was allowed is what was seen, and it is done once."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import PermissionMissing, SomebodyWasFirst, TransitionRefused
from certificates import operations, permits, queries, tasks
from certificates.models import Act, Approval, Certificate, KeyPair
from tests.certificates.two_people import activate, ask, prove

Install = Callable[..., Certificate]


@pytest.fixture
def people(people: dict[str, Any]) -> dict[str, Any]:
    """A second approver joins: whoever asked as an approver is not alone with the right to decide."""
    from django.contrib.auth.models import Group, User

    second = User.objects.create_user("second", password="obviously-a-test-password", is_staff=True)
    second.groups.add(Group.objects.get(name="approver"))
    return {**people, "second": second}


@pytest.fixture
def key(install: Install, people: Any, now: datetime) -> KeyPair:
    """A production key that waits for its activation, proven at the bank."""
    certified = install(environment="production", by=Actor.user(people["operator"])).key
    prove(certified, now=now)
    return certified


@pytest.fixture
def asked(key: KeyPair, people: Any, now: datetime) -> Approval:
    return ask(Act.ACTIVATE, key, by=people["operator"], now=now)


def state(row: Any) -> str:
    return str(type(row).objects.get(pk=row.pk).state)


def approve(approval: Approval, person: Any, now: datetime) -> Approval:
    return operations.approve(pk=approval.pk, actor=Actor.user(person), now=now, reason="Looked at it.")


def test_what_another_person_allows_is_done_in_the_same_transaction(
    key: KeyPair, asked: Approval, people: Any, now: datetime
) -> None:
    later = now + timedelta(hours=1)
    done = approve(asked, people["approver"], later)
    fresh = KeyPair.objects.get(pk=key.pk)
    assert (done.state, done.requested_by, done.decided_by, done.decided_at, done.used_at) == (
        "used", f"user:{people['operator'].pk}", f"user:{people['approver'].pk}", later, later,
    )  # fmt: skip
    assert (fresh.state, fresh.activated_at) == ("active", later)


def test_both_people_and_the_act_are_on_record(
    key: KeyPair, asked: Approval, people: Any, now: datetime
) -> None:
    approve(asked, people["approver"], now)
    operator, approver = (str(people[who].pk) for who in ("operator", "approver"))
    entries = AuditEntry.objects.order_by("-number")[:4]
    assert [(entry.verb, entry.actor_key, entry.reason) for entry in reversed(entries)] == [
        ("certificates.approval.request", operator, "It is time."),
        ("certificates.approval.approve", approver, "Looked at it."),
        ("certificates.approval.use", approver, ""),
        ("certificates.keypair.activate", approver, "It is time."),
    ]
    assert json.loads(entries[0].data)["approval"] == str(asked.pk)


@pytest.mark.parametrize("who", ["approver", "admin"])
def test_nobody_decides_what_they_asked_for(key: KeyPair, people: Any, who: str, now: datetime) -> None:
    mine = ask(Act.ACTIVATE, key, by=people[who], now=now)
    for decide in (operations.approve, operations.decline):
        with pytest.raises(
            operations.SecondPersonNeeded, match="You asked for this; somebody else must decide"
        ):
            decide(pk=mine.pk, actor=Actor.user(people[who]), now=now, reason="Me.")
    assert (state(mine), state(key)) == ("requested", "certified")


@pytest.mark.parametrize("who", ["approver", "admin"])
def test_who_installed_the_certificate_does_not_allow_its_activation(
    install: Install, people: Any, who: str, now: datetime
) -> None:
    key = install(environment="production", by=Actor.user(people[who])).key
    prove(key, now=now)
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=now)
    with pytest.raises(operations.SecondPersonNeeded, match="somebody else must activate it"):
        approve(asked, people[who], now)
    assert (state(asked), state(key)) == ("requested", "certified")
    approve(asked, people["second"], now)
    assert state(key) == "active"


@pytest.mark.parametrize("lacking", ["certificates.decide_approval", "certificates.activate_keypair"])
def test_deciding_takes_both_rights(asked: Approval, people: Any, lacking: str, now: datetime) -> None:
    from django.contrib.auth.models import Permission

    person = people["outsider"]
    kept = ({"certificates.decide_approval", "certificates.activate_keypair"} - {lacking}).pop()
    person.user_permissions.add(Permission.objects.get(codename=kept.split(".")[1]))
    with pytest.raises(PermissionMissing, match=lacking):
        approve(asked, person, now)
    assert state(asked) == "requested"


def test_rights_count_as_the_database_has_them_now(asked: Approval, people: Any, now: datetime) -> None:
    person = people["approver"]
    assert person.has_perm("certificates.decide_approval")  # remembered by the signed-in object
    type(person).objects.get(pk=person.pk).groups.clear()
    with pytest.raises(PermissionMissing, match="decide_approval"):
        approve(asked, person, now)
    type(person).objects.filter(pk=person.pk).update(is_active=False, is_superuser=True)
    with pytest.raises(PermissionMissing, match="not active any more"):
        approve(asked, person, now)


@pytest.mark.parametrize(
    "machine", [Actor.command("x"), Actor.task("x"), Actor.contact("1"), Actor("user", "1")]
)
def test_machines_neither_ask_nor_decide(
    key: KeyPair, asked: Approval, machine: Actor, now: datetime
) -> None:
    for act in (
        lambda: operations.request_approval(act=Act.ACTIVATE, pk=key.pk, reason="x", actor=machine, now=now),
        lambda: operations.approve(pk=asked.pk, actor=machine, now=now),
        lambda: operations.decline(pk=asked.pk, actor=machine, now=now, reason="x"),
        lambda: operations.withdraw(pk=asked.pk, actor=machine, now=now, reason="x"),
        lambda: operations.activate_approved(approval=asked.pk, actor=machine, now=now),
    ):
        with pytest.raises(operations.SecondPersonNeeded):
            act()
    assert (state(asked), state(key)) == ("requested", "certified")


def test_the_same_is_asked_for_once(asked: Approval, key: KeyPair, people: Any, now: datetime) -> None:
    with pytest.raises(SomebodyWasFirst, match="asked for already"):
        ask(Act.ACTIVATE, key, by=people["approver"], now=now)


def test_a_reason_is_wanted(key: KeyPair, people: Any, now: datetime) -> None:
    with pytest.raises(operations.ApprovalRefused, match="Say why"):
        ask(Act.ACTIVATE, key, by=people["operator"], now=now, reason=" ")


def test_a_test_key_needs_no_second_person(install: Install, people: Any, now: datetime) -> None:
    with pytest.raises(operations.ActivationRefused, match="takes one person"):
        ask(Act.ACTIVATE, install().key, by=people["operator"], now=now)


@pytest.mark.parametrize(
    ("proven", "sentence"),
    [
        (None, "never tried at the bank: prove it first"),
        (timedelta(hours=-1), "never tried at the bank: prove it first"),  # before its certificate came
        (timedelta(), None),
    ],
)
def test_a_production_key_is_proven_before_anybody_asks(
    install: Install, people: Any, now: datetime, proven: timedelta | None, sentence: str | None
) -> None:
    key = install(environment="production", by=Actor.user(people["operator"])).key
    KeyPair.objects.filter(pk=key.pk).update(proven_at=None if proven is None else now + proven)
    if sentence is None:
        assert ask(Act.ACTIVATE, key, by=people["operator"], now=now).state == "requested"
        return
    with pytest.raises(operations.ActivationRefused, match=sentence):
        ask(Act.ACTIVATE, key, by=people["operator"], now=now)


def test_a_proof_that_grew_old_while_waiting_is_asked_for_again(
    key: KeyPair, people: Any, now: datetime
) -> None:
    """The request stands: prove the key again, then allow it. The new proof is no change of what was asked for."""
    later = now + timedelta(days=7, hours=1)
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=later - timedelta(hours=2))
    with pytest.raises(operations.ActivationRefused, match="more than 7 days ago: prove it again"):
        approve(asked, people["approver"], later)
    assert (state(asked), state(key)) == ("requested", "certified")
    prove(key, now=later)
    assert approve(asked, people["approver"], later).state == "used"


def test_a_declined_request_is_over_and_may_be_asked_again(
    key: KeyPair, asked: Approval, people: Any, now: datetime
) -> None:
    said = operations.decline(pk=asked.pk, actor=Actor.user(people["approver"]), now=now, reason="Not today.")
    assert (said.state, said.decided_by, state(key)) == (
        "declined", f"user:{people['approver'].pk}", "certified",
    )  # fmt: skip
    with pytest.raises(SomebodyWasFirst, match="it is “declined”"):
        approve(asked, people["second"], now)
    assert ask(Act.ACTIVATE, key, by=people["operator"], now=now).pk != asked.pk


def test_only_whoever_asked_withdraws(asked: Approval, people: Any, now: datetime) -> None:
    with pytest.raises(PermissionMissing, match="Only whoever asked"):
        operations.withdraw(pk=asked.pk, actor=Actor.user(people["approver"]), now=now, reason="No.")
    operations.withdraw(pk=asked.pk, actor=Actor.user(people["operator"]), now=now, reason="A mistake.")
    assert state(asked) == "withdrawn"
    with pytest.raises(TransitionRefused):
        operations.withdraw(pk=asked.pk, actor=Actor.user(people["operator"]), now=now, reason="Again.")


def test_what_nobody_decided_in_time_lapses(
    key: KeyPair, asked: Approval, people: Any, now: datetime, actor: Actor
) -> None:
    over = now + permits.LASTS
    assert operations.lapse_overdue(actor=actor, now=over - timedelta(seconds=1)) == []
    assert [one.pk for one in operations.lapse_overdue(actor=actor, now=over)] == [asked.pk]
    entry = AuditEntry.objects.latest("number")
    assert (entry.verb, entry.reason) == (
        "certificates.approval.lapse", "It ran out on 2026-06-06 12:00 UTC.",
    )  # fmt: skip
    assert operations.lapse_overdue(actor=actor, now=over) == []


def test_the_task_lapses_by_the_clock(asked: Approval) -> None:
    """The tests' day is past."""
    assert (tasks.lapse_approvals(), tasks.lapse_approvals(), state(asked)) == (1, 0, "lapsed")


def test_an_overdue_request_does_not_stand_in_the_way_of_a_new_one(
    key: KeyPair, asked: Approval, people: Any, now: datetime
) -> None:
    over = now + permits.LASTS
    again = ask(Act.ACTIVATE, key, by=people["operator"], now=over)
    assert (state(asked), state(again)) == ("lapsed", "requested")


def test_those_who_may_decide_see_what_others_asked_for(
    key: KeyPair, asked: Approval, people: Any, now: datetime
) -> None:
    seen = {name: queries.decidable(user=person, now=now) for name, person in people.items()}
    assert {name for name, rows in seen.items() if rows == [asked]} == {"approver", "second", "admin"}
    assert {name for name, rows in seen.items() if rows == []} == {"operator", "auditor", "outsider"}
    KeyPair.objects.filter(pk=key.pk).update(installed_by=f"user:{people['second'].pk}")
    assert queries.decidable(user=people["second"], now=now) == []
    assert queries.decidable(user=people["approver"], now=now + permits.LASTS) == []


def test_an_approval_falls_with_whoever_gave_it(
    install: Any, people: Any, settings: Any, now: datetime
) -> None:
    settings.ALLOW_KEY_EXPORT = True
    key = install(environment="production").key
    asked = ask(Act.EXPORT, key, by=people["operator"], now=now)
    operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    people["approver"].is_active = False
    people["approver"].save()
    fresh = type(asked).objects.get(pk=asked.pk)
    assert permits.void_because(fresh, now=now) == "Whoever allowed it may not allow it any more."


def test_an_activation_is_allowed_only_over_the_key_it_was_asked_to_replace(
    install: Any, people: Any, now: datetime
) -> None:
    first, second = (install(environment="production").key for _ in range(2))
    for key in (first, second):
        prove(key, now=now)
    asked = ask(Act.ACTIVATE, first, by=people["operator"], now=now)
    activate(second, people, now=now)
    with pytest.raises(operations.ApprovalLapsed, match="changed since it was asked for"):
        operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    assert KeyPair.objects.get(pk=second.pk).state == "active"
