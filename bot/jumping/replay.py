"""What would have happened, in seconds? The replay that jumps over what is quiet.

Where the engine rests, prices between two edges change nothing (quiet.py). The first bar that reaches an edge is found in the arrays; until
there funding is booked payment by payment at the venue. From the opening of that bar on every print goes through the engine, until it rests
again.
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Final

import numpy as np

from bot.core.events import CommandGiven, FundingSeen
from bot.core.ledger import fold
from bot.core.model import ONE, ZERO, FundingPayment, View
from bot.core.rules import LegRule
from bot.course import Course, Paid
from bot.engine import Engine
from bot.jumping import quiet
from bot.jumping.ahead import ROUNDED, Ahead, Due
from bot.jumping.columns import Track
from bot.jumping.grid import Grid
from bot.jumping.line import Cell, Unclear
from bot.jumping.worth import Holding, measure
from bot.replay import Driven, Happening, Progress, Replay, VirtualTime, words

FEW: Final = 8  # settlements that a first try looks ahead over; more after each jump that reaches the last of them


class JumpingReplay(Replay):
    """As Replay, over inverse contracts whose bars begin at the same times."""

    def __init__(
        self,
        engine: Engine,
        venue: Driven,
        clock: VirtualTime,
        bag: Mapping[str, Decimal],
        posted: Mapping[str, Decimal],
        tracks: Sequence[Track],
        rates: Mapping[str, Sequence[tuple[int, Decimal]]],
        commands: Sequence[CommandGiven],
        course: Course | None = None,
    ) -> None:
        super().__init__(engine, venue, clock, bag, posted, (), course=course)
        self.grid = Grid(tracks)
        self.ahead = Ahead(self.grid, rates)
        self.words = list(words(commands))
        self.paid = 0  # settlements that are behind us
        self.spoken = 0
        self.sight = FEW
        self.jumped = 0  # bars none of whose prints was put to the engine
        self.rules_of: dict[str, LegRule] = {rule.asset: rule for rule in engine.rules.legs}

    async def run(self, tell: Callable[[Progress], None] | None = None) -> dict[str, object]:
        began = time.perf_counter()
        index, last = 0, len(self.grid) - 1
        while index < last:
            reached = self.reached(index) if index and quiet.at_rest(self.engine) else index
            if reached > index:
                await self.skip(index, reached)
                self.jumped += reached - index
                index = reached
                if tell is not None:
                    tell(Progress(self.clock.now_ms(), self.tally.steps, self.tally.value_usd))
            else:
                await self.step(index, int(self.grid.at_ms[index + 1]), tell)
                index += 1
        await self.step(last, None, tell)
        return await self.end(began)

    # ------------------------------------------------------------------------------------------------------------------- step

    async def step(self, index: int, until_ms: int | None, tell: Callable[[Progress], None] | None) -> None:
        """Every moment from the opening of bar `index`, for the first one from the very beginning, to before `until_ms`."""
        happenings = [one for asset in self.grid.tracks for one in self.prints(asset, index)]
        due, words = self.ahead.due, self.words
        while self.paid < len(due) and (until_ms is None or due[self.paid].at_ms < until_ms):
            one = due[self.paid]
            happenings.append(Happening(one.at_ms, 1, one.asset, rate=one.rate))
            self.paid += 1
        while self.spoken < len(words) and (until_ms is None or words[self.spoken].at_ms < until_ms):
            happenings.append(words[self.spoken])
            self.spoken += 1
        happenings.sort(key=attrgetter("at_ms", "rank"))
        for at_ms, group in groupby(happenings, key=attrgetter("at_ms")):
            await self.live_through(at_ms, list(group), tell)

    def prints(self, asset: str, index: int) -> Sequence[Happening]:
        """From the close of the bar before, where that adjoins, to before the next bar."""
        grid, bars = self.grid, self.grid.tracks[asset].bars
        found = []
        if grid.adjoins[index]:
            at_ms, price = bars[index - 1].prints()[-1]
            found.append(Happening(at_ms, 0, asset, price=price, ends_bar=True))
        prints = bars[index].prints()
        found += [Happening(at_ms, 0, asset, price=price) for at_ms, price in prints[:-1]]
        if index + 1 == len(grid) or not grid.adjoins[index + 1]:
            at_ms, price = prints[-1]
            found.append(Happening(at_ms, 0, asset, price=price, ends_bar=True))
        return found

    # ------------------------------------------------------------------------------------------------------------------- jump

    def reached(self, index: int) -> int:
        """The first bar from `index` on that must be looked at print by print, as far as can be seen."""
        limit, due_ms = self.limit(), self.ahead.due_ms
        while True:
            beyond = self.paid + self.sight
            seen = limit if beyond >= len(due_ms) else min(limit, max(index + 1, self.grid.window(due_ms[beyond])))
            try:
                reached = self.quiet_until(index, seen)
            except Unclear:
                reached = index
            if reached > index:
                if reached == seen < limit:
                    self.sight *= 2
                return reached
            if self.sight == 1:
                return index
            self.sight = max(1, self.sight // 4)

    def limit(self) -> int:
        """The bar in which the operator's next word is spoken, or one ends; at most the last one."""
        times = [self.words[self.spoken].at_ms] if self.spoken < len(self.words) else []
        times += [target.until_ms for target in self.engine.state.targets if target.until_ms is not None]
        ahead = [self.grid.window(at_ms) for at_ms in times if at_ms > self.clock.now_ms()]
        return min([*ahead, len(self.grid) - 1])

    def quiet_until(self, index: int, seen: int) -> int:
        """The first bar from `index` to `seen` with a price that may change a decision. Raise Unclear."""
        until = bisect_left(self.ahead.due_ms, int(self.grid.at_ms[seen]), self.paid)
        for asset, track in self.grid.tracks.items():
            cell = self.cell(asset, until)
            seen = track.first_outside(index, seen, cell.low, cell.high)
        return seen

    def seen(self, asset: str) -> View:
        """As the last turn saw it: since then only prices have moved, and funding was paid."""
        view = None if self.engine.seen is None else self.engine.seen.view(self.rules_of[asset].symbol)
        if view is None:
            raise Unclear
        return view

    def cell(self, asset: str, until: int) -> Cell:
        """Around the last price, whatever the settlements until then pay."""
        engine, view, wallet = self.engine, self.seen(asset), self.engine.state.leg(asset).wallet
        if engine.decision is None or view.position is None or wallet is None:
            raise Unclear
        least, most = self.ahead.gains(asset, self.paid, until)
        short = float(view.instrument.contract_size * -view.position.contracts)
        rounded = ROUNDED * (until - self.paid)
        wallets = (float(wallet) + short * least - rounded, float(wallet) + short * most + rounded)
        return quiet.cell(self.rules_of[asset], engine.state, engine.rules, view, engine.decision, float(self.tally.last[asset]), wallets)

    # ------------------------------------------------------------------------------------------------------------------- skip

    async def skip(self, begin: int, end: int) -> None:
        """Everything from the opening of bar `begin` to before that of bar `end`, none of which changes a decision."""
        grid, tally = self.grid, self.tally
        until = bisect_left(self.ahead.due_ms, int(grid.at_ms[end]), self.paid)
        due, self.paid = self.ahead.due[self.paid : until], until
        holdings = [self.holding(asset, end) for asset in grid.tracks]
        self.book()  # fees of a fill since the last bar ended
        payments = self.venue.settle_at([(one.asset, one.price, one.rate, one.at_ms) for one in due])
        self.keep(payments)
        await self.fund(due, payments)
        measure(tally, holdings, grid.ends(begin, end), due, payments, self.elsewhere_usd())
        tally.steps += grid.ended(begin, end) * len(holdings)
        for asset in grid.tracks:
            at_ms, price = grid.last_before(asset, end)
            self.venue.print(asset, price, at_ms)
            self.clock.advance_to(at_ms)
            tally.last[asset] = price
        if due:
            self.clock.advance_to(due[-1].at_ms)

    def keep(self, payments: Sequence[FundingPayment | None]) -> None:
        """For those who want to draw this run. Called before the payments are on record."""
        if self.course is None:
            return
        for one in self.venue.accounts():
            paid = [payment for payment in payments if payment is not None and payment.symbol == one.symbol]
            if paid:
                wallet = self.engine.state.leg(one.asset).wallet or ZERO
                before = one.funding_usd - sum((payment.coins * payment.mark for payment in paid), ZERO)
                coins = np.array([float(payment.coins) for payment in paid])
                usd = np.array([float(payment.coins * payment.mark) for payment in paid])
                at_ms = np.array([payment.at_ms for payment in paid], dtype=np.int64)
                self.course.paid.setdefault(one.asset, []).append(Paid(at_ms, float(wallet) + coins.cumsum(), float(before) + usd.cumsum()))

    def holding(self, asset: str, end: int) -> Holding:
        leg, view = self.engine.state.leg(asset), self.seen(asset)
        if leg.baseline is None or leg.wallet is None or view.position is None:
            raise Unclear
        short = view.instrument.contract_size * -view.position.contracts
        entry_coins = short / view.position.entry_price if view.position.entry_price is not None else ZERO
        coins = self.bag.get(asset, ZERO) + leg.wallet - entry_coins
        delta = self.ideal_delta(asset, self.tally.last[asset])
        return Holding(asset, leg.baseline, float(coins), float(short), delta, self.grid.last_before(asset, end)[1])

    def elsewhere_usd(self) -> float:
        """What the account holds in currencies that are not hedged."""
        held = self.venue.equities().items()
        return float(sum((amount * self.tally.last.get(currency, ONE) for currency, amount in held if currency not in self.assets), ZERO))

    async def fund(self, due: Sequence[Due], payments: Sequence[FundingPayment | None]) -> None:
        """On record and in the engine's memory, leg by leg at each moment, as if it had looked."""
        engine = self.engine
        places = {asset: place for place, asset in enumerate(self.assets)}
        paid = [FundingSeen(one.asset, payment) for one, payment in zip(due, payments, strict=True) if payment is not None]
        events = sorted(paid, key=lambda event: (event.payment.at_ms, places[event.asset]))
        if events:
            await engine.parts.audit.append(events)
            state = engine.state
            for event in events:
                state = fold(state, event)
            engine.remember(state)
