"""What does one entry of the record say, in one sentence for the person whose coins these are?"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

from bot.core.decision import Approved, Transfer
from bot.core.events import (
    AlertRaised,
    BagDeclared,
    BagFollowed,
    BalanceSeen,
    CancelAsked,
    Checkpointed,
    CoinsMoved,
    CommandGiven,
    ContractChanged,
    ContractPinned,
    DeadManSet,
    DecisionMade,
    ErrorSeen,
    Event,
    FillSeen,
    FundingSeen,
    Halted,
    IntentRecorded,
    LegHalted,
    LookedInVain,
    OrderMoved,
    PositionUnexplained,
    QueueSeen,
    RunEnded,
    RunStarted,
    TookCharge,
    TransferIntended,
    TransferMoved,
    TransferSought,
)
from bot.core.model import OrderStatus, TargetSource, TransferStatus, settle_of
from bot.core.pin import described, differences

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
STATUSES: Final = {
    OrderStatus.PLANNED: "planned",
    OrderStatus.INTENT: "written down, not yet sent",
    OrderStatus.SIGNED: "signed and on its way",
    OrderStatus.ACKED: "accepted by the venue",
    OrderStatus.OPEN: "open at the venue",
    OrderStatus.PARTIAL: "partly filled",
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELLED: "cancelled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.UNKNOWN: "of unknown fate: it may exist, so it counts as open until the venue proves otherwise",
    OrderStatus.REJECTED: "rejected by the venue",
    OrderStatus.ABSENT: "proven never to have reached the venue",
    OrderStatus.DRY_RUN: "a plan only: dry-run sends nothing",
}
TRANSFERS: Final = {
    TransferStatus.INTENT: "written down, not yet asked for",
    TransferStatus.DRY_RUN: "a plan only: dry-run moves nothing",
    TransferStatus.UNKNOWN: "of unknown fate: nothing more is moved until account or venue prove what became of it",
    TransferStatus.DONE: "done, by the venue's word",
    TransferStatus.SEEN: "done: the coins are accounted for",
    TransferStatus.REFUSED: "refused by the venue; it is not asked for again within the hour",
    TransferStatus.ABSENT: "known not to have happened",
}
SOURCES: Final = {
    TargetSource.OPERATOR: "the operator's word",
    TargetSource.DOCUMENT: "the target document",
    TargetSource.CONFIG: "the configuration",
}


def moment(at_ms: int) -> str:
    return moment_iso(at_ms)[:19].replace("T", " ") + " UTC"


def moment_iso(at_ms: int) -> str:
    return (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def usd(amount: Decimal) -> str:
    return f"{amount:,.2f} USD"


def coins(amount: Decimal, asset: str) -> str:
    return f"{trimmed(amount, 8)} {asset}"


def trimmed(amount: Decimal, digits: int) -> str:
    """At most `digits` decimals, rounded half-even, without trailing zeros."""
    if not amount.is_finite():
        return "infinite"
    text = f"{amount:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(amount: Decimal, places: int = 8, digits: int = 8) -> str:
    """At most so many decimals, and more of them where the first so many digits need them: a coin may cost a thousandth of a cent."""
    return trimmed(amount, max(places, digits - 1 - amount.adjusted()) if amount and amount.is_finite() else places)


def held(contracts: int) -> str:
    if contracts == 0:
        return "no position"
    return f"{'short' if contracts < 0 else 'long'} {abs(contracts):,} contracts"


def order_words(order: Approved) -> str:
    kind = "as maker only" if order.post_only else "at once or not at all"
    reducing = ", reduce-only" if order.reduce_only else ""
    reducing += ", cut to its share of the visible book" if order.cut_to_book else ""
    return (
        f"{order.side.value} {order.contracts:,} contracts of {order.symbol} ({usd(order.notional_usd)})"
        f" at {price(order.limit_price)} or better, {kind}{reducing}"
    )


def transfer_words(transfer: Transfer) -> str:
    way = "from the venue's spot wallet into the account" if transfer.coins > 0 else "from the account back to the venue's spot wallet"
    return f"move {coins(abs(transfer.coins), transfer.asset)} {way} ({transfer.why})"


def sentence(event: Event) -> str:  # noqa: PLR0911, PLR0912, PLR0915 (one line for each event, all of them on one screen)
    match event:
        case RunStarted():
            sending = "orders are sent" if event.armed else "dry: nothing is sent"
            by_word = f"; by the operator's word: {', '.join(event.overrides)}" if event.overrides else ""
            return f"The bot started (version {event.program_version}, run {event.run_id}); {sending}{by_word}."
        case RunEnded():
            left = "no order of ours is left" if event.verified else "it could not be shown that no order of ours is left"
            return f"The bot stopped ({event.why}); {left}."
        case CommandGiven():
            target = f" {event.asset or ''} {'' if event.ratio is None else event.ratio}".rstrip()
            until = "" if event.until_ms is None else f" until {moment(event.until_ms)}"
            return f"Command `{event.name}{target}`{until} by {event.by}{f': {event.reason}' if event.reason else ''}."
        case DecisionMade():
            legs = "; ".join(f"{leg.asset}: {leg.why}" for leg in event.decision.legs)
            return f"Decided in state {event.decision.mode}: {legs or 'nothing is hedged'}."
        case IntentRecorded(status=OrderStatus.DRY_RUN):
            return f"Would {order_words(event.order)}, but this is a dry-run ({event.order.client_id})."
        case IntentRecorded():
            return f"Wrote down, before sending, order {event.order.client_id}: {order_words(event.order)}."
        case OrderMoved():
            because = f" ({event.why})" if event.why else ""
            return f"Order {event.client_id} is {STATUSES[event.now]}, {event.filled:,} contracts filled{because}."
        case LookedInVain():
            return f"Looked for order {event.client_id} everywhere at the venue and did not see it."
        case QueueSeen():
            ahead = "" if event.ahead is None else f", at most {event.ahead:,} contracts ahead of it"
            return f"Order {event.client_id} is {'behind' if event.behind else 'at'} the best price{ahead}."
        case TransferIntended(status=TransferStatus.DRY_RUN):
            return f"Would {transfer_words(event.transfer)}, but this is a dry-run ({event.transfer.transfer_id})."
        case TransferIntended():
            return f"Wrote down, before asking for it, transfer {event.transfer.transfer_id}: {transfer_words(event.transfer)}."
        case TransferMoved():
            because = f" ({event.why})" if event.why else ""
            return f"Transfer {event.transfer_id} of {coins(event.coins, event.asset)} is {TRANSFERS[event.now]}{because}."
        case TransferSought():
            return f"Looked for transfer {event.transfer_id} in the venue's history and did not see it."
        case CancelAsked():
            return f"Asked the venue to cancel order {event.client_id} ({event.why})."
        case FillSeen(fill=fill):
            whose = f"order {fill.client_id}" if event.ours else "an order that is not ours"
            forced = ", forced by the venue (liquidation)" if fill.liquidation else ""
            return (
                f"Traded: {fill.side.value} {fill.contracts:,} contracts of {fill.symbol} at {price(fill.price)}"
                f" for {whose}{forced}; fee {trimmed(fill.fee_coins, 10)} {settle_of(fill.symbol)}; {held(event.contracts_after)} after it."
            )
        case FundingSeen(payment=payment):
            way = "received" if payment.coins >= 0 else "paid"
            amount = f"{trimmed(abs(payment.coins), 10)} {settle_of(payment.symbol)}"
            return f"Funding of {payment.symbol}: {way} {amount} at rate {trimmed(payment.rate, 8)}."
        case BalanceSeen():
            wallet = coins(event.wallet, settle_of(event.symbol))
            return f"The venue shows {held(event.contracts)} in {event.symbol} and a wallet of {wallet}."
        case TookCharge():
            how = "took over" if event.adopted else "took charge with"
            return f"{event.asset}: {how} {held(event.contracts)} in {event.symbol}."
        case CoinsMoved():
            way = "into" if event.coins >= 0 else "out of"
            return f"{coins(abs(event.coins), event.asset)} moved {way} the account: no trade, fee or funding explains it."
        case BagDeclared():
            return f"The bag outside the account is declared as {coins(event.coins, event.asset)}."
        case BagFollowed():
            shown = f"The sources of the bag show {coins(event.shown_coins, event.asset)}"
            if event.astray_coins:
                where = "on neither side: under way" if event.astray_coins < 0 else "new, or seen on both sides"
                return f"{shown}; {coins(abs(event.astray_coins), event.asset)} are {where}."
            if event.added_coins:
                return f"{shown}; {coins(abs(event.added_coins), event.asset)} {'came' if event.added_coins > 0 else 'are gone'}."
            return f"{shown}; what moved between them and the account is accounted for."
        case PositionUnexplained():
            apart = f"the venue shows {held(event.seen)}, our trades explain {held(event.expected)}"
            return f"{event.asset}: {apart}; no new risk until they agree."
        case ContractPinned():
            how = f"accepted in place of {event.was_hash[:12]}" if event.was_hash else "pinned at first sight"
            return f"The contract {event.spec.symbol} is {how}: SHA-256 {event.spec_hash[:12]} ({described(event.spec)})."
        case ContractChanged() if event.was_hash == event.now_hash:
            return f"The contract {event.was.symbol} is at the venue as it was pinned again."
        case ContractChanged():
            what = differences(event.was, event.now)
            return f"The contract {event.was.symbol} changed at the venue ({what}); {event.asset} places nothing until that is accepted."
        case LegHalted():
            return f"{event.asset} is halted: {event.why}."
        case Halted():
            return f"The account is halted by the check on {event.check}: {event.why}; nothing is sent until `hedgebot rearm --reason`."
        case DeadManSet():
            if not event.timeout_ms:
                return "The venue's dead man's switch was stopped."
            return f"The venue cancels our open orders unless it hears from us within {event.timeout_ms // 1000} seconds."
        case Checkpointed():
            return f"Checkpoint: entries up to {event.upto_seq} (hash {event.entry_hash}) may be dropped; {event.archive} holds them."
        case AlertRaised():
            return f"Alert: {event.what}."
        case ErrorSeen():
            return f"Error in {event.where}: {event.error}."
