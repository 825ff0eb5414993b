"""A stranger looks in: no link, no session, no rights, or not the right one. Nothing opens, and nothing is told.

The console is walked page by page and button by button from its own registry, so what is added there is covered here.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core import mail
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, Schedule

from audit.models import AuditEntry
from audit.recording import Actor
from audit.transitions import Button, TransitionAdmin
from audit.workflow import PermissionMissing
from bankfeeds import operations as feeds
from bankfeeds.models import (
    BalanceObservation,
    BankHost,
    Connection,
    Finding,
    LineNote,
    Outage,
    ProvisionalLine,
    Pull,
    RejectedLine,
)
from certificates import operations as certificates
from certificates.models import Act as TakesTwo
from certificates.models import Approval, Certificate, KeyPair, Notice, NoticeMail
from certificates.permits import RIGHTS
from config.roles import APPROVALS, OUR_APPS
from onboarding import operations
from onboarding.models import Contact, PortalLink, Project
from tests.certificates.authority import Authority, pem
from tests.onboarding.stages import ACTOR, MANAGER_EMAIL, Stage, bring_to

pytestmark = pytest.mark.django_db

TAILS = ("", "code/", "confirm/")
METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


@pytest.fixture
def at() -> datetime:
    return timezone.now()


def rows() -> dict[str, list[Any]]:
    """Return every row of the product, as stored."""
    models = [model for app in OUR_APPS for model in apps.get_app_config(app).get_models()]
    return {model._meta.label: list(model._default_manager.order_by("pk").values_list()) for model in models}


# The status page


def test_the_links_of_two_customers_open_their_own_page_and_nothing_of_the_other_s(at: datetime) -> None:
    ours = bring_to("confirm", now=at)
    theirs = bring_to("bank", now=at, name="TIN LANTERN INC")
    for mine, other in ((ours, theirs), (theirs, ours)):
        html = Client().get(mine.path).content.decode()
        assert mine.project.customer.name in html
        assert other.project.customer.name not in html
        assert other.token not in html


def test_links_that_do_not_open_are_answered_alike_whatever_is_sent_and_change_nothing(at: datetime) -> None:
    revoked = bring_to("confirm", now=at)
    gone = bring_to("bank", now=at, name="TIN LANTERN INC")
    cancelled = bring_to("cancelled", now=at, name="MOSS COPPER LTD")
    replaced = bring_to("bank", now=at, name="PAPER ANVIL CO")
    _revoke(revoked, at)
    operations.remove_contact(pk=gone.contact.pk, actor=ACTOR, now=at, reason="Left.")
    operations.issue_portal_link(pk=replaced.project.pk, contact_id=replaced.contact.pk, actor=ACTOR, now=at)
    before = rows()
    first = _answers("A" * 43)
    for stage in (revoked, gone, cancelled, replaced):
        assert _answers(stage.token) == first, stage.project
    assert {status for status, *_ in first.values()} == {404, 405}
    bodies = b"".join(body for _, body, *_ in first.values())
    assert [
        name for name in (b"HARBOR", b"TIN ", b"MOSS", b"PAPER", MANAGER_EMAIL.encode()) if name in bodies
    ] == []
    assert (rows(), mail.outbox) == (before, [])


def _answers(token: str) -> dict[tuple[str, str], tuple[Any, ...]]:
    client, found = Client(), {}
    for method in METHODS:
        for tail in TAILS:
            answer = getattr(client, method)(f"/status/{token}/{tail}")
            headers = {k: v for k, v in answer.headers.items() if k != "Content-Security-Policy"}
            found[method, tail] = (answer.status_code, answer.content, headers, dict(answer.cookies))
    return found


def _revoke(stage: Stage, at: datetime) -> None:
    link = PortalLink.objects.get(project=stage.project, contact=stage.contact, revoked_at=None)
    operations.revoke_portal_link(pk=str(link.pk), actor=ACTOR, now=at)


def test_a_code_mailed_for_one_link_does_not_confirm_through_another(at: datetime) -> None:
    ours, theirs = bring_to("confirm", now=at), bring_to("confirm", now=at, name="TIN LANTERN INC")
    Client().post(f"{ours.path}code/")
    code = next(word for word in str(mail.outbox[0].body).split() if word.isdigit() and len(word) == 6)
    answer = Client().post(f"{theirs.path}confirm/", {"code": code})
    assert (answer.status_code, "Please ask for a code first." in answer.content.decode()) == (409, True)


@pytest.mark.parametrize("role", ["bank_rep", "vendor_admin"])
def test_who_is_not_the_customer_cannot_confirm_in_their_name(at: datetime, role: str) -> None:
    stage = bring_to("confirm", now=at)
    other = operations.add_contact(
        customer=stage.project.customer, role=role, name="Pat Person", email="pat@elsewhere.example",
        actor=ACTOR, now=at,
    )  # fmt: skip
    token = operations.issue_portal_link(pk=stage.project.pk, contact_id=other.pk, actor=ACTOR, now=at)
    page = Client().get(f"/status/{token}/")
    assert (page.status_code, "<form" in page.content.decode()) == (200, False)
    assert Client().post(f"/status/{token}/code/").status_code == 409
    assert mail.outbox == []


PORTAL_HEADERS = {
    "Cache-Control": "no-store, private",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}


def _fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("obviously-internal-detail")


def test_every_answer_of_the_status_page_forbids_caching_indexing_and_referrers(
    at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = bring_to("confirm", now=at)
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    answers = {
        "page": client.get(stage.path),
        "wrong link": client.get(f"/status/{'A' * 43}/"),
        "wrong method": Client().put(stage.path),
        "form without its token": client.post(f"{stage.path}confirm/", {"code": "123456"}),
        "address without its slash": client.get(stage.path.rstrip("/")),
        "nothing there": client.get(f"{stage.path}elsewhere/"),
        "other host": client.get(stage.path, headers={"host": "elsewhere.example"}),
    }
    monkeypatch.setattr("onboarding.queries.status_for", _fail)
    answers["failure"] = client.get(stage.path)
    assert {what: answer.status_code for what, answer in answers.items()} == {
        "page": 200, "wrong link": 404, "wrong method": 405, "form without its token": 403,
        "address without its slash": 301, "nothing there": 404, "other host": 400, "failure": 500,
    }  # fmt: skip
    shown = {what: {name: answer.get(name) for name in PORTAL_HEADERS} for what, answer in answers.items()}
    assert shown == dict.fromkeys(answers, PORTAL_HEADERS)
    policies = {answer.get("Content-Security-Policy", "none") for answer in answers.values()}
    assert [policy for policy in policies if "default-src 'none'" not in policy or "unsafe" in policy] == []
    assert b"obviously-internal-detail" not in b"".join(answer.content for answer in answers.values())


def test_a_forwarded_host_or_address_is_not_believed(at: datetime) -> None:
    stage = bring_to("confirm", now=at)
    forged = {"x-forwarded-host": "elsewhere.example", "x-forwarded-for": "203.0.113.9"}
    answer = Client().post(f"{stage.path}code/", headers=forged)
    assert (answer.status_code, answer["Location"]) == (302, f"{stage.path}confirm/#action")
    row = PortalLink.objects.get(contact=stage.contact, revoked_at=None).codes.get()
    assert (row.address, "elsewhere.example" in str(mail.outbox[0].body)) == ("127.0.0.1", False)


# The console


@pytest.fixture
def one_of_each(at: datetime, people: dict[str, Any]) -> dict[type, Any]:
    """Return a row of every model that has pages in the console."""
    bring_to("live", now=at)
    stage = bring_to("side_by_side", now=at, name="TIN LANTERN INC")
    connection = Connection.objects.get()
    key = _request(connection.scope, "test", at)
    certificates.install_certificate(scope=connection.scope, material=_signed(key), actor=ACTOR, now=at)
    Finding.objects.create(connection=connection, kind="gave_up", key="x", sentence="Given up.", opened_at=at)
    pull = Pull.objects.get()
    BalanceObservation.objects.create(
        account=pull.account,
        as_of_date=at.date(),
        opening=0,
        closing=0,
        currency="USD",
        observed_at=at,
        pull=pull,
    )
    RejectedLine.objects.create(
        account=pull.account,
        window_start=at.date(),
        window_end=at.date(),
        pull=pull,
        reason="unreadable",
        page=1,
        index=1,
    )
    host = BankHost.objects.create(name="api.bank.example:443", state="open", opened_at=at, retry_at=at)
    Outage.objects.create(host=host, began_at=at, sentence="The bank could not be reached.")
    today = {"account": pull.account, "as_of_date": at.date(), "transaction_id": "TODAY-1"}
    ProvisionalLine.objects.create(
        **today, position=0, direction="DEBIT", amount=1, currency="USD", pull=pull
    )
    LineNote.objects.create(**today, text="Asked.", author="command:test", at=at)
    notice = Notice.objects.create(certificate=Certificate.objects.all()[0], threshold=90, recorded_at=at)
    NoticeMail.objects.create(
        topic="notice:example", role="ops", notice=notice, subject="x", text="x", queued_at=at
    )
    Failure.objects.create(id="f" * 32, name="failed", func="none", started=at, stopped=at, success=False)
    _ask(TakesTwo.DESTROY, _rejected(at), people, at)
    Schedule.objects.get_or_create(name="example", defaults={"func": "none"})
    found = {model: model._default_manager.order_by("pk").first() for model in admin.site._registry}
    assert [model for model, row in found.items() if row is None] == [], "this fixture makes a row of each"
    return {**found, Project: stage.project, Contact: stage.contact}


def _request(scope: str, environment: str, at: datetime) -> KeyPair:
    return certificates.generate_csr(scope=scope, use="oauth", environment=environment, actor=ACTOR, now=at)


@cache
def _root() -> Authority:
    return Authority("Harbour Test Root (not a bank)")


def _signed(key: KeyPair) -> bytes:
    root = _root()
    return pem(root.sign(key.csr_pem), root.certificate)


@dataclass(frozen=True)
class Act:
    """A button with its address on one row."""

    name: str
    url: str
    button: Button


def acts(one_of_each: dict[type, Any]) -> Iterator[Act]:
    """Walk every button of the console."""
    for model, page in admin.site._registry.items():
        if isinstance(page, TransitionAdmin):
            for button in page.buttons:
                base = f"admin:{model._meta.app_label}_{model._meta.model_name}_do"
                url = reverse(base, args=[one_of_each[model].pk, button.name])
                yield Act(f"{model._meta.label_lower}.{button.name}", url, button)


def pages(one_of_each: dict[type, Any]) -> dict[str, str]:
    """Return every named page of the console's models, by name."""
    found = {}
    for model, page in admin.site._registry.items():
        for pattern in page.get_urls():
            name = getattr(pattern, "name", None)
            asked = getattr(getattr(pattern, "pattern", None), "converters", {})
            if name and "name" not in asked:
                found[name] = reverse(f"admin:{name}", args=[one_of_each[model].pk] if asked else [])
    return found


