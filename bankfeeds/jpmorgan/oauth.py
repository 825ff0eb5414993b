"""Access tokens: the signed assertion, and a cache that asks the bank once.

Client credentials with a JWT assertion (RFC 7523) at an AD FS token endpoint, which wants `resource`, not
`scope`.
"""

import base64
import json
import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NoReturn

from bankfeeds.jpmorgan.wire import TokenAnswer, WireError

ASSERTION_LIFETIME = timedelta(minutes=5)
EARLY = timedelta(seconds=30)
LONGEST_LIFETIME = 86_400
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

TokenKey = tuple[str, str, str, str, str]
"""Token URL, client id and resource, for which there is one client; then the certificates it was got with: the kid
of the assertion and the fingerprint of the client certificate ("" for none), because the bank may bind it to both.
"""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token; `value` is a secret and shows nowhere. `expires_at` is when to stop using it."""

    value: str = field(repr=False)
    expires_at: datetime

    @classmethod
    def of(cls, answer: TokenAnswer, *, now: datetime) -> "Token":
        """Return the token of the bank's answer, usable until 30 seconds before it expires.

        Line breaks inside it are removed. One without a lifetime serves a single call. Raises WireError.
        """
        if (answer.token_type or "bearer").lower() != "bearer":
            raise WireError("The bank's token is not a bearer token.")
        value = "".join(answer.access_token.split())
        if not value or not value.isascii() or not value.isprintable():
            raise WireError("The bank's token is empty or holds characters that no header can carry.")
        try:
            seconds = int(answer.expires_in or 0)
        except ValueError:
            raise WireError("The lifetime of the bank's token is not a number of seconds.") from None
        return cls(value, now + timedelta(seconds=min(max(seconds, 0), LONGEST_LIFETIME)) - EARLY)

    def __reduce__(self) -> NoReturn:
        raise TypeError("A token is not serialisable.")


class TokenCache:
    """Tokens by `TokenKey`, shared by the threads of a process. Shows no token."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._flights: dict[TokenKey, threading.Lock] = {}
        self._tokens: dict[TokenKey, Token] = {}

    def get(self, key: TokenKey, *, now: datetime, fetch: Callable[[], Token]) -> Token:
        """Return a token in date for `key`; while one caller fetches it, the others wait for theirs.

        What `fetch` raises reaches its caller; the next one tries again.
        """
        with self._guard:
            flight = self._flights.setdefault(key, threading.Lock())
        with flight:
            token = self._tokens.get(key)
            if token is None or token.expires_at <= now:
                token = fetch()
                with self._guard:
                    self._tokens[key] = token
            return token

    def drop(self, key: TokenKey, refused: Token | None = None) -> None:
        """Forget the token of `key`. With `refused`, only if it is still that one and not a newer one."""
        with self._guard:
            if refused is None or self._tokens.get(key) is refused:
                self._tokens.pop(key, None)

    def keep_only(self, key: TokenKey) -> None:
        """Forget what the same client got for the same resource with other certificates.

        Whoever still works with one of those is given a new token for it.
        """
        with self._guard:
            for other in [one for one in self._tokens if one[:3] == key[:3] and one != key]:
                del self._tokens[other]

    def __repr__(self) -> str:
        return f"<TokenCache of {len(self._tokens)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A token cache is not serialisable.")


def assertion(
    *, client_id: str, audience: str, kid: str, sign: Callable[[bytes], bytes], now: datetime
) -> str:
    """Return the signed JWT (RS256) with which the client proves itself; it serves once and for five minutes.

    `sign` returns the RSASSA-PKCS1-v1_5 SHA-256 signature of what it is given; `kid` is the SHA-1 of the
    certificate, 40 upper-case hexadecimal digits.
    """
    issued = int(now.timestamp())
    header = {"alg": "RS256", "typ": "JWT", "kid": kid}
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": issued,
        "exp": issued + int(ASSERTION_LIFETIME.total_seconds()),
        "jti": str(uuid.uuid4()),
    }
    signed = f"{_base64url(_compact(header))}.{_base64url(_compact(claims))}"
    return f"{signed}.{_base64url(sign(signed.encode()))}"


def token_form(*, client_id: str, resource: str, client_assertion: str) -> dict[str, str]:
    """Return the fields of the token request."""
    return {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client_assertion,
        "resource": resource,
    }


def _compact(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
