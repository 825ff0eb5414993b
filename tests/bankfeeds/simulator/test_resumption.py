from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bankfeeds.simulator.bank import Bank
from bankfeeds.simulator.ledger import Account
from bankfeeds.simulator.resumption import StateRefused, open_bank
from bankfeeds.simulator.scenarios import UnknownScenario
from bankfeeds.simulator.server import BankServer
from tests.bankfeeds.simulator.caller import Caller, kid_of, leaf_of, make_csr

TODAY = date(2026, 6, 3)
NEW_CLIENT = "CC-900050-Z100050-200050-UAT"


def resume(
    directory: Path, *, today: date | None = TODAY, scenario: str = "not-approved", seed: int = 7
) -> Bank:
    return open_bank(directory, scenario=scenario, seed=seed, today=today, now=datetime.now(UTC))


def test_clients_certificates_approvals_clock_and_books_survive_a_restart(
    tmp_path: Path, keys: list[rsa.RSAPrivateKey]
) -> None:
    bank = resume(tmp_path)
    bank.register_client(
        client_id=NEW_CLIENT,
        resource="JPMC:URI:RS-900050-90050-SimBankFeed-UAT",
        accounts=[Account(account_id="000000700105000", opening=Decimal("5.25"), lines_per_day=(1, 2))],
    )
    chain = bank.sign_csr(make_csr(keys[1]), client_id=NEW_CLIENT, use="oauth")
    bank.approve(NEW_CLIENT)
    bank.entitle(bank.client.client_id, apis=["balances"])
    bank.advance_to(date(2026, 6, 5))
    account = bank.account_ids[0]
    bank.add_late_line(account, date(2026, 6, 4), amount=Decimal("1.10"), direction="DEBIT")
    line = bank.posted_lines(account)[0]
    bank.amend_line(account, line["transaction_id"], amount=Decimal("2.20"))
    bank.withdraw_line(account, bank.posted_lines(account)[1]["transaction_id"])
    bank.renumber_day(account, date(2026, 6, 1))

    again = resume(tmp_path, today=None)
    assert again.authority.root_pem == bank.authority.root_pem
    assert (again.today, again.clients) == (bank.today, bank.clients)
    for held in bank.ledgers:
        assert again.posted_lines(held) == bank.posted_lines(held)
        assert again.day_balances(held) == bank.day_balances(held)
    with BankServer(again) as running:
        caller = Caller(running, keys[1], client_id=NEW_CLIENT, sign=False)
        caller.kid = kid_of(leaf_of(chain))
        assert caller.ask_token().status == 200


def test_a_later_day_moves_the_clock_and_an_earlier_one_is_refused(tmp_path: Path) -> None:
    resume(tmp_path)
    assert resume(tmp_path, today=date(2026, 6, 10)).today == date(2026, 6, 10)
    assert resume(tmp_path, today=None).today == date(2026, 6, 10)
    with pytest.raises(StateRefused, match="does not go back to 2026-06-03"):
        resume(tmp_path)


def test_another_scenario_or_seed_needs_another_directory(tmp_path: Path) -> None:
    resume(tmp_path)
    with pytest.raises(StateRefused, match="keeps the bank of scenario not-approved with seed 7"):
        resume(tmp_path, scenario="plain")
    with pytest.raises(StateRefused, match="another directory"):
        resume(tmp_path, seed=8)
    with pytest.raises(UnknownScenario):
        resume(tmp_path, scenario="nope")


def test_a_damaged_state_is_a_sentence(tmp_path: Path) -> None:
    resume(tmp_path)
    (tmp_path / "journal.jsonl").write_text("{broken")
    with pytest.raises(StateRefused, match="cannot be read"):
        resume(tmp_path)


def test_no_private_key_of_a_client_is_ever_in_the_state(
    tmp_path: Path, keys: list[rsa.RSAPrivateKey]
) -> None:
    bank = resume(tmp_path)
    bank.sign_csr(make_csr(keys[1]), client_id=bank.client.client_id, use="oauth")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "authority.key",
        "authority.pem",
        "journal.jsonl",
    ]
    assert "PRIVATE" not in (tmp_path / "journal.jsonl").read_text()