def _tried(client: Client, walked: list[Act]) -> dict[str, tuple[int, int]]:
    given = {"reason": "Because I say so."}
    return {
        act.name: (client.get(act.url).status_code, client.post(act.url, given).status_code) for act in walked
    }


def test_the_walk_meets_every_state_machine_and_many_buttons(one_of_each: dict[type, Any]) -> None:
    walked = [act.name for act in acts(one_of_each)]
    assert len(walked) == len(set(walked)) > 40
    assert {"onboarding.project.waive", "bankfeeds.connection.activate", "certificates.approval.approve"} <= {
        *walked
    }


def test_anonymous_people_are_sent_to_the_login_from_every_page_and_button(
    one_of_each: dict[type, Any],
) -> None:
    urls = {**pages(one_of_each), **{act.name: act.url for act in acts(one_of_each)}}
    before, client = rows(), Client()
    for method in ("get", "post"):
        found = {name: getattr(client, method)(url) for name, url in urls.items()}
        assert {name: (answer.status_code, answer.get("Location")) for name, answer in found.items()} == {
            name: (302, f"/admin/login/?next={url}") for name, url in urls.items()
        }
    assert rows() == before


def test_staff_without_rights_see_no_page(one_of_each: dict[type, Any], as_: Any) -> None:
    client, urls = as_("outsider"), pages(one_of_each)
    for method in ("get", "post"):
        found = {name: getattr(client, method)(url).status_code for name, url in urls.items()}
        assert found == dict.fromkeys(urls, 403)
    home = client.get("/admin/").content.decode()
    assert [word for word in ("HARBOR", "TIN LANTERN", "/admin/onboarding/") if word in home] == []


