"""Which accounts does this process lead, and which of them is meant?"""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.audit.store import Store
from bot.face import Bot, Check
from bot.metrics import Metrics, scrape
from bot.ports import NotSent
from bot.words import Misspoken, shortened


class Unled(Misspoken):
    """An account that this process does not lead."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One account: its bot, where it runs here."""

    bot: Bot | None
    metrics: Metrics | None
    why: str  # there is no bot
    record: Store | None = None  # to read from


class Led:
    """The accounts of this process by name. `several` accounts must be told apart by whoever asks; a worker's come and go."""

    def __init__(self, accounts: Sequence[str], *, worker: bool = False) -> None:
        self.worker = worker
        self.several = worker or len(accounts) > 1
        self.seats = {} if worker else {account: Seat(None, None, "it is being started") for account in accounts}

    def join(self, bot: Bot, metrics: Metrics, record: Store | None = None) -> None:
        self.seats[bot.account] = Seat(bot, metrics, "", record)

    def leave(self, account: str, why: str, unstarted: Metrics | None = None) -> None:
        """Its metrics stay, or begin with the `unstarted` ones, to tell that nobody leads it here; those of a worker's account are told by
        whoever leads it next."""
        if self.worker:
            self.seats.pop(account, None)
        elif account in self.seats:
            metrics = self.seats[account].metrics or unstarted
            if metrics is not None:
                metrics.lease(False)
            self.seats[account] = Seat(None, metrics, why)

    def bots(self) -> list[Bot]:
        return [seat.bot for _, seat in sorted(self.seats.items()) if seat.bot is not None]

    def unled(self) -> list[tuple[str, str]]:
        """The accounts that have no bot now, and why."""
        return [(name, seat.why) for name, seat in sorted(self.seats.items()) if seat.bot is None]

    def record(self, account: str | None) -> Store:
        """The record of that account, to read from. Raise as `meant`."""
        record = self.seats[self.meant(account).account].record
        if record is None:
            raise NotSent("this process keeps no record")
        return record

    def meant(self, account: str | None) -> Bot:
        """The bot of that name; without a name, the only one. Raise Misspoken or Unled."""
        names = ", ".join(sorted(self.seats)) or "none"
        if account is None and self.several:
            raise Misspoken("account", f"this process leads several accounts ({names}): say which one by ?account=NAME")
        seats = [seat for name, seat in self.seats.items() if account in (None, name)]
        if not seats:
            raise Unled("account", f"{shortened(str(account))} is not led by this process (it leads: {names})")
        bot = seats[0].bot
        if bot is None:
            raise Unled("account", f"account {account or names} has no bot now: {seats[0].why}")
        return bot

    def alive(self) -> Check:
        """Does every loop turn?"""
        found = [(bot.account, bot.health().alive) for bot in self.bots()]
        bad = [self.named(account, check.why) for account, check in found if not check.ok]
        good = found[0][1].why if len(found) == 1 else f"every account of {len(found)} turns"
        return Check(not bad, "; ".join(bad) or good)

    def checks(self) -> list[tuple[str, Check]]:
        """What readiness depends on, of every account."""
        found = [(self.named(bot.account, name, "."), check) for bot in self.bots() for name, check in bot.health().checks]
        return found + [(f"{name}.led", Check(False, why)) for name, why in self.unled()]

    def named(self, account: str, text: str, between: str = ": ") -> str:
        return f"{account}{between}{text}" if self.several else text

    async def scrape(self) -> bytes:
        return await scrape([seat.metrics for _, seat in sorted(self.seats.items()) if seat.metrics is not None])
