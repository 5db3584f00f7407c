"""How is the paper venue written down? The venue's parts as rows, and rows as the venue's parts, in paper_store.py."""

import sqlite3
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy.exc import DatabaseError
from sqlmodel import SQLModel

from adapters.exchanges.paper_feed import Anchor, Founding, Opened
from adapters.exchanges.paper_ledger import Carried, Market, Spot, Totals, VenueOrder, Wallet, coins, units_down, units_even
from adapters.exchanges.paper_store import (
    REMEDY,
    SCHEMA,
    PaperFill,
    PaperFunding,
    PaperLeg,
    PaperMarket,
    PaperOrder,
    PaperSpot,
    PaperStore,
    PaperTransfer,
    PaperVenue,
    PaperWallet,
    Row,
    StaleState,
)
from adapters.exchanges.paper_venue import KEPT, Venue
from bot.core.model import Fill, FundingPayment, OrderStatus, Side
from bot.ports import Misconfigured, NotSent


class Records:
    """A Keeper in a SQLite database. Raise Misconfigured if it is not usable."""

    def __init__(self, url: str, founding: Founding, synchronous: Literal["FULL", "NORMAL", "OFF"]) -> None:
        self.url = url
        self.store = PaperStore(url, synchronous=synchronous)
        try:
            self.opened = found(self.store, founding)
        except BaseException as error:
            self.store.close()
            if problem := self.unusable(error):
                raise problem from error
            raise

    def load(self, venue: Venue) -> None:
        load(self.store, venue)

    def changed_elsewhere(self) -> bool:
        return self.store.changed_elsewhere()

    def commit(self, venue: Venue) -> bool:
        try:
            self.store.commit(changed(venue, self.opened))
        except StaleState:
            return False
        except (sqlite3.Error, DatabaseError) as error:
            raise NotSent(f"paper: the paper database did not take the change ({cause(error)}); nothing happened, try again") from error
        return True

    def fills_since(self, symbol: str, since_ms: int) -> tuple[Fill, ...]:
        return tuple(fill(row) for row in self._since(PaperFill, symbol, since_ms))

    def payments_since(self, symbol: str, since_ms: int) -> tuple[FundingPayment, ...]:
        return tuple(payment(row) for row in self._since(PaperFunding, symbol, since_ms))

    def _since(self, model: type[SQLModel], symbol: str, since_ms: int) -> list[Row]:
        store = self.store
        return store.rows(model, store.column(model, "symbol") == symbol, store.column(model, "at_ms") >= since_ms)

    def order_of(self, client_id: str) -> VenueOrder | None:
        row = self.store.order_of(client_id)
        return order(row) if row is not None else None

    def unusable(self, error: BaseException) -> Misconfigured | None:
        if isinstance(error, (sqlite3.Error, DatabaseError)):
            return Misconfigured(f"paper: {self.url} cannot be written: {cause(error)}. {REMEDY}")
        return None

    def close(self) -> None:
        self.store.close()


def cause(error: Exception) -> str:
    return str(error.orig) if isinstance(error, DatabaseError) else str(error)


def found(store: PaperStore, founding: Founding) -> Opened:
    """What the venue in this database began with; makes it if the database is new, lists assets that it did not have yet, and funds
    accounts and spot wallets likewise. What is there already is not funded again."""
    while True:
        store.acknowledge()
        opened, rows = _begin(store, founding)
        try:
            if rows:
                store.commit(rows)
            return opened
        except StaleState:  # another process made it in between
            continue


def _begin(store: PaperStore, founding: Founding) -> tuple[Opened, list[tuple[type[SQLModel], list[Row]]]]:
    venues = store.rows(PaperVenue)
    markets = {row["asset"]: row for row in store.rows(PaperMarket)}
    rows: list[tuple[type[SQLModel], list[Row]]] = []
    if venues:
        venue = venues[0]
    else:
        venue = {
            "id": 1,
            "version": SCHEMA,
            "seed": founding.seed,
            "born_ms": founding.now_ms,
            "now_ms": founding.now_ms,
            "next_seq": 1,
            "collateral": {},
        }
        rows = [(PaperVenue, [venue])]
    funded = {row["currency"] for row in store.rows(PaperWallet)}
    if posted := {currency: amount for currency, amount in founding.collateral.items() if currency not in funded}:
        wallets = [Wallet(currency, units_down(amount), deposited=units_down(amount)) for currency, amount in posted.items()]
        venue = {**venue, "collateral": {**venue["collateral"], **{currency: str(amount) for currency, amount in posted.items()}}}
        rows = [(PaperVenue, [venue]), (PaperWallet, [_wallet(wallet) for wallet in wallets])]
    fresh = [
        _market(Market(asset, price, founding.now_ms, price, founding.now_ms))
        for asset, price in founding.prices.items()
        if asset not in markets
    ]
    if fresh:
        rows.append((PaperMarket, fresh))
        markets.update({row["asset"]: row for row in fresh})
    kept = {row["currency"] for row in store.rows(PaperSpot)}
    if beside := [
        _spot(Spot(currency, units_down(amount))) for currency, amount in founding.spot.items() if amount and currency not in kept
    ]:
        rows.append((PaperSpot, beside))
    opened = Opened(
        new=not venues,
        seed=venue["seed"],
        born_ms=venue["born_ms"],
        anchors={asset: Anchor(row["anchor_price"], row["anchor_ms"]) for asset, row in markets.items()},
        collateral={currency: Decimal(amount) for currency, amount in venue["collateral"].items()},
    )
    return opened, rows