def test_staff_without_rights_do_not_learn_which_rows_there_are(
    one_of_each: dict[type, Any], as_: Any
) -> None:
    client = as_("outsider")
    for pk in (one_of_each[Project].pk, 10**9):
        assert client.get(reverse("admin:onboarding_project_do", args=[pk, "waive"])).status_code == 403


@pytest.mark.parametrize("who", ["outsider", "auditor"])
def test_who_may_not_act_is_refused_at_every_button(one_of_each: dict[type, Any], as_: Any, who: str) -> None:
    client, walked, before = as_(who), list(acts(one_of_each)), rows()
    assert _tried(client, walked) == {act.name: (403, 403) for act in walked}
    assert rows() == before


def test_an_operator_is_refused_at_every_button_of_an_approver(
    one_of_each: dict[type, Any], as_: Any
) -> None:
    theirs = [act for act in acts(one_of_each) if act.button.permission in APPROVALS]
    before = rows()
    # Of acts that take two people, the act's own right is asked for where the request is decided.
    assert {act.button.permission for act in theirs} == APPROVALS - (
        {*RIGHTS.values()} - {"certificates.activate_keypair"}
    )
    assert _tried(as_("operator"), theirs) == {act.name: (403, 403) for act in theirs}
    assert rows() == before


@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_only_a_post_acts(one_of_each: dict[type, Any], as_: Any, method: str) -> None:
    client, before = as_("approver"), rows()
    found = {act.name: getattr(client, method)(act.url).status_code for act in acts(one_of_each)}
    assert (found, rows()) == (dict.fromkeys(found, 200), before)


