"""Customers, who looks after them, and their contacts, whose details are sealed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from onboarding import masks, sealing
from onboarding.models import AccountManager, Contact, Customer
from onboarding.models.customer import MAILED_ROLES, Role, check_time_zone
from onboarding.operations.turns import require
from onboarding.sealing import Details


class CustomerRefused(OperationRefused):
    """The facts given do not make a customer."""


class ContactRefused(OperationRefused):
    """The facts given do not make a contact, or it is not there any more."""


class PurposeMissing(OperationRefused):
    """A contact's details are shown for a stated purpose only."""


def create_customer(
    *, name: str, actor: Actor, now: datetime, time_zone: str = "America/New_York",
    account_manager: AccountManager | None = None,
) -> Customer:  # fmt: skip
    """Create a customer and return it. Raises CustomerRefused with every problem."""
    require(actor, "onboarding.add_customer")
    problems = [] if name.strip() else ["a name"]
    if Customer.objects.filter(name=name.strip()).exists():
        problems.append("a name no other customer has")
    problems += _zone_problems(time_zone)
    if problems:
        raise CustomerRefused("The customer cannot be created.", missing=problems)
    with transaction.atomic():
        customer = Customer.objects.create(
            name=name.strip(), time_zone=time_zone, account_manager=account_manager, created_at=now
        )
        record(verb="onboarding.customer_created", actor=actor, subject=customer, now=now)
    return customer


def change_customer(*, pk: int, actor: Actor, now: datetime, **changes: Any) -> Customer:
    """Change ``name``, ``time_zone`` or ``account_manager`` of a customer. Raises CustomerRefused."""
    require(actor, "onboarding.change_customer")
    problems = _zone_problems(changes.get("time_zone", "UTC"))
    if problems or changes.keys() - {"name", "time_zone", "account_manager"}:
        raise CustomerRefused("The customer cannot be changed like this.", missing=problems)
    with transaction.atomic():
        customer = Customer.objects.select_for_update(no_key=True).get(pk=pk)
        changed = sorted(name for name, value in changes.items() if getattr(customer, name) != value)
        for name in changed:
            setattr(customer, name, changes[name])
        if changed:
            customer.save(update_fields=changed)
            record(
                verb="onboarding.customer_changed",
                actor=actor,
                subject=customer,
                now=now,
                data={"fields": changed},
            )
    return customer


def set_account_manager(
    *, user: Any, name: str, email: str, actor: Actor, now: datetime, phone: str = ""
) -> AccountManager:
    """Say how customers see and reach one of us; return the row. Raises CustomerRefused."""
    require(actor, "onboarding.change_accountmanager")
    if not name.strip() or not _is_email(email):
        raise CustomerRefused("An account manager needs a name and a mail address.")
    with transaction.atomic():
        manager, _ = AccountManager.objects.update_or_create(
            user=user, defaults={"name": name.strip(), "email": email, "phone": phone.strip()}
        )
        record(verb="onboarding.account_manager_set", actor=actor, subject=manager, now=now)
    return manager


@sensitive_variables()
def add_contact(
    *, customer: Customer, role: str, name: str, email: str, actor: Actor, now: datetime, phone: str = "",
    gets_mail: bool | None = None,
) -> Contact:  # fmt: skip
    """Add a contact, sealed; mails nothing. ``gets_mail`` None: as usual for the role. Raises ContactRefused."""
    require(actor, "onboarding.add_contact")
    with transaction.atomic():
        details = Details(name=name, email=email, phone=phone)
        return store_contact(customer, role, details, gets_mail=gets_mail, actor=actor, now=now)


