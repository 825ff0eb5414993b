"""A connection's life: set up, certified, tested, active, paused, closed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from urllib.parse import urlsplit

from cryptography import x509 as pyca
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import transaction

from audit.recording import Actor, record
from audit.workflow import OperationRefused, PermissionMissing, perform
from bankfeeds.models import Account, Connection
from bankfeeds.models.connection import LABEL, Auth
from bankfeeds.records import LONGEST, masked_account, normal_account
from certificates import operations as certificates
from certificates import queries as keys
from certificates.models import Certificate, Environment, KeyPair, KeyUse
from certificates.x509 import Subject


class BadConnection(OperationRefused):
    """The facts given do not make a connection, or contradict the one that has this label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """What a connection is made of. ``accounts`` as the bank is asked for them; ``trust_roots`` is PEM."""

    label: str
    environment: str
    auth: str
    api_host: str
    client_id: str
    trust_roots: str
    accounts: Sequence[str]
    token_url: str = ""
    resource: str = ""
    audience: str = ""
    history_start: date | None = None


_FACTS = tuple(field.name for field in fields(NewConnection) if field.name not in {"label", "accounts"})


def create_connection(*, facts: NewConnection, actor: Actor, now: datetime) -> Connection:
    """Create the connection with its accounts and return it; asked again with the same facts, return it unchanged.

    The audience defaults to the token URL. Raises BadConnection with every problem at once, or when the label is
    taken by a connection with other facts.
    """
    problems = list(_problems(facts))
    if problems:
        raise BadConnection(f"{facts.label or 'The connection'} cannot be created.", missing=problems)
    wanted = {name: getattr(facts, name) for name in _FACTS}
    wanted["audience"] = facts.audience or facts.token_url
    wanted["trust_roots"] = _canonical_roots(facts.trust_roots)
    with transaction.atomic():
        connection, created = Connection.objects.get_or_create(
            label=facts.label, defaults={**wanted, "created_at": now}
        )
        if not created:
            _check_same(connection, wanted, facts.accounts)
            return connection
        Account.objects.bulk_create(
            Account(connection=connection, number=normal, given_number=given.strip())
            for normal, given in sorted(_distinct(facts.accounts).items())
        )
        record(
            verb="bankfeeds.connection_created",
            actor=actor,
            subject=connection,
            now=now,
            data={
                "environment": facts.environment,
                "auth": facts.auth,
                "accounts": len(_distinct(facts.accounts)),
            },
        )
    return connection


def generate_csr(
    *, connection: Connection, use: str = "", subject: Subject | None = None, actor: Actor, now: datetime
) -> KeyPair:
    """Return the open signing request of the connection, made now if there is none.

    ``use`` is ``oauth`` or ``transport``; by default the one the connection signs in with. Raises OperationRefused.
    """
    if use not in ("", *KeyUse.values):
        raise OperationRefused(f"{use} is not a use of a key: oauth or transport.")
    return certificates.generate_csr(
        scope=connection.scope,
        use=use or connection.main_use,
        environment=connection.environment,
        subject=subject,
        actor=actor,
        now=now,
    )