def test_a_button_pressed_from_another_site_does_nothing(one_of_each: dict[type, Any], people: Any) -> None:
    client, before = Client(enforce_csrf_checks=True), rows()
    client.force_login(people["approver"])
    found = {act.name: client.post(act.url, {"reason": "x"}).status_code for act in acts(one_of_each)}
    assert (found, rows()) == (dict.fromkeys(found, 403), before)


ADDED = {
    "bankfeeds.Connection",
    "certificates.Approval",
    "onboarding.AccountManager",
    "onboarding.Contact",
    "onboarding.Customer",
    "onboarding.Project",
}
"""What is added with a form; its operation records it."""
CHANGED = {"onboarding.AccountManager", "onboarding.Contact", "onboarding.Customer"}
OPEN_FORMS = {
    "outsider": (set(), set()),
    "auditor": (set(), set()),
    "operator": (ADDED, CHANGED),
    "approver": (ADDED, CHANGED),
    "admin": (ADDED | {"auth.User", "auth.Group"}, CHANGED | {"auth.User", "auth.Group"}),
}


@pytest.mark.parametrize("who", OPEN_FORMS)
def test_only_the_forms_that_call_operations_are_open_and_nothing_is_deleted(people: Any, who: str) -> None:
    request = RequestFactory().get("/admin/")
    request.user = people[who]
    added, changed, deleted, bulk = set(), set(), set(), {}
    for model, page in admin.site._registry.items():
        label = model._meta.label
        added |= {label} if page.has_add_permission(request) else set()
        changed |= {label} if page.has_change_permission(request) else set()
        deleted |= {label} if page.has_delete_permission(request) else set()
        bulk |= {label: list(page.get_actions(request))} if page.get_actions(request) else {}
    assert (added, changed) == OPEN_FORMS[who]
    assert (deleted, [*bulk]) == (({"auth.Group"}, ["auth.Group"]) if who == "admin" else (set(), []))


