"""Evidence, one act each: what people and the bank told us."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db import transaction

from audit.recording import Actor
from audit.workflow import OperationRefused
from onboarding import checklist, milestones
from onboarding.models import Contact, Project, Role
from onboarding.operations import turns
from onboarding.operations.outbox import queue_milestone
from onboarding.operations.people import store_contact
from onboarding.sealing import Details


class AnswerRefused(OperationRefused):
    """What was given is not an answer, or cannot be recorded now."""


_RECORD = "onboarding.record_evidence"


def confirm_platform(*, pk: int, platform: str, actor: Actor, now: datetime, reason: str = "") -> Project:
    """Record which bank platform the customer uses: jpm_access or chase_connect.

    Chase Connect makes the project “not eligible”: it waits on the customer, who is told why and what to ask the
    bank. J.P. Morgan Access, also when answered anew, lets it go on. Raises OperationRefused.
    """
    turns.require(actor, _RECORD)
    if platform not in checklist.PLATFORMS:
        raise AnswerRefused("The platform is J.P. Morgan Access or Chase Connect.")
    with transaction.atomic():
        held = turns.lock(pk)
        turns.open_step(held, 1)
        if held.project.state not in ("requested", "ineligible"):
            turns.check_under_way(held)
        eligible = platform == checklist.JPM_ACCESS
        turns.store_evidence(
            held, 1, "platform", value={"platform": platform}, actor=actor, now=now, reason=reason
        )
        if eligible and held.project.state == "ineligible":
            turns.progress(held, "find_eligible", actor=actor, now=now, reason=reason)
            turns.move(held, 1, "take_in_hand", actor=actor, now=now, reason="answered anew", at=now)
        elif not eligible and held.project.state == "requested":
            why = checklist.CHASE_CONNECT_REASON
            turns.progress(held, "declare_ineligible", actor=actor, now=now, reason=why)
            turns.move(held, 1, "send_back", actor=actor, now=now, reason=why, at=now, why=why)
            queue_milestone(held.project, milestones.INELIGIBLE, actor=actor, now=now)
    return held.project


def name_bank_rep(
    *, pk: int, actor: Actor, now: datetime, reason: str = "", contact_id: int | None = None,
    name: str = "", email: str = "", phone: str = "",
) -> Contact:  # fmt: skip
    """Put the customer's J.P. Morgan representative on record, by key or as a new contact. Raises OperationRefused."""
    details = Details(name=name, email=email, phone=phone)
    return _name(pk, 1, "bank_rep", Role.BANK_REP, contact_id, details, actor=actor, now=now, reason=reason)


def name_signer(
    *, pk: int, actor: Actor, now: datetime, reason: str = "", contact_id: int | None = None,
    name: str = "", email: str = "", phone: str = "",
) -> Contact:  # fmt: skip
    """Put a person with signing authority on record: a contact by key, or a new one. Raises OperationRefused."""
    details = Details(name=name, email=email, phone=phone)
    return _name(pk, 1, "signer", Role.SIGNER, contact_id, details, actor=actor, now=now, reason=reason)


def name_security_admin(
    *, pk: int, side: str, actor: Actor, now: datetime, reason: str = "", stand_in: bool = False,
    contact_id: int | None = None, name: str = "", email: str = "", phone: str = "",
) -> Contact:  # fmt: skip
    """Name a security administrator, or their stand-in, on ``side``: customer or vendor. Raises OperationRefused."""
    if side not in ("customer", "vendor"):
        raise AnswerRefused("A security administrator is the customer's or ours.")
    role = Role.SECURITY_ADMIN if side == "customer" else Role.VENDOR_ADMIN
    item = f"{side}_{'stand_in' if stand_in else 'admin'}"
    details = Details(name=name, email=email, phone=phone)
    return _name(pk, 4, item, role, contact_id, details, actor=actor, now=now, reason=reason)


def record_kickoff(*, pk: int, held_on: date, actor: Actor, now: datetime, reason: str = "") -> Project:
    """Record that the kickoff meeting was held. Raises AnswerRefused without a bank representative on record."""
    if held_on > now.date():
        raise AnswerRefused("The meeting has not been held yet: that day is still to come.")
    with transaction.atomic():
        held = turns.lock(pk)
        rep = held.steps[1].evidence.filter(item="bank_rep", superseded_at=None, contact__removed_at=None)
        if not rep.exists():
            raise AnswerRefused(
                "Without the bank there is no kickoff.",
                missing=[checklist.step(1).item("bank_rep").name],  # type: ignore[union-attr]
            )
        return _store(
            held, 2, "kickoff", {"held_on": held_on.isoformat()}, actor=actor, now=now, reason=reason
        )


