"""In what words does the record answer? The same JSON for the command line and for HTTP: amounts are decimal strings, times UTC."""

import json
from typing import Any

from bot.audit.codec import NotAnEvent
from bot.audit.export import event_json
from bot.audit.rows import EntryRow, FillRow, FundingRow, OrderRow
from bot.audit.sentences import sentence
from bot.core.events import DecisionMade
from bot.face import iso_utc, leg_json, plain


def order_json(row: OrderRow) -> dict[str, Any]:
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
        "why": row.why,
        "moved_at": iso_utc(row.moved_at_ms),
        "moved_why": row.moved_why,
        "seq": row.seq,
        "decision_seq": row.decision_seq,
    }


def fill_json(row: FillRow) -> dict[str, Any]:
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
    try:
        said = sentence(row.event)
    except NotAnEvent:
        said = "written by another version of the program"
    return {"seq": row.seq, "at": iso_utc(row.at_ms), "kind": row.kind, "hash": row.hash, "says": said}


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
