"""What may a person, a script or a dashboard ask of a running bot, and in what words does it answer?

The engine satisfies `Bot`; the HTTP API, the metrics and the command line use nothing else of it. The JSON answers are rendered
here, once, for all of them: money and coins are decimal strings in plain notation, counts are integers, times are UTC in ISO 8601.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import Any, Final, Literal, Protocol

from bot.core.decision import Approved, CrossPlan, Decision, LegPlan, Mode
from bot.core.events import CommandGiven
from bot.core.model import ONE, ZERO, Basis, Kind, Snapshot, Sourced, Target, View
from bot.core.policy_terms import Change
from bot.core.rules import Band, Rules
from bot.core.stress import Stressed, stressed
from bot.ports import PortError, Standing

LIVENESS_CYCLES: Final = 3
LIVENESS_FLOOR_MS: Final = 15_000
COMMAND_WAIT_MS: Final = 5_000
FOUR_PLACES: Final = Decimal("0.0001")
ROOMY: Final = Context(prec=60)  # leverage next to no equity has more digits than decisions are computed with
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class CannotListen(PortError):
    """The address of the API cannot be had. Nothing was traded; exit code 1."""


@dataclass(frozen=True, slots=True)
class Status:
    """The bot at the end of its last turn."""

    account: str
    venue: str
    environment: str | None
    mode: Literal["dry-run", "live"]
    armed: bool
    state: Mode
    draining: bool  # dry-run was asked for and own orders are still being cancelled
    as_of_ms: int | None  # of the last turn's snapshot; None before the first turn
    cycle: int
    decision: Decision | None  # of the last turn; None before the first one
    seen: Snapshot | None  # what that decision saw
    open_orders: int  # ours, at the venue
    unknown_orders: int  # ours, of which nobody knows whether they exist
    targets: tuple[Target, ...]  # the operator's
    halted: str | None  # why the account is halted or killed
    halted_legs: tuple[tuple[str, str], ...]  # asset, why
    seq: int  # of the last row of the audit chain
    head: str  # its hash in hex
    why_not_ready: tuple[str, ...]
    overrides: tuple[str, ...] = ()  # what stands by the operator's word, where the bot would otherwise refuse or prove it
    bands: tuple[tuple[str, Band], ...] = ()  # asset, the band that applies
    baselines: tuple[tuple[str, Decimal], ...] = ()  # asset, the coins that its ratio refers to
    declared: tuple[tuple[str, Decimal], ...] = ()  # asset, the coins of the bag that nobody reads, as they were last declared
    unhedged: tuple[tuple[str, Decimal], ...] = ()  # asset, declared coins of the bag that have no ratio
    document: Standing | None = None  # of the target document; None: there is none
    unknown_transfers: int = 0  # of collateral, which have not come to their end


@dataclass(frozen=True, slots=True)
class Check:
    """One question about health and a one-line reason, good or bad."""

    ok: bool
    why: str


@dataclass(frozen=True, slots=True)
class Health:
    """What the probes ask. Cheap, synchronous, and answered from memory: a probe never waits for a venue or a database."""

    now_ms: int  # the bot's clock: commands are stamped with it
    now_mono_ms: int
    last_turn_mono_ms: int  # end of the last turn; the start of the run before the first one
    cycle_ms: int
    database: Check
    venue: Check
    reconciled: Check
    data_fresh: Check

    @property
    def alive(self) -> Check:
        """Does the loop turn? Looks at nothing outside the process, so that a venue's outage restarts nobody."""
        age_ms = self.now_mono_ms - self.last_turn_mono_ms
        limit_ms = max(LIVENESS_CYCLES * self.cycle_ms, LIVENESS_FLOOR_MS)
        return Check(age_ms <= limit_ms, f"the last turn ended {age_ms / 1000:.1f} s ago; the limit is {limit_ms / 1000:.1f} s")

    @property
    def checks(self) -> tuple[tuple[str, Check], ...]:
        """What readiness depends on."""
        return (("database", self.database), ("venue", self.venue), ("reconciled", self.reconciled), ("data_fresh", self.data_fresh))


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of an operator's word."""

    code: Literal["ok", "draining", "refused"]
    done: bool  # False: accepted, and still being carried out (own orders are not yet gone)
    state: Mode
    message: str

    @property
    def accepted(self) -> bool:
        return self.code != "refused"


