"""What would the bot have paid? The real engine and planner, started at many moments of a captured book, each with its own account.

All of them live through one pass of the capture, in virtual time; each starts with so many contracts to sell (or buy), looks once a cycle,
and is done when its position is there. What it paid is measured against a market order for all of it at the moment of its first decision:
the visible book walked, and the taker's fee.
"""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_contracts import listed
from bot.core.decide import RULES_VERSION
from bot.core.decision import Arrival
from bot.core.memory import State
from bot.core.model import Fill, Side
from bot.engine import Engine
from bot.gate import SignGate
from bot.rehearsal.loop import BotClock, VirtualLoop
from bot.running import next_turn_ms
from bot.settings import load, to_rules
from bot.shortfall import Cost, cost
from bot.wiring.past import NoKillSwitch
from bot.wiring.start import unrecorded_engine
from tests.book.capture import TICK, Capture, Trade
from tests.book.venue import Book, CapturedMatching

SYMBOL: Final = "BTC/USD:BTC"
MAKER, TAKER = Decimal("0.0001"), Decimal("0.0005")  # Binance COIN-M's lowest tier
LATENCY_MS: Final = 50  # each way
WARM_UP_MS: Final = 2_000


@dataclass(frozen=True, slots=True)
class Wish:
    start_ms: int  # from the beginning of the capture
    side: Side
    contracts: int
    flags: tuple[tuple[str, str], ...]  # of the configuration


@dataclass(frozen=True, slots=True)
class Outcome:
    wish: Wish
    arrival: Arrival  # of the whole, at the first decision
    half_spread_bps: Decimal
    fills: tuple[Fill, ...]
    orders: int
    seconds: Decimal | None  # from the first decision to the last fill; None: not done when the capture ended
    cost: Cost | None
    order_costs: tuple[Decimal, ...]  # what each order that traded saved against a market order of its own moment

    @property
    def crossed(self) -> bool:
        return any(not fill.maker for fill in self.fills)


@dataclass(frozen=True, slots=True)
class Worth:
    """A fill as the measure of costs reads it."""

    price: Decimal
    notional_usd: Decimal
    fee_coins: Decimal


