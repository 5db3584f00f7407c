"""Is anything ever made or lost? Random operations, in both ways of matching, against an account kept with fractions."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from bot.core.model import Ask, Fill, Instrument, Kind, Order, OrderStatus, Side, View
from bot.ports import Refused
from tests.paper.trading import BTC, ETH, START_MS, USDT, D, make, order

SYMBOLS = (BTC, ETH, USDT)
UNIT = Fraction(1, 10**8)
Op = tuple[object, ...]

sides = st.sampled_from(list(Side))
symbols = st.sampled_from(SYMBOLS)
counts = st.integers(1, 900)
ops: st.SearchStrategy[Op] = st.one_of(
    st.tuples(st.just("place"), symbols, sides, counts, st.integers(-150, 150), st.booleans(), st.booleans()),
    st.tuples(st.just("place"), st.just(BTC), sides, counts, st.integers(-3, 60), st.just(True), st.just(False)),
    st.tuples(st.just("again"), st.integers(0, 50)),
    st.tuples(st.just("cancel"), st.integers(0, 50)),
    st.tuples(st.just("price"), st.sampled_from(["BTC", "ETH"]), st.integers(-120, 120)),
    st.tuples(st.just("price"), st.sampled_from(["BTC", "ETH"]), st.sampled_from([-4000, -1500, 1500, 6000])),
    st.tuples(st.just("funding"), st.sampled_from(["BTC", "ETH"]), st.integers(-70, 110)),
    st.tuples(st.just("stranger"), symbols, sides, counts),
    st.tuples(st.just("others"), symbols, sides, counts, st.integers(-60, 60)),
    st.tuples(st.just("move coins"), st.sampled_from(["BTC", "ETH", "USDT"]), st.integers(-30_000, 10_000)),
    st.tuples(st.just("leverage"), symbols, st.integers(1, 25)),
    st.tuples(st.just("reopen")),
)


@dataclass
class Books:
    """An account kept apart from the venue, from its fills and payments alone, in exact fractions."""

    spec: Instrument
    position: int = 0
    cost: Fraction = Fraction(0)  # sum of contracts / price (inverse) or contracts * price (linear) behind the position, positive
    realised: Fraction = Fraction(0)
    roundings: int = 0

    def worth(self, contracts: int, price: Decimal) -> Fraction:
        return contracts / Fraction(price) if self.spec.kind is Kind.INVERSE else contracts * Fraction(price)

    def fill(self, fill: Fill) -> None:
        size, signed = Fraction(self.spec.contract_size), fill.side.sign * fill.contracts
        closing = min(fill.contracts, abs(self.position)) if self.position * signed < 0 else 0
        if closing:
            share = self.cost * closing / abs(self.position)
            gain = self.worth(closing, fill.price) - share  # of a short inverse: coins back cheaper
            short = self.position < 0
            if self.spec.kind is Kind.INVERSE:
                self.realised += size * (gain if short else -gain)
            else:
                self.realised += size * (-gain if short else gain)
            self.cost -= share
            self.roundings += 1
        self.cost += self.worth(fill.contracts - closing, fill.price)
        self.position += signed

    def unrealised(self, mark: Decimal) -> Fraction:
        now = self.worth(abs(self.position), mark)
        gain = (now - self.cost) * Fraction(self.spec.contract_size)
        return gain if (self.position < 0) == (self.spec.kind is Kind.INVERSE) else -gain


@dataclass
class World:
    matching: Literal["book", "print"]
    url: str
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(START_MS))
    placed: list[str] = field(default_factory=list)
    last: dict[str, Order] = field(default_factory=dict)
    moved: Counter[str] = field(default_factory=Counter)  # units of each currency, deposits less withdrawals
    prices: dict[str, Decimal] = field(default_factory=lambda: {"BTC": D(60000), "ETH": D(3000)})

    def __post_init__(self) -> None:
        self.paper = self.open()
        self.moved.update({"BTC": 5 * 10**8, "ETH": 50 * 10**8, "USDT": 100_000 * 10**8})

    def open(self) -> PaperExchange:
        return make(self.url, self.clock, matching=self.matching)

    async def do(self, op: Op) -> None:
        match op:
            case ("place", str(symbol), Side() as side, int(count), int(ticks), bool(post_only), bool(reduce_only)):
                asset = symbol.partition("/")[0]
                tick = D("0.1") if asset == "BTC" else D("0.01")
                price = (self.prices[asset] // tick - side.sign * ticks) * tick
                self.placed.append(f"c{len(self.placed)}")
                await self.paper.place(
                    order(self.placed[-1], side, count, price, symbol=symbol, post_only=post_only, reduce_only=reduce_only)
                )
            case ("again", int(which)) if self.placed:
                client_id = self.placed[which % len(self.placed)]
                (first,) = (await self.look(client_id)).values()
                assert await self.paper.place(order(client_id, Side.SELL, 77, 59000, symbol=first.symbol, post_only=False)) == first
            case ("cancel", int(which)) if self.placed:
                client_id = self.placed[which % len(self.placed)]
                for symbol in SYMBOLS:
                    await self.paper.cancel(symbol, client_id)
            case ("price", str(asset), int(basis_points)):
                self.prices[asset] = (self.prices[asset] * (10_000 + basis_points) / 10_000).quantize(D("0.01"))
                self.prices[asset] = min(max(self.prices[asset], D(500)), D(2_000_000))
                self.paper.print(asset, self.prices[asset], self.clock.now_ms())
            case ("funding", str(asset), int(basis_points)):
                self.paper.settle_funding(asset, D(basis_points) / 10_000, self.clock.now_ms())
            case ("stranger", str(symbol), Side() as side, int(count)):
                self.paper.manual_trade(symbol, side, count)
            case ("others", str(symbol), Side() as side, int(count), int(ticks)):
                asset = symbol.partition("/")[0]
                self.paper.others_trade(symbol, side, count, self.prices[asset] // D("0.1") * D("0.1") + ticks * D("0.1"))
            case ("move coins", str(currency), int(thousandths)):
                self.paper.deposit(currency, D(thousandths) / 1000)
                self.moved[currency] += thousandths * 10**5
            case ("leverage", str(symbol), int(leverage)):
                await self.paper.set_leverage(symbol, leverage)
            case ("reopen",):
                self.paper.deposit("BTC", D("0.00000001"))  # prices that nobody traded on are written with the next change
                self.moved["BTC"] += 1
                before = await self.everything()
                await self.paper.close()
                self.paper = self.open()
                assert await self.everything() == before

    async def everything(self) -> tuple[object, ...]:
        await self.paper.connect(SYMBOLS)
        return (await self.views(), sorted(self.paper.balances(), key=str), sorted(self.paper.accounts(), key=str))

    async def views(self) -> tuple[View, ...]:
        return await self.paper.look([Ask(symbol, 0, 0, tuple(self.placed)) for symbol in SYMBOLS])

    async def look(self, *client_ids: str) -> dict[str, Order]:
        views = await self.paper.look([Ask(symbol, 0, 0, client_ids) for symbol in SYMBOLS])
        return {one.client_id: one for view in views for one in view.found or ()}

    async def check(self) -> None:
        views = await self.views()
        found = [one for view in views for one in view.found or ()]
        assert sorted(one.client_id for one in found) == sorted(self.placed)  # each id once, none lost
        self.check_orders(found, views)
        books = {view.instrument.symbol: self.check_leg(view) for view in views}
        for balance in self.paper.balances():
            mine = [view for view in views if view.instrument.settle == balance.currency]
            assert balance.wallet == balance.deposited + balance.realised - balance.fees + balance.funding + balance.insured
            assert balance.deposited * 10**8 == self.moved[balance.currency]
            assert balance.fees == sum(fill.fee_coins for view in mine for fill in view.fills or ())
            assert balance.funding == sum(payment.coins for view in mine for payment in view.funding or ())
            realised = sum((books[view.instrument.symbol].realised for view in mine), Fraction(0))
            roundings = sum(books[view.instrument.symbol].roundings for view in mine)
            assert -UNIT / 10**6 <= realised - Fraction(balance.realised) <= UNIT * roundings  # rounded down, once for each closing fill
            equity = Fraction(balance.wallet)
            kept = Fraction(0)
            for view in mine:
                assert view.quote is not None
                equity += books[view.instrument.symbol].unrealised(view.quote.mark)
                kept += books[view.instrument.symbol].worth(abs(books[view.instrument.symbol].position), view.quote.mark) * Fraction(
                    view.instrument.contract_size * view.instrument.maintenance_rate
                )
            for view in mine:
                assert view.margin is not None
                assert view.margin.wallet == balance.wallet
                assert abs(Fraction(view.margin.equity) - equity) < UNIT / 10**6
            if kept:
                assert equity > kept - UNIT  # else it would have been liquidated
            trades = sorted((fill for view in mine for fill in view.fills or ()), key=lambda fill: int(fill.trade_id[1:]))
            if trades and trades[-1].liquidation:
                assert balance.wallet >= 0

    def check_orders(self, found: Sequence[Order], views: Sequence[View]) -> None:
        traded = Counter[str]()
        for view in views:
            for fill in view.fills or ():
                traded[fill.client_id] += fill.contracts
        for one in found:
            assert one.filled == traded[one.client_id]
            assert (one.filled == one.contracts) == (one.status is OrderStatus.FILLED) or one.status is OrderStatus.CANCELLED
            before = self.last.get(one.client_id)
            if before is not None:
                assert one.filled >= before.filled
                assert one == before or not before.status.terminal
            self.last[one.client_id] = one

    def check_leg(self, view: View) -> Books:
        books = Books(view.instrument)
        for fill in view.fills or ():
            books.fill(fill)
        assert len({fill.trade_id for fill in view.fills or ()}) == len(view.fills or ())
        assert view.position is not None
        assert view.position.contracts == books.position
        assert (view.position.entry_price is None) == (books.position == 0)
        for side in Side:
            offered = sum(one.contracts - one.filled for one in view.open_orders or () if one.reduce_only and one.side is side)
            assert offered <= max(0, -side.sign * books.position)  # reduce-only never turns a position over
        return books


@pytest.mark.parametrize("matching", ["print", "book"])
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(todo=st.lists(ops, min_size=1, max_size=30))
async def test_nothing_is_made_or_lost_whatever_happens(matching: Literal["book", "print"], todo: list[Op]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(matching, f"sqlite:///{Path(folder) / 'paper.db'}" if ("reopen",) in todo else "sqlite://")
        await world.paper.connect(SYMBOLS)
        for op in todo:
            world.clock.advance_to(world.clock.now_ms() + 1000)
            with suppress(Refused):
                await world.do(op)
            await world.check()
        await world.paper.close()
