"""The status page: it answers in order, gives nothing away, and changes nothing unless a person types a code."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from audit.recording import Actor
from bankfeeds.models import Day
from onboarding import operations
from onboarding.models import HandOver, PortalCode, PortalLink, Project, Step
from tests.onboarding.stages import ADMIN_EMAIL, MANAGER_EMAIL, OPERATOR_EMAIL, STAGES, Stage, bring_to

pytestmark = pytest.mark.django_db

SECTIONS = [
    "now",
    "Your next action",
    "Expected finish",
    "The six steps",
    "What comes next",
    "Your account manager",
    "History",
]


class Headings(HTMLParser):
    """Collects the text of every h1 and h2, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self._open = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag in ("h1", "h2"):
            self._open = tag
            self.found.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            tag, text = self.found[-1]
            self.found[-1] = (tag, text + data)


@pytest.fixture
def at() -> Any:
    return timezone.now()


@pytest.fixture
def strict() -> Client:
    """Return a client that checks CSRF as a browser's request would be checked."""
    return Client(enforce_csrf_checks=True)


def page(client: Client, stage: Stage, tail: str = "") -> str:
    response = client.get(f"{stage.path}{tail}")
    assert response.status_code == 200
    return response.content.decode()


def everything() -> dict[str, Any]:
    """Return all that a visit must not change."""
    return {
        "audit": AuditEntry.objects.count(),
        "projects": list(Project.objects.values()),
        "steps": list(Step.objects.values()),
        "hand-overs": list(HandOver.objects.values()),
        "links": list(PortalLink.objects.values("pk", "token_sha256", "revoked_at")),
        "codes": list(PortalCode.objects.values()),
        "mails": len(mail.outbox),
    }


def code_from(message: mail.EmailMessage) -> str:
    found = re.search(r"\b(\d{6})\b", str(message.body))
    assert found
    return found[1]


def form_token(html: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)
    assert found
    return found[1]


@pytest.mark.parametrize("stage", [name for name in STAGES if name not in ("cancelled", "live")])
def test_the_page_answers_in_the_promised_order(client: Client, at: Any, stage: str) -> None:
    headings = Headings(page(client, bring_to(stage, now=at))).found
    assert [text for tag, text in headings if tag == "h2"] == SECTIONS[1:]
    assert [tag for tag, _ in headings].count("h1") == 1
    assert headings[0][0] == "h1"


@pytest.mark.parametrize(
    ("stage", "sentence", "turn"),
    [
        ("requested", "We are checking whether your accounts can be connected.", "Our turn"),
        ("ineligible", "you told us that you use Chase Connect", "Your turn"),
        ("side_by_side", "Please name your security administrators: it is your turn.", "Your turn"),
        ("bank", "J.P. Morgan is reviewing the request.", "J.P. Morgan’s turn"),
        ("checking", "We are checking that it is complete", "Our turn"),
        ("confirm", "Please compare it and confirm it: it is your turn.", "Your turn"),
        ("live", "Your J.P. Morgan accounts are connected.", "All done"),
        ("on_hold", "This is on hold: You asked us to wait.", "On hold"),
    ],
)
def test_the_first_sentence_says_what_happens_and_whose_turn_it_is(
    client: Client, at: Any, stage: str, sentence: str, turn: str
) -> None:
    html = page(client, bring_to(stage, now=at))
    assert sentence in Headings(html).found[0][1]
    assert f"<strong>{turn}</strong>" in html


def test_nothing_to_do_is_said_when_it_is_the_bank_s_turn(client: Client, at: Any) -> None:
    html = page(client, bring_to("bank", now=at))
    assert "Nothing for you to do." in html
    assert "<form" not in html


def test_the_finish_is_two_dates_with_their_reason(client: Client, at: Any) -> None:
    html = page(client, bring_to("bank", now=at))
    part = html.split('id="finish"')[1].split("</section>")[0]
    assert len(re.findall(r'<time datetime="\d{4}-\d\d-\d\d">', part)) == 2
    assert "weeks" in part


