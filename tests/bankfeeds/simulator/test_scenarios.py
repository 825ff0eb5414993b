from __future__ import annotations

import re

import pytest

from bankfeeds.simulator.bank import Terms
from bankfeeds.simulator.scenarios import SCENARIOS, UnknownScenario
from tests.bankfeeds.simulator.conftest import TODAY, BuildBank


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_has_invented_padded_names(build_bank: BuildBank, name: str) -> None:
    bank = build_bank(name, lines_per_day=5)
    assert bank.scenario == name
    assert (bank.today, bank.client.approved) == (TODAY, name != "not-approved")
    assert bank.client.client_id == "CC-900001-Z100001-200001-UAT"
    assert bank.client.resource == "JPMC:URI:RS-900001-90001-SimBankFeed-UAT"
    assert bank.account_ids[:2] == ["000000700100200", "000000700100201"]


def test_several_clients_share_nothing(build_bank: BuildBank) -> None:
    bank = build_bank(clients=3, accounts=1)
    assert list(bank.clients) == [
        "CC-900001-Z100001-200001-UAT",
        "CC-900002-Z100002-200002-UAT",
        "CC-900003-Z100003-200003-UAT",
    ]
    assert [client.accounts for client in bank.clients.values()] == [
        ["000000700100200"],
        ["000000700100300"],
        ["000000700100400"],
    ]
    assert len({client.resource for client in bank.clients.values()}) == 3
    assert bank.posted_lines("000000700100200") != bank.posted_lines("000000700100300")


def test_a_production_bank_names_its_clients_so(build_bank: BuildBank) -> None:
    client = build_bank(environment="production").client
    assert re.fullmatch(r"CC-\d+-Z\d+-\d+-PROD", client.client_id)
    assert (client.environment, client.resource.endswith("-PROD")) == ("production", True)


def test_options_win_over_the_scenario(build_bank: BuildBank) -> None:
    bank = build_bank("small-pages", page_size=3, history_days=5, lines_per_day=2)
    assert bank.page_size == 3
    assert len(bank.posted_lines(bank.account_ids[0])) == 10


def test_unknown_names_are_refused(build_bank: BuildBank) -> None:
    with pytest.raises(UnknownScenario, match="no scenario called nope; there are plain"):
        build_bank("nope")
    with pytest.raises(ValueError, match="id_policy"):
        Terms(id_policy="sometimes")
