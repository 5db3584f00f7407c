"""What does a person read and type when the venue has taken a contract away?"""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from bot import cli_release
from bot.cli_exit import Wrong
from bot.cli_release import open_leg, release
from bot.core.memory import LegState, State
from bot.core.model import View
from bot.ports import Clock, Unlisted
from bot.settings import Settings, load
from bot.wiring.start import with_way_out
from tests.cli.desk import Desk
from tests.cli.forks import Forks
from tests.cli.venue_desk import VenueDesk, serving

ETH: Final = "ETH/USD:ETH"
RUN: Final = ("run", "--live", "--until-aligned", "--timeout", "30")
GONE: Final = "It was hedged with until now; nothing was sent: if the venue took it away,"
OR_ANOTHER: Final = "hedges.ETH out of the configuration or write another instrument"


@pytest.fixture(params=["bybit", "okx"])
def desk(request: pytest.FixtureRequest, tmp_path: Path, loaded: Forks) -> Iterator[VenueDesk]:
    with serving(request.param) as server:
        server.core.deposit("ETH", 20)
        yield TwoHedges(tmp_path, loaded, server)


at_one_venue = pytest.mark.parametrize("desk", ["bybit"], indirect=True)  # what is asked of the venue is asked in the other tests


class TwoHedges(VenueDesk):
    """BTC and ETH on one account."""

    def hedging(self, **ratios: str) -> None:
        self.configure()
        said = yaml.safe_load((self.folder / "hedge.yaml").read_text("utf-8"))
        said["bag"] = {asset: {"coins": 1} for asset in ratios}
        said["hedges"] = {asset: {"ratio": ratio} for asset, ratio in ratios.items()}
        self.write(yaml.safe_dump(said))


@at_one_venue
def test_a_flat_hedge_may_leave_the_configuration(desk: TwoHedges):
    desk.hedging(BTC="1", ETH="1")
    desk.good(*RUN)
    desk.hedging(BTC="1", ETH="0")
    desk.good(*RUN)
    desk.hedging(BTC="1")
    desk.good(*RUN)
    desk.hedging(BTC="1", ETH="1")
    desk.good(*RUN)
    desk.good("audit", "verify")


def test_a_contract_that_the_venue_took_away_is_released_and_the_others_go_on(desk: TwoHedges):
    desk.hedging(BTC="1", ETH="1")
    desk.good(*RUN)
    core = desk.server.core
    assert core.positions.pop(ETH).units < 0
    core.delist(ETH)
    sent = len(core.orders)
    for command in (RUN, ("plan",)):
        refused = desk.hb(*command)
        assert refused.code == 4
        assert f"{ETH} is not listed" in refused.err
        assert "`hedgebot release ETH --reason …`, then take hedges.ETH out of the configuration or write another instrument" in refused.err
    desk.hedging(BTC="1")
    refused = desk.hb(*RUN)
    assert refused.code == 4
    assert "if the venue or somebody else closed it, `hedgebot release ETH --reason …`" in refused.err
    assert desk.hb("release", "ETH", "--reason", " ").code == 2
    said = desk.json("release", "ETH", "--reason", "settled by the venue")
    assert f"of {ETH}) is over" in said["message"]
    assert "settled by the venue" in desk.good("audit", "export").out
    assert len(core.orders) == sent
    desk.good(*RUN, "--set", "hedges.BTC.ratio=0.5")
    assert len(core.orders) > sent
    desk.good("audit", "verify")
    again = desk.hb("release", "ETH", "--reason", "once more")
    assert again.code == 3
    assert "no hedge of ETH is open on record (open: BTC): there is nothing to release; nothing was changed" in again.err


@at_one_venue
def test_an_order_that_was_open_when_its_contract_went_comes_to_its_end_on_record(desk: TwoHedges):
    desk.hedging(BTC="0", ETH="1")
    patient = ("--set", "execution.order_ttl_seconds=600", "--set", "execution.cross_after_seconds=600")
    with desk.start("--live", *patient) as bot:
        bot.until(lambda said: said["open_orders"] == 1)
        bot.stop(signal.SIGKILL)
    refused = desk.hb("release", "ETH", "--reason", "too early")
    assert refused.code == 3
    assert "may still be open" in refused.err
    desk.server.core.delist(ETH)
    desk.hedging(BTC="1")
    assert desk.hb(*RUN).code == 4
    desk.good("release", "ETH", "--reason", "settled by the venue")
    (order,) = desk.json("orders")["orders"]
    assert (order["asset"], order["status"]) == ("ETH", "CANCELLED")
    desk.good(*RUN)
    desk.good("audit", "verify")


