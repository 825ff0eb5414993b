"""The commands people script: names, options, exit codes, and what goes to which output."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from bankfeeds.models import Connection, Finding, Line, Pull
from tests.bankfeeds.feeds import TODAY, Feed, command, feed, write_roots

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    with feed(accounts=2) as found:
        yield found


def pull(*more: str) -> tuple[int, str, str]:
    done = command("pull_feeds", "--connection", "harbor-kettle", "--today", str(TODAY), *more)
    return done.code, done.out, done.err


def test_four_commands_take_a_test_connection_from_nothing_to_booked_lines(tmp_path: Path) -> None:
    from bankfeeds.simulator import scenarios, server
    from tests.bankfeeds.feeds import AUTHORITY

    bank = scenarios.build("plain", today=TODAY, accounts=2, authority=AUTHORITY)
    with server.BankServer(bank) as running:
        create = [
            "create_connection", "--label", "marble-otter", "--environment", "test", "--auth", "oauth",
            "--api-host", running.oauth_url, "--token-url", running.token_url, "--resource", bank.client.resource,
            "--client-id", bank.client.client_id, "--trust-roots", write_roots(tmp_path, running),
        ]  # fmt: skip
        create += [word for account in bank.account_ids for word in ("--account", account)]
        assert command(*create).code == 0
        assert command(*create).code == 0  # safe to repeat
        request = command("generate_csr", "--connection", "marble-otter")
        assert request.code == 0
        assert request.out.startswith("-----BEGIN CERTIFICATE REQUEST-----\n")
        assert request.out.endswith("-----END CERTIFICATE REQUEST-----\n")
        assert command("generate_csr", "--connection", "marble-otter").out == request.out
        pem = bank.sign_csr(request.out, client_id=bank.client.client_id, use="oauth")
        (tmp_path / "leaf.pem").write_text(pem)
        for _ in range(2):
            assert (
                command(
                    "install_certificate", "--connection", "marble-otter", str(tmp_path / "leaf.pem")
                ).code
                == 0
            )
        pulled = command("pull_feeds", "--connection", "marble-otter", "--today", str(TODAY))
        assert (pulled.code, pulled.out) == (0, "")
        rows = command("export_transactions", "--connection", "marble-otter", "--format", "json").json()
        assert [(r["account"], r["transaction_id"], Decimal(r["amount"])) for r in rows] == [
            (account, row["transaction_id"], row["amount"])
            for account in sorted(bank.account_ids)
            for row in sorted(
                bank.posted_lines(account), key=lambda x: (x["as_of_date"], x["transaction_id"])
            )
        ]


def test_a_second_pull_writes_nothing(harbor: Feed) -> None:
    assert pull()[0] == 0
    before = list(Line.objects.order_by("pk").values())
    assert pull()[0] == 0
    assert list(Line.objects.order_by("pk").values()) == before
    for account in harbor.accounts:
        newest = Pull.objects.filter(account=account).latest("requested_at")
        assert (newest.state, newest.same, newest.new) == ("booked", newest.read, 0)


def test_csv_has_the_same_rows_as_json_under_a_header(harbor: Feed) -> None:
    pull()
    rows = command("export_transactions", "--connection", "harbor-kettle", "--format", "json")
    table = command("export_transactions", "--connection", "harbor-kettle", "--format", "csv")
    read = list(csv.DictReader(io.StringIO(table.out)))
    assert read == rows.json()
    assert list(read[0]) == [
        "account", "as_of_date", "direction", "amount", "currency", "bank_reference", "transaction_id", "bai_code",
        "description", "state",
    ]  # fmt: skip
    # One object on each line of text, so that line tools work too.
    assert len(rows.out.splitlines()) == len(read) + 2


def test_an_empty_feed_exports_an_empty_array(harbor: Feed) -> None:
    assert command("export_transactions", "--connection", "harbor-kettle", "--format", "json").json() == []
    found = command("reconcile_feeds", "--connection", "harbor-kettle", "--format", "json")
    assert (found.code, found.json()) == (0, {"connection": "harbor-kettle", "days": [], "findings": []})


def test_reconcile_proves_every_day_between_the_first_and_the_last_stated_one(harbor: Feed) -> None:
    pull()
    found = command("reconcile_feeds", "--connection", "harbor-kettle", "--format", "json")
    assert found.code == 0
    days = found.json()["days"]
    for account in harbor.accounts:
        ours = [day for day in days if day["account"] == account.given_number]
        stated = harbor.bank.day_balances(account.given_number)
        assert (ours[0]["as_of_date"], ours[-1]["as_of_date"]) == (
            str(stated[0]["as_of_date"]),
            str(stated[-1]["as_of_date"]),
        )
        assert all(day["proven"] and Decimal(day["difference"]) == 0 for day in ours)
        by_day = {day["as_of_date"]: day for day in ours}
        for row in stated:
            day = by_day[str(row["as_of_date"])]
            assert (
                Decimal(day["opening"]) + Decimal(day["credits"]) - Decimal(day["debits"])
                == row["closing_ledger"]
            )
    text = command("reconcile_feeds", "--connection", "harbor-kettle", "--format", "text").out
    assert text.splitlines()[-1] == "0 open findings"
    assert harbor.account.given_number not in text


def test_before_approval_it_is_exit_3_and_a_finding_and_afterwards_all_is_well() -> None:
    with feed("not-approved", accounts=2) as harbor:
        code, out, err = pull()
        assert (code, out) == (3, "")
        assert "Traceback" not in err
        assert [(f.kind, f.state) for f in Finding.objects.order_by("pk")] == [("bank_refused", "open")] * 2
        assert pull()[0] == 3
        assert Finding.objects.count() == 2  # the same cause opens no second one
        harbor.bank.approve(harbor.bank.client.client_id)
        assert pull()[0] == 0
        assert set(Finding.objects.values_list("state", flat=True)) == {"resolved"}
        for account in harbor.accounts:
            assert harbor.our_lines(account) == harbor.bank_lines(account)


def test_an_unreachable_bank_is_exit_3_without_a_finding(harbor: Feed) -> None:
    harbor.running.stop()
    code, out, err = pull()
    assert (code, out, Finding.objects.count()) == (3, "", 0)
    assert "Traceback" not in err


def test_a_wrong_call_is_exit_2(harbor: Feed, tmp_path: Path) -> None:
    for argv in (
        ["pull_feeds", "--connection", "nobody"],
        ["pull_feeds", "--start", "2026-06-02", "--end", "2026-06-01"],
        ["export_transactions", "--connection", "nobody", "--format", "csv"],
        ["reconcile_feeds", "--connection", "nobody", "--format", "text"],
        ["generate_csr", "--connection", "nobody"],
        ["install_certificate", "--connection", "harbor-kettle", str(tmp_path / "absent.pem")],
    ):
        found = command(*argv)
        assert (found.code, found.out) == (2, ""), argv
    (tmp_path / "noise.pem").write_text("noise")
    refused = command("install_certificate", "--connection", "harbor-kettle", str(tmp_path / "noise.pem"))
    assert refused.code == 2
    assert refused.err


def test_a_draft_and_a_paused_connection_are_not_pulled() -> None:
    with feed(certified=False) as harbor:
        assert pull()[0] == 2
        assert harbor.connection.state == "draft"
        assert command("pull_feeds").code == 0  # none is ready, none is named
    assert Pull.objects.count() == 0


def test_the_same_label_with_other_facts_is_refused(harbor: Feed, tmp_path: Path) -> None:
    argv = [
        "create_connection", "--label", "harbor-kettle", "--environment", "test", "--auth", "oauth",
        "--api-host", harbor.running.oauth_url, "--token-url", harbor.running.token_url,
        "--resource", harbor.bank.client.resource, "--client-id", "CC-900009-Z100009-200009-UAT",
        "--trust-roots", write_roots(tmp_path, harbor.running), "--account", harbor.account.given_number,
    ]  # fmt: skip
    found = command(*argv)
    assert found.code == 2
    assert "client id" in found.err
    assert "accounts" in found.err
    assert Connection.objects.get().client_id == harbor.bank.client.client_id


def test_start_and_end_limit_what_is_read(harbor: Feed) -> None:
    start, end = TODAY - timedelta(days=8), TODAY - timedelta(days=5)
    assert pull("--start", str(start), "--end", str(end))[0] == 0
    for account in harbor.accounts:
        assert harbor.our_lines(account) == [
            row for row in harbor.bank_lines(account) if start <= row[1] <= end
        ]
    assert pull()[0] == 0  # the gap on either side is asked for by itself
    for account in harbor.accounts:
        assert harbor.our_lines(account) == harbor.bank_lines(account)


def test_open_findings_are_exit_1(harbor: Feed) -> None:
    harbor.pull_all()
    line = Line.objects.filter(account=harbor.account).order_by("-as_of_date").first()
    assert line is not None
    harbor.bank.withdraw_line(harbor.account.given_number, line.transaction_id)
    code, _out, err = pull()
    assert code == 1
    assert line.transaction_id in err
    assert command("reconcile_feeds", "--connection", "harbor-kettle", "--format", "json").code == 1


def test_mutual_tls_needs_a_transport_key_and_no_token() -> None:
    with feed(auth="mtls") as harbor:
        assert pull()[0] == 0
        assert harbor.our_lines() == harbor.bank_lines()


def test_a_pause_the_bank_asked_for_is_kept(harbor: Feed) -> None:
    harbor.bank.faults.add("429", times=1, retry_after=3600, path="transactions")
    before = timezone.now()
    assert pull()[0] == 3
    calls = len(harbor.bank.requests)
    code, _out, err = pull()
    assert code == 3
    assert len(harbor.bank.requests) == calls
    harbor.connection.refresh_from_db()
    assert harbor.connection.not_before is not None
    assert harbor.connection.not_before >= before + timedelta(seconds=3600)
    assert "next attempt is due" in err