@sensitive_variables()
def change_contact(
    *, pk: int, actor: Actor, now: datetime, role: str | None = None, gets_mail: bool | None = None,
    name: str = "", email: str = "", phone: str = "",
) -> Contact:  # fmt: skip
    """Change a contact; what is empty stays as it was. Raises ContactRefused."""
    require(actor, "onboarding.change_contact")
    with transaction.atomic():
        contact = _locked(pk)
        old = sealing.details_of(contact) or Details(name="", email="")
        details = Details(name=name or old.name, email=email or old.email, phone=phone or old.phone)
        contact.role = role or contact.role
        contact.gets_mail = contact.gets_mail if gets_mail is None else gets_mail
        _fill(contact, details, now)
        changed = [word for word, value in (("name", name), ("email", email), ("phone", phone)) if value]
        record(verb="onboarding.contact_changed", actor=actor, subject=contact, now=now,
               data={"sealed": changed, "role": contact.role, "gets_mail": contact.gets_mail})  # fmt: skip
    return contact


def remove_contact(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Contact:
    """Remove a contact: links die at once, details are erased, events keep the key. Raises ContactRefused."""
    require(actor, "onboarding.remove_contact")
    with transaction.atomic():
        contact = _locked(pk)
        contact.removed_at, contact.gets_mail = now, False
        contact.masked_name = contact.masked_email = contact.masked_phone = ""
        contact.save()
        contact.links.filter(revoked_at=None).update(revoked_at=now)
        contact.messages.filter(state="queued").update(state="dropped")
        sealing.erase_details(contact)
        record(verb="onboarding.contact_removed", actor=actor, subject=contact, now=now, reason=reason)
    return contact


@sensitive_variables()
def reveal_contact(*, pk: int, actor: Actor, now: datetime, purpose: str) -> Details:
    """Return a contact's details, after the purpose was recorded in a committed transaction.

    Raises PurposeMissing, ContactRefused or SealFailed.
    """
    require(actor, "onboarding.reveal_contact")
    if len(purpose.strip()) < 5:
        raise PurposeMissing("Say what you need the details for; it is recorded.")
    with transaction.atomic(durable=True):
        contact = _locked(pk)
        record(
            verb="onboarding.contact_revealed", actor=actor, subject=contact, now=now, reason=purpose.strip()
        )
    details = sealing.details_of(contact)
    if details is None:
        raise ContactRefused("The details of this contact were erased.")
    return details


@sensitive_variables()
def store_contact(
    customer: Customer, role: str, details: Details, *, gets_mail: bool | None, actor: Actor, now: datetime
) -> Contact:
    """Store a new contact inside the caller's transaction. Raises ContactRefused with every problem."""
    problems = [] if details.name.strip() else ["a name"]
    problems += [] if _is_email(details.email) else ["a mail address"]
    problems += [] if role in Role.values else ["a role"]
    if problems:
        raise ContactRefused("The contact cannot be added.", missing=problems)
    wants = role in MAILED_ROLES if gets_mail is None else gets_mail
    contact = Contact(customer=customer, role=role, gets_mail=wants, created_at=now)
    _fill(contact, details, now)
    record(verb="onboarding.contact_added", actor=actor, subject=contact, now=now,
           data={"customer": customer.pk, "role": role, "gets_mail": wants})  # fmt: skip
    return contact


@sensitive_variables()
def _fill(contact: Contact, details: Details, now: datetime) -> None:
    if not _is_email(details.email):
        raise ContactRefused("The contact cannot be changed like this.", missing=["a mail address"])
    contact.masked_name = masks.name(details.name)
    contact.masked_email = masks.email(details.email)
    contact.masked_phone = masks.phone(details.phone)
    contact.save()
    sealing.seal_details(contact, details, now=now)


def _locked(pk: int) -> Contact:
    # Not the key: a mail being queued for this contact refers to it while it holds the chain we are about to wait for.
    contact = Contact.objects.select_for_update(no_key=True).filter(pk=pk, removed_at=None).first()
    if contact is None:
        raise ContactRefused("There is no such contact, or it was removed.")
    return contact


def _zone_problems(name: str) -> list[str]:
    try:
        check_time_zone(name)
    except ValidationError:
        return ["a time zone written like America/New_York"]
    return []


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
