"""What did bag and account consist of in a replay, from one change to the next, and what was ordered and filled?

Everything else that can be drawn of a run follows from that and the prices (jumping/series.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from operator import itemgetter
from typing import Any, Protocol, overload

from bot.core.decision import Baseline
from bot.core.events import Event, FillSeen, FundingSeen, IntentRecorded
from bot.core.memory import State
from bot.core.model import ZERO, FundingPayment, settle_of


class Booked(Protocol):
    """What the venue holds and booked of one contract so far; USD values are those of the moments of booking."""

    @property
    def symbol(self) -> str: ...
    @property
    def asset(self) -> str: ...
    @property
    def contracts(self) -> int:
        """Signed: a short is negative."""

    @property
    def entry_price(self) -> Decimal | None: ...
    @property
    def fills(self) -> int: ...
    @property
    def turnover_usd(self) -> Decimal: ...
    @property
    def fees_coins(self) -> Decimal: ...
    @property
    def fees_usd(self) -> Decimal: ...
    @property
    def funding_coins(self) -> Decimal: ...
    @property
    def funding_usd(self) -> Decimal: ...
    @property
    def liquidated(self) -> bool: ...


class Balance(Protocol):
    @property
    def currency(self) -> str: ...
    @property
    def wallet(self) -> Decimal:
        """Without unrealised profit."""


class Venue(Protocol):
    @property
    def commits(self) -> int:
        """How often anything but a price changed."""

    def accounts(self) -> Sequence[Booked]: ...
    def moved_in(self) -> Mapping[str, Decimal]: ...
    def balances(self) -> Sequence[Balance]: ...


class Settled(Protocol):
    """A series of settlements of one contract."""

    @property
    def units(self) -> Sequence[int]:
        """What each one paid, in 1e-8 of its settle currency; 0 where nothing was due."""

    @property
    def coins(self) -> Decimal:
        """What they paid together."""

    @property
    def before(self) -> tuple[Decimal, Decimal]:
        """Wallet and funding in USD before the first of them."""

    def payment(self, place: int) -> FundingPayment: ...


class Fundings(Sequence[Event]):
    """Payments on record, by time and then by leg. Each is made when somebody reads it: a replay books thousands for nobody."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, str, Settled, int]] = []

    def add(self, asset: str, leg: int, at_ms: Sequence[int], settled: Settled, places: Sequence[int]) -> None:
        self._rows += [(at, leg, asset, settled, place) for at, place in zip(at_ms, places, strict=True)]
        self._rows.sort(key=itemgetter(0, 1))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Event: ...
    @overload
    def __getitem__(self, index: slice) -> list[Event]: ...
    def __getitem__(self, index: int | slice) -> Event | list[Event]:
        rows = self._rows[index] if isinstance(index, slice) else [self._rows[index]]
        made: list[Event] = [FundingSeen(asset, settled.payment(place)) for _, _, asset, settled, place in rows]
        return made if isinstance(index, slice) else made[0]


@dataclass(frozen=True, slots=True)
class Turning:
    """One contract from `at_ms` on, until the next of its asset."""

    at_ms: int
    price: Decimal  # of the asset just then
    wallet: Decimal  # of its settle currency, without unrealised profit
    contracts: int  # signed: a short is negative
    entry_price: Decimal | None
    baseline: Baseline | None
    funding_usd: Decimal  # received so far, at the prices of each moment
    fees_usd: Decimal  # paid so far
    moved_in: Decimal = ZERO  # net coins that came out of the bag into that wallet so far


@dataclass(frozen=True, slots=True)
class Paid:
    """Funding booked one settlement after another, while nothing else changed: what there was after each."""

    at_ms: Sequence[int]
    wallet: Sequence[float]
    funding_usd: Sequence[float]


@dataclass(slots=True)
class Course:
    turnings: dict[str, list[Turning]] = field(default_factory=dict)  # by asset
    paid: dict[str, list[Paid]] = field(default_factory=dict)
    orders: list[IntentRecorded] = field(default_factory=list)
    fills: list[FillSeen] = field(default_factory=list)
    _last: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _seen: tuple[Any, ...] = ()

    def look(self, at_ms: int, venue: Venue, state: State, prices: Mapping[str, Decimal]) -> None:
        """Note what has changed since the last look."""
        seen = (venue.commits, *[leg.baseline for leg in state.legs])
        if seen == self._seen or not prices:
            return
        self._seen = seen
        baselines = {leg.symbol: leg.baseline for leg in state.legs}
        wallets, moved = {one.currency: one.wallet for one in venue.balances()}, venue.moved_in()
        for one in venue.accounts():
            asset, wallet, baseline = one.asset, wallets[settle_of(one.symbol)], baselines.get(one.symbol)
            now = (wallet, one.contracts, one.entry_price, baseline)
            if asset in prices and self._last.get(asset) != now:
                self._last[asset] = now
                self.turnings.setdefault(asset, []).append(
                    Turning(at_ms, prices[asset], *now, one.funding_usd, one.fees_usd, moved.get(asset, ZERO))
                )

    def hear(self, events: Sequence[Event]) -> None:
        if isinstance(events, Fundings):
            return
        for event in events:
            if isinstance(event, IntentRecorded):
                self.orders.append(event)
            elif isinstance(event, FillSeen):
                self.fills.append(event)
