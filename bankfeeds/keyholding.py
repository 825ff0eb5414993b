"""What a connection's keys are for: the live proof at the bank, and where a key is used."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from django.db.models import Count, OuterRef, Subquery
from django.urls import reverse

from audit.recording import Actor
from bankfeeds.jpmorgan.client import Client
from bankfeeds.jpmorgan.errors import BankError, Blame, Decision, NotCalled
from bankfeeds.jpmorgan.oauth import TokenCache
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.pipeline import fetch
from certificates import identity, queries
from certificates.holders import NotTried, ProofFailed, Whereabouts
from certificates.models import KeyPair, KeyState, KeyUse

KIND = "connection"
PURPOSE = "proof"


class ConnectionKeys:
    """Answers for every scope ``connection:<label>``."""

    def prove(self, *, key: KeyPair, actor: Actor, clock: Callable[[], datetime]) -> str:
        """Ask the bank with exactly this key, whichever is active, and return what was proven.

        An OAuth key: a token got with its signature, thrown away. A transport key: an answer of the API host to a
        client that shows it, because a server of TLS 1.3 refuses a client certificate only after the handshake.
        Raises NotTried or ProofFailed.
        """
        connection = _connection(key.scope)
        if connection is None:
            raise NotTried(f"There is no connection any more that uses {key.common_name}.")
        account = connection.accounts.order_by("number").first()
        keys = _keys(connection, key, clock())
        try:
            # Tokens of its own: what a proof is given serves nobody else.
            with fetch.session(
                connection,
                keys=keys,
                actor=actor,
                clock=clock,
                purpose=PURPOSE,
                tokens=TokenCache(),
                hurry=True,
            ) as client:
                return _ask(client, key, account)
        except NotCalled as wait:
            raise NotTried(wait.sentence) from None
        except BankError as error:
            if error.retry_after is not None:
                fetch.leave_alone(connection, until=clock() + error.retry_after)
            raise ProofFailed(_sentence(error, key, keys.blamed(error.blames) or key)) from None

    def whereabouts(self, scope: str) -> Whereabouts | None:
        """Return the connection with its page, its accounts and since when they are read."""
        return self.whereabouts_of([scope]).get(scope)

    def whereabouts_of(self, scopes: Collection[str]) -> dict[str, Whereabouts]:
        """Return the same for many, in one query."""
        labels = [scope.partition(":")[2] for scope in scopes]
        pulled = Pull.objects.filter(account__connection=OuterRef("pk"), state="booked")
        rows = (
            Connection.objects.filter(label__in=labels)
            .exclude(state="closed")
            .annotate(
                count=Count("accounts"),
                first=Subquery(pulled.order_by("requested_at").values("requested_at")[:1]),
            )
            .values_list("pk", "label", "count", "first")
        )
        return {f"{KIND}:{label}": _whereabouts(pk, label, count, first) for pk, label, count, first in rows}


def _whereabouts(pk: int, label: str, accounts: int, first: datetime | None) -> Whereabouts:
    since = f"pulled since {first:%Y-%m-%d}" if first else "never pulled yet"
    return Whereabouts(
        name=label,
        url=reverse("admin:bankfeeds_connection_change", args=[pk]),
        at_stake=f"{accounts} account{'' if accounts == 1 else 's'}, {since}",
    )


def _connection(scope: str) -> Connection | None:
    return Connection.objects.filter(label=scope.partition(":")[2]).exclude(state="closed").first()


def _keys(connection: Connection, key: KeyPair, now: datetime) -> fetch.Keys:
    """Return the keys of the proof: this one in its place, in the other what is in use. Raises NotTried.

    A connection that begins with two new keys needs both to be let in at all: then the other new one stands there.
    """
    oauth, transport = (
        _beside(connection, key, KeyUse.OAUTH, now),
        _beside(connection, key, KeyUse.TRANSPORT, now),
    )
    if connection.auth != "oauth":
        oauth = None
    keys = fetch.Keys(oauth, transport)
    if key not in (oauth, transport):
        raise NotTried(f"{connection.label} has no use for a key for {key.get_use_display()}.")
    if connection.auth == "oauth" and oauth is None:
        raise NotTried(f"{connection.label} signs in with an OAuth key as well: install that one first.")
    return keys


def _beside(connection: Connection, key: KeyPair, use: str, now: datetime) -> KeyPair | None:
    if key.use == use:
        return key
    new = queries.keys_of(scope=connection.scope).filter(use=use, state=KeyState.CERTIFIED).first()
    return queries.usable(scope=connection.scope, use=use, now=now) or new


def _ask(client: Client, key: KeyPair, account: Account | None) -> str:
    if key.use == KeyUse.OAUTH:
        client.sign_in()
        return "The bank accepted the signature and gave a token."
    if account is None:
        raise NotTried("The connection has no account to ask the bank about.")
    client.look_in(account=account.given_number)
    return "The bank accepted the certificate and answered."


def _sentence(error: BankError, key: KeyPair, blamed: KeyPair) -> str:
    kid = identity.thumbprint(blamed)
    if error.blames is Blame.CERTIFICATE:
        return (
            f"The bank refuses the certificate {kid}: register it there, or ask whether it is already active."
        )
    if error.blames is Blame.ASSERTION:
        return f"The bank does not accept a signature under the certificate {kid}: register it there, then try again."
    if error.blames is Blame.SIGN_IN and key.use == KeyUse.TRANSPORT:
        return f"The bank answered, but knows no client by the certificate {kid}: register it there, then try again."
    if error.decision is Decision.RETRY and error.status is None and error.retry_after is None:
        if key.use == KeyUse.OAUTH:
            return "The bank could not be reached, or the connection was cut: try again later."
        # Under TLS 1.3 a refused certificate often shows as a cut connection and nothing else.
        return (
            f"The bank could not be reached, or cut the connection because it does not know the certificate {kid}: "
            "check that it is registered there, then try again."
        )
    return error.sentence
