"""A customer's project brought to a stage by real operations, with its operator's link: for pages to be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from audit.recording import Actor
from bankfeeds.models import Account, Connection, Day, Line, LineId, Pull
from bankfeeds.models.pull import PullKind
from onboarding import operations
from onboarding.models import Contact, Customer, Project

ACTOR = Actor.command("test")
OPERATOR_EMAIL = "operator@harbor-kettle.example"
ADMIN_EMAIL = "security.person@harbor-kettle.example"
MANAGER_EMAIL = "robin.example@vendor.example"
STAGES = (
    "requested",
    "ineligible",
    "side_by_side",
    "bank",
    "checking",
    "confirm",
    "live",
    "on_hold",
    "cancelled",
)


@dataclass(frozen=True)
class Stage:
    """A project, the contact whose link opens its page, and that link's token."""

    project: Project
    contact: Contact
    token: str

    @property
    def path(self) -> str:
        return f"/status/{self.token}/"


def bring_to(stage: str, *, now: datetime, name: str = "HARBOR KETTLE CO") -> Stage:
    """Return a project that stands at one of STAGES at ``now``; it was requested 20 days before."""
    then = now - timedelta(days=20)
    customer = _customer(name, now=then)
    contact = operations.add_contact(
        customer=customer, role="operator", name="Kim Example", email=OPERATOR_EMAIL, actor=ACTOR, now=then
    )
    project = operations.request_project(customer=customer, actor=ACTOR, now=then)
    token = operations.issue_portal_link(pk=project.pk, contact_id=contact.pk, actor=ACTOR, now=then)
    if stage == "ineligible":
        operations.confirm_platform(
            pk=project.pk, platform="chase_connect", actor=ACTOR, now=now - timedelta(days=3)
        )
    elif stage != "requested":
        _walk(project, stage, then=then, now=now)
    return Stage(Project.objects.get(pk=project.pk), contact, token)


def _customer(name: str, *, now: datetime) -> Customer:
    user, _ = User.objects.get_or_create(username="account-manager")
    manager = operations.set_account_manager(
        user=user, name="Robin Example", email=MANAGER_EMAIL, phone="+1 555 0100 200", actor=ACTOR, now=now
    )
    return operations.create_customer(name=name, account_manager=manager, actor=ACTOR, now=now)


def _walk(project: Project, stage: str, *, then: datetime, now: datetime) -> None:
    pk = project.pk
    for number in (1, 2):
        _waive(pk, number, now=then + timedelta(days=number))
    if stage == "on_hold":
        review = (now + timedelta(days=10)).date()
        operations.hold_project(
            pk=pk, review_on=review, actor=ACTOR, now=now - timedelta(days=2), reason="You asked us to wait."
        )
    elif stage == "cancelled":
        operations.cancel_project(pk=pk, actor=ACTOR, now=now, reason="No longer wanted.")
    elif stage != "side_by_side":
        _walk_on(project, stage, then=then, now=now)


def _walk_on(project: Project, stage: str, *, then: datetime, now: datetime) -> None:
    pk = project.pk
    operations.name_security_admin(
        pk=pk, side="customer", name="Sam Sample", email=ADMIN_EMAIL, phone="+1 555 0100 321", actor=ACTOR,
        now=then + timedelta(days=4),
    )  # fmt: skip
    for number in (3, 4):
        _waive(pk, number, now=then + timedelta(days=2 + number))
    if stage == "bank":
        return
    _waive(pk, 5, now=now - timedelta(days=4))
    if stage == "checking":
        return
    operations.attach_connection(pk=pk, connection=proven_feed(now=now), actor=ACTOR, now=now)
    operations.ask_for_confirmation(pk=pk, actor=ACTOR, now=now - timedelta(days=1))
    if stage == "live":
        contact = project.customer.contacts.get(role="operator")
        operations.record_confirmation(pk=pk, contact_id=contact.pk, heard="phone", actor=ACTOR, now=now)
        operations.complete_step(pk=pk, number=6, actor=ACTOR, now=now)


def _waive(pk: int, number: int, *, now: datetime) -> None:
    operations.waive_step(pk=pk, number=number, actor=ACTOR, now=now, reason="Settled elsewhere.")


def proven_feed(*, now: datetime) -> Connection:
    """Return a connection with one account, one proven day and one line: all that step 6 asks the feed for."""
    day = _business_day(now)
    connection = Connection.objects.create(
        label=f"feed-{Connection.objects.count() + 1}", environment="test", auth="mtls", api_host="https://bank.invalid",
        client_id="CC-900001-Z100001-200001-UAT", trust_roots="none", created_at=now,
    )  # fmt: skip
    account = Account.objects.create(
        connection=connection, number="700100200", given_number="000000700100200", currency="USD"
    )
    pull = _pull(account, day, now=now)
    line = Line.objects.create(
        account=account, as_of_date=day, direction="CREDIT", amount=Decimal("12.50"), currency="USD",
        transaction_id="EXAMPLE-1", digest="0" * 64, first_pull=pull, last_changed_pull=pull,
    )  # fmt: skip
    LineId.objects.create(account=account, transaction_id="EXAMPLE-1", line=line, first_pull=pull)
    Day.objects.create(
        account=account, as_of_date=day, state="proven", opening=Decimal("0"), credits=Decimal("12.50"),
        closing=Decimal("12.50"), difference=Decimal("0"), stated=True, lines=1, read_at=now, pull=pull,
    )  # fmt: skip
    return connection


def _pull(account: Account, day: Any, *, now: datetime) -> Pull:
    return Pull.objects.create(
        account=account, kind=PullKind.values[0], state="booked", today=day, requested_by="test", requested_at=now,
        finished_at=now, read=1, new=1,
    )  # fmt: skip


def _business_day(now: datetime) -> Any:
    day = now.date() - timedelta(days=1)
    while day.weekday() > 4:
        day -= timedelta(days=1)
    return day
