"""Client and normalise against the simulated bank: what we read equals its own books, also on bad days."""

import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from bankfeeds.jpmorgan.client import BankError, Client, Decision, Endpoint, TokenCache
from bankfeeds.pipeline import normalise
from bankfeeds.simulator import scenarios, server

TODAY = date(2026, 6, 3)
START, END = date(2026, 5, 28), date(2026, 6, 1)
SUBJECT = (
    (NameOID.COUNTRY_NAME, "US"),
    (NameOID.STATE_OR_PROVINCE_NAME, "Invented State"),
    (NameOID.LOCALITY_NAME, "Invented City"),
    (NameOID.ORGANIZATION_NAME, "HARBOR KETTLE CO"),
    (NameOID.ORGANIZATIONAL_UNIT_NAME, "Invented Unit"),
    (NameOID.COMMON_NAME, "harbor-kettle.example"),
)


class Desk:
    """A simulated bank that runs, a client registered there, and the pauses the client slept."""

    def __init__(self, bank: Any, running: Any, key: rsa.RSAPrivateKey, folder: Any, auth: str) -> None:
        self.bank, self.slept = bank, list[float]()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=running.roots_pem)
        chain = bank.sign_csr(
            csr(key), client_id=bank.client.client_id, use="oauth" if auth == "oauth" else "transport"
        )
        leaf = x509.load_pem_x509_certificate(chain.encode())
        if auth == "mtls":
            (folder / "identity.pem").write_text(pem(key) + chain)
            context.load_cert_chain(folder / "identity.pem")
        self.account = bank.account_ids[0]
        self.client = Client(
            Endpoint(
                api_host=running.oauth_url if auth == "oauth" else running.mtls_url,
                token_url=running.token_url,
                audience=running.token_url,
                resource=bank.client.resource,
                client_id=bank.client.client_id,
                auth=auth,  # type: ignore[arg-type]
            ),
            context=context,
            sign=lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256()),
            kid=leaf.fingerprint(hashes.SHA1()).hex().upper(),
            tokens=TokenCache(),
            clock=lambda: datetime.now(UTC),
            sleep=self.slept.append,
        )

    def read(self) -> normalise.Lines:
        return normalise.lines(self.client.transactions(account=self.account, start=START, end=END))

    def books(self) -> set[tuple[Any, ...]]:
        """Return what the bank's own ledger holds for the window."""
        return {
            (line["transaction_id"], line["as_of_date"], line["direction"], line["amount"])
            for line in self.bank.posted_lines(self.account)
            if START <= line["as_of_date"] <= END
        }


def ours(found: normalise.Lines) -> set[tuple[Any, ...]]:
    return {(line.transaction_id, line.as_of_date, line.direction, line.amount) for line in found.lines}


def csr(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(kind, value) for kind, value in SUBJECT])
    request = x509.CertificateSigningRequestBuilder(name).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


Open = Callable[..., Desk]


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture
def desk(key: rsa.RSAPrivateKey, tmp_path: Any) -> Iterator[Open]:
    """Return a function that opens a simulated bank of a scenario and a client of it."""
    opened: list[tuple[Desk, Any]] = []

    def open_desk(scenario: str = "small-pages", auth: str = "oauth") -> Desk:
        bank = scenarios.build(scenario, today=TODAY, seed=7)
        running = server.BankServer(bank)
        running.start()
        opened.append((Desk(bank, running, key, tmp_path, auth), running))
        return opened[-1][0]

    yield open_desk
    for one, running in opened:
        one.client.close()
        running.stop()


@pytest.mark.parametrize("auth", ["oauth", "mtls"])
@pytest.mark.parametrize("scenario", ["plain", "small-pages", "identical-pairs", "currencies"])
def test_what_we_read_is_what_the_bank_posted(desk: Open, scenario: str, auth: str) -> None:
    opened = desk(scenario, auth)

    found = opened.read()

    assert opened.books()
    assert ours(found) == opened.books()
    assert (found.rejections, found.repeated, found.contradictions, opened.slept) == ([], 0, (), [])


def test_the_balances_foot_with_the_lines(desk: Open) -> None:
    opened = desk()

    page = opened.client.balances(account=opened.account, start=START, end=END)
    answer = normalise.balances(page)
    moved = {line.as_of_date: line.amount * 0 for line in opened.read().lines}
    for line in opened.read().lines:
        moved[line.as_of_date] += line.signed_amount

    assert (answer.rejections, answer.error, answer.no_activity) == ([], None, False)
    assert [
        one.opening_ledger + moved.get(one.as_of_date, 0) - one.closing_ledger for one in answer.days
    ] == ([0] * len(answer.days))
    assert len(answer.days) >= 3


