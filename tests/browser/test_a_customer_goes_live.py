"""A customer goes live: six steps by the clicks of operator and approver, the customer's page right after each."""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import connection as database
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page

from bankfeeds.bank_dates import business_date
from bankfeeds.models import Line
from bankfeeds.simulator import scenarios
from bankfeeds.simulator.server import BankServer
from config.demonstration.bank import BankDesk
from onboarding import operations
from onboarding.models import Message, Project
from tests.processes import manage, running, until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CLIENT, RESOURCE = "CC-900077-Z100077-200077-UAT", "JPMC:URI:RS-900077-90001-SimBankFeed-UAT"
ACCOUNTS = ["000000707700200", "000000707700201"]
MILESTONES = [
    "bank_approval", "initial_request", "kickoff", "live", "please_confirm", "requested", "security_admins",
    "technical_setup",
]  # fmt: skip


@pytest.fixture
def bank() -> Iterator[BankServer]:
    today = business_date(timezone.now())
    with BankServer(scenarios.build("small-pages", today=today, history_days=12)) as running_bank:
        yield running_bank


@dataclass
class Desk:
    """One person at the console, in a browser of their own."""

    page: Page
    home: str

    def open(self, path: str) -> None:
        self.page.goto(self.home + path)

    def fill(self, **values: str) -> None:
        for name, value in values.items():
            field = self.page.locator(f"[name={name}]").first
            if field.evaluate("element => element.tagName") == "SELECT":
                field.select_option(value)
            elif field.get_attribute("type") == "checkbox":
                field.set_checked(value == "yes")
            elif field.get_attribute("type") == "file":
                field.set_input_files(value)
            else:
                field.fill(value)

    def save(self) -> None:
        self.page.get_by_role("button", name="Save", exact=True).click()
        self.page.wait_for_load_state()

    def act(self, path: str, label: str, **values: str) -> None:
        """Click an act on an object's page, fill in its confirmation and confirm."""
        self.open(path)
        self.page.get_by_role("link", name=label, exact=True).click()
        self.fill(**values)
        self.page.get_by_role("button", name=label, exact=True).click()
        self.page.wait_for_load_state()
        assert self.page.locator("[role=alert]").all_inner_texts() == []

    def address_of(self, list_path: str, words: str) -> str:
        """Return the path of the object that a list calls ``words``."""
        self.open(list_path)
        found = self.page.get_by_role("link", name=words, exact=True).first.get_attribute("href")
        assert found
        return found.split("?")[0]


@pytest.fixture
def sits_down(
    live_server: Any, people: Any, open_context: Callable[..., BrowserContext]
) -> Callable[[str], Desk]:
    """Return a function that signs one of the people in through the login form."""

    def sign_in(name: str) -> Desk:
        page = open_context().new_page()
        page.goto(f"{live_server.url}/admin/")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill("obviously-a-test-password")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{live_server.url}/admin/")
        return Desk(page, live_server.url)

    return sign_in


def test_from_request_to_live(bank: BankServer, sits_down: Any, open_context: Any, tmp_path: Path) -> None:
    desk = BankDesk(bank.control_url)
    operator, approver = sits_down("operator"), sits_down("approver")

    project, portal = the_customer_asks(operator, open_context)
    assert portal() == ["We are checking whether your accounts can be connected.", "Our turn", []]

    step_1(operator, project)
    assert portal()[1:] == ["Your turn", [1]]
    step_2(operator, project)
    assert portal()[2] == [1, 2]
    step_3(operator, project, bank, desk)
    assert portal()[2] == [1, 2, 3]
    step_4(operator, project)
    assert portal()[1:] == ["J.P. Morgan’s turn", [1, 2, 3, 4]]
    step_5(operator, approver, project, desk, tmp_path)
    assert portal()[1:] == ["Your turn", [1, 2, 3, 4, 5]]
    the_customer_confirms(portal.page)
    operator.act(project, "Complete step 6")
    assert portal()[2] == [1, 2, 3, 4, 5, 6]
    assert Project.objects.get().state == "live"

    assert lines_of_ours() == lines_of_the(desk)
    a_second_and_a_concurrent_pull_add_nothing()
    every_milestone_is_mailed_once()


