"""The simulated bank: clients, certificates, tokens, the books, faults and a request log."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cryptography import x509

from bankfeeds.simulator.authority import Authority, pem
from bankfeeds.simulator.books import ID_POLICIES, Books, ClockRefused, UnknownAccount
from bankfeeds.simulator.exchange import Logged
from bankfeeds.simulator.faults import Fault, Faults
from bankfeeds.simulator.journal import journaled
from bankfeeds.simulator.ledger import Account
from bankfeeds.simulator.registry import Registered, Registry
from bankfeeds.simulator.tokens import TokenDesk

__all__ = [
    "APIS",
    "Bank",
    "Client",
    "ClockRefused",
    "Terms",
    "UnknownAccount",
    "UnknownCertificate",
    "UnknownClient",
]

APIS = ("balances", "transactions")


class UnknownClient(LookupError):
    """No client of the bank has this id."""


class UnknownCertificate(LookupError):
    """The bank never signed a certificate with this thumbprint."""


def _system_clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How the bank behaves when nothing is wrong.

    id_policy "new": a line gets another id when it is posted; "same": it keeps the intraday one.
    renumber_overnight: how many of the last posted days get new ids each time a business day ends.
    clock: wall time for certificates and tokens; the business date never comes from it.
    """

    seed: int = 7
    history_days: int = 40
    page_size: int = 1000
    token_lifetime: timedelta = timedelta(hours=8)
    intraday_percent: int = 60
    id_policy: str = "new"
    renumber_overnight: int = 0
    clock: Callable[[], datetime] = _system_clock

    def __post_init__(self) -> None:
        if self.id_policy not in ID_POLICIES:
            raise ValueError(f"id_policy is one of {', '.join(ID_POLICIES)}.")


@dataclass(slots=True, kw_only=True)
class Client:
    """One client of the bank: its names, what it may use, and whether the bank has approved it."""

    client_id: str
    resource: str
    environment: str
    accounts: list[str]
    approved: bool
    apis: set[str] = field(default_factory=lambda: set(APIS))


class Bank(Books):
    """Everything behind the listeners. Public methods are safe to call from any thread."""

    def __init__(
        self, *, today: date, terms: Terms | None = None, authority: Authority | None = None
    ) -> None:
        self.terms = terms or Terms()
        super().__init__(today=today, seed=self.terms.seed, history_days=self.terms.history_days)
        self.id_policy = self.terms.id_policy
        self.renumber_overnight = self.terms.renumber_overnight
        self.intraday_percent = self.terms.intraday_percent
        self.page_size = self.terms.page_size
        self.authority = authority or Authority.create(now=self.terms.clock())
        self.registry = Registry(self.authority)
        self.tokens = TokenDesk(
            registry=self.registry, clock=self.terms.clock, lifetime=self.terms.token_lifetime
        )
        self.clients: dict[str, Client] = {}
        self.faults = Faults()
        self.spoiled_walks: dict[tuple[object, ...], list[Fault]] = {}
        self.requests: list[Logged] = []
        self.other_host_url = ""
        self.other_host_requests: list[dict[str, Any]] = []
        self.scenario = ""

    @property
    def client(self) -> Client:
        """The first registered client."""
        return next(iter(self.clients.values()))

    @property
    def account_ids(self) -> list[str]:
        """The accounts of the first registered client."""
        return list(self.client.accounts)

    @journaled
    def register_client(
        self,
        *,
        client_id: str,
        resource: str,
        accounts: Sequence[Account],
        environment: str = "test",
        approved: bool = False,
    ) -> Client:
        """Take on a client with its accounts; a client id that is already there is replaced.

        Its certificates and the books of its accounts stay.
        """
        client = Client(
            client_id=client_id,
            resource=resource,
            environment=environment,
            accounts=self.open_ledgers(accounts),
            approved=approved,
        )
        self.clients[client_id] = client
        return client

    def sign_csr(
        self,
        csr_pem: str,
        *,
        client_id: str,
        use: str,
        environment: str | None = None,
        not_before: datetime | None = None,
        valid_days: int = 365,
    ) -> str:
        """Sign and register a client certificate; return leaf and root as PEM.

        `use` is "oauth" or "transport". Raises CsrRefused with every reason, UnknownClient.
        """
        with self.lock:
            client = self._client(client_id)
            certificate = self.registry.sign(
                csr_pem,
                client_id=client_id,
                now=self.terms.clock(),
                use=use,
                not_before=not_before,
                valid_days=valid_days,
            )
            self.adopt_certificate(
                pem(certificate), client_id=client_id, use=use, environment=environment or client.environment
            )
            return pem(certificate) + self.authority.root_pem

    @journaled
    def adopt_certificate(self, certificate_pem: str, *, client_id: str, use: str, environment: str) -> None:
        """Take a certificate into the bank's books without asking how it came about."""
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
        self.registry.adopt(
            Registered(client_id=client_id, use=use, environment=environment, certificate=certificate)
        )

    @journaled
    def revoke_certificate(self, thumbprint: str) -> None:
        """Accept this certificate no longer. Raises UnknownCertificate."""
        known = self.registry.find(thumbprint)
        if known is None:
            raise UnknownCertificate(f"The bank has no certificate {thumbprint}.")
        known.revoked = True

    @journaled
    def approve(self, client_id: str) -> None:
        """Grant a client access to its APIs and accounts."""
        self._client(client_id).approved = True

    @journaled
    def withdraw_approval(self, client_id: str) -> None:
        """Take the access back: no new token, and live ones open nothing."""
        self._client(client_id).approved = False

    @journaled
    def entitle(
        self, client_id: str, *, apis: Sequence[str] | None = None, accounts: Sequence[str] | None = None
    ) -> None:
        """Set the APIs or the accounts a client may use; what is not given stays. Raises UnknownAccount."""
        client = self._client(client_id)
        if apis is not None:
            client.apis = set(apis)
        if accounts is not None:
            client.accounts = [self.ledger(account).account.account_id for account in accounts]

    def _client(self, client_id: str) -> Client:
        try:
            return self.clients[client_id]
        except KeyError:
            raise UnknownClient(f"The bank has no client {client_id}.") from None
