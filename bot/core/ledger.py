"""What does the bot remember? The fold of everything on record: `state = fold(state, event)`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from bot.core import keeping, order_memory
from bot.core.decision import Effort, LegPlan, Mode
from bot.core.events import (
    BagDeclared,
    BagFollowed,
    BalanceSeen,
    CancelAsked,
    CoinsMoved,
    CommandGiven,
    ContractChanged,
    ContractPinned,
    DecisionMade,
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
    RunStarted,
    TookCharge,
    TransferIntended,
    TransferMoved,
    TransferSought,
)
from bot.core.memory import CrossState, LegState, State, changed, with_leg
from bot.core.model import DAY_MS, ZERO, FundingPayment, Target, TargetSource

OVERLAP_MS: Final = 60_000  # fills and payments are asked for again this far back: venues deliver late and out of order


def fold(state: State, event: Event) -> State:
    """The state after one more event. Events that only inform leave it as it is."""
    step = STEPS.get(type(event))
    return step(state, event) if step else state


def started(state: State, event: RunStarted) -> State:
    """A new process: durations of the old one mean nothing any more, legs of new assets join."""
    known = {leg.asset: leg for leg in state.legs}
    legs = [
        changed(
            carried_over(of_contract(known.pop(rule.asset, LegState(rule.asset, rule.symbol)), rule.symbol), event.adopt),
            effort_since_ms=None,
            missed_at_ms=None,
            unexplained=0,
            unexplained_since_ms=None,
            astray_coins=ZERO,
            astray_since_ms=None,
            placements_without_fill=0,
            inside=False,
            dry_plan="",
        )
        for rule in event.rules.legs
    ]
    left_over = [leg for leg in known.values() if leg.is_open]
    return changed(
        state,
        epoch=event.epoch,
        cycle=0,
        mode=Mode.STARTING,
        live=event.live,
        armed=event.armed,
        draining=False,
        adopt=event.adopt,
        stopping=False,
        cancel_all=False,
        legs=(*legs, *left_over),
        crosses=tuple(state.cross(rule.asset) for rule in event.rules.crosses),
        config_hash=event.config_hash,
        run_id=event.run_id,
    )


def of_contract(leg: LegState, symbol: str) -> LegState:
    """A leg that is hedged with another contract from now on starts anew."""
    return leg if leg.symbol == symbol else anew(leg, symbol)


def anew(leg: LegState, symbol: str) -> LegState:
    """Not in our charge; what was declared and moved stays so."""
    return LegState(
        leg.asset,
        symbol,
        declared_coins=leg.declared_coins,
        transferred_coins=leg.transferred_coins,
        read_coins=leg.read_coins,
        underway_coins=leg.underway_coins,
        keeping=leg.keeping,
    )


def carried_over(leg: LegState, adopt: bool) -> LegState:
    """`--adopt` lifts the halt of a leg that is not in our charge yet; durations of an unfinished order start again, above all the
    proof that it is absent."""
    return changed(
        leg,
        working=leg.working and order_memory.carried_over(leg.working),
        keeping=keeping.carried_over(leg.keeping),
        halted=None if adopt and leg.contracts is None else leg.halted,
    )


def commanded(state: State, event: CommandGiven) -> State:
    """The operator's word."""
    match event.name:
        case "pause":
            return changed(state, paused=True)
        case "resume":
            legs = tuple(changed(leg, effort_since_ms=None, parent=None) for leg in state.legs)
            return changed(state, paused=False, legs=legs)
        case "dry-run-on":
            return changed(state, dry_run_word=True, armed=False, draining=any(leg.working for leg in state.legs))
        case "dry-run-off":
            legs = tuple(changed(leg, parent=None) for leg in state.legs)
            return changed(state, dry_run_word=False, armed=state.live, draining=False, legs=legs)
        case "kill":
            return changed(state, killed=event.reason or f"kill by {event.by}", flattening=False)
        case "rearm":
            legs = tuple(rearmed(leg) for leg in state.legs)
            return changed(state, killed=None, flattening=False, legs=legs)
        case "flatten":
            return changed(state, flattening=True, paused=False)
        case "cancel-all":
            return changed(state, cancel_all=any(leg.working for leg in state.legs))
        case "target-set" if event.asset is not None and event.ratio is not None:
            target = Target(event.asset, event.ratio, TargetSource.OPERATOR, event.until_ms)
            return changed(state, targets=(*others(state, event.asset), target))
        case "target-clear" if event.asset is not None:
            return changed(state, targets=others(state, event.asset))
        case "release":
            legs = tuple(anew(leg, leg.symbol) if leg.asset == event.asset else leg for leg in state.legs)
            return changed(state, legs=legs)
        case "stop":
            return changed(state, stopping=True)
    return state


