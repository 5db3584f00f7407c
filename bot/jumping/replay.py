"""What would have happened, in seconds? The replay that jumps over what is quiet.

Where the engine rests, prices between two edges change nothing (quiet.py): no print there is put to it. The first bar that reaches an edge
is found in the arrays; until there funding is booked as a series at the venue. What bag and account were worth meanwhile is measured in the
end, for every bar at once (worth.py).
"""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate, groupby
from operator import attrgetter, itemgetter
from typing import Final

from bot.core.events import CommandGiven
from bot.core.ledger import OVERLAP_MS, funded_series
from bot.core.model import Kind, View
from bot.core.rules import LegRule
from bot.course import Course, Fundings, Paid
from bot.engine import Engine
from bot.jumping import quiet
from bot.jumping.ahead import Ahead, Due
from bot.jumping.columns import Track
from bot.jumping.grid import Grid
from bot.jumping.line import NOWHERE, Cell, Unclear
from bot.jumping.verdicts import by_the_clock
from bot.jumping.worth import extremes
from bot.replay import Driven, Happening, Progress, Replay, VirtualTime, happening, words

UNITS: Final = 100_000_000  # that a coin has
NEVER_MS: Final = 1 << 62
EVERYWHERE: Final = (0.0, float("inf"))  # the prices of what is not hedged


@dataclass(frozen=True, slots=True)
class Calm:
    """Between these prices nothing happens before a moment; no bar before `until` leaves them. `edge`: that one does."""

    edges: Mapping[str, tuple[float, float]]
    before_ms: int
    until: int
    edge: bool

    def holds(self, at_ms: int, group: Sequence[Happening]) -> bool:
        if at_ms >= self.before_ms:
            return False
        for one in group:
            if one.price is None:
                return False
            low, high = self.edges[one.asset]
            if not low < float(one.price) < high:
                return False
        return True


