"""The customer checks the feed: a real reading, the pack to show, and their own export beside it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditEntry
from bankfeeds.models import ExportComparison, Line
from onboarding import operations
from tests.bankfeeds.feeds import ACTOR, TODAY, Feed, feed
from tests.onboarding.stages import bring_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def harbor() -> Iterator[Feed]:
    """Return a feed that was read twice; the second reading had nothing to write."""
    with feed() as found:
        found.pull()
        found.pull()
        yield found


def exported(lines: list[Line]) -> str:
    """Return what the customer's own system would export: European figures, no ids, a debit and a credit column."""
    rows = ["Buchungstag;Verwendungszweck;Soll;Haben"]
    for line in lines:
        figure = f"{line.amount:,.2f}".translate({ord(","): ".", ord("."): ","})
        sides = (figure, "") if line.direction == "DEBIT" else ("", figure)
        rows.append(f"{line.as_of_date:%d.%m.%Y};{line.description.replace(';', ' ')};{sides[0]};{sides[1]}")
    return "\n".join(rows)


def compared(client: Any, harbor: Feed, text: str) -> str:
    url = reverse("admin:bankfeeds_connection_validation_compare", args=[harbor.connection.pk])
    file = SimpleUploadedFile("export.csv", text.encode("cp1252"))
    looked = client.post(
        url, {"account": harbor.account.pk, "step": "look", "order": "day_first", "file": file}
    )
    assert looked.status_code == 200
    form = looked.context["form"]
    given = {name: form[name].value() or "" for name in ("account", "order", "mark", "carried", "digest")}
    return str(client.post(url, {**given, "step": "compare"}).content.decode())


def test_the_pack_is_shown_and_the_customer_s_own_export_agrees(harbor: Feed, as_: Any, people: Any) -> None:
    now = timezone.now()
    project = bring_to("checking", now=now).project
    operations.attach_connection(pk=project.pk, connection=harbor.connection, actor=ACTOR, now=now)
    client = as_("operator")
    step_6 = client.get(reverse("admin:onboarding_project_change", args=[project.pk])).content.decode()
    pack = reverse("admin:bankfeeds_connection_validation", args=[harbor.connection.pk])
    assert (f'href="{pack}"' in step_6, "It has not been made for the customer yet." in step_6) == (
        True,
        True,
    )

    lines = list(Line.objects.order_by("as_of_date", "pk"))
    page = client.get(pack).content.decode()
    assert f"Ready to show to the customer: 1 account, {len(lines):,} lines, every day from " in page
    assert "proven, nothing twice." in page
    assert "HARBOR KETTLE CO" in page

    assert "The file and the ledger hold the same lines." in compared(client, harbor, exported(lines))
    printed = client.post(pack, follow=True).content.decode()
    assert "all matched, nothing left over" in printed
    assert "HARBOR KETTLE CO" in printed
    assert [*AuditEntry.objects.order_by("number").values_list("verb", flat=True)][-2:] == [
        "bankfeeds.export_compared", "bankfeeds.validation_pack_made",
    ]  # fmt: skip
    step_6 = client.get(reverse("admin:onboarding_project_change", args=[project.pk])).content.decode()
    assert "UTC by operator" in step_6


def test_a_line_the_customer_does_not_have_and_one_they_have_twice_are_found_and_nothing_is_changed(
    harbor: Feed, as_: Any, people: Any
) -> None:
    lines = list(Line.objects.order_by("as_of_date", "pk"))
    before = [*Line.objects.order_by("pk").values()]
    # The first day and the last stay in the file: what is left out lies between them.
    middle = next(line for line in lines if lines[0].as_of_date < line.as_of_date < lines[-1].as_of_date)
    text = exported([line for line in lines if line != middle] + [lines[0]])
    page = compared(as_("operator"), harbor, text)
    assert "The file and the ledger do not hold the same lines." in page
    row = ExportComparison.objects.get()
    assert (row.only_theirs, row.only_ours, row.twice, row.matched) == (1, 1, 1, len(lines) - 1)
    assert [*Line.objects.order_by("pk").values()] == before
    pack = reverse("admin:bankfeeds_connection_validation", args=[harbor.connection.pk])
    assert "Not ready to show to the customer:" in as_("auditor").get(pack).content.decode()


def test_today_s_lines_are_not_in_the_pack_before_the_bank_has_booked_them(
    harbor: Feed, as_: Any, people: Any
) -> None:
    pack = reverse("admin:bankfeeds_connection_validation", args=[harbor.connection.pk])
    page = as_("operator").get(pack).content.decode()
    assert "No payment is counted both as pending and as posted." in page
    assert Line.objects.filter(as_of_date__gt=TODAY - timedelta(days=1)).count() == 0
