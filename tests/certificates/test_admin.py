"""Who sees and does what in the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib import admin
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.recording import Actor
from certificates import operations
from certificates.models import Certificate, KekCanary, KeyEnvelope, KeyPair, Notice, NoticeMail
from tests.certificates.authority import Authority, pem
from tests.certificates.two_people import prove

Install = Callable[..., Certificate]


@pytest.fixture(autouse=True)
def clock(now: datetime) -> Iterator[None]:
    """The console reads the system's clock; the certificates here are made for the tests' day."""
    with time_machine.travel(now, tick=True):
        yield


def page(instance: KeyPair | Certificate) -> str:
    return reverse(f"admin:certificates_{instance._meta.model_name}_change", args=[instance.pk])


def act(key: KeyPair, name: str) -> str:
    return reverse("admin:certificates_keypair_do", args=[key.pk, name])


def state(key: KeyPair) -> str:
    return str(KeyPair.objects.get(pk=key.pk).state)


def test_what_is_sealed_is_not_in_the_console() -> None:
    assert [model for model in (KeyEnvelope, KekCanary) if admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", ["keypair", "certificate"])
def test_an_outsider_sees_nothing(as_: Any, install: Install, model: str) -> None:
    certificate = install()
    client = as_("outsider")
    row = certificate if model == "certificate" else certificate.key
    urls = [reverse(f"admin:certificates_{model}_changelist"), page(row)]
    assert [client.get(url).status_code for url in urls] == [403, 403]


@pytest.mark.parametrize("who", ["operator", "approver", "auditor"])
def test_the_three_roles_read_keys_and_certificates(as_: Any, install: Install, who: str) -> None:
    certificate = install()
    client = as_(who)
    urls = [
        reverse("admin:certificates_keypair_changelist"),
        reverse("admin:certificates_certificate_changelist"),
        page(certificate),
        page(certificate.key),
    ]
    bodies = [client.get(url).content.decode() for url in urls]
    assert ["harbor.oauth.test.lockkeeper" in body for body in bodies] == [True] * 4
    assert [
        word for body in bodies for word in ("PRIVATE KEY", "ciphertext", "wrapped_dek") if word in body
    ] == []


@pytest.mark.parametrize("who", ["operator", "approver", "admin"])
def test_nobody_adds_edits_or_deletes(as_: Any, install: Install, who: str) -> None:
    key = install().key
    client = as_(who)
    urls = [
        reverse("admin:certificates_keypair_add"),
        reverse("admin:certificates_keypair_delete", args=[key.pk]),
        reverse("admin:certificates_certificate_delete", args=[key.certificate.pk]),
    ]
    assert [client.post(url, {"post": "yes"}).status_code for url in urls] == [403, 403, 403]
    assert client.post(page(key), {"scope": "connection:stolen"}).status_code == 403
    assert KeyPair.objects.get().scope == "connection:harbor"


BUTTONS = {"submit": "csr_issued", "reject": "csr_issued", "retire": "active", "compromise": "active"}


@pytest.mark.parametrize("name", BUTTONS)
@pytest.mark.parametrize("who", ["operator", "approver", "auditor", "outsider"])
def test_each_button_works_for_those_who_may(
    as_: Any, install: Install, request_key: Any, name: str, who: str
) -> None:
    key = request_key() if BUTTONS[name] == "csr_issued" else install().key
    client = as_(who)
    shown = client.get(act(key, name)).status_code
    done = client.post(act(key, name), {"reason": "test"}).status_code
    may = who in ("operator", "approver")
    assert (shown, done, state(key) != BUTTONS[name]) == ((200, 302, True) if may else (403, 403, False))


@pytest.mark.parametrize("who", ["operator", "approver", "admin"])
def test_nobody_activates_a_production_key_by_its_old_address(
    as_: Any, people: Any, install: Install, who: str, now: datetime
) -> None:
    key = install(environment="production", by=Actor.user(people["operator"])).key
    prove(key, now=now)
    client = as_(who)
    assert "/do/activate/" not in client.get(page(key)).content.decode()
    answer = client.post(act(key, "activate"), {"confirm": "yes"})
    assert (answer.status_code, state(key)) == (403 if who == "operator" else 409, "certified")


def test_a_spare_key_of_the_test_environment_is_activated_by_one_person(
    as_: Any, install: Install, now: datetime
) -> None:
    spare = install().key
    install()
    prove(spare, now=now)
    client = as_("approver")
    assert "/do/activate/" in client.get(page(spare)).content.decode()
    assert (client.post(act(spare, "activate")).status_code, state(spare)) == (302, "active")


def test_an_operator_installs_by_upload(as_: Any, request_key: Any, issuing: Authority) -> None:
    key = request_key()
    client = as_("operator")
    bad = client.post(act(key, "install"), {"material": SimpleUploadedFile("c.pem", b"no certificate")})
    assert (bad.status_code, "is not a certificate in any form we read" in bad.content.decode()) == (
        409,
        True,
    )
    leaf = pem(issuing.sign(key.csr_pem))
    good = client.post(act(key, "install"), {"material": SimpleUploadedFile("c.pem", leaf)})
    assert (good.status_code, state(key)) == (302, "active")


def test_nobody_destroys_by_the_old_address(as_: Any, request_key: Any, actor: Actor, now: Any) -> None:
    key = operations.reject_key(pk=request_key().pk, actor=actor, now=now)
    answers = [
        as_(who).post(act(key, "destroy"), {"reason": "test"}).status_code for who in ("approver", "admin")
    ]
    assert (answers, state(key), KeyEnvelope.objects.count()) == ([404, 404], "rejected", 1)


def test_a_reason_is_wanted_where_one_is_due(as_: Any, install: Install) -> None:
    key = install().key
    assert (as_("operator").post(act(key, "retire"), {"reason": " "}).status_code, state(key)) == (
        400,
        "active",
    )


@pytest.mark.parametrize("model", ["keypair", "certificate"])
def test_lists_take_the_same_queries_for_one_row_and_three(
    as_: Any, install: Install, model: str, django_assert_num_queries: Any
) -> None:
    client, url = as_("operator"), reverse(f"admin:certificates_{model}_changelist")
    install("connection:one")
    client.get(url)
    with CaptureQueriesContext(connection) as one:
        client.get(url)
    install("connection:two")
    install("connection:three")
    with django_assert_num_queries(len(one)):
        client.get(url)


def test_whoever_takes_care_of_a_certificate_says_so_with_a_button(
    as_: Any, install: Install, people: Any, now: datetime
) -> None:
    notice = Notice.objects.create(certificate=install(), threshold=7, recorded_at=now)
    client, page = as_("operator"), reverse("admin:certificates_notice_change", args=[notice.pk])
    assert "I take care of it" in client.get(page).content.decode()
    button = reverse("admin:certificates_notice_do", args=[notice.pk, "acknowledge"])
    assert client.post(button).status_code == 302
    notice.refresh_from_db()
    assert notice.acknowledged_by == f"user:{people['operator'].pk}"
    assert "I take care of it" not in client.get(page).content.decode()
    assert client.post(button).status_code == 409


def test_a_mail_is_sent_again_only_when_it_did_not_get_out(as_: Any, db: None, now: datetime) -> None:
    found = {}
    for state in ("failed", "sending", "queued", "sent"):
        mail = NoticeMail.objects.create(
            topic=f"digest:{state}", role="ops", state=state, subject="x", text="x", queued_at=now,
            sending_at=now - timedelta(hours=1), sent_at=now,
        )  # fmt: skip
        client, args = as_("operator"), [mail.pk]
        offered = (
            "Send again"
            in client.get(reverse("admin:certificates_noticemail_change", args=args)).content.decode()
        )
        button = reverse("admin:certificates_noticemail_do", args=[mail.pk, "resend"])
        found[state] = (offered, client.post(button, {"reason": "It did not arrive."}).status_code)
    assert found == {
        "failed": (True, 302),
        "sending": (True, 302),
        "queued": (False, 409),
        "sent": (False, 409),
    }