def test_nobody_but_the_administrator_gives_rights(as_: Any, people: Any) -> None:
    for who in ("operator", "approver", "auditor"):
        client = as_(who)
        for name in ("auth_user", "auth_group"):
            row = people[who] if name == "auth_user" else Group.objects.get(name=who)
            url = reverse(f"admin:{name}_change", args=[row.pk])
            given = {"username": who, "is_superuser": "on", "is_staff": "on", "name": who}
            assert (client.get(url).status_code, client.post(url, given).status_code) == (403, 403)
        assert (
            client.post(reverse("admin:auth_user_password_change", args=[people["admin"].pk])).status_code
            == 403
        )
        assert type(people[who]).objects.get(username=who).is_superuser is False


def test_rights_that_were_given_are_on_record(as_: Any, people: Any) -> None:
    person = people["operator"]
    approver = Group.objects.get(name="approver")
    given = {
        "username": "operator", "is_active": "on", "is_staff": "on", "groups": [approver.pk],
        "date_joined_0": "2026-06-03", "date_joined_1": "12:00:00",
    }  # fmt: skip
    url = reverse("admin:auth_user_change", args=[person.pk])
    assert as_("admin").post(url, given).status_code == 302
    entry = AuditEntry.objects.get(verb="config.person_changed")
    assert (entry.actor_key, entry.subject_type, entry.subject_key) == (
        str(people["admin"].pk), "auth.user", str(person.pk)
    )  # fmt: skip
    assert entry.data == '{"active":true,"groups":["approver"],"rights":[],"staff":true,"superuser":false}'


# Behind the console: the operations ask again


def _approvers_acts(one: dict[type, Any], at: datetime) -> dict[str, Callable[[Actor], object]]:
    pk = one[Project].pk
    connection, key = Connection.objects.get(), one[KeyPair]
    return {
        "onboarding.record_bank_approval": lambda who: operations.record_bank_approval(
            pk=pk, approved_on=at.date(), actor=who, now=at
        ),
        "onboarding.waive_item": lambda who: operations.record_waiver(
            pk=pk, item="customer_stand_in", actor=who, now=at, reason="Too small."
        ),
        "onboarding.waive_step": lambda who: operations.waive_step(
            pk=pk, number=3, actor=who, now=at, reason="Settled elsewhere."
        ),
        "bankfeeds.activate_connection": lambda who: feeds.activate_connection(
            pk=connection.pk, actor=who, now=at
        ),
        "bankfeeds.close_connection": lambda who: feeds.close_connection(
            pk=connection.pk, actor=who, now=at, reason="Over."
        ),
        "bankfeeds.set_legal_hold": lambda who: feeds.set_legal_hold(
            pk=connection.pk, on=True, actor=who, now=at, reason="A court asks."
        ),
        "bankfeeds.answer_held_pull": lambda who: feeds.answer_held_pull(
            pk=Pull.objects.get().pk, answer="really_new", actor=who, now=at, reason="Looked."
        ),
        "bankfeeds.undo_pull": lambda who: feeds.undo_pull(
            pk=Pull.objects.get().pk, actor=who, now=at, reason="Of another customer."
        ),
        "certificates.activate_keypair": lambda who: certificates.activate_key(pk=key.pk, actor=who, now=at),
        **{right: partial(_allow, Approval.objects.get(act=act).pk, at) for act, right in TWO_PEOPLE.items()},
    }


TWO_PEOPLE = {act: right for act, right in RIGHTS.items() if act != TakesTwo.ACTIVATE} | {
    TakesTwo.ACTIVATE: "certificates.decide_approval"
}
"""Which right is tried by allowing which act."""


def _allow(pk: object, at: datetime, who: Actor) -> None:
    certificates.approve(pk=str(pk), actor=who, now=at)


def _ask(
    act: TakesTwo, key: KeyPair | None, people: dict[str, Any], at: datetime, target: str = ""
) -> Approval:
    return certificates.request_approval(
        act=act, pk=key and key.pk, target=target, reason="Asked.", actor=Actor.user(people["admin"]), now=at
    )


def _ask_for_every_act(people: dict[str, Any], at: datetime, settings: Any) -> None:
    settings.ALLOW_KEY_EXPORT = True
    settings.KEK_KEYRING += ",test2:" + base64.b64encode(os.urandom(32)).decode()
    key = _request("connection:asked", "production", at)
    certificates.install_certificate(scope=key.scope, material=_signed(key), actor=ACTOR, now=at)
    certificates.record_proof(pk=key.pk, proven="It let us in.", actor=ACTOR, now=at)
    _ask(TakesTwo.ACTIVATE, key, people, at)
    _ask(TakesTwo.EXPORT, key, people, at)
    _ask(TakesTwo.KEYRING, None, people, at, target="env test2")