def test_a_hedge_is_not_released_while_the_venue_may_hold_it(desk: TwoHedges):
    desk.hedging(BTC="1", ETH="1")
    desk.good(*RUN)
    record = (desk.folder / "hedgebot.db").read_bytes()
    held = desk.hb("release", "ETH", "--reason", "closed by hand")
    assert held.code == 3
    assert "the venue still holds -" in held.err
    core = desk.server.core
    core.closed.add(core.contracts[ETH].id)
    assert "the venue still holds -" in desk.hb("release", "ETH", "--reason", "no longer traded").err
    desk.server.faults.add("status", "read-position", status=500, count=100)
    unread = desk.hb("release", "ETH", "--reason", "closed by hand")
    assert unread.code == 3
    assert f"the position in {ETH} could not be read (" in unread.err
    assert (desk.folder / "hedgebot.db").read_bytes() == record
    desk.server.faults.clear()
    core.positions.pop(ETH)
    desk.good("release", "ETH", "--reason", "closed by hand")


@at_one_venue
def test_a_hedge_is_not_released_under_a_running_bot(desk: TwoHedges):
    desk.hedging(BTC="0", ETH="1")
    desk.good(*RUN)
    desk.server.core.positions.pop(ETH)
    with desk.start("--live"):
        refused = desk.hb("release", "ETH", "--reason", "closed by hand")
    assert refused.code == 3
    assert "leads account main: stop that bot, then give release again; nothing was changed" in refused.err


def test_a_hedge_that_changed_on_record_while_the_venue_was_asked_is_not_released(
    tmp_path: Path, loaded: Forks, monkeypatch: pytest.MonkeyPatch
):
    desk = Desk(tmp_path, loaded)
    desk.write()
    desk.good(*RUN)
    (tmp_path / "paper.db").unlink()
    ask = cli_release.shown

    async def while_a_bot_runs(settings: Settings, symbol: str, clock: Clock) -> View | None:
        view = await ask(settings, symbol, clock)
        await asyncio.to_thread(desk.hb, *RUN)  # which finds the position gone, and halts the hedge
        return view

    monkeypatch.setattr(cli_release, "shown", while_a_bot_runs)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Wrong, match="the record of BTC changed while the venue was asked: give release again; nothing was changed"):
        release(load(tmp_path / "hedge.yaml", {}, {}), "BTC", "closed by hand")


@pytest.mark.parametrize(
    ("contracts", "said"),
    [
        (None, "no such contract"),
        (0, f"no such contract. {GONE} take {OR_ANOTHER}"),
        (-5, f"no such contract. {GONE} `hedgebot release ETH --reason …`, then take {OR_ANOTHER}"),
    ],
)
def test_a_contract_that_is_not_listed_is_released_only_where_it_was_hedged_with_and_is_open(contracts: int | None, said: str):
    remembered = State("main", "t1", legs=(LegState("ETH", ETH, contracts=contracts),))
    assert str(with_way_out(Unlisted("no such contract", ETH), remembered)) == said
    assert str(with_way_out(Unlisted("no such contract", "SOL/USD:SOL"), remembered)) == "no such contract"


def test_a_hedge_that_is_flat_on_record_is_not_released():
    remembered = State("main", "t1", legs=(LegState("BTC", "BTC/USD:BTC", contracts=-5), LegState("ETH", ETH, contracts=0)))
    assert open_leg(remembered, "BTC").contracts == -5
    for asset in ("ETH", "SOL"):
        with pytest.raises(Wrong, match=rf"no hedge of {asset} is open on record \(open: BTC\): there is nothing to release"):
            open_leg(remembered, asset)
    with pytest.raises(Wrong, match=r"\(open: none\)"):
        open_leg(None, "BTC")


def test_a_paper_hedge_is_released_when_its_account_is_flat(tmp_path: Path, loaded: Forks):
    desk = Desk(tmp_path, loaded)
    desk.write()
    desk.good(*RUN)
    assert "the venue still holds -" in desk.hb("release", "BTC", "--reason", "the paper account is gone").err
    (tmp_path / "paper.db").unlink()
    desk.good("release", "BTC", "--reason", "the paper account is gone")
    desk.good(*RUN)