class JumpingReplay(Replay):
    """As Replay, over contracts each of which has a margin of its own."""

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
        course: Course,
        news: Callable[[int], int | None],
    ) -> None:
        """`news`: the moment after that one at which policies are told something new."""
        super().__init__(engine, venue, clock, bag, posted, {track.asset: track.first_price for track in tracks}, (), course=course)
        self.course: Course = course
        self.news = news
        self.judged = [rule.asset for rule in engine.rules.legs if rule.policies.exist]
        self.grid = Grid(tracks)
        self.bars = sum(len(track.bars) for track in tracks)
        self.linear = {one.asset for one in engine.parts.instruments.values() if one.kind is Kind.LINEAR}
        self.ahead = Ahead(self.grid, rates, self.assets, self.linear)
        self.words = list(words(commands))
        self.paid = 0  # settlements that are behind us
        self.spoken = 0
        self.jumped = 0  # rows of the grid none of whose prints was put to the engine
        self.calm: Calm | None = None
        self.waits = True  # may the engine have a timer of its own?
        self.rules_of: dict[str, LegRule] = {rule.asset: rule for rule in engine.rules.legs}
        self.askers = {
            asset: quiet.Asker(rule, engine.rules, engine.parts.instruments[rule.symbol]) for asset, rule in self.rules_of.items()
        }

    async def run(self, tell: Callable[[Progress], None] | None = None) -> dict[str, object]:
        began = time.perf_counter()
        index, count = 0, len(self.grid)
        while index < count:
            reached = self.reached(index)
            if reached > index:
                await self.skip(index, reached)
                self.jumped += reached - index
                index = reached
            else:
                await self.step(index)
                index += 1
            if tell is not None:
                tell(Progress(self.clock.now_ms(), self.bars * index // count, self.value_usd()))
        return await self.end(began)

    async def end(self, began: float) -> dict[str, object]:
        """What is under way at the last price comes to its end, and everything is counted together."""
        await self.timers_until(self.clock.now_ms() + self.patience_ms())
        tally, grid = self.tally, self.grid
        tally.steps = self.bars
        tally.value_usd = self.value_usd()
        contracts = {one.asset: one for one in self.engine.parts.instruments.values()}
        least, error = extremes(grid, self.course, self.rules_of, contracts, self.bag, self.posted)
        tally.least_usd, tally.error_usd = Decimal(least) + tally.dollars, Decimal(error)
        return self.answer(time.perf_counter() - began)

    # ------------------------------------------------------------------------------------------------------------------- step

    async def step(self, index: int) -> None:
        """Every moment from the opening of bar `index`, for the first one from the very beginning, to before the next bar begins."""
        for at_ms, group in self.moments(index):
            if self.calm is None:
                await self.timers_until(at_ms)  # what is under way may have come to its end
                self.calm = self.look_ahead(index + 1)
            if self.calm is not None and self.calm.holds(at_ms, group):
                self.pass_by(at_ms, group)
            else:
                await self.live_through(at_ms, group, None)
                self.calm = None

    def moments(self, index: int) -> Iterator[tuple[int, list[Happening]]]:
        happenings = [one for asset in self.grid.tracks for one in self.prints(asset, index)]
        until_ms = int(self.grid.at_ms[index + 1]) if index + 1 < len(self.grid) else None
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
            yield at_ms, list(group)

    def prints(self, asset: str, index: int) -> list[Happening]:
        """From the close of the row before, where that adjoins, to before the next row."""
        grid, track = self.grid, self.grid.tracks[asset]
        prints = list(track.prints(index))
        if index + 1 < len(grid) and grid.adjoins[index + 1] and prints:
            prints.pop()
        if grid.adjoins[index] and (before := track.prints(index - 1)):
            prints.insert(0, before[-1])
        return [happening(at_ms, 0, asset, price) for at_ms, price in prints]

    def pass_by(self, at_ms: int, group: Sequence[Happening]) -> None:
        self.clock.advance_to(at_ms)
        self.apply(at_ms, group)
        self.look_in_vain()

    def look_in_vain(self) -> None:
        """The engine rests, and time passes: a turn after the last one would have found nothing new, and waited for no timer."""
        self.waits, self.engine.busy = False, False

    async def turn(self) -> None:
        self.waits = True
        await super().turn()

    def next_turn_ms(self) -> int | None:
        return super().next_turn_ms() if self.waits else None

    def mark(self, asset: str, price: Decimal) -> None:
        """What is measured on the way elsewhere is measured in the end here."""
        self.tally.last[asset] = price
        self.begun.add(asset)

    async def timers_until(self, at_ms: int) -> None:
        """As Replay.timers_until, but for turns that would find everything as they left it."""
        while (due_ms := self.next_turn_ms()) is not None and due_ms < at_ms:
            if quiet.at_rest(self.engine) and not any(moment <= at_ms for moment in self.boundaries()):
                self.look_in_vain()
                return
            self.clock.advance_to(due_ms)
            await self.turn()

    # ------------------------------------------------------------------------------------------------------------------- jump

    def reached(self, index: int) -> int:
        """The first bar from `index` on that must be looked at print by print, as far as can be seen."""
        if self.calm is None or (self.calm.until == index and not self.calm.edge):
            self.calm = self.look_ahead(index)
        return index if self.calm is None else self.calm.until

    def look_ahead(self, index: int) -> Calm | None:
        """From now over the bars from `index` on. None if nothing can be said."""
        if not quiet.at_rest(self.engine):
            return None
        before_ms = min(self.boundaries(), default=NEVER_MS)
        limit = len(self.grid) if before_ms == NEVER_MS else max(index, self.grid.window(before_ms))
        edges = dict.fromkeys(self.grid.tracks, EVERYWHERE)
        cells: dict[str, Cell] = {}
        try:
            for asset in self.askers:
                if asset in self.begun:
                    cells[asset] = cell = self.cell(asset)
                    edges[asset] = cell.edges(cell.wallet)
                else:
                    edges[asset] = NOWHERE
                    limit = max(index, min(limit, self.grid.tracks[asset].begins))
        except Unclear:
            return None
        shorts = {asset: self.short(asset) for asset in cells}
        until = self.ahead.first_outside(index, limit, self.paid, cells, shorts)
        return Calm(edges, before_ms, until, edge=until < limit)

    def boundaries(self) -> list[int]:
        """Moments at which a decision can change whatever the prices do, unless one was made since: an operator's word, or its end, and
        what policies go by."""
        times = [self.words[self.spoken].at_ms] if self.spoken < len(self.words) else []
        times += [target.until_ms for target in self.engine.state.targets if target.until_ms is not None]
        seen, seen_ms = self.engine.seen, self.engine.seen.now_ms if self.engine.seen is not None else 0
        for asset in self.judged:
            signs = seen.signs_of(asset) if seen is not None else None
            times += by_the_clock(self.rules_of[asset], self.engine.state.leg(asset), signs)
        if (news_ms := self.news(seen_ms)) is not None:
            times.append(news_ms)
        return [at_ms for at_ms in times if at_ms > seen_ms]

    def cell(self, asset: str) -> Cell:
        """Around the last price."""
        engine = self.engine
        if engine.decision is None:
            raise Unclear
        spot = None if engine.seen is None else engine.seen.spot(asset)
        return self.askers[asset].cell(engine.state, self.seen(asset), engine.decision, float(self.tally.last[asset]), spot)

    def short(self, asset: str) -> float:
        """In USD, in coins of a linear contract."""
        view = self.seen(asset)
        return float(view.instrument.contract_size * -view.position.contracts) if view.position is not None else 0.0

    def seen(self, asset: str) -> View:
        """As the last turn saw it: since then only prices have moved, and funding was paid."""
        view = None if self.engine.seen is None else self.engine.seen.view(self.rules_of[asset].symbol)
        if view is None:
            raise Unclear
        return view

    # ------------------------------------------------------------------------------------------------------------------- skip

    async def skip(self, begin: int, end: int) -> None:
        """Everything from the opening of bar `begin` to before that of bar `end`, none of which changes a decision."""
        grid, last = self.grid, self.tally.last
        self.look_in_vain()
        until = bisect_left(self.ahead.due_ms, int(grid.at_ms[end]), self.paid) if end < len(grid) else len(self.ahead.due_ms)
        due, self.paid = self.ahead.due[self.paid : until], until
        if due:
            await self.fund(due)
            self.calm = None  # it was of the wallet of before
        newest = [(found, asset) for asset in grid.tracks if (found := grid.last_before(asset, end)) is not None]
        for (at_ms, price), asset in sorted(newest, key=itemgetter(0)):
            if at_ms >= grid.at_ms[begin]:  # else it is behind us
                self.venue.print(asset, price, at_ms)
                self.clock.advance_to(at_ms)
                last[asset] = price

    async def fund(self, due: Sequence[Due]) -> None:
        """At the venue, on record and in the engine's memory, leg by leg at each moment, as if it had looked."""
        engine, state = self.engine, self.engine.state
        self.clock.advance_to(due[-1].at_ms)
        events = Fundings()
        for place, asset in enumerate(self.assets):
            mine = [one for one in due if one.asset == asset]
            if not mine:
                continue
            if asset not in self.begun:  # nothing of it can be held
                for one in mine:
                    self.venue.settle_funding(asset, one.rate, one.at_ms)
                continue
            series = [(one.price, one.rate, one.at_ms) for one in mine]
            settled = self.venue.settle_series(asset, series)
            paid = [index for index, units in enumerate(settled.units) if units]
            if not paid:
                continue
            times = [series[index][2] for index in paid]
            newest = [settled.payment(index) for index, at_ms in zip(paid, times, strict=True) if at_ms >= times[-1] - 2 * OVERLAP_MS]
            state = funded_series(state, asset, settled.coins, newest)
            events.add(asset, place, times, settled, paid)
            wallet, usd = map(float, settled.before)
            coins = [settled.units[index] / UNITS for index in paid]
            worth = coins if asset in self.linear else [each * float(series[index][0]) for each, index in zip(coins, paid, strict=True)]
            after = Paid(times, list(accumulate(coins, initial=wallet))[1:], list(accumulate(worth, initial=usd))[1:])
            self.course.paid.setdefault(asset, []).append(after)
        if len(events):
            await engine.parts.audit.append(events)
            engine.remember(state)