def load(store: PaperStore, venue: Venue) -> None:
    """Fill an empty venue with the state last committed."""
    store.acknowledge()
    head = store.rows(PaperVenue)[0]
    venue.now_ms, venue.next_seq = head["now_ms"], head["next_seq"]
    for row in store.rows(PaperMarket):
        venue.markets[row["asset"]] = Market(**row)
    for row in store.rows(PaperWallet):
        venue.wallets[row["currency"]] = Wallet(**row)
    for row in store.rows(PaperSpot):
        venue.spots[row["currency"]] = Spot(**row)
    for row in store.rows(PaperTransfer):
        venue.carried[row["transfer_id"]] = Carried(**row)
    for row in store.rows(PaperLeg):
        leg = venue.leg(row["symbol"])
        leg.position, leg.entry, leg.leverage = row["position"], row["entry"], row["leverage"]
        leg.funded_ms, leg.eaten = row["funded_ms"], row["eaten"]
        leg.totals = Totals(**{name: row[name] for name in Totals.__slots__})
        leg.reshape()
        symbol = store.column(PaperFill, "symbol") == row["symbol"]
        leg.fills = [fill(one) for one in store.rows(PaperFill, symbol, newest=KEPT)]
        leg.fills_from_ms = leg.fills[0].at_ms + 1 if len(leg.fills) == KEPT else 0
        symbol = store.column(PaperFunding, "symbol") == row["symbol"]
        leg.payments = [payment(one) for one in store.rows(PaperFunding, symbol, newest=KEPT)]
        leg.payments_from_ms = leg.payments[0].at_ms + 1 if len(leg.payments) == KEPT else 0
    working = store.column(PaperOrder, "status").in_((OrderStatus.OPEN.value, OrderStatus.PARTIAL.value))
    for row in store.rows(PaperOrder, working):
        working_order = order(row)
        venue.leg(working_order.symbol).orders.append(working_order)
        venue.remember(working_order)


def changed(venue: Venue, opened: Opened) -> list[tuple[type[SQLModel], list[Row]]]:
    """The rows of everything that changed, and of the venue's clock, counter and prices."""
    changes = venue.changes
    head = {
        "id": 1,
        "version": SCHEMA,
        "seed": opened.seed,
        "born_ms": opened.born_ms,
        "now_ms": venue.now_ms,
        "next_seq": venue.next_seq,
        "collateral": {currency: str(amount) for currency, amount in opened.collateral.items()},
    }
    return [
        (PaperVenue, [head]),
        (PaperMarket, [_market(market) for market in venue.markets.values()]),
        (PaperWallet, [_wallet(wallet) for wallet in changes.wallets.values()]),
        (PaperSpot, [_spot(spot) for spot in changes.spots.values()]),
        (PaperTransfer, [{name: getattr(one, name) for name in Carried.__slots__} for one in changes.carried]),
        (PaperOrder, [_order(one) for one in changes.orders.values()]),
        (PaperFill, [_fill(seq, one) for seq, one in changes.fills]),
        (PaperFunding, [_payment(seq, one) for seq, one in changes.payments]),
        (
            PaperLeg,
            [
                {
                    "symbol": leg.spec.symbol,
                    "position": leg.position,
                    "entry": leg.entry,
                    "leverage": leg.leverage,
                    "funded_ms": leg.funded_ms,
                    "eaten": leg.eaten,
                    **{name: getattr(leg.totals, name) for name in Totals.__slots__},
                }
                for leg in changes.legs.values()
            ],
        ),
    ]


def order(row: Row) -> VenueOrder:
    values: dict[str, Any] = {
        **row,
        "client_id": row["client_id"] or "",
        "side": Side(row["side"]),
        "status": OrderStatus(row["status"]),
    }
    return VenueOrder(**values)


def fill(row: Row) -> Fill:
    values = {name: value for name, value in row.items() if name not in ("seq", "fee", "side")}
    return Fill(trade_id=f"t{row['seq']}", fee_coins=coins(row["fee"]), side=Side(row["side"]), **values)


def payment(row: Row) -> FundingPayment:
    return FundingPayment(
        payment_id=f"f{row['at_ms']}",
        symbol=row["symbol"],
        rate=row["rate"],
        mark=row["mark"],
        coins=coins(row["units"]),
        at_ms=row["at_ms"],
    )


def _wallet(wallet: Wallet) -> Row:
    return {name: getattr(wallet, name) for name in ("currency", "units", "deposited", "realised", "fees", "funding", "insured")}


def _spot(spot: Spot) -> Row:
    return {name: getattr(spot, name) for name in Spot.__slots__}


def _market(market: Market) -> Row:
    return {name: getattr(market, name) for name in ("asset", "price", "at_ms", "anchor_price", "anchor_ms", "pushed_rate")}


def _order(one: VenueOrder) -> Row:
    return {
        "seq": one.seq,
        "client_id": one.client_id or None,
        "symbol": one.symbol,
        "side": one.side.value,
        "contracts": one.contracts,
        "filled": one.filled,
        "limit_price": one.limit_price,
        "reduce_only": one.reduce_only,
        "post_only": one.post_only,
        "rests": one.rests,
        "at_ms": one.at_ms,
        "status": one.status.value,
        "ahead": one.ahead,
        "why": one.why,
        "code": one.code,
    }


def _fill(seq: int, one: Fill) -> Row:
    return {
        "seq": seq,
        "client_id": one.client_id,
        "symbol": one.symbol,
        "side": one.side.value,
        "contracts": one.contracts,
        "price": one.price,
        "fee": units_even(one.fee_coins),
        "maker": one.maker,
        "at_ms": one.at_ms,
        "liquidation": one.liquidation,
    }


def _payment(seq: int, one: FundingPayment) -> Row:
    return {"seq": seq, "symbol": one.symbol, "rate": one.rate, "mark": one.mark, "units": units_even(one.coins), "at_ms": one.at_ms}
