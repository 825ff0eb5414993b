"""What is refused, and what stays as it was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations
from bankfeeds.models import Account, Connection, Finding, Pull
from tests.bankfeeds.feeds import ACTOR, AUTHORITY, TODAY

pytestmark = pytest.mark.django_db

FACTS = operations.NewConnection(
    label="harbor-kettle",
    environment="test",
    auth="oauth",
    api_host="https://api.bank.example",
    token_url="https://token.bank.example/adfs/oauth2/token",
    resource="JPMC:URI:RS-900001-90001-SimBankFeed-UAT",
    client_id="CC-900001-Z100001-200001-UAT",
    trust_roots=AUTHORITY.root_pem,
    accounts=["000000700100200", "700100300"],
)


def create(**more: Any) -> Connection:
    return operations.create_connection(facts=replace(FACTS, **more), actor=ACTOR, now=timezone.now())


def finding(connection: Connection, **more: Any) -> Finding:
    facts = {
        "kind": "broken_day",
        "key": "broken_day/1/2026-06-02/",
        "sentence": "Off.",
        "opened_at": timezone.now(),
    }
    return Finding.objects.create(connection=connection, **{**facts, **more})


def test_a_connection_is_created_once_with_its_accounts() -> None:
    first = create()
    assert create(accounts=["700100300", "0700100200"]) == first
    assert list(Account.objects.values_list("number", "given_number")) == [
        ("700100200", "000000700100200"),
        ("700100300", "700100300"),
    ]
    assert (first.audience, first.state) == (FACTS.token_url, "draft")
    assert AuditEntry.objects.filter(verb="bankfeeds.connection_created").count() == 1


def test_two_spellings_of_one_account_are_one() -> None:
    create(accounts=["700100200", "000000700100200"])
    assert list(Account.objects.values_list("given_number", flat=True)) == ["700100200"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": "Harbor Kettle"},
        {"label": ""},
        {"environment": "staging"},
        {"auth": "password"},
        {"api_host": "http://api.bank.example"},
        {"api_host": "https://user@api.bank.example"},
        {"api_host": "https://api.bank.example/path?x=1"},
        {"api_host": "https://"},
        {"token_url": ""},
        {"token_url": "http://token.bank.example"},
        {"resource": ""},
        {"client_id": " "},
        {"accounts": []},
        {"accounts": ["0000"]},
        {"trust_roots": "no certificate"},
        {"trust_roots": ""},
    ],
    ids=str,
)
def test_facts_that_make_no_connection_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(operations.BadConnection) as refused:
        create(**wrong)
    assert len(refused.value.missing) == 1
    assert Connection.objects.count() == 0


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(operations.BadConnection) as refused:
        create(label="", client_id="", accounts=[], resource="")
    assert len(refused.value.missing) == 4


def test_mutual_tls_needs_no_token() -> None:
    assert create(auth="mtls", token_url="", resource="").audience == ""


def test_a_draft_cannot_be_pulled() -> None:
    connection = create()
    with pytest.raises(OperationRefused) as refused:
        operations.start_pull(
            account=connection.accounts.first(), today=TODAY, actor=ACTOR, now=timezone.now()
        )
    assert refused.value.missing == ["a certificate in use"]
    assert Pull.objects.count() == 0


def test_a_person_without_the_right_does_nothing(people: dict[str, Any]) -> None:
    connection = create()
    Connection.objects.filter(pk=connection.pk).update(state="testing")
    outsider = Actor.user(people["outsider"])
    now = timezone.now()
    for act in (
        lambda: operations.pull_now(pk=connection.pk, actor=outsider, now=now),
        lambda: operations.activate_connection(pk=connection.pk, actor=outsider, now=now),
        lambda: operations.pause_connection(pk=connection.pk, actor=outsider, now=now, reason="x"),
        lambda: operations.close_connection(pk=connection.pk, actor=outsider, now=now, reason="x"),
        lambda: operations.request_certificate(pk=connection.pk, actor=outsider, now=now),
        lambda: operations.accept_finding(
            pk=finding(connection, key="k").pk, actor=outsider, now=now, reason="x"
        ),
    ):
        with pytest.raises(OperationRefused):
            act()
        Finding.objects.all().delete()
    assert Connection.objects.get().state == "testing"
    assert Pull.objects.count() == 0


def test_a_finding_is_closed_with_a_reason_and_may_open_again() -> None:
    connection = create()
    now = timezone.now()
    one = finding(connection)
    with pytest.raises(OperationRefused):
        operations.accept_finding(pk=one.pk, actor=ACTOR, now=now, reason=" ")
    with pytest.raises(IntegrityError), transaction.atomic():
        finding(connection)  # the same cause, while it is open
    done = operations.accept_finding(pk=one.pk, actor=ACTOR, now=now, reason="The bank confirmed it.")
    assert (done.state, done.reason, done.closed_at) == ("accepted", "The bank confirmed it.", now)
    assert finding(connection).state == "open"
    with pytest.raises(OperationRefused):
        operations.resolve_finding(pk=one.pk, actor=ACTOR, now=now, reason="again")


def test_pausing_and_resuming_comes_back_to_where_it_was() -> None:
    pk = create().pk
    now = timezone.now()
    for state in ("testing", "active"):
        Connection.objects.filter(pk=pk).update(state=state)
        operations.pause_connection(pk=pk, actor=ACTOR, now=now, reason="x")
        with pytest.raises(OperationRefused):
            operations.pull_now(pk=pk, actor=ACTOR, now=now)
        assert operations.resume_connection(pk=pk, actor=ACTOR, now=now).state == state


def test_the_database_itself_refuses_a_second_open_pull_and_counts_that_do_not_add_up() -> None:
    account = create().accounts.first()
    assert account is not None
    facts = {
        "account": account,
        "kind": "requested",
        "today": TODAY,
        "requested_by": "x",
        "requested_at": timezone.now(),
    }
    Pull.objects.create(**facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        Pull.objects.create(**facts)
    with pytest.raises(IntegrityError), transaction.atomic():
        Pull.objects.update(read=3, same=1, new=1)
    Pull.objects.update(read=2, same=1, new=1, state="booked")
    Pull.objects.create(**facts)


@pytest.mark.parametrize(
    ("held", "on", "reason", "sentence"),
    [
        (False, True, " ", "Say why the legal hold is set or lifted."),
        (True, True, "Again.", "harbor-kettle is already under a legal hold."),
        (False, False, "Never set.", "harbor-kettle is not under a legal hold."),
    ],
)
def test_a_legal_hold_is_changed_for_a_reason_or_not_at_all(
    held: bool, on: bool, reason: str, sentence: str
) -> None:
    connection = create()
    Connection.objects.update(legal_hold=held)
    with pytest.raises(OperationRefused) as refused:
        operations.set_legal_hold(pk=connection.pk, on=on, reason=reason, actor=ACTOR, now=timezone.now())
    assert refused.value.sentence == sentence
    assert Connection.objects.get().legal_hold is held
    assert not AuditEntry.objects.filter(verb__startswith="bankfeeds.legal_hold").exists()
