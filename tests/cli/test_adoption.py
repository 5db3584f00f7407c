"""What becomes of a position, or of an order, that the bot finds at a venue and did not make?"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest

from tests.cli.forks import Forks
from tests.cli.venue_desk import VenueDesk, serving

BTC: Final = "BTC/USD:BTC"
RUN: Final = ("run", "--live", "--until-aligned", "--timeout", "30")
FULL_USD: Final = 180_000  # 1 BTC outside and 2 BTC on the account, at 60,000


@pytest.fixture(params=["bybit", "deribit"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, loaded: Forks) -> Iterator[VenueDesk]:
    with serving(request.param) as server:
        yield VenueDesk(tmp_path, loaded, server)


def hold(desk: VenueDesk, usd: int) -> None:
    desk.server.core.hold(BTC, int(usd / desk.server.core.contracts[BTC].unit), 60_000)


def held_usd(desk: VenueDesk) -> Decimal:
    core = desk.server.core
    return core.position(BTC).units * core.contracts[BTC].unit


def in_full(desk: VenueDesk) -> bool:
    """But for a lot: what was sold below the mark cost a trifle."""
    return -FULL_USD <= held_usd(desk) <= -FULL_USD + 20


def test_a_short_is_left_alone_without_the_flag_that_is_named(desk: VenueDesk):
    hold(desk, -60_000)
    answer = desk.hb(*RUN)
    assert answer.code == 3
    assert "--adopt" in answer.err
    assert desk.server.asked("place") == []
    assert held_usd(desk) == -60_000


def test_a_short_is_taken_over_with_the_flag_and_the_hedge_built_on_it(desk: VenueDesk):
    hold(desk, -60_000)
    answer = desk.hb(*RUN, "--adopt", "--json")
    assert answer.code == 0, answer
    assert in_full(desk)
    assert not any(order.reduce_only for order in desk.server.core.orders.values())
    said = " ".join(desk.good("audit", "export").out.split())
    assert '"adopted":true' in said.replace(": ", ":")
    assert desk.hb(*RUN).code == 0  # ours from here on: no flag is needed again


def test_a_long_halts_its_leg_without_the_flag(desk: VenueDesk):
    hold(desk, 30_000)
    answer = desk.hb(*RUN, "--json")
    assert answer.code == 3, answer
    assert "position against the hedge: long" in answer.json["legs"][0]["why"]
    assert "run --adopt" in answer.json["legs"][0]["why"]
    assert desk.server.asked("place") == []
    assert desk.hb(*RUN, "--json").code == 3  # and the next run says so again


def test_a_long_is_closed_reduce_only_and_the_short_opened_by_a_later_order(desk: VenueDesk):
    hold(desk, 30_000)
    assert desk.hb(*RUN).code == 3  # without the flag it halts, and the flag lifts that
    answer = desk.hb(*RUN, "--adopt", "--json")
    assert answer.code == 0, answer
    assert in_full(desk)
    core = desk.server.core
    filled = [
        (order.side, order.reduce_only, int(order.filled * core.contracts[BTC].unit)) for order in core.orders.values() if order.filled
    ]
    assert sum(usd for side, reduces, usd in filled if reduces) == 30_000
    assert [reduces for _, reduces, _ in filled] == sorted((reduces for _, reduces, _ in filled), reverse=True)
    assert {side for side, _, _ in filled} == {"sell"}


@pytest.mark.parametrize("client_id", ["", "by-hand-1"])
def test_a_foreign_order_halts_the_account_and_is_left_alone(desk: VenueDesk, client_id: str):
    core = desk.server.core
    order = core.stranger_order(BTC, "sell", int(1_000 / core.contracts[BTC].unit), Decimal(70_000), client_id=client_id)
    answer = desk.hb(*RUN, "--json")
    assert answer.code == 3, answer
    assert "foreign order" in answer.json["legs"][0]["why"]
    assert order.status == "open"
    assert desk.changed_nothing()


def test_a_foreign_order_is_passed_over_where_the_configuration_says_absorb(desk: VenueDesk):
    core = desk.server.core
    order = core.stranger_order(BTC, "sell", int(1_000 / core.contracts[BTC].unit), Decimal(70_000))
    answer = desk.hb(*RUN, "--json", "--set", "reconcile.foreign=absorb")
    assert answer.code == 0, answer
    assert in_full(desk)
    assert order.status == "open"


def test_a_trade_by_hand_halts_or_is_absorbed_into_the_hedge(desk: VenueDesk):
    assert desk.hb(*RUN).code == 0
    core = desk.server.core
    core.stranger_trade(BTC, "buy", int(10_000 / core.contracts[BTC].unit))
    left = held_usd(desk)
    assert left >= -FULL_USD + 10_000
    halted = desk.hb(*RUN, "--json")
    assert halted.code == 3, halted
    assert held_usd(desk) == left
    desk.good("rearm", "--reason", "it was me")
    absorbed = desk.hb(*RUN, "--json", "--set", "reconcile.foreign=absorb")
    assert absorbed.code == 0, absorbed
    assert in_full(desk)
