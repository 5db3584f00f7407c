"""How does the bot start in a rehearsal? As it does in earnest, with the parts of the rehearsal in place of clock and venue."""

from bot.engine import Engine
from bot.rehearsal.process import Stagehand
from bot.rehearsal.world import Outcome, Plan, Script, rehearse
from bot.wiring.start import started


async def start(parts: Stagehand) -> Engine:
    return await started(
        parts.store, parts.exchange, None, parts.settings, parts.clock, parts.gate, live_flag=True, adopt=True, run_id=parts.run_id
    )


def rehearsed(plan: Plan, script: Script | None = None) -> Outcome:
    """One seed; or, with a script, one point of the grid."""
    return rehearse(plan, start, script)
