"""How does the bot start in a rehearsal? As it does in earnest, with the parts of the rehearsal in place of clock and venue."""

from bot.engine import Engine
from bot.rehearsal.world import Outcome, Plan, Stagehand, rehearse
from bot.wiring.start import started


async def start(parts: Stagehand) -> Engine:
    return await started(
        parts.store, parts.exchange, None, parts.settings, parts.clock, parts.gate, live_flag=True, adopt=True, run_id=parts.run_id
    )


def rehearsed(plan: Plan) -> Outcome:
    """One seed."""
    return rehearse(plan, start)
