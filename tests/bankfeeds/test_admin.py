"""The feed's console pages: who sees what, who may do what, and what is never shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from bankfeeds.models import Account, Connection, Day, Finding, Line, Pull
from tests.bankfeeds.feeds import TODAY, Feed, feed
from tests.bankfeeds.renewal import register, renewed

pytestmark = pytest.mark.django_db(transaction=True)

MODELS = (
    "connection", "account", "day", "line", "pull", "finding", "balanceobservation", "rejectedline", "provisionalline",
    "linenote",
)  # fmt: skip


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed() as found:
        found.pull()
        found.bank.withdraw_approval(found.bank.client.client_id)
        found.pull()
        yield found


@pytest.fixture
def roles() -> None:
    from config.roles import lay_down_groups

    lay_down_groups()


def change(model: Any, **more: Any) -> str:
    row = model.objects.filter(**more).first()
    return reverse(f"admin:bankfeeds_{model._meta.model_name}_change", args=[row.pk])


def test_pages_open_for_the_operator_and_the_auditor_and_for_nobody_else(
    harbor: Feed, roles: None, as_: Any
) -> None:
    pages = [reverse(f"admin:bankfeeds_{name}_changelist") for name in MODELS]
    pages += [change(model) for model in (Connection, Account, Day, Line, Pull, Finding)]
    for person, status in (("operator", 200), ("auditor", 200), ("outsider", 403)):
        client = as_(person)
        for page in pages:
            found = client.get(page)
            assert found.status_code == status, (person, page)
            if status == 200:
                text = found.content.decode()
                assert harbor.account.given_number not in text
                assert "BEGIN CERTIFICATE" not in text


def test_nothing_is_edited_or_removed_by_hand(harbor: Feed, roles: None, as_: Any) -> None:
    client = as_("admin")
    for model in (Account, Day, Line, Pull, Finding, Connection):
        page = change(model)
        assert client.post(page, {"label": "other"}).status_code == 403, model
        assert client.post(page.replace("/change/", "/delete/"), {"post": "yes"}).status_code == 403, model


def do(client: Any, model: Any, name: str, **data: Any) -> int:
    row = model.objects.order_by("pk").first()
    url = reverse(f"admin:bankfeeds_{model._meta.model_name}_do", args=[row.pk, name])
    return int(client.post(url, data).status_code)


def test_the_operators_buttons_act_once_by_post(harbor: Feed, roles: None, as_: Any) -> None:
    client = as_("operator")
    url = reverse("admin:bankfeeds_connection_do", args=[harbor.connection.pk, "pause"])
    assert client.get(url).status_code == 200
    assert Connection.objects.get().state == "testing"  # looking changes nothing
    assert do(client, Connection, "pause") == 400  # a reason is due
    assert do(client, Connection, "pause", reason="Customer asked.") == 302
    assert Connection.objects.get().state == "paused"
    assert do(client, Connection, "pull") == 409
    assert do(client, Connection, "resume") == 302
    assert do(client, Connection, "pull") == 302
    assert Pull.objects.filter(state="queued").count() == 1
    assert do(client, Finding, "accept", reason="The bank is working on it.") == 302
    assert Finding.objects.get().state == "accepted"


def test_a_new_key_is_proven_by_a_button(harbor: Feed, roles: None, as_: Any) -> None:
    client = as_("operator")
    assert "Prove new key" not in client.get(change(Connection)).content.decode()
    harbor.bank.approve(harbor.bank.client.client_id)
    new = renewed(harbor, "oauth", registered=False)
    assert "Prove new key" in client.get(change(Connection)).content.decode()
    url = reverse("admin:bankfeeds_connection_do", args=[harbor.connection.pk, "prove"])
    refused = client.post(url)
    assert (refused.status_code, new.certificate.sha1 in refused.content.decode()) == (409, True)
    register(harbor, new)
    assert as_("auditor").post(url).status_code == 403
    new.refresh_from_db()
    assert new.state == "certified"
    assert as_("operator").post(url).status_code == 302
    new.refresh_from_db()
    assert new.state == "active"


def test_a_legal_hold_is_the_approvers_to_set_and_lift(harbor: Feed, roles: None, as_: Any) -> None:
    reason = {"reason": "A claim is in court."}
    assert do(as_("operator"), Connection, "hold", **reason) == 403
    approver = as_("approver")
    assert do(approver, Connection, "hold") == 400  # without a reason
    for name, held in (("hold", True), ("unhold", False)):
        page = approver.get(change(Connection)).content.decode()
        assert [f"/do/{button}/" in page for button in ("hold", "unhold")] == [held, not held]
        assert do(approver, Connection, name, **reason) == 302
        assert Connection.objects.get().legal_hold is held


def test_a_line_says_what_its_code_means(harbor: Feed, roles: None, as_: Any) -> None:
    auditor = as_("auditor")
    listed = auditor.get(reverse("admin:bankfeeds_line_changelist")).content.decode()
    assert "195 Incoming money transfer" in listed
    Line.objects.filter(bai_code="195").update(bai_code="313")
    assert "Money transfers" not in auditor.get(change(Line, bai_code="313")).content.decode()
    assert "Money transfers" in auditor.get(change(Line, bai_code="495")).content.decode()


def test_the_auditor_reads_and_acts_on_nothing(harbor: Feed, roles: None, as_: Any) -> None:
    client = as_("auditor")
    for model, name in ((Connection, "pause"), (Connection, "pull"), (Finding, "accept"), (Pull, "retry")):
        assert do(client, model, name, reason="x") == 403
    assert "Pause" not in client.get(change(Connection)).content.decode()


def test_a_connection_is_created_in_the_console(harbor: Feed, roles: None, as_: Any) -> None:
    client = as_("operator")
    url = reverse("admin:bankfeeds_connection_add")
    assert client.get(url).status_code == 200
    facts = {
        "label": "marble-otter", "environment": "test", "auth": "oauth", "api_host": harbor.running.oauth_url,
        "token_url": harbor.running.token_url, "resource": "JPMC:URI:RS-900002-90002-SimBankFeed-UAT",
        "client_id": "CC-900002-Z100002-200002-UAT", "accounts": "000000700100300\n700100400",
        "trust_roots": harbor.running.roots_pem,
    }  # fmt: skip
    refused = client.post(url, {**facts, "api_host": "http://api.bank.example"})
    assert refused.status_code == 200
    assert "https://" in refused.content.decode()
    assert Connection.objects.count() == 1
    assert client.post(url, facts).status_code == 302
    made = Connection.objects.get(label="marble-otter")
    assert (made.state, made.accounts.count()) == ("draft", 2)
    assert client.post(url, facts).status_code == 200  # the label is taken
    assert as_("auditor").get(url).status_code == 403


def test_lists_ask_a_fixed_number_of_questions(
    harbor: Feed, roles: None, as_: Any, django_assert_max_num_queries: Any
) -> None:
    client = as_("operator")
    for name in MODELS:
        with django_assert_max_num_queries(16):
            client.get(reverse(f"admin:bankfeeds_{name}_changelist"))
    assert Line.objects.filter(as_of_date__lt=TODAY).count() > 50


def test_the_schedule_is_shown_in_words_and_set_by_the_operator(harbor: Feed, roles: None, as_: Any) -> None:
    client = as_("operator")
    url = reverse("admin:bankfeeds_connection_do", args=[harbor.connection.pk, "schedule"])
    asked = client.get(url).content.decode()
    assert 'value="06:30, 11:00, 15:00, 19:30"' in asked
    assert '<option value="America/New_York" selected>New York</option>' in asked
    facts = {"time_zone": "Europe/London", "pull_times": "9:00 17:00", "on_holidays": "none"}
    refused = client.post(url, {**facts, "pull_times": "09:00, 09:10"})
    assert (refused.status_code, "at least 30 minutes" in refused.content.decode()) == (409, True)
    assert client.post(url, {**facts, "time_zone": "Harbor/Kettle"}).status_code == 400
    assert as_("auditor").post(url, facts).status_code == 403
    client = as_("operator")
    assert client.post(url, facts).status_code == 302
    Account.objects.update(next_pull_at=datetime(2032, 6, 3, 8, 5, tzinfo=UTC))
    page = client.get(change(Connection)).content.decode()
    assert "At 09:00 and 17:00 in Europe/London" in page
    assert "3 Jun 2032, 08:05 UTC (09:05 in Europe/London)" in page


def test_an_earlier_history_is_asked_for_watched_and_stopped(harbor: Feed, roles: None, as_: Any) -> None:
    client = as_("operator")
    assert "/do/stop_backfill/" not in client.get(change(Connection)).content.decode()
    start = (timezone.now() - timedelta(days=365)).date()
    assert do(client, Connection, "backfill", start=start) == 400  # a reason is due
    assert do(as_("auditor"), Connection, "backfill", start=start, reason="A year.") == 403
    client = as_("operator")
    assert do(client, Connection, "backfill", start=start, reason="A year is wanted.") == 302
    Pull.objects.filter(kind="backfill").update(state="fetching", planned=7, windows=2)
    page = client.get(change(Connection)).content.decode()
    assert "<progress" in page
    assert "the next days are fetching, window 3 of 7" in page
    assert do(client, Connection, "stop_backfill", reason="Enough.") == 302
    assert "<progress" not in client.get(change(Connection)).content.decode()
