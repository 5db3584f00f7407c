"""Is our place in the queue worth keeping?

A pegged order stays at its price while that is the touch, and while a touch that moved away may come back: whoever moves goes to the back
of the next queue. How many contracts are ahead at most is known: those visible at its price when it came, less what has gone since.
"""

from decimal import Decimal
from typing import Final

from bot.core.decision import QUEUE_TOO_LONG
from bot.core.memory import Working
from bot.core.model import Depth, OrderStatus, Quote, Side

RESTING: Final = frozenset({OrderStatus.ACKED, OrderStatus.OPEN, OrderStatus.PARTIAL})


def visible_at(depth: Depth | None, working: Working) -> int | None:
    """Contracts of others at the order's price; None where the visible book does not tell."""
    levels = dict(depth.resting(working.order.side)) if depth is not None else {}
    shown = levels.get(working.order.limit_price)
    return None if shown is None else max(0, shown - (working.order.contracts - working.filled))


def standing(working: Working, quote: Quote, depth: Depth | None) -> tuple[int | None, bool] | None:
    """How many are ahead at most, and whether others offer a better price; None where that cannot be seen, or the order does not queue."""
    if not working.order.post_only or working.status not in RESTING:
        return None
    order = working.order
    behind = quote.ask < order.limit_price if order.side is Side.SELL else quote.bid > order.limit_price
    if working.filled:
        return 0, behind  # time goes before all else at one price
    now, before = visible_at(depth, working), working.ahead
    ahead = min((count for count in (now, before) if count is not None), default=None)
    return ahead, behind


def given_up(working: Working, quote: Quote, tick: Decimal, reprice_after_ms: int, patience_ms: int, mono_ms: int) -> str:
    """Why a pegged order should go; empty if it stays. `patience_ms` is left until the bot crosses."""
    if patience_ms <= 0:
        return "its patience is over: the rest crosses"
    if working.behind_since_ms is not None:
        return "the touch moved away" if mono_ms - working.behind_since_ms >= reprice_after_ms else ""
    waited_ms = mono_ms - working.sent_mono_ms
    if has_room(quote, tick) and waited_ms >= reprice_after_ms and hopeless(working, waited_ms, patience_ms):
        return QUEUE_TOO_LONG
    return ""


def has_room(quote: Quote, tick: Decimal) -> bool:
    """Is there a price between bid and ask?"""
    return quote.ask - quote.bid > tick


def hopeless(working: Working, waited_ms: int, patience_ms: int) -> bool:
    """At the pace at which the queue went so far, is it longer than the patience that is left?"""
    first, ahead = working.order.queue_ahead, working.ahead
    return first is not None and ahead is not None and ahead > 0 and ahead * waited_ms > (first - ahead) * patience_ms
