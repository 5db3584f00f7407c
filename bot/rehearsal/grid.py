"""Does it matter when the bot dies? One life: it starts, places an order, minds it, is told to stop, ends, and starts again. Each answer
that a venue can give to the order; death at each moment of that life.

A moment is each place where a turn waits, either side of each request and of each commit, and each statement within a transaction. The
first run of an answer lives and counts them; then the bot dies at one after the other, is started again on the same database, and must
come to rest with every promise kept: one order for each intent, the hedge restored, the record agreeing with the venue.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from multiprocessing import get_context
from typing import Final

from bot.rehearsal.faults import Dice
from bot.rehearsal.process import TURN_BEGINS
from bot.rehearsal.sweep import quiet
from bot.rehearsal.wire import Manner
from bot.rehearsal.world import Outcome, Plan, Script

POLICIES: Final = ("exists", "open-only", "taken")  # what a venue does with a client id that it knows: wire.Manner
STOP_MS: Final = 100_000  # by then the order has traded, or was cancelled, and another may be at work
FAULTY_MS: Final = 180_000
SETTINGS: Final = (
    ("bag.BTC.coins", "2"),
    ("execution.cross_after_seconds", "60"),
    ("execution.max_order_usd", "1000000"),
    ("execution.order_ttl_seconds", "30"),
    ("hedges.BTC.basis", "coins"),
    ("hedges.BTC.ratio", "1.0"),
    ("paper.collateral.BTC", "3"),
    ("reconcile.foreign", "halt"),
    ("risk.max_leverage", "2"),
    ("risk.max_orders_per_minute", "20"),
    ("risk.max_position_usd", "1000000"),
    ("risk.max_turnover_usd_per_day", "2000000"),
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the venue makes of the one order: the faults that strike it, once each, and whether it trades whole."""

    name: str
    faults: tuple[str, ...] = ()
    whole: bool = True


ANSWERS: Final = (
    Reply("accepted"),
    Reply("accepted and filled", ("filled-first",)),
    Reply("partly filled", ("filled-first",), whole=False),
    Reply("lost before the venue", ("lost-before",)),
    Reply("lost after the venue took it", ("lost-ack",)),
    Reply("rejected", ("turned-away",)),
    Reply("duplicate id", ("twice",)),
    Reply("timeout, and it arrives later", ("late-create",)),
    Reply("200 with garbage", ("garbage",)),
    Reply("503", ("unavailable",)),
    Reply("429", ("rate-limit",)),
    Reply("post-only order cancelled", ("post-only-no",)),
)


@dataclass(frozen=True, slots=True)
class Point:
    """One point of the grid. `moment` counts from the first one of the run; None: the bot lives."""

    policy: str
    reply: Reply
    moment: int | None = None
    where: str = ""

    def __str__(self) -> str:
        died = "the bot lives" if self.moment is None else f"the bot dies at moment {self.moment} ({self.where})"
        return f"{self.reply.name}; a known client id is {self.policy}; {died}"


class Once(Dice):
    """Each fault of the reply strikes the first order; death comes at the moment that the point names."""

    def __init__(self, point: Point, struck: Callable[[str], None]) -> None:
        super().__init__(0, (), struck)
        self.point = point
        self.left = set(point.reply.faults)
        self.moments: list[str] = []  # places that this run came by, one after the other

    def hits(self, name: str) -> bool:
        if self.quiet:
            return False
        if name == "crash":
            self.moments.append(self.where)
            if len(self.moments) - 1 != self.point.moment:
                return False
        elif name in self.left:
            self.left.discard(name)
        else:
            return False
        self.struck(name)
        return True

    def upto(self, name: str, most: int, least: int = 0) -> int:
        match name:
            case "filled-first":
                return int(self.point.reply.whole)
            case "late-create":
                return (most + least) // 2
        return super().upto(name, most, least)


@dataclass(frozen=True, slots=True)
class Result:
    point: Point
    outcome: Outcome
    moments: tuple[str, ...]

    @property
    def problem(self) -> str:
        """What is wrong with it; empty if nothing is."""
        if self.outcome.invariant:
            return f"{self.outcome.invariant}: {self.outcome.problem}"
        died = dict(self.outcome.struck).get("crash", 0) == 1
        return "" if died or self.point.moment is None else "the bot did not come by this moment again"


Scripted = Callable[[Plan, Script], Outcome]


def ran(rehearse: Scripted, point: Point, *, trace: bool = False) -> Result:
    used: list[Once] = []

    def dice(struck: Callable[[str], None]) -> Dice:
        used.append(Once(point, struck))
        return used[0]

    manner = Manner(point.policy, window_ms=None, post_only_cancels=True, ids_only=False, tells_age=True)
    outcome = rehearse(Plan(1, Decimal(0), (), trace, SETTINGS), Script(manner, dice, FAULTY_MS, STOP_MS))
    return Result(point, outcome, tuple(used[0].moments))


def column(rehearse: Scripted, policy: str, reply: Reply, stride: int = 1, offset: int = 0) -> Iterator[Result]:
    """One answer under one policy: the run that lives, then death at every `stride`-th moment."""
    lives = ran(rehearse, Point(policy, reply))
    yield lives
    if lives.problem:
        return
    for moment in deadly(telling(lives.moments), stride, offset):
        yield ran(rehearse, Point(policy, reply, moment, lives.moments[moment]))


def telling(moments: Sequence[str]) -> list[int]:
    """Where each of them is, but for turns that came by the same places as the two before them: they only wait for a proof."""
    begins = [at for at, where in enumerate(moments) if where == TURN_BEGINS]
    found = list(range(begins[0] if begins else len(moments)))
    before: list[Sequence[str]] = [(), ()]
    for began, ended in pairwise((*begins, len(moments))):
        turn = moments[began:ended]
        if not all(turn == one for one in before):
            found += range(began, ended)
        before = [before[1], turn]
    return found


def deadly(moments: Sequence[int], stride: int, offset: int) -> Sequence[int]:
    """Every `stride`-th of them; the strides of all offsets together are all of them."""
    return moments[offset % stride :: stride]


def columns() -> list[tuple[str, Reply]]:
    return [(policy, reply) for policy in POLICIES for reply in ANSWERS]


@dataclass(frozen=True, slots=True)
class Whole:
    """What the grid came to."""

    points: int
    moments: int  # of the longest life
    died: int
    answers: int
    policies: int
    problems: tuple[str, ...]


def grid(rehearse: Scripted, stride: int = 1, cores: int | None = None) -> Whole:
    """Every `stride`-th point. Strides begin elsewhere in each column, so that together they come by every moment."""
    work = [(policy, reply, stride, number) for number, (policy, reply) in enumerate(columns())]
    cores = cores or os.cpu_count() or 1
    if cores == 1:
        found = [results(rehearse, *one) for one in work]
    else:
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn"), initializer=quiet) as pool:
            found = [made.result() for made in [pool.submit(results, rehearse, *one) for one in work]]
    every = [result for part in found for result in part]
    return Whole(
        points=len(every),
        moments=max((len(telling(one.moments)) for one in every if one.point.moment is None), default=0),
        died=sum(one.point.moment is not None for one in every),
        answers=len(ANSWERS),
        policies=len(POLICIES),
        problems=tuple(f"{one.point}: {one.problem}" for one in every if one.problem),
    )


def results(rehearse: Scripted, policy: str, reply: Reply, stride: int, offset: int) -> list[Result]:
    return list(column(rehearse, policy, reply, stride, offset))
