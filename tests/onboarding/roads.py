"""Takes a customer some way along the six steps, by operations only. Every name is invented."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from audit.recording import Actor
from bankfeeds import operations as feeds
from bankfeeds.models import Connection
from onboarding import operations
from onboarding.models import Contact, Customer, HandOver, Project, Step

OPS = Actor.command("test")
NEW_YORK = ZoneInfo("America/New_York")
ROOTS_NAME = "Harbour Test Root (not a bank)"


def moment(month: int, day: int, hour: int = 9, minute: int = 0) -> datetime:
    """Return a moment of 2026 in New York."""
    return datetime(2026, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


@dataclass
class Road:
    """A customer with an operator who gets mail, and their project."""

    customer: Customer
    operator: Contact
    project: Project
    connect: Callable[[datetime], Connection] | None = field(default=None)

    @property
    def pk(self) -> int:
        return self.project.pk

    def fresh(self) -> Project:
        self.project = Project.objects.get(pk=self.pk)
        return self.project

    def step(self, number: int) -> Step:
        return Step.objects.select_related("project__customer", "project__connection").get(
            project=self.pk, number=number
        )

    def states(self) -> list[str]:
        return list(Step.objects.filter(project=self.pk).order_by("number").values_list("state", flat=True))

    def holders(self) -> list[str]:
        return list(Step.objects.filter(project=self.pk).order_by("number").values_list("holder", flat=True))

    def turns(self, number: int) -> list[str]:
        rows = HandOver.objects.filter(step=self.step(number)).order_by("at", "pk")
        return list(rows.values_list("to_holder", flat=True))

    def act(self, verb: str, now: datetime, **more: Any) -> Any:
        return getattr(operations, verb)(pk=self.pk, actor=more.pop("actor", OPS), now=now, **more)

    def complete(self, number: int, now: datetime) -> Project:
        return operations.complete_step(pk=self.pk, number=number, actor=OPS, now=now)

    def answer_step_1(self, now: datetime, *, skip: Iterable[str] = ()) -> None:
        acts: dict[str, Callable[[], Any]] = {
            "platform": lambda: self.act("confirm_platform", now, platform="jpm_access"),
            "bank_rep": lambda: self.act(
                "name_bank_rep", now, name="Rita Replica", email="rita@bank.example"
            ),
            "signer": lambda: self.act("name_signer", now, name="Sigmund Signer", email="sig@kettle.example"),
        }
        _run(acts, skip)

    def answer_step_2(self, now: datetime, *, skip: Iterable[str] = ()) -> None:
        acts: dict[str, Callable[[], Any]] = {
            "kickoff": lambda: self.act("record_kickoff", now, held_on=now.date()),
            "portal_project": lambda: self.act("record_portal_project", now, reference="CC-900001-PORTAL"),
        }
        _run(acts, skip)

    def answer_step_3(self, now: datetime, connection: Connection, *, skip: Iterable[str] = ()) -> None:
        from certificates import operations as certificates

        self.act("attach_connection", now, connection=connection)

        def submit() -> None:
            key = feeds.generate_csr(connection=connection, actor=OPS, now=now)
            certificates.mark_submitted(pk=key.pk, actor=OPS, now=now)

        acts: dict[str, Callable[[], Any]] = {
            "csr": submit,
            "transaction_details": lambda: self.act(
                "request_api_access", now, products=["transaction_details"]
            ),
            "account_balances": lambda: self.act("request_api_access", now, products=["account_balances"]),
        }
        _run(acts, skip)

    def answer_step_4(self, now: datetime, *, skip: Iterable[str] = ()) -> None:
        def name(side: str, stand_in: bool) -> Callable[[], Any]:
            who = f"Admin {side} {'two' if stand_in else 'one'}"
            mail = f"{side}.{'two' if stand_in else 'one'}@kettle.example"
            return lambda: self.act(
                "name_security_admin",
                now,
                side=side,
                stand_in=stand_in,
                name=who,
                email=mail,
                phone="+1 555 010 4821",
            )

        acts = {
            "customer_admin": name("customer", False),
            "customer_stand_in": name("customer", True),
            "vendor_admin": name("vendor", False),
            "vendor_stand_in": name("vendor", True),
        }
        _run(acts, skip)

    def to_kickoff(self, now: datetime) -> Road:
        self.answer_step_1(now)
        self.complete(1, now)
        return self

    def to_setup(self, now: datetime) -> Road:
        self.to_kickoff(now)
        self.answer_step_2(now)
        self.complete(2, now)
        return self

    def to_bank(self, now: datetime, connection: Connection) -> Road:
        self.to_setup(now)
        self.answer_step_3(now, connection)
        self.complete(3, now)
        self.answer_step_4(now)
        self.complete(4, now)
        return self


def _run(acts: dict[str, Callable[[], Any]], skip: Iterable[str]) -> None:
    left_out = set(skip)
    for key, act in acts.items():
        if key not in left_out:
            act()


def begin(now: datetime, name: str = "HARBOR KETTLE CO", **more: Any) -> Road:
    """Create a customer, an operator there, and a requested project."""
    customer = operations.create_customer(name=name, actor=OPS, now=now, **more)
    operator = operations.add_contact(
        customer=customer,
        role="operator",
        name="Olive Operator",
        email="olive@kettle.example",
        phone="+1 555 010 7733",
        actor=OPS,
        now=now,
    )
    return Road(customer, operator, operations.request_project(customer=customer, actor=OPS, now=now))


def connect(now: datetime, label: str = "harbor-kettle", roots: str = "") -> Connection:
    """Create a draft connection to a bank that is not there."""
    return feeds.create_connection(
        facts=feeds.NewConnection(
            label=label,
            environment="test",
            auth="oauth",
            api_host="https://api.bank.example",
            token_url="https://id.bank.example/token",
            resource="JPMC:URI:RS-000000-TEST",
            client_id="CC-900001-Z100001-200001-UAT",
            trust_roots=roots,
            accounts=["000000700100200"],
        ),
        actor=OPS,
        now=now,
    )


TODAY = date(2026, 6, 3)
