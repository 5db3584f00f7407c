"""What do we talk about? The nouns, all frozen.

Money and coins are `Decimal`; contract counts are integers of the smallest step a venue trades (its lot).
`None` always means UNKNOWN and is never read as 0. `*_ms` are milliseconds: `now_ms` and `at_ms` count from the Unix epoch (UTC),
`mono_ms` from an arbitrary origin of this process and measures durations only.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from bot.core.cross_terms import CrossSeen
from bot.core.making import maker
from bot.core.policy_terms import Signs

ZERO: Final = Decimal(0)
ONE: Final = Decimal(1)
DAY_MS: Final = 86_400_000
BOOK_LEVELS: Final = 10  # of each side of a visible book are looked at, and kept on record
NO_LIQUIDATION: Final = Decimal("Infinity")  # a value of its own: there is no liquidation price; never 0, never unknown


class Side(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell: what one filled contract adds to the signed position."""
        return 1 if self is Side.BUY else -1


class Kind(StrEnum):
    INVERSE = "inverse"  # a contract is a fixed number of USD, settled in coin (domain.md §1)
    LINEAR = "linear"  # a contract is a fixed number of coins, settled in USDT (domain.md §7a)


class Basis(StrEnum):
    COINS = "coins"
    VALUE = "value"


INVERSE: Final = Kind.INVERSE  # asked for many times a turn; to look a member up by its class takes as long as to multiply
COINS: Final = Basis.COINS


def settle_of(symbol: str) -> str:
    """The currency of a contract's margin: X of X/USD:X, USDT of X/USDT:USDT."""
    return symbol.rpartition(":")[2]


class Specified:
    """A place for a contract's specification, which is asked for several times a turn and made once."""

    __slots__ = ("_spec",)
    _spec: "ContractSpec"


@dataclass(frozen=True, slots=True)
class Instrument(Specified):
    """One perpetual contract, as the venue specifies it."""

    symbol: str  # "BTC/USD:BTC"
    asset: str  # "BTC"
    kind: Kind
    settle: str  # the currency of margin, fees and funding: "BTC" or "USDT"
    contract_size: Decimal  # of one count: USD for an inverse contract, coins for a linear one
    tick: Decimal  # USD per coin; every limit price is an exact multiple
    maker_fee_rate: Decimal  # of notional; negative is a rebate
    taker_fee_rate: Decimal
    maintenance_rate: Decimal  # m of domain.md §3
    min_contracts: int = 1
    min_notional_usd: Decimal = ZERO
    lot: Decimal = ONE  # how many of the venue's own contracts one count is
    funding_interval_hours: int = 8
    max_contracts: int | None = None  # of one limit order; None where the venue names none

    @property
    def spec(self) -> "ContractSpec":
        try:
            made = self._spec
        except AttributeError:
            made = ContractSpec(
                self.symbol, self.kind, self.settle, self.contract_size, self.tick, self.lot, self.min_contracts, self.min_notional_usd
            )
            object.__setattr__(self, "_spec", made)
        return made


@dataclass(frozen=True, slots=True)
class ContractSpec:
    """What an order's numbers mean. It is pinned when a contract is first seen (pin.py); fees are no part of it."""

    symbol: str
    kind: Kind
    settle: str
    contract_size: Decimal
    tick: Decimal
    lot: Decimal
    min_contracts: int
    min_notional_usd: Decimal


@dataclass(frozen=True, slots=True)
class Quote:
    symbol: str
    mark: Decimal
    index: Decimal | None
    bid: Decimal
    ask: Decimal
    funding_rate: Decimal | None  # of the running interval; positive means a short receives
    at_ms: int  # the venue's stamp


Levels = tuple[tuple[Decimal, int], ...]  # price and contracts, best price first


@dataclass(frozen=True, slots=True)
class Depth:
    """The visible book next to the touch, at most BOOK_LEVELS of each side. What rests of our own orders is among it."""

    bids: Levels
    asks: Levels
    at_ms: int

    def resting(self, side: Side) -> Levels:
        """Where orders of this side rest: sells are the asks."""
        return self.asks if side is Side.SELL else self.bids


@dataclass(frozen=True, slots=True)
class Position:
    symbol: str
    contracts: int  # signed: short is negative
    entry_price: Decimal | None  # None when flat or not told
    leverage_setting: Decimal | None  # the venue's setting; says nothing about safety (domain.md §1 L)
    at_ms: int


@dataclass(frozen=True, slots=True)
class Margin:
    """The futures account in one settle currency."""

    currency: str
    wallet: Decimal  # C: without unrealised profit
    equity: Decimal  # Q: with unrealised profit of every position settled in this currency
    at_ms: int


class OrderStatus(StrEnum):
    """States of an order; the table of moves is in machine.py."""

    PLANNED = "PLANNED"
    INTENT = "INTENT"
    SIGNED = "SIGNED"
    ACKED = "ACKED"
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"
    REJECTED = "REJECTED"
    ABSENT = "ABSENT"
    DRY_RUN = "DRY_RUN"

    @property
    def terminal(self) -> bool:
        return self in TERMINAL


TERMINAL: Final = frozenset(
    {OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED, OrderStatus.ABSENT, OrderStatus.DRY_RUN}
)


