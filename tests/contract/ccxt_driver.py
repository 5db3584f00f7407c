"""The real venues' adapters, put through the contract suite: the unmodified ccxt client against a server that speaks each venue's wire."""

import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from adapters.ccxt_client import IN_FLIGHT, Keys
from adapters.exchanges.ccxt_exchange import CcxtExchange
from adapters.exchanges.ccxt_open import open_venue
from adapters.request_budget import Errand
from bot.core.model import ZERO, Instrument, Side
from tests.contract.driver import D, VenueUnderTest, Wanted
from tests.contract.paper_driver import Shut
from tests.venue_server import KEY, PASSPHRASE, SECRET, VenueServer, serve

INVERSE, LINEAR = "BTC/USD:BTC", "SOL/USDT:USDT"
ENVIRONMENT: Final = {"bybit": "testnet", "deribit": "testnet", "okx": "demo", "krakenfutures": "demo", "binancecoinm": "demo"}
NO_MARGIN: Final = {  # how each venue says that the margin does not suffice
    "bybit": "110007", "deribit": "10009", "okx": "51008", "krakenfutures": "insufficientAvailableFunds", "binancecoinm": "-2019",
}  # fmt: skip
READS: Final[dict[str, dict[str, str]]] = {  # what in an address belongs to which part of a view
    "bybit": {
        "quote": "market/tickers", "position": "position/list", "margin": "wallet-balance",
        "open_orders": "order/realtime(?!.*orderLinkId)",
        "found": "order/realtime.*orderLinkId", "fills": "execution/list(?!.*Funding)", "funding": "execution/list.*Funding",
    },
    "deribit": {
        "quote": "public/ticker", "position": "get_positions", "margin": "get_account_summary", "open_orders": "get_open_orders",
        "found": "get_order_state", "fills": "get_user_trades", "funding": "get_transaction_log",
    },
    "okx": {
        "quote": "market/ticker", "position": "account/positions", "margin": "account/balance", "open_orders": "orders-pending",
        "found": "trade/order[?]", "fills": "fills-history", "funding": "bills-archive",
    },
    "krakenfutures": {
        "quote": "v3/tickers", "position": "openpositions", "margin": "v3/accounts", "open_orders": "openorders",
        "found": "orders/status", "fills": "v3/fills", "funding": "account-log",
    },
    "binancecoinm": {
        "quote": "bookTicker", "position": "positionRisk", "margin": "v1/account[?]", "open_orders": "openOrders",
        "found": "v1/order[?]", "fills": "userTrades", "funding": "income",
    },
}  # fmt: skip

NO_LINEAR: Final = "it lists no contract settled in USDT"
NO_LEVERAGE: Final = "it has no leverage setting that leaves the margin mode alone"
TRIMMED: Final = "a venue takes a reduce-only order of any size and trims it when it trades: it never crosses zero either way"
EVERYWHERE: Final = {
    "test_fees_are_paid_in_coin_rounded_up_maker_and_taker": "venues book fees with more digits than the paper exchange",
    "test_reduce_only_may_close_the_position_and_no_more[{venue}-11-False]": TRIMMED,
    "test_reduce_only_is_trimmed_to_a_smaller_position": TRIMMED,
    "test_reduce_only_ends_when_there_is_nothing_left_to_reduce": TRIMMED,
}
LINEAR_TESTS: Final = dict.fromkeys(
    [
        "test_a_linear_entry_is_the_arithmetic_mean",
        "test_views_come_in_the_order_asked",
        "test_V26_a_linear_short_gains_pays_and_dies_in_usdt",
    ],
    NO_LINEAR,
)
LEVERAGE_TESTS: Final = dict.fromkeys(
    [
        "test_nothing_is_placed_through_a_closed_gate",
        "test_an_order_needs_its_initial_margin",
        "test_working_orders_tie_up_margin_too",
        "test_the_leverage_setting_is_shown_and_bounded",
        "test_lowering_the_leverage_below_what_the_position_needs_is_refused",
    ],
    NO_LEVERAGE,
)
DIFFERENCES: Final[dict[str, dict[str, str]]] = {  # venue → test → why it is otherwise there; a difference that is gone fails too
    "bybit": {},
    "okx": {},
    "deribit": {
        **LINEAR_TESTS,
        **LEVERAGE_TESTS,
        "test_a_failed_read_is_none_and_named_and_the_rest_is_there[deribit-position]": "the wallet needs the positions too",
    },
    "krakenfutures": {**LINEAR_TESTS, **LEVERAGE_TESTS},
    "binancecoinm": {
        **LINEAR_TESTS,
    },
}


