"""How does the same engine run in virtual time, over history? Nothing of it is kept, and no library of databases is loaded."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from adapters.candles import RecordedPast
from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from adapters.history import Bar, Rate, instant_ms, outside, read_bars, read_rates
from bot.core.decide import RULES_VERSION
from bot.core.events import CommandGiven
from bot.core.memory import State
from bot.core.model import Instrument, Kind
from bot.core.rules import Rules
from bot.course import Course
from bot.gate import SignGate
from bot.ports import Clock
from bot.replay import Replay, fundings, prices, words
from bot.settings import Settings, to_rules
from bot.wiring.measures import NOTHING_MEASURED, judged, measuring
from bot.wiring.unrecorded import NOBODY, unrecorded_engine

if TYPE_CHECKING:
    from bot.jumping.columns import Columns, Track
    from bot.jumping.series import Series
    from bot.replay_page import Extremes

Moment = TypeVar("Moment", Bar, Rate)
LEAST_BAR_MS: Final = 3  # its four prints are at moments of their own


class NoKillSwitch:
    """For virtual time: nobody can pull a plug there."""

    def read(self) -> bool | None:
        return False

    def set(self, reason: str) -> None:
        return None

    def clear(self) -> None:
        return None


@dataclass(frozen=True, slots=True)
class History:
    """What a replay runs on, by asset."""

    bars: Mapping[str, Path]
    rates: Mapping[str, Path]
    from_ms: int | None = None
    to_ms: int | None = None
    allow_gaps: bool = False

    def from_the_beginning(self) -> "History":
        """The same with everything that was before it; gaps in there do not matter."""
        return replace(self, from_ms=None, allow_gaps=True)


def instant(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 date or time, UTC if it names no zone. Raise ValueError."""
    return instant_ms(text)


@dataclass(frozen=True)
class Recorded:
    """A history that was read; many replays may run on one."""

    bars: Mapping[str, Sequence[Bar]]
    rates: Mapping[str, Sequence[Rate]]
    history: History = History({}, {})  # where it was read from
    whole: "Recorded | None" = None  # what this was cut from, if it was

    def cut(self, from_ms: int | None, to_ms: int | None) -> "Recorded":
        """The part with from_ms <= at_ms < to_ms, as if only that had been read. Raise HistoryError where no bar is in it."""
        history = replace(self.history, from_ms=from_ms, to_ms=to_ms)
        bars = {asset: window(one, from_ms, to_ms) for asset, one in self.bars.items()}
        for asset, one in bars.items():
            if not one:
                raise outside(history.bars[asset], self.bars[asset][0].at_ms, self.bars[asset][-1].at_ms)
        rates = {asset: window(one, from_ms, settles_until_ms(bars[asset])) for asset, one in self.rates.items()}
        return Recorded(bars, rates, history, self)

    @cached_property
    def columns(self) -> "dict[str, Columns]":
        """The bars as arrays."""
        from bot.jumping.columns import Columns  # loads numpy

        return {asset: Columns.of(one) for asset, one in self.bars.items()}

    @cached_property
    def apart(self) -> str:
        """Why the assets' bars have no rows in common; empty if they have."""
        from bot.jumping.grid import why_apart  # loads numpy

        return why_apart(self.columns)

    @cached_property
    def tracks(self) -> "list[Track]":
        """What a jump looks at: taking every price from its bar lasts longer than many a replay."""
        from bot.jumping.grid import together  # loads numpy

        return together(self.bars, self.columns)


def window(columns: Sequence[Moment], from_ms: int | None, to_ms: int | None) -> Sequence[Moment]:
    begin = 0 if from_ms is None else bisect_left(columns, from_ms, key=attrgetter("at_ms"))
    return columns[begin : len(columns) if to_ms is None else bisect_left(columns, to_ms, key=attrgetter("at_ms"))]


def settles_until_ms(bars: Sequence[Bar]) -> int:
    """Before which moment funding counts. What settles as the last bar ends belongs to whoever held until then; after it nothing has a
    price."""
    return bars[-1].at_ms + bars[-1].length_ms + 1


def recorded(history: History) -> Recorded:
    """Raise HistoryError naming file and line."""
    since, until = history.from_ms, history.to_ms
    bars = {asset: read_bars(path, from_ms=since, to_ms=until, allow_gaps=history.allow_gaps) for asset, path in history.bars.items()}
    rates = {
        asset: read_rates(path, from_ms=since, to_ms=settles_until_ms(bars[asset]), allow_gaps=history.allow_gaps)
        for asset, path in history.rates.items()
    }
    return Recorded(bars, rates, history)


def past_of(rules: Rules, read: Recorded, clock: Clock) -> RecordedPast | None:
    """What policies and cross-hedges go by, from the beginning of the files: a window of a replay has a past. None where none does."""
    if not judged(rules) and not rules.crosses:
        return None
    before = read.whole or (recorded(read.history.from_the_beginning()) if read.history.from_ms is not None else read)
    return RecordedPast(clock, before.bars, before.rates)


