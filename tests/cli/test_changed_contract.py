"""What does a person read and type when a contract changed at the venue?"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.cli.forks import Forks
from tests.cli.venue_desk import VenueDesk, serving

BTC: Final = "BTC/USD:BTC"
RUN: Final = ("run", "--live", "--until-aligned", "--timeout", "30")


@pytest.fixture(params=["bybit", "deribit"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, loaded: Forks) -> Iterator[VenueDesk]:
    with serving(request.param) as server:
        yield VenueDesk(tmp_path, loaded, server)


def test_the_hedge_waits_until_the_changed_contract_is_accepted_on_record(desk: VenueDesk):
    assert desk.hb(*RUN).code == 0
    assert desk.hb("accept-contract", "BTC", "--reason", "too early").code == 3
    core = desk.server.core
    core.contracts[BTC] = replace(core.contracts[BTC], tick=core.contracts[BTC].tick * 2)
    sent = len(core.orders)
    halted = desk.hb(*RUN, "--json", "--set", "hedges.BTC.ratio=0.5")
    assert halted.code == 3, halted
    (leg,) = halted.json["legs"]
    assert f"the contract {BTC} changed at the venue (tick " in leg["why"]
    assert "hedgebot accept-contract BTC --reason" in leg["why"]
    for command in ("status", "plan"):
        (leg,) = desk.json(command)["legs"]
        assert "changed at the venue" in leg["why"]
    assert len(core.orders) == sent
    assert desk.hb("accept-contract", "BTC", "--reason", " ").code == 2
    assert desk.hb("accept-contract", "DOGE", "--reason", "no such hedge").code == 2
    said = desk.json("accept-contract", "BTC", "--reason", "announced by the venue")
    assert said["accepted"]
    assert "the changed contract is accepted" in said["message"]
    assert desk.hb(*RUN, "--set", "hedges.BTC.ratio=0.5").code == 0
    assert len(core.orders) > sent
    assert desk.hb("audit", "verify").code == 0