@pytest.mark.parametrize("stage", ["ineligible", "on_hold"])
def test_without_dates_the_page_says_why(client: Client, at: Any, stage: str) -> None:
    part = page(client, bring_to(stage, now=at)).split('id="finish"')[1].split("</section>")[0]
    assert "No date yet" in part
    assert "<time" not in part
    assert "There is no date" in part


def test_the_steps_say_their_state_in_words(client: Client, at: Any) -> None:
    html = page(client, bring_to("bank", now=at))
    part = html.split('id="steps"')[1].split("</section>")[0]
    assert re.findall(r"<strong>([^<]+)</strong>", part) == ["Not needed"] * 4 + [
        "Waiting",
        "Not started",
    ]
    assert part.count('aria-current="step"') == 1
    assert "4 of six steps done" in html


def test_two_steps_under_way_are_both_named(client: Client, at: Any) -> None:
    html = page(client, bring_to("side_by_side", now=at))
    assert "now steps 3: Technical setup" in re.sub(r"<[^>]+>", "", html)
    assert html.count('aria-current="step"') == 2


def test_chase_connect_reads_why_and_what_to_ask_the_bank(client: Client, at: Any) -> None:
    html = page(client, bring_to("ineligible", now=at))
    assert "This connection works with J.P. Morgan Access only" in html
    assert "Ask your J.P. Morgan representative whether your accounts can be moved" in html
    assert "<form" not in html


def test_the_account_manager_is_reachable(client: Client, at: Any) -> None:
    html = page(client, bring_to("bank", now=at))
    assert f'href="mailto:{MANAGER_EMAIL}"' in html
    assert 'href="tel:+15550100200"' in html
    assert "Robin Example" in html


@pytest.mark.parametrize("stage", [name for name in STAGES if name != "cancelled"])
def test_no_address_but_the_account_manager_s_is_on_the_page(client: Client, at: Any, stage: str) -> None:
    html = page(client, bring_to(stage, now=at))
    assert set(re.findall(r"[\w.+-]+@[\w.-]+\w", html)) == {MANAGER_EMAIL}
    for private in (OPERATOR_EMAIL, ADMIN_EMAIL, "Kim", "Sam", "0100 321", "700100200"):
        assert private not in html


@pytest.mark.parametrize("stage", ["bank", "confirm"])
def test_headers_forbid_caching_indexing_referrers_and_framing(client: Client, at: Any, stage: str) -> None:
    response = client.get(bring_to(stage, now=at).path)
    shown = {
        name: response[name]
        for name in ("Cache-Control", "X-Robots-Tag", "Referrer-Policy", "X-Frame-Options")
    }
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert shown == {
        "Cache-Control": "no-store, private",
        "X-Robots-Tag": "noindex, nofollow, noarchive",
        "Referrer-Policy": "no-referrer",
        "X-Frame-Options": "DENY",
    }
    assert (policy["default-src"], policy["style-src"], policy["frame-ancestors"]) == (
        "'none'",
        "'self'",
        "'none'",
    )
    assert "unsafe" not in response["Content-Security-Policy"]


def test_a_page_without_a_form_sets_no_cookie(client: Client, at: Any) -> None:
    assert dict(client.get(bring_to("bank", now=at).path).cookies) == {}


def test_a_page_with_a_form_sets_the_form_s_cookie_only(client: Client, at: Any) -> None:
    assert list(client.get(bring_to("confirm", now=at).path).cookies) == ["csrftoken"]


def test_the_page_holds_no_script_and_names_no_other_host(client: Client, at: Any) -> None:
    html = page(client, bring_to("confirm", now=at))
    assert "<script" not in html
    assert " style=" not in html
    assert re.findall(r'(?:src|href|action)="(?:https?:)?//', html) == []


