"""How is Deribit different? Orders are GETs, amounts are USD, sizes are signed, labels need not be unique, and profit is settled daily.

Sources: docs.deribit.com (private/buy, get_order_state_by_label, get_account_summary, get_positions, get_transaction_log).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from adapters.ccxt_client import Place
from adapters.exchanges.ccxt_translate import (
    Listed,
    Malformed,
    depth,
    entry,
    fit,
    instrument,
    mapping,
    money,
    named,
    normal,
    optional,
    price,
    rate_of,
    rows,
    side,
    signed,
    stamp,
    truth,
)
from adapters.exchanges.outcomes import Codes
from adapters.exchanges.venues.sheet import Account, Bodies, Call, Notes, Page, Placed, Venue, call, status_code
from adapters.request_budget import Allowance, Errand
from bot.core.decision import Approved
from bot.core.model import ZERO, Depth, Fill, FundingPayment, Kind, Margin, Order, OrderStatus, Position, Quote

STATUS: Final = {
    "open": OrderStatus.OPEN,
    "filled": OrderStatus.FILLED,
    "cancelled": OrderStatus.CANCELLED,
    "rejected": OrderStatus.REJECTED,
    "untriggered": OrderStatus.OPEN,
    "triggered": OrderStatus.CANCELLED,  # another order stands for it from then on
}
STEP: Final = Decimal("0.000000000001")  # of a coin: what is below came from the venue's binary sums
AHEAD_MS: Final = 60_000  # an end of a history is required: far enough ahead of any clock
NOBODY: Final = frozenset({"", "user_request", "user"})  # ends that somebody asked for need no explanation


def contract(market: Mapping[str, Any]) -> Listed:
    """`amount` is USD, a multiple of the minimum (10 on BTC); the contract size ccxt shows would count it ten times."""
    if fit(market) is not Kind.INVERSE:
        raise Malformed("Deribit settles its linear contracts in USDC, which this bot does not hedge with")
    info = mapping(market, "info")
    step = info.get("min_trade_amount")
    return Listed(
        instrument(
            market,
            step=step,
            size="1",
            maker=money(info.get("maker_commission", "0"), "the maker fee"),
            taker=money(info.get("taker_commission", "0.0005"), "the taker fee"),
            maintenance=Decimal("0.01"),
            hours=8,
        ),
        named(market.get("id"), "the market id"),
        normal(price(step, "the lot")),
    )


def client_id(own: str) -> str:
    if not 0 < len(own) <= 64:
        raise ValueError("a label has 1 to 64 characters")
    return own


def asked_at(body: object) -> int:
    """The venue's stamp of an answer: microseconds."""
    return stamp(money(mapping(body).get("usOut"), "the time of the answer") // 1000)


# ------------------------------------------------------------------------------------------------------------------ reading


def read_quote(listed: Listed, bodies: Bodies, asked_ms: int) -> Quote:
    ticker = mapping(bodies[0], "result")
    if ticker.get("instrument_name") != listed.market_id:
        raise Malformed("the ticker is another contract's")
    return Quote(
        symbol=listed.instrument.symbol,
        mark=price(ticker.get("mark_price"), "the mark"),
        index=optional(ticker.get("index_price"), "the index"),
        bid=price(ticker.get("best_bid_price"), "the bid"),
        ask=price(ticker.get("best_ask_price"), "the ask"),
        funding_rate=optional(ticker.get("funding_8h"), "the funding rate"),
        at_ms=stamp(ticker.get("timestamp")),
    )


def read_depth(listed: Listed, body: object, most: int, asked_ms: int) -> Depth:
    book = mapping(body, "result")
    if book.get("instrument_name") != listed.market_id:
        raise Malformed("the book is another contract's")
    return depth(listed, book.get("bids"), book.get("asks"), most, stamp(book.get("timestamp")))


def read_position(listed: Listed, bodies: Bodies, asked_ms: int) -> Position:
    """The size is signed USD; a contract that is not listed among the positions is flat, and so is one with direction `zero`."""
    held = [item for item in rows(bodies[0], "result") if item.get("instrument_name") == listed.market_id]
    if len(held) > 1:
        raise Malformed(f"{listed.market_id} has {len(held)} positions")
    contracts = 0
    if held:
        size, way = listed.counts(held[0].get("size"), "the position"), held[0].get("direction")
        if (way == "zero") != (size == 0) and way not in {"buy", "sell"}:
            raise Malformed(f"a position of {size} has direction {way!r}")
        contracts = signed(size, way)
    return Position(
        symbol=listed.instrument.symbol,
        contracts=contracts,
        entry_price=entry(held[0].get("average_price"), contracts) if held else None,
        leverage_setting=None,  # there is none to set
        at_ms=asked_at(bodies[0]),
    )


def read_margin(listed: Listed, bodies: Bodies, asked_ms: int) -> Margin:
    """Deribit moves profit into `balance` every day at 08:00 UTC. The wallet of our books moves only with fills, fees, funding and
    transfers, so what was settled of positions that are still open, and funding not yet booked, is taken out of it again."""
    summary, held = mapping(bodies[0], "result"), rows(bodies[1], "result")
    if summary.get("currency") != listed.instrument.settle:
        raise Malformed("the account is another currency's")
    equity = money(summary.get("equity"), "the equity")
    unsettled = money(summary.get("session_upl", "0"), "the profit of the session")
    settled = unbooked = ZERO
    for item in held:
        if item.get("kind") == "future":
            total = money(item.get("total_profit_loss", "0"), "the profit")
            settled += total - money(item.get("floating_profit_loss", total), "the profit of the session")
            unbooked += money(item.get("realized_funding", "0"), "the funding of the session")
    wallet = (equity - unsettled - settled - unbooked).quantize(STEP)
    return Margin(listed.instrument.settle, wallet, equity, asked_at(bodies[0]))


def order(listed: Listed, shown: Mapping[str, Any]) -> Order:
    word = str(shown.get("order_state"))
    if word not in STATUS:
        raise Malformed(f"an order is {word!r}")
    status, filled = STATUS[word], listed.counts(shown.get("filled_amount"), "the filled amount")
    if status is OrderStatus.OPEN and filled:
        status = OrderStatus.PARTIAL
    limit = shown.get("price")
    reason = str(shown.get("cancel_reason") or "")
    return Order(
        client_id=str(shown.get("label") or ""),
        venue_id=named(shown.get("order_id"), "the order id"),
        symbol=listed.instrument.symbol,
        side=side(shown.get("direction")),
        contracts=listed.counts(shown.get("amount")),
        filled=filled,
        limit_price=ZERO if limit == "market_price" else money(limit, "the limit"),
        status=status,
        reduce_only=truth(shown.get("reduce_only")),
        post_only=truth(shown.get("post_only")),
        at_ms=stamp(shown.get("creation_timestamp")),
        why="" if reason in NOBODY else reason,
    )


def orders(listed: Listed, found: object) -> list[Order]:
    return [order(listed, item) for item in rows(found) if item.get("instrument_name") == listed.market_id]


def read_found(listed: Listed, own: str, body: object) -> Order | None:
    """Labels are not unique: of several, the one that still works, else the newest."""
    found = [item for item in orders(listed, mapping(body).get("result")) if item.client_id == own]
    return max(found, key=lambda item: (not item.status.terminal, item.at_ms, item.venue_id), default=None)


def fills(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> Call:
    return call(
        "privateGetGetUserTradesByInstrumentAndTime", instrument_name=listed.market_id, start_timestamp=int(page or since_ms),
        end_timestamp=now_ms + AHEAD_MS, count=1000, include_old="true", sorting="asc",
    )  # fmt: skip


def read_fills(listed: Listed, body: object) -> Page[Fill]:
    shown = rows(body, "result", "trades")
    found = [
        Fill(
            trade_id=named(item.get("trade_id"), "the trade id"),
            client_id=str(item.get("label") or ""),
            symbol=listed.instrument.symbol,
            side=side(item.get("direction")),
            contracts=listed.counts(item.get("amount"), "the traded amount"),
            price=price(item.get("price"), "the traded price"),
            fee_coins=money(item.get("fee"), "the fee"),
            maker=item.get("liquidity") == "M",
            at_ms=stamp(item.get("timestamp")),
            liquidation=item.get("liquidation") in {"M", "T", "MT"} or item.get("order_type") == "liquidation",
        )
        for item in shown
        if item.get("instrument_name") == listed.market_id
    ]
    return Page(tuple(found), str(found[-1].at_ms) if found and truth(mapping(body, "result").get("has_more")) else None)


def payments(listed: Listed, since_ms: int, now_ms: int, page: str | None) -> tuple[Call, ...]:
    more = {"continuation": int(page)} if page else {}
    return (
        call(
            "privateGetGetTransactionLog", currency=listed.instrument.settle, start_timestamp=since_ms, end_timestamp=now_ms + AHEAD_MS,
            query="settlement", count=250, **more,
        ),
    )  # fmt: skip


def read_payments(listed: Listed, bodies: Bodies) -> Page[FundingPayment]:
    """Funding accrues continuously; the daily settlement books it as `interest_pl`. There is no other history of it."""
    found = []
    for item in rows(bodies[0], "result", "logs"):
        coins = optional(item.get("interest_pl"), "the funding")
        if item.get("instrument_name") != listed.market_id or item.get("type") != "settlement" or not coins:
            continue
        mark = optional(item.get("mark_price"), "the mark of the settlement") or optional(item.get("price")) or ZERO
        size = listed.counts(item.get("position", "0"), "the position of the settlement")
        found.append(
            FundingPayment(
                named(item.get("id"), "the payment id"), listed.instrument.symbol, rate_of(coins, mark, listed, size), mark, coins,
                stamp(item.get("timestamp")),
            )
        )  # fmt: skip
    more = mapping(bodies[0], "result").get("continuation")
    return Page(tuple(found), str(more) if more else None)


def read_account(listed: Listed, bodies: Bodies, api_key: str) -> Account:
    """Positions are always net and margin is always shared within a currency."""
    scope = None
    if bodies[0] is not None:
        scope = next((str(item.get("max_scope")) for item in rows(bodies[0], "result") if item.get("client_id") == api_key), None)
    return Account(
        one_way=True,
        cross=True,
        may_trade=None if scope is None else "trade:read_write" in scope,
        may_withdraw=None if scope is None else "wallet:read_write" in scope,
    )


# ------------------------------------------------------------------------------------------------------------------ acting


def place(listed: Listed, wanted: Approved) -> Call:
    resting = {"post_only": "true", "reject_post_only": "true"} if wanted.post_only else {}
    return call(
        f"privateGet{wanted.side.value.capitalize()}", instrument_name=listed.market_id, amount=listed.amount(wanted.contracts),
        type="limit", price=format(wanted.limit_price, "f"), label=client_id(wanted.client_id),
        time_in_force="good_til_cancelled" if wanted.post_only else "immediate_or_cancel", **resting,
        **({"reduce_only": "true"} if wanted.reduce_only else {}),
    )  # fmt: skip


def read_placed(listed: Listed, wanted: Approved, body: object) -> Placed:
    shown = order(listed, mapping(body, "result", "order"))
    if shown.client_id != wanted.client_id:
        raise Malformed("the answer is about another order")
    return Placed(shown.venue_id, shown)


def read_cancelled(body: object) -> str:
    named(mapping(body, "result").get("order_id"), "the order id")
    return ""


def read_codes(status: int | None, body: object) -> tuple[str, ...]:
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return status_code(status)
    code, words = str(error.get("code")), f"{error.get('message')} {error.get('data')}"
    return (*((f"{code} reduce_only",) if "reduce_only" in words else ()), code, *status_code(status))


DERIBIT: Final = Venue(
    name="deribit",
    title="Deribit",
    price_stream="watch_ticker",
    ccxt_id="deribit",
    tested=True,
    hedges="inverse perpetuals on BTC and ETH, in steps of 10 and 1 USD; its linear contracts are settled in USDC and are not used",
    places={
        "testnet": Place("sandbox", frozenset({"test.deribit.com"}), stream_hosts=frozenset({"test.deribit.com"})),
        "production": Place("none", frozenset({"www.deribit.com"}), stream_hosts=frozenset({"www.deribit.com"})),
    },
    writes={("GET", "buy"): Errand.PLACE, ("GET", "sell"): Errand.PLACE, ("GET", "cancel"): Errand.CANCEL},
    get_reads=("get_", "list_api_keys"),
    options=lambda linear: {},
    allowance=Allowance(burst=100, per_second=20),
    absence_ms=120_000,  # a request has no receive window here
    absence_polls=3,
    funding="accrues continuously and is booked at 08:00 UTC; the rate shown is that of 8 hours, and a positive one pays a short",
    dead_man="none over REST (only over the websocket)",
    leverage_note="there is no leverage setting; margin is shared within a currency",
    transfer_right=(
        "none but wallet:read_write, which withdraws too: the bot does not ask for it"
    ),
    notes=Notes(
        contract="`BTC/USD:BTC` and `ETH/USD:ETH` perpetuals: traded now, settled in their own coin",
        amount="USD, a multiple of the smallest trade (10 on BTC, 1 on ETH); the contract size that ccxt shows would count it ten times",
        position="signed USD of the row of the contract; direction zero or no row is flat",
        equity="`equity` of the currency; what the daily settlement moved into the balance is taken out of the wallet again",
        client_id="label, up to 64 characters, not unique at the venue: the bot never signs one twice",
        look_up="orders of the currency by label; of several, the one that still works, else the newest",
        post_only="post_only with reject_post_only; an order that would take is refused (11054)",
        reduce_only="reduce_only true; immediate-or-cancel is time_in_force immediate_or_cancel",
        environments=(
            "testnet has a host and accounts of its own; orders are GET requests, so each goes over a fresh connection and is never "
            "repeated"
        ),
        fees="those of the list of contracts",
    ),
    codes=Codes(
        read=read_codes,
        refused={
            "10009": "margin", "11054": "post-only", "11030 reduce_only": "reduce-only", "13004": "auth", "13009": "auth", "13021": "auth",
            "10000": "auth", "10028": "rate-limit", "http:429": "rate-limit", "10002": "contracts", "10021": "contracts",
            "10043": "precision", "10005": "price-limit", "10006": "price-limit", "10007": "price-limit", "10008": "price-limit",
            "10041": "symbol", "13020": "symbol",
        },
        gone=frozenset({"10004", "10010", "11008", "11044"}),
        absent=frozenset({"10004"}),
        troubles={
            "13004": "key", "13009": "key", "13021": "rights", "10028": "rate", "10047": "rate", "11051": "down", "13028": "down",
            "13888": "down",
        },
    ),
    contract=contract,
    client_id=client_id,
    time=call("publicGetGetTime"),
    read_time=lambda body: stamp(mapping(body).get("result")),
    quote=lambda listed: (call("publicGetTicker", instrument_name=listed.market_id),),
    read_quote=read_quote,
    depth=lambda listed, most: call("publicGetGetOrderBook", instrument_name=listed.market_id, depth=most),
    read_depth=read_depth,
    position=lambda listed: (call("privateGetGetPositions", currency=listed.instrument.settle),),
    read_position=read_position,
    margin=lambda listed: (
        call("privateGetGetAccountSummary", currency=listed.instrument.settle),
        call("privateGetGetPositions", currency=listed.instrument.settle),
    ),
    read_margin=read_margin,
    open_orders=lambda listed, page: call("privateGetGetOpenOrdersByInstrument", instrument_name=listed.market_id),
    read_open_orders=lambda listed, body: Page(
        tuple(item for item in orders(listed, mapping(body).get("result")) if not item.status.terminal)
    ),
    find=lambda listed, own: (call("privateGetGetOrderStateByLabel", currency=listed.instrument.settle, label=own),),
    read_found=read_found,
    fills=fills,
    read_fills=read_fills,
    payments=payments,
    read_payments=read_payments,
    account=lambda listed: (call("privateGetListApiKeys"),),
    read_account=read_account,
    fees=lambda listed: (),  # the list of contracts names them
    read_fees=lambda listed, bodies: (listed.instrument.maker_fee_rate, listed.instrument.taker_fee_rate),
    place=place,
    read_placed=read_placed,
    cancel=lambda listed, own, venue_id: call("privateGetCancel", order_id=venue_id),
    read_cancelled=read_cancelled,
    leverage=lambda listed, times: None,
    cancels_by_venue_id=True,
)  # fmt: skip
