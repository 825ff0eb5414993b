"""Asking the bank for a window and keeping its answer byte for byte. Never inside a database transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, cast
from uuid import uuid4

from django.db.models import Q

from audit.recording import Actor
from audit.workflow import OperationRefused
from bankfeeds.hosts import breaker
from bankfeeds.hosts.gate import HostGate
from bankfeeds.jpmorgan.client import Client, Endpoint, Page
from bankfeeds.jpmorgan.errors import BankError, Blame, Decision, NotCalled
from bankfeeds.jpmorgan.oauth import TokenCache
from bankfeeds.jpmorgan.transport import host_name
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.pipeline import drift, raw, walk
from bankfeeds.pipeline.plan import Window
from bankfeeds.pipeline.walk import Walk
from certificates import identity, queries
from certificates import operations as certificates
from certificates.models import KeyPair, KeyUse

PURPOSE = "pull"
SMALL = 2000  # records: the compressed pages of no more than these stay in memory until they are booked
# One per process: an access token serves all accounts of a connection until it expires.
TOKENS = TokenCache()

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Keys:
    """What a session shows of us: one key signs in, one stands in the TLS handshake."""

    oauth: KeyPair | None
    transport: KeyPair | None

    def blamed(self, blame: Blame) -> KeyPair | None:
        """Return the key a refusal of the bank is about."""
        return {
            Blame.NONE: None,
            Blame.CERTIFICATE: self.transport,
            Blame.ASSERTION: self.oauth,
            # The token was renewed before: where a certificate is shown as well, it is what is not known.
            Blame.SIGN_IN: self.transport or self.oauth,
        }[blame]


def keys_in_use(connection: Connection, *, now: datetime) -> Keys:
    """Return the connection's active keys whose certificates are in date."""
    oauth, transport = (
        queries.usable(scope=connection.scope, use=use, now=now) for use in (KeyUse.OAUTH, KeyUse.TRANSPORT)
    )
    return Keys(oauth if connection.auth == "oauth" else None, transport)


@contextmanager
def bank(
    connection: Connection,
    *,
    actor: Actor,
    clock: Clock,
    alive: Callable[[], None] = lambda: None,
    owner: str = "",
    account: Account | None = None,
) -> Iterator[Client]:
    """Open the bank as this connection: its hosts, its roots, its keys. ``alive`` is called before each question.

    ``owner`` and ``account`` say for whom it is called, when a host is shut and one worker alone may try it.

    What the bank makes of the keys is noted with them. Raises BankError (ask a person) when a key cannot be used
    or the configuration cannot be.
    """
    used = keys_in_use(connection, now=clock())
    if (used.oauth if connection.auth == "oauth" else used.transport) is None:
        raise BankError(
            Decision.ASK,
            f"{connection.label} has no certificate in use: generate a signing request, have the bank sign it, "
            "install the certificate and activate it.",
        )
    try:
        with (
            session(
                connection, keys=used, actor=actor, clock=clock, alive=alive, owner=owner, account=account
            ) as client,
            _noting(client, used, actor, clock),
        ):
            yield client
    except OperationRefused as refusal:
        raise BankError(Decision.ASK, refusal.sentence) from None


@contextmanager
def session(
    connection: Connection,
    *,
    keys: Keys,
    actor: Actor,
    clock: Clock,
    purpose: str = PURPOSE,
    tokens: TokenCache | None = None,
    alive: Callable[[], None] = lambda: None,
    hurry: bool = False,
    owner: str = "",
    account: Account | None = None,
) -> Iterator[Client]:
    """Open the bank with exactly these keys; it stays with them to its end, whatever is activated meanwhile.

    ``tokens`` are used instead of those of this process; ``hurry`` as in Client. Raises OperationRefused when a key or
    the configuration cannot be used.
    """
    source = f"{connection.pk}/{account.pk if account else ''}"
    gate = HostGate(owner=owner or f"session:{uuid4()}", source=source, actor=actor, clock=clock)
    try:
        client = _client(
            connection, keys, actor, clock, purpose, tokens or _tokens(connection, owner), alive, hurry, gate
        )
    except ValueError as problem:
        raise OperationRefused(f"The connection's settings cannot be used: {problem}") from None
    try:
        yield client
    finally:
        client.close()


