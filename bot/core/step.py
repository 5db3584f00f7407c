"""What is done now about a change that is wanted? The piece that is due, as far as the visible book allows, if every check lets it pass."""

from dataclasses import dataclass

from bot.core import pieces, planner, risk
from bot.core.decision import Approved, Effort, Parent, Refused
from bot.core.exposure import Exposure
from bot.core.memory import LegState, State
from bot.core.model import Snapshot, View
from bot.core.rules import Rules
from bot.core.sizing import Size


@dataclass(frozen=True, slots=True)
class Step:
    """An order, a refusal, or a reason to wait."""

    why: str = ""
    verdict: Approved | Refused | None = None
    begun: Parent | None = None  # the change is worked from here on
    effort: Effort = Effort.KEEPS
    wake_mono_ms: int | None = None  # when the next slice is due
    alerts: tuple[str, ...] = ()


def next_step(
    leg: LegState,
    view: View,
    held: Exposure,
    size: Size,
    hold: str,
    state: State,
    seen: Snapshot,
    rules: Rules,
    placed: tuple[Approved, ...],
) -> Step:
    """`size` is the whole change, `hold` why it is wanted, `placed` this turn's orders of other legs."""
    quote, execution = view.quote, rules.execution
    if quote is None:
        return Step(hold, Refused(leg.asset, "price", "missing"))
    piece = pieces.due(leg, held, size, quote, execution, state, seen)
    begun = piece.parent if piece.parent != leg.parent else None
    why = f"{hold}, {piece.why}" if piece.why else hold
    if piece.size is None:
        return Step(f"{why} is done: the next one follows", None, begun, Effort.ENDS, piece.wake_mono_ms)
    crossing = planner.must_cross(leg, execution, seen.mono_ms)
    price = planner.limit_price(held.instrument, quote, size.side, execution, crossing=crossing, inside=leg.inside)
    fitting, thin = pieces.fitting(piece.size, held, view.depth, price, execution, crossing=crossing)
    if fitting is None:
        alerts = (f"{leg.asset}: {thin}",) if crossing else ()
        return Step(f"{why}: {thin}", None, begun, Effort.BEGINS, alerts=alerts)
    cut = fitting.contracts < piece.size.contracts
    intent = planner.intent(leg.asset, view, quote, fitting, price, piece.parent.mid, why, crossing=crossing, cut=cut)
    cycle = state.cycle + 1
    name = planner.client_id(state.instance, state.epoch, state.account, leg.symbol, cycle, piece.number, run=state.run_id)
    return Step(why, risk.review(intent, held, quote, state, seen, rules, name, placed), begun)
