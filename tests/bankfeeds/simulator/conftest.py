"""Keys and one authority for the whole run; banks and servers per test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bankfeeds.simulator import scenarios
from bankfeeds.simulator.authority import Authority
from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.server import BankServer
from tests.bankfeeds.simulator.caller import Caller

TODAY = date(2026, 6, 3)

BuildBank = Callable[..., Bank]
MakeCaller = Callable[..., Caller]


@pytest.fixture(scope="session")
def keys() -> list[rsa.RSAPrivateKey]:
    return [rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(4)]


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create(now=datetime.now(UTC))


@pytest.fixture
def build_bank(authority: Authority) -> BuildBank:
    def build(name: str = "plain", **options: Any) -> Bank:
        return scenarios.build(name, **{"today": TODAY, "authority": authority, **options})

    return build


@pytest.fixture
def make_caller(build_bank: BuildBank, keys: list[rsa.RSAPrivateKey]) -> Iterator[MakeCaller]:
    """Open a bank of a scenario and return a caller that holds a certificate of its first client."""
    with ExitStack() as open_servers:

        def make(name: str = "plain", *, sign: bool = True, **options: Any) -> Caller:
            running = open_servers.enter_context(BankServer(build_bank(name, **options)))
            return Caller(running, keys[0], sign=sign)

        yield make


@pytest.fixture
def caller(make_caller: MakeCaller) -> Caller:
    return make_caller()
