"""The two guided pages: a key somebody else may hold, and a renewal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.urls import reverse

from audit.recording import Actor
from certificates import holders, operations
from certificates.models import Act, KeyPair
from tests.certificates.acting import (
    Harbor,
    Install,
    act,
    fresh,
    page,
    text,
)
from tests.certificates.authority import Authority, pem
from tests.certificates.two_people import ask, prove


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    with time_machine.travel(now, tick=False):
        yield


@pytest.fixture
def harbor(monkeypatch: pytest.MonkeyPatch) -> Harbor:
    holder = Harbor()
    monkeypatch.setitem(holders._HOLDERS, "connection", holder)
    return holder


def _states(answer: Any) -> list[tuple[str, str]]:
    return [(stop.title.split(",")[0], stop.state) for stop in answer.context["guide"].stops]


def test_the_page_says_what_a_key_touches_before_it_is_marked(
    as_: Any, install: Install, harbor: Harbor
) -> None:
    certificate = install()
    answer = as_("operator").get(act(certificate.key, "compromise"))
    for said in (
        "2 accounts, pulled since 2026-01-05", certificate.sha1, certificate.serial, certificate.sha256,
        "The feed stops until a new certificate is active", page("request", renews=str(certificate.key.pk)),
    ):  # fmt: skip
        assert said in text(answer)
    assert fresh(certificate.key).state == "active"


def test_marking_leads_to_what_is_left_and_rows_move_it_on(
    as_: Any, people: Any, install: Install, request_key: Any, harbor: Harbor, now: datetime
) -> None:
    key, client = install().key, as_("operator")
    unexplained = client.post(act(key, "compromise"), {"reason": ""})
    assert (unexplained.status_code, fresh(key).state) == (400, "active")
    marked = client.post(act(key, "compromise"), {"reason": "A laptop was stolen."})
    assert (marked["Location"], fresh(key).state) == (page("compromised", key.pk), "compromised")
    left = client.get(page("compromised", key.pk))
    assert _states(left) == [
        ("Tell the bank", "ready"), ("Request a new certificate", "ready"), ("Take another key into use", "not_ready"),
        ("Look at its recent uses", "ready"), ("Destroy it later", "not_ready"),
    ]  # fmt: skip
    successor = request_key()
    assert _said(client, key, 1) == ("ready", "Under way", page("change", successor.pk))
    operations.self_sign_for_test(pk=successor.pk, actor=Actor.command("test"), now=now)
    assert _said(client, key, 1) == ("done", "Done", page("change", successor.pk))
    assert _said(client, key, 2)[0] == "done"
    ask(Act.DESTROY, fresh(key), by=people["operator"], now=now)
    assert _said(client, key, 4)[:2] == ("ready", "Asked for")


def _said(client: Any, key: KeyPair, number: int) -> tuple[str, str, str]:
    stop = client.get(page("compromised", key.pk)).context["guide"].stops[number]
    return stop.state, stop.state_words, stop.url


def test_only_those_who_read_the_record_are_led_to_it(
    as_: Any, install: Install, harbor: Harbor, now: datetime
) -> None:
    key = install().key
    operations.mark_compromised(pk=key.pk, actor=Actor.command("test"), now=now, reason="test")
    record = reverse("admin:audit_auditentry_changelist") + f"?q={key.pk}"
    seen = {who: record in text(as_(who).get(page("compromised", key.pk))) for who in ("operator", "auditor")}
    assert seen == {"operator": False, "auditor": True}


def test_a_key_that_was_never_active_stops_no_feed(
    as_: Any, request_key: Any, harbor: Harbor, now: datetime
) -> None:
    key, client = request_key(), as_("operator")
    operations.mark_compromised(pk=key.pk, actor=Actor.command("test"), now=now, reason="test")
    assert "It is not in use: no feed stops." in text(client.get(page("compromised", key.pk)))


def test_a_key_that_is_not_compromised_has_no_such_list(as_: Any, install: Install) -> None:
    assert as_("operator").get(page("compromised", install().key.pk)).status_code == 404


def _now_at(client: Any, key: KeyPair) -> tuple[int, str]:
    stops = client.get(page("renewal", key.pk)).context["guide"].stops
    number = next(n for n, stop in enumerate(stops, start=1) if stop.state == "ready")
    return number, stops[number - 1].url


def test_a_renewal_goes_step_by_step_to_an_active_proven_successor(
    as_: Any, people: Any, install: Install, request_key: Any, issuing: Authority, root: Authority, harbor: Harbor,
    now: datetime,
) -> None:  # fmt: skip
    soon = now + timedelta(days=40)
    old = install(environment="production", signing={"ends": soon}).key
    approver, operator = Actor.user(people["approver"]), Actor.user(people["operator"])
    prove(old, now=now)
    operations.approve(pk=ask(Act.ACTIVATE, old, by=people["operator"], now=now).pk, actor=approver, now=now)
    client = as_("operator")
    assert _now_at(client, old) == (1, page("request", renews=str(old.pk)))
    new = request_key(environment="production")
    assert _now_at(client, old) == (2, act(new, "submit"))
    operations.mark_submitted(pk=new.pk, actor=operator, now=now)
    assert _now_at(client, old) == (3, act(new, "install"))
    material = pem(issuing.sign(new.csr_pem), issuing.certificate, root.certificate)
    operations.install_for_request(pk=new.pk, material=material, actor=operator, now=now)
    assert _now_at(client, old) == (4, act(new, "prove"))
    operations.prove_key(pk=new.pk, actor=operator, now=now)
    assert _now_at(client, old) == (5, act(new, "ask_activate"))
    asked = ask(Act.ACTIVATE, new, by=people["operator"], now=now)
    assert _now_at(client, old) == (5, reverse("admin:certificates_approval_change", args=[asked.pk]))
    operations.approve(pk=asked.pk, actor=approver, now=now)
    guide = client.get(page("renewal", old.pk)).context["guide"]
    assert [stop.state for stop in guide.stops] == ["done"] * 5 + ["not_ready"]
    assert f"retires on {now + timedelta(days=14):%Y-%m-%d}" in guide.stops[5].words
    assert guide.advice == "The new key is active and proven."


def test_a_renewal_says_when_it_begins(as_: Any, install: Install) -> None:
    answer = as_("operator").get(page("renewal", install().key.pk))
    assert ("332 days left" not in text(answer), answer.context["guide"].begun) == (True, False)
    assert "The renewal is due from 2 Mar 2027, 60 days before the end." in text(answer)


def test_an_ended_certificate_takes_the_manual_path(as_: Any, install: Install, now: datetime) -> None:
    certificate = install(signing={"ends": now + timedelta(days=1)})
    with time_machine.travel(now + timedelta(days=3), tick=False):
        answer = as_("admin").get(page("renewal", certificate.key.pk))
    assert "It ended 2 days ago" in text(answer)
    assert "Call the bank" in text(answer)
    assert dict(answer.context["guide"].to_tell)["Fingerprint (kid)"] == certificate.sha1
    assert answer.context["guide"].stops[0].url == page("request", renews=str(certificate.key.pk))
