"""What has to be known about a venue? The form that every quirk sheet fills in; facts and pure functions, no request is made here.

A request is described by a `Call`; the exchange makes it and hands the answers back to the sheet's `read_…`. Times are milliseconds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import wraps
from typing import Any, Final, Generic, TypeVar

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import Listed, Malformed, Misfit
from adapters.exchanges.outcomes import Codes
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved, Transfer
from bot.core.model import Depth, Fill, FundingPayment, Margin, Order, Position, Quote, TransferStatus

T = TypeVar("T")
LONGEST_REASON: Final = 200
HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Call:
    """One request by the name of ccxt's implicit method."""

    method: str
    params: tuple[tuple[str, Any], ...] = ()
    weight: int = 1  # against the venue's allowance
    optional: bool = False  # its answer may be missing: it is then None

    @property
    def as_dict(self) -> dict[str, Any]:
        return {name: list(value) if isinstance(value, tuple) else value for name, value in self.params}


def call(method: str, weight: int = 1, /, **params: Any) -> Call:
    return Call(method, tuple(params.items()), weight)


def status_code(status: int | None) -> tuple[str, ...]:
    """An HTTP status as a code; a good one says nothing."""
    return () if status is None or 200 <= status < 300 else (f"http:{status}",)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a history, and what asks for the next one; `more` is None at its end."""

    items: tuple[T, ...]
    more: str | None = None
    reached_ms: int | None = None  # the oldest row, whatever contract it is of, where a page holds those of others too


@dataclass(frozen=True, slots=True)
class Placed:
    """What the answer to a placement tells: the order itself, or only that it was taken, or the venue's code for why not."""

    venue_id: str = ""
    shown: Order | None = None
    code: str = ""  # of a refusal that arrives as a success


@dataclass(frozen=True, slots=True)
class Account:
    """What the venue tells about the account and the key; None: it does not tell."""

    one_way: bool | None = None
    cross: bool | None = None
    may_trade: bool | None = None
    may_withdraw: bool | None = None
    may_transfer: bool | None = None  # between the spot wallet and the account


@dataclass(frozen=True, slots=True)
class Notes:
    """What a person wants to know of a venue and no request shows: each a sentence or two; docs/venues.md is written from them."""

    contract: str  # which contracts fit, and what is checked of them
    amount: str  # the unit of `amount`
    position: str  # how a position is told
    equity: str  # where the equity, with unrealised profit, stands
    client_id: str  # how our id travels, and what makes it unique
    look_up: str  # how an order is found by it
    post_only: str  # its spelling, and what a post-only order that would take becomes
    reduce_only: str  # its spelling, and that of immediate-or-cancel
    environments: str  # how they are told apart, and what is missing
    fees: str  # where the rates come from


@dataclass(frozen=True, slots=True)
class ByOrder:
    """How fills are read where the venue tells them for one order at a time only."""

    orders: Callable[[Listed, int, int], tuple[Call, ...]]  # since, now: every order that may have traded meanwhile
    read_orders: Callable[[Listed, object], tuple[Order, ...]]
    fills: Callable[[Listed, str], Call]  # of one order, by the venue's id


def full_hour(since_ms: int) -> int:
    """The hour that has begun. Where one question tells of all contracts, legs whose cursors lie moments apart ask it together."""
    return since_ms - since_ms % HOUR_MS


Bodies = Sequence[object]  # the answers to the calls of one question, in their order


def careful(read: Callable[..., T]) -> Callable[..., T]:
    """An answer of a shape that its reader never expected is malformed, like one with a wrong number in it."""

    @wraps(read)
    def reading(*arguments: Any) -> T:
        try:
            return read(*arguments)
        except (Malformed, Misfit):
            raise
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise Malformed(f"an answer of another shape ({type(error).__name__}: {error})"[:LONGEST_REASON]) from error

    return reading


@dataclass(frozen=True, slots=True)
class Transfers:
    """How coins move between the venue's spot wallet and the account whose margin the hedge is on."""

    spot: Callable[[str], Call]  # of an asset: what lies in the wallet
    read_spot: Callable[[str, object], Decimal]
    ask: Callable[[Transfer], Call]
    read_asked: Callable[[Transfer, object], TransferStatus]  # DONE, UNKNOWN (under way) or REFUSED
    find: Callable[[Transfer], Call]  # the venue's history, by our id
    read_found: Callable[[Transfer, object], TransferStatus]  # those, or ABSENT
    refused: Mapping[str, str]  # the venue's code for why not → in our words
    exists: frozenset[str] = frozenset()  # the venue knows this id already
    absent: frozenset[str] = frozenset()  # to a look-up: there is none of this id

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name.startswith("read_"):
                object.__setattr__(self, field.name, careful(getattr(self, field.name)))