def test_the_current_day_is_read_apart(desk: Open) -> None:
    opened = desk()

    pages = opened.client.transactions(account=opened.account, start=TODAY, end=TODAY, current_day=True)

    assert {line.as_of_date for line in normalise.lines(pages).lines} == {TODAY}


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("401", {}),
    ("500", {}),
    ("503", {"retry_after": None}),
    ("cut", {}),
    ("429", {"retry_after": 2}),
    ("503", {"retry_after": 3}),
    ("moving_pages", {"path": "transactions"}),
    ("late_line", {"path": "transactions", "day": "2026-05-29"}),
    ("unknown_field", {"path": "transactions"}),
    ("missing_narrative", {"path": "transactions"}),
    ("unpadded_account", {"path": "transactions"}),
]


@pytest.mark.parametrize(
    ("kind", "options"), FAULTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_bad_moment_changes_nothing_of_what_we_read(desk: Open, kind: str, options: dict[str, Any]) -> None:
    opened = desk()
    opened.bank.faults.add(kind, **options)

    found = opened.read()

    assert [hit.kind for hit in opened.bank.faults.hits] == [kind]
    assert ours(found) == opened.books()
    assert found.rejections == []


@pytest.mark.parametrize(
    ("kind", "options", "decision", "pause"),
    [
        ("403", {}, Decision.ASK, None),
        ("429", {}, Decision.RETRY, None),
        ("429", {"retry_after": 600}, Decision.RETRY, timedelta(minutes=10)),
        ("503", {"retry_after": None}, Decision.RETRY, None),
        ("503", {}, Decision.RETRY, timedelta(minutes=10)),
        ("cut", {}, Decision.RETRY, None),
        ("html", {}, Decision.RETRY, None),
        ("bad_json", {}, Decision.RETRY, None),
        ("redirect", {}, Decision.STOP, None),
        ("moving_pages", {"path": "transactions"}, Decision.RETRY, None),
        ("503", {"path": "token"}, Decision.RETRY, timedelta(minutes=10)),
        ("403", {"path": "token"}, Decision.ASK, None),
    ],
)
def test_a_bad_day_ends_in_a_decision_and_nothing_is_taken(
    desk: Open, kind: str, options: dict[str, Any], decision: Decision, pause: timedelta | None
) -> None:
    opened = desk()
    opened.bank.faults.add(kind, times=None, **options)

    with pytest.raises(BankError) as failed:
        opened.read()

    assert (failed.value.decision, failed.value.retry_after) == (decision, pause)
    assert opened.account.lstrip("0") not in failed.value.sentence + failed.value.detail
    assert opened.bank.other_host_requests == []


def test_until_the_bank_approves_a_person_is_told_so(desk: Open) -> None:
    opened = desk("not-approved")

    with pytest.raises(BankError) as failed:
        opened.read()
    opened.bank.approve(opened.bank.client.client_id)

    assert (failed.value.decision, failed.value.sentence) == (
        Decision.ASK,
        "The bank has not approved our client yet, or not entitled it to these APIs.",
    )
    assert ours(opened.read()) == opened.books()


def test_an_approval_withdrawn_ends_the_reading_at_once(desk: Open) -> None:
    opened = desk()
    opened.read()
    opened.bank.withdraw_approval(opened.bank.client.client_id)

    with pytest.raises(BankError) as failed:
        opened.read()
    assert failed.value.decision is Decision.ASK


def test_surplus_digits_reject_their_line_alone(desk: Open) -> None:
    opened = desk()
    opened.bank.faults.add("high_precision", path="transactions", times=None)

    found = opened.read()

    assert found.rejections
    assert {rejection.reason for rejection in found.rejections} == {
        "The amount has more than the 2 decimal digits of USD."
    }
    assert found.read == len(opened.books())


def test_an_accounts_own_error_is_inside_the_answer(desk: Open) -> None:
    opened = desk()
    opened.bank.faults.add("per_account_error", path="balances", error_code="GCA-003")

    answer = normalise.balances(opened.client.balances(account=opened.account, start=START, end=END))

    assert answer.days == []
    assert (answer.error or "").startswith("The bank gave no balances of this account: GCA-003")
