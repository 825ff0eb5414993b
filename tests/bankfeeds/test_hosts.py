"""What all workers know of a host: when it is shut, who tries it, how its pulls come back, how often it is called."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry
from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds import operations, queries
from bankfeeds.hosts import addresses, breaker, budget, waiting
from bankfeeds.hosts.gate import HostGate
from bankfeeds.jpmorgan.errors import BankError, Decision, NotCalled
from bankfeeds.models import Account, BankHost, Connection, Finding, Outage, Pull
from bankfeeds.pipeline import claim
from tests.bankfeeds.at_once import together

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
ACTOR = Actor.command("test")
HOST, TOKEN_HOST = "api.bank.example:443", "login.bank.example:443"
SENTENCE = "The bank's system is not available at the moment."


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def customer(label: str = "harbor-kettle", accounts: int = 1, auth: str = "oauth") -> Connection:
    made = Connection.objects.create(
        label=label, environment="test", auth=auth, state="active", client_id="CC-900001",
        api_host="https://api.bank.example", token_url="https://login.bank.example/token" if auth == "oauth" else "",
        trust_roots="x", created_at=NOW,
    )  # fmt: skip
    for number in range(accounts):
        Account.objects.create(
            connection=made, number=f"{made.pk}0{number}", given_number=f"{made.pk}0{number}"
        )
    return made


def queued(connection_: Connection, kind: str = "scheduled", at: datetime = NOW) -> list[Pull]:
    return [
        Pull.objects.create(
            account=account, kind=kind, today=NOW.date(), requested_by="test", requested_at=at
        )
        for account in connection_.accounts.order_by("number")
    ]


def fail(
    source: str = "1/1", *, times: int = 1, connected: bool = True, owner: str = "", at: datetime = NOW
) -> None:
    for _ in range(times):
        breaker.failed(
            HOST, source=source, connected=connected, sentence=SENTENCE, owner=owner, actor=ACTOR, now=at
        )


def host() -> BankHost:
    return BankHost.objects.get(name=HOST)


def shut(at: datetime = NOW) -> BankHost:
    breaker.enter(HOST, owner="", now=at)
    fail(times=5, connected=False, at=at)
    return host()


def due(row: BankHost) -> datetime:
    assert row.retry_at is not None
    return row.retry_at


def verbs() -> list[str]:
    found = AuditEntry.objects.filter(verb__startswith="bankfeeds.host").order_by("number")
    return list(found.values_list("verb", flat=True))


# What shuts a host


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("failures", "state"),
    [
        ([("1/1", False)] * 4, "closed"),
        ([("1/1", False)] * 5, "open"),  # no connection at all: no credential can be blamed for it
        ([("1/1", True)] * 50, "closed"),  # one account's own trouble
        ([("1/1", True), ("2/2", True)] * 2, "closed"),
        ([("1/1", True)] * 4 + [("2/2", True)], "open"),
        ([(f"1/{n}", True) for n in range(12)] + [("2/2", True)], "open"),
    ],
    ids=[
        "four",
        "five without a connection",
        "one account",
        "four of two",
        "five of two",
        "a large one first",
    ],
)
def test_a_host_is_shut_after_five_failures_in_a_row_that_are_not_one_feeds_own(
    failures: list[tuple[str, bool]], state: str
) -> None:
    breaker.enter(HOST, owner="", now=NOW)
    for source, connected in failures:
        fail(source, connected=connected)
    assert host().state == state
    assert [(one.began_at, one.ended_at, one.sentence) for one in Outage.objects.all()] == (
        [(NOW, None, SENTENCE)] if state == "open" else []
    )
    assert verbs() == (["bankfeeds.host_shut"] if state == "open" else [])


@pytest.mark.django_db
@pytest.mark.parametrize("others", [0, 1])
def test_accounts_of_one_customer_speak_for_the_host_only_where_nobody_else_could(others: int) -> None:
    mine = customer(accounts=2)
    for number in range(others):
        customer(f"tin-lantern-{number}")
    breaker.enter(HOST, owner="", now=NOW)
    for place in range(6):
        fail(f"{mine.pk}/{place % 2}")
    assert host().state == ("closed" if others else "open")


@pytest.mark.django_db
def test_an_answer_between_ends_the_row() -> None:
    breaker.enter(HOST, owner="", now=NOW)
    fail("1/1", times=3)
    breaker.answered(host(), owner="", actor=ACTOR, now=NOW)
    fail("2/2", times=4)
    assert (host().state, host().failures, host().sources) == ("closed", 4, ["2/2"])


# Who tries it


@pytest.mark.django_db
def test_a_shut_host_is_called_by_nobody_and_then_by_one() -> None:
    row = shut()
    assert timedelta(seconds=20) < due(row) - NOW <= timedelta(seconds=30)
    with pytest.raises(NotCalled, match="is not reached since 2026-06-03 12:00 UTC"):
        breaker.enter(HOST, owner="one", now=NOW)
    assert breaker.enter(HOST, owner="one", now=due(row)).state == "half_open"
    assert breaker.enter(HOST, owner="one", now=due(row)).state == "half_open"
    with pytest.raises(NotCalled):
        breaker.enter(HOST, owner="two", now=due(row))


@pytest.mark.django_db
def test_a_worker_that_dies_while_it_tries_is_followed_by_another(now: datetime) -> None:
    row = shut()
    breaker.enter(HOST, owner="dies", now=due(row))
    later = due(row) + breaker.PROBE
    with pytest.raises(NotCalled):
        breaker.enter(HOST, owner="two", now=later - timedelta(seconds=1))
    assert breaker.enter(HOST, owner="two", now=later).prober == "two"
    breaker.answered(host(), owner="dies", actor=ACTOR, now=later)  # it was only slow
    fail(owner="dies", at=later)
    assert (host().state, host().prober) == ("half_open", "two")


@pytest.mark.django_db
def test_tries_in_vain_come_ever_more_seldom_and_are_one_outage() -> None:
    pauses, at = [], due(shut())
    for _ in range(8):
        breaker.enter(HOST, owner="one", now=at)
        fail(owner="one", at=at)
        pauses.append((due(host()) - at).total_seconds())
        at = due(host())
    longest = [60, 120, 240, 480, 600, 600, 600, 600]
    assert [most * 0.75 < pause <= most for pause, most in zip(pauses, longest, strict=True)] == [True] * 8
    assert [(one.tries, one.ended_at) for one in Outage.objects.all()] == [(8, None)]
    assert verbs() == ["bankfeeds.host_shut", *["bankfeeds.host_tried_in_vain"] * 8]


@pytest.mark.django_db
def test_an_answer_opens_it_for_all_and_ends_the_outage() -> None:
    at = due(shut())
    breaker.answered(
        host(), owner="", actor=ACTOR, now=at
    )  # of a call that was under way: says nothing of now
    assert host().state == "open"
    breaker.enter(HOST, owner="one", now=at)
    breaker.answered(host(), owner="one", actor=ACTOR, now=at)
    assert (host().state, host().failures, host().retry_at) == ("closed", 0, None)
    assert Outage.objects.get().ended_at == at
    assert breaker.enter(HOST, owner="two", now=at).state == "closed"
    assert verbs() == ["bankfeeds.host_shut", "bankfeeds.host_answers_again"]


@pytest.mark.django_db(transaction=True)
def test_of_eight_workers_at_the_same_moment_one_tries() -> None:
    at = due(shut())
    found = together(*[lambda n=n: breaker.enter(HOST, owner=f"worker {n}", now=at) for n in range(8)])
    assert Counter(type(one).__name__ for one in found) == {"BankHost": 1, "NotCalled": 7}


@pytest.mark.django_db(transaction=True)
def test_eight_workers_that_fail_at_the_same_moment_make_one_outage() -> None:
    breaker.enter(HOST, owner="", now=NOW)
    assert together(*[lambda n=n: fail(f"{n}/{n}") for n in range(8)]) == [None] * 8
    assert (Outage.objects.count(), verbs()) == (1, ["bankfeeds.host_shut"])


# The pulls


@pytest.mark.django_db
def test_pulls_at_a_shut_host_are_not_due_and_one_of_them_is_rung_for_when_it_is_tried() -> None:
    waiting_ones = queued(customer(accounts=3)) + queued(customer("tin-lantern", auth="mtls"))
    Pull.objects.filter(pk=waiting_ones[0].pk).update(requested_at=F("requested_at") - timedelta(minutes=1))
    row = shut()
    assert (queries.due_pulls(now=NOW).count(), queries.pulls_to_ring(now=NOW).count()) == (0, 0)
    assert [pull.pk for pull in queries.pulls_to_ring(now=due(row))] == [waiting_ones[0].pk]
    assert queries.due_pulls(now=due(row)).count() == 0


@pytest.mark.django_db
def test_other_hosts_are_none_of_its_business() -> None:
    elsewhere = customer("elsewhere")
    Connection.objects.filter(pk=elsewhere.pk).update(
        api_host="https://api.other.example", token_url="https://login.other.example"
    )
    (pull,) = queued(elsewhere)
    shut()
    assert list(queries.pulls_to_ring(now=NOW)) == [pull]
    assert claim.claim(pull_id=pull.pk, owner="one", today=NOW.date(), actor=ACTOR, now=NOW).attempts == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_pulls_one_is_claimed_to_try_the_host_and_the_others_keep_their_attempts() -> None:
    pulls = [queued(customer(f"harbor-{n}"))[0] for n in range(6)]
    at = due(shut())
    found = together(
        *[
            lambda pull=pull: claim.claim(
                pull_id=pull.pk, owner=str(pull.pk), today=NOW.date(), actor=ACTOR, now=at
            )
            for pull in pulls
        ]
    )
    assert Counter(type(one).__name__ for one in found) == {"Pull": 1, "TooEarly": 5}
    assert sorted(Pull.objects.values_list("state", "attempts")) == [("fetching", 1)] + [("queued", 0)] * 5


@pytest.mark.django_db
def test_a_pull_that_met_the_outage_has_its_attempt_given_back_and_is_never_given_up() -> None:
    (pull,) = queued(customer())
    shut()
    at = NOW
    for _ in range(7):
        at = due(host())
        taken = claim.claim(pull_id=pull.pk, owner="one", today=NOW.date(), actor=ACTOR, now=at)
        fail(owner="one", at=at)
        error = BankError(Decision.RETRY, SENTENCE, of_host=True)
        error.host = HOST
        told = claim.refused(taken, error, owner="one", actor=ACTOR, now=at)
        assert (told.state, told.attempts, told.needs_person, told.retry_at) == (
            "failed",
            0,
            False,
            due(host()),
        )
    assert Finding.objects.count() == 0


@pytest.mark.django_db
def test_a_try_that_never_asked_the_host_is_handed_back() -> None:
    (pull,) = queued(customer())
    at = due(shut())
    taken = claim.claim(pull_id=pull.pk, owner="one", today=NOW.date(), actor=ACTOR, now=at)
    claim.refused(taken, BankError(Decision.ASK, "No."), owner="one", actor=ACTOR, now=at)
    assert (host().state, host().prober, due(host())) == ("open", "", at + breaker.FIRST_PAUSE)


@pytest.mark.django_db
def test_what_waited_comes_back_one_after_the_other_a_persons_request_first(settings: Any) -> None:
    settings.BANK_CALLS_PER_SECOND = 2.0  # five pulls in fifteen seconds
    feeds = [customer(f"harbor-{n}") for n in range(12)]
    for number, feed in enumerate(feeds):
        queued(feed, kind="backfill" if number == 0 else "requested" if number == 11 else "scheduled")
    at = due(shut())
    assert (waiting.spread(HOST, now=at), waiting.feeds_waiting_for(HOST)) == (12, 12)
    times = Counter((pull.retry_at - at).total_seconds() for pull in Pull.objects.all() if pull.retry_at)
    assert times == {0.0: 5, 15.0: 5, 30.0: 2}
    order = dict(Pull.objects.values_list("kind", "retry_at").order_by("retry_at"))
    assert (Pull.objects.get(kind="requested").retry_at, order["backfill"]) == (
        at,
        at + timedelta(seconds=30),
    )


@pytest.mark.django_db
def test_which_hosts_a_connection_calls() -> None:
    assert addresses.hosts_of(customer()) == (HOST, TOKEN_HOST)
    assert addresses.hosts_of(customer("tin-lantern", auth="mtls")) == (HOST,)


# The budget


@pytest.mark.django_db
def test_a_burst_goes_at_once_and_the_rest_at_the_rate(settings: Any) -> None:
    settings.BANK_CALLS_PER_SECOND, settings.BANK_CALL_BURST = 5.0, 3
    breaker.enter(HOST, owner="", now=NOW)
    longest = timedelta(seconds=0.5)
    waits = [budget.take_place(host(), longest=longest, now=NOW) for _ in range(6)]
    assert [(wait.total_seconds(), taken) for wait, taken in waits] == [
        (0.0, True), (0.0, True), (0.0, True), (0.2, True), (0.4, True), (0.6, False),
    ]  # fmt: skip
    assert budget.take_place(host(), longest=longest, now=after(60)) == (timedelta(), True)


@pytest.mark.django_db(transaction=True)
def test_eight_workers_never_exceed_the_budget(settings: Any) -> None:
    settings.BANK_CALLS_PER_SECOND, settings.BANK_CALL_BURST = 10.0, 4
    breaker.enter(HOST, owner="", now=NOW)

    def worker() -> list[float]:
        longest = timedelta(minutes=1)
        places = [
            budget.take_place(BankHost.objects.get(name=HOST), longest=longest, now=NOW) for _ in range(5)
        ]
        return [wait.total_seconds() for wait, taken in places if taken]

    found = sorted(wait for waits in together(*[worker] * 8) for wait in waits)
    assert found == [0.0] * 4 + [round(0.1 * place, 1) for place in range(1, 37)]


@pytest.mark.django_db
def test_a_short_wait_is_slept_and_a_long_one_is_no_failure(settings: Any) -> None:
    settings.BANK_CALLS_PER_SECOND, settings.BANK_CALL_BURST = 0.25, 1
    slept: list[float] = []
    gate = HostGate(owner="one", source="1/1", actor=ACTOR, clock=lambda: NOW, sleep=slept.append)
    gate.enter(HOST)
    gate.enter(HOST)
    with pytest.raises(NotCalled, match="calls per second that we allow ourselves") as refused:
        gate.enter(HOST)
    assert (slept, refused.value.until, refused.value.retry_after) == ([4.0], after(8), None)
    (pull,) = queued(customer())
    taken = claim.claim(pull_id=pull.pk, owner="one", today=NOW.date(), actor=ACTOR, now=NOW)
    told = claim.refused(taken, refused.value, owner="one", actor=ACTOR, now=NOW)
    assert (told.state, told.attempts, told.retry_at) == ("failed", 0, after(8))
    assert Connection.objects.get().not_before is None  # it is our own limit, not the bank's wish


# What people are told


def test_operations_are_mailed_once_that_it_lasts_and_once_that_it_is_over(
    transactional_db: None, mailoutbox: list[Any]
) -> None:
    queued(customer(accounts=2)) + queued(customer("tin-lantern"))
    at = due(shut())
    assert operations.tell_of_outages(now=after(299)) == 0
    assert [operations.tell_of_outages(now=after(300)) for _ in range(3)] == [1, 0, 0]
    breaker.enter(HOST, owner="one", now=at)
    breaker.answered(host(), owner="one", actor=ACTOR, now=after(600))
    assert [operations.tell_of_outages(now=after(660)) for _ in range(3)] == [1, 0, 0]
    assert [one.subject for one in mailoutbox] == [
        "The bank's host api.bank.example:443 is not reached",
        "The bank's host api.bank.example:443 answers again",
    ]
    assert "has not been reached since 3 Jun 2026, 12:00 UTC" in mailoutbox[0].body
    assert "2 feeds wait for it." in mailoutbox[0].body
    assert "answers again since 3 Jun 2026, 12:10 UTC" in mailoutbox[1].body


def test_nobody_is_mailed_about_minutes(transactional_db: None, mailoutbox: list[Any]) -> None:
    at = due(shut())
    breaker.enter(HOST, owner="one", now=at)
    breaker.answered(host(), owner="one", actor=ACTOR, now=at)
    assert (operations.tell_of_outages(now=after(3600)), mailoutbox) == (0, [])


def test_a_silent_mail_server_is_asked_again(
    transactional_db: None, settings: Any, mailoutbox: list[Any]
) -> None:
    shut()
    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = (
        "django.core.mail.backends.smtp.EmailBackend", "127.0.0.1", 9,
    )  # fmt: skip
    assert (operations.tell_of_outages(now=after(600)), Outage.objects.get().told_at) == (0, None)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert (operations.tell_of_outages(now=after(660)), len(mailoutbox)) == (1, 1)


@pytest.mark.django_db
def test_a_person_has_it_called_again_and_one_pull_tries_it(as_: Any) -> None:
    waiting_one = queued(customer())[0]
    row = shut()
    BankHost.objects.update(retry_at=after(10**6))
    page = reverse("admin:bankfeeds_bankhost_change", args=[row.pk])
    act = reverse("admin:bankfeeds_bankhost_do", args=[row.pk, "call"])
    assert as_("auditor").post(act, {"reason": "x"}).status_code == 403
    operator = as_("operator")
    html = operator.get(page).content.decode()
    assert [
        word for word in ("Call again now", SENTENCE.replace("'", "&#x27;"), "not yet") if word not in html
    ] == []
    waits = operator.get(reverse("admin:bankfeeds_pull_change", args=[waiting_one.pk])).content.decode()
    assert "api.bank.example:443, which has not been reached since 3 Jun 2026, 12:00 UTC" in waits
    assert operator.post(act, {"reason": "The bank says it is well."}).status_code == 302
    assert list(queries.pulls_to_ring(now=timezone.now())) == [waiting_one]
    assert verbs() == ["bankfeeds.host_shut", "bankfeeds.host_call_asked_for"]


@pytest.mark.django_db
def test_a_host_that_is_called_needs_no_word(now: datetime) -> None:
    row = breaker.enter(HOST, owner="", now=now)
    with pytest.raises(OperationRefused, match="is called as usual"):
        operations.call_host_again(pk=row.pk, actor=ACTOR, now=now)