@dataclass
class Portal:
    """The customer's page: its headline, whose turn, and the numbers of the steps that are done."""

    page: Page
    address: str

    def __call__(self) -> list[Any]:
        self.page.goto(self.address)
        steps = self.page.locator("ol > li").all_inner_texts()[:6]
        done = [number for number, words in enumerate(steps, 1) if re.search(r"\bDone\b", words)]
        turn = self.page.locator("main").inner_text()
        words = next((w for w in ("Your turn", "Our turn", "J.P. Morgan’s turn") if w in turn), "")
        return [self.page.get_by_role("heading", level=1).inner_text(), words, done]


def the_customer_asks(operator: Desk, open_context: Any) -> tuple[str, Portal]:
    operator.open("/admin/onboarding/customer/add/")
    operator.fill(name="HARBOR KETTLE CO", time_zone="America/New_York")
    operator.save()
    operator.open("/admin/onboarding/contact/add/")
    operator.page.locator("[name=customer]").select_option(label="HARBOR KETTLE CO")
    operator.fill(role="operator", name="Kim Example", email="kim@harbor-kettle.example", gets_mail="yes")
    operator.save()
    operator.open("/admin/onboarding/project/add/")
    operator.page.locator("[name=customer]").select_option(label="HARBOR KETTLE CO")
    operator.fill(title="Operating accounts")
    operator.save()
    project = Project.objects.get()
    path = f"/admin/onboarding/project/{project.pk}/change/"
    contact = project.customer.contacts.get()
    operator.open(path)
    operator.page.get_by_role("link", name="Issue a status link").click()
    operator.fill(contact_id=str(contact.pk))
    operator.page.get_by_role("button", name="Issue a status link").click()
    shown = operator.page.locator("main, body").first.inner_text() + operator.page.content()
    token = re.search(r"/status/([A-Za-z0-9_-]{43})/", shown)
    assert token
    return path, Portal(open_context().new_page(), f"{operator.home}/status/{token.group(1)}/")


def step_1(operator: Desk, project: str) -> None:
    operator.act(project, "Record the bank platform", platform="jpm_access")
    operator.act(
        project, "Name the J.P. Morgan representative", name="Lee Placeholder", email="lee@bank.example"
    )
    operator.act(
        project, "Name the signing authority", name="Sasha Sample", email="sasha@harbor-kettle.example"
    )
    operator.act(project, "Complete step 1")


def step_2(operator: Desk, project: str) -> None:
    operator.act(project, "Record the meeting", held_on=timezone.now().date().isoformat())
    operator.act(project, "Record the developer-portal project", reference="SIM-1")
    operator.act(project, "Complete step 2")


def step_3(operator: Desk, project: str, bank: BankServer, desk: BankDesk) -> None:
    accounts = [{"account_id": number, "name": "HARBOR KETTLE CO OPERATING"} for number in ACCOUNTS]
    desk.register(client_id=CLIENT, resource=RESOURCE, accounts=accounts)
    operator.open("/admin/bankfeeds/connection/add/")
    operator.fill(
        label="harbor-kettle", environment="test", auth="oauth", api_host=bank.oauth_url, token_url=bank.token_url,
        resource=RESOURCE, client_id=CLIENT, accounts="\n".join(ACCOUNTS), trust_roots=bank.roots_pem,
    )  # fmt: skip
    operator.save()
    feed = operator.address_of("/admin/bankfeeds/connection/", "harbor-kettle")
    operator.act(project, "Attach the connection", connection=feed.split("/")[-3])
    operator.act(feed, "Request a certificate")
    operator.act(the_key(operator), "Mark as submitted")
    operator.act(project, "Record the request for API access")
    operator.act(project, "Complete step 3")


def step_4(operator: Desk, project: str) -> None:
    for side, stand_in, name in (
        ("customer", "no", "Ari Invented"), ("customer", "yes", "Bo Invented"),
        ("vendor", "no", "Cam Invented"), ("vendor", "yes", "Dee Invented"),
    ):  # fmt: skip
        email = f"{name.split()[0].lower()}@people.example"
        operator.act(
            project, "Name a security administrator", side=side, stand_in=stand_in, name=name, email=email
        )
    operator.act(project, "Complete step 4")


