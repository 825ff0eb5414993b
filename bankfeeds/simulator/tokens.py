"""The token service: it verifies a signed assertion completely before it hands out a bearer token."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from bankfeeds.simulator.exchange import Refused, Request, Response, token_error
from bankfeeds.simulator.jsontext import encode
from bankfeeds.simulator.registry import Registry

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM = "application/x-www-form-urlencoded"
LONGEST_ASSERTION = timedelta(hours=8)
SKEW = timedelta(seconds=60)
FIELDS = ("grant_type", "client_id", "resource", "client_assertion_type", "client_assertion")
_THUMBPRINT = re.compile(r"[0-9A-F]{40}", re.ASCII)


class TokenClient(Protocol):
    """What the token service must know of a client."""

    client_id: str
    resource: str
    environment: str
    approved: bool


@dataclass(frozen=True, slots=True)
class Bearer:
    """A live token's owner and end."""

    client_id: str
    expires_at: datetime


def _bad_request(error: str, description: str) -> Refused:
    return Refused(token_error(400, error, description), description)


def _not_authenticated(reason: str) -> Refused:
    # The service tells the caller nothing more precise; the reason stands in the bank's log only.
    text = "MSIS9622: Client authentication failed. Please verify the credential provided."
    return Refused(token_error(400, "invalid_client", text), reason)


class TokenDesk:
    """Issues and checks bearer tokens. The bank's lock protects it."""

    def __init__(self, *, registry: Registry, clock: Callable[[], datetime], lifetime: timedelta) -> None:
        self.lifetime = lifetime
        self.audiences: set[str] = set()
        self._registry = registry
        self._clock = clock
        self._bearers: dict[str, Bearer] = {}
        self._seen: dict[tuple[str, str], datetime] = {}

    def announce(self, token_url: str) -> None:
        """Accept this token URL, with and without a trailing slash, as audience."""
        self.audiences |= {token_url.rstrip("/"), token_url.rstrip("/") + "/"}

    def issue(self, form: dict[str, str], clients: dict[str, TokenClient]) -> Response:
        """Verify a token request and answer with a token. Raises Refused."""
        if form["grant_type"] != "client_credentials":
            raise _bad_request("unsupported_grant_type", "MSIS9611: The grant type is not supported.")
        if form["client_assertion_type"] != ASSERTION_TYPE:
            raise _bad_request(
                "invalid_request", "MSIS9607: The 'client_assertion_type' parameter is not supported."
            )
        client = clients.get(form["client_id"])
        if client is None:
            raise _not_authenticated("The client id is not known.")
        self._verify(form["client_assertion"], client)
        if form["resource"] not in {known.resource for known in clients.values()}:
            raise _bad_request("invalid_resource", "MSIS9602: The received 'resource' parameter is invalid.")
        if form["resource"] != client.resource:
            raise self._not_permitted("The client is not entitled to this resource.")
        if not client.approved:
            raise self._not_permitted("The client is not approved yet.")
        return self._hand_out(client)

    def owner(self, token: str) -> str | None:
        """Return the client id of a live token, or None."""
        bearer = self._bearers.get(token)
        return bearer.client_id if bearer and self._clock() < bearer.expires_at else None

    def drop(self, token: str) -> None:
        """End a token before its time."""
        self._bearers.pop(token, None)

    def drop_all(self) -> None:
        """End every token before its time."""
        self._bearers.clear()

    def _not_permitted(self, reason: str) -> Refused:
        text = "MSIS9605: The client is not allowed to access the requested resource."
        return Refused(token_error(403, "unauthorized_client", text), reason)

    def _hand_out(self, client: TokenClient) -> Response:
        token = f"sim.{secrets.token_urlsafe(48)}"
        self._bearers[token] = Bearer(client.client_id, self._clock() + self.lifetime)
        answer = {
            "access_token": token,
            "token_type": "bearer",
            "expires_in": int(self.lifetime.total_seconds()),
        }
        return Response(
            status=200, body=encode(answer), headers={"Cache-Control": "no-store", "Pragma": "no-cache"}
        )

    def _verify(self, assertion: str, client: TokenClient) -> None:
        key = self._key_named_by(assertion, client)
        checks = {"verify_signature": True, "require": ["iss", "sub", "aud", "exp", "iat", "jti"]}
        off = dict.fromkeys(
            (
                "verify_exp",
                "verify_iat",
                "verify_nbf",
                "verify_aud",
                "verify_iss",
                "verify_sub",
                "verify_jti",
            ),
            False,
        )
        try:
            claims = jwt.decode(assertion, key, algorithms=["RS256"], options={**checks, **off})  # type: ignore[arg-type]
        except jwt.PyJWTError as problem:
            raise _not_authenticated(f"The assertion does not verify: {problem}.") from None
        reason = self._claim_problem(claims, client)
        if reason:
            raise _not_authenticated(reason)
        self._refuse_replay(claims, client)

    def _key_named_by(self, assertion: str, client: TokenClient) -> rsa.RSAPublicKey:
        try:
            header = jwt.get_unverified_header(assertion)
        except jwt.PyJWTError:
            raise _not_authenticated("The assertion is not a JWT.") from None
        if header.get("alg") != "RS256":
            raise _not_authenticated("The assertion is not signed with RS256.")
        if header.get("typ", "JWT") != "JWT":
            raise _not_authenticated("The assertion's type is not JWT.")
        kid = header.get("kid")
        if not isinstance(kid, str) or not _THUMBPRINT.fullmatch(kid):
            raise _not_authenticated("The kid is not a SHA-1 thumbprint in 40 upper-case hex characters.")
        known = self._registry.find(kid)
        if known is None or known.client_id != client.client_id or known.use != "oauth":
            raise _not_authenticated("The kid names no token certificate of this client.")
        if known.environment != client.environment:
            raise _not_authenticated("The certificate belongs to another environment.")
        if not known.live(self._clock()):
            raise _not_authenticated("The certificate is expired, not yet valid or revoked.")
        key = known.certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise _not_authenticated("The certificate holds no RSA key.")
        return key

    def _claim_problem(self, claims: dict[str, Any], client: TokenClient) -> str:
        now = self._clock()
        if claims["iss"] != client.client_id or claims["sub"] != client.client_id:
            return "iss and sub are not the client id."
        if not isinstance(claims["aud"], str) or claims["aud"] not in self.audiences:
            return "aud is not this token service."
        if not isinstance(claims["jti"], str) or not claims["jti"]:
            return "jti is missing."
        exp, iat, nbf = (
            _moment(claims["exp"], now),
            _moment(claims["iat"], now),
            _moment(claims.get("nbf", 0), now),
        )
        if exp is None or iat is None or nbf is None:
            return "exp, iat or nbf is not a time."
        if exp <= now:
            return "The assertion has expired."
        if exp > now + LONGEST_ASSERTION + SKEW:
            return "The assertion is valid for more than 8 hours."
        if iat > now + SKEW or nbf > now + SKEW:
            return "The assertion comes from the future."
        return ""

    def _refuse_replay(self, claims: dict[str, Any], client: TokenClient) -> None:
        now = self._clock()
        self._seen = {key: end for key, end in self._seen.items() if end > now}
        key = (client.client_id, claims["jti"])
        if key in self._seen:
            raise _not_authenticated("The assertion was used before.")
        self._seen[key] = now + LONGEST_ASSERTION + 2 * SKEW


