"""What does the loop do about collateral besides deciding? It looks at the spot wallet, writes intents down, and names the amount."""

from bot.core.decision import Decision
from bot.core.events import Event, TransferIntended
from bot.core.keeping import dry_transfer
from bot.core.memory import State
from bot.core.model import ZERO, Snapshot, SpotSeen, TransferStatus
from bot.core.rules import Rules
from bot.ports import Mover, SpotAsk
from bot.witness import Witness


async def look(mover: Mover, state: State, rules: Rules, witness: Witness) -> tuple[SpotSeen, ...]:
    """The spot wallets of assets whose collateral may move, or has a transfer that has not come to its end."""
    asks = []
    for rule in rules.legs:
        moving = state.leg(rule.asset).keeping.moving
        if rule.collateral.auto or moving is not None:
            asks.append(SpotAsk(rule.asset, None if moving is None else moving.transfer))
    if not asks:
        return ()
    found = await mover.spots(asks)
    for one in found:
        if one.error:
            witness.api_error("read", one.error)
    return found


def intents(state: State, seen: Snapshot, decision: Decision) -> list[Event]:
    """The rows that must exist before the transfers do; in dry-run each distinct plan once."""
    made: list[Event] = []
    for transfer in decision.transfers:
        if state.armed or state.leg(transfer.asset).keeping.dry != dry_transfer(transfer):
            fate = TransferStatus.INTENT if state.armed else TransferStatus.DRY_RUN
            made.append(TransferIntended(transfer, state.epoch, decision.cycle, fate, seen.now_ms, seen.mono_ms))
    return made


def amount_lacking(alert: str, decision: Decision) -> str:
    """What to move, as it is when an alert of missing collateral is told: its own words stand still while the price moves."""
    for leg in decision.legs:
        if leg.lacking_coins is not None and alert.startswith((f"{leg.asset}: collateral", f"{leg.asset}: limited by collateral")):
            moved = sum((one.coins for one in decision.transfers if one.asset == leg.asset), ZERO) if decision.armed else ZERO
            rest = leg.lacking_coins - moved
            if not moved:
                return f": move {rest:f} {leg.settle} into the account"
            return f": the bot moves {moved:f}" + (f"; move {rest:f} {leg.settle} more into the account" if rest > 0 else "")
    return ""
