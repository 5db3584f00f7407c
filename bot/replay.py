"""What would have happened? The same engine and the same paper exchange over real history, in virtual time."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import merge
from itertools import groupby
from operator import attrgetter
from typing import Final, Protocol

from bot.carrying import Carrying
from bot.core.decision import Baseline, CrossPlan, Decision, LegPlan
from bot.core.events import CommandGiven, Event
from bot.core.making import maker
from bot.core.memory import State
from bot.core.model import ONE, ZERO, Basis, Kind, settle_of
from bot.course import Booked, Course, Settled, Venue
from bot.engine import Engine
from bot.face import iso_utc, plain, plain_or_null

BPS: Final = 10_000


class Driven(Venue, Protocol):
    """A venue whose prices a driver pushes."""

    def print(self, asset: str, price: Decimal, at_ms: int) -> None: ...
    def settle_funding(self, asset: str, rate: Decimal, at_ms: int) -> None: ...
    def settle_series(self, asset: str, due: Sequence[tuple[Decimal, Decimal, int]]) -> Settled:
        """As print and settle_funding for each (price, rate, at_ms) in turn, none of which fills or liquidates anything."""

    def moved_in(self) -> Mapping[str, Decimal]:
        """Net coins that transfers brought from the bag into the account, by currency."""

    def equities(self) -> Mapping[str, Decimal]:
        """Of each settle currency."""


class VirtualTime(Protocol):
    def now_ms(self) -> int: ...
    def mono_ms(self) -> int: ...
    def advance_to(self, at_ms: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing on the time line; at the same moment prices come before funding, and funding before the operator's word."""

    at_ms: int
    rank: int
    asset: str = ""
    price: Decimal | None = None
    rate: Decimal | None = None
    command: CommandGiven | None = None
    ends_bar: bool = False


happening: Final = maker(Happening)


def prices(asset: str, bars: Iterable[Sequence[tuple[int, Decimal]]]) -> Iterator[Happening]:
    """The prints of each bar, of which the last one ends it."""
    for bar in bars:
        for at_ms, price in bar[:-1]:
            yield happening(at_ms, 0, asset, price)
        at_ms, price = bar[-1]
        yield happening(at_ms, 0, asset, price, ends_bar=True)


def fundings(asset: str, rates: Iterable[tuple[int, Decimal]]) -> Iterator[Happening]:
    for at_ms, rate in rates:
        yield Happening(at_ms, 1, asset, rate=rate)


def words(commands: Iterable[CommandGiven]) -> Iterator[Happening]:
    for command in commands:
        yield Happening(command.at_ms, 2, command=command)


@dataclass(frozen=True, slots=True)
class Link:
    seq: int = 0
    hash: str = ""