def _moment(seconds: object, now: datetime) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 <= seconds < 2**36:
        return None
    return datetime.fromtimestamp(seconds, now.tzinfo)


def kid_of(assertion: str) -> str:
    """Return the thumbprint an assertion names, unverified; "" where it names none."""
    try:
        kid = jwt.get_unverified_header(assertion).get("kid")
    except jwt.PyJWTError:
        return ""
    return kid if isinstance(kid, str) and _THUMBPRINT.fullmatch(kid) else ""


def token_form(request: Request) -> dict[str, str]:
    """Read a token request. Raises Refused (400) where it is not exactly the five fields, once each."""
    if request.media_type != FORM:
        raise _bad_request("invalid_request", f"The content type must be {FORM}.")
    if request.query:
        raise _bad_request("invalid_request", "The token endpoint takes no query.")
    try:
        given = parse_qs(
            request.body.decode("ascii"), keep_blank_values=True, strict_parsing=True, max_num_fields=20
        )
    except ValueError:
        raise _bad_request("invalid_request", "The form cannot be read.") from None
    for name in FIELDS:
        if len(given.get(name, [])) != 1 or not given[name][0]:
            raise _bad_request("invalid_request", f"MSIS9609: The '{name}' parameter is missing or repeated.")
    if set(given) - set(FIELDS):
        raise _bad_request("invalid_request", "There is an unknown parameter.")
    return {name: given[name][0] for name in FIELDS}
