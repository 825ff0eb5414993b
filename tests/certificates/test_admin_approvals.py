"""The console's pages for acts that take two people."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
import time_machine
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.models import AuditEntry
from audit.recording import Actor
from certificates import operations
from certificates.models import Act, Approval, Certificate, KeyPair
from tests.certificates.two_people import ask, prove

Install = Callable[..., Certificate]
LIST = "/admin/certificates/approval/"
PHRASE = "obviously a test passphrase 42"


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    """The console reads the system's clock; the certificates here are made for the tests' day."""
    with time_machine.travel(now, tick=True):
        yield


@pytest.fixture
def key(install: Install, people: Any, now: datetime) -> KeyPair:
    certified = install(environment="production", by=Actor.user(people["operator"])).key
    prove(certified, now=now)
    return certified


def page(row: Any) -> str:
    return reverse(f"admin:certificates_{row._meta.model_name}_change", args=[row.pk])


def act(row: Any, name: str) -> str:
    return reverse(f"admin:certificates_{row._meta.model_name}_do", args=[row.pk, name])


def state(row: Any) -> str:
    return str(type(row).objects.get(pk=row.pk).state)


def offered(html: str, row: Any) -> list[str]:
    """Return the names of the buttons on a row's page."""
    parts = html.split(f'href="{page(row).removesuffix("change/")}do/')[1:]
    return [part.split("/", 1)[0] for part in parts]


def test_a_production_key_is_activated_by_two_people_at_two_pages(
    as_: Any, people: Any, key: KeyPair
) -> None:
    operator = as_("operator")
    assert "ask_activate" in offered(operator.get(page(key)).content.decode(), key)
    assert operator.post(act(key, "ask_activate"), {"reason": "The old one ends soon."}).status_code == 302
    asked = Approval.objects.get()
    html = operator.get(page(key)).content.decode()
    assert (page(asked) in html, "ask_activate" in offered(html, key)) == (True, False)
    assert offered(operator.get(page(asked)).content.decode(), asked) == ["withdraw"]
    assert operator.post(act(asked, "approve")).status_code == 403

    approver = as_("approver")
    home = approver.get("/admin/").content.decode()
    assert ("Approval wanted" in home, page(asked) in home) == (True, True)
    html = approver.get(page(asked)).content.decode()
    assert offered(html, asked) == ["approve", "decline"]
    certificate = Certificate.objects.get(key=key)
    facts = (key.spki_sha256, certificate.sha256, "The old one ends soon.", "operator", "production", "test1")
    assert [fact for fact in facts if fact not in html] == []
    assert approver.post(act(asked, "approve")).status_code == 302
    assert (state(asked), state(key)) == ("used", "active")
    assert "Approval wanted" not in approver.get("/admin/").content.decode()


def test_whoever_asked_is_not_asked_to_decide(as_: Any, people: Any, key: KeyPair, now: datetime) -> None:
    asked = ask(Act.ACTIVATE, key, by=people["admin"], now=now)
    client = as_("admin")
    assert offered(client.get(page(asked)).content.decode(), asked) == ["withdraw"]
    assert "Approval wanted" not in client.get("/admin/").content.decode()
    answer = client.post(act(asked, "approve"))
    assert (answer.status_code, "somebody else must decide" in answer.content.decode(), state(key)) == (
        409, True, "certified",
    )  # fmt: skip


def test_what_changed_is_said_on_the_page_and_at_the_decision(
    as_: Any, people: Any, key: KeyPair, now: datetime
) -> None:
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=now)
    client = as_("approver")
    said = "What it is about changed since it was asked for."
    assert said not in client.get(page(asked)).content.decode()
    operations.mark_compromised(pk=key.pk, actor=Actor.command("test"), now=now, reason="Seen elsewhere.")
    assert said in client.get(page(asked)).content.decode()
    answer = client.post(act(asked, "approve"))
    assert (answer.status_code, said in answer.content.decode(), state(asked)) == (409, True, "lapsed")


def test_a_declined_destruction_keeps_the_key(as_: Any, request_key: Any, now: datetime) -> None:
    key = operations.reject_key(pk=request_key().pk, actor=Actor.command("test"), now=now)
    as_("operator").post(act(key, "ask_destroy"), {"reason": "Not needed."})
    asked = Approval.objects.get()
    client = as_("approver")
    assert "open until that version is destroyed too" in client.get(page(asked)).content.decode()
    assert client.post(act(asked, "decline"), {"reason": " "}).status_code == 400
    assert client.post(act(asked, "decline"), {"reason": "Wait for the bank."}).status_code == 302
    assert (state(asked), state(key)) == ("declined", "rejected")


@pytest.mark.parametrize("who", ["auditor", "outsider"])
def test_who_may_not_ask_or_decide_does_neither(
    as_: Any, people: Any, key: KeyPair, who: str, now: datetime
) -> None:
    asked = ask(Act.ACTIVATE, key, by=people["operator"], now=now)
    client = as_(who)
    urls = [act(asked, name) for name in ("approve", "decline", "withdraw", "export")]
    urls += [act(key, "ask_activate"), f"{LIST}add/"]
    assert [client.post(url, {"reason": "x"}).status_code for url in urls] == [403] * 6
    reads = [client.get(url).status_code for url in (LIST, page(asked))]
    assert reads == ([200, 200] if who == "auditor" else [403, 403])
    assert state(asked) == "requested"


