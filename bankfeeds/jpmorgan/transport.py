"""HTTPS to pinned hosts, on one TLS context that nothing may widen.

`requests` adds certifi's roots to a context it is given, follows redirects with client certificates, reads
proxies, credentials and trust from the environment, and keeps cookies. Here it does none of that.
"""

import logging
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from bankfeeds.jpmorgan.redaction import redacted

CONNECT_SECONDS = 10
READ_SECONDS = 60
ANSWER_SECONDS = 300
LARGEST_ANSWER = 32 * 1024 * 1024
_CHUNK = 64 * 1024

# What OpenSSL calls the end of a handshake. TLS 1.2 servers say "handshake failure" when they miss a certificate.
_TOO_OLD = ("PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL")
_ABOUT_US = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT_ERROR", "HANDSHAKE_FAILURE")

_NOT_CONNECTED = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)

Origin = tuple[str, int]


class TransportError(Exception):
    """No answer was taken. The message is the detail for the log, already redacted."""

    def __init__(self, detail: str) -> None:
        super().__init__(redacted(detail))


class Unreachable(TransportError):
    """No connection, a connection cut, or no answer in time: another try may succeed."""


class NoConnection(Unreachable):
    """The host's name was not found, or it took no connection: whoever calls it, and with whatever credentials."""


class UntrustedServer(TransportError):
    """The server's certificate or name was not proven by the roots of this connection."""


class OldProtocol(TransportError):
    """The server offers no TLS version that is still trusted (1.2 or newer)."""


class ClientRefused(TransportError):
    """The server ended the TLS handshake because of our certificate or the lack of one."""


class Redirected(TransportError):
    """The server pointed elsewhere; nothing was sent there."""


class OffLimits(TransportError):
    """The address is not one of the pinned hosts; nothing was sent."""


class TooLarge(TransportError):
    """The answer exceeds the limit; the rest was not read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def origin(url: str) -> Origin:
    """Return host and port of an https URL. Raises ValueError for another scheme, no host, or credentials."""
    parts = urlsplit(url)
    if parts.scheme.lower() != "https" or not parts.hostname or "@" in parts.netloc:
        raise ValueError("The bank's address must be an https:// URL with a host and no credentials.")
    return parts.hostname.lower().rstrip("."), parts.port or 443


def host_name(url: str) -> str:
    """Return ``host:port`` of an https URL. Raises ValueError as `origin` does."""
    host, port = origin(url)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class StrictAdapter(HTTPAdapter):
    """An adapter that verifies with `context` as it stands, whatever `requests` is told."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **(kwargs | {"ssl_context": self._context}))

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ValueError("The bank is not called through a proxy.")

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> tuple[Any, Any]:
        host, _ = super().build_connection_pool_key_attributes(request, True, None)
        return host, {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        # The inherited method hands certifi's roots to the connection, which loads them into our context.
        if verify is not True or cert or not url.lower().startswith("https://"):
            raise ValueError("The bank is called with the trust roots of its connection and nothing else.")
        conn.cert_reqs, conn.ca_certs, conn.ca_cert_dir = "CERT_REQUIRED", None, None

    def __getstate__(self) -> NoReturn:
        raise TypeError("A bank connection is not serialisable.")


class PinnedSession(requests.Session):
    """A session that knows no host but the pinned ones, no environment, no cookies."""

    def __init__(self, adapter: StrictAdapter, pinned: frozenset[Origin]) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        self._adapter, self._pinned = adapter, pinned

    def get_adapter(self, url: str | bytes) -> StrictAdapter:
        try:
            allowed = origin(url.decode() if isinstance(url, bytes) else url) in self._pinned
        except ValueError:
            allowed = False
        if not allowed:
            raise OffLimits("The address is not a pinned host of this connection.")
        return self._adapter

    def get_redirect_target(self, resp: requests.Response) -> None:
        # Even with allow_redirects=False the inherited session reads a redirect's whole body, without any limit.
        return None

    def close(self) -> None:
        self._adapter.close()

    def __getstate__(self) -> NoReturn:
        raise TypeError("A bank connection is not serialisable.")


class Transport:
    """Sends single requests to the pinned hosts and returns whole answers. For one thread at a time."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        pinned: Iterable[str],
        timeout: tuple[float, float] = (CONNECT_SECONDS, READ_SECONDS),
        limit: int = LARGEST_ANSWER,
    ) -> None:
        """Pin the hosts of the URLs in `pinned`. `timeout`: seconds to connect, and per read. `limit`: bytes.

        Raises ValueError when the context does not verify servers, allows TLS below 1.2, or writes a key log.
        """
        if context.verify_mode is not ssl.CERT_REQUIRED or not context.check_hostname:
            raise ValueError("The TLS context must verify the server's certificate and name.")
        if context.minimum_version < ssl.TLSVersion.TLSv1_2 or context.keylog_filename:
            raise ValueError("The TLS context must refuse TLS below 1.2 and keep no key log.")
        self._session = PinnedSession(StrictAdapter(context), frozenset(map(origin, pinned)))
        self._timeout = timeout
        self._limit = limit

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
    ) -> Reply:
        """Send one request and return the answer, whatever its status below 300 or from 400 on.

        Raises a TransportError. Nothing is retried here.
        """
        deadline = time.monotonic() + ANSWER_SECONDS
        try:
            response = self._session.request(
                method,
                url,
                headers=dict(headers),
                params=params,
                data=form,
                json=json,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            with response:
                if 300 <= response.status_code < 400:
                    raise Redirected(f"HTTP {response.status_code} to another address")
                body = self._read(response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _translated(error) from None
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Reply(status=response.status_code, headers=lowered, body=body)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __getstate__(self) -> NoReturn:
        raise TypeError("A bank connection is not serialisable.")

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        # read1 returns what has arrived: a server that drips meets the deadline, a packed bomb the limit.
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            chunks.append(chunk)
            size += len(chunk)
            if size > self._limit:
                raise TooLarge(f"The answer exceeds {self._limit} bytes.")
            if time.monotonic() > deadline:
                raise Unreachable("The answer did not end in time.")
        return b"".join(chunks)


def _translated(error: BaseException) -> TransportError:
    detail = f"{type(error).__name__}: {error}"
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return UntrustedServer(detail)
    reasons = [cause.reason or "" for cause in causes if isinstance(cause, ssl.SSLError)]
    if any(word in reason for reason in reasons for word in _TOO_OLD):
        return OldProtocol(detail)
    if any("_ALERT_" in reason and word in reason for reason in reasons for word in _ABOUT_US):
        return ClientRefused(detail)
    if any(isinstance(cause, _NOT_CONNECTED) for cause in causes):
        return NoConnection(detail)
    return Unreachable(detail)


def _causes(error: BaseException) -> Iterable[BaseException]:
    seen: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        current = waiting.pop()
        if isinstance(current, BaseException) and not any(current is known for known in seen):
            seen.append(current)
            waiting += [
                current.__cause__,
                current.__context__,
                getattr(current, "reason", None),
                *current.args,
            ]
    return seen


def _redact_addresses(record: logging.LogRecord) -> bool:
    record.msg, record.args = redacted(record.getMessage()), ()
    return True


# urllib3 logs each address it asks for, and the bank's carry account numbers.
logging.getLogger("urllib3.connectionpool").addFilter(_redact_addresses)