def step_5(operator: Desk, approver: Desk, project: str, desk: BankDesk, tmp_path: Path) -> None:
    desk.approve(CLIENT)
    operator.open(project)
    assert operator.page.get_by_role("link", name="Record J.P. Morgan's approval").count() == 0
    approver.act(project, "Record J.P. Morgan's approval", approved_on=timezone.now().date().isoformat())
    key = the_key(operator)
    operator.open(key)
    with operator.page.expect_download() as fetched:
        operator.page.get_by_role("link", name="Request as PEM", exact=True).click()
    request = Path(fetched.value.path()).read_text()
    returned = tmp_path / "returned.pem"
    returned.write_text(desk.sign(client_id=CLIENT, csr_pem=request))
    operator.open(key)
    operator.page.get_by_role("link", name="Install certificate", exact=True).click()
    operator.fill(file=str(returned))
    operator.page.get_by_role("button", name="Look at it", exact=True).click()
    operator.page.get_by_role("button", name="Install this certificate", exact=True).click()
    operator.page.get_by_text("Installed, and in use from now on.").wait_for()
    with running(
        "run_worker", "--grace", "5", log=tmp_path / "worker.log", EMAIL_URL=f"filemail://{tmp_path / 'mail'}"
    ):
        operator.act(operator.address_of("/admin/bankfeeds/connection/", "harbor-kettle"), "Pull now")
        until(lambda: states() == {"booked"}, seconds=90, what="both accounts pulled by the worker")
    operator.act(project, "Complete step 5")


def states() -> set[str]:
    from bankfeeds.models import Pull

    found = set(Pull.objects.values_list("state", flat=True))
    return found if Pull.objects.count() == len(ACCOUNTS) else set()


def the_key(operator: Desk) -> str:
    operator.open("/admin/certificates/keypair/")
    found = operator.page.locator("#result_list a[href*='/keypair/']").first.get_attribute("href")
    assert found
    return found.split("?")[0]


def the_customer_confirms(page: Page) -> None:
    page.reload()
    page.get_by_role("button", name=re.compile("code", re.I)).click()
    code = re.search(r"\b(\d{6})\b", str(mail.outbox[-1].body))
    assert code
    page.locator("[autocomplete=one-time-code]").fill(code.group(1))
    page.get_by_role("button", name=re.compile("confirm", re.I)).click()
    page.wait_for_load_state()


def lines_of_ours() -> Counter[tuple[str, ...]]:
    done = manage("export_transactions", "--connection", "harbor-kettle", "--format", "json")
    assert done.returncode == 0, done.stderr
    keys = (
        "account",
        "as_of_date",
        "direction",
        "amount",
        "currency",
        "bank_reference",
        "transaction_id",
        "bai_code",
    )
    return Counter(tuple(row[key] for key in keys) for row in json.loads(done.stdout))


def lines_of_the(desk: BankDesk) -> Counter[tuple[str, ...]]:
    keys = ("as_of_date", "direction", "amount", "currency", "bank_reference", "transaction_id", "bai_code")
    return Counter(
        (number, *(str(row[key]) for key in keys)) for number in ACCOUNTS for row in desk.posted(number)
    )


def a_second_and_a_concurrent_pull_add_nothing() -> None:
    before = list(Line.objects.order_by("pk").values())
    answers: list[int] = []

    def pull() -> None:
        answers.append(manage("pull_feeds", "--connection", "harbor-kettle").returncode)
        database.close()

    pull()
    both = [threading.Thread(target=pull) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert (answers, list(Line.objects.order_by("pk").values())) == ([0, 0, 0], before)


def every_milestone_is_mailed_once() -> None:
    for _ in range(2):
        operations.send_pending_messages(now=timezone.now())
    sent = Counter(
        Message.objects.filter(state="sent", contact__role="operator").values_list("milestone", flat=True)
    )
    assert sent == dict.fromkeys(MILESTONES, 1)
    assert Message.objects.exclude(state="sent").count() == 0
