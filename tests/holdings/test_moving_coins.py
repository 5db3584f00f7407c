"""Coins that move between what is read of the bag and the account change nothing; coins that come or go do, once that is sure."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bot.core.model import Sourced
from tests.engine.bots import Bot, Bots, in_full

D = Decimal
HOUR = 3600


class Read:
    """A bag of which a part is read, as the test tells it."""

    def __init__(self, bots: Bots, read: str | None, declared: str = "0") -> None:
        self.bots, self.read, self.declared, self.held_ms = bots, None if read is None else D(read), D(declared), 0

    async def coins(self, assets: Sequence[str]) -> dict[str, Decimal | None]:
        return {"BTC": None if self.read is None else self.declared + self.read}

    def sources(self) -> tuple[Sourced, ...]:
        clock = self.bots.clock
        return (Sourced("BTC", "wallet", self.read, clock.now_ms() - self.held_ms, clock.mono_ms() - self.held_ms),)


@pytest.fixture
def bots(tmp_path: Path) -> Iterator[Bots]:
    made = Bots(tmp_path)
    yield made
    made.close()


async def aligned(bots: Bots, read: str, declared: str = "0", **flags: str) -> tuple[Bot, Read]:
    """A bot that hedges 2 BTC outside and 3 in the account, all of it."""
    bag = Read(bots, read, declared)
    url = {"bag.BTC.sources.wallet.url": "http://127.0.0.1/bag.json", "bag.BTC.coins": declared}
    bot = await bots.start({**url, **flags}, holdings=bag)
    await bot.until_aligned()
    return bot, bag


def move(bot: Bot, coins: str) -> None:
    """Into the account at the venue, outside the bot."""
    bot.venue.deposit("BTC", D(coins))


def counted(bot: Bot) -> tuple[Decimal, Decimal, Decimal]:
    (leg,) = bot.decision.legs
    assert leg.spot_coins is not None
    assert leg.equity_coins is not None
    assert leg.delta_coins is not None
    baseline = bot.engine.state.leg("BTC").baseline
    assert baseline is not None
    return leg.spot_coins, leg.delta_coins, baseline.coins


@pytest.mark.parametrize("first", ["wallet", "account", "together"])
@pytest.mark.parametrize("moved", ["0.8", "-0.4"])
async def test_moving_coins_between_a_read_wallet_and_the_account_trades_nothing(bots, first, moved):
    bot, bag = await aligned(bots, "2")
    before, orders = counted(bot), len(bot.orders())

    async def leave_the_wallet() -> None:
        bag.read -= D(moved)

    async def arrive() -> None:
        move(bot, moved)

    steps = {"wallet": (leave_the_wallet, arrive), "account": (arrive, leave_the_wallet)}.get(first, (leave_the_wallet, arrive))
    for step in steps:
        await step()
        if first != "together":
            # what is seen on both sides may be new coins: the other side has to follow at the next reading
            late = (first == "wallet") == (D(moved) > 0)
            await bot.turns(3 if not late else 60, 3 if not late else 50)
            assert abs(counted(bot)[1] - before[1]) < D("0.01")
    await bot.turns(100, 60)
    spot, delta, baseline = counted(bot)
    assert abs(spot - (before[0] - D(moved))) < D("0.000001")
    assert abs(delta - before[1]) < D("0.01")
    assert abs(baseline - before[2]) < D("0.000001")
    assert len(bot.orders()) == orders
    assert in_full(bot)


async def test_coins_that_left_count_as_under_way_until_the_hour_is_over(bots):
    bot, bag = await aligned(bots, "2")
    bag.read = D("1.5")
    await bot.turns(59, 60)
    assert counted(bot)[0] == 2
    assert any("0.5 coins left the bag" in alert for alert in bot.decision.alerts)
    await bot.turns(3, 60)
    assert counted(bot)[0] == D("1.5")
    await bot.until_aligned()
    assert -2700 <= bot.contracts["BTC"] <= -2690


async def test_new_coins_count_at_the_next_reading(bots):
    bot, bag = await aligned(bots, "2")
    bag.read = D("2.5")
    await bot.turn()
    assert counted(bot)[0] == 2
    await bot.turns(4)
    assert counted(bot)[0] == D("2.5")
    await bot.until(lambda: bot.aligned and bot.contracts["BTC"] < -3200)


async def test_an_amount_that_is_held_over_makes_no_transfer_new_coins(bots):
    """The wallet cannot be read while its coins arrive in the account: what it showed before does not count twice."""
    bot, bag = await aligned(bots, "2")
    before = counted(bot)
    move(bot, "0.8")
    for _ in range(100):
        bag.held_ms += 5000
        await bot.turn()
    assert abs(counted(bot)[1] - before[1]) < D("0.01")
    bag.held_ms, bag.read = 0, D("1.2")
    await bot.turns(10)
    assert counted(bot)[0] == D("1.2")


async def test_a_source_that_is_unknown_stops_new_risk_and_is_never_zero(bots):
    bot, bag = await aligned(bots, "2")
    contracts, bag.read = bot.contracts["BTC"], None
    await bot.turns(20)
    (leg,) = bot.decision.legs
    assert leg.why == "UNKNOWN: bag"
    assert leg.spot_coins is None
    assert bot.contracts["BTC"] == contracts


@pytest.mark.parametrize(("from_wallet", "from_declared"), [("0.6", "0"), ("0", "0.6"), ("0.4", "0.2")])
async def test_of_a_mixed_bag_what_no_source_misses_came_from_the_declared_part(bots, from_wallet, from_declared):
    bot, bag = await aligned(bots, "1", "1")
    before, orders = counted(bot), len(bot.orders())
    bag.read -= D(from_wallet)
    move(bot, str(D(from_wallet) + D(from_declared)))
    await bot.turns(200, 60)
    spot, delta, baseline = counted(bot)
    assert abs(spot - D("1.4")) < D("0.000001")
    assert abs(delta - before[1]) < D("0.01")
    assert abs(baseline - before[2]) < D("0.000001")
    assert len(bot.orders()) == orders
    bag.read -= D("0.3")  # and what leaves the wallet later is gone, whatever was moved before
    await bot.turns(70, 60)
    assert abs(counted(bot)[0] - D("1.1")) < D("0.000001")


async def test_a_half_hedge_follows_coins_that_are_gone_by_its_share(bots):
    bot, bag = await aligned(bots, "2", **{"hedges.BTC.ratio": "0.5"})
    bag.read = D("1")
    await bot.turns(70, 60)
    await bot.until_aligned()
    assert abs(counted(bot)[2] - 4) < D("0.01")
    assert -1205 <= bot.contracts["BTC"] <= -1190


async def test_a_restart_begins_to_wait_anew(bots):
    bot, bag = await aligned(bots, "2")
    bag.read = D("1.2")
    await bot.turns(50, 60)
    await bots.end(bot)
    bot, _again = await aligned(bots, "1.2")
    await bot.turns(50, 60)
    assert counted(bot)[0] == 2
    await bot.turns(15, 60)
    assert counted(bot)[0] == D("1.2")