def transactions(client: Client, account: Account, pull: Pull, window: Window) -> Walk:
    """Return the pages of a window after storing them. Raises BankError."""
    with raw.kept_if_unreadable(pull):
        pages = client.transactions(
            account=account.given_number,
            start=window.start,
            end=window.end,
            current_day=window.current_day,
            keep=raw.packed,
        )
    rows = raw.keep(pull, cast(list[raw.Packed], pages))
    drift.tell_of_new_fields(pull, account, walk.page(rows[0]))
    keys = [row.pk for row in rows]
    few = rows if pages[0].total_records <= SMALL else []  # of more, nothing may stay in memory
    return Walk(
        pages=lambda: map(walk.page, few) if few else walk.kept(keys),
        records=pages[0].total_records,
        received_at=min(page.received_at for page in pages),
        sha256=walk.digest(pages[0].request, [row.sha256 for row in rows]),
    )


def balances(client: Client, account: Account, pull: Pull, start: date, end: date) -> Page:
    """Return the balances of at most 31 days after storing them. Raises BankError."""
    with raw.kept_if_unreadable(pull):
        page = client.balances(account=account.given_number, start=start, end=end)
    raw.keep(pull, [raw.packed(page)])
    drift.tell_of_new_fields(pull, account, page)
    return page


def leave_alone(connection: Connection, *, until: datetime) -> None:
    """Write down that the bank wants no call before ``until``; an earlier, longer wish stands.

    For the credential, not for one account: the bank counts calls per client.
    """
    Connection.objects.filter(Q(not_before=None) | Q(not_before__lt=until), pk=connection.pk).update(
        not_before=until
    )


@contextmanager
def _noting(client: Client, used: Keys, actor: Actor, clock: Clock) -> Iterator[None]:
    """Write down with the keys what the bank made of them; a refusal that names one says nothing good of it."""
    blamed = None
    try:
        yield
    except BankError as error:
        blamed = used.blamed(error.blames)
        if blamed is not None:
            certificates.note_proof(pk=blamed.pk, problem=error.sentence, actor=actor, now=clock())
        raise
    finally:
        for key, let_in in ((used.oauth, client.signed_in), (used.transport, client.answered)):
            if key is not None and let_in and key is not blamed:
                certificates.note_proof(
                    pk=key.pk, proven="The feed was read with it.", actor=actor, now=clock()
                )


def _client(
    connection: Connection,
    used: Keys,
    actor: Actor,
    clock: Clock,
    purpose: str,
    tokens: TokenCache,
    alive: Callable[[], None],
    hurry: bool,
    gate: HostGate,
) -> Client:
    context = identity.tls_context(
        key=used.transport, roots_pem=connection.trust_roots, actor=actor, purpose=purpose, now=clock()
    )
    signer = None
    if used.oauth is not None:
        signer = identity.signer(key=used.oauth, actor=actor, purpose=purpose, clock=clock)

    def permit() -> None:
        _check_permitted(connection, clock())
        alive()

    return Client(
        _endpoint(connection),
        context=context,
        sign=signer.sign if signer else None,
        kid=signer.kid if signer else "",
        bound=identity.thumbprint(used.transport) if used.transport else "",
        tokens=tokens,
        clock=clock,
        permit=permit,
        hurry=hurry,
        gate=gate,
    )


def _tokens(connection: Connection, owner: str) -> TokenCache:
    """Return this process's tokens, or an empty cache for who tries the token host: an old token would not ask it."""
    if owner and connection.auth == "oauth" and breaker.probes(host_name(connection.token_url), owner=owner):
        return TokenCache()
    return TOKENS


def _check_permitted(connection: Connection, now: datetime) -> None:
    """Raise BankError while the bank wants to be left alone: it counts calls per client, so any worker was told."""
    until = Connection.objects.values_list("not_before", flat=True).get(pk=connection.pk)
    if until is not None and until > now:
        raise NotCalled("The bank asked not to be called for a while.", until=until)


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
