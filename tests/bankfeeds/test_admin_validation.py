"""The console's pages of the validation pack: who sees them, what they say, and that a file goes as it came."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from audit.models import AuditEntry
from bankfeeds.models import Account, Connection, ExportComparison
from tests.bankfeeds.validation.books import Books

pytestmark = pytest.mark.django_db

FILE = (
    "Posting Date,Amount,Transaction ID,Description\n"
    "2026-06-01,1204.50,T-1,Kettles\n2026-06-01,-10.00,T-2,Fees\n2026-06-02,20.00,T-3,Harbour dues\n"
    "2026-06-02,5.00,T-4,Interest\n"
)


@pytest.fixture
def books(db: None, now: datetime) -> Books:
    found = Books(now=now)
    found.line("T-1", "1204.50", bank_reference="R-1", description="Kettles")
    found.line("T-2", "-10.00", bank_reference="R-2", description="=Fees")
    found.line("T-3", "20.00", day=1, bank_reference="R-3", description="Harbour dues")
    found.line("T-4", "5.00", day=1, description="Interest")
    found.close(2)
    return found


def url(books: Books, tail: str = "") -> str:
    return reverse(f"admin:bankfeeds_connection_validation{tail}", args=[books.connection.pk])


def upload(client: Any, books: Books, text: str | bytes = FILE, **more: Any) -> Any:
    content = text.encode() if isinstance(text, str) else text
    given = {
        "account": books.account.pk,
        "step": "look",
        "file": SimpleUploadedFile("export.csv", content),
        **more,
    }
    return client.post(url(books, "_compare"), given)


def carried_on(client: Any, books: Books, looked: Any, **more: Any) -> Any:
    form = looked.context["form"]
    given = {name: form[name].value() or "" for name in ("account", "order", "mark", "carried", "digest")}
    return client.post(url(books, "_compare"), {**given, "step": "compare", **more})


def test_what_was_looked_at_for_one_customer_is_not_compared_for_another(
    books: Books, as_: Any, now: datetime
) -> None:
    client = as_("operator")
    looked = upload(client, books)
    other = Connection.objects.create(
        **{
            name: getattr(books.connection, name)
            for name in ("environment", "auth", "api_host", "token_url", "client_id", "trust_roots")
        },
        label="another-customer",
        created_at=now,
    )
    account = Account.objects.create(
        connection_id=other.pk, number="700100900", given_number="700100900", currency="USD"
    )
    form = looked.context["form"]
    given = {name: form[name].value() or "" for name in ("order", "mark", "carried", "digest")}
    page = client.post(
        reverse("admin:bankfeeds_connection_validation_compare", args=[other.pk]),
        {**given, "account": account.pk, "step": "compare"},
    )
    assert (page.status_code, ExportComparison.objects.count()) == (400, 0)


def test_the_pages_are_for_those_who_may_see_lines(books: Books, as_: Any, people: Any) -> None:
    reads = [url(books, tail) for tail in ("", "_print", "_csv", "_look_alikes")]
    for person, status in (("operator", 200), ("auditor", 200), ("outsider", 403)):
        client = as_(person)
        assert [client.get(one).status_code for one in reads] == [status] * 4, person
    compare = url(books, "_compare")
    for person, status in (("operator", 200), ("auditor", 403), ("outsider", 403)):
        client = as_(person)
        assert (client.get(compare).status_code, upload(client, books).status_code) == (status, status)
    for person in ("auditor", "outsider"):
        assert as_(person).post(url(books)).status_code == 403
    assert (AuditEntry.objects.count(), ExportComparison.objects.count()) == (0, 0)


def test_a_connection_that_is_not_there_is_not_found_by_those_who_may_look(books: Books, as_: Any) -> None:
    gone = reverse("admin:bankfeeds_connection_validation", args=[10**9])
    assert (as_("auditor").get(gone).status_code, as_("outsider").get(gone).status_code) == (404, 403)


def test_the_page_says_first_whether_it_can_be_shown_and_hides_the_account_number(
    books: Books, as_: Any
) -> None:
    for tail in ("", "_print"):
        html = as_("operator").get(url(books, tail)).content.decode()
        assert (
            "Ready to show to the customer: 1 account, 4 lines, every day from 1 Jun 2026 to 2 Jun 2026 proven, "
            "nothing twice." in html
        )
        assert books.account.given_number not in html
        assert books.account.number not in html


def test_making_the_pack_puts_its_counts_on_record_and_opens_the_print_view(
    books: Books, as_: Any, people: Any
) -> None:
    client = as_("operator")
    answer = client.post(url(books))
    assert (answer.status_code, answer["Location"]) == (302, url(books, "_print"))
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.actor_key, entry.subject_key) == (
        "bankfeeds.validation_pack_made", str(people["operator"].pk), str(books.connection.pk),
    )  # fmt: skip
    assert '"lines":4' in entry.data
    assert "by operator" in client.get(url(books)).content.decode()


def test_the_csv_has_a_row_for_each_figure_and_test_and_no_formula(books: Books, as_: Any) -> None:
    books.line("T-5", "-10.00", description="=Fees")
    client = as_("auditor")
    answer = client.get(url(books, "_csv"))
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    figures = {row["check"]: row["value"] for row in rows}
    assert (figures["Lines"], figures["Credits"], figures["Net"]) == ("5", "1229.50", "1209.50")
    assert {row["account"] for row in rows} == {"…0200", ""}
    assert answer["Content-Disposition"].startswith('attachment; filename="harbor-kettle-validation-')
    alike = list(
        csv.DictReader(io.StringIO(client.get(url(books, "_look_alikes")).content.decode("utf-8-sig")))
    )
    assert [(row["description"], row["lines"], row["transaction_ids"]) for row in alike] == [
        ("'=Fees", "2", "T-2 T-5")
    ]


def test_a_file_is_looked_at_first_and_compared_then_and_only_its_counts_are_kept(
    books: Books, as_: Any
) -> None:
    client = as_("operator")
    looked = upload(client, books)
    html = looked.content.decode()
    assert (looked.status_code, "Is the file understood like this?" in html) == (200, True)
    assert ExportComparison.objects.count() == 0
    compared = carried_on(client, books, looked)
    assert "The file and the ledger hold the same lines." in compared.content.decode()
    row = ExportComparison.objects.get()
    assert (row.rows, row.matched, row.only_theirs, row.only_ours, row.twice, row.unread) == (
        4,
        4,
        0,
        0,
        0,
        0,
    )
    assert "Kettles" not in str(row.data)
    assert [entry.verb for entry in AuditEntry.objects.all()] == ["bankfeeds.export_compared"]


def test_what_is_ambiguous_is_asked_and_the_file_need_not_be_chosen_again(books: Books, as_: Any) -> None:
    client = as_("operator")
    asked = upload(client, books, "date,amount\n01/06/2026,1204.50\n")
    assert asked.status_code == 400
    assert "can be read day first or month first" in asked.content.decode()
    looked = carried_on(client, books, asked, step="look", order="day_first")
    assert looked.context["first_rows"][0].day.isoformat() == "2026-06-01"


def test_another_file_than_the_one_looked_at_is_not_compared(books: Books, as_: Any) -> None:
    client = as_("operator")
    looked = upload(client, books)
    other = carried_on(
        client, books, looked, file=SimpleUploadedFile("x.csv", FILE.replace("20", "21").encode())
    )
    assert (other.status_code, "This is not the file you looked at." in other.content.decode()) == (400, True)
    changed = carried_on(client, books, looked, carried=looked.context["form"]["carried"].value() + "x")
    assert changed.status_code == 400
    assert ExportComparison.objects.count() == 0


def test_a_file_too_large_for_the_page_is_chosen_again(
    books: Books, as_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bankfeeds.admin.validation_forms.CARRIED", 10)
    client = as_("operator")
    looked = upload(client, books)
    assert "choose the same file again" in looked.content.decode()
    assert carried_on(client, books, looked).status_code == 400
    again = carried_on(client, books, looked, file=SimpleUploadedFile("export.csv", FILE.encode()))
    assert (again.status_code, ExportComparison.objects.get().matched) == (200, 4)


def test_a_file_larger_than_other_uploads_may_be_is_taken(books: Books, as_: Any) -> None:
    text = FILE + "\n".join(f"2026-06-03,1.00,X-{number},{'x' * 200}" for number in range(15_000))
    looked = upload(as_("operator"), books, text)
    assert (looked.status_code, len(text) > 3_000_000) == (200, True)
    assert looked.context["export"].total == 15_004


def test_a_form_of_another_site_is_refused(books: Books, people: Any) -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(people["operator"])
    assert (client.post(url(books)).status_code, upload(client, books).status_code) == (403, 403)


def test_only_accounts_of_this_connection_can_be_compared(books: Books, as_: Any, now: datetime) -> None:
    other = Connection.objects.create(
        label="tin-lantern", environment="test", auth="mtls", api_host="https://bank.invalid", client_id="x",
        trust_roots="none", created_at=now - timedelta(days=1),
    )  # fmt: skip
    foreign = Account.objects.create(connection=other, number="1", given_number="1", currency="USD")
    assert upload(as_("operator"), books, account=foreign.pk).status_code == 400


def test_an_account_of_which_nothing_was_read_is_not_compared(books: Books, as_: Any) -> None:
    Account.objects.filter(pk=books.account.pk).update(currency="")
    answer = upload(as_("operator"), books)
    assert (answer.status_code, "Nothing has been read of this account yet" in answer.content.decode()) == (
        400,
        True,
    )