def news(rules: Rules, past: RecordedPast | None) -> Callable[[int], int | None]:
    """When policies are told something new."""
    if past is None:
        return lambda after_ms: None
    from bot.signs import asked  # loads numpy

    wanted = [one for _, _, of in asked(rules) for one in of]
    return lambda after_ms: min((at for one in wanted if (at := past.next_ms(one, after_ms)) is not None), default=None)


async def replay(
    settings: Settings, history: History | Recorded, commands: Sequence[CommandGiven] = (), *, step: bool = False, series: bool = False
) -> Replay:
    """The same engine and paper exchange in virtual time, armed, with nothing on disk.

    It jumps over what is quiet where it can, else it says why not in `stepping`; `step` forces it to go from print to print. With
    `series` it keeps what `drawn` needs.
    """
    read = recorded(history) if isinstance(history, History) else history
    bars = read.bars
    starts_ms = min(one[0].at_ms for one in bars.values())
    clock = VirtualClock(starts_ms)
    first = {asset: one[0].open for asset, one in bars.items()}
    gate = SignGate(clock, NoKillSwitch())
    exchange = PaperExchange(
        clock,
        None,
        first,
        settings.paper.collateral,
        spread_bps=settings.paper.spread_bps,
        seed=settings.paper.seed,
        matching="print",
        synchronous="OFF",
        spot=settings.paper.wallet,
        to_come={asset for asset, one in bars.items() if one[0].at_ms > starts_ms},
        gate=gate,
    )
    rules = without_a_book(to_rules(settings, version=RULES_VERSION, absence_ms=exchange.absence_ms, absence_polls=exchange.absence_polls))
    instruments = await exchange.connect([leg.symbol for leg in rules.legs])
    empty = State(account=rules.account, instance=NOBODY)
    stepping = "asked for" if step else why_stepping(rules, instruments, read)
    past = past_of(rules, read, clock)
    course = Course() if series or not stepping else None  # a replay that jumps measures by it
    engine = unrecorded_engine(
        settings,
        rules,
        instruments,
        exchange,
        clock,
        gate,
        empty,
        run_id="replay",
        armed=True,
        measuring=measuring(past, exchange, rules) if past is not None else NOTHING_MEASURED,
        course=course,
    )
    bag = {asset: held.declared for asset, held in settings.outside.items()}
    due = {leg.asset: [(rate.at_ms, rate.rate) for rate in read.rates.get(leg.asset, ())] for leg in rules.legs}  # others pay nothing
    if course is not None and not stepping:
        from bot.jumping.replay import JumpingReplay  # loads numpy

        return JumpingReplay(engine, exchange, clock, bag, settings.paper.collateral, read.tracks, due, commands, course, news(rules, past))
    printed = [prices(asset, (bar.prints() for bar in one)) for asset, one in bars.items()]
    timeline = [*printed, *map(fundings, due, due.values()), words(commands)]
    return Replay(engine, exchange, clock, bag, settings.paper.collateral, first, timeline, stepping, course)


def drawn(run: Replay, read: Recorded, points: int | None = 2_000) -> "Series":
    """The curves of a replay that was run with `series`: what bag and account were worth (hedged, unhedged, naively hedged), and of each
    leg price, short, N*, ratios, leverage and liquidation; with every order and fill. At most about `points` moments, those of the lowest
    and highest closes among them; None: every bar. Its fields: bot/jumping/series.py."""
    from bot.jumping.series import series  # loads numpy

    return series(run, read.columns, {asset: [(rate.at_ms, rate.rate) for rate in rates] for asset, rates in read.rates.items()}, points)


def extremes(read: Recorded) -> dict[str, "Extremes"]:
    """The lowest and highest price of every bar, at its end."""
    from bot.replay_page import Extremes

    return {asset: Extremes(one.at_ms + one.length_ms, one.low, one.high) for asset, one in read.columns.items()}


def without_a_book(rules: Rules) -> Rules:
    """A history holds prices and no depth: no order can be held to a share of it, and any size trades."""
    return replace(rules, execution=replace(rules.execution, max_depth_share=None))


def why_stepping(rules: Rules, instruments: Mapping[str, Instrument], read: Recorded) -> str:
    """Why a replay cannot jump; empty if it can."""
    if find_spec("numpy") is None:
        return "numpy is not installed"
    if rules.crosses:
        return f"{rules.crosses[0].asset} is carried by another contract"
    linear = [rule.symbol for rule in rules.legs if instruments[rule.symbol].kind is not Kind.INVERSE]
    if len(linear) > 1:
        return f"{' and '.join(linear)} share their margin"
    if any(one[0].length_ms < LEAST_BAR_MS for one in read.bars.values()):
        return "the bars are too short"
    return read.apart