def test_the_list_names_people_with_the_same_queries_for_one_row_and_three(
    as_: Any, people: Any, request_key: Any, now: datetime, django_assert_num_queries: Any
) -> None:
    def asked(scope: str) -> None:
        key = operations.reject_key(pk=request_key(scope).pk, actor=Actor.command("test"), now=now)
        ask(Act.DESTROY, key, by=people["operator"], now=now)

    client = as_("auditor")
    asked("connection:one")
    assert "operator" in client.get(LIST).content.decode().split("<tbody", 1)[1]
    with CaptureQueriesContext(connection) as one:
        client.get(LIST)
    asked("connection:two")
    asked("connection:three")
    with django_assert_num_queries(len(one)):
        client.get(LIST)


def test_export_is_not_offered_where_it_is_off(as_: Any, install: Install, settings: Any) -> None:
    key = install().key
    client = as_("operator")
    assert "ask_export" not in offered(client.get(page(key)).content.decode(), key)
    answer = client.post(act(key, "ask_export"), {"reason": "For a move."})
    assert (answer.status_code, "export is switched off" in answer.content.decode()) == (409, True)
    settings.ALLOW_KEY_EXPORT = True
    assert "ask_export" in offered(client.get(page(key)).content.decode(), key)


@pytest.mark.django_db(transaction=True)
def test_whoever_asked_downloads_the_key_once_and_nothing_keeps_the_passphrase(
    as_: Any, people: Any, install: Install, settings: Any, now: datetime, caplog: Any
) -> None:
    settings.ALLOW_KEY_EXPORT = True
    asked = ask(Act.EXPORT, install().key, by=people["operator"], now=now)
    operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    given = {"passphrase": PHRASE, "again": PHRASE}
    assert as_("approver").post(act(asked, "export"), given).status_code == 409
    client = as_("operator")
    form = client.get(act(asked, "export")).content.decode()
    assert form.count('type="password"') == 2
    wrong = client.post(act(asked, "export"), {**given, "again": "another obvious passphrase"})
    assert (wrong.status_code, PHRASE in wrong.content.decode()) == (409, False)
    answer = client.post(act(asked, "export"), given)
    assert (answer.status_code, answer["Content-Type"], answer["Content-Disposition"]) == (
        200, "application/x-pkcs12", 'attachment; filename="key.p12"',
    )  # fmt: skip
    assert "no-store" in answer["Cache-Control"]
    assert load_pkcs12(answer.content, PHRASE.encode()).key is not None
    again = client.post(act(asked, "export"), given)
    assert (again.status_code, state(asked), PHRASE in again.content.decode()) == (409, "used", False)
    kept = " ".join(f"{entry.data}{entry.reason}" for entry in AuditEntry.objects.all())
    assert (PHRASE in kept, PHRASE in caplog.text) == (False, False)


def _break(*_: Any) -> None:
    raise RuntimeError("obviously-a-defect")


def test_a_failing_export_shows_neither_passphrase_nor_key(
    as_: Any, people: Any, install: Install, settings: Any, now: datetime, monkeypatch: Any
) -> None:
    settings.ALLOW_KEY_EXPORT = settings.DEBUG = True
    asked = ask(Act.EXPORT, install().key, by=people["operator"], now=now)
    operations.approve(pk=asked.pk, actor=Actor.user(people["approver"]), now=now)
    client = as_("operator")
    client.raise_request_exception = False
    monkeypatch.setattr("certificates.operations.export.serialize_key_and_certificates", _break)
    answer = client.post(act(asked, "export"), {"passphrase": PHRASE, "again": PHRASE})
    html = answer.content.decode()
    assert (answer.status_code, "obviously-a-defect" in html) == (500, True)
    assert (PHRASE in html, "PRIVATE KEY" in html) == (False, False)


def test_a_keyring_version_is_asked_for_by_a_form(
    as_: Any, people: Any, request_key: Any, settings: Any
) -> None:
    request_key(environment="production")
    settings.KEK_KEYRING += ",test2:" + base64.b64encode(os.urandom(32)).decode()
    client = as_("operator")
    assert ">env test2</option>" in client.get(f"{LIST}add/").content.decode()
    refused = client.post(f"{LIST}add/", {"target": "env test9", "reason": "Yearly."})
    assert (refused.status_code, Approval.objects.count()) == (200, 0)
    assert client.post(f"{LIST}add/", {"target": "env test2", "reason": "Yearly."}).status_code == 302
    asked = Approval.objects.get()
    assert (asked.act, asked.target, asked.reason) == ("keyring", "env test2", "Yearly.")
    assert "env test2" in client.get(page(asked)).content.decode()
    assert as_("approver").post(act(asked, "approve")).status_code == 302
    assert state(asked) == "approved"
