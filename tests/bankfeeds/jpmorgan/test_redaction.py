"""What goes to a log holds neither secrets nor whole account numbers."""

import pytest

from bankfeeds.jpmorgan.redaction import redacted

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJDQyJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("HTTP 503. GCA-099 System unavailable.", "HTTP 503. GCA-099 System unavailable."),
        (f"client_assertion={JWT}&resource=a", "client_assertion=[cut]&resource=a"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer [cut]"),
        ('{"access_token": "0123456789abcdef"}', '{"access_token": "[cut]"}'),
        (f"got {JWT} back", "got [cut] back"),
        (f"got sim.{JWT} back", "got [cut] back"),
        ("account 000000700100200 unknown", "account …0200 unknown"),
        ("/v3/transactions?accountIds=000000700100200,7001002", "/v3/transactions?accountIds=…0200,…1002"),
        (
            "client CC-900001-Z100001-200001-UAT on 2026-01-05",
            "client CC-900001-Z100001-200001-UAT on 2026-01-05",
        ),
        ("x" * 600, "x" * 500),
    ],
)
def test_text_is_cut_where_it_must_be(text: str, shown: str) -> None:
    assert redacted(text) == shown