class Unrecorded:
    """An AuditLog that keeps nothing: a replay can be run again."""

    def __init__(self, state: State, course: Course | None = None) -> None:
        self._state = state
        self.course = course  # what it tells of orders and fills, if somebody wants to draw them
        self._head = Link()

    async def append(self, events: Sequence[Event]) -> int:
        self._head = Link(self._head.seq + len(events))
        if self.course is not None:
            self.course.hear(events)
        return self._head.seq

    async def reread(self) -> State:
        return self._state

    def head(self) -> Link:
        return self._head

    async def prove(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Switch:
    """Policies changed the effective ratio of a leg. `why` is told by those that stand between it and the target."""

    at_ms: int
    asset: str
    ratio: Decimal | None
    why: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Collateral that was moved between the bag and the account; positive into it."""

    at_ms: int
    asset: str
    coins: Decimal
    why: str


@dataclass(slots=True)
class Stood:
    """An alert: what the operator would have been told, and until when it held."""

    text: str
    since_ms: int
    until_ms: int | None = None  # None: to the end


@dataclass(slots=True)
class Tally:
    """What is measured on the way, in USD at the prices of each moment."""

    start_usd: Decimal = ZERO
    value_usd: Decimal = ZERO
    dollars: Decimal = ZERO  # USDT margin, neutral to every coin
    least_usd: Decimal | None = None
    error_usd: Decimal = ZERO
    steps: int = 0
    orders: int = 0
    last: dict[str, Decimal] = field(default_factory=dict)  # price by asset
    ideal: dict[str, Decimal] = field(default_factory=dict)  # USD by asset: the same bag with the ideal hedge
    booked: dict[str, Decimal] = field(default_factory=dict)  # USD by asset: funding minus fees so far
    booked_commits: int = 0  # of the venue then: without another one there is nothing more
    held: dict[str, tuple[Baseline, Decimal]] = field(default_factory=dict)  # δ* that a `value` hedge set when a bar last ended
    switches: list[Switch] = field(default_factory=list)
    transfers: list[Moved] = field(default_factory=list)
    alerts: list[Stood] = field(default_factory=list)
    standing: dict[str, Stood] = field(default_factory=dict)  # those of the last decision, by text
    carrying: Carrying = field(default_factory=Carrying)


@dataclass(frozen=True, slots=True)
class Progress:
    at_ms: int
    steps: int
    value_usd: Decimal


class Replay:
    """Drives one engine through a time line. `bag` and `posted` are coins, by asset. Each asset stands at its `first` price until its own
    prints begin."""

    def __init__(
        self,
        engine: Engine,
        venue: Driven,
        clock: VirtualTime,
        bag: Mapping[str, Decimal],
        posted: Mapping[str, Decimal],
        first: Mapping[str, Decimal],
        timeline: Sequence[Iterator[Happening]],
        stepping: str = "",
        course: Course | None = None,
    ) -> None:
        self.timeline = timeline
        self.course = course  # kept for those who want to draw this run
        self.stepping = stepping  # why it goes from print to print, if somebody may ask
        self.engine, self.venue, self.clock = engine, venue, clock
        self.bag, self.posted = dict(bag), dict(posted)
        self.assets = tuple(rule.asset for rule in engine.rules.legs)
        dollars = sum((amount for currency, amount in posted.items() if currency not in first), ZERO)  # USDT margin
        worth = {asset: (bag.get(asset, ZERO) + posted.get(asset, ZERO)) * price for asset, price in first.items()}
        self.tally = Tally(start_usd=dollars + sum(worth.values()), dollars=dollars, last=dict(first), ideal=worth)
        self.begun: set[str] = set()  # assets whose prints have begun

    async def run(self, tell: Callable[[Progress], None] | None = None) -> dict[str, object]:
        """Raises what the engine raises. The answer has the fields of `replay --json`."""
        began = time.perf_counter()
        moments = groupby(merge(*self.timeline, key=attrgetter("at_ms", "rank")), key=attrgetter("at_ms"))
        for at_ms, group in moments:
            await self.live_through(at_ms, list(group), tell)
        return await self.end(began)

    async def live_through(self, at_ms: int, group: Sequence[Happening], tell: Callable[[Progress], None] | None) -> None:
        """Everything that happens at one moment, after the engine's own timers before it."""
        await self.timers_until(at_ms)
        self.clock.advance_to(at_ms)
        ended, changed = self.apply(at_ms, group)
        self.look()
        if changed or self.engine.busy or self.engine.decision is None:
            await self.turn()
        if ended:
            self.measure(ended)
            if tell is not None:
                tell(Progress(at_ms, self.tally.steps, self.tally.value_usd))

    async def end(self, began: float) -> dict[str, object]:
        """What is under way at the last price comes to its end, and everything is counted together."""
        await self.timers_until(self.clock.now_ms() + self.patience_ms())
        self.measure(())
        return self.answer(time.perf_counter() - began)

    def patience_ms(self) -> int:
        """Time for what is under way at the last price to come to its end."""
        execution = self.engine.rules.execution
        return execution.cross_after_ms + 2 * execution.order_ttl_ms

    def apply(self, at_ms: int, group: Sequence[Happening]) -> tuple[Sequence[str], bool]:
        """Whose bars end here, and did anything change? A print at the price of before changes nothing that could be decided on."""
        ended: list[str] = []
        changed = False
        for one in group:
            if one.price is not None:
                changed = changed or self.tally.last[one.asset] != one.price or one.asset not in self.begun
                self.venue.print(one.asset, one.price, at_ms)
                self.mark(one.asset, one.price)
                if one.ends_bar:
                    self.tally.steps += 1
                    ended.append(one.asset)
            elif one.rate is not None:
                self.venue.settle_funding(one.asset, one.rate, at_ms)
                changed = True
            elif one.command is not None:
                self.engine.hear(one.command)
                changed = True
        return ended, changed

    def mark(self, asset: str, price: Decimal) -> None:
        """The ideal hedge holds N* at every bar, so its value moves by δ* times the move (domain.md §2)."""
        tally = self.tally
        before = tally.last[asset]
        if before != price:
            tally.ideal[asset] += (self.ideal_delta(asset, before) - tally.carrying.coins(asset, before)) * (price - before)
            tally.last[asset] = price
        self.begun.add(asset)

    def ideal_delta(self, asset: str, price: Decimal) -> Decimal:
        """δ* = (1-h)B for `coins`. For `value` (1-h)(S+Q) at the bar's start: N* does not follow the prints within a bar."""
        leg = next((leg for leg in self.engine.state.legs if leg.asset == asset), None)
        whole = self.bag.get(asset, ZERO) + self.posted.get(asset, ZERO)
        if leg is None or leg.baseline is None:
            rule = next((rule for rule in self.engine.rules.legs if rule.asset == asset), None)
            return whole if rule is None else (1 - rule.ratio) * whole
        if leg.baseline.basis is Basis.COINS:
            return (1 - leg.baseline.ratio) * leg.baseline.coins
        held = self.tally.held.get(asset)
        if held is None or held[0] != leg.baseline:
            inverse = self.engine.parts.instruments[leg.symbol].kind is Kind.INVERSE
            coins = self.tally.ideal[asset] / price if inverse else whole
            held = self.tally.held[asset] = (leg.baseline, (1 - leg.baseline.ratio) * coins)
        return held[1]

    async def timers_until(self, at_ms: int) -> None:
        """The engine's own turns before `at_ms`: a cycle after each turn that did something, else at its next timer."""
        while (due_ms := self.next_turn_ms()) is not None and due_ms < at_ms:
            self.clock.advance_to(due_ms)
            await self.turn()

    def next_turn_ms(self) -> int | None:
        decision = self.engine.decision
        if decision is None:
            return None
        if self.engine.busy:
            return self.clock.now_ms() + self.engine.parts.cycle_ms
        if decision.wake_mono_ms is None:
            return None
        return self.clock.now_ms() + max(self.engine.parts.cycle_ms, decision.wake_mono_ms - self.clock.mono_ms())

    def look(self) -> None:
        if self.course is not None:
            self.course.look(self.clock.now_ms(), self.venue, self.engine.state, self.tally.last)

    async def turn(self) -> None:
        decision = await self.engine.turn()
        self.look()
        if decision is None:
            return
        if decision.armed:
            self.tally.orders += len(decision.orders)
            self.tally.transfers += [Moved(decision.at_ms, one.asset, one.coins, one.why) for one in decision.transfers]
        self.tally.carrying.turned(decision)
        if decision.alerts or self.tally.standing:
            self.alerted(decision)
        plans: list[LegPlan | CrossPlan] = [*decision.legs, *(cross for leg in decision.legs for cross in leg.crosses)]
        for plan in plans:
            if not plan.policies:
                continue
            before = next((one.ratio for one in reversed(self.tally.switches) if one.asset == plan.asset), plan.ratio_target)
            if plan.ratio_effective != before:
                why = "; ".join(f"{change.policy}: {change.why}" for change in plan.policies if change.after != change.before)
                self.tally.switches.append(Switch(decision.at_ms, plan.asset, plan.ratio_effective, why or "all of the target"))

    def alerted(self, decision: Decision) -> None:
        was = self.tally.standing
        now = {text: was.get(text) or Stood(text, decision.at_ms) for text in decision.alerts}
        for text, stood in was.items():
            if text not in now:
                stood.until_ms = decision.at_ms
        self.tally.alerts += [stood for text, stood in now.items() if text not in was]
        self.tally.standing = now

    def measure(self, ended: Sequence[str]) -> None:
        """What bag and account are worth, beside the ideal; `ended` are the assets whose bar ends here."""
        self.book()
        if ended:
            self.tally.held.clear()
        self.weigh(self.value_usd(), sum(self.tally.ideal.values(), ZERO))
        if ended and self.engine.rules.crosses and len(self.begun) >= len(self.engine.rules.assets):
            self.tally.carrying.bar_ended(ended, self.tally.last, self.unhedged_usd(), self.tally.value_usd)

    def unhedged_usd(self) -> Decimal:
        """The same coins at the last prices."""
        last = self.tally.last
        return sum((coins * last.get(currency, ONE) for held in (self.bag, self.posted) for currency, coins in held.items()), ZERO)

    def book(self) -> None:
        """Funding and fees since the last bar, which the ideal hedge has too."""
        tally = self.tally
        if tally.booked_commits == self.venue.commits:
            return
        tally.booked_commits = self.venue.commits
        for one in self.venue.accounts():
            booked = one.funding_usd - one.fees_usd
            if booked != (before := tally.booked.get(one.asset, ZERO)):
                tally.ideal[one.asset] += booked - before
                tally.booked[one.asset] = booked

    def value_usd(self) -> Decimal:
        """At the last prices."""
        last, moved = self.tally.last, self.venue.moved_in()
        value = sum(((coins - moved.get(asset, ZERO)) * last[asset] for asset, coins in self.bag.items() if asset in last), ZERO)
        for currency, equity in self.venue.equities().items():
            value += equity * last.get(currency, ONE)
        return value

    def weigh(self, value_usd: Decimal, ideal_usd: Decimal) -> None:
        tally = self.tally
        tally.value_usd = value_usd
        tally.least_usd = value_usd if tally.least_usd is None else min(tally.least_usd, value_usd)
        tally.error_usd = max(tally.error_usd, abs(value_usd - tally.dollars - ideal_usd))

    def answer(self, seconds: float) -> dict[str, object]:
        tally, totals = self.tally, tuple(self.venue.accounts())
        alike = len({settle_of(one.symbol) for one in totals}) == 1  # coins of several currencies have no sum
        return {
            "steps": tally.steps,
            "orders": tally.orders,
            "fills": sum(one.fills for one in totals),
            "value_start_usd": plain(tally.start_usd),
            "value_end_usd": plain(tally.value_usd),
            "value_min_usd": plain(round(tally.least_usd if tally.least_usd is not None else tally.value_usd, 6)),
            "unhedged_value_end_usd": plain(self.unhedged_usd()),
            "hedge_error_max_bps": plain(round(tally.error_usd / tally.start_usd * BPS, 4)),
            "funding_coin": plain(sum((one.funding_coins for one in totals), ZERO)) if alike else None,
            "funding_usd": plain(sum((one.funding_usd for one in totals), ZERO)),
            "fees_coin": plain(sum((one.fees_coins for one in totals), ZERO)) if alike else None,
            "fees_usd": plain(sum((one.fees_usd for one in totals), ZERO)),
            "turnover_usd": plain(sum((one.turnover_usd for one in totals), ZERO)),
            "liquidated": any(one.liquidated for one in totals),
            **({"legs": {one.asset: leg_json(one) for one in totals}} if len(totals) > 1 else {}),
            **({"transfers": self.transfers_json()} if any(rule.collateral.auto for rule in self.engine.rules.legs) else {}),
            **({"alerts": [alert_json(one) for one in tally.alerts]} if tally.alerts else {}),
            **({"switches": [switch_json(one) for one in tally.switches]} if self.has_policies else {}),
            **(tally.carrying.json() if self.engine.rules.crosses else {}),
            "seconds": round(seconds, 3),
        }

    def transfers_json(self) -> list[dict[str, object]]:
        """What moved between the bag and the account: neither gain nor loss."""
        made = self.tally.transfers
        return [{"at": iso_utc(one.at_ms), "asset": one.asset, "coins": plain(one.coins), "why": one.why} for one in made]

    @property
    def has_policies(self) -> bool:
        return any(policies.exist for policies in self.engine.rules.policies)


def leg_json(one: Booked) -> dict[str, object]:
    """Coins are of its settle currency."""
    return {
        "instrument": one.symbol,
        "fills": one.fills,
        "turnover_usd": plain(one.turnover_usd),
        "funding_coin": plain(one.funding_coins),
        "funding_usd": plain(one.funding_usd),
        "fees_coin": plain(one.fees_coins),
        "fees_usd": plain(one.fees_usd),
        "liquidated": one.liquidated,
    }


def alert_json(one: Stood) -> dict[str, object]:
    return {"from": iso_utc(one.since_ms), "to": None if one.until_ms is None else iso_utc(one.until_ms), "alert": one.text}


def switch_json(one: Switch) -> dict[str, object]:
    return {"at": iso_utc(one.at_ms), "asset": one.asset, "ratio_effective": plain_or_null(one.ratio), "why": one.why}