def rearmed(leg: LegState) -> LegState:
    """A person looked: the venue's position counts from here on, and attempts to align start afresh."""
    return changed(
        leg,
        halted=None,
        accept=leg.contracts is not None,
        owed=0,
        owed_id="",
        unexplained=0,
        unexplained_since_ms=None,
        effort_since_ms=None,
        missed_at_ms=None,
        placements_without_fill=0,
        gap_usd=None,
        gap_traded=False,
        repeats=0,
        parent=None,
        inside=False,
        keeping=keeping.looked_at(leg.keeping),
    )


def others(state: State, asset: str) -> tuple[Target, ...]:
    return tuple(target for target in state.targets if target.asset != asset)


def decided(state: State, event: DecisionMade) -> State:
    decision = event.decision
    planned = {order.asset for order in decision.orders}
    legs = list(state.legs)
    for plan in decision.legs:
        at = next(index for index, leg in enumerate(legs) if leg.asset == plan.asset)
        leg = legs[at]
        changes: dict[str, Any] = {}
        if plan.baseline is not None:
            changes["baseline"] = plan.baseline
        if plan.memory is not None:
            changes["memory"] = plan.memory
        if plan.trade_cost is not None:
            changes["trade_cost"] = plan.trade_cost
        if plan.parent is not None:
            changes["parent"] = plan.parent
        if plan.settled and leg.working is None:
            changes |= {"effort_since_ms": None, "placements_without_fill": 0, "gap_usd": None, "gap_traded": False, "repeats": 0}
            changes |= {"inside": False, "parent": None}
        elif plan.effort is Effort.ENDS and leg.working is None:
            changes |= {"effort_since_ms": None, "placements_without_fill": 0, "inside": False}
        elif plan.effort is Effort.BEGINS and leg.effort_since_ms is None:
            changes["effort_since_ms"] = event.seen.mono_ms
        if plan.asset in planned:
            changes |= progress(leg, plan)
        if plan.asset not in planned and leg.dry_plan:
            changes["dry_plan"] = ""
        if leg.keeping.dry and not any(one.asset == plan.asset for one in decision.transfers):
            changes["keeping"] = changed(leg.keeping, dry="")
        if changes:
            legs[at] = changed(leg, **changes)
    crosses = {cross.asset: cross for cross in state.crosses}
    for one in (cross for plan in decision.legs for cross in plan.crosses):
        was = crosses.get(one.asset, CrossState(one.asset))
        ratio = one.ratio_effective if one.ratio_changed else was.ratio
        crosses[one.asset] = CrossState(one.asset, ratio, was.memory if one.memory is None else one.memory)
    idle = all(leg.working is None for leg in legs)
    flat = any(move.event == "Flat" for move in decision.moves)
    return changed(
        state,
        cycle=decision.cycle,
        mode=decision.mode,
        legs=tuple(legs),
        crosses=tuple(crosses.values()),
        draining=state.draining and not idle,
        cancel_all=state.cancel_all and not idle,
        flattening=state.flattening and not flat,
        killed="flattened on the operator's word" if flat else state.killed,
    )


def progress(leg: LegState, plan: LegPlan) -> dict[str, Any]:
    """Another order is planned: did those that traded since the last plan bring the hedge nearer to its target? A target that was set
    anew is another effort."""
    if plan.target_usd is None or plan.position_usd is None:
        return {}
    gap, repeats = abs(plan.target_usd + plan.position_usd), leg.repeats
    if plan.baseline is not None or leg.gap_usd is None:
        repeats = 0
    elif leg.gap_traded:
        repeats = repeats + 1 if gap >= leg.gap_usd else 0
    return {"gap_usd": gap, "gap_traded": False, "repeats": repeats}


