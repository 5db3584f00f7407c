"""What does the bot show to Prometheus? Every metric by its name, in a registry of its own.

Gauges are not set each cycle: they are read from the last `Status` at the moment of a scrape, so that all of them belong to one
turn and a cycle pays next to nothing. What is UNKNOWN is NaN, never 0; a liquidation distance of +Inf means that there is none.
Funding and fees are running sums that may fall (funding is paid as well as received, a maker fee may be a rebate): they are gauges,
to be read with `delta()`, not with `rate()`.
"""

import asyncio
import platform
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from bot.core.decision import Arrival, CrossPlan, LegPlan, Mode
from bot.core.model import ONE, TERMINAL, ZERO, Fill, FundingPayment, OrderStatus, Quote, TransferStatus
from bot.core.stress import MOVES
from bot.face import HeldUsd, Status, holdings_usd, stress
from bot.metrics_text import written
from bot.program import program_version
from bot.shortfall import BPS, slippage

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
UNKNOWN: Final = float("nan")
Child = TypeVar("Child")
PREFIX: Final = "hedgebot_"
ACCOUNT: Final = ("account", "venue")
OF_EACH_LEG: Final = ("quote", "position", "margin")  # sources of data that every leg has
LEG: Final = (*ACCOUNT, "asset")
CROSS: Final = (*LEG, "hedge")
OUTCOMES: Final = tuple(sorted(status.value.lower() for status in (*TERMINAL, OrderStatus.UNKNOWN)))
TRANSFERS: Final = tuple(sorted(status.value.lower() for status in TransferStatus if status.terminal or status is TransferStatus.UNKNOWN))
API_ERRORS: Final = ("NotSent", "Refused", "Unknown", "Misconfigured", "LeaseLost")
CYCLE_SECONDS: Final = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)
ACK_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
AT_ONCE: Final = 250  # lines that are written before the loop goes on
SLIPPAGE_BPS: Final = (-20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series per counter that no dashboard reads


@dataclass(frozen=True, slots=True)
class LegGauge:
    """A number of one leg; `read` gets the plan, and the quote it rests on where there is one."""

    name: str
    tells: str
    read: Callable[[LegPlan, Quote | None], Decimal | None]


def liquidation_distance(leg: LegPlan, _: Quote | None) -> Decimal | None:
    """How far the mark may move, as a fraction of itself; +Inf where there is no liquidation price."""
    if leg.liquidation_price is None or leg.liquidation_price.is_infinite():
        return leg.liquidation_price
    return leg.liquidation_price / leg.mark - ONE if leg.mark else None


def contract_basis(_: LegPlan, quote: Quote | None) -> Decimal | None:
    return quote.mark / quote.index - ONE if quote is not None and quote.index else None


def funding_rate(_: LegPlan, quote: Quote | None) -> Decimal | None:
    return None if quote is None else quote.funding_rate


LEG_GAUGES: Final = (
    LegGauge("ratio_target", "Hedge ratio asked for by operator, target document or config", lambda leg, _: leg.ratio_target),
    LegGauge("ratio_effective", "Hedge ratio in force now", lambda leg, _: leg.ratio_effective),
    LegGauge("ratio_actual", "Hedge ratio of the real position", lambda leg, _: leg.ratio_actual),
    LegGauge("ratio_planned", "Hedge ratio after the planned order", lambda leg, _: leg.ratio_planned),
    LegGauge("position_usd", "Position in USD, a short is negative", lambda leg, _: leg.position_usd),
    LegGauge("target_usd", "Size in USD of the short that would be ideal; positive", lambda leg, _: leg.target_usd),
    LegGauge("delta_coins", "Coins of bag and hedge together that still follow the price", lambda leg, _: leg.delta_coins),
    LegGauge("equity_coins", "Futures equity in coins, unrealised profit included", lambda leg, _: leg.equity_coins),
    LegGauge("spot_coins", "Coins of the bag outside the futures account", lambda leg, _: leg.spot_coins),
    LegGauge("leverage_ratio", "Position over equity at mark, +Inf when equity is gone", lambda leg, _: leg.leverage),
    LegGauge("liquidation_distance_ratio", "Liquidation price over mark, minus 1; +Inf = none", liquidation_distance),
    LegGauge(
        "missing_collateral_coins",
        "What should be moved into the account now, in settle currency; 0 where nothing is known to be lacking",
        lambda leg, _: None if leg.equity_coins is None else leg.lacking_coins or ZERO,
    ),
    LegGauge("basis_ratio", "Mark over index, minus 1", contract_basis),
    LegGauge(
        "funding_usd_per_year", "What the hedge pays in a year at this rate; negative is received", lambda leg, _: leg.funding_usd_per_year
    ),
    LegGauge("funding_rate_ratio", "Funding rate of the running interval; positive is received", funding_rate),
)


@dataclass(frozen=True, slots=True)
class CrossGauge:
    """A number of one asset that another one's leg carries."""

    name: str
    tells: str
    read: Callable[[CrossPlan], Decimal | None]


CROSS_GAUGES: Final = (
    CrossGauge("cross_beta_ratio", "How much an asset moves with the one whose contract hedges it, as it counts", lambda one: one.beta),
    CrossGauge("cross_r_squared_ratio", "How much of its variance that explains", lambda one: one.r_squared),
    CrossGauge("cross_effective_ratio", "Its hedge ratio in force now", lambda one: one.ratio_effective),
    CrossGauge("cross_value_usd", "What is held of it, in USD", lambda one: one.value_usd),
    CrossGauge("cross_target_usd", "What it adds to the ideal short: ratio times beta times value", lambda one: one.target_usd),
    CrossGauge("cross_hedged_usd", "Its share of the short that is there", lambda one: one.hedged_usd),
)


def number(value: Decimal | int | None) -> float:
    return UNKNOWN if value is None else float(value)


class StatusGauges:
    """The collector that reads the last status when Prometheus asks."""

    def __init__(
        self,
        account: str,
        venue: str,
        assets: tuple[str, ...],
        crosses: tuple[tuple[str, str], ...],
        sources: tuple[tuple[str, str], ...],
        document: bool,
    ) -> None:
        self.account = (account, venue)
        self.assets = assets
        self.crosses = crosses
        self.sources = sources
        self.document = document
        self.currencies: dict[str, None] = dict.fromkeys(assets)  # a currency once seen stays, as NaN when unknown
        self.status: Status | None = None
        self.data_stamps: dict[tuple[str, str], float] = {}  # (asset, source) -> seconds
        self.funding_coins = defaultdict(Decimal, dict.fromkeys(assets, ZERO))  # exact sums, floats only when they are written
        self.fees_coins = defaultdict(Decimal, dict.fromkeys(assets, ZERO))
        self.head: tuple[int, int] | None = None
        self.lease_held = False
        self.clock_skew_seconds = UNKNOWN
        self.stream_connected: bool | None = None
        self.build = (program_version(), platform.python_version())

    def turned(self, status: Status) -> None:
        self.status = status
        if status.head:
            self.head = (status.seq, int(status.head[:12], 16))
        if status.seen is None:
            return
        for view in status.seen.views:  # a part that could not be read keeps its old stamp and so grows stale
            for source, part in (("quote", view.quote), ("position", view.position), ("margin", view.margin)):
                if part is not None:
                    self.data_stamps[view.instrument.asset, source] = part.at_ms / 1000
        for cross in status.seen.crosses:
            if cross.at_ms is not None:
                self.data_stamps[cross.asset, "price"] = cross.at_ms / 1000
            if cross.fit is not None:
                self.data_stamps[cross.asset, "candles"] = cross.fit.closed_ms / 1000
        for told in status.seen.sources:
            if told.at_ms is not None:
                self.data_stamps[told.asset, f"bag.{told.name}"] = told.at_ms / 1000
        if status.document is not None and status.document.at_ms is not None:
            self.data_stamps["", "target_document"] = status.document.at_ms / 1000

    def describe(self) -> Iterable[Metric]:
        return self.collect()

    def collect(self) -> Iterator[Metric]:
        yield from self.of_legs()
        yield from self.of_crosses()
        yield from self.of_bag()
        yield from self.of_account()
        yield from self.running()

    def of_legs(self) -> Iterator[Metric]:
        status = self.status
        plans = {} if status is None or status.decision is None else {leg.asset: leg for leg in status.decision.legs}
        views = {} if status is None or status.seen is None else {view.instrument.symbol: view for view in status.seen.views}
        rows = []
        for asset in self.assets:
            plan = plans.get(asset)
            view = views.get(plan.instrument) if plan is not None else None
            rows.append((asset, plan, view.quote if view is not None else None))
        for gauge in LEG_GAUGES:
            family = gauge_family(gauge.name, gauge.tells, LEG)
            for asset, plan, quote in rows:
                family.add_metric((*self.account, asset), number(gauge.read(plan, quote)) if plan is not None else UNKNOWN)
            yield family

        family = gauge_family(
            "stress_leverage_ratio",
            "What leverage would be if the price rose by so many per cent, +Inf when equity is gone",
            (*LEG, "shock"),
        )
        for asset, plan, _ in rows:
            found = {one.move_percent: one.leverage for one in stress(plan, status)} if plan is not None and status is not None else {}
            for percent in MOVES:
                family.add_metric((*self.account, asset, str(percent)), number(found.get(percent)))
        yield family

        held = {} if status is None else {part.currency: part for part in holdings_usd(status)}
        self.currencies.update(dict.fromkeys(held))
        family = gauge_family("value_usd", "Value in USD of bag and futures account in this currency", LEG)
        for currency in self.currencies:
            family.add_metric((*self.account, currency), value_usd(held.get(currency)))
        yield family

        family = gauge_family("halted", "1 where nothing is traded until a person re-arms: the account, or this leg alone", LEG)
        halted_legs = () if status is None else tuple(asset for asset, _ in status.halted_legs)
        for asset in self.assets:
            halted = status is not None and (status.halted is not None or status.state is Mode.HALTED or asset in halted_legs)
            family.add_metric((*self.account, asset), UNKNOWN if status is None else float(halted))
        yield family

    def of_crosses(self) -> Iterator[Metric]:
        decision = None if self.status is None else self.status.decision
        plans = {} if decision is None else {one.asset: one for leg in decision.legs for one in leg.crosses}
        for gauge in CROSS_GAUGES:
            family = gauge_family(gauge.name, gauge.tells, CROSS)
            for asset, hedge in self.crosses:
                plan = plans.get(asset)
                family.add_metric((*self.account, asset, hedge), UNKNOWN if plan is None else number(gauge.read(plan)))
            yield family

    def of_bag(self) -> Iterator[Metric]:
        tells = "1 while a source of the bag tells what counts; 0 while its last good amount stands in for it, or it is UNKNOWN"
        family = gauge_family("bag_source_good", tells, (*LEG, "source"))
        seen = None if self.status is None else self.status.seen
        told = {} if seen is None else {(one.asset, one.name): float(one.coins is not None and not one.error) for one in seen.sources}
        for source in self.sources:
            family.add_metric((*self.account, *source), told.get(source, UNKNOWN))
        yield family

    def of_account(self) -> Iterator[Metric]:
        status = self.status
        yield self.one("open_orders", "Own orders open at the venue", None if status is None else status.open_orders)
        yield self.one("unknown_orders", "Own orders that may or may not exist", None if status is None else status.unknown_orders)

        tells = "1 while the target document is believed; 0 while its last good word stands in for it, or it is UNKNOWN"
        family = gauge_family("target_document_good", tells, ACCOUNT)
        if self.document:
            standing = None if status is None else status.document
            family.add_metric(self.account, UNKNOWN if standing is None else float(not standing.error))
        yield family
        said = "Transfers of collateral that have not come to their end"
        yield self.one("unknown_transfers", said, None if status is None else status.unknown_transfers)

        family = gauge_family("mode_info", "1 for the mode of the config and whether orders are sent", (*ACCOUNT, "mode", "armed"))
        for mode in ("dry-run", "live"):
            for armed in (False, True):
                here = status is not None and status.mode == mode and status.armed is armed
                family.add_metric((*self.account, mode, str(armed).lower()), float(here))
        yield family

        family = gauge_family("state_info", "1 for the state the bot is in, 0 for every other", (*ACCOUNT, "state"))
        for state in Mode:
            family.add_metric((*self.account, state.value), float(status is not None and status.state is state))
        yield family

    def running(self) -> Iterator[Metric]:
        family = gauge_family("data_timestamp_seconds", "Unix time of the newest data of a source", (*LEG, "source"))
        for asset in self.assets:
            for source in OF_EACH_LEG:
                family.add_metric((*self.account, asset, source), self.data_stamps.get((asset, source), UNKNOWN))
        for asset, _ in self.crosses:
            family.add_metric((*self.account, asset, "price"), self.data_stamps.get((asset, "price"), UNKNOWN))
        for (asset, source), seconds in self.data_stamps.items():
            if (asset not in self.assets or source not in OF_EACH_LEG) and source != "price":
                family.add_metric((*self.account, asset, source), seconds)
        yield family
        for name, tells, sums in (
            ("funding_coins_total", "Funding received minus paid in settle currency since the start; may fall", self.funding_coins),
            ("fees_coins_total", "Fees paid minus rebates in settle currency since the start; may fall", self.fees_coins),
        ):
            family = gauge_family(name, tells, LEG)
            for asset, coins in sums.items():
                family.add_metric((*self.account, asset), float(coins))
            yield family
        seq, head48 = self.head or (None, None)
        yield self.one("audit_seq", "Number of the last row of the audit chain", seq)
        yield self.one("audit_head48", "First 48 bits of the hash of that row: a witness of the chain outside its database", head48)
        yield self.one("lease_held", "1 while this process is the one that may trade the account", int(self.lease_held))
        yield self.one("clock_skew_seconds", "Venue clock minus ours", self.clock_skew_seconds)
        told = "1 while the venue's websockets speak, 0 while they are connected anew; NaN without venue.streams"
        yield self.one("stream_connected", told, self.stream_connected)
        family = gauge_family("build_info", "Always 1; the labels tell what runs", (*ACCOUNT, "version", "python"))
        family.add_metric((*self.account, *self.build), 1)
        yield family

    def one(self, name: str, tells: str, value: float | None) -> Metric:
        family = gauge_family(name, tells, ACCOUNT)
        family.add_metric(self.account, UNKNOWN if value is None else value)
        return family


class Children(dict[tuple[str, ...], Child]):
    """The children of one metric, kept: looking a label set up costs five times what counting does."""

    def __init__(self, labels: Callable[..., Child], here: tuple[str, ...], keys: Iterable[tuple[str, ...]]) -> None:
        super().__init__()
        self.labels, self.here = labels, here
        for key in keys:  # shown as 0 before the first event, so that `rate()` sees that one
            self[key] = labels(*here, *key)

    def __missing__(self, key: tuple[str, ...]) -> Child:
        child = self[key] = self.labels(*self.here, *key)
        return child


class Metrics:
    """All metrics of one account. Methods take what the engine has in hand and never raise for a value that is unknown."""

    def __init__(
        self,
        account: str,
        venue: str,
        assets: tuple[str, ...],
        crosses: tuple[tuple[str, str], ...] = (),
        sources: tuple[tuple[str, str], ...] = (),
        *,
        document: bool = False,
    ) -> None:
        """`crosses`: each asset without a contract of its own, and the one whose contract hedges it.
        `sources`: those of the bag that are read, each with its asset. `document`: is there one of targets?"""
        self.registry = CollectorRegistry()
        self.gauges = StatusGauges(account, venue, assets, crosses, sources, document)
        self.registry.register(self.gauges)
        here = (account, venue)
        orders = Counter(
            f"{PREFIX}orders_total", "Own orders by how they ended, or became unknown", (*LEG, "outcome"), registry=self.registry
        )
        transfers = Counter(
            f"{PREFIX}transfers_total",
            "Own transfers of collateral by how they ended, or became unknown",
            (*LEG, "outcome"),
            registry=self.registry,
        )
        fills = Counter(f"{PREFIX}fills_total", "Own fills", LEG, registry=self.registry)
        slippage = Histogram(
            f"{PREFIX}slippage_bps",
            "Fill price against the mid of the market when its order was decided; positive is worse",
            LEG,
            buckets=SLIPPAGE_BPS,
            registry=self.registry,
        )
        errors = Counter(
            f"{PREFIX}api_errors_total", "Failed calls to the venue by what they mean", (*ACCOUNT, "class"), registry=self.registry
        )
        cycles = Histogram(f"{PREFIX}cycle_seconds", "Duration of a turn", ACCOUNT, buckets=CYCLE_SECONDS, registry=self.registry)
        acks = Histogram(
            f"{PREFIX}order_ack_seconds",
            "From sending an order to the venue's answer",
            ACCOUNT,
            buckets=ACK_SECONDS,
            registry=self.registry,
        )
        reconnects = Counter(
            f"{PREFIX}stream_reconnects_total", "Times the websockets were lost or not made", ACCOUNT, registry=self.registry
        )
        commits = Histogram(
            f"{PREFIX}commit_seconds",
            "From handing rows to the audit database to its word that they are durable",
            ACCOUNT,
            buckets=ACK_SECONDS,
            registry=self.registry,
        )
        self._orders = Children(orders.labels, here, ((asset, outcome) for asset in assets for outcome in OUTCOMES))
        self._transfers = Children(transfers.labels, here, ((asset, outcome) for asset in assets for outcome in TRANSFERS))
        self._fills = Children(fills.labels, here, ((asset,) for asset in assets))
        self._slippage = Children(slippage.labels, here, ((asset,) for asset in assets))
        self._errors = Children(errors.labels, here, ((name,) for name in API_ERRORS))
        self._cycle = cycles.labels(*here)
        self._ack = acks.labels(*here)
        self._commit = commits.labels(*here)
        self._reconnects = reconnects.labels(*here)

    def turned(self, status: Status, cycle_seconds: float) -> None:
        """The end of a turn: every gauge shows it from the next scrape on."""
        self.gauges.turned(status)
        self._cycle.observe(cycle_seconds)

    def order(self, asset: str, outcome: OrderStatus) -> None:
        """An own order reached a terminal status, or UNKNOWN; other steps are not counted."""
        if outcome.terminal or outcome is OrderStatus.UNKNOWN:
            self._orders[asset, outcome.value.lower()].inc()

    def transfer(self, asset: str, outcome: TransferStatus) -> None:
        """A transfer of collateral reached a terminal status, or UNKNOWN."""
        if outcome.value.lower() in TRANSFERS:
            self._transfers[asset, outcome.value.lower()].inc()

    def fill(self, asset: str, fill: Fill, arrival: Arrival | None) -> None:
        """An own fill, and the market that its order met."""
        self._fills[asset,].inc()
        self.gauges.fees_coins[asset] += fill.fee_coins
        if arrival is not None:
            self._slippage[asset,].observe(float(slippage(fill.side, arrival.mid, fill.price) * BPS))

    def funding(self, asset: str, payment: FundingPayment) -> None:
        self.gauges.funding_coins[asset] += payment.coins

    def api_error(self, error_class: str) -> None:
        """A failed call, by the name of its class in the error tree of the ports."""
        self._errors[error_class,].inc()

    def acked(self, seconds: float) -> None:
        self._ack.observe(seconds)

    def committed(self, seconds: float) -> None:
        self._commit.observe(seconds)

    def head(self, seq: int, head: bytes) -> None:
        """The last row of the audit chain and its hash, of which 48 bits fit a float exactly."""
        self.gauges.head = (seq, int.from_bytes(head[:6], "big"))

    def lease(self, held: bool) -> None:
        self.gauges.lease_held = held

    def stream(self, connected: bool) -> None:
        """The venue's websockets came up, or went down and are connected anew."""
        self.gauges.stream_connected = connected
        if not connected:
            self._reconnects.inc()

    def clock_skew(self, seconds: float) -> None:
        self.gauges.clock_skew_seconds = seconds

    def scrape(self) -> bytes:
        """The text that /metrics answers, of type CONTENT_TYPE."""
        return written(self.registry.collect())


async def scrape(several: Sequence[Metrics]) -> bytes:
    """The text that /metrics answers for all accounts of a process. The gauges of each are those of one turn; apart from them the loop goes
    on in between."""
    collected, texts, lines = [], [], 0
    for metrics in several:
        for family in metrics.registry.collect():
            collected.append(family)
            if family.type != "gauge":
                await asyncio.sleep(0)
    for family in together(collected):
        texts.append(written([family]))
        lines += len(family.samples)
        if lines >= AT_ONCE:
            lines = 0
            await asyncio.sleep(0)
    return b"".join(texts)


def together(collected: Iterable[Metric]) -> Iterable[Metric]:
    """What several registries hold as one: each name once, with the samples of all."""
    families: dict[str, Metric] = {}
    for family in collected:
        families.setdefault(family.name, Metric(family.name, family.documentation, family.type)).samples.extend(family.samples)
    return families.values()


def value_usd(held: HeldUsd | None) -> float:
    if held is None or held.bag_usd is None or held.account_usd is None:
        return UNKNOWN
    return float(held.bag_usd + held.account_usd)


def gauge_family(name: str, tells: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, tells, labels=labels)


def names(registry: CollectorRegistry) -> dict[str, Metric]:
    """Every metric of a registry under the name that a query uses."""
    return {family.name + ("_total" if family.type == "counter" else ""): family for family in registry.collect()}


def metrics_table_markdown() -> str:
    """The table of the documentation, drawn from a registry as a bot makes it."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    metrics = Metrics("main", "paper", ("BTC",), (("SOL", "BTC"),), (("BTC", "cold"),), document=True)
    for name, family in sorted(names(metrics.registry).items()):
        labels = ", ".join(label for label in family.samples[0].labels if label != "le")
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return "\n".join(rows) + "\n"
