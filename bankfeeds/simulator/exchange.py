"""What travels between the listeners and the bank: one request, one response, one line in the request log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bankfeeds.simulator.jsontext import encode

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request. Header names are lower case; `peer` is the client certificate's thumbprint."""

    listener: str
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str | None = None

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(slots=True, kw_only=True)
class Response:
    """One HTTP response, sent after `delay` seconds; `cut` breaks the connection in mid-body."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0
    cut: bool = False


class Logged(NamedTuple):
    """One request as the bank remembers it: never a token, an assertion or any other header."""

    at: float
    listener: str
    client_id: str
    method: str
    path: str
    query: str
    status: int
    asked: dict[str, Any]
    reason: str
    faults: tuple[str, ...]
    certificate: (
        str  # thumbprint: of the assertion's kid at the token service, else of the client certificate
    )


class Refused(Exception):
    """The bank answers with an error. `reason` is for the bank's own log, not for the caller."""

    def __init__(self, response: Response, reason: str) -> None:
        self.response = response
        self.reason = reason
        super().__init__(reason)


def error(status: int, code: str, message: str, **headers: str) -> Response:
    """Return an answer in the gateway's error envelope; keyword names become headers (`_` stands for `-`)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(
        status=status, body=encode({"errors": [{"errorCode": code, "errorMsg": message}]}), headers=named
    )


def token_error(status: int, code: str, description: str) -> Response:
    """Return an answer in the form of the token service."""
    return Response(status=status, body=encode({"error": code, "error_description": description}))


def invalid(reason: str) -> Refused:
    """Return the refusal of a request that is not in a valid format."""
    return Refused(error(400, "GCA-023", f"Request is not in a valid format. {reason}"), reason)


def not_eligible(reason: str) -> Refused:
    """Return the refusal of a client that is not entitled."""
    return Refused(error(403, "GCA-001", "Client is not eligible for this API."), reason)


def unauthenticated(reason: str) -> Refused:
    """Return the refusal of a caller without valid authentication."""
    answer = error(401, "GCA-401", "Authentication is missing, wrong or expired.", WWW_Authenticate="Bearer")
    return Refused(answer, reason)
