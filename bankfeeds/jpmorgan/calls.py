"""One call that ends in an answer: patience with a moment's trouble, and signing in with a token."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from bankfeeds.jpmorgan import errors, oauth, wire
from bankfeeds.jpmorgan.transport import Reply, Transport, TransportError, host_name

QUICK_TRIES = 2
QUICK_PAUSE = 0.5

Send = Callable[[dict[str, str]], Reply]


class Judge(Protocol):
    """Says what a status other than 200 means."""

    def __call__(self, reply: Reply, *, now: datetime) -> errors.BankError: ...


class Gate(Protocol):
    """Asked before and told after each call to a host (``name:port``): what all workers together know of it."""

    def enter(self, host: str) -> None:
        """Wait for a place among the calls to the host. Raises errors.NotCalled when it is not to be called now."""

    def answered(self, host: str) -> None:
        """Hear that the host answered, whatever it said."""

    def failed(self, host: str, error: errors.BankError) -> None:
        """Hear that a question was given up because of trouble that is the host's."""


class OpenGate:
    """A gate that lets everybody pass."""

    def enter(self, host: str) -> None:
        """Let pass."""

    def answered(self, host: str) -> None:
        """Take no notice."""

    def failed(self, host: str, error: errors.BankError) -> None:
        """Take no notice."""


def headers() -> dict[str, str]:
    """Return the headers of every request, with an id of its own for the bank's support."""
    return {"Accept": "application/json", "Request-Id": str(uuid.uuid4())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Repeats a call that met a moment's trouble, at most `quick` times at once.

    `longest` is the longest pause slept through here. `gate` is asked before every single call to `host`.
    """

    host: str
    gate: Gate
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    longest: timedelta
    quick: int = QUICK_TRIES

    def answer(self, send: Callable[[], Reply], judge: Judge) -> Reply:
        """Return the answer with status 200, or raise BankError (NotCalled included).

        Cuts and server errors without Retry-After are tried again, a short Retry-After is obeyed once.
        """
        quick, waited = 0, False
        while True:
            self.gate.enter(self.host)
            try:
                reply = send()
                if reply.status == 200:
                    self.gate.answered(self.host)
                    return reply
                error = judge(reply, now=self.clock())
            except TransportError as failure:
                error = errors.unanswered(failure)
            pause = error.retry_after
            if pause is not None and pause <= self.longest and not waited:
                waited = True
                self.sleep(pause.total_seconds())
            elif pause is None and error.passing and quick < self.quick:
                quick += 1
                self.sleep(QUICK_PAUSE * quick)
            else:
                self._tell(error)
                raise error from None

    def _tell(self, error: errors.BankError) -> None:
        # The question, not each try at it, is what succeeded or failed: a moment's trouble is no outage.
        error.host = self.host
        if error.of_host:
            self.gate.failed(self.host, error)
        else:
            self.gate.answered(self.host)


@dataclass(slots=True, kw_only=True, repr=False)
class SignIn:
    """Calls with a bearer token of the token endpoint, fetched when needed and replaced once when refused.

    `bound` is the fingerprint of the client certificate shown in the handshake. `fetched` says whether the bank
    gave a token to this very sign-in, and not to an earlier one.
    """

    token_url: str
    audience: str
    resource: str
    client_id: str
    kid: str
    bound: str
    sign: Callable[[bytes], bytes]
    tokens: oauth.TokenCache
    transport: Transport
    patience: Patience
    fetched: bool = False

    def __post_init__(self) -> None:
        self.tokens.keep_only(self._key)

    def call(self, send: Send) -> Reply:
        """Return the answer with status 200 to `send(headers)`, or raise BankError."""
        token = self._token()
        try:
            return self._answer(send, token)
        except errors.BankError as error:
            if error.status != 401:
                raise
        self.tokens.drop(self._key, token)
        return self._answer(send, self._token())

    def prove(self) -> None:
        """Get a token and throw it away. Raises BankError."""
        self._fetch()

    @property
    def _key(self) -> oauth.TokenKey:
        return self.token_url, self.client_id, self.resource, self.kid, self.bound

    def _answer(self, send: Send, token: oauth.Token) -> Reply:
        bearer = {"Authorization": f"Bearer {token.value}"}
        return self.patience.answer(lambda: send(headers() | bearer), errors.refused_call)

    def _token(self) -> oauth.Token:
        return self.tokens.get(self._key, now=self.patience.clock(), fetch=self._fetch)

    def _fetch(self) -> oauth.Token:
        at_token_host = replace(self.patience, host=host_name(self.token_url))
        reply = at_token_host.answer(self._request, errors.refused_token)
        try:
            token = oauth.Token.of(wire.token_answer(reply.body), now=self.patience.clock())
        except wire.WireError as error:
            raise errors.unreadable(error, reply) from None
        self.fetched = True
        return token

    def _request(self) -> Reply:
        # A fresh assertion each time: the bank may refuse to see one twice.
        form = oauth.token_form(
            client_id=self.client_id,
            resource=self.resource,
            client_assertion=oauth.assertion(
                client_id=self.client_id,
                audience=self.audience,
                kid=self.kid,
                sign=self.sign,
                now=self.patience.clock(),
            ),
        )
        return self.transport.send("POST", self.token_url, headers=headers(), form=form)
