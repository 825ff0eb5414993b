"""Where the bank is."""

from dataclasses import dataclass
from typing import Literal

from bankfeeds.jpmorgan import transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the bank is and as whom we call.

    `api_host` and `token_url` are https URLs (host and port are pinned). With `auth` "mtls" the client
    certificate alone signs in, and token_url, audience and resource may be empty. Raises ValueError for
    another kind of URL.
    """

    api_host: str
    token_url: str
    audience: str
    resource: str
    client_id: str
    auth: Literal["oauth", "mtls"]

    def __post_init__(self) -> None:
        for url in self.pinned:
            transport.origin(url)

    @property
    def pinned(self) -> tuple[str, ...]:
        """Return the URLs whose hosts may be called."""
        return (self.api_host, self.token_url) if self.auth == "oauth" else (self.api_host,)
