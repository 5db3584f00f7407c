"""What is shown outside the database? Every row that counts becomes a log line and a counter, the newest head of the chain with it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog

from bot.core.decision import Approved
from bot.core.events import (
    AlertRaised,
    DecisionMade,
    Event,
    FillSeen,
    FundingSeen,
    Halted,
    IntentRecorded,
    LegHalted,
    OrderMoved,
    TransferIntended,
    TransferMoved,
)
from bot.core.model import OrderStatus, TransferStatus
from bot.ports import AuditLog

if TYPE_CHECKING:
    from bot.metrics import Metrics  # a replay has none, and loads none

log = structlog.get_logger("hedgebot")
LOOK_FIRST: Final = "look at it, then `hedgebot rearm --reason …`"
KEPT_REFERENCES: Final = 50  # own orders whose fills may still come


class Witness:
    def __init__(self, audit: AuditLog, metrics: "Metrics | None") -> None:
        self.audit = audit
        self.metrics = metrics
        self._references: dict[str, Approved] = {}  # own orders by client id, for slippage
        self._waiting: list[Event] = []
        self._log = log.bind()  # once: a replay shows nothing of what would be hundreds of thousands of lines, and a line not shown is free

    def show_later(self, events: Sequence[Event]) -> None:
        """On record, and an order waits to be sent: a line takes a tenth of what a commit does. Whatever is shown next comes after them."""
        self._waiting += events

    def show(self, events: Sequence[Event] = ()) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            self.show(waiting)
        for event in events:
            self.show_one(event)

    def show_one(self, event: Event) -> None:
        metrics = self.metrics
        match event:
            case OrderMoved():
                self._log.info(
                    "order.moved",
                    client_order_id=event.client_id,
                    asset=event.asset,
                    was=event.was.value,
                    now=event.now.value,
                    filled=event.filled,
                    why=event.why,
                )
                if metrics is not None:
                    metrics.order(event.asset, event.now)
                if event.now.terminal and not event.filled:
                    self._references.pop(event.client_id, None)
            case FillSeen():
                self._log.info(
                    "fill", asset=event.asset, side=event.fill.side.value, contracts=event.fill.contracts, price=str(event.fill.price)
                )
                if metrics is not None and event.ours:
                    order = self._references.get(event.fill.client_id)
                    metrics.fill(event.asset, event.fill, order.arrival if order is not None else None)
            case FundingSeen():
                self._log.info("funding", asset=event.asset, coins=str(event.payment.coins))
                if metrics is not None:
                    metrics.funding(event.asset, event.payment)
            case IntentRecorded():
                order = event.order
                self._references = {**dict(list(self._references.items())[-KEPT_REFERENCES:]), order.client_id: order}
                self._log.info(
                    "order.intent" if event.status is OrderStatus.INTENT else "order.dry_run",
                    client_order_id=order.client_id,
                    asset=order.asset,
                    side=order.side.value,
                    contracts=order.contracts,
                    limit_price=str(order.limit_price),
                    why=order.why,
                )
                if metrics is not None and event.status is OrderStatus.DRY_RUN:
                    metrics.order(order.asset, event.status)  # recorded at its end: no move follows
            case TransferIntended():
                transfer = event.transfer
                self._log.info(
                    "transfer.intent" if event.status is TransferStatus.INTENT else "transfer.dry_run",
                    transfer_id=transfer.transfer_id,
                    asset=transfer.asset,
                    coins=str(transfer.coins),
                    why=transfer.why,
                )
                if metrics is not None and event.status is TransferStatus.DRY_RUN:
                    metrics.transfer(transfer.asset, event.status)
            case TransferMoved():
                quiet = event.now in (TransferStatus.DONE, TransferStatus.SEEN)
                (self._log.info if quiet else self._log.warning)(
                    "transfer.moved",
                    transfer_id=event.transfer_id,
                    asset=event.asset,
                    coins=str(event.coins),
                    was=event.was.value,
                    now=event.now.value,
                    why=event.why,
                )
                if metrics is not None:
                    metrics.transfer(event.asset, event.now)
            case Halted() | LegHalted() | AlertRaised():
                self.show_trouble(event)
            case DecisionMade():
                for move in event.decision.moves:
                    self._log.info("state.changed", was=move.was.value, now=move.now.value, why=move.why)
                head = self.audit.head()
                self._log.info("audit.head", seq=head.seq, head=head.hash)

    def show_trouble(self, event: Halted | LegHalted | AlertRaised) -> None:
        match event:
            case Halted():
                self._log.error(
                    "halted", check=event.check, why=event.why, did="own orders are cancelled; the hedge stays", next=LOOK_FIRST
                )
            case LegHalted():
                did = "its orders are cancelled, and nothing more is sent for it"
                self._log.error("leg.halted", asset=event.asset, why=event.why, did=did, next=f"do what it says, or {LOOK_FIRST}")
            case AlertRaised():
                self._log.warning("alert", what=event.what)

    def api_error(self, kind: str, text: str) -> None:
        self.show()
        self._log.warning("venue.error", kind=kind, error=text)
        if self.metrics is not None:
            self.metrics.api_error(kind)

    def acked(self, milliseconds: int) -> None:
        if self.metrics is not None:
            self.metrics.acked(milliseconds / 1000)
