"""Asking the bank for a window and keeping its answer byte for byte. Never inside a database transaction."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Literal

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds.jpmorgan.client import Client, Endpoint, Page
from bankfeeds.jpmorgan.errors import BankError, Decision
from bankfeeds.jpmorgan.oauth import TokenCache
from bankfeeds.models import Account, Connection, Pull, RawPage
from bankfeeds.pipeline.plan import Window
from certificates import identity
from certificates import queries as keys
from certificates.models import KeyUse

PURPOSE = "pull"
# One per process: an access token serves all accounts of a connection until it expires.
TOKENS = TokenCache()

Clock = Callable[[], datetime]


@contextmanager
def bank(
    connection: Connection, *, actor: Actor, clock: Clock, alive: Callable[[], None] = lambda: None
) -> Iterator[Client]:
    """Open the bank as this connection: its hosts, its roots, its keys. ``alive`` is called before each question.

    Raises BankError (ask a person) when a key cannot be used or the configuration cannot be.
    """
    try:
        client = _client(connection, actor, clock, alive)
    except OperationRefused as refusal:
        raise BankError(Decision.ASK, refusal.sentence) from None
    except ValueError as problem:
        raise BankError(Decision.ASK, f"The connection's settings cannot be used: {problem}") from None
    try:
        yield client
    except OperationRefused as refusal:
        raise BankError(Decision.ASK, refusal.sentence) from None
    finally:
        client.close()


def transactions(client: Client, account: Account, pull: Pull, window: Window) -> list[Page]:
    """Return the pages of a window after storing them. Raises BankError."""
    pages = client.transactions(
        account=account.given_number, start=window.start, end=window.end, current_day=window.current_day
    )
    _keep(pull, pages)
    return pages


def balances(client: Client, account: Account, pull: Pull, start: date, end: date) -> Page:
    """Return the balances of at most 31 days after storing them. Raises BankError."""
    page = client.balances(account=account.given_number, start=start, end=end)
    _keep(pull, [page])
    return page


def _client(connection: Connection, actor: Actor, clock: Clock, alive: Callable[[], None]) -> Client:
    now = clock()
    oauth = keys.usable(scope=connection.scope, use=KeyUse.OAUTH, now=now)
    transport = keys.usable(scope=connection.scope, use=KeyUse.TRANSPORT, now=now)
    if (oauth if connection.auth == "oauth" else transport) is None:
        raise OperationRefused(
            f"{connection.label} has no certificate in use: generate a signing request, have the bank sign it, "
            "install the certificate and activate it."
        )
    context = identity.tls_context(
        key=transport, roots_pem=connection.trust_roots, actor=actor, purpose=PURPOSE, now=now
    )
    signer = None
    if connection.auth == "oauth" and oauth is not None:
        signer = identity.signer(key=oauth, actor=actor, purpose=PURPOSE, clock=clock)

    def permit() -> None:
        _check_permitted(connection, clock())
        alive()

    return Client(
        _endpoint(connection),
        context=context,
        sign=signer.sign if signer else None,
        kid=signer.kid if signer else "",
        tokens=TOKENS,
        clock=clock,
        permit=permit,
    )


def _check_permitted(connection: Connection, now: datetime) -> None:
    """Raise BankError while the bank wants to be left alone: it counts calls per client, so any worker was told."""
    until = Connection.objects.values_list("not_before", flat=True).get(pk=connection.pk)
    if until is not None and until > now:
        raise BankError(
            Decision.RETRY, "The bank asked not to be called for a while.", retry_after=until - now
        )


def _endpoint(connection: Connection) -> Endpoint:
    auth: Literal["oauth", "mtls"] = "oauth" if connection.auth == "oauth" else "mtls"
    return Endpoint(
        api_host=connection.api_host,
        token_url=connection.token_url,
        audience=connection.audience,
        resource=connection.resource,
        client_id=connection.client_id,
        auth=auth,
    )


def _keep(pull: Pull, pages: Sequence[Page]) -> None:
    RawPage.objects.bulk_create(
        RawPage(
            pull=pull,
            attempt=pull.attempts,
            kind=page.kind,
            number=page.number,
            request=dict(page.request),
            body=zlib.compress(page.body, 6),
            sha256=hashlib.sha256(page.body).hexdigest(),
            received_at=page.received_at,
        )
        for page in pages
    )
