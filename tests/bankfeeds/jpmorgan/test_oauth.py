"""Signing in: the assertion a strict bank verifies, and a token that is asked for once and shown nowhere."""

import logging
import pickle
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bankfeeds.jpmorgan import oauth
from bankfeeds.jpmorgan.oauth import Token, TokenCache
from bankfeeds.jpmorgan.wire import TokenAnswer, WireError

NOW = datetime(2026, 6, 3, 12, 0, tzinfo=UTC)
CLIENT = "CC-900001-Z100001-200001-UAT"
AUDIENCE = "https://idp.sim.example/adfs/oauth2/token"
KID = "0F1E2D3C4B5A69788796A5B4C3D2E1F00F1E2D3C"
KEY = (AUDIENCE, CLIENT, "JPMC:URI:RS-900001-90001-SimBankFeed-UAT", KID, "")
SECRET = "obviously-a-test-token"


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def signer(key: rsa.RSAPrivateKey) -> Callable[[bytes], bytes]:
    return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def test_a_strict_verifier_accepts_the_assertion(key: rsa.RSAPrivateKey) -> None:
    signed = oauth.assertion(client_id=CLIENT, audience=AUDIENCE, kid=KID, sign=signer(key), now=NOW)

    claims = jwt.decode(
        signed,
        key.public_key(),
        algorithms=["RS256"],
        audience=AUDIENCE,
        options={"verify_exp": False, "verify_iat": False},
    )
    jti = claims.pop("jti")
    assert jwt.get_unverified_header(signed) == {"alg": "RS256", "typ": "JWT", "kid": KID}
    assert claims == {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": AUDIENCE,
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
    }
    assert len(jti) == 36


def test_each_assertion_is_unique(key: rsa.RSAPrivateKey) -> None:
    made = {
        oauth.assertion(client_id=CLIENT, audience=AUDIENCE, kid=KID, sign=signer(key), now=NOW)
        for _ in range(3)
    }

    assert len(made) == 3


def test_the_form_asks_for_the_resource() -> None:
    assert oauth.token_form(
        client_id=CLIENT, resource="JPMC:URI:RS-1-1-Sim-UAT", client_assertion="a.b.c"
    ) == {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "a.b.c",
        "resource": "JPMC:URI:RS-1-1-Sim-UAT",
    }


@pytest.mark.parametrize(
    ("expires_in", "usable_for"),
    [(28800, 28770), ("3600", 3570), (10, -20), (0, -30), (None, -30), (-5, -30), (10**30, 86370)],
)
def test_a_token_is_used_until_half_a_minute_before_its_end(
    expires_in: int | str | None, usable_for: int
) -> None:
    token = Token.of(TokenAnswer(access_token=SECRET, token_type="Bearer", expires_in=expires_in), now=NOW)

    assert token == Token(SECRET, NOW + timedelta(seconds=usable_for))


def test_line_breaks_inside_a_token_are_removed() -> None:
    assert Token.of(TokenAnswer(access_token=" abc\r\n def\n"), now=NOW).value == "abcdef"


@pytest.mark.parametrize(
    "answer",
    [
        TokenAnswer(access_token=""),
        TokenAnswer(access_token=" \n"),
        TokenAnswer(access_token="tök"),
        TokenAnswer(access_token="to\x07k"),
        TokenAnswer(access_token="t", token_type="mac"),
        TokenAnswer(access_token="t", expires_in="soon"),
    ],
)
def test_a_token_no_header_can_carry_is_refused(answer: TokenAnswer) -> None:
    with pytest.raises(WireError):
        Token.of(answer, now=NOW)


class Bank:
    """Counts how often it is asked for a token."""

    def __init__(self, lifetime: int = 3600, pause: float = 0.0) -> None:
        self.asked = 0
        self.lifetime, self.pause = lifetime, pause

    def fetch(self) -> Token:
        time.sleep(self.pause)
        self.asked += 1
        return Token.of(TokenAnswer(access_token=f"{SECRET}-{self.asked}", expires_in=self.lifetime), now=NOW)


def test_a_token_is_asked_for_once_and_again_when_it_ends() -> None:
    cache, bank = TokenCache(), Bank()

    moments = [NOW, NOW + timedelta(seconds=3569), NOW + timedelta(seconds=3570)]
    values = [cache.get(KEY, now=moment, fetch=bank.fetch).value for moment in moments]

    assert values == [f"{SECRET}-1", f"{SECRET}-1", f"{SECRET}-2"]


OTHERS = [
    ("https://other.example", *KEY[1:]),
    (KEY[0], "CC-2", *KEY[2:]),
    (*KEY[:2], "JPMC:URI:RS-2", *KEY[3:]),
    (*KEY[:3], "F" * 40, ""),
    (*KEY[:4], "E" * 40),
]


def test_each_client_resource_and_certificate_has_its_own_token() -> None:
    cache, bank = TokenCache(), Bank()
    keys = [KEY, *OTHERS]

    values = [cache.get(key, now=NOW, fetch=bank.fetch).value for key in (*keys, *keys)]

    assert values == [f"{SECRET}-{number}" for number in (1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6)]


def test_what_a_client_got_with_other_certificates_is_forgotten() -> None:
    cache, bank = TokenCache(), Bank()
    for key in (KEY, *OTHERS):
        cache.get(key, now=NOW, fetch=bank.fetch)

    cache.keep_only(KEY)

    values = [cache.get(key, now=NOW, fetch=bank.fetch).value for key in (KEY, *OTHERS)]
    assert values == [f"{SECRET}-{number}" for number in (1, 2, 3, 4, 7, 8)]


def test_many_threads_cause_one_request() -> None:
    cache, bank = TokenCache(), Bank(pause=0.05)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(cache.get(KEY, now=NOW, fetch=bank.fetch).value))
        for _ in range(8)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (bank.asked, found) == (1, [f"{SECRET}-1"] * 8)


def test_a_failed_request_is_not_remembered() -> None:
    cache, bank = TokenCache(), Bank()

    def fail() -> Token:
        raise WireError("The bank's answer is not valid JSON.")

    with pytest.raises(WireError):
        cache.get(KEY, now=NOW, fetch=fail)
    assert cache.get(KEY, now=NOW, fetch=bank.fetch).value == f"{SECRET}-1"


def test_dropping_a_refused_token_spares_a_newer_one() -> None:
    cache, bank = TokenCache(), Bank()
    refused = cache.get(KEY, now=NOW, fetch=bank.fetch)
    cache.drop(KEY, refused)
    newer = cache.get(KEY, now=NOW, fetch=bank.fetch)

    cache.drop(KEY, refused)
    kept = cache.get(KEY, now=NOW, fetch=bank.fetch)
    cache.drop(KEY)
    last = cache.get(KEY, now=NOW, fetch=bank.fetch)

    assert [newer.value, kept.value, last.value] == [f"{SECRET}-2", f"{SECRET}-2", f"{SECRET}-3"]


def test_a_token_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    cache = TokenCache()
    token = cache.get(KEY, now=NOW, fetch=Bank().fetch)

    with caplog.at_level(logging.DEBUG):
        logging.getLogger("test").debug("%s %r %s %r", token, token, cache, cache)

    assert SECRET not in caplog.text
    for thing in (token, cache):
        with pytest.raises(TypeError, match="not serialisable"):
            pickle.dumps(thing)
