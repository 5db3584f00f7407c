"""What is asked of the venue, and what became of it? Each order is sent once; whatever happens, its outcome is an event."""

from dataclasses import dataclass, field

from bot.core import machine
from bot.core.decision import Approved, Decision, Transfer
from bot.core.events import CancelAsked, Event, Halted, TransferMoved, order_moved
from bot.core.model import Order, OrderStatus, TransferStatus
from bot.lasting import Lasting
from bot.ports import Clock, Exchange, Mover, NotSent, PortError, Refused, Unknown
from bot.witness import Witness


@dataclass(frozen=True, slots=True)
class Hands:
    """The only ones that touch the venue."""

    exchange: Exchange
    clock: Clock
    witness: Witness
    lasting: Lasting
    mover: Mover | None = None
    halts: list[Halted] = field(default_factory=list)  # that follow from answers and are not on record yet

    async def cancel(self, decision: Decision) -> list[Event]:
        """Ask for the end of orders. A cancel that did not go out is asked for again by the next decision."""
        asked: list[Event] = []
        clock = self.clock
        for cancel in decision.cancels:
            try:
                await self.exchange.cancel(cancel.symbol, cancel.client_id)
                asked.append(CancelAsked(cancel.client_id, cancel.symbol, cancel.why, clock.now_ms(), clock.mono_ms()))
            except PortError as error:
                self.witness.api_error(type(error).__name__, f"cancel of {cancel.client_id}: {error}; it is asked for again next turn")
        return asked

    async def set_leverage(self, decision: Decision) -> dict[str, str]:
        """Assets whose setting could not be made, with the reason: their orders are not sent."""
        failed: dict[str, str] = {}
        for call in decision.leverage:
            try:
                await self.exchange.set_leverage(call.symbol, call.leverage)
            except PortError as error:
                self.heard(error)
                failed[call.asset] = f"leverage {call.leverage} could not be set on {call.symbol}: {error}"
                self.witness.api_error(type(error).__name__, failed[call.asset])
        return failed

    async def place(self, order: Approved) -> list[Event]:
        """Send one order, once, and say what became of it; UNKNOWN unless somebody's word proves otherwise."""
        clock = self.clock
        began = clock.mono_ms()
        try:
            shown = await self.exchange.place(order)
        except NotSent as error:
            return self.moved(order, OrderStatus.ABSENT, 0, f"not sent: {error}")
        except Refused as error:
            self.heard(error)
            self.witness.api_error("Refused", f"{order.client_id}: {error}")
            return self.moved(order, OrderStatus.REJECTED, 0, str(error))
        except Unknown as error:
            self.witness.api_error("Unknown", f"{order.client_id}: {error}")
            return self.moved(order, OrderStatus.UNKNOWN, 0, str(error))
        except Exception as error:  # whatever it was, the order may exist
            self.witness.api_error("Unknown", f"{order.client_id}: {error!r}")
            return self.moved(order, OrderStatus.UNKNOWN, 0, repr(error))
        self.heard(None)
        self.witness.acked(clock.mono_ms() - began)
        return self.moved(order, shown.status, shown.filled, shown.why, shown)

    async def transfer(self, wanted: Transfer) -> TransferMoved:
        """Ask for one transfer, once, and say what became of it; UNKNOWN unless somebody's word proves otherwise. A refusal is no reason
        to halt: a key without this right may trade all the same."""
        clock, now, why = self.clock, TransferStatus.DONE, ""
        try:
            if self.mover is None:
                raise NotSent("this venue moves no collateral")
            await self.mover.transfer(wanted)
        except NotSent as error:
            now, why = TransferStatus.ABSENT, f"not sent: {error}"
        except Refused as error:
            now, why = TransferStatus.REFUSED, str(error)
            self.witness.api_error("Refused", f"{wanted.transfer_id}: {error}")
        except Exception as error:  # whatever it was, the coins may have moved
            now, why = TransferStatus.UNKNOWN, str(error) if isinstance(error, PortError) else repr(error)
            self.witness.api_error("Unknown", f"{wanted.transfer_id}: {why}")
        was = TransferStatus.INTENT
        return TransferMoved(wanted.transfer_id, wanted.asset, wanted.coins, was, now, why, clock.now_ms(), clock.mono_ms())

    def heard(self, error: PortError | None) -> None:
        self.halts.extend(self.lasting.answered(error, self.clock.now_ms()))

    def take_halts(self) -> list[Halted]:
        taken = list(self.halts)
        self.halts.clear()
        return taken

    def moved(self, order: Approved, now: OrderStatus, filled: int, why: str, shown: Order | None = None) -> list[Event]:
        clock = self.clock
        events: list[Event] = []
        was = OrderStatus.INTENT
        direct = now is OrderStatus.ABSENT
        path = (now,) if direct else machine.order_path(OrderStatus.SIGNED, now)
        for status in path if direct else (OrderStatus.SIGNED, *path):
            events.append(
                order_moved(
                    client_id=order.client_id,
                    symbol=order.symbol,
                    was=was,
                    now=status,
                    filled=filled if status is now else 0,
                    why=why if status is now else "",
                    at_ms=clock.now_ms(),
                    mono_ms=clock.mono_ms(),
                    venue_id=shown.venue_id if shown is not None else "",
                    asset=order.asset,
                )
            )
            was = status
        return events
