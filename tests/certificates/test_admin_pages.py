"""The pages of a certificate and of a key, the list's columns and filters, and what they ask the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from audit.recording import Actor, record
from certificates import holders, operations
from certificates.holders import Whereabouts
from certificates.models import Certificate, KeyPair
from tests.certificates.authority import Authority
from tests.certificates.reading import page, read, told
from tests.certificates.two_people import destroy

Install = Callable[..., Certificate]
LIST = "admin:certificates_certificate_changelist"
CALENDAR = "/admin/certificates/certificate/calendar/"


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    """The console reads the system's clock; the certificates here are made for the tests' day."""
    with time_machine.travel(now, tick=False):
        yield


class Feeds:
    """A holder of the tests' own: every scope is a feed."""

    def prove(self, **_: Any) -> str:
        return "It let us in."

    def whereabouts(self, scope: str) -> Whereabouts:
        name = scope.partition(":")[2]
        return Whereabouts(f"Feed {name}", f"/admin/feeds/{name}/", f"The feed of {name} stops.")

    def whereabouts_of(self, scopes: Collection[str]) -> Mapping[str, Whereabouts]:
        return {scope: self.whereabouts(scope) for scope in scopes}


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(holders._HOLDERS, "connection", Feeds())


@pytest.fixture
def orphans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(holders._HOLDERS, "connection", raising=False)


@pytest.mark.parametrize("who", ["operator", "approver", "auditor"])
def test_the_page_of_a_certificate_answers_an_operator_and_an_auditor(
    as_: Any, people: Any, feeds: None, install: Install, who: str
) -> None:
    certificate = install(by=Actor.user(people["operator"]))
    text = read(as_(who), page(certificate))
    assert told(
        text,
        "harbor.oauth.test.lockkeeper active OAuth assertion test",
        "Ends 1 May 2027 331 days",
        "9 % of the validity has passed",
        "Feed harbor The feed of harbor stops.",
        "Client certificate: harbor.oauth.test.lockkeeper; 1 May 2026 – 1 May 2027; RSA 2048",
        "Intermediate: Harbour Test Issuing (not a bank)",
        "Issuer, named only: Harbour Test Root (not a bank)",
        "Extended key usage clientAuth",
        "keyring “env”, version “test1”",
        "no: without the keyring this key is lost",
        "Certificate installed by operator",
        "BEGIN CERTIFICATE",
    ) == []  # fmt: skip


def test_fingerprints_are_read_in_groups_and_copied_whole(as_: Any, install: Install) -> None:
    certificate = install()
    html = as_("auditor").get(page(certificate)).content.decode()
    printed = [
        re.sub("<[^>]*>", "", code) for code in re.findall(r'<code class="lk-print">(.*?)</code>', html)
    ]
    assert printed == [certificate.sha1, certificate.sha256, certificate.serial, certificate.key.spki_sha256]
    assert f"<span>{certificate.sha1[:4]}</span><wbr><span>{certificate.sha1[4:8]}</span>" in html


def test_the_drawing_has_a_name_a_description_and_no_inline_style(as_: Any, install: Install) -> None:
    html = as_("auditor").get(page(install())).content.decode()
    drawings = re.findall(r'<svg class="lk-chain .*?</svg>', html, re.S)
    assert [("<title" in it, "signed by Intermediate" in it, "style=" in it) for it in drawings] == [
        (True, True, False)
    ] * 2


def test_only_who_may_read_the_record_is_led_to_its_entries(as_: Any, install: Install) -> None:
    certificate = install()
    links = ["/admin/audit/auditentry/" in as_(who).get(page(certificate)).content.decode().split('id="lk-timeline"')[1]
             for who in ("operator", "auditor")]  # fmt: skip
    assert links == [False, True]


