"""A scripted bank and a client of it."""

from collections.abc import Callable
from datetime import UTC, date, datetime

from bankfeeds.jpmorgan.client import Client, Page
from tests.bankfeeds.jpmorgan.bodies import ACCOUNT, envelope, record
from tests.bankfeeds.jpmorgan.tiny_bank import Asked, Said, TinyBank, said

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
START, END = date(2026, 1, 5), date(2026, 1, 9)
KID = "0F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C"
TOKEN = "obviously-a-test-token"
TOKEN_PATH = "/adfs/oauth2/token"
Reply = Said | Callable[[Asked], Said]


class Script:
    """Answers tokens by itself, or from `tokens`; every other call from `replies`, the last one for ever."""

    def __init__(self, *replies: Reply, tokens: list[Said] | None = None) -> None:
        self.replies, self.tokens = list(replies), tokens or []
        self.issued = 0

    def __call__(self, asked: Asked) -> Said:
        if asked.path == TOKEN_PATH:
            if self.tokens:
                return self.tokens.pop(0)
            self.issued += 1
            return said(
                {"access_token": f"{TOKEN}-{self.issued}", "token_type": "bearer", "expires_in": 3600}
            )
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        return reply if isinstance(reply, Said) else reply(asked)


class Desk:
    """What a test needs of one client: the server, the script, the pauses slept, and the client."""

    def __init__(self, bank: TinyBank, script: Script, client: Client, slept: list[float]) -> None:
        self.bank, self.script, self.client, self.slept = bank, script, client, slept

    @property
    def calls(self) -> list[Asked]:
        return [asked for asked in self.bank.asked if asked.path != TOKEN_PATH]

    @property
    def signed_in(self) -> list[Asked]:
        return [asked for asked in self.bank.asked if asked.path == TOKEN_PATH]

    def read(self) -> list[Page]:
        return self.client.transactions(account=ACCOUNT, start=START, end=END)


Open = Callable[..., Desk]


def page(count: int, *, number: int = 1, pages: int = 1, total: int | None = None) -> Said:
    first = 1000 * number
    return said(
        envelope([record(first + place) for place in range(count)], number=number, pages=pages, total=total)
    )