def test_the_confirmation_takes_a_code_that_can_be_pasted(client: Client, at: Any) -> None:
    html = page(client, bring_to("confirm", now=at), "confirm/")
    field = re.search(r"<input id=\"code\"[^>]+>", html)
    assert field
    assert 'autocomplete="one-time-code"' in field[0]
    assert 'inputmode="numeric"' in field[0]
    assert "onpaste" not in html


@pytest.mark.parametrize(("stage", "said"), [("confirm", True), ("live", True), ("bank", False)])
def test_the_step_that_checks_the_data_says_how_far_it_is_complete(
    client: Client, at: Any, stage: str, said: bool
) -> None:
    html = page(client, bring_to(stage, now=at))
    day = Day.objects.order_by("-as_of_date").values_list("as_of_date", flat=True).first()
    told = f"Your data is complete to {day.day} {day:%B %Y}." if day else "Your data is complete"
    assert (told in html) is said
    assert "700100200" not in html


def test_a_person_confirms_with_the_code_from_their_mail(strict: Client, at: Any) -> None:
    stage = bring_to("confirm", now=at)
    token = form_token(page(strict, stage))
    sent = strict.post(f"{stage.path}code/", {"csrfmiddlewaretoken": token})
    assert (sent.status_code, sent["Location"]) == (302, f"{stage.path}confirm/#action")
    assert [message.to for message in mail.outbox] == [[OPERATOR_EMAIL]]
    code = code_from(mail.outbox[0])
    typed = f" {code[:3]} {code[3:]} "
    token = form_token(page(strict, stage, "confirm/"))
    done = strict.post(f"{stage.path}confirm/", {"csrfmiddlewaretoken": token, "code": typed})
    assert (done.status_code, done["Location"]) == (302, stage.path)
    evidence = Step.objects.get(project=stage.project, number=6).evidence.get(item="confirmation")
    assert (evidence.contact, evidence.value["how"]) == (stage.contact, "portal")
    assert PortalCode.objects.get().address == "127.0.0.1"
    html = page(strict, stage)
    assert "<form" not in html


def test_a_wrong_code_confirms_nothing_and_says_so(client: Client, at: Any) -> None:
    stage = bring_to("confirm", now=at)
    client.post(f"{stage.path}code/")
    wrong = f"{(int(code_from(mail.outbox[0])) + 1) % 10**6:06d}"
    response = client.post(f"{stage.path}confirm/", {"code": wrong})
    html = response.content.decode()
    assert response.status_code == 409
    assert "This is not the code we sent last." in html
    assert 'aria-invalid="true"' in html
    assert "<title>Problem:" in html
    assert not Step.objects.get(project=stage.project, number=6).evidence.filter(item="confirmation").exists()


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６"])
def test_what_is_no_code_is_refused_without_counting_as_a_try(client: Client, at: Any, typed: str) -> None:
    stage = bring_to("confirm", now=at)
    client.post(f"{stage.path}code/")
    before = everything()
    response = client.post(f"{stage.path}confirm/", {"code": typed})
    assert (response.status_code, "The code has six digits." in response.content.decode()) == (400, True)
    assert everything() == before