class TransferStatus(StrEnum):
    """What became of a transfer of collateral between the venue's spot wallet and the account; the table of moves is in machine.py."""

    INTENT = "INTENT"  # on record, nothing is known of it yet
    DRY_RUN = "DRY_RUN"
    UNKNOWN = "UNKNOWN"  # it may have happened
    DONE = "DONE"  # the venue says so, and the account has not shown it yet
    SEEN = "SEEN"  # the account shows it
    REFUSED = "REFUSED"
    ABSENT = "ABSENT"  # it was not sent, or is proven never to have reached the venue

    @property
    def terminal(self) -> bool:
        return self in {TransferStatus.DRY_RUN, TransferStatus.SEEN, TransferStatus.REFUSED, TransferStatus.ABSENT}


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the venue shows it."""

    client_id: str  # "" where the venue shows none: then it is not ours
    venue_id: str
    symbol: str
    side: Side
    contracts: int
    filled: int
    limit_price: Decimal
    status: OrderStatus  # ACKED, OPEN, PARTIAL, FILLED, CANCELLED, EXPIRED or REJECTED
    reduce_only: bool
    post_only: bool
    at_ms: int
    why: str = ""  # the venue's reason for an end that nobody asked for ("post-only would take", "margin")


@dataclass(frozen=True, slots=True)
class Fill:
    trade_id: str  # unique within (account, symbol)
    client_id: str  # "" for a fill without one: a foreign order, a liquidation
    symbol: str
    side: Side
    contracts: int
    price: Decimal
    fee_coins: Decimal  # in settle currency; positive is paid
    maker: bool
    at_ms: int
    liquidation: bool = False
    fee_told: bool = True  # by the venue; False: worked out from a rate that may not be the one that was charged


@dataclass(frozen=True, slots=True)
class FundingPayment:
    payment_id: str  # unique within (account, symbol)
    symbol: str
    rate: Decimal
    mark: Decimal  # of the settlement
    coins: Decimal  # in settle currency; positive is received
    at_ms: int


class TargetSource(StrEnum):
    OPERATOR = "operator"
    DOCUMENT = "document"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Target:
    asset: str
    ratio: Decimal
    source: TargetSource
    until_ms: int | None = None  # exclusive end; None holds until changed


# ---------------------------------------------------------------------------------------------------------------- what was seen


@dataclass(frozen=True, slots=True)
class Ask:
    """What to read of one instrument in the next look."""

    symbol: str
    fills_since_ms: int  # inclusive
    funding_since_ms: int  # inclusive
    client_ids: tuple[str, ...] = ()  # our unfinished orders: find each of them by id
    levels: int = 0  # of the visible book; 0: it is not wanted


@dataclass(frozen=True, slots=True)
class View:
    """What one look at the venue showed of one instrument. A part that could not be read is None and named in `errors`."""

    instrument: Instrument
    quote: Quote | None = None
    position: Position | None = None
    margin: Margin | None = None
    open_orders: tuple[Order, ...] | None = None  # every open order of the symbol, ours and foreign
    found: tuple[Order, ...] | None = None  # those of Ask.client_ids that the venue knows, in any status
    fills: tuple[Fill, ...] | None = None
    funding: tuple[FundingPayment, ...] | None = None
    errors: tuple[str, ...] = ()
    depth: Depth | None = None  # also None, without an error, where the venue has no book to read


@dataclass(frozen=True, slots=True)
class Sourced:
    """What one source of the bag says. `coins` may be held over from an earlier read: then `error` says why, and the stamps are of that."""

    asset: str
    name: str
    coins: Decimal | None  # None is UNKNOWN
    at_ms: int | None = None  # when the read that showed them was begun
    mono_ms: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class SpotSeen:
    """What lies of an asset in the venue's own wallet beside the account, and what the venue tells of the one transfer that was asked
    about: DONE, REFUSED, UNKNOWN (under way), ABSENT (it shows none); None: it was not asked, or did not tell."""

    asset: str
    coins: Decimal | None  # None is UNKNOWN
    found: TransferStatus | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a decision may know about the world."""

    now_ms: int
    mono_ms: int
    views: tuple[View, ...]
    bag: tuple[tuple[str, Decimal | None], ...]  # asset, coins outside the account as declared or read; None is UNKNOWN
    documents: tuple[Target, ...] | None = ()  # targets of the target document; None: one is configured and cannot be trusted now
    kill_file: bool | None = False  # None: it could not be read
    signs: tuple[Signs, ...] = ()  # what was measured for the policies, at the last closed candle
    sources: tuple[Sourced, ...] = ()  # what is read of the bag; counted in `bag`
    crosses: tuple[CrossSeen, ...] = ()  # assets that another one's leg carries
    spots: tuple[SpotSeen, ...] = ()  # wallets beside the account, of assets whose collateral the bot may move

    def spot(self, asset: str) -> SpotSeen | None:
        return next((spot for spot in self.spots if spot.asset == asset), None)

    def view(self, symbol: str) -> View | None:
        for view in self.views:
            if view.instrument.symbol == symbol:
                return view
        return None

    def bag_coins(self, asset: str) -> Decimal | None:
        for name, coins in self.bag:
            if name == asset:
                return coins
        return None

    def read_coins(self, asset: str) -> Decimal | None:
        """The part of the bag that sources show; None where one of them is UNKNOWN, and where nothing is read."""
        if not self.sources:
            return None
        shown = [source.coins for source in self.sources if source.asset == asset]
        known = [coins for coins in shown if coins is not None]
        return sum(known, ZERO) if known and len(known) == len(shown) else None

    def cross(self, asset: str) -> CrossSeen:
        return next(
            (seen for seen in self.crosses if seen.asset == asset),
            CrossSeen(asset, unpriced="it was not read", unmeasured="it was not read"),
        )

    def signs_of(self, asset: str) -> Signs | None:
        return next((signs for signs in self.signs if signs.asset == asset), None)


quoted: Final = maker(Quote)
positioned: Final = maker(Position)
margined: Final = maker(Margin)
ordered: Final = maker(Order)
asked: Final = maker(Ask)
viewed: Final = maker(View)
snapshot: Final = maker(Snapshot)
targeted: Final = maker(Target)
