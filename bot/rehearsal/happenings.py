"""What happens by itself? People at the bot and at the venue, outages, and clocks: each strikes now and then, and most of it is undone."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from bot.core.events import CommandGiven
from bot.rehearsal.database import Trouble
from bot.rehearsal.evidence import Evidence
from bot.rehearsal.faults import FAULTS, Dice
from bot.rehearsal.loop import BotClock
from bot.rehearsal.venue import CENTS, OWN, PICO, Book, Venue

SOON_MS: Final = 600_000
WATCHED_SECONDS: Final = 1_200
LONG_ENOUGH_MS: Final = 180_000  # nothing that was sent before is still on its way


class Stage(Protocol):
    """What people and powers can reach."""

    venue: Venue
    evidence: Evidence
    dice: Dice
    clock: BotClock
    trouble: Trouble
    kill_unreadable: bool

    def say(self, name: str, **said: Any) -> None: ...
    def terminate(self) -> None: ...
    def second(self) -> None: ...
    def usurp(self) -> None: ...
    def freeze(self, book: Book, until_ms: int) -> None: ...
    def back_up(self) -> None: ...
    def restore(self) -> None: ...
    def declare(self, book: Book, coins: Decimal) -> None: ...


class Happenings:
    """Until the faults end; then everything is set right, as people do after a bad day."""

    def __init__(self, stage: Stage, quiet_from_ms: int) -> None:
        self.stage = stage
        self.quiet_from_ms = quiet_from_ms
        self.due: list[tuple[int, int, Callable[[], None]]] = []
        self.planned = 0
        self.strikes: dict[str, Callable[[str], None]] = {
            "ban": self.ban,
            "maintenance": self.maintenance,
            "liquidation": lambda name: self.book(name).close_all(liquidation=True),
            "adl": self.deleverage,
            "respec": self.respec,
            "resize": self.resize,
            "mode-by-hand": self.change_mode,
            "leverage-by-hand": lambda name: self.book(name).book(leverage=self.draw(name, 10, 1)),
            "manual-order": self.manual_order,
            "manual-trade": self.manual_trade,
            "transfer": self.transfer,
            "frozen": lambda name: stage.freeze(self.book(name), self.now_ms + self.draw(name, SOON_MS, 60_000)),
            "db-restart": self.database_restart,
            "restored": self.restored,
            "terminated": lambda name: stage.terminate(),
            "second": lambda name: stage.second(),
            "usurped": lambda name: stage.usurp(),
            "step": self.step_clock,
            "venue-clock": self.venue_clock,
            "pause": lambda name: self.command_and_back(name, "pause", "resume"),
            "dry-run": lambda name: self.command_and_back(name, "dry-run-on", "dry-run-off"),
            "kill": lambda name: self.command_and_back(name, "kill", "rearm"),
            "flatten": lambda name: self.command_and_back(name, "flatten", "rearm"),
            "cancel-all": lambda name: stage.say("cancel-all"),
            "target": self.target,
            "kill-file": self.kill_file,
            "declared": self.declared,
        }
        for name in stage.dice.on:
            if FAULTS[name].timed:
                self.again(name)

    @property
    def now_ms(self) -> int:
        return self.stage.clock.mono_ms()

    def draw(self, name: str, most: int, least: int = 0) -> int:
        return self.stage.dice.upto(name, most, least)

    def at(self, at_ms: int, what: Callable[[], None]) -> None:
        self.planned += 1
        heappush(self.due, (at_ms, self.planned, what))

    def again(self, name: str) -> None:
        """The next strike of this fault."""
        mean_ms = int(self.stage.dice.on[name] * 1000)
        self.at(self.now_ms + self.draw(name, 2 * mean_ms, 1_000), lambda: self.strike(name))

    def strike(self, name: str) -> None:
        if self.stage.dice.quiet:
            return
        self.stage.evidence.strike(name)
        self.strikes[name](name)
        self.again(name)

    def book(self, name: str) -> Book:
        books = list(self.stage.venue.books.values())
        return books[self.draw(name, len(books) - 1)]

    async def run(self) -> None:
        while self.due:
            at_ms, _, what = heappop(self.due)
            if at_ms >= self.quiet_from_ms:
                break
            await asyncio.sleep(max(0, at_ms - self.now_ms) / 1000)
            self.stage.venue.advance(self.now_ms)
            what()
        await asyncio.sleep(max(0, self.quiet_from_ms - self.now_ms) / 1000)
        self.set_right()

    def set_right(self) -> None:
        """The faults have ended. Orders that people left lying about are taken away, clocks are right, everybody may trade again."""
        stage = self.stage
        stage.venue.advance(self.now_ms)
        stage.dice.quiet = True
        stage.evidence.note("the faults have ended")
        stage.evidence.quiet_from_ms = self.now_ms
        stage.clock.stepped_ms = 0
        stage.trouble.away_until_ms = stage.venue.away_until_ms = stage.venue.banned_until_ms = 0
        stage.kill_unreadable = False
        for book in stage.venue.books.values():
            book.clock_off_ms = 0
            book.set_hedge_mode(on=False)
            for order in book.live("person"):
                book.cancel(order, "its owner took it away")
        for book in stage.venue.books.values():
            stage.say("accept-contract", asset=book.symbol.partition("/")[0], reason="the day is over")
        if stage.dice.sources["kill"].random() < 0.5:
            stage.say("rearm", reason="the day is over")
        stage.say("resume")
        stage.say("dry-run-off")

    # --------------------------------------------------------------------------------------------------------------- the strikes

    def ban(self, name: str) -> None:
        self.stage.venue.banned_until_ms = self.now_ms + self.draw(name, 300_000, 10_000)

    def maintenance(self, name: str) -> None:
        self.stage.venue.away_until_ms = self.now_ms + self.draw(name, SOON_MS, 60_000)
        self.stage.venue.cancel_everything()

    def deleverage(self, name: str) -> None:
        book = self.book(name)
        held = book.account.contracts
        if held:
            book.trade("", "venue", held > 0, self.draw(name, abs(held), 1), book.cents)

    def respec(self, name: str) -> None:
        book = self.book(name)
        book.respec(5 * book.tick)
        asset = book.symbol.partition("/")[0]
        self.at(self.now_ms + self.draw(name, SOON_MS, 1_000), lambda: self.stage.say("accept-contract", asset=asset, reason="a rehearsal"))

    def resize(self, name: str) -> None:
        book = self.book(name)
        if book.size % 10:
            return
        self.maintenance(name)
        self.stage.venue.away_until_ms = max(self.stage.venue.away_until_ms, self.now_ms + LONG_ENOUGH_MS)
        book.resize()
        asset = book.symbol.partition("/")[0]
        accepted_ms = self.stage.venue.away_until_ms + self.draw(name, SOON_MS, 1_000)
        self.at(accepted_ms, lambda: self.stage.say("accept-contract", asset=asset, reason="a rehearsal"))

    def change_mode(self, name: str) -> None:
        book = self.book(name)
        book.set_hedge_mode(on=True)
        self.at(self.now_ms + self.draw(name, SOON_MS, 1_000), lambda: book.set_hedge_mode(on=False))

    def manual_order(self, name: str) -> None:
        book = self.book(name)
        sells = bool(self.draw(name, 1))
        away = book.cents // 50
        cents = (book.cents + (away if sells else -away)) // book.tick * book.tick
        made = book.create(
            client_id="",
            sells=sells,
            contracts=self.draw(name, 50, 1),
            cents=cents,
            reduce_only=False,
            post_only=True,
            owner="person",
            duplicates="taken",
            post_only_cancels=False,
        )
        if made.order is not None:
            order = made.order
            self.at(self.now_ms + self.draw(name, SOON_MS, 60_000), lambda: book.cancel(order, "its owner took it away"))

    def manual_trade(self, name: str) -> None:
        book = self.book(name)
        book.trade("", "person", bool(self.draw(name, 1)), self.draw(name, 200, 1), book.cents)

    def transfer(self, name: str) -> None:
        book = self.book(name)
        pico = self.draw(name, PICO // 4, PICO // 100)
        pico = pico * book.cents // CENTS if book.linear else pico
        keeps = book.equity() - pico > book.load() // 2
        book.transfer(-pico if self.draw(name, 1) and keeps else pico)

    def database_restart(self, name: str) -> None:
        self.stage.trouble.away_until_ms = self.now_ms + self.draw(name, 180_000, 1_000)

    def restored(self, name: str) -> None:
        self.stage.back_up()
        seconds = self.draw(name, 1) * WATCHED_SECONDS
        self.at(self.now_ms + self.draw(name, 3 * SOON_MS, 60_000), lambda: self.put_back(seconds))

    def put_back(self, seconds: int) -> None:
        """Now; or, within so many seconds, at the worst moment: while an order is open that the copy cannot know."""
        if seconds and not any(book.live(OWN) for book in self.stage.venue.books.values()):
            self.at(self.now_ms + 1_000, lambda: self.put_back(seconds - 1))
        else:
            self.stage.restore()

    def step_clock(self, name: str) -> None:
        clock = self.stage.clock
        clock.stepped_ms = self.draw(name, 3_600_000, -3_600_000)

        def back() -> None:
            clock.stepped_ms = 0

        self.at(self.now_ms + self.draw(name, SOON_MS, 1_000), back)

    def venue_clock(self, name: str) -> None:
        for book in self.stage.venue.books.values():
            book.clock_off_ms = self.draw(name, 45_000, -45_000)

    def command_and_back(self, name: str, there: str, back: str) -> None:
        self.stage.say(there, reason="a rehearsal")
        self.at(self.now_ms + self.draw(name, SOON_MS, 1_000), lambda: self.stage.say(back, reason="a rehearsal"))

    def target(self, name: str) -> None:
        asset = self.book(name).symbol.partition("/")[0]
        if self.draw(name, 3):
            self.stage.say("target-set", asset=asset, ratio=Decimal(self.draw(name, 20)) / 20)
        else:
            self.stage.say("target-clear", asset=asset)

    def kill_file(self, name: str) -> None:
        self.stage.kill_unreadable = True

        def back() -> None:
            self.stage.kill_unreadable = False

        self.at(self.now_ms + self.draw(name, SOON_MS, 1_000), back)

    def declared(self, name: str) -> None:
        self.stage.declare(self.book(name), Decimal(self.draw(name, 30, 5)) / 10)


def command(name: str, now_ms: int, **said: Any) -> CommandGiven:
    return CommandGiven(name, "rehearsal", now_ms, **said)
