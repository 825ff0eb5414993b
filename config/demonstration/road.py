"""The road of one customer, act by act, each with the moment it happens at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypedDict

from django.utils import timezone

from audit.recording import Actor
from bankfeeds import operations as feeds
from bankfeeds.models import Account, Connection, ProvisionalLine
from bankfeeds.pipeline.claim import new_owner
from bankfeeds.pipeline.run import run_pull
from certificates import operations as certificates
from config.demonstration.bank import BankDesk
from config.demonstration.people import Staff
from onboarding import operations
from onboarding.models import Contact, Project


class Common(TypedDict):
    """What every act of the operator passes on."""

    actor: Actor
    now: datetime


class DemonstrationBroke(Exception):
    """An act of the demonstration did not have the outcome it should."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What every story shares."""

    staff: Staff
    bank: BankDesk
    now: datetime
    today: date
    api_host: str
    token_url: str


class Story:
    """One customer. Its methods are acts; each takes the moment it happens at."""

    def __init__(
        self, scene: Scene, *, name: str, number: int, label: str = "", valid_days: int = 365
    ) -> None:
        self.scene, self.name, self.number, self.valid_days = scene, name, number, valid_days
        self.label = label or name.lower().replace(" ", "-").replace(".", "")
        self.client_id = f"CC-90{number:04d}-Z10{number:04d}-20{number:04d}-UAT"
        self.accounts = [f"00000070{number:02d}00{200 + n}" for n in range(2)]
        self.token = ""

    @property
    def operator(self) -> Actor:
        return self.scene.staff.operator

    def common(self, when: datetime) -> Common:
        """Return who acts, and when."""
        return {"actor": self.operator, "now": when}

    @property
    def project(self) -> Project:
        return Project.objects.get(customer__name=self.name)

    @property
    def connection(self) -> Connection:
        return Connection.objects.get(label=self.label)

    def ask(self, when: datetime) -> None:
        """The customer asks to be connected."""
        customer = operations.create_customer(
            name=self.name, account_manager=self.scene.staff.manager, actor=self.operator, now=when
        )
        operations.add_contact(
            customer=customer, role="operator", name="Kim Example", email=f"kim@{self.label}.example",
            actor=self.operator, now=when,
        )  # fmt: skip
        project = operations.request_project(customer=customer, actor=self.operator, now=when)
        self.issue_link(project, when)

    def issue_link(self, project: Project, when: datetime) -> None:
        """Make the contact's link to the status page."""
        contact = self.contact(project)
        self.token = operations.issue_portal_link(
            pk=project.pk, contact_id=contact.pk, actor=self.operator, now=when
        )

    def contact(self, project: Project) -> Contact:
        """Return the person at the customer who gets the mails."""
        return project.customer.contacts.get(role="operator")

    def answer_chase_connect(self, when: datetime) -> None:
        """The customer is on the platform that cannot be connected."""
        operations.confirm_platform(
            pk=self.project.pk, platform="chase_connect", actor=self.operator, now=when
        )

    def prove_eligibility(self, when: datetime) -> None:
        """Step 1: platform, representative, signer."""
        pk, common = self.project.pk, self.common(when)
        operations.confirm_platform(pk=pk, platform="jpm_access", **common)
        operations.name_bank_rep(
            pk=pk, name="Lee Placeholder", email="lee.placeholder@bank.example", **common
        )
        operations.name_signer(pk=pk, name="Sasha Sample", email=f"sasha@{self.label}.example", **common)
        operations.complete_step(pk=pk, number=1, **common)

    def meet(self, when: datetime) -> None:
        """Step 2: the kickoff is held and the project stands in the developer portal."""
        pk, common = self.project.pk, self.common(when)
        operations.record_kickoff(pk=pk, held_on=when.date(), **common)
        operations.record_portal_project(pk=pk, reference=f"DEMO-{self.number:03d}", **common)
        operations.complete_step(pk=pk, number=2, **common)

    def set_up(self, when: datetime) -> None:
        """Step 3: the connection, the key and its signing request, access to the two interfaces."""
        scene, common = self.scene, self.common(when)
        resource = f"JPMC:URI:RS-90{self.number:04d}-90001-SimBankFeed-UAT"
        holder = f"{self.name[:20]} OPERATING"
        accounts = [{"account_id": account, "name": holder} for account in self.accounts]
        scene.bank.register(client_id=self.client_id, resource=resource, accounts=accounts)
        facts = feeds.NewConnection(
            label=self.label, environment="test", auth="oauth", api_host=scene.api_host, token_url=scene.token_url,
            resource=resource, client_id=self.client_id, trust_roots=scene.bank.roots(), accounts=self.accounts,
        )  # fmt: skip
        connection = feeds.create_connection(facts=facts, **common)
        pk = self.project.pk
        operations.attach_connection(pk=pk, connection=connection, **common)
        key = feeds.generate_csr(connection=connection, **common)
        certificates.mark_submitted(pk=key.pk, reason="Uploaded in the developer portal.", **common)
        operations.request_api_access(pk=pk, **common)
        operations.complete_step(pk=pk, number=3, **common)

    def name_admins(self, when: datetime) -> None:
        """Step 4: administrators and stand-ins on both sides."""
        pk, common = self.project.pk, self.common(when)
        for side, stand_in, name in (
            ("customer", False, "Ari Invented"), ("customer", True, "Bo Invented"),
            ("vendor", False, "Cam Invented"), ("vendor", True, "Dee Invented"),
        ):  # fmt: skip
            host = f"{self.label}.example" if side == "customer" else "vendor.example"
            email = f"{name.split()[0].lower()}@{host}"
            operations.name_security_admin(
                pk=pk, side=side, stand_in=stand_in, name=name, email=email, **common
            )
        operations.complete_step(pk=pk, number=4, **common)

    def approve(self, when: datetime) -> None:
        """The bank approves; an approver records it."""
        self.scene.bank.approve(self.client_id)
        operations.record_bank_approval(
            pk=self.project.pk, approved_on=when.date(), reference=f"APPROVAL-{self.number:03d}",
            actor=self.scene.staff.approver, now=when,
        )  # fmt: skip

    def install_and_pull(self, when: datetime) -> None:
        """Step 5: the signed certificate is installed and the first data comes."""
        connection = self.connection
        key = feeds.generate_csr(connection=connection, actor=self.operator, now=when)
        pem = self.scene.bank.sign(client_id=self.client_id, csr_pem=key.csr_pem, valid_days=self.valid_days)
        feeds.install_certificate(connection=connection, material=pem.encode(), actor=self.operator, now=when)
        self.pull(when)
        operations.complete_step(pk=self.project.pk, number=5, actor=self.operator, now=when)

    def pull(self, when: datetime) -> None:
        """Read every account of the feed; raise DemonstrationBroke unless all were booked."""
        for account in self.connection.accounts.all():
            self.read(account, when, expected="booked")

    def read(self, account: Account, when: datetime, *, expected: str) -> None:
        """Read one account; raise DemonstrationBroke unless its pull ends as ``expected``."""
        pull = feeds.start_pull(account=account, today=self.scene.today, actor=self.operator, now=when)
        done = run_pull(
            pull_id=pull.pk, owner=new_owner(), today=self.scene.today, actor=Actor.task("demonstration"),
            clock=timezone.now,  # a clock that stands still never gives back the calls a second that a host allows
        )  # fmt: skip
        if done.state != expected:
            raise DemonstrationBroke(f"{self.name}: the pull is {done.state}: {done.reason}")

    def go_live(self, when: datetime) -> None:
        """Step 6: checked, confirmed by the customer, live."""
        project, common = self.project, self.common(when)
        operations.ask_for_confirmation(pk=project.pk, **common)
        operations.record_confirmation(
            pk=project.pk, contact_id=self.contact(project).pk, heard="phone", **common
        )
        operations.complete_step(pk=project.pk, number=6, **common)
        feeds.activate_connection(pk=self.connection.pk, actor=self.scene.staff.approver, now=when)

    def lose_a_line(self, when: datetime) -> None:
        """The bank takes a booked line back: the next pull finds it."""
        account = self.accounts[0]
        line = self.scene.bank.posted(account)[-1]
        self.scene.bank.withdraw(account=account, transaction_id=line["transaction_id"])
        self.pull(when)

    def have_a_bad_day(self, when: datetime) -> None:
        """The bank amends a line, posts one late, spoils a record and renumbers: what the console shows then."""
        bank = self.scene.bank
        feeds.set_schedule(
            pk=self.connection.pk, time_zone="America/Chicago", pull_times=["07:30", "16:00"], on_holidays="once",
            **self.common(when),
        )  # fmt: skip
        main, other = self.connection.accounts.order_by("pk")
        posted = bank.posted(main.given_number)
        changed, late = posted[-2]["transaction_id"], posted[-1]["as_of_date"]
        bank.amend(account=main.given_number, transaction_id=changed, reference="INVOICE 7731")
        bank.post_late(account=main.given_number, day=late, amount="1840.00")
        self.read(main, when, expected="booked")
        line = main.lines.get(transaction_id=changed)
        feeds.add_note(pk=line.pk, text="Compared with the invoice: 7731 is right.", **self.common(when))
        if today := ProvisionalLine.objects.filter(account=main).first():
            feeds.add_note_today(pk=today.pk, text="The customer says it is rent.", **self.common(when))
        bank.leave_out(account=main.given_number, field="amount")
        self.read(main, when, expected="booked")
        for day in sorted({line["as_of_date"] for line in bank.posted(other.given_number)})[-8:]:
            bank.renumber(account=other.given_number, day=day)
        self.read(other, when, expected="held")
