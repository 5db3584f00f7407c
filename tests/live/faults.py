"""What goes wrong between a bot and its venue? Each case bends the venue before every run; the hedge must come out the same."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.live.desk import STRICT, SYMBOLS, Desk
from tests.venue_server import Core

LAGGING: Final = (1_500, 6)  # longer than the lags below
LATER_THAN_THE_CLIENT_WAITS_MS: Final = 10_400
ORDER_READS: Final = ("read-open-orders", "read-order", "read-closed-orders", "read-trades")
DUPLICATE: Final = {"bybit": "110072", "okx": "51016", "krakenfutures": "clientOrderIdAlreadyExist", "binancecoinm": "-4116"}
NOBODY_KNOWS: Final = {"bybit": "10016", "okx": "50004", "deribit": "13028", "krakenfutures": "Server Error", "binancecoinm": "-1000"}
NO_MARGIN: Final = {
    "bybit": "110007", "okx": "51008", "deribit": "10009", "krakenfutures": "insufficientAvailableFunds", "binancecoinm": "-2019",
}  # fmt: skip
PAGES: Final = tuple({"kind": "status", "status": status} for status in (500, 502, 503, 504, 520))
GARBAGE: Final = tuple({"kind": kind} for kind in ("html", "empty", "null", "braces", "truncate"))
Strike = Callable[[Desk], None]


@dataclass(frozen=True, slots=True)
class Case:
    strike: Strike  # before each run
    prepare: Strike = lambda desk: None  # once
    absence: tuple[int, int] = STRICT
    core: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False  # it mostly waits
    happens: str = "place"  # the class of requests that the fault must have met; "": it is no fault of a request
    not_at: Mapping[str, str] = field(default_factory=dict)  # venue → why it cannot happen there


def on(kind: str, where: str = "place", count: int = 2, **more: Any) -> Strike:
    return lambda desk: desk.server.faults.add(kind, where, count=count, **more)  # type: ignore[arg-type]


def in_turn(*faults: Mapping[str, Any], accepted: bool) -> Strike:
    """Two of them in each run, one for each order; over the runs everyone is there. What was not taken is tried again: then all at once."""

    def strike(desk: Desk) -> None:
        first = 2 * desk.runs if accepted else 0
        chosen = [faults[(first + n) % len(faults)] for n in range(2 if accepted else len(faults))]
        for fault in chosen:
            desk.server.faults.add(where="place", accepted=accepted, **fault)

    return strike


def coded(codes: Mapping[str, str], **more: Any) -> Strike:
    return lambda desk: desk.server.faults.add("error", "place", count=2, code=codes[desk.server.venue], **more)


def lagging(desk: Desk) -> None:
    desk.server.faults.read_lag = dict.fromkeys(ORDER_READS, 2)


def once_connected(*strikes: Strike) -> Strike:
    """From the first look on; before it the account is checked, and a check that fails is another matter."""

    def strike(desk: Desk) -> None:
        def begin(_: Core) -> None:
            for one in strikes:
                one(desk)

        desk.server.meanwhile("read-trades", begin)

    return strike


def stale(*endpoints: str) -> Strike:
    def strike(desk: Desk) -> None:
        for endpoint in endpoints:
            desk.server.faults.add("stale", endpoint, count=6)

    return once_connected(strike)


def both(*strikes: Strike) -> Strike:
    def strike(desk: Desk) -> None:
        for one in strikes:
            one(desk)

    return strike


def moved_away(desk: Desk) -> None:
    """Just before the order arrives the book moves through its price, and comes back after it was refused."""

    def jump(core: Core) -> None:
        for symbol in SYMBOLS:
            quote = core.quotes[symbol]
            was = quote.bid, quote.ask
            quote.bid, quote.ask = (quote.mark * 2, quote.mark * 3) if quote.ask == quote.mark else (quote.mark / 3, quote.mark / 2)
            asyncio.get_running_loop().call_soon(back, quote, was)

    def back(quote: Any, was: tuple[Any, Any]) -> None:
        quote.bid, quote.ask = was

    for _ in range(2):
        desk.server.meanwhile("place", jump)


def impatient(desk: Desk) -> None:
    desk.ttl = "0.3"


def taken_while_cancelled(share: int) -> Strike:
    """Nobody takes the order until its cancel is on the way; then somebody takes 1/share of it."""

    def strike(desk: Desk) -> None:
        desk.market.takes = False

        def take(core: Core) -> None:
            for order in core.open_orders():
                if order.price is not None:
                    core.trade_through(order.symbol, order.price, order.units // share)
            desk.market.takes = True

        desk.server.meanwhile("cancel", take)

    return strike


def taken_after_the_cancel(kind: str, **more: Any) -> Strike:
    """Nobody takes the order until its cancel has failed in this way."""

    def strike(desk: Desk) -> None:
        desk.market.after_cancels = len(desk.server.asked("cancel")) + 2
        desk.server.faults.add(kind, "cancel", count=2, **more)  # type: ignore[arg-type]

    return strike


def in_parts(desk: Desk) -> None:
    desk.market.parts = 3


def thrown_out(desk: Desk) -> None:
    """Two orders are taken, shown open, and then ended as if they had never been allowed in."""
    desk.market.thrown_out = 2


def from_afar(desk: Desk) -> None:
    desk.server.delay_ms = 60


ONLY_ONE_ORDER: Final = {"deribit": "it takes a label twice: it knows no duplicates"}
PLACING: Final[dict[str, Case]] = {
    "nothing": Case(lambda desk: None, happens=""),
    "lost acknowledgement, ids unique for ever": Case(on("lost_ack"), core={"unique_ids": "ever"}),
    "lost acknowledgement, ids unique while open": Case(on("lost_ack"), core={"unique_ids": "open"}),
    "lost acknowledgement, ids never unique": Case(on("lost_ack"), core={"unique_ids": "never"}),
    "dropped and reset before acceptance": Case(in_turn({"kind": "drop"}, {"kind": "reset"}, accepted=False)),
    "reset after acceptance": Case(on("reset")),
    "hang after acceptance": Case(on("delay", delay_ms=LATER_THAN_THE_CLIENT_WAITS_MS, count=1), slow=True),
    "hang before acceptance": Case(
        on("delay", delay_ms=LATER_THAN_THE_CLIENT_WAITS_MS, count=1, accepted=False), absence=LAGGING, slow=True
    ),
    "delivered twice": Case(on("twice"), not_at=ONLY_ONE_ORDER),
    "slow venue": Case(lambda desk: None, prepare=from_afar, happens=""),
    "post-only refused": Case(moved_away, happens=""),
}  # fmt: skip
ANSWERS: Final[dict[str, Case]] = {
    "429": Case(on("status", status=429, retry_after_s=1)),
    "418": Case(on("status", status=418, retry_after_s=3)),  # longer than is waited out: each turn says that the venue is silent
    "403 of the gate": Case(on("status", status=403, retry_after_s=3)),
    "500, 502, 503, 504, 520": Case(in_turn(*PAGES, accepted=False)),
    "500, 502, 503, 504, 520 after acceptance": Case(in_turn(*PAGES, accepted=True)),
    "307": Case(on("status", status=307)),
    "307 after acceptance": Case(on("status", status=307, accepted=True)),
    "200 with a page, nothing, null, {}, half an answer": Case(in_turn(*GARBAGE, accepted=True)),
    "200 with a page, nothing, null, {}, and nothing taken": Case(in_turn(*GARBAGE[:4], accepted=False)),
    "duplicate id answered": Case(coded(DUPLICATE, accepted=True), not_at=ONLY_ONE_ORDER),
    "server error": Case(coded(NOBODY_KNOWS)),
    "server error after acceptance": Case(coded(NOBODY_KNOWS, accepted=True)),
    "refused for want of margin": Case(coded(NO_MARGIN)),
    "maintenance": Case(on("maintenance")),
}
READING: Final[dict[str, Case]] = {
    "stale positions": Case(stale("read-position"), absence=LAGGING, happens="read-position"),
    "stale open orders": Case(stale("read-open-orders"), absence=LAGGING, happens="read-open-orders"),
    "stale trades": Case(stale("read-trades"), absence=LAGGING, happens="read-trades"),
    "stale account": Case(stale("read-position", "read-open-orders", "read-trades"), absence=LAGGING, happens="read-trades"),
    "orders and trades shown late": Case(lagging, absence=LAGGING, happens=""),
    "lost acknowledgement, shown late": Case(both(on("lost_ack"), lagging), absence=LAGGING),
    "unreadable account": Case(once_connected(on("status", "read", count=12, status=503)), happens="read-position"),
    "garbled account": Case(once_connected(on("html", "read", count=12)), happens="read-position"),
    "truncated account": Case(once_connected(on("truncate", "read", count=12)), happens="read-position"),
}
TRADING: Final[dict[str, Case]] = {
    "partial fills": Case(lambda desk: None, prepare=in_parts, happens=""),
    "partial fills, lost acknowledgement": Case(on("lost_ack"), prepare=in_parts),
    "taken, and then called a post-only violation": Case(thrown_out, happens=""),
    "filled while cancelled": Case(taken_while_cancelled(1), prepare=impatient, happens=""),
    "half filled while cancelled": Case(taken_while_cancelled(2), prepare=impatient, happens=""),
    "lost cancel answer": Case(taken_after_the_cancel("lost_ack"), prepare=impatient, happens="cancel"),
    "dropped cancel": Case(taken_after_the_cancel("drop"), prepare=impatient, happens="cancel"),
    "503 to a cancel": Case(taken_after_the_cancel("status", status=503), prepare=impatient, happens="cancel"),
    "garbage for a cancel": Case(taken_after_the_cancel("html"), prepare=impatient, happens="cancel"),
}
CASES: Final = {"placing": PLACING, "answers": ANSWERS, "reading": READING, "trading": TRADING}