def request_certificate(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> KeyPair:
    """Make (or return) the signing request of the key that this connection signs in with. Raises OperationRefused."""
    if actor.account is not None and not actor.account.has_perm("certificates.request_keypair"):
        raise PermissionMissing("You may not do this: it needs the right “certificates.request_keypair”.")
    return generate_csr(connection=Connection.objects.get(pk=pk), actor=actor, now=now)


def install_certificate(
    *,
    connection: Connection,
    material: bytes,
    actor: Actor,
    now: datetime,
    confirmed_drift: bool = False,
    clock: Callable[[], datetime] | None = None,
) -> Certificate:
    """Install what the bank returned, and begin testing where its key may be used at once.

    On a test connection whose key is in use already the new one is tried at the bank and takes over if it is let
    in; else ``key.proof_problem`` of the certificate returned says why the old one goes on. Raises OperationRefused
    (certificates' ImportRefused) with every problem; nothing has changed then.
    """
    certificate = certificates.install_and_try(
        scope=connection.scope,
        material=material,
        actor=actor,
        now=now,
        confirmed_drift=confirmed_drift,
        clock=clock,
    )
    begin_testing_if_ready(connection=connection, actor=actor, now=now)
    return certificate


def begin_testing_if_ready(*, connection: Connection, actor: Actor, now: datetime) -> Connection:
    """Move a draft on to testing once its key is in use; return the connection as it then is."""
    if connection.state != "draft":
        return connection
    if keys.usable(scope=connection.scope, use=connection.main_use, now=now) is None:
        return connection
    return perform(connection, "begin_testing", actor=actor, now=now)


def activate_connection(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Connection:
    """Make a tested connection active. Raises OperationRefused."""
    return perform(Connection.objects.get(pk=pk), "activate", actor=actor, now=now, reason=reason)


def pause_connection(*, pk: int, actor: Actor, now: datetime, reason: str) -> Connection:
    """Stop pulling. The days of the pause are asked for after it. Raises OperationRefused."""
    return perform(Connection.objects.get(pk=pk), "pause", actor=actor, now=now, reason=reason)


def resume_connection(*, pk: int, actor: Actor, now: datetime, reason: str = "") -> Connection:
    """Go on pulling, at the next tick. Raises OperationRefused."""
    with transaction.atomic():
        Account.objects.filter(connection_id=pk).update(next_pull_at=None)
        return perform(Connection.objects.get(pk=pk), "resume", actor=actor, now=now, reason=reason)


def close_connection(*, pk: int, actor: Actor, now: datetime, reason: str) -> Connection:
    """End the connection for good; its ledger stays. Raises OperationRefused."""
    return perform(Connection.objects.get(pk=pk), "close", actor=actor, now=now, reason=reason)


def set_legal_hold(*, pk: int, on: bool, reason: str, actor: Actor, now: datetime) -> Connection:
    """Keep every raw answer of the connection from now on, or let old ones go again. Raises OperationRefused."""
    if actor.account is not None and not actor.account.has_perm("bankfeeds.set_legal_hold"):
        raise PermissionMissing("You may not do this: it needs the right “bankfeeds.set_legal_hold”.")
    if not reason.strip():
        raise OperationRefused("Say why the legal hold is set or lifted.", missing=["a reason"])
    with transaction.atomic():
        connection = Connection.objects.select_for_update().get(pk=pk)
        if connection.legal_hold == on:
            raise OperationRefused(f"{connection.label} is {'already' if on else 'not'} under a legal hold.")
        connection.legal_hold = on
        connection.save(update_fields=["legal_hold"])
        verb = "bankfeeds.legal_hold_set" if on else "bankfeeds.legal_hold_lifted"
        record(verb=verb, actor=actor, subject=connection, now=now, reason=reason)
    return connection


def _problems(facts: NewConnection) -> list[str]:
    found = []
    if not re.fullmatch(LABEL, facts.label):
        found.append("a label of lower-case letters, digits and hyphens (at most 64)")
    if facts.environment not in Environment.values:
        found.append("an environment: test or production")
    if facts.auth not in Auth.values:
        found.append("a way to sign in: oauth or mtls")
    if not _is_https(facts.api_host):
        found.append("an API host that is an https:// URL without path, query or user")
    if facts.auth == "oauth" and not facts.resource:
        found.append("the resource the token is for")
    if (facts.auth == "oauth" or facts.token_url) and not _is_https(facts.token_url, path=True):
        found.append("a token URL that is an https:// URL")
    if not facts.client_id.strip():
        found.append("the client id the bank gave")
    if not facts.accounts:
        found.append("at least one account")
    for account in facts.accounts:
        if not normal_account(account) or len(account) > LONGEST["account_id"] or not account.isprintable():
            found.append(f"a readable account number instead of {masked_account(account)}")
    return [*found, *_root_problems(facts.trust_roots)]


def _root_problems(pem: str) -> list[str]:
    try:
        pyca.load_pem_x509_certificates(pem.encode())
    except ValueError:
        return ["trust roots that are PEM certificates"]
    return ["trust roots without a private key among them"] if "PRIVATE KEY" in pem else []


def _canonical_roots(pem: str) -> str:
    roots = pyca.load_pem_x509_certificates(pem.encode())
    return "".join(sorted({root.public_bytes(Encoding.PEM).decode() for root in roots}))


def _is_https(url: str, *, path: bool = False) -> bool:
    try:
        parts = urlsplit(url)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = not parts.query and not parts.fragment and parts.username is None and not re.search(r"\s", url)
    return (
        parts.scheme == "https"
        and bool(parts.hostname)
        and port_ok
        and plain
        and (path or parts.path in ("", "/"))
    )


def _distinct(accounts: Sequence[str]) -> dict[str, str]:
    """Return the accounts by normal number; of two spellings of one, the first given."""
    found: dict[str, str] = {}
    for given in accounts:
        found.setdefault(normal_account(given), given)
    return found


def _check_same(connection: Connection, wanted: dict[str, object], accounts: Sequence[str]) -> None:
    other = [name.replace("_", " ") for name, value in wanted.items() if getattr(connection, name) != value]
    if set(_distinct(accounts)) != set(connection.accounts.values_list("number", flat=True)):
        other.append("accounts")
    if other:
        raise BadConnection(
            f"There is a connection {connection.label} already, and it differs.",
            missing=[f"the same {x}" for x in other],
        )