def test_what_was_accepted_and_what_failed_is_said(
    as_: Any, install: Install, now: datetime, actor: Any
) -> None:
    certificate = install()
    Certificate.objects.filter(pk=certificate.pk).update(
        warnings=["OU was requested as “A” and issued as “B”."]
    )
    operations.record_proof(pk=certificate.key_id, problem="invalid_client", actor=actor, now=now)
    assert told(
        read(as_("operator"), page(certificate)),
        "Accepted, but not as requested OU was requested as “A” and issued as “B”.",
        "never proven; refused 3 Jun 2026, 12:00 UTC invalid_client",
        "Us Find out why the bank refused the key at the last try.",
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        (
            timedelta(days=61),
            "Us The key is in use, but was never proven: prove at the bank that it lets us in.",
        ),
        (timedelta(days=40), "Us Request a new certificate; it gets a key of its own. Renewal, step by step"),
        (
            timedelta(hours=-2),
            "Us The certificate has ended, and the bank takes renewals only before the end.",
        ),
    ],
)
def test_the_turn_follows_the_days_left(
    as_: Any, install: Install, now: datetime, ends: timedelta, wanted: str
) -> None:
    certificate = install(signing={"ends": now + timedelta(days=90)})
    with time_machine.travel(certificate.not_after - ends, tick=False):
        assert wanted in read(as_("operator"), page(certificate))


def test_a_renewal_under_way_is_named_and_a_successor_calms(
    as_: Any, install: Install, request_key: Any, now: datetime
) -> None:
    old = install(signing={"ends": now + timedelta(days=20)})
    new_key = request_key()
    assert "Us Hand the request to the bank, then mark it as submitted." in read(as_("operator"), page(old))
    operations.mark_submitted(pk=new_key.pk, actor=Actor.command("test"), now=now)
    assert "J.P. Morgan The bank has the request." in read(as_("operator"), page(old))
    new = install()
    text = read(as_("operator"), page(old))
    assert (
        told(text, "standby", "After 1 May 2026 – 1 May 2027, active", "Before none: it is the first") == []
    )
    assert "Before 1 May 2026 – 23 Jun 2026, standby" in read(as_("operator"), page(new))


def test_an_issuer_that_ends_first_is_marked(
    as_: Any, root: Authority, install: Install, request_key: Any, now: datetime, actor: Any
) -> None:
    from tests.certificates.authority import pem

    short = Authority("Harbour Test Short (not a bank)", root, ends=now + timedelta(days=30))
    key = request_key()
    leaf = short.sign(key.csr_pem)
    material = pem(leaf, short.certificate, root.certificate)
    certificate = operations.install_certificate(scope=key.scope, material=material, actor=actor, now=now)
    assert "Ends soon: 30 days" in read(as_("operator"), page(certificate))


def test_uses_are_one_line(as_: Any, install: Install, now: datetime) -> None:
    key = install().key
    for hours in range(3):
        with transaction.atomic():
            record(verb="certificates.key_used", actor=Actor.task("pull_feeds"), subject=key,
                   now=now + timedelta(hours=hours), data={"purpose": "pull"})  # fmt: skip
    assert (
        "Used 3 times for “pull” first 3 Jun 2026, 12:00 UTC, last 3 Jun 2026, 14:00 UTC by task pull_feeds"
        in read(as_("operator"), page(key))
    )


def test_the_page_of_a_request_shows_its_way_and_the_turn(
    as_: Any, orphans: None, request_key: Any, now: datetime, actor: Any
) -> None:
    key = request_key()
    operations.mark_submitted(pk=key.pk, actor=actor, now=now, reference="JPM-1")
    assert told(
        read(as_("operator"), page(key)),
        "Requested Done 3 Jun 2026",
        "Submitted Done 3 Jun 2026: to J.P. Morgan developer portal, reference JPM-1",
        "Certified Next Proven Not yet Active Not yet Retired Not yet",
        "Turn J.P. Morgan Sign the request; then we install the certificate.",
        "No owner of this name answers",
        "BEGIN CERTIFICATE REQUEST",
    ) == []  # fmt: skip


