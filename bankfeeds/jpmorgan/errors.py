"""What the bank's border raises: a decision, a sentence for the operator, the detail for the log."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

from bankfeeds.jpmorgan import faults, transport, wire
from bankfeeds.jpmorgan.redaction import redacted

LONGEST_PAUSE = timedelta(days=7)


class Decision(StrEnum):
    """What to do after a call that brought nothing."""

    RETRY = "retry"  # the next attempt may succeed by itself
    STOP = "stop"  # repeating the same call is wrong or unsafe
    ASK = "ask"  # a person has to settle something with the bank or in our settings first


class Blame(StrEnum):
    """Which of our credentials a refusal names."""

    NONE = ""
    CERTIFICATE = "certificate"  # the TLS handshake ended because of our client certificate
    ASSERTION = "assertion"  # the token endpoint does not accept our signature
    SIGN_IN = "sign-in"  # the API does not know who calls, whatever the connection signs in with


class BankError(Exception):
    """A call to the bank brought nothing; `str()` is the sentence.

    `sentence` names no secret and no account number. `detail` is for the log, with tokens and assertions cut.
    `status` is the HTTP status, if an answer came. `retry_after` is the pause the bank asked for. `blames` says
    which credential of ours the bank names. `of_host`: the trouble is the host's and not this client's, as far as
    can be told; `connected`: there was a connection at all. `host` (name:port) is where it happened, if it is known.
    """

    def __init__(
        self,
        decision: Decision,
        sentence: str,
        *,
        detail: str = "",
        status: int | None = None,
        retry_after: timedelta | None = None,
        blames: Blame = Blame.NONE,
        of_host: bool = False,
        connected: bool = True,
    ) -> None:
        super().__init__(sentence)
        self.decision = decision
        self.sentence = sentence
        self.detail = redacted(detail)
        self.status = status
        self.retry_after = retry_after
        self.blames = blames
        self.of_host = of_host
        self.connected = connected
        self.host = ""

    @property
    def passing(self) -> bool:
        """Say whether a second try within seconds makes sense: not when a call limit is reached."""
        return self.decision is Decision.RETRY and self.status != 429


class NotCalled(BankError):
    """Nothing was sent, because somebody else's calls said to wait: nobody's failure. `until` is when to ask again."""

    def __init__(self, sentence: str, *, until: datetime) -> None:
        super().__init__(Decision.RETRY, sentence)
        self.until = until


class Unreadable(BankError):
    """An answer with status 200 that is not what the protocol says.

    `differs` names the field and what was expected and found, where the bank's contract and its answer drifted
    apart; it is empty for bytes that are no such answer at all (a maintenance page, half an answer). `page` is the
    client's Page with the bytes, to be kept, if there is one.
    """

    def __init__(self, sentence: str, *, detail: str, status: int, differs: str) -> None:
        super().__init__(Decision.RETRY, sentence, detail=detail, status=status)
        self.differs = differs
        self.page: object = None


def unanswered(error: transport.TransportError) -> BankError:
    """Return what it means that no answer was taken."""
    decision, sentence = {
        transport.NoConnection: (
            Decision.RETRY,
            "The bank could not be reached: its host took no connection.",
        ),
        transport.Unreachable: (
            Decision.RETRY,
            "The bank could not be reached, or the connection was cut. If this goes on, the bank may not "
            "know our client certificate.",
        ),
        transport.UntrustedServer: (
            Decision.ASK,
            "The server did not prove that it is the bank: its certificate does not match the trust roots "
            "or the host name of this connection.",
        ),
        transport.OldProtocol: (
            Decision.ASK,
            "The server offers only an outdated TLS version, and 1.2 is the oldest that is spoken: check the "
            "connection's hosts, then ask the bank.",
        ),
        transport.ClientRefused: (
            Decision.ASK,
            "The bank refused our client certificate: check that it is the one the bank has, and in date.",
        ),
        transport.Redirected: (
            Decision.STOP,
            "The bank's address points to another one, which was not followed: check the connection's hosts.",
        ),
        transport.OffLimits: (
            Decision.STOP,
            "The address is not one of the connection's hosts; nothing was sent.",
        ),
        transport.TooLarge: (Decision.STOP, "The bank's answer is larger than any that is expected."),
    }[type(error)]
    blames = Blame.CERTIFICATE if isinstance(error, transport.ClientRefused) else Blame.NONE
    return BankError(
        decision,
        sentence,
        detail=str(error),
        blames=blames,
        of_host=isinstance(error, transport.Unreachable | transport.UntrustedServer | transport.OldProtocol),
        connected=not isinstance(error, transport.NoConnection),
    )


def unreadable(error: wire.WireError, reply: transport.Reply) -> Unreadable:
    """Return what it means that an answer with status 200 is not what the protocol says."""
    sentence = "The bank's answer could not be read; nothing was taken from it."
    differs = redacted(error.differs) if isinstance(error, wire.ShapeError) else ""
    if differs:
        sentence += f" It is unlike the bank's contract: {differs}."
    kind = reply.headers.get("content-type", "none")
    return Unreadable(sentence, detail=f"{error} Content type {kind}.", status=reply.status, differs=differs)


def refused_call(reply: transport.Reply, *, now: datetime) -> BankError:
    """Return what a status other than 200 from the balances or transactions API means."""
    status = reply.status
    if status == 401:
        decision, sentence = (
            Decision.ASK,
            "The bank does not accept our sign-in: check the client id and certificate.",
        )
    elif status == 403:
        decision, sentence = (
            Decision.ASK,
            "The bank does not let us read this yet: it has to entitle our client to this API and account.",
        )
    elif status == 400:
        decision, sentence = (
            Decision.STOP,
            "The bank calls our request malformed: a developer has to look at it.",
        )
    else:
        return _by_status(reply, now)
    return _error(decision, sentence, reply, blames=Blame.SIGN_IN if status == 401 else Blame.NONE)


def refused_token(reply: transport.Reply, *, now: datetime) -> BankError:
    """Return what a status other than 200 from the token endpoint means."""
    status, blames = reply.status, Blame.NONE
    if status in (401, 403):
        sentence = "The bank has not approved our client yet, or not entitled it to these APIs."
    elif status == 400 and b"MSIS9622" in reply.body:
        blames = Blame.ASSERTION
        sentence = (
            "The bank does not accept our signature (MSIS9622): check that the certificate it has is the "
            "one in use, then the client id and the audience."
        )
    elif status == 400:
        sentence = (
            "The bank refuses our sign-in request: check client id, resource and audience of the connection."
        )
    else:
        return _by_status(reply, now)
    return _error(Decision.ASK, sentence, reply, blames=blames)


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return the pause of a Retry-After header (seconds or HTTP date), at most 7 days; None if unreadable."""
    text = (value or "").strip()
    try:
        if text.isascii() and text.isdigit():
            pause = timedelta(seconds=min(int(text[:10]), int(LONGEST_PAUSE.total_seconds())))
        else:
            moment = parsedate_to_datetime(text)
            pause = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
    except (ValueError, OverflowError):
        return None
    return min(max(pause, timedelta()), LONGEST_PAUSE)