def record_portal_project(
    *, pk: int, reference: str, actor: Actor, now: datetime, reason: str = ""
) -> Project:
    """Record the project in the bank's developer portal, by its name or number. Raises OperationRefused."""
    if not reference.strip():
        raise AnswerRefused("Give the name or number the project has in the developer portal.")
    with transaction.atomic():
        held = turns.lock(pk)
        value = {"reference": reference.strip()[:120]}
        return _store(held, 2, "portal_project", value, actor=actor, now=now, reason=reason)


def request_api_access(
    *,
    pk: int,
    products: Iterable[str] = tuple(checklist.API_PRODUCTS),
    actor: Actor,
    now: datetime,
    reason: str = "",
) -> Project:
    """Record that access to API products was requested at the bank: transaction_details, account_balances."""
    wanted = list(products)
    if not wanted or set(wanted) - checklist.API_PRODUCTS.keys():
        raise AnswerRefused("Access can be requested for transaction details and account balances.")
    with transaction.atomic():
        held = turns.lock(pk)
        for product in wanted:
            _store(
                held,
                3,
                product,
                {"requested_on": now.date().isoformat()},
                actor=actor,
                now=now,
                reason=reason,
            )
    return held.project


def record_bank_approval(
    *, pk: int, approved_on: date, reference: str = "", actor: Actor, now: datetime, reason: str = ""
) -> Project:
    """Record the bank's approval; from then on the turn is ours. Raises OperationRefused."""
    turns.require(actor, "onboarding.record_bank_approval")
    if approved_on > now.date():
        raise AnswerRefused("An approval cannot lie in the future.")
    value = {"approved_on": approved_on.isoformat(), "reference": reference.strip()[:120]}
    with transaction.atomic():
        held = turns.lock(pk)
        return _store(held, 5, "bank_approval", value, actor=actor, now=now, reason=reason)


def record_waiver(*, pk: int, item: str, actor: Actor, now: datetime, reason: str) -> Project:
    """Record that an item is done without, and why; only for items that allow it. Raises OperationRefused."""
    turns.require(actor, "onboarding.waive_item")
    if not reason.strip():
        raise AnswerRefused("A waiver needs a reason.")
    with transaction.atomic():
        held = turns.lock(pk)
        number = next((t.number for t in held.templates() if (i := t.item(item)) and i.waivable), None)
        if number is None:
            raise AnswerRefused("This item cannot be waived.")
        return _store(held, number, item, {"waived": True}, actor=actor, now=now, reason=reason)


def _name(
    pk: int, number: int, item: str, role: str, contact_id: int | None, details: Details, *,
    actor: Actor, now: datetime, reason: str,
) -> Contact:  # fmt: skip
    turns.require(actor, _RECORD)
    with transaction.atomic():
        held = turns.lock(pk)
        turns.open_step(held, number)
        turns.check_under_way(held)
        customer = held.project.customer
        if contact_id is None:
            contact = store_contact(customer, role, details, gets_mail=None, actor=actor, now=now)
        else:
            found = customer.contacts.filter(pk=contact_id, removed_at=None).first()
            if found is None:
                raise AnswerRefused("This project's customer has no such contact.")
            contact = found
        _check_distinct(held, number, item, contact)
        turns.store_evidence(
            held, number, item, value={}, contact=contact, actor=actor, now=now, reason=reason
        )
    return contact


def _check_distinct(held: turns.Locked, number: int, item: str, contact: Contact) -> None:
    if number != 4:
        return
    others = held.steps[4].evidence.filter(superseded_at=None, contact=contact).exclude(item=item)
    if others.exists():
        raise AnswerRefused("An administrator cannot be their own stand-in: name another person.")


def _store(
    held: turns.Locked,
    number: int,
    item: str,
    value: dict[str, Any],
    *,
    actor: Actor,
    now: datetime,
    reason: str,
) -> Project:
    turns.require(actor, _RECORD)
    turns.open_step(held, number)
    turns.check_under_way(held)
    turns.store_evidence(held, number, item, value=value, actor=actor, now=now, reason=reason)
    return held.project
