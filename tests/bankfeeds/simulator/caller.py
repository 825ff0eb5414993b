"""A caller of the simulated bank, written from the protocol alone: it shares no line with the product."""

from __future__ import annotations

import json
import ssl
import tempfile
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.server import BankServer

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SUBJECT = {
    NameOID.COUNTRY_NAME: "US",
    NameOID.STATE_OR_PROVINCE_NAME: "New York",
    NameOID.LOCALITY_NAME: "New York",
    NameOID.ORGANIZATION_NAME: "EXAMPLE VENDOR INC",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "BANK INTEGRATIONS",
    NameOID.COMMON_NAME: "example-vendor-test",
}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text, parse_float=Decimal)


def make_csr(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    *,
    subject: dict[x509.ObjectIdentifier, str] | None = None,
    common_name: str | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
) -> str:
    fields = dict(SUBJECT if subject is None else subject)
    if common_name is not None:
        fields[NameOID.COMMON_NAME] = common_name
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in fields.items()])
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, algorithm or hashes.SHA256())
    )
    return request.public_bytes(serialization.Encoding.PEM).decode()


def leaf_of(chain_pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain_pem.encode())


def kid_of(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA1()).hex().upper()


def tls(roots_pem: str, *, chain_pem: str = "", key: rsa.RSAPrivateKey | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=roots_pem)
    if key is not None:
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "client.pem"
            path.write_text(chain_pem + key_pem(key))
            context.load_cert_chain(path)
    return context


def key_pem(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def call(
    context: ssl.SSLContext,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    parts = urlsplit(url)
    connection = HTTPSConnection(parts.hostname or "", parts.port, context=context, timeout=20)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body=body, headers=headers or {})
        response: HTTPResponse = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read().decode())
    finally:
        connection.close()


class Caller:
    """One client of the bank, over real TLS, with a bearer token."""

    def __init__(
        self, running: BankServer, key: rsa.RSAPrivateKey, *, client_id: str = "", sign: bool = True
    ) -> None:
        self.running = running
        self.bank: Bank = running.bank
        self.key = key
        self.client = self.bank.clients[client_id] if client_id else self.bank.client
        self.context = tls(running.roots_pem)
        self.kid = ""
        self._token = ""
        if sign:
            chain = self.bank.sign_csr(
                make_csr(key, common_name=self.client.client_id), client_id=self.client.client_id, use="oauth"
            )
            self.kid = kid_of(leaf_of(chain))

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.client.client_id,
            "sub": self.client.client_id,
            "aud": self.running.token_url,
            "iat": now,
            "exp": now + 300,
            "jti": str(uuid.uuid4()),
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def form(self, *, assertion: str = "", **changes: str) -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client.client_id,
            "resource": self.client.resource,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        } | changes
        return {name: value for name, value in form.items() if value != "<absent>"}

    def assertion(self, *, claims: dict[str, Any] | None = None, key: Any = None, **header: Any) -> str:
        algorithm = header.pop("algorithm", "RS256")
        headers = {"typ": "JWT", "kid": self.kid} | header
        return jwt.encode(claims or self.claims(), key or self.key, algorithm=algorithm, headers=headers)

    def ask_token(self, form: dict[str, str] | None = None, *, slash: str = "", **headers: str) -> Answer:
        sent = {"Content-Type": "application/x-www-form-urlencoded"} | headers
        body = urlencode(self.form() if form is None else form).encode()
        return call(self.context, "POST", self.running.token_url + slash, body=body, headers=sent)

    @property
    def token(self) -> str:
        if not self._token:
            self._token = self.ask_token().json["access_token"]
        return self._token

    @token.setter
    def token(self, value: str) -> None:
        self._token = value

    def balances(self, body: Any = None, *, base: str = "", **headers: str) -> Answer:
        sent = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"} | headers
        content = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        return call(
            self.context,
            "POST",
            (base or self.running.oauth_url) + "/accessapi/balance",
            body=content,
            headers=sent,
        )

    def transactions(
        self, query: str = "", *, base: str = "", headers: dict[str, str] | None = None, **asked: Any
    ) -> Answer:
        sent = {"Authorization": f"Bearer {self.token}"} if headers is None else headers
        url = (base or self.running.oauth_url) + "/tsapi/v3/transactions?" + (query or urlencode(asked))
        return call(self.context, "GET", url, headers=sent)

    def walk(self, account: str, start: str, end: str) -> list[dict[str, Any]]:
        """All records of a window, page after page, without any care for moving totals."""
        found: list[dict[str, Any]] = []
        number, pages = 1, 1
        while number <= pages:
            answer = self.transactions(
                accountIds=account, startDate=start, endDate=end, pageNumber=number
            ).json
            found += answer["data"]
            pages = answer["pagination"]["totalPages"]
            number += 1
        return found


def utc(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, tzinfo=UTC)