def _by_status(reply: transport.Reply, now: datetime) -> BankError:
    status = reply.status
    pause = retry_after(reply.headers.get("retry-after"), now=now)
    if status == 429:
        return _error(Decision.RETRY, "The bank's agreed number of calls is used up for now.", reply, pause)
    if status >= 500 or status == 408:
        sentence = "The bank's system is not available at the moment."
        return _error(Decision.RETRY, sentence, reply, pause, of_host=True)
    if status < 300:
        return _error(Decision.RETRY, "The bank answered without content.", reply, pause)
    return _error(
        Decision.STOP,
        f"The bank refuses the request with status {status}: check the connection's addresses.",
        reply,
    )


def _error(
    decision: Decision,
    sentence: str,
    reply: transport.Reply,
    pause: timedelta | None = None,
    blames: Blame = Blame.NONE,
    of_host: bool = False,
) -> BankError:
    codes = "; ".join(f"{code} {message}".strip() for code, message in faults.faults(reply.body))
    identifiers = ", ".join(
        f"{name}={value}"
        for name, value in sorted(reply.headers.items())
        if name.startswith("x-") and "id" in name
    )
    detail = ". ".join(part for part in (f"HTTP {reply.status}", codes, identifiers) if part)
    return BankError(
        decision,
        sentence,
        detail=detail,
        status=reply.status,
        retry_after=pause,
        blames=blames,
        of_host=of_host,
    )
