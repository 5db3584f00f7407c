"""What if the record is older than the truth? A database restored from a backup, while the venue remembers what came after it."""

import shutil
from dataclasses import replace
from decimal import Decimal
from itertools import count

import pytest

from adapters.exchanges.paper import PaperExchange
from bot.core.decision import Mode
from bot.core.model import Side
from bot.ports import NotReady
from bot.wiring.start import LOOKS
from tests.engine.bots import Bots, Recorder, in_full


def backed_up(bots: Bots) -> None:
    shutil.copy(bots.folder / "hedgebot.db", bots.folder / "backup.db")


def restored(bots: Bots) -> None:
    for name in ("hedgebot.db", "hedgebot.db-wal", "hedgebot.db-shm"):
        (bots.folder / name).unlink(missing_ok=True)
    shutil.copy(bots.folder / "backup.db", bots.folder / "hedgebot.db")


async def aligned_then_backed_up(bots: Bots) -> None:
    bot = await bots.start()
    await bot.until_aligned()
    await bots.end(bot)
    backed_up(bots)


async def test_it_leads_with_an_epoch_above_every_one_in_its_tags_at_the_venue(bots: Bots):
    await aligned_then_backed_up(bots)
    for ratio in ("0.5", "0.8", "0.6"):
        bot = await bots.start({"hedges.BTC.ratio": ratio})
        await bot.until_aligned()
        await bots.end(bot)
    assert bot.store.owner.epoch == 3  # when it was opened
    restored(bots)
    bot = await bots.start({"hedges.BTC.ratio": "0.6"})
    assert bot.engine.state.epoch == 5
    await bots.end(bot)


async def test_it_takes_the_trades_since_the_backup_from_the_venue_and_goes_on(bots: Bots):
    await aligned_then_backed_up(bots)
    bot = await bots.start({"hedges.BTC.ratio": "0.5"})
    await bot.until_aligned()
    traded = {row.trade_id for row in bot.store.fills(limit=10_000)}
    await bots.end(bot)
    restored(bots)
    bot = await bots.start()
    await bot.until_aligned()
    assert {row.trade_id for row in bot.store.fills(limit=10_000)} > traded
    assert in_full(bot)
    assert bot.engine.state.killed is None


async def test_a_position_that_own_trades_do_not_explain_halts_until_rearmed(bots: Bots):
    await aligned_then_backed_up(bots)
    bot = await bots.start()
    bot.venue.manual_trade("BTC/USD:BTC", Side.BUY, 500)
    await bots.end(bot)
    restored(bots)
    bot = await bots.start()
    sent = len(bot.orders())
    await bot.turns(10)
    assert bot.mode is Mode.HALTED
    assert len(bot.orders()) == sent
    await bot.say("rearm", reason="the trade was mine")
    await bot.until_aligned()
    assert in_full(bot)


@pytest.mark.parametrize("lacks", ["fills", "open_orders"])
@pytest.mark.parametrize("blind", [LOOKS - 1, LOOKS])
async def test_a_start_that_cannot_read_own_orders_looks_again_and_is_given_up_before_anything_is_sent(
    bots: Bots, monkeypatch, lacks: str, blind: int
):
    await aligned_then_backed_up(bots)
    look, looks = PaperExchange.look, count(1)

    async def half_blind(self, asks):
        seen = await look(self, asks)
        return tuple(replace(view, errors=(f"{lacks}: timeout",), **{lacks: None}) for view in seen) if next(looks) <= blind else seen

    monkeypatch.setattr(PaperExchange, "look", half_blind)
    if blind == LOOKS:
        with pytest.raises(NotReady, match=rf"own orders and trades could not be read at the start \({lacks}: timeout\); nothing was sent"):
            await bots.start()
        return
    began_ms = bots.clock.now_ms()
    assert (await bots.start()).engine.state.armed
    assert bots.clock.now_ms() - began_ms >= blind * 1_000


async def test_a_dry_run_starts_although_own_orders_cannot_be_read(bots: Bots, monkeypatch):
    await aligned_then_backed_up(bots)
    look = PaperExchange.look

    async def blind(self, asks):
        return tuple(replace(view, fills=None, errors=("fills: timeout",)) for view in await look(self, asks))

    monkeypatch.setattr(PaperExchange, "look", blind)
    began_ms = bots.clock.now_ms()
    assert not (await bots.start({"mode": "dry-run"})).engine.state.armed
    assert bots.clock.now_ms() == began_ms


async def test_an_order_that_a_record_from_before_the_first_run_never_knew_is_cancelled_and_nobody_elses(bots: Bots):
    Recorder.open(f"sqlite:///{bots.folder / 'hedgebot.db'}", account="main", venue="paper", environment=None, instance="t1").close()
    backed_up(bots)
    patient = {"execution.order_ttl_seconds": "600", "execution.cross_after_seconds": "600"}
    bot = await bots.start(patient, spread_bps=Decimal(100))
    await bot.until(lambda: bot.engine.own_open_orders() == 1)
    forgotten = {order.client_id for order in bot.orders()}
    await bots.end(bot)
    restored(bots)
    bot = await bots.start(adopt=True)
    await bot.until_aligned()
    assert bot.engine.state.killed is None
    assert forgotten.isdisjoint(order.client_id for order in bot.orders())
