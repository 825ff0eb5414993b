"""Codes: six digits a person types, without which nothing is written from a status page."""

from __future__ import annotations

import hmac
import secrets
import smtplib
from datetime import UTC, datetime, timedelta

import structlog
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.views.decorators.debug import sensitive_variables

from audit.recording import Actor, record
from audit.workflow import OperationRefused
from onboarding import links, milestones, queries, sealing
from onboarding.models import PortalCode, PortalLink
from onboarding.operations import turns
from onboarding.operations.post import deliver
from onboarding.operations.validation import store_confirmation

log = structlog.get_logger("lockkeeper.onboarding")

CONFIRM_DATA = "confirm_data"
CODE_LASTS = timedelta(minutes=15)
TRIES = 5
PAUSE = timedelta(minutes=2)
PER_DAY = 5


class LinkNotValid(OperationRefused):
    """The token belongs to no live link."""


class NothingToConfirm(OperationRefused):
    """The page awaits no confirmation now."""


class TooManyCodes(OperationRefused):
    """A code was sent just now, or too many were sent today."""


class CodeNotSent(OperationRefused):
    """The mail server did not take the code's mail."""


class CodeRefused(OperationRefused):
    """The code is wrong, too old, used, or was tried too often."""


@sensitive_variables()
def request_code(*, token: str, now: datetime, address: str = "", action: str = CONFIRM_DATA) -> None:
    """Mail a six-digit code to the link's contact, for one ``action``; it lasts 15 minutes and five tries.

    At most one every two minutes and five a day per link. Raises LinkNotValid, NothingToConfirm, TooManyCodes or
    CodeNotSent.
    """
    code = f"{secrets.randbelow(10**6):06d}"
    with transaction.atomic(durable=True):
        link = _locked(token, now=now)
        _check_rate(link, now=now)
        row = PortalCode(
            link=link, action=action, created_at=now, expires_at=now + CODE_LASTS, address=address or None
        )
        row.code_hash = _code_hash(row, code)
        row.save()
        record(verb="onboarding.code_requested", actor=Actor.contact(str(link.contact_id)), subject=link, now=now,
               data={"code": row.pk, "action": action})  # fmt: skip
    details = sealing.details_of(link.contact)
    try:
        if details is None:
            raise CodeNotSent("We have no mail address to send a code to. Please ask your account manager.")
        deliver(milestones.render_code(code, minutes=int(CODE_LASTS.total_seconds() // 60)), details.email)
    except (OSError, smtplib.SMTPException) as problem:
        log.warning("code mail not sent", link=str(link.pk), problem=type(problem).__name__)
        raise CodeNotSent("The code could not be mailed. Please try again in a few minutes.") from None


@sensitive_variables()
def confirm_with_code(
    *, token: str, code: str, now: datetime, address: str = "", action: str = CONFIRM_DATA
) -> PortalLink:
    """Confirm the data in the name of the link's contact, who typed ``code``. A wrong code counts as a try.

    Raises LinkNotValid, NothingToConfirm or CodeRefused.
    """
    with transaction.atomic():
        link = _locked(token, now=now)
        row = link.codes.filter(action=action).order_by("created_at").last()
        refusal = _check_code(row, "".join(code.split()), now=now)
        if refusal is None and row is not None:
            row.used_at, row.address = now, address or row.address
            row.save(update_fields=["used_at", "address"])
            store_confirmation(
                turns.lock(link.project_id), link.contact, how="portal", code=row.pk,
                actor=Actor.contact(str(link.contact_id)), now=now,
            )  # fmt: skip
    if refusal is not None:  # after the commit: the try must count
        raise CodeRefused(refusal)
    return link


def _locked(token: str, *, now: datetime) -> PortalLink:
    found = links.find(token)
    if found is None:
        raise LinkNotValid("This link is not valid.")
    turns.lock(found.project_id)
    link = PortalLink.objects.select_for_update().select_related(None).get(pk=found.pk)
    if link.revoked_at is not None:
        raise LinkNotValid("This link is not valid.")
    seen = queries.status_for(token, now=now)
    if seen is None or not seen.confirmable:
        raise NothingToConfirm("There is nothing to confirm at the moment.")
    return link


def _check_rate(link: PortalLink, *, now: datetime) -> None:
    if link.codes.filter(created_at__gt=now - PAUSE).exists():
        raise TooManyCodes("We have just sent you a code. Please look for it, or ask again in two minutes.")
    if link.codes.filter(created_at__gt=now - timedelta(days=1)).count() >= PER_DAY:
        raise TooManyCodes("Too many codes were asked for today. Please try again tomorrow, or call us.")


def _check_code(row: PortalCode | None, code: str, *, now: datetime) -> str | None:
    if row is None or row.used_at is not None:
        return "Please ask for a code first."
    if now >= row.expires_at:
        return "This code is too old. Please ask for a new one."
    if row.tries >= TRIES:
        return "This code was tried too often. Please ask for a new one."
    if not hmac.compare_digest(row.code_hash, _code_hash(row, code)):
        row.tries += 1
        row.save(update_fields=["tries"])
        return "This is not the code we sent last. Please check it and type it again."
    return None


def _code_hash(row: PortalCode, code: str) -> str:
    bound = f"{row.link_id}|{row.action}|{row.created_at.astimezone(UTC).isoformat()}|{code}"
    return salted_hmac("onboarding.codes", bound, algorithm="sha256").hexdigest()
