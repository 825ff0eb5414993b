"""What a person does at the bank, through the simulator's control listener: registering, signing, approving."""

from __future__ import annotations

from typing import Any

import requests

TIMEOUT = 60


class BankDesk:
    """The bank's staff and developer portal. ``control_url`` is plain HTTP on loopback."""

    def __init__(self, control_url: str) -> None:
        self._url = control_url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def state(self) -> dict[str, Any]:
        """Return today's business date, the addresses and the clients."""
        return self._get("/state")

    def roots(self) -> str:
        """Return the bank's root certificates as PEM."""
        answer = self._session.get(f"{self._url}/roots.pem", timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.text

    def register(self, *, client_id: str, resource: str, accounts: list[dict[str, str]]) -> None:
        """Take on a client that is not approved yet."""
        self._post("/clients", client_id=client_id, resource=resource, accounts=accounts, approved=False)

    def sign(self, *, client_id: str, csr_pem: str, use: str = "oauth", valid_days: int = 365) -> str:
        """Return the certificate chain for a signing request."""
        answer = self._post(
            "/certificates", client_id=client_id, use=use, csr_pem=csr_pem, valid_days=valid_days
        )
        return str(answer["certificate_pem"])

    def approve(self, client_id: str) -> None:
        """Approve a client: from now on it gets tokens."""
        self._post("/approvals", client_id=client_id, approved=True)

    def posted(self, account: str) -> list[dict[str, Any]]:
        """Return an account's posted lines as the bank has them; amounts as text."""
        lines: list[dict[str, Any]] = self._get(f"/ledger?account={account}")["lines"]
        return lines

    def withdraw(self, *, account: str, transaction_id: str) -> None:
        """Take a posted line back; the balances follow."""
        self._post("/ledger/withdraw", account=account, transaction_id=transaction_id)

    def amend(self, *, account: str, transaction_id: str, reference: str) -> None:
        """Give a posted line another customer reference under the same id."""
        self._post(
            "/ledger/amend", account=account, transaction_id=transaction_id, customer_reference=reference
        )

    def post_late(self, *, account: str, day: str, amount: str) -> None:
        """Add a credit to a day that is closed already; the balances follow."""
        self._post("/ledger/late-line", account=account, day=day, amount=amount)

    def renumber(self, *, account: str, day: str) -> None:
        """Give all the lines of a day new ids."""
        self._post("/ledger/renumber", account=account, day=day)

    def leave_out(self, *, account: str, field: str) -> None:
        """Have the first record of each of the account's answers lack a field from now on."""
        self._post("/faults", kind="missing_field", account=account, field=field, times=None)

    def _get(self, path: str) -> dict[str, Any]:
        answer = self._session.get(self._url + path, timeout=TIMEOUT)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = self._session.post(self._url + path, json=body, timeout=TIMEOUT)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