def _rejected(at: datetime) -> KeyPair:
    known = KeyPair.objects.filter(scope="connection:rejected").first()
    return known or certificates.reject_key(
        pk=_request("connection:rejected", "test", at).pk, actor=ACTOR, now=at
    )


def test_an_operator_takes_no_approver_s_act_by_calling_its_operation(
    one_of_each: dict[type, Any], people: dict[str, Any], at: datetime, settings: Any
) -> None:
    Connection.objects.update(state="testing")
    Pull.objects.update(state="held")
    KeyPair.objects.filter(pk=one_of_each[KeyPair].pk).update(state="standby")
    _ask_for_every_act(people, at, settings)
    tries = _approvers_acts(one_of_each, at)
    assert tries.keys() == APPROVALS
    before = rows()
    for who in ("operator", "auditor", "outsider"):
        for act in tries.values():
            with pytest.raises(PermissionMissing):
                act(Actor.user(people[who]))
    assert rows() == before


def test_whoever_installed_a_production_certificate_never_activates_it(
    people: dict[str, Any], at: datetime
) -> None:
    key = _request("connection:harbor", "production", at)
    installer = Actor.user(people["approver"])
    certificates.install_certificate(scope=key.scope, material=_signed(key), actor=installer, now=at)
    everybody = [Actor.user(people[who]) for who in ("operator", "approver", "auditor", "admin")]
    for who in (*everybody, Actor.command("activate"), Actor.task("activate")):
        with pytest.raises(PermissionMissing):
            certificates.activate_key(pk=key.pk, actor=who, now=at)
    certificates.record_proof(pk=key.pk, proven="It let us in.", actor=ACTOR, now=at)
    asked = certificates.request_approval(
        act=TakesTwo.ACTIVATE, pk=key.pk, reason="Asked.", actor=Actor.user(people["operator"]), now=at
    )
    with pytest.raises(PermissionMissing, match="You installed this certificate"):
        certificates.approve(pk=asked.pk, actor=installer, now=at)
    assert KeyPair.objects.get(pk=key.pk).state == "certified"
    certificates.approve(pk=asked.pk, actor=Actor.user(people["admin"]), now=at)
    assert KeyPair.objects.get(pk=key.pk).state == "active"
    assert Certificate.objects.get().key.installed_by == f"user:{people['approver'].pk}"


# Headers of the console and of what is nobody's


def test_the_console_s_answers_carry_their_headers_errors_too(as_: Any, people: Any) -> None:
    signed_in, stranger = as_("operator"), Client(enforce_csrf_checks=True)
    answers = {
        "login": stranger.get("/admin/login/"),
        "turned away": stranger.get("/admin/"),
        "form without its token": stranger.post("/admin/login/", {}),
        "home": signed_in.get("/admin/"),
        "refused": signed_in.get(reverse("admin:auth_user_changelist")),
        "nothing there": signed_in.get("/admin/nowhere/"),
    }
    wanted = {
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Robots-Tag": "noindex, nofollow",
    }
    assert {what: {name: answer.get(name) for name in wanted} for what, answer in answers.items()} == (
        dict.fromkeys(answers, wanted)
    )
    for answer in answers.values():
        policy = answer["Content-Security-Policy"]
        assert "no-store" in answer["Cache-Control"]
        assert [
            part
            for part in ("frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'")
            if part not in policy
        ] == []
        assert "script-src 'self' 'unsafe-inline'" not in policy


def test_pages_that_are_nobody_s_are_strict_and_say_nothing(client: Client) -> None:
    for answer in (client.get("/nowhere/"), client.get("/healthz"), client.get("/readyz")):
        assert (answer["X-Frame-Options"], answer["X-Content-Type-Options"]) == ("DENY", "nosniff")
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert "unsafe" not in answer["Content-Security-Policy"]
