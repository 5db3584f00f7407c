"""Which contract is taken where the configuration names none, and where does it say so?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.cli.forks import Forks
from tests.cli.venue_desk import VenueDesk, serving

RUN: Final = ("run", "--live", "--until-aligned", "--timeout", "30")
INVERSE, LINEAR = "BTC/USD:BTC", "BTC/USDT:USDT"


@pytest.fixture
def desk(request: pytest.FixtureRequest, tmp_path: Path, loaded: Forks) -> Iterator[VenueDesk]:
    with serving(request.param) as server:
        yield VenueDesk(tmp_path, loaded, server)


at_bybit = pytest.mark.parametrize("desk", ["bybit"], indirect=True)


def write(desk: VenueDesk, hedge: str, mode: str = "live", more: str = "") -> None:
    desk.configure(mode=mode, more=more)
    path = desk.folder / "hedge.yaml"
    path.write_text(path.read_text("utf-8").replace('ratio: 1.0, instrument: "BTC/USD:BTC"', hedge), "utf-8")


@pytest.mark.parametrize("desk", ["bybit", "deribit"], indirect=True)
def test_the_own_inverse_perpetual_comes_first_even_where_a_linear_one_is_allowed(desk: VenueDesk):
    write(desk, "ratio: 1.0, allow_linear: true", mode="dry-run")
    said = desk.json("plan")
    assert [leg["instrument"] for leg in said["legs"]] == [INVERSE]


@at_bybit
def test_without_an_inverse_one_it_refuses_and_names_the_linear_contract_and_the_key(desk: VenueDesk):
    del desk.server.core.contracts[INVERSE]
    write(desk, "ratio: 1.0")
    answer = desk.hb(*RUN)
    assert answer.code == 4
    assert f"{INVERSE} is not listed" in answer.err
    assert f"hedges.BTC.instrument: {LINEAR}" in answer.err
    assert "hedges.BTC.allow_linear: true" in answer.err
    assert desk.changed_nothing()


@at_bybit
def test_the_linear_one_is_taken_where_that_is_allowed_and_everybody_is_told(desk: VenueDesk):
    del desk.server.core.contracts[INVERSE]
    desk.server.core.deposit("USDT", 100_000)
    write(desk, "ratio: 0.5, allow_linear: true")
    refused = desk.hb(*RUN)
    assert refused.code == 4  # linear contracts were never traded there: that takes a word of its own
    assert "venue.untested_ok: true" in refused.err
    write(desk, "ratio: 0.5, allow_linear: true", more=", untested_ok: true")
    answer = desk.hb(*RUN, "--json")
    assert answer.code == 0, answer
    assert (
        desk.server.core.position(LINEAR).units * desk.server.core.contracts[LINEAR].unit == -desk.server.core.contracts[LINEAR].unit * 500
    )
    assert [leg["instrument"] for leg in answer.json["legs"]] == [LINEAR]
    assert f"{LINEAR} for want of an inverse contract (allow_linear)" in answer.json["overrides"]
    assert [leg["instrument"] for leg in desk.json("status")["legs"]] == [LINEAR]
    assert f"{LINEAR} for want of an inverse contract" in desk.good("audit", "export").out


@at_bybit
def test_an_open_hedge_is_not_left_behind_in_another_contract(desk: VenueDesk):
    write(desk, "ratio: 0.5, allow_linear: true", more=", untested_ok: true")
    desk.server.core.deposit("USDT", 100_000)
    assert desk.hb(*RUN).code == 0
    sent = len(desk.server.asked("place"))
    write(desk, f'ratio: 0.5, instrument: "{LINEAR}"', more=", untested_ok: true")
    answer = desk.hb(*RUN)
    assert answer.code == 4
    assert f"the hedge of BTC is open in {INVERSE}" in answer.err
    assert len(desk.server.asked("place")) == sent


@at_bybit
def test_an_open_hedge_goes_on_in_its_contract_whatever_is_listed_later_and_a_flat_one_begins_anew(desk: VenueDesk):
    core = desk.server.core
    core.delist(INVERSE)
    core.deposit("USDT", 100_000)
    write(desk, "ratio: 0.5, allow_linear: true", more=", untested_ok: true")
    desk.good(*RUN)
    core.delisted.clear()
    assert [leg["instrument"] for leg in desk.json("plan")["legs"]] == [LINEAR]
    for ratio in ("0.25", "0"):
        (leg,) = desk.json(*RUN, "--set", f"hedges.BTC.ratio={ratio}")["legs"]
        assert (leg["instrument"], leg["aligned"]) == (LINEAR, True)
    assert core.position(LINEAR).units == 0
    (leg,) = desk.json(*RUN)["legs"]
    assert (leg["instrument"], leg["aligned"]) == (INVERSE, True)
    assert core.position(INVERSE).units < 0


@at_bybit
def test_a_hedge_that_is_flat_goes_over_to_another_contract(desk: VenueDesk):
    desk.server.core.deposit("USDT", 100_000)
    desk.good(*RUN)
    desk.good(*RUN, "--set", "hedges.BTC.ratio=0")
    write(desk, f'ratio: 0.5, instrument: "{LINEAR}"', more=", untested_ok: true")
    (leg,) = desk.json(*RUN)["legs"]
    assert (leg["instrument"], leg["aligned"]) == (LINEAR, True)


@at_bybit
def test_a_contract_that_is_written_and_one_that_is_left_open_contradict_each_other(desk: VenueDesk):
    write(desk, f'ratio: 0.5, instrument: "{INVERSE}", allow_linear: true')
    answer = desk.hb("check")
    assert answer.code == 4
    assert "hedges.BTC.allow_linear" in answer.out
    assert "delete one of the two" in answer.out