def difference(venue: str, test: str, with_parameters: str) -> str | None:
    """Why this venue is known to do otherwise in this test; None: it may not."""
    known = {name.format(venue=venue): why for name, why in EVERYWHERE.items()} | DIFFERENCES[venue]
    return known.get(with_parameters) or known.get(test)


class Clock:
    """Real time, shifted by what a test or the budget sleeps: server and client share it."""

    shift_ms = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.shift_ms

    def mono_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self.shift_ms

    async def sleep_ms(self, duration_ms: int) -> None:
        self.shift_ms += max(0, duration_ms)


class Wires:
    """Between the client and its connections: leads one request astray, to a closed port or to an address that is not served."""

    headers: Final[dict[str, str]] = {}

    def __init__(self, real: Any) -> None:
        self.real = real
        self.refuse_placement = False
        self.fail_read = ""

    def bent(self, url: Any) -> Any:
        if self.refuse_placement and IN_FLIGHT.get().errand is Errand.PLACE:
            self.refuse_placement = False
            return url.with_port(1)
        if self.fail_read and IN_FLIGHT.get().errand is Errand.READ and re.search(self.fail_read, str(url)):
            self.fail_read = ""
            return url.with_path("/not/served")
        return url

    def get(self, url: Any, **more: Any) -> Any:
        return self.real.get(self.bent(url), **more)

    def post(self, url: Any, **more: Any) -> Any:
        return self.real.post(self.bent(url), **more)

    def delete(self, url: Any, **more: Any) -> Any:
        return self.real.delete(self.bent(url), **more)