def test_the_page_of_a_rejected_request_stops_and_of_a_destroyed_key_says_what_is_gone(
    as_: Any, request_key: Any, people: Any, now: datetime, actor: Any
) -> None:
    key = operations.reject_key(pk=request_key().pk, actor=actor, now=now, reason="Wrong unit.")
    text = read(as_("operator"), page(key))
    assert told(text, "Submitted Stopped here", "Us Make a new request", "“Wrong unit.”") == []
    destroy(key, people, now=now)
    assert "nothing: the private key was destroyed" in read(as_("operator"), page(key))


def test_a_row_of_the_list_says_all_in_words(
    as_: Any, people: Any, feeds: None, install: Install, now: datetime, actor: Any
) -> None:
    certificate = install()
    KeyPair.objects.filter(pk=certificate.key_id).update(owner=people["approver"])
    operations.record_proof(pk=certificate.key_id, proven="It let us in.", actor=actor, now=now)
    client = as_("operator")
    html = client.get(reverse(LIST)).content.decode()
    row = " ".join(
        strip_tags(html[html.index('id="result_list"') :].split("<tbody")[1]).split(">", 1)[1].split()
    )
    assert told(row, "ends 1 May 2027 · 331 days", "active", "approver", "Feed harbor", "3 Jun 2026") == []
    assert 'href="/admin/feeds/harbor/"' in html


def test_a_list_asks_no_holder_row_by_row(
    as_: Any, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OneByOne:
        prove = whereabouts = lambda self, *_, **__: pytest.fail("asked for a single row")

    monkeypatch.setitem(holders._HOLDERS, "connection", OneByOne())
    install()
    assert ">harbor</span>" in as_("operator").get(reverse(LIST)).content.decode()


FOUND_BY = (
    ({"ends": "ended"}, ["ended"]),
    ({"ends": "30"}, ["month"]),
    ({"ends": "90"}, ["month", "quarter"]),
    ({"key__state__exact": "retired"}, ["gone"]),
    ({"key__environment__exact": "production"}, []),
    ({"not_after__date__gte": "2026-06-20", "not_after__date__lte": "2026-06-30"}, ["month", "gone"]),
    ({"q": "connection:quarter"}, ["quarter"]),
    ({"q": "oauth"}, ["ended", "month", "gone", "quarter"]),
)


def test_filters_and_search_find_the_rows(as_: Any, install: Install, now: datetime, actor: Any) -> None:
    for label, days in (("ended", 1), ("month", 21), ("gone", 22), ("quarter", 80)):
        found = install(f"connection:{label}", signing={"ends": now + timedelta(days=days)})
        if label == "gone":
            operations.retire_key(pk=found.key_id, actor=actor, now=now)
    with time_machine.travel(now + timedelta(days=1)):
        client, shown = as_("operator"), []
        for query, _ in FOUND_BY:
            rows = client.get(reverse(LIST), query).context["cl"].result_list
            shown.append((query, [row.key.scope.partition(":")[2] for row in rows]))
    assert shown == list(FOUND_BY)


def test_the_list_counts_what_ends_and_leads_there(as_: Any, install: Install, now: datetime) -> None:
    install(signing={"ends": now + timedelta(days=10)})
    install("connection:kettle", signing={"ends": now + timedelta(days=70)})
    html = as_("operator").get(reverse(LIST)).content.decode()
    assert re.findall(r'href="\?ends=(\w+)"[^>]*><span class="lk-ends-number">(\d+)', html) == [
        ("ended", "0"),
        ("30", "1"),
        ("60", "1"),
        ("90", "2"),
    ]
    assert f'href="{CALENDAR}"' in html


@pytest.mark.parametrize("what", ["calendar", "certificate", "keypair"])
def test_pages_take_the_same_queries_however_many_there_are(as_: Any, install: Install, what: str) -> None:
    first, client, counts = install(), as_("operator"), []
    url = CALENDAR if what == "calendar" else page(first if what == "certificate" else first.key)
    for labels in ((), ("one", "two")):
        for label in labels:
            install(f"connection:{label}")
        client.get(url)
        with CaptureQueriesContext(connection) as asked:
            client.get(url)
        counts.append(len(asked))
    assert counts[0] == counts[1]
