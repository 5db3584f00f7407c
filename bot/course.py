"""What did bag and account consist of in a replay, from one change to the next, and what was ordered and filled?

Everything else that can be drawn of a run follows from that and the prices (jumping/series.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from bot.core.decision import Baseline
from bot.core.events import Event, FillSeen, IntentRecorded
from bot.core.memory import State


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


@dataclass(frozen=True, slots=True)
class Turning:
    """One contract from `at_ms` on, until the next of its asset."""

    at_ms: int
    wallet: Decimal  # of its settle currency, without unrealised profit
    contracts: int  # signed: a short is negative
    entry_price: Decimal | None
    baseline: Baseline | None
    funding_usd: Decimal  # received so far, at the prices of each moment
    fees_usd: Decimal  # paid so far


@dataclass(frozen=True, slots=True)
class Paid:
    """Funding booked one settlement after another, while nothing else changed. Arrays of one length."""

    at_ms: Any
    wallet: Any
    funding_usd: Any


@dataclass(slots=True)
class Course:
    turnings: dict[str, list[Turning]] = field(default_factory=dict)  # by asset
    paid: dict[str, list[Paid]] = field(default_factory=dict)
    orders: list[IntentRecorded] = field(default_factory=list)
    fills: list[FillSeen] = field(default_factory=list)
    _last: dict[str, tuple[Any, ...]] = field(default_factory=dict)

    def look(self, at_ms: int, booked: Sequence[Booked], wallets: Mapping[str, Decimal], state: State) -> None:
        """Note what has changed since the last look. `wallets`: by settle currency; `booked`: every contract of the account."""
        baselines = {leg.symbol: leg.baseline for leg in state.legs}
        for one in booked:
            asset, wallet, baseline = one.asset, wallets[one.symbol.rpartition(":")[2]], baselines.get(one.symbol)
            now = (wallet, one.contracts, one.entry_price, baseline)
            if self._last.get(asset) != now:
                self._last[asset] = now
                self.turnings.setdefault(asset, []).append(Turning(at_ms, *now, one.funding_usd, one.fees_usd))

    def hear(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, IntentRecorded):
                self.orders.append(event)
            elif isinstance(event, FillSeen):
                self.fills.append(event)
