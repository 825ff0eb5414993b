"""What a connection's keys are for: the live proof at the bank, and where a key is used."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.urls import reverse

from audit.recording import Actor
from bankfeeds.jpmorgan.client import Client
from bankfeeds.jpmorgan.errors import BankError, Blame, Decision
from bankfeeds.jpmorgan.oauth import TokenCache
from bankfeeds.models import Account, Connection, Pull
from bankfeeds.pipeline import fetch
from certificates.holders import NotTried, ProofFailed, Whereabouts
from certificates.models import KeyPair, KeyUse

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
                connection, keys=keys, actor=actor, clock=clock, purpose=PURPOSE, tokens=TokenCache()
            ) as client:
                return _ask(client, key, account)
        except BankError as error:
            if error.retry_after is not None:
                fetch.leave_alone(connection, until=clock() + error.retry_after)
            raise ProofFailed(_sentence(error, key)) from None

    def whereabouts(self, scope: str) -> Whereabouts | None:
        """Return the connection with its page, its accounts and since when they are read."""
        connection = _connection(scope)
        if connection is None:
            return None
        count = connection.accounts.count()
        first = (
            Pull.objects.filter(account__connection=connection, state="booked")
            .order_by("requested_at")
            .values_list("requested_at", flat=True)
            .first()
        )
        since = f"pulled since {first:%Y-%m-%d}" if first else "never pulled yet"
        return Whereabouts(
            name=connection.label,
            url=reverse("admin:bankfeeds_connection_change", args=[connection.pk]),
            at_stake=f"{count} account{'' if count == 1 else 's'}, {since}",
        )


def _connection(scope: str) -> Connection | None:
    return Connection.objects.filter(label=scope.partition(":")[2]).exclude(state="closed").first()


def _keys(connection: Connection, key: KeyPair, now: datetime) -> fetch.Keys:
    """Return the keys of the proof: this one in its place, and what is in use in the other. Raises NotTried."""
    in_use = fetch.keys_in_use(connection, now=now)
    if key.use == KeyUse.OAUTH and connection.auth == "oauth":
        return fetch.Keys(key, in_use.transport)
    if key.use != KeyUse.TRANSPORT:
        raise NotTried(f"{connection.label} has no use for a key for {key.get_use_display()}.")
    if connection.auth == "oauth" and in_use.oauth is None:
        raise NotTried(f"{connection.label} signs in with an OAuth key as well: put that one to use first.")
    return fetch.Keys(in_use.oauth, key)


def _ask(client: Client, key: KeyPair, account: Account | None) -> str:
    if key.use == KeyUse.OAUTH:
        client.sign_in()
        return "The bank accepted the signature and gave a token."
    if account is None:
        raise NotTried("The connection has no account to ask the bank about.")
    client.look_in(account=account.given_number)
    return "The bank accepted the certificate and answered."


def _sentence(error: BankError, key: KeyPair) -> str:
    kid = key.certificate.sha1
    if error.blames is Blame.CERTIFICATE:
        return (
            f"The bank refuses the certificate {kid}: register it there, or ask whether it is already active."
        )
    if error.blames is Blame.ASSERTION and key.use == KeyUse.OAUTH:
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