def filled(state: State, event: FillSeen) -> State:
    """What a liquidation took is gone: the ratio refers to what is left, and the next decision sets B anew."""
    fill = event.fill
    leg = state.leg(event.asset)
    working, owed = leg.working, leg.owed
    if working is not None and working.order.client_id == fill.client_id:
        working = changed(working, traded=working.traded + fill.contracts)
    if owed and fill.client_id == leg.owed_id:
        owed -= fill.side.sign * fill.contracts
    state = with_leg(
        state,
        event.asset,
        working=working,
        owed=owed,
        owed_id=leg.owed_id if owed else "",
        baseline=None if fill.liquidation else leg.baseline,
        contracts=event.contracts_after,
        entry_price=event.entry_after,
        wallet=None if leg.wallet is None else leg.wallet + event.realised - fill.fee_coins,
        fills_cursor_ms=max(leg.fills_cursor_ms, fill.at_ms),
        recent_fills=remembered(leg.recent_fills, leg.fills_cursor_ms, fill.at_ms, fill.trade_id),
        placements_without_fill=0 if event.ours else leg.placements_without_fill,
        gap_traded=leg.gap_traded or event.ours,
        inside=leg.inside and not event.ours,
    )
    day = max(fill.at_ms // DAY_MS, state.turnover_day)  # a fill that is told late counts for the running day
    before = state.turnover_usd if day == state.turnover_day else ZERO
    return changed(state, turnover_day=day, turnover_usd=before + (event.notional_usd if event.ours else ZERO))


def remembered(recent: tuple[tuple[int, str], ...], cursor_ms: int, at_ms: int, identity: str) -> tuple[tuple[int, str], ...]:
    """Ids near the cursor, newest last: those that an overlapping read may show again."""
    horizon = max(cursor_ms, at_ms) - 2 * OVERLAP_MS
    return (*(entry for entry in recent if entry[0] >= horizon), (at_ms, identity))


def funded(state: State, event: FundingSeen) -> State:
    return funded_series(state, event.asset, event.payment.coins, (event.payment,))


def funded_series(state: State, asset: str, coins: Decimal, newest: Sequence[FundingPayment]) -> State:
    """After a series of payments that came to `coins`, of which the newest may be shown again."""
    leg = state.leg(asset)
    cursor_ms, recent = leg.funding_cursor_ms, leg.recent_payments
    for payment in newest:
        recent = remembered(recent, cursor_ms, payment.at_ms, payment.payment_id)
        cursor_ms = max(cursor_ms, payment.at_ms)
    wallet = None if leg.wallet is None else leg.wallet + coins
    return with_leg(state, asset, wallet=wallet, funding_cursor_ms=cursor_ms, recent_payments=recent)


def balance_seen(state: State, event: BalanceSeen) -> State:
    leg = state.leg(event.asset)
    taken = event.contracts != leg.contracts  # a position that own fills did not lead to: only the venue knows its entry price
    return with_leg(
        state,
        event.asset,
        contracts=event.contracts,
        shown_contracts=event.contracts,
        entry_price=event.entry_price if taken else leg.entry_price,
        wallet=event.wallet,
        owed=0,
        owed_id="",
        accept=False,
        unexplained=0,
        unexplained_since_ms=None,
    )


def took_charge(state: State, event: TookCharge) -> State:
    return with_leg(
        state,
        event.asset,
        contracts=event.contracts,
        shown_contracts=event.contracts,
        entry_price=event.entry_price,
        wallet=event.wallet,
        baseline=None,
        charged_at_ms=event.at_ms,
        fills_cursor_ms=event.at_ms,
        funding_cursor_ms=event.at_ms,
        halted=None,
    )


def coins_moved(state: State, event: CoinsMoved) -> State:
    leg = state.leg(event.asset)
    wallet = None if leg.wallet is None else leg.wallet + event.coins
    kept = keeping.coins_moved(leg.keeping, event)
    if leg.read_coins is not None:
        return with_leg(state, event.asset, underway_coins=leg.underway_coins + event.coins, wallet=wallet, keeping=kept)
    return with_leg(state, event.asset, transferred_coins=leg.transferred_coins + event.coins, wallet=wallet, keeping=kept)


def transfer_intended(state: State, event: TransferIntended) -> State:
    asset = event.transfer.asset
    return with_leg(state, asset, keeping=keeping.intended(state.leg(asset).keeping, event))


def transfer_moved(state: State, event: TransferMoved) -> State:
    return with_leg(state, event.asset, keeping=keeping.moved(state.leg(event.asset).keeping, event))


def transfer_sought(state: State, event: TransferSought) -> State:
    return with_leg(state, event.asset, keeping=keeping.sought(state.leg(event.asset).keeping, event))


def bag_declared(state: State, event: BagDeclared) -> State:
    """A new declaration states what lies outside now: transfers before it are history, and the baseline moves by the difference."""
    leg = state.leg(event.asset)
    baseline = leg.baseline
    if baseline is not None and event.was_spot_coins is not None:
        baseline = replace(baseline, coins=baseline.coins + event.coins + (event.read_coins or 0) - event.was_spot_coins)
    return with_leg(
        state,
        event.asset,
        declared_coins=event.coins,
        transferred_coins=ZERO,
        read_coins=event.read_coins,
        underway_coins=ZERO,
        astray_coins=ZERO,
        astray_since_ms=None,
        baseline=baseline,
    )


def bag_followed(state: State, event: BagFollowed) -> State:
    """Coins that came or are gone move the baseline with them."""
    baseline = state.leg(event.asset).baseline
    if baseline is not None and event.added_coins:
        baseline = replace(baseline, coins=baseline.coins + event.added_coins)
    return with_leg(
        state,
        event.asset,
        read_coins=event.read_coins,
        transferred_coins=event.transferred_coins,
        underway_coins=event.underway_coins,
        astray_coins=event.astray_coins,
        astray_since_ms=event.astray_since_ms,
        baseline=baseline,
    )


def unexplained(state: State, event: PositionUnexplained) -> State:
    leg = state.leg(event.asset)
    since = event.mono_ms if leg.unexplained_since_ms is None else leg.unexplained_since_ms
    return with_leg(state, event.asset, unexplained=leg.unexplained + 1, unexplained_since_ms=since)


def contract_pinned(state: State, event: ContractPinned) -> State:
    """A person who accepts another contract looked at the position too: the venue's counts from here on, as after a re-arm."""
    leg = state.leg(event.asset)
    if leg.pin is not None:
        legs = tuple(changed(rearmed(one), halted=one.halted) if one.asset == event.asset else one for one in state.legs)
        state = changed(state, legs=legs)
    return with_leg(state, event.asset, pin=event.spec, offered=None, dry_plan="")


def contract_changed(state: State, event: ContractChanged) -> State:
    return with_leg(state, event.asset, offered=None if event.now == event.was else event.now)


def leg_halted(state: State, event: LegHalted) -> State:
    return with_leg(state, event.asset, halted=event.why)


def halted(state: State, event: Halted) -> State:
    return changed(state, killed=f"{event.check}: {event.why}")


STEPS: Final[dict[type, Callable[[State, Any], State]]] = {
    RunStarted: started,
    CommandGiven: commanded,
    DecisionMade: decided,
    IntentRecorded: order_memory.intended,
    OrderMoved: order_memory.moved,
    LookedInVain: order_memory.looked_in_vain,
    QueueSeen: order_memory.queue_seen,
    CancelAsked: order_memory.cancel_asked,
    FillSeen: filled,
    FundingSeen: funded,
    BalanceSeen: balance_seen,
    TookCharge: took_charge,
    CoinsMoved: coins_moved,
    TransferIntended: transfer_intended,
    TransferMoved: transfer_moved,
    TransferSought: transfer_sought,
    BagDeclared: bag_declared,
    BagFollowed: bag_followed,
    PositionUnexplained: unexplained,
    ContractPinned: contract_pinned,
    ContractChanged: contract_changed,
    LegHalted: leg_halted,
    Halted: halted,
}
