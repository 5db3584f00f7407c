"""In what words does the record answer? The same JSON for the command line and for HTTP: amounts are decimal strings, times UTC."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from bot.audit.codec import NotAnEvent
from bot.audit.export import event_json
from bot.audit.rows import EntryRow, FillRow, FundingRow, OrderRow
from bot.audit.sentences import sentence
from bot.audit.store import Store
from bot.audit.trades import fills_of, intents
from bot.core.decision import Approved
from bot.core.events import DecisionMade
from bot.face import iso_utc, leg_json, plain, plain_or_null
from bot.shortfall import Cost, cost

BPS_STEP: Final = Decimal("0.001")

SAID: Final[dict[str, str]] = {}  # by the hash of the entry, not by its text, which is long: whoever watches asks for the same page again
MOST_SAID: Final = 1_000


def orders_json(store: Store, rows: Sequence[OrderRow]) -> list[dict[str, Any]]:
    """Each with the market it met, and what it came to cost against that; both null where the record does not tell."""
    names = [row.client_id for row in rows]
    decided, traded = intents(store, names), fills_of(store, names)
    return [order_json(row, decided.get(row.client_id), traded.get(row.client_id, ())) for row in rows]


def fills_json(store: Store, rows: Sequence[FillRow]) -> list[dict[str, Any]]:
    """Each against the market that its order met; null for a fill that no order of ours explains."""
    decided = intents(store, (row.client_id for row in rows if row.ours))
    return [fill_json(row, decided.get(row.client_id)) for row in rows]


def cost_json(cost: Cost | None) -> dict[str, Any] | None:
    """Basis points of what was traded; positive is a cost, and saved is against a market order at the same moment."""
    if cost is None:
        return None
    return {name: bps(getattr(cost, name)) for name in ("slippage_bps", "fees_bps", "market_bps", "saved_bps")}


def bps(amount: Decimal) -> str:
    return plain(amount.quantize(BPS_STEP))


def order_json(row: OrderRow, decided: Approved | None, fills: Sequence[FillRow]) -> dict[str, Any]:
    arrival = decided.arrival if decided is not None else None
    return {
        "client_id": row.client_id,
        "at": iso_utc(row.at_ms),
        "asset": row.asset,
        "instrument": row.symbol,
        "side": row.side.value,
        "contracts": row.contracts,
        "filled": row.filled,
        "limit_price": plain(row.limit_price),
        "notional_usd": plain(row.notional_usd),
        "reduce_only": row.reduce_only,
        "post_only": row.post_only,
        "status": row.status.value,
        "arrival_mid": plain_or_null(arrival.mid if arrival is not None else None),
        "cost": cost_json(cost(arrival, row.symbol, row.side, fills)),
        "why": row.why,
        "moved_at": iso_utc(row.moved_at_ms),
        "moved_why": row.moved_why,
        "seq": row.seq,
        "decision_seq": row.decision_seq,
    }


def fill_json(row: FillRow, decided: Approved | None) -> dict[str, Any]:
    return {
        "trade_id": row.trade_id,
        "at": iso_utc(row.at_ms),
        "asset": row.asset,
        "instrument": row.symbol,
        "client_id": row.client_id,
        "side": row.side.value,
        "contracts": row.contracts,
        "price": plain(row.price),
        "notional_usd": plain(row.notional_usd),
        "fee_coins": plain(row.fee_coins),
        "realised_coins": plain(row.realised),
        "maker": row.maker,
        "ours": row.ours,
        "liquidation": row.liquidation,
        "cost": cost_json(cost(decided.arrival if decided is not None else None, row.symbol, row.side, [row])),
        "seq": row.seq,
    }


def funding_json(row: FundingRow) -> dict[str, Any]:
    """Positive coins were received."""
    return {
        "payment_id": row.payment_id,
        "at": iso_utc(row.at_ms),
        "asset": row.asset,
        "instrument": row.symbol,
        "rate": plain(row.rate),
        "mark": plain(row.mark),
        "coins": plain(row.coins),
        "usd": plain(row.coins * row.mark),
        "seq": row.seq,
    }


def entry_json(row: EntryRow) -> dict[str, Any]:
    """One link of the chain, in one sentence."""
    return {"seq": row.seq, "at": iso_utc(row.at_ms), "kind": row.kind, "hash": row.hash, "says": said(row)}


def said(row: EntryRow) -> str:
    known = SAID.get(row.hash)
    if known is not None:
        return known
    try:
        says = sentence(row.event)
    except NotAnEvent:
        says = "written by another version of the program"
    if len(SAID) >= MOST_SAID:
        SAID.clear()
    SAID[row.hash] = says
    return says


def whole_entry_json(row: EntryRow) -> dict[str, Any]:
    """One link with everything in it."""
    return {**entry_json(row), "event": json.loads(event_json(row))}


def decision_json(row: EntryRow) -> dict[str, Any]:
    """A decision as it was recorded; its legs are null where another version of the program wrote it."""
    try:
        event = row.event
    except NotAnEvent:
        event = None
    shown = {"seq": row.seq, "at": iso_utc(row.at_ms), "hash": row.hash}
    if not isinstance(event, DecisionMade):
        return {**shown, "cycle": None, "state": None, "armed": None, "legs": None, "alerts": []}
    made = event.decision
    return {
        **shown,
        "cycle": made.cycle,
        "state": made.mode.value,
        "armed": made.armed,
        "legs": [leg_json(leg, made.orders) for leg in made.legs],
        "alerts": list(made.alerts),
    }
