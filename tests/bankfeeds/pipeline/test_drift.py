"""The bank's answers drift away from its contract: said once, by the field, and the answer is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from bankfeeds import operations
from bankfeeds.jpmorgan.transport import Transport
from bankfeeds.models import Finding, RawPage
from tests.bankfeeds.feeds import ACTOR, Feed, feed
from tests.bankfeeds.pipeline.looking import assert_right, kinds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed(accounts=2, history_days=4) as found:
        yield found


@pytest.fixture
def drifted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that lets the real answers of the bank pass through ``change`` on their way."""
    send = Transport.send

    def begin(change: Any) -> None:
        def changed(self: Any, method: str, url: str, **more: Any) -> Any:
            reply = send(self, method, url, **more)
            body = json.loads(reply.body)
            return type(reply)(
                status=reply.status, headers=reply.headers, body=json.dumps(change(body)).encode()
            )

        monkeypatch.setattr(Transport, "send", changed)

    return begin


def pages_as_text(body: Any) -> Any:
    if "pagination" in body:
        body["pagination"]["totalPages"] = "one"
    return body


def test_a_changed_field_is_one_finding_of_the_connection_and_its_page_is_kept(
    harbor: Feed, drifted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    drifted(pages_as_text)
    pulls = harbor.pull_all()
    assert [(pull.state, pull.needs_person, pull.retry_at is None) for pull in pulls] == [
        ("failed", False, False)
    ] * 2
    finding = Finding.objects.get()
    assert (finding.kind, finding.account, finding.data) == (
        "contract_drift",
        None,
        {"differs": "Expected `int`, got `str` - at `$.pagination.totalPages`"},
    )
    assert "Expected `int`, got `str` - at `$.pagination.totalPages`" in finding.sentence
    kept = RawPage.objects.filter(kind="unreadable")
    assert [json.loads(page.content())["pagination"]["totalPages"] for page in kept] == ["one", "one"]
    monkeypatch.undo()
    for account in harbor.accounts:
        harbor.pull(account)
    assert (kinds(), kinds("resolved")) == ([], ["contract_drift"])
    assert_right(harbor)


def test_bytes_that_are_no_answer_are_no_drift(harbor: Feed) -> None:
    harbor.bank.faults.add("html", path="transactions", status=200)
    harbor.pull()
    assert kinds() == []
    assert RawPage.objects.get(kind="unreadable").content().lstrip().startswith(b"<")


def test_new_fields_are_told_once_for_all_accounts_and_stop_nothing(harbor: Feed) -> None:
    harbor.bank.faults.add("unknown_field", path="transactions", times=None)
    assert [pull.state for pull in harbor.pull_all()] == ["booked", "booked"]
    finding = Finding.objects.get()
    assert (finding.kind, finding.data) == ("contract_drift", {"fields": ["data[].surpriseField (object)"]})
    assert "without notice" not in finding.sentence
    operations.accept_finding(
        pk=finding.pk, actor=ACTOR, now=timezone.now() + timedelta(hours=1), reason="Known."
    )
    harbor.pull_all()
    assert Finding.objects.count() == 1
    assert_right(harbor)