def test_asking_twice_within_two_minutes_mails_once(client: Client, at: Any) -> None:
    stage = bring_to("confirm", now=at)
    answers = [client.post(f"{stage.path}code/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [302, 409, 409]
    assert "We have just sent you a code." in answers[1].content.decode()
    assert "Not confirmed." not in answers[1].content.decode()
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("stage", ["bank", "confirm", "ineligible", "live"])
def test_reading_changes_nothing_however_often(client: Client, at: Any, stage: str) -> None:
    here = bring_to(stage, now=at)
    before = everything()
    for tail in ("", "confirm/", "code/"):
        client.head(f"{here.path}{tail}")
        for _ in range(3):
            client.get(f"{here.path}{tail}")
    assert everything() == before


def test_a_robot_that_posts_every_form_changes_nothing_but_one_code_mail(at: Any) -> None:
    stage = bring_to("confirm", now=at)
    before = everything()
    robot = Client(enforce_csrf_checks=True)
    html = page(robot, stage) + page(robot, stage, "confirm/")
    token = form_token(html)
    for _ in range(2):
        for action in re.findall(r'<form method="post" action="([^"]+)"', html):
            robot.post(action, {"csrfmiddlewaretoken": token, "code": ""})
    after = everything()
    assert (before["mails"], after["mails"], len(after["codes"])) == (0, 1, 1)
    for fact in ("projects", "steps", "hand-overs", "links"):
        assert after[fact] == before[fact]
    assert page(Client(), stage)


@pytest.mark.parametrize("tail", ["code/", "confirm/"])
def test_a_form_posted_without_its_csrf_token_is_refused(strict: Client, at: Any, tail: str) -> None:
    stage = bring_to("confirm", now=at)
    before = everything()
    assert strict.post(f"{stage.path}{tail}", {"code": "123456"}).status_code == 403
    assert everything() == before


@pytest.mark.parametrize("stage", ["bank", "live", "ineligible"])
def test_where_nothing_awaits_confirmation_a_post_is_told_so(client: Client, at: Any, stage: str) -> None:
    here = bring_to(stage, now=at)
    answers = [client.post(f"{here.path}code/"), client.post(f"{here.path}confirm/", {"code": "123456"})]
    assert [answer.status_code for answer in answers] == [409, 409]
    assert all("There is nothing to confirm at the moment." in answer.content.decode() for answer in answers)
    assert len(mail.outbox) == 0


def test_a_link_that_does_not_open_never_says_why(client: Client, at: Any) -> None:
    mine = bring_to("confirm", now=at)
    other = bring_to("cancelled", now=at, name="TIN LANTERN INC")
    link = PortalLink.objects.get(project=mine.project, contact=mine.contact, revoked_at=None)
    operations.revoke_portal_link(pk=str(link.pk), actor=Actor.command("test"), now=at)
    tokens = {
        "revoked": mine.token,
        "of a cancelled project": other.token,
        "never issued": "A" * 43,
        "cut off": mine.token[:-1],
        "short": "x",
        "not ASCII": "ключ" * 10,
    }
    seen = {}
    for what, token in tokens.items():
        for method, tail in (("get", ""), ("get", "confirm/"), ("post", "code/"), ("post", "confirm/")):
            data = {"code": "123456"} if method == "post" else {}
            response = getattr(client, method)(f"/status/{token}/{tail}", data)
            kept = {
                name: value for name, value in response.headers.items() if name != "Content-Security-Policy"
            }
            seen[what, method, tail] = (response.status_code, response.content, kept, dict(response.cookies))
    first = seen["never issued", "get", ""]
    assert {key for key, answer in seen.items() if answer != first} == set()
    assert first[0] == 404
    assert b"This link is not valid." in first[1]
    assert first[2]["Cache-Control"] == "no-store, private"


def test_removing_a_contact_closes_their_page(client: Client, at: Any) -> None:
    stage = bring_to("bank", now=at)
    operations.remove_contact(
        pk=stage.contact.pk, actor=Actor.command("test"), now=at + timedelta(seconds=1), reason="Left."
    )
    response = client.get(stage.path)
    assert (response.status_code, b"HARBOR" in response.content) == (404, False)


def test_the_invalid_page_names_the_vendor_s_general_contact(client: Client, settings: Any) -> None:
    settings.VENDOR_NAME = "Sturdy Vendor"
    html = client.get(f"/status/{'B' * 43}/").content.decode()
    assert "Sturdy Vendor" in html
    assert f'href="mailto:{settings.OPS_EMAIL}"' in html


def test_the_page_costs_few_queries(client: Client, at: Any, django_assert_max_num_queries: Any) -> None:
    stage = bring_to("bank", now=at)
    with django_assert_max_num_queries(15):
        client.get(stage.path)
