"""Why did the bot do that? A decision or an order, told from the record to the person whose coins these are."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

from bot.audit.codec import NotAnEvent
from bot.audit.rows import EntryRow, OrderRow
from bot.audit.sentences import SOURCES, STATUSES, coins, moment, order_words, price, sentence, transfer_words, trimmed, usd
from bot.audit.store import Store
from bot.audit.trades import fills_of, intents
from bot.core.decision import Approved, CrossPlan, Decision, LegPlan
from bot.core.events import (
    CancelAsked,
    DecisionMade,
    LookedInVain,
    OrderMoved,
    QueueSeen,
    RunStarted,
    TransferIntended,
    TransferMoved,
    TransferSought,
)
from bot.core.model import NO_LIQUIDATION
from bot.core.policy_terms import Change
from bot.core.rules import Rules
from bot.shortfall import cost

TRANSFERS = (TransferIntended.__name__, TransferMoved.__name__, TransferSought.__name__)
STORY = (OrderMoved.__name__, LookedInVain.__name__, QueueSeen.__name__, CancelAsked.__name__)


class NotOnRecord(LookupError):
    """Nothing on record has this name."""


def explain(store: Store, identity: str) -> str:
    """The story behind `identity`: a sequence number of the chain, or the id of an order or a transfer. Raise NotOnRecord."""
    name = identity.strip().removeprefix("#")
    order = store.order(name)
    if order is not None:
        return "\n".join(order_story(store, order))
    if moved := list(transfer_story(store, name)):
        return "\n".join(moved)
    row = store.entry(int(name)) if name.isascii() and name.isdigit() and len(name) < 19 else None
    if row is None:
        raise NotOnRecord(
            f"{identity!r} is neither an entry nor an order of {store.owner.name}: {store.extent()}"
            " (`hedgebot audit tail`), orders are listed by `hedgebot orders`"
        )
    return "\n".join(entry_story(store, row))


def transfer_story(store: Store, name: str) -> Iterator[str]:
    """Everything on record of one transfer of collateral; nothing if none has this name."""
    for row in store.entries(kinds=TRANSFERS):
        event = row.event
        about = event.transfer.transfer_id if isinstance(event, TransferIntended) else getattr(event, "transfer_id", "")
        if about == name:
            yield f"Entry {row.seq}, {moment(row.at_ms)}: {sentence(event)}"


def entry_story(store: Store, row: EntryRow) -> Iterator[str]:
    try:
        event = row.event
    except NotAnEvent as error:
        yield f"Entry {row.seq}, {moment(row.at_ms)}: written by another version of the program ({error})."
        return
    if isinstance(event, DecisionMade):
        yield from decision_story(store, row.seq, event.decision)
        return
    yield f"Entry {row.seq}, {moment(row.at_ms)}: {sentence(event)}"
    about = getattr(event, "client_id", "") or getattr(getattr(event, "order", None), "client_id", "")
    fill = getattr(event, "fill", None)
    about = about or (fill.client_id if fill is not None else "")
    order = store.order(about) if about else None
    if order is not None:
        yield ""
        yield from order_story(store, order)


def decision_story(store: Store, seq: int, decision: Decision) -> Iterator[str]:
    sending = "orders are sent" if decision.armed else "dry: orders are planned, none is sent"
    yield f"Decision {seq}, {moment(decision.at_ms)}, state {decision.mode} ({sending})."
    run = store.newest_of(RunStarted.__name__, seq)
    started = run.event if run is not None else None
    rules = started.rules if isinstance(started, RunStarted) else None
    for leg in decision.legs:
        yield ""
        yield from leg_story(leg, decision, rules)
    general = [f"State: {move.was} → {move.now} ({move.why})." for move in decision.moves]
    general += [f"Alert: {alert}." for alert in decision.alerts]
    if general:
        yield ""
        yield from general


def account_words(leg: LegPlan, equity_coins: Decimal) -> str:
    """The account of a linear contract holds none of the asset."""
    amount = trimmed(equity_coins, 8)
    return f"{amount} in the account" if leg.settle == leg.asset else f"{leg.settle} worth {amount} {leg.asset} in the account"


def leg_story(leg: LegPlan, decision: Decision, rules: Rules | None) -> Iterator[str]:
    yield f"{leg.asset}, hedged with {leg.instrument}: {leg.why}."
    yield f"  Ratio: {ratio_words(leg)}."
    yield from policy_story(leg.policies)
    for cross in leg.crosses:
        yield from cross_story(cross)
    if leg.delta_coins is not None:
        whole = f"{coins(leg.spot_coins, leg.asset)} outside and " if leg.spot_coins is not None else ""
        account = account_words(leg, leg.equity_coins) if leg.equity_coins is not None else "the account"
        moves = "bag and hedge move, without what is carried," if leg.crosses else "the bag moves"
        yield f"  Exposure: {whole}{account}; after the hedge {moves} with the price like {coins(leg.delta_coins, leg.asset)} (δ)."
    if leg.position_usd is not None and leg.target_usd is not None:
        at = f" at a mark of {price(leg.mark)}" if leg.mark is not None else ""
        yield f"  Position: {position_words(leg)}; the ideal is a short of {usd(leg.target_usd)}{at}."
    yield from band_story(leg, rules)
    if leg.leverage is not None:
        none = leg.liquidation_price is None or leg.liquidation_price == NO_LIQUIDATION
        liquidation = "no price liquidates it" if none else f"liquidation at {price(leg.liquidation_price or leg.leverage, 2, 5)}"
        yield f"  Leverage: {trimmed(leg.leverage, 3)}; {liquidation}."
    if leg.baseline is not None:
        yield f"  New baseline: the ratio now refers to {coins(leg.baseline.coins, leg.asset)}."
    for missing in leg.missing:
        yield f"  Missing: {missing}."
    for refused in leg.refused:
        yield f"  Refused by the check on {refused.check}: {refused.why}."
    yield from action_story(leg, decision)


def cross_story(cross: CrossPlan) -> Iterator[str]:
    """What the leg carries for an asset without a contract of its own."""
    ratio = "UNKNOWN" if cross.ratio_effective is None else trimmed(cross.ratio_effective, 6)
    beta = "UNKNOWN" if cross.beta is None else trimmed(cross.beta, 6)
    measured = "" if cross.r_squared is None else f" (R² {trimmed(cross.r_squared, 4)})"
    value = "UNKNOWN" if cross.value_usd is None else usd(cross.value_usd)
    target = "UNKNOWN, so nothing new is risked on it and nothing is bought back" if cross.target_usd is None else usd(cross.target_usd)
    yield f"  Carries {cross.asset}: ratio {ratio} × β {beta}{measured} × {value} = {target}."
    yield from policy_story(cross.policies)


def policy_story(changes: Iterable[Change]) -> Iterator[str]:
    """How the target ratio became the effective one, policy by policy."""
    for change in changes:
        after = "cannot tell" if change.after is None else trimmed(change.after, 6)
        step = "leaves it" if change.after == change.before else f"{trimmed(change.before, 6)} → {after}"
        yield f"    {change.policy}: {step} ({change.why})."


def ratio_words(leg: LegPlan) -> str:
    if leg.ratio_target is None:
        return "the target is not known, so nothing new is risked"
    source = f" by {SOURCES[leg.target_source]}" if leg.target_source is not None else ""
    words = f"{trimmed(leg.ratio_target, 6)} is asked for{source}"
    if leg.ratio_effective is not None and leg.ratio_effective != leg.ratio_target:
        words += f", {trimmed(leg.ratio_effective, 6)} applies now"
    actual = "not known" if leg.ratio_actual is None else trimmed(leg.ratio_actual, 6)
    words += f"; {actual} is hedged"
    if leg.ratio_planned is not None and leg.ratio_planned != leg.ratio_actual:
        words += f", {trimmed(leg.ratio_planned, 6)} after the planned order"
    return words


def position_words(leg: LegPlan) -> str:
    if not leg.position_usd:
        return "none"
    return f"{'short' if leg.position_usd < 0 else 'LONG'} {usd(abs(leg.position_usd))}"


def band_story(leg: LegPlan, rules: Rules | None) -> Iterator[str]:
    rule = next((rule for rule in rules.legs if rule.asset == leg.asset), None) if rules is not None else None
    if rule is None or leg.target_usd is None:
        return
    band = leg.band or rule.band
    low, high = (usd(leg.target_usd * edge) for edge in (band.low, band.high))
    yield f"  Band: the bot trades when the short is below {low} or above {high} ({leg.band_why or 'as configured'})."


def action_story(leg: LegPlan, decision: Decision) -> Iterator[str]:
    acted = False
    for cancel in decision.cancels:
        if cancel.asset == leg.asset:
            acted = True
            yield f"  → cancel order {cancel.client_id}: {cancel.why}."
    for call in decision.leverage:
        if call.asset == leg.asset:
            yield f"  → set the venue's leverage of {call.symbol} to {call.leverage}."
    for transfer in decision.transfers:
        if transfer.asset == leg.asset:
            acted = True
            yield f"  → transfer {transfer.transfer_id}: {transfer_words(transfer)}."
    for order in decision.orders:
        if order.asset == leg.asset:
            acted = True
            yield f"  → order {order.client_id}: {order_words(order)}; it costs about {usd(leg.fees_usd)} in fees."
    if not acted:
        yield f"  → no order: {leg.why}."


def order_story(store: Store, order: OrderRow) -> Iterator[str]:
    yield (
        f"Order {order.client_id}: {order.side.value} {order.contracts:,} contracts of {order.symbol} at {price(order.limit_price)}"
        f" or better; now {STATUSES[order.status]}, {order.filled:,} filled."
    )
    yield f"  Why: {order.why} (decision {order.decision_seq}, when the mark was {price(order.reference_price)})."
    decided = intents(store, [order.client_id]).get(order.client_id)
    if decided is not None and decided.queue_ahead is not None:
        yield f"  Queue: {decided.queue_ahead:,} contracts of others were ahead of it at its price when it was decided."
    yield from cost_story(store, order, decided)
    told = [row for row in [store.entry(order.seq)] if row is not None]
    told += [row for row in store.entries(kinds=STORY, after_seq=order.seq, until_seq=order.moved_seq) if about(row, order.client_id)]
    told += [row for row in map(store.entry, store.fill_seqs(order.client_id)) if row is not None]
    for row in sorted(told, key=lambda row: row.seq):
        yield f"  {moment(row.at_ms)}  {sentence(row.event)} [{row.seq}]"
    decision = store.decision(order.decision_seq)
    if decision is not None:
        yield ""
        yield from decision_story(store, order.decision_seq, decision.decision)


def cost_story(store: Store, order: OrderRow, decided: Approved | None) -> Iterator[str]:
    """What its fills came to cost, against the market it met."""
    arrival = decided.arrival if decided is not None else None
    found = cost(arrival, order.symbol, order.side, fills_of(store, [order.client_id]).get(order.client_id, []))
    if found is None or arrival is None:
        return
    slipped, fees, market, saved = (trimmed(one, 2) for one in (found.slippage_bps, found.fees_bps, found.market_bps, found.saved_bps))
    yield (
        f"  Cost: traded at {price(found.price)} on average; slippage {slipped} bp against the mid of {price(arrival.mid)} that"
        f" it met, fees {fees} bp; a market order at that moment would have cost {market} bp: {saved} bp saved."
    )


def about(row: EntryRow, client_id: str) -> bool:
    event = row.event
    return isinstance(event, OrderMoved | LookedInVain | QueueSeen | CancelAsked) and event.client_id == client_id
