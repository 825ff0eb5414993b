"""Four eyes: what takes two people is never done by one, by no way round, and never on something else than was seen.

One person asks for a production key to be used, for a private key to be destroyed or handed out. Another allows it.
Here everybody who would rather do without the other tries: the same person twice, the all-powerful administrator,
an old request, a request whose key has changed, the old address, a command, a raw row, two people in a hurry.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from audit.models import AuditEntry
from audit.queries import verify
from audit.recording import Actor
from audit.workflow import OperationRefused, SomebodyWasFirst
from certificates import operations
from certificates.models import Act, Approval, Certificate, KeyEnvelope, KeyPair
from tests.certificates.authority import Authority, pem
from tests.certificates.two_people import ask, prove

pytestmark = pytest.mark.django_db

SCOPE = "connection:harbor"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=True):
        yield


@cache
def _root() -> Authority:
    return Authority("Harbour Test Root (not a bank)")


def certified(people: dict[str, Any], now: datetime) -> KeyPair:
    """Return a proven production key whose certificate the operator installed."""
    operator = Actor.user(people["operator"])
    key = operations.generate_csr(scope=SCOPE, use="oauth", environment="production", actor=operator, now=now)
    material = pem(_root().sign(key.csr_pem), _root().certificate)
    operations.install_certificate(scope=SCOPE, material=material, actor=operator, now=now)
    prove(key, now=now)
    return key


@pytest.fixture
def key(people: dict[str, Any], now: datetime) -> KeyPair:
    return certified(people, now)


@pytest.fixture
def asked(key: KeyPair, people: dict[str, Any], now: datetime) -> Approval:
    return ask(Act.ACTIVATE, key, by=people["operator"], now=now)


def allow(approval: Approval, person: Any, now: datetime) -> Approval:
    return operations.approve(pk=approval.pk, actor=Actor.user(person), now=now)


def standing(key: KeyPair, approval: Approval) -> tuple[str, str]:
    """Return the states of the key and of the request, as the database has them."""
    return str(KeyPair.objects.get(pk=key.pk).state), str(Approval.objects.get(pk=approval.pk).state)


def test_two_people_do_it(key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime) -> None:
    """The straight way, so that the refusals below are refusals of something that works."""
    allow(asked, people["approver"], now)
    assert standing(key, asked) == ("active", "used")


# The same person


@pytest.mark.parametrize("who", ["approver", "admin"])
def test_nobody_is_both_people(key: KeyPair, people: dict[str, Any], who: str, now: datetime) -> None:
    """Not with every right there is: the administrator is bound too."""
    mine = ask(Act.ACTIVATE, key, by=people[who], now=now)
    with pytest.raises(operations.SecondPersonNeeded, match="You asked for this; somebody else must decide"):
        allow(mine, people[who], now)
    with pytest.raises(operations.SecondPersonNeeded, match="ask for its activation"):
        operations.activate_key(pk=key.pk, actor=Actor.user(people[who]), now=now)
    assert standing(key, mine) == ("certified", "requested")


def test_who_put_the_certificate_in_does_not_put_it_to_use(people: dict[str, Any], now: datetime) -> None:
    """Even where somebody else asked: the installer with the right to allow is still the installer."""
    people["operator"].is_superuser = True
    people["operator"].save()
    key = certified(people, now)
    by_another = ask(Act.ACTIVATE, key, by=people["approver"], now=now)
    with pytest.raises(operations.SecondPersonNeeded, match="You installed this certificate"):
        allow(by_another, people["operator"], now)
    assert standing(key, by_another) == ("certified", "requested")


# Too late


def test_a_request_runs_out(key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime) -> None:
    """The refusal leaves the lapse on record, and asking again begins a new one."""
    late = now + timedelta(hours=72)
    with pytest.raises(operations.ApprovalLapsed, match="It ran out on 2026-06-06 12:00 UTC"):
        allow(asked, people["approver"], late)
    entry = AuditEntry.objects.latest("number")
    assert (standing(key, asked), entry.verb, entry.reason) == (
        ("certified", "lapsed"), "certificates.approval.lapse", "It ran out on 2026-06-06 12:00 UTC.",
    )  # fmt: skip
    again = ask(Act.ACTIVATE, key, by=people["operator"], now=late)
    allow(again, people["approver"], late + HOUR)
    assert standing(key, again) == ("active", "used")


# Not what was seen


def _another_certificate(key: KeyPair, people: dict[str, Any], now: datetime) -> None:
    leaf = _root().sign(key.csr_pem)
    Certificate.objects.filter(key=key).update(
        pem=pem(leaf).decode(), sha256=leaf.fingerprint(leaf.signature_hash_algorithm).hex()
    )


def _a_longer_certificate(key: KeyPair, people: dict[str, Any], now: datetime) -> None:
    Certificate.objects.filter(key=key).update(not_after=now + timedelta(days=700))


def _compromised(key: KeyPair, people: dict[str, Any], now: datetime) -> None:
    operations.mark_compromised(pk=key.pk, actor=Actor.user(people["operator"]), now=now, reason="Seen.")


def _retired(key: KeyPair, people: dict[str, Any], now: datetime) -> None:
    operations.retire_key(pk=key.pk, actor=Actor.user(people["operator"]), now=now, reason="Not needed.")


def _already_active(key: KeyPair, people: dict[str, Any], now: datetime) -> None:
    KeyPair.objects.filter(pk=key.pk).update(state="active")


@pytest.mark.parametrize(
    "change", [_another_certificate, _a_longer_certificate, _compromised, _retired, _already_active]
)
def test_a_key_that_changed_since_is_not_what_was_asked_for(
    key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime,
    change: Callable[[KeyPair, dict[str, Any], datetime], None],
) -> None:  # fmt: skip
    change(key, people, now)
    before = KeyPair.objects.filter(pk=key.pk).values().get()
    with pytest.raises(operations.ApprovalLapsed, match="What it is about changed since it was asked for"):
        allow(asked, people["approver"], now + HOUR)
    assert KeyPair.objects.filter(pk=key.pk).values().get() == before
    assert standing(key, asked)[1] == "lapsed"
    assert AuditEntry.objects.latest("number").reason == "What it is about changed since it was asked for."


def test_a_key_proven_again_meanwhile_is_still_what_was_asked_for(
    key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime
) -> None:
    prove(key, now=now + HOUR)
    allow(asked, people["approver"], now + HOUR)
    assert standing(key, asked) == ("active", "used")


@pytest.mark.parametrize("change", [{"is_active": False}, {"groups": ()}])
def test_whoever_asked_must_still_be_somebody_who_may(
    key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime, change: dict[str, Any]
) -> None:
    if "groups" in change:
        people["operator"].groups.clear()
    else:
        type(people["operator"]).objects.filter(pk=people["operator"].pk).update(**change)
    with pytest.raises(operations.ApprovalLapsed, match="Whoever asked may not ask any more"):
        allow(asked, people["approver"], now)
    assert standing(key, asked) == ("certified", "lapsed")


# By the direct way


@pytest.mark.parametrize("who", ["operator", "approver", "admin"])
@pytest.mark.parametrize("name", ["activate", "destroy"])
def test_the_old_addresses_do_nothing(as_: Any, key: KeyPair, asked: Approval, who: str, name: str) -> None:
    client, url = as_(who), reverse("admin:certificates_keypair_do", args=[key.pk, name])
    for method in ("get", "post", "put", "delete"):
        assert getattr(client, method)(url, {"reason": "Now."}).status_code in {200, 403, 404, 409}
    assert (*standing(key, asked), KeyEnvelope.objects.count()) == ("certified", "requested", 1)


@pytest.mark.parametrize("name", ["approve", "decline", "withdraw", "export"])
def test_looking_decides_nothing(as_: Any, key: KeyPair, asked: Approval, name: str) -> None:
    url = reverse("admin:certificates_approval_do", args=[asked.pk, name])
    assert as_("approver").get(url).status_code == 200
    assert standing(key, asked) == ("certified", "requested")


@pytest.mark.parametrize("machine", [Actor.command("activate"), Actor.task("activate"), Actor("user", "1")])
def test_no_command_and_no_task_is_a_person(
    key: KeyPair, asked: Approval, machine: Actor, now: datetime
) -> None:
    """Every operation is called as a script would call it, with the request nobody allowed, or with none."""
    pk, gone = asked.pk, uuid.uuid4()
    for act in (
        lambda: operations.activate_key(pk=key.pk, actor=machine, now=now),
        lambda: operations.activate_approved(approval=pk, actor=machine, now=now),
        lambda: operations.destroy_approved(approval=pk, actor=machine, now=now),
        lambda: operations.export_key(pk=pk, passphrase="x" * 40, actor=machine, now=now),
        lambda: operations.approve(pk=pk, actor=machine, now=now),
        lambda: operations.request_approval(act=Act.DESTROY, pk=key.pk, reason="x", actor=machine, now=now),
    ):
        with pytest.raises(operations.SecondPersonNeeded):
            act()
    with pytest.raises(Approval.DoesNotExist):
        operations.activate_approved(approval=gone, actor=machine, now=now)
    assert (*standing(key, asked), KeyEnvelope.objects.count()) == ("certified", "requested", 1)


def test_the_act_alone_is_refused_to_people_too(
    key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime
) -> None:
    """Calling what an approval carries out, without the approval having been given."""
    for who in ("operator", "approver", "admin"):
        for act in (operations.activate_approved, operations.destroy_approved):
            with pytest.raises(operations.SecondPersonNeeded):
                act(approval=asked.pk, actor=Actor.user(people[who]), now=now)
    assert (*standing(key, asked), KeyEnvelope.objects.count()) == ("certified", "requested", 1)


# Again


def test_an_approval_is_good_for_one_time_and_one_act(
    key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime
) -> None:
    approver = Actor.user(people["approver"])
    allow(asked, people["approver"], now)
    KeyPair.objects.filter(pk=key.pk).update(state="standby")
    with pytest.raises(SomebodyWasFirst, match="it is “done”"):
        allow(asked, people["admin"], now)
    for act in (operations.activate_approved, operations.destroy_approved):
        with pytest.raises(operations.SecondPersonNeeded):
            act(approval=asked.pk, actor=approver, now=now)
    assert standing(key, asked) == ("standby", "used")


def test_falling_back_to_the_key_before_takes_two_people_as_well(
    key: KeyPair, asked: Approval, people: dict[str, Any], now: datetime
) -> None:
    allow(asked, people["approver"], now)
    successor = certified(people, now)
    allow(ask(Act.ACTIVATE, successor, by=people["operator"], now=now), people["approver"], now)
    assert KeyPair.objects.get(pk=key.pk).state == "standby"
    with pytest.raises(operations.SecondPersonNeeded):
        operations.activate_key(pk=key.pk, actor=Actor.user(people["approver"]), now=now)
    allow(ask(Act.ACTIVATE, key, by=people["operator"], now=now), people["approver"], now)
    assert [KeyPair.objects.get(pk=one.pk).state for one in (key, successor)] == ["active", "standby"]


# Underneath the program


def test_the_database_itself_refuses_one_person_in_both_places(asked: Approval) -> None:
    """Rows written by hand, past every line of this program."""
    raw = Approval.objects.filter(pk=asked.pk).values().get()
    for wrong in ("requested_by", "''"):
        for state in ("approved", "used"):
            with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"UPDATE certificates_approval SET state = '{state}', decided_by = {wrong}")
    for state in ("approved", "used"):
        mine = {**raw, "id": uuid.uuid4(), "target": state, "decided_by": raw["requested_by"], "state": state}
        columns = {name: value.hex if _is_bare(value) else value for name, value in mine.items()}
        marks = ", ".join(["%s"] * len(columns))
        insert = f"INSERT INTO certificates_approval ({', '.join(columns)}) VALUES ({marks})"
        refused = pytest.raises(IntegrityError, match="certificates_approval_takes_two")
        with refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(insert, [*columns.values()])
    assert Approval.objects.get().state == "requested"


def _is_bare(value: Any) -> bool:
    return isinstance(value, uuid.UUID) and connection.vendor == "sqlite"


# Two in a hurry


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """Run the acts in threads that start together; return what each raised by name, or empty."""
    ready, said = threading.Barrier(len(acts)), []

    def run(act: Callable[[], Any]) -> None:
        ready.wait()
        try:
            act()
            said.append("")
        except OperationRefused as refusal:
            said.append(type(refusal).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(said)


@pytest.mark.django_db(transaction=True)
def test_of_two_who_allow_at_once_one_acts_and_the_other_is_told(
    people: dict[str, Any], now: datetime
) -> None:
    key = certified(people, now)
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=now)
    said = at_once(
        lambda: allow(asked, people["approver"], now),
        lambda: allow(asked, people["admin"], now),
    )
    assert (said, standing(key, asked)) == (["", "SomebodyWasFirst"], ("active", "used"))
    assert AuditEntry.objects.filter(verb="certificates.keypair.activate").count() == 1
    assert verify().broken is None


@pytest.mark.django_db(transaction=True)
def test_asking_allowing_and_withdrawing_at_once_leave_one_story(
    people: dict[str, Any], now: datetime
) -> None:
    key = certified(people, now)
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=now)
    operator = Actor.user(people["operator"])
    said = at_once(
        lambda: allow(asked, people["approver"], now),
        lambda: operations.withdraw(pk=asked.pk, actor=operator, now=now, reason="A mistake."),
        lambda: operations.mark_compromised(pk=key.pk, actor=operator, now=now, reason="Seen elsewhere."),
    )
    ends = {("compromised", "used"), ("compromised", "withdrawn"), ("compromised", "lapsed")}
    assert standing(key, asked) in ends
    assert (len(said), verify().broken) == (3, None)


@pytest.mark.django_db(transaction=True)
def test_an_allowed_export_fetched_twice_at_once_leaves_once(
    people: dict[str, Any], now: datetime, settings: Any
) -> None:
    settings.ALLOW_KEY_EXPORT = True
    asked = ask(Act.EXPORT, certified(people, now), by=people["operator"], now=now)
    allow(asked, people["approver"], now)
    files: list[bytes] = []

    def fetch() -> None:
        files.append(
            operations.export_key(
                pk=asked.pk,
                passphrase="obviously a test passphrase 42",
                actor=Actor.user(people["operator"]),
                now=now,
            )
        )

    assert (at_once(fetch, fetch), len(files)) == (["", "SecondPersonNeeded"], 1)
    assert AuditEntry.objects.filter(verb="certificates.key_used").count() == 1