class Trial:
    def __init__(self, wish: Wish, book: Book, loop: VirtualLoop) -> None:
        self.wish, self.book, self.loop = wish, book, loop
        self.exchange: PaperExchange | None = None
        self.matching = CapturedMatching(book)
        self.arrival: Arrival | None = None
        self.half_spread = Decimal(0)
        self.decided_ms = 0
        self.done_ms: int | None = None
        self.orders: dict[str, Any] = {}

    async def live(self) -> None:
        engine = await self.started()
        clock = engine.parts.clock
        while self.done_ms is None:
            self.mark()
            decision = await engine.turn()
            if decision is None:
                raise AssertionError("nothing could be decided")
            for order in decision.orders:
                self.orders[order.client_id] = order
                if self.arrival is None:
                    self.decided_ms = clock.mono_ms()
                    self.arrival = self.market()
                    self.half_spread = (self.book.ask - self.book.bid) * TICK / 2
            if self.there():
                self.done_ms = clock.mono_ms()
                return
            await clock.sleep_ms(next_turn_ms(engine, decision, None))

    async def started(self) -> Engine:
        wish, clock = self.wish, BotClock(self.loop)
        short = wish.contracts if wish.side is Side.BUY else 0
        coins = Decimal(wish.contracts) * 100 / self.book.mid * Decimal("1.0005")
        flags = {
            "mode": "live", "bag.BTC.coins": "0", "hedges.BTC.ratio": "0" if short else "1", "paper.collateral.BTC": str(round(coins, 8)),
            "risk.max_position_usd": "100000000", "risk.max_turnover_usd_per_day": "100000000", **dict(wish.flags),
        }  # fmt: skip
        settings = load(None, {}, flags)
        gate = SignGate(clock, NoKillSwitch())
        mid = self.book.mid
        contract = replace(listed({"BTC": mid})[SYMBOL], maker_fee_rate=MAKER, taker_fee_rate=TAKER)
        self.exchange = PaperExchange(
            clock, "sqlite://", {"BTC": mid}, settings.paper.collateral, matching=self.matching, instruments=[contract],
            latency_ms=LATENCY_MS, synchronous="OFF", gate=gate,
        )  # fmt: skip
        rules = to_rules(settings, version=RULES_VERSION, absence_ms=0, absence_polls=1)
        instruments = await self.exchange.connect([SYMBOL])
        if short:
            self.exchange.manual_trade(SYMBOL, Side.SELL, short)
        empty = State(account=rules.account, instance="t1")
        return unrecorded_engine(settings, rules, instruments, self.exchange, clock, gate, empty, run_id="trial", armed=True)

    # -------------------------------------------------------------------------------------------------------------- the market

    def mark(self) -> None:
        """The mark follows the middle; it fills nothing."""
        if self.exchange is not None:
            self.exchange.print("BTC", self.book.mid, BotClock(self.loop).now_ms())

    def traded(self, trade: Trade) -> None:
        if self.exchange is not None and self.resting():
            side = Side.BUY if trade.bought else Side.SELL
            self.exchange.others_trade(SYMBOL, side, trade.contracts, trade.ticks * TICK)

    def changed(self, moved: bool) -> None:
        if self.exchange is None:
            return
        self.matching.shrink(self.resting())
        if moved:
            self.mark()

    def resting(self) -> list[Any]:
        assert self.exchange is not None
        return self.exchange._venue.leg(SYMBOL).orders

    def market(self) -> Arrival:
        """A market order for the whole, now."""
        left, worth, coins = self.wish.contracts, Decimal(0), Decimal(0)
        for ticks, contracts in self.book.best(Side.SELL if self.wish.side is Side.BUY else Side.BUY):
            count = min(left, contracts)
            worth, coins, left = worth + count, coins + count / (ticks * TICK), left - count
            if not left:
                break
        return Arrival(self.book.mid, worth / coins, TAKER)

    # -------------------------------------------------------------------------------------------------------------- what it came to

    def fills(self) -> list[Fill]:
        if self.exchange is None:
            return []
        return [fill for fill in self.exchange._venue.leg(SYMBOL).fills if fill.client_id]

    def there(self) -> bool:
        """Is all of it traded, but for a contract that rounding and fees took?"""
        return sum(fill.contracts for fill in self.fills()) >= self.wish.contracts - max(1, self.wish.contracts // 200)

    def outcome(self) -> Outcome | None:
        if self.arrival is None:
            return None
        fills = self.fills()
        last_ms = max((fill.at_ms for fill in fills), default=0) - BotClock(self.loop).now_ms() + self.loop.now_ms
        by_order = [(order, [fill for fill in fills if fill.client_id == name]) for name, order in self.orders.items()]
        saved = [cost(order.arrival, SYMBOL, order.side, worth(some)) for order, some in by_order]
        return Outcome(
            self.wish,
            self.arrival,
            self.half_spread / self.arrival.mid * 10_000,
            tuple(fills),
            len(self.orders),
            None if self.done_ms is None else Decimal(last_ms - self.decided_ms) / 1000,
            cost(self.arrival, SYMBOL, self.wish.side, worth(fills)),
            tuple(one.saved_bps for one in saved if one is not None),
        )


def worth(fills: Sequence[Fill]) -> list[Worth]:
    return [Worth(fill.price, Decimal(100 * fill.contracts), fill.fee_coins) for fill in fills]


def starts(capture: Capture, every_ms: int, lasts_ms: int) -> Iterator[int]:
    """Moments, from the beginning of the capture, after which enough of it follows."""
    yield from range(WARM_UP_MS, capture.ended_ms - capture.began_ms - lasts_ms, every_ms)


def wishes(capture: Capture, contracts: int, flags: Mapping[str, str], *, every_ms: int = 10_000, lasts_ms: int = 150_000) -> list[Wish]:
    """Both sides at each moment."""
    return [
        Wish(start_ms, side, contracts, tuple(flags.items())) for start_ms in starts(capture, every_ms, lasts_ms) for side in Side
    ]  # fmt: skip


def lived(capture: Capture, wanted: Sequence[Wish]) -> list[Outcome]:
    """Every wish in one pass of the capture; those that were not done in time have no `seconds`."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(pass_of(capture, wanted, loop))
    finally:
        loop.close()


async def pass_of(capture: Capture, wanted: Sequence[Wish], loop: VirtualLoop) -> list[Outcome]:
    book = Book(capture)
    waiting = sorted((Trial(wish, book, loop) for wish in wanted), key=lambda trial: trial.wish.start_ms)
    trials, living, tasks = list(waiting), [], []
    zero_ms = loop.now_ms
    for event in capture.events:
        at_ms = zero_ms + event.at_ms - capture.began_ms
        while waiting and zero_ms + waiting[0].wish.start_ms <= at_ms:
            trial = waiting.pop(0)
            await until(loop, zero_ms + trial.wish.start_ms)
            living.append(trial)
            tasks.append(loop.create_task(quietly(trial.live())))
        await until(loop, at_ms)
        living = [trial for trial in living if trial.done_ms is None]
        if isinstance(event, Trade):
            for trial in living:
                trial.traded(event)
        else:
            moved = book.apply(event)
            for trial in living:
                trial.changed(moved)
    for task in tasks:
        if task.done():
            task.result()
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = [outcome for trial in trials if (outcome := trial.outcome()) is not None]
    for trial in trials:
        if trial.exchange is not None:
            await trial.exchange.close()
    return found


async def until(loop: VirtualLoop, at_ms: int) -> None:
    """Everything that is due before then happens first."""
    if at_ms > loop.now_ms:
        await asyncio.sleep((at_ms - loop.now_ms) / 1000)


async def quietly(work: Coroutine[Any, Any, None]) -> None:
    await work
