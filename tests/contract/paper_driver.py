"""The paper exchange, put through the contract suite."""

from decimal import Decimal
from typing import Literal

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_faults import Fault, Trouble
from adapters.exchanges.paper_ledger import Spot, units_down
from bot.core.decision import Approved, Transfer
from bot.core.model import ZERO, Instrument, Kind, Side
from bot.ports import NotSent
from tests.contract.driver import D, VenueUnderTest, Wanted

START_MS = 1_700_000_000_000


class Shut:
    """A gate that lets everything pass until it is closed."""

    why: str | None = None

    def check(self, order: Approved | Transfer | None) -> None:
        if self.why is not None:
            raise NotSent(self.why)


class PaperUnderTest:
    def __init__(self, wanted: Wanted, matching: Literal["book", "print"], url: str, latency_ms: int) -> None:
        fee_rates = (D("0.0002"), D("0.0005")) if wanted.fees else (ZERO, ZERO)
        self.inverse = Instrument(
            "BTC/USD:BTC", "BTC", Kind.INVERSE, "BTC", wanted.contract_size, D("0.1"), *fee_rates, wanted.maintenance_rate
        )
        self.linear = Instrument("ABC/USDT:USDT", "ABC", Kind.LINEAR, "USDT", D(1), D("0.01"), *fee_rates, wanted.maintenance_rate)
        self.clock = VirtualClock(START_MS)
        self.began_ms = START_MS
        self.gate = Shut()
        self.exchange = PaperExchange(
            self.clock,
            url,
            {"BTC": wanted.price, "ABC": wanted.linear_price},
            wanted.collateral,
            matching=matching,
            instruments=[self.inverse, self.linear],
            latency_ms=latency_ms,
            synchronous="OFF",
            gate=self.gate,
        )
        self.most_at_touch = 1001 if matching == "book" else None  # twice the average depth of 50,000 USD in contracts of 100

    async def market(self, price: Decimal, instrument: Instrument | None = None) -> None:
        await self.wait(1000)
        self.exchange.print((instrument or self.inverse).asset, price, self.clock.now_ms())

    async def others_take(self, contracts: int, price: Decimal, side: Side) -> None:
        beyond = price + self.inverse.tick * side.sign  # through the queue ahead of us, at our price
        self.exchange.others_trade(self.inverse.symbol, side, contracts, beyond)

    async def deposit(self, currency: str, amount: Decimal) -> None:
        self.exchange.deposit(currency, amount)

    async def hold_beside(self, currency: str, amount: Decimal) -> None:
        self.exchange._venue.spots[currency] = Spot(currency, units_down(amount))

    async def settle_funding(self, rate: Decimal, instrument: Instrument | None = None) -> None:
        await self.wait(1000)
        self.exchange.settle_funding((instrument or self.inverse).asset, rate, self.clock.now_ms())

    async def stranger_orders(self, side: Side, contracts: int, price: Decimal) -> None:
        self.exchange.manual_order(self.inverse.symbol, side, contracts, price)

    async def stranger_trades(self, side: Side, contracts: int) -> None:
        self.exchange.manual_trade(self.inverse.symbol, side, contracts)

    def lose_next_request(self) -> None:
        self.exchange.faults.add(Fault(Trouble.PLACE_LOST))

    def lose_next_answer(self) -> None:
        self.exchange.faults.add(Fault(Trouble.PLACE_ANSWER_LOST))

    def refuse_connection_once(self) -> None:
        self.exchange.faults.add(Fault(Trouble.PLACE_NOT_SENT))

    def reject_next(self) -> None:
        self.exchange.faults.add(Fault(Trouble.PLACE_REJECTED))

    def lose_next_cancel_answer(self) -> None:
        self.exchange.faults.add(Fault(Trouble.CANCEL_ANSWER_LOST))

    def lose_next_transfer(self) -> None:
        self.exchange.faults.add(Fault(Trouble.TRANSFER_LOST))

    def lose_next_transfer_answer(self) -> None:
        self.exchange.faults.add(Fault(Trouble.TRANSFER_ANSWER_LOST))

    def refuse_transfers(self) -> None:
        self.exchange.faults.add(Fault(Trouble.TRANSFER_REFUSED, times=100))

    def transfers_made(self) -> int:
        return len(self.exchange._venue.carried)

    def fail_next_read(self, part: str) -> None:
        self.exchange.faults.add(Fault(Trouble.READ_FAILS, part=part))

    def close_gate(self, why: str) -> None:
        self.gate.why = why

    async def wait(self, duration_ms: int) -> None:
        await self.clock.sleep_ms(duration_ms)


def conforms(venue: PaperUnderTest) -> VenueUnderTest:
    return venue