class CcxtUnderTest:
    inverse: Instrument
    linear: Instrument
    most_at_touch: int | None = 1001

    def __init__(self, name: str, server: VenueServer, clock: Clock) -> None:
        self.name, self.server, self.core, self.clock = name, server, server.core, clock
        self.began_ms = clock.now_ms()
        self.gate = Shut()
        keys = Keys(KEY, SECRET, PASSPHRASE)
        self.exchange: CcxtExchange = open_venue(
            name,
            ENVIRONMENT[name],
            keys,
            clock,
            self.gate,
            base_url=server.base_url,
            linear=LINEAR in server.core.contracts,
            absence=(0, 1),
        )
        api: Any = self.exchange.client._api
        api.milliseconds = clock.now_ms
        self.sessions = api.session
        self.wires = Wires(api.session)
        api.session = self.wires

    async def market(self, price: Decimal, instrument: Instrument | None = None) -> None:
        await self.wait(1000)
        self.set_price((instrument or self.inverse).symbol, price)

    def set_price(self, symbol: str, price: Decimal) -> None:
        tick = self.core.contracts[symbol].tick
        below = (price / tick).to_integral_value("ROUND_CEILING") * tick - tick
        above = (price / tick).to_integral_value("ROUND_FLOOR") * tick + tick
        self.core.set_price(symbol, price, bid=below, ask=above)  # whoever rests in the way trades in full
        quote = self.core.quotes[symbol]
        quote.bid_units = quote.ask_units = 1000

    async def others_take(self, contracts: int, price: Decimal, side: Side) -> None:
        self.core.trade_through(INVERSE, price, contracts)

    async def deposit(self, currency: str, amount: Decimal) -> None:
        self.core.deposit(currency, amount)

    async def hold_beside(self, currency: str, amount: Decimal) -> None:
        self.core.funding_wallets[currency] = amount

    async def settle_funding(self, rate: Decimal, instrument: Instrument | None = None) -> None:
        await self.wait(1000)
        symbol = (instrument or self.inverse).symbol
        if self.core.position(symbol).units:
            self.core.settle_funding(symbol, rate)

    async def stranger_orders(self, side: Side, contracts: int, price: Decimal) -> None:
        self.core.stranger_order(INVERSE, side.value, contracts, price)

    async def stranger_trades(self, side: Side, contracts: int) -> None:
        self.core.stranger_trade(INVERSE, side.value, contracts)

    def lose_next_request(self) -> None:
        self.server.faults.add("drop", "place")

    def lose_next_answer(self) -> None:
        self.server.faults.add("lost_ack", "place")

    def refuse_connection_once(self) -> None:
        self.wires.refuse_placement = True

    def reject_next(self) -> None:
        self.server.faults.add("error", "place", code=NO_MARGIN[self.name])

    def lose_next_cancel_answer(self) -> None:
        self.server.faults.add("lost_ack", "cancel")

    def lose_next_transfer(self) -> None:
        self.server.faults.add("drop", "transfer")

    def lose_next_transfer_answer(self) -> None:
        self.server.faults.add("lost_ack", "transfer")

    def refuse_transfers(self) -> None:
        self.server.wire.rights.transfer = False

    def transfers_made(self) -> int:
        return len(self.core.transfers)

    def fail_next_read(self, part: str) -> None:
        self.wires.fail_read = READS[self.name][part]

    def close_gate(self, why: str) -> None:
        self.gate.why = why

    async def wait(self, duration_ms: int) -> None:
        self.clock.shift_ms += duration_ms

    async def close(self) -> None:
        await self.exchange.close()
        await self.sessions.close()


def resized(server: VenueServer, wanted: Wanted) -> None:
    """One count of the inverse contract is worth what the suite counts with, spelled in the venue's own unit."""
    core = server.core
    size, tick = wanted.contract_size, D("0.1")
    spelled = {"bybit": (size, D(1)), "deribit": (size, D(10))}.get(server.venue, (D(1), size))  # lot and contract size
    core.contracts[INVERSE] = replace(core.contracts[INVERSE], unit=size, lot=spelled[0], size=spelled[1], tick=tick, max_leverage=100)
    if LINEAR in core.contracts:
        core.contracts[LINEAR] = replace(core.contracts[LINEAR], unit=D(1), lot=D(1), size=D(1), tick=D("0.01"))


@asynccontextmanager
async def under_test(name: str, wanted: Wanted) -> AsyncIterator[VenueUnderTest]:
    clock = Clock()
    fees = (D("0.0002"), D("0.0005")) if wanted.fees else (ZERO, ZERO)
    async with serve(
        name,
        environment=ENVIRONMENT[name],
        now_ms=clock.now_ms,
        maker_fee=fees[0],
        taker_fee=fees[1],
        maintenance_rate=wanted.maintenance_rate,
    ) as server:
        resized(server, wanted)
        server.core.default_leverage = max(10, server.core.default_leverage)  # the vectors reach 5
        for currency, amount in wanted.collateral.items():
            server.core.deposit(currency, amount)
        venue = CcxtUnderTest(name, server, clock)
        try:
            venue.set_price(INVERSE, wanted.price)
            symbols = [INVERSE]
            if LINEAR in server.core.contracts:
                venue.set_price(LINEAR, wanted.linear_price)
                symbols.append(LINEAR)
            found = await venue.exchange.connect(symbols)
            venue.inverse = found[INVERSE]
            venue.linear = found.get(LINEAR, replace(venue.inverse, symbol=LINEAR, settle="USDT"))
            yield venue
        finally:
            await venue.close()