class Bot(Protocol):
    """A running bot as its faces see it."""

    @property
    def account(self) -> str: ...
    @property
    def venue(self) -> str: ...
    @property
    def environment(self) -> str | None: ...
    @property
    def rules(self) -> Rules: ...

    def status(self) -> Status:
        """The state at the end of the last turn."""

    def health(self) -> Health:
        """What the probes ask."""

    async def command(self, command: CommandGiven, wait_ms: int = COMMAND_WAIT_MS) -> CommandResult:
        """Apply an operator's word at the head of the next turn and wait at most `wait_ms` for it to be carried out.

        The word is in the audit chain before this returns accepted. Raise PortError if it could not be recorded: then nothing happened.
        """


# ---------------------------------------------------------------------------------------------------------------- plain words


def plain(value: Decimal) -> str:
    """A number as people write it: every digit, no exponent, no trailing zeros; "Infinity" is a value."""
    if value.is_nan():
        raise ValueError("NaN is no answer: what is unknown is None")
    if value.is_infinite():
        return str(value)
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def plain_or_null(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def iso_utc(at_ms: int) -> str:
    """`2026-03-01T12:00:00.250Z`."""
    return (EPOCH + timedelta(milliseconds=at_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# ---------------------------------------------------------------------------------------------------------------- the answers


def plan_json(status: Status) -> dict[str, Any]:
    """The answer of `plan --json` and GET /api/v1/plan."""
    decision, bands = status.decision, dict(status.bands)
    return {
        "mode": status.mode,
        "armed": status.armed,
        "state": status.state.value,
        "venue": status.venue,
        "environment": status.environment,
        "account": status.account,
        "as_of": None if status.as_of_ms is None else iso_utc(status.as_of_ms),
        "legs": [] if decision is None else [with_collateral(leg, status, bands.get(leg.asset)) for leg in decision.legs],
        "missing": missing(status),
        "alerts": alerts(status),
        "overrides": list(status.overrides),
    }


def status_json(status: Status) -> dict[str, Any]:
    """The answer of `status --json` and GET /api/v1/status: the plan, and what the account holds and has open."""
    held = tuple(holdings_usd(status))
    bag = total(tuple(part.bag_usd for part in held))
    account = total(tuple(part.account_usd for part in held))
    return {
        **plan_json(status),
        "open_orders": status.open_orders,
        "unknown_orders": status.unknown_orders,
        "value_bag_usd": plain_or_null(bag),
        "value_account_usd": plain_or_null(account),
        "value_total_usd": plain_or_null(total((bag, account))),
    }


def bag_json(status: Status) -> dict[str, Any]:
    """The answer of GET /api/v1/bag: what is held of each asset outside and in the account, where, and what hedges it (null: nothing; then
    its price is not read either). `share` is of the value of all that has a price; a source's `error` says why its amount is held over or
    UNKNOWN."""
    sources = () if status.seen is None else status.seen.sources
    worth = total(tuple(part.bag_usd for part in holdings_usd(status)))
    legs = () if status.decision is None else status.decision.legs

    def row(
        asset: str,
        coins: Decimal | None,
        in_account: Decimal | None,
        price: Decimal | None,
        hedged_by: str | None,
        declared: Decimal | None,
    ) -> dict[str, Any]:
        usd = None if coins is None or price is None else coins * price
        return {
            "asset": asset,
            "spot_coins": plain_or_null(coins),
            "equity_coins": plain_or_null(in_account),
            "mark": plain_or_null(price),
            "spot_usd": plain_or_null(usd),
            "share": plain(four_places(usd / worth)) if usd is not None and worth else None,
            "hedged_by": hedged_by,
            "declared_coins": plain_or_null(declared),
            "sources": [source_json(one, status) for one in sources if one.asset == asset],
        }

    held = [row(leg.asset, leg.spot_coins, coins_posted(leg), leg.mark, leg.instrument, declared_coins(leg.asset, status)) for leg in legs]
    crosses = [(one, leg.instrument) for leg in legs for one in leg.crosses]
    held += [row(one.asset, one.coins, ZERO, one.price, instrument, declared_coins(one.asset, status)) for one, instrument in crosses]
    for asset, declared in status.unhedged:
        read = [one.coins for one in sources if one.asset == asset]
        known = [coins for coins in read if coins is not None]
        held.append(row(asset, declared + sum(known, ZERO) if len(known) == len(read) else None, None, None, None, declared))
    said = status_json(status)
    return {"as_of": said["as_of"], "bag": held} | {name: said[name] for name in ("value_bag_usd", "value_account_usd", "value_total_usd")}


def coins_posted(leg: LegPlan) -> Decimal | None:
    """Of the asset itself: the account of a linear contract holds none of it, whatever that account is worth."""
    return leg.equity_coins if leg.settle == leg.asset or leg.equity_coins is None else ZERO


def declared_coins(asset: str, status: Status) -> Decimal | None:
    """The part of the bag that nobody reads, as it was declared."""
    seen = status.seen
    whole = None if seen is None else seen.bag_coins(asset)
    read = None if seen is None else seen.read_coins(asset)
    if whole is None:
        return dict(status.declared).get(asset)
    return whole if read is None else whole - read


def source_json(source: Sourced, status: Status) -> dict[str, Any]:
    now_ms = status.as_of_ms
    return {
        "name": source.name,
        "coins": plain_or_null(source.coins),
        "as_of": None if source.at_ms is None else iso_utc(source.at_ms),
        "age_seconds": None if source.at_ms is None or now_ms is None else max(0, now_ms - source.at_ms) // 1000,
        "error": source.error or None,
    }


def hedges_json(rules: Rules, status: Status) -> dict[str, Any]:
    """The answer of GET /api/v1/hedges: each asset's rule, and what it is now; `now` is null before the first turn."""
    legs = plan_json(status)["legs"]
    now = {leg["asset"]: leg for leg in legs} | {one["asset"]: one for leg in legs for one in leg["crosses"]}
    symbols = {leg.asset: leg.symbol for leg in rules.legs}
    chosen = {} if status.decision is None else {leg.asset: leg.band for leg in status.decision.legs}
    rows = [
        {
            "asset": leg.asset,
            "instrument": leg.symbol,
            "basis": leg.basis.value,
            "ratio_config": plain(leg.ratio),
            "band": {name: plain(getattr(chosen.get(leg.asset) or leg.band, name)) for name in ("low", "safe_low", "safe_high", "high")},
            "now": now.get(leg.asset),
        }
        for leg in rules.legs
    ]
    rows += [
        {
            "asset": one.asset,
            "instrument": symbols[one.hedge],
            "basis": Basis.VALUE.value,
            "ratio_config": plain(one.ratio),
            "band": {name: plain(getattr(one.band, name)) for name in ("low", "safe_low", "safe_high", "high")},
            "cross": {"with": one.hedge, "market": one.market, "beta": plain_or_null(one.beta)},
            "now": now.get(one.asset),
        }
        for one in rules.crosses
    ]
    return {"as_of": None if status.as_of_ms is None else iso_utc(status.as_of_ms), "hedges": rows}


def leg_json(leg: LegPlan, orders: tuple[Approved, ...], band: Band | None = None) -> dict[str, Any]:
    liquidation = leg.liquidation_price
    return {
        "asset": leg.asset,
        "instrument": leg.instrument,
        "basis": leg.basis.value,
        "ratio_target": plain_or_null(leg.ratio_target),
        "ratio_effective": plain_or_null(leg.ratio_effective),
        "ratio_actual": plain_or_null(leg.ratio_actual),
        "ratio_planned": plain_or_null(leg.ratio_planned),
        "spot_coins": plain_or_null(leg.spot_coins),
        "equity_coins": plain_or_null(leg.equity_coins),
        "delta_coins": plain_or_null(leg.delta_coins),
        "position_usd": plain_or_null(leg.position_usd),
        "target_usd": plain_or_null(leg.target_usd),
        "leverage": plain_or_null(leg.leverage),
        "liquidation_price": None if liquidation is None or liquidation.is_infinite() else plain(liquidation),
        "aligned": leg.aligned,
        "why": leg.why,
        "policies": [change_json(change) for change in leg.policies],
        "costs": {"fees_usd": plain(leg.fees_usd), "funding_usd_per_year": plain_or_null(leg.funding_usd_per_year)},
        "orders": [order_json(order) for order in orders if order.asset == leg.asset],
        "mark": plain_or_null(leg.mark),
        "liquidation_distance": plain_or_null(liquidation_distance(leg)),
        "band": None if (edges := leg.band or band) is None else {"low": plain(edges.low), "high": plain(edges.high)},
        "band_why": leg.band_why or "as configured",
        "crosses": [cross_json(one) for one in leg.crosses],
    }


def with_collateral(leg: LegPlan, status: Status, band: Band | None) -> dict[str, Any]:
    """The leg, what it lacks of collateral and what is moved of it, and what would become of it if the price rose."""
    decision = status.decision
    orders, transfers = ((), ()) if decision is None else (decision.orders, decision.transfers)
    return {
        **leg_json(leg, orders, band),
        "lacking_coins": plain_or_null(leg.lacking_coins),
        "transfers": [{"coins": plain(one.coins), "why": one.why} for one in transfers if one.asset == leg.asset],
        "stress": [
            {
                "move_percent": one.move_percent,
                "leverage": plain(one.leverage if one.leverage.is_infinite() else four_places(one.leverage)),
                "liquidation_distance": plain_or_null(one.liquidation_distance and four_places(one.liquidation_distance)),
            }
            for one in stress(leg, status)
        ],
    }


def stress(leg: LegPlan, status: Status) -> tuple[Stressed, ...]:
    """Empty while something of it is UNKNOWN."""
    seen, decision = status.seen, status.decision
    view = None if seen is None else seen.view(leg.instrument)
    if view is None or decision is None or view.position is None or view.margin is None or leg.mark is None:
        return ()
    settle = view.instrument.settle
    others = [one for one in decision.legs if one.instrument != leg.instrument and one.instrument.endswith(f":{settle}")]
    if any(one.position_usd is None for one in others):
        return ()
    other_usd = sum((abs(one.position_usd or ZERO) for one in others), ZERO)
    return stressed(view.instrument, -view.position.contracts, view.margin.equity, leg.mark, leg.liquidation_price, other_usd)


def cross_json(one: CrossPlan) -> dict[str, Any]:
    """What the leg carries for one asset."""
    return {
        "asset": one.asset,
        "ratio_target": plain_or_null(one.ratio_target),
        "ratio_effective": plain_or_null(one.ratio_effective),
        "beta": plain_or_null(one.beta),
        "r_squared": plain_or_null(one.r_squared),
        "residual_volatility": plain_or_null(one.residual_volatility),
        "coins": plain_or_null(one.coins),
        "price": plain_or_null(one.price),
        "value_usd": plain_or_null(one.value_usd),
        "target_usd": plain_or_null(one.target_usd),
        "hedged_usd": plain_or_null(one.hedged_usd),
        "why": one.why,
        "policies": [change_json(change) for change in one.policies],
    }


def liquidation_distance(leg: LegPlan) -> Decimal | None:
    """How far the price may move before the position is liquidated, as a share of the mark; None where it cannot, or is not known."""
    if leg.liquidation_price is None or leg.liquidation_price.is_infinite() or not leg.mark:
        return None
    return four_places(leg.liquidation_price / leg.mark - ONE)


def four_places(value: Decimal) -> Decimal:
    return value.quantize(FOUR_PLACES, context=ROOMY)


def change_json(change: Change) -> dict[str, Any]:
    return {"policy": change.policy, "before": plain(change.before), "after": plain_or_null(change.after), "why": change.why}


def order_json(order: Approved) -> dict[str, Any]:
    return {
        "side": order.side.value,
        "contracts": order.contracts,
        "limit_price": plain(order.limit_price),
        "reduce_only": order.reduce_only,
        "post_only": order.post_only,
    }


def missing(status: Status) -> list[str]:
    """What keeps the bot from knowing or from hedging in full, each naming its asset."""
    if status.decision is None:
        return list(status.why_not_ready) or ["no decision yet: the first turn has not ended"]
    return [f"{leg.asset}: {what}" for leg in status.decision.legs for what in leg.missing]


def alerts(status: Status) -> list[str]:
    """What a person should know: of the decision, of a hedge too small to be traded, and of the target document that it went by.

    Before the first decision no leg says that a kill holds."""
    distrusted = [status.document.error] if status.document is not None and status.document.error else []
    decision = status.decision
    if decision is None:
        return [*([f"halted: {status.halted}"] if status.halted is not None else []), *distrusted]
    small = [f"{leg.asset}: {what}" for leg in decision.legs if (what := too_small(leg))]
    return [*decision.alerts, *small, *distrusted]


def too_small(leg: LegPlan) -> str:
    """A leg that has nothing left to do may still hedge nothing."""
    if not leg.aligned or leg.position_usd != 0 or leg.target_usd is None or leg.target_usd <= 0:
        return ""
    return f"nothing is hedged: all of {leg.target_usd:,.2f} USD is less than one order takes (band.min_order_usd, or one contract)"


def alerts_besides(said: Mapping[str, Any]) -> list[str]:
    """The alerts of a plan that `missing` does not tell already."""
    return [alert for alert in said["alerts"] if not any(alert in what for what in said["missing"])]


# ---------------------------------------------------------------------------------------------------------------- what is held


@dataclass(frozen=True, slots=True)
class HeldUsd:
    """The USD value of one currency: of the bag outside, and of the futures account. None is UNKNOWN."""

    currency: str
    bag_usd: Decimal | None
    account_usd: Decimal | None


def holdings_usd(status: Status) -> Iterator[HeldUsd]:
    """Empty before the first turn."""
    if status.decision is not None and status.seen is not None:
        yield from held_usd(status.decision, status.seen)


def held_usd(decision: Decision, seen: Snapshot) -> Iterator[HeldUsd]:
    """One entry for each asset that is hedged and each settle currency; several legs that share a margin account count it once."""
    bag: dict[str, Decimal | None] = {}
    account: dict[str, Decimal | None] = {}
    for leg in decision.legs:
        bag[leg.asset] = None if leg.spot_coins is None or leg.mark is None else leg.spot_coins * leg.mark
        view = seen.view(leg.instrument)
        currency = leg.asset if view is None else view.instrument.settle
        value = None if view is None else margin_usd(view, leg.mark)
        if account.get(currency) is None:
            account[currency] = value
        bag |= {one.asset: one.value_usd for one in leg.crosses}
    for currency in dict.fromkeys((*bag, *account)):
        yield HeldUsd(currency, bag.get(currency, ZERO), account.get(currency, ZERO))


def margin_usd(view: View, mark: Decimal | None) -> Decimal | None:
    """The USD value of the margin account behind one instrument; only coin margin needs a price."""
    if view.margin is None:
        return None
    if view.instrument.kind is Kind.LINEAR:
        return view.margin.equity
    return None if mark is None else view.margin.equity * mark


def total(parts: tuple[Decimal | None, ...]) -> Decimal | None:
    """A sum with an unknown part is unknown; so is the sum of nothing."""
    known = [part for part in parts if part is not None]
    return sum(known, ZERO) if parts and len(known) == len(parts) else None