@dataclass(frozen=True, slots=True)
class Venue:
    """One quirk sheet."""

    name: str
    title: str  # for people
    ccxt_id: str
    tested: bool  # proven on the wire; without that, arming needs venue.untested_ok
    hedges: str  # what it can hedge, and what not, in a sentence
    places: Mapping[str, Place]  # by environment
    writes: Mapping[tuple[str, str], Errand]
    options: Callable[[bool], Mapping[str, Any]]  # of ccxt; with linear contracts?
    allowance: Allowance
    absence_ms: int  # how long, and
    absence_polls: int  # how often an order must be missing before it counts as never made
    funding: str  # sign, interval and source, in a sentence
    dead_man: str  # the dead man's switch for orders, in a sentence
    leverage_note: str  # what the leverage and margin calls do, in a sentence
    transfer_right: str  # which right of a key moves collateral, and whether the bot uses it, in a sentence
    notes: Notes
    codes: Codes

    # the contract
    contract: Callable[[Mapping[str, Any]], Listed]
    client_id: Callable[[str], str]  # the venue's spelling; raise ValueError where it has none

    # reading
    time: Call
    read_time: Callable[[object], int]
    quote: Callable[[Listed], tuple[Call, ...]]
    read_quote: Callable[[Listed, Bodies, int], Quote]  # and our clock when it was asked, for a venue without a stamp
    position: Callable[[Listed], tuple[Call, ...]]
    read_position: Callable[[Listed, Bodies, int], Position]
    margin: Callable[[Listed], tuple[Call, ...]]
    read_margin: Callable[[Listed, Bodies, int], Margin]
    open_orders: Callable[[Listed, str | None], Call]
    read_open_orders: Callable[[Listed, object], Page[Order]]
    find: Callable[[Listed, str], tuple[Call, ...]]  # asked one after the other until one shows the order
    read_found: Callable[[Listed, str, object], Order | None]
    fills: Callable[[Listed, int, int, str | None], Call]  # since, now, page
    read_fills: Callable[[Listed, object], Page[Fill]]
    payments: Callable[[Listed, int, int, str | None], tuple[Call, ...]]  # (): the venue has no history
    read_payments: Callable[[Listed, Bodies], Page[FundingPayment]]
    account: Callable[[Listed], tuple[Call, ...]]
    read_account: Callable[[Listed, Bodies, str], Account]  # an answer that could not be read is None; and our API key
    fees: Callable[[Listed], tuple[Call, ...]]  # (): only those of the list of contracts are known
    read_fees: Callable[[Listed, Bodies], tuple[Decimal, Decimal]]  # maker, taker

    # acting
    place: Callable[[Listed, Approved], Call]
    read_placed: Callable[[Listed, Approved, object], Placed]
    cancel: Callable[[Listed, str, str], Call]  # client id, venue id
    read_cancelled: Callable[[object], str]  # "" if it was asked, else the venue's code
    leverage: Callable[[Listed, int], Call | None]  # None: it has no such call, or one that does more than its name says

    depth: Callable[[Listed, int], Call] | None = None  # the visible book, of so many levels; None: it is not read here
    read_depth: Callable[[Listed, object, int, int], Depth] | None = None  # and how many levels, and our clock when it was asked
    countdown: Callable[[Listed, int], Call] | None = None  # the dead man's switch: milliseconds, 0 stops it
    countdown_reaches: Call | None = None  # every open order it would end, where it reaches beyond our contracts
    read_reached: Callable[[object], tuple[str, ...]] | None = None  # their client ids, "" without one
    get_reads: tuple[str, ...] = ()  # private GETs begin with one of these, where the venue also changes things by GET
    cancels_by_venue_id: bool = False
    fills_name_orders: bool = True  # False: a fill tells the venue's order id only
    order_of_fill: Callable[[Listed, str], Call] | None = None  # then this asks for the order
    forced: Callable[[str], bool] = lambda own: False  # is this the client id of an order that the venue itself made, to liquidate?
    span_ms: int | None = None  # the longest stretch of a history that one question may cover; None: any
    reach_ms: int | None = None  # how far back the histories go; None: to the beginning
    lists_spot: bool = False  # beside contracts, where ccxt is told to load spot markets too
    dates_trades: bool = False  # what ccxt calls the time of a ticker is that of the last trade
    payments_are_dear: bool = False  # few may be asked for: only once the wallet has moved, and now and then
    find_more: Callable[[Call, object], Call | None] = lambda asked, body: None  # where a look-up goes on whose answer has not shown it
    fills_by_order: Callable[[Listed], ByOrder | None] | None = None  # where `fills` cannot be asked for a contract as a whole
    needs_passphrase: bool = False
    price_stream: str = ""  # ccxt's watcher of a contract's price; "": this bot listens to no websocket there
    order_stream: str = ""  # and of the account's own orders
    transfers: Transfers | None = None  # None: `transfer_right` says why not
    never_armed: str = ""  # why orders are never sent there, whatever the configuration says

    def __post_init__(self) -> None:
        for field in fields(self):
            if field.name.startswith("read_") and (read := getattr(self, field.name)) is not None:
                object.__setattr__(self, field.name, careful(read))
