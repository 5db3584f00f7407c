"""Does the configuration agree with itself? The whole of hedge.yaml for one account, frozen once it does."""

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator

from bot.core.model import Kind, settle_of
from bot.core.rules import AutoBand
from bot.core.rules import Band as BandRule
from bot.settings_bag import Holding, judge_sources
from bot.settings_cross import Cross
from bot.settings_model import (
    HOW_WORKED,
    Api,
    Audit,
    Band,
    Collateral,
    Execution,
    Hedge,
    Notify,
    Paper,
    Reconcile,
    Risk,
    TargetDocument,
    Venue,
)
from bot.settings_values import Asset, Seconds, Section, Switch, Whole, Word, plain, refuse, shown
from bot.venue_offers import OFFERS, Proof
from bot.words import MOST_OVER_HEDGE

SYMBOL: Final = re.compile(r"([A-Z0-9]+)/([A-Z0-9]+):([A-Z0-9]+)(-.+)?", re.ASCII)
BAND_EDGES: Final = ("low", "safe_low", "safe_high", "high")
WIDE_BAND: Final = BandRule(
    Decimal("0.95"), Decimal("0.98"), Decimal("1.00"), Decimal("1.03")
)  # `value` below 1 trades on every move: let it breathe
MOST_SILENT_SECONDS: Final = 30  # between two turns under a dead man's switch of a minute
LIMITS: Final = ("risk", "band", "execution")  # on production each key of these must stand in the file
NO_LIMITS: Final = frozenset(  # but for these
    {("band", "auto"), ("band", "risk_aversion"), *(("execution", name) for name in HOW_WORKED)}
)


class Settings(Section):
    """One account's configuration. Secrets are SecretStr: they never print."""

    version: Whole = Field(default=1, description="of this file's format")
    mode: Literal["dry-run", "live"] = Field(default="dry-run", description="may orders be sent at all")
    account: Word = Field(default="main", description="a name for the account; several: `accounts: {NAME: {venue: …, bag: …, hedges: …}}`")
    cycle_seconds: Seconds = Field(default=Decimal(5), description="pause between two looks at the venue")
    venue: Venue = Venue()
    paper: Paper = Paper()
    bag: dict[Asset, Holding] = Field(default_factory=dict)
    hedges: dict[Asset, Hedge] = Field(default_factory=dict)
    band: Band = Band()
    execution: Execution = Execution()
    risk: Risk = Risk()
    collateral: dict[Asset, Collateral] = Field(default_factory=dict)
    reconcile: Reconcile = Reconcile()
    targets: TargetDocument | None = None
    dead_mans_switch: Switch = Field(
        default=False, description="have the venue cancel every open order when the bot falls silent for a minute, where it can"
    )
    kill_file: str = Field(
        default="hedgebot.kill", min_length=1, description="while this file exists no order is sent and own orders are cancelled"
    )
    audit: Audit = Audit()
    api: Api = Api()
    notify: Notify = Notify()
    _accounts: tuple[str, ...] = PrivateAttr(default=())

    @property
    def accounts(self) -> tuple[str, ...]:
        """Every account of the configuration, this one among them."""
        return self._accounts or (self.account,)

    @property
    def crosses(self) -> dict[str, Cross]:
        """Assets that are hedged with another one's contract."""
        return {asset: hedge.cross for asset, hedge in self.hedges.items() if hedge.cross is not None}

    @property
    def legs(self) -> dict[str, Hedge]:
        """Every contract that is traded, by its asset: of hedges with a contract of their own, and of coins that only carry others."""
        own = {asset: hedge for asset, hedge in self.hedges.items() if hedge.cross is None}
        coins = {cross.with_ for cross in self.crosses.values()} - set(own)
        return own | {coin: Hedge(instrument=f"{coin}/USD:{coin}") for coin in sorted(coins)}

    @property
    def assets(self) -> tuple[str, ...]:
        """Everything that has a ratio."""
        return tuple(dict.fromkeys((*self.hedges, *self.legs)))

    @property
    def outside(self) -> dict[str, Holding]:
        """What counts of the bag. Coins of an asset that only carries others are not hedged, only what is posted of them."""
        return self.bag | {asset: Holding(coins=Decimal(0)) for asset in self.legs if asset not in self.hedges}

    @property
    def unhedged(self) -> dict[str, Decimal]:
        """The declared coins of every asset of the bag that has no ratio. Coins that are read stand in what the sources tell."""
        left = {asset: held for asset, held in self.bag.items() if asset not in self.hedges}
        return {asset: held.declared for asset, held in left.items() if asset not in self.legs or not held.read}

    @model_validator(mode="before")
    @classmethod
    def _default_instruments(cls, data: Any) -> Any:
        """A hedge without an instrument takes the inverse perpetual of its own asset; one with `cross` has none."""
        if not isinstance(data, Mapping) or not isinstance(data.get("hedges"), Mapping):
            return data
        for asset, hedge in data["hedges"].items():
            if isinstance(hedge, Mapping) and hedge.get("instrument") and str(hedge.get("allow_linear", "")).strip().lower() == "true":
                problem = f"is true, and the instrument is {hedge['instrument']} anyway"
                refuse(problem, "delete one of the two", "hedges", str(asset), "allow_linear")
            if isinstance(hedge, Mapping) and hedge.get("cross") is not None:
                _judge_cross(str(asset), hedge)
        venue = data.get("venue")
        name = str(venue.get("name")) if isinstance(venue, Mapping) else "paper"
        hedges = {asset: _completed(asset, hedge, name) if isinstance(hedge, Mapping) else hedge for asset, hedge in data["hedges"].items()}
        return {**data, "hedges": hedges}

    @field_validator("version")
    @classmethod
    def _readable(cls, version: int) -> int:
        if version != 1:
            refuse(f"is {version}", "this hedgebot reads version 1: write `version: 1`, or install the release that wrote the file")
        return version

    @field_validator("kill_file")
    @classmethod
    def _a_path(cls, path: str) -> str:
        if "\0" in path:
            refuse("contains a NUL character", "name a file")
        return path

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Settings":
        self._hedges_make_sense()
        self._limits_make_sense()
        self._paper_is_complete()
        if self.dead_mans_switch and not OFFERS[self.venue.name].dead_man:
            able = ", ".join(name for name, offer in OFFERS.items() if offer.dead_man)
            problem = f"is true, and venue {self.venue.name} has none that can be set over REST"
            refuse(problem, f"write dead_mans_switch: false; venues that have one: {able}", "dead_mans_switch")
        if self.dead_mans_switch and self.cycle_seconds > MOST_SILENT_SECONDS:
            problem = f"is {plain(self.cycle_seconds)}, and the dead man's switch ends orders after a minute of silence"
            refuse(problem, f"write at most {MOST_SILENT_SECONDS}, or dead_mans_switch: false", "cycle_seconds")
        if self.targets and self.targets.max_age_seconds < self.targets.poll_seconds:
            refuse(
                f"is {plain(self.targets.max_age_seconds)}, less than poll_seconds {plain(self.targets.poll_seconds)}",
                "a document would go stale between two reads: raise it",
                "targets",
                "max_age_seconds",
            )
        return self

    def _hedges_make_sense(self) -> None:
        if not self.hedges:
            refuse("is empty: there is nothing to hedge", "add for example `hedges: {BTC: {ratio: 1.0}}`", "hedges")
        for asset, hedge in self.hedges.items():
            at = ("hedges", asset)
            self._ratio_in_range(hedge.ratio, at)
            if hedge.cross is not None:
                self._carried_by(asset, hedge.cross)
            else:
                _check_symbol(asset, hedge.instrument, at)
            if asset not in self.bag:
                remedy = f"say what you hold outside the futures account: `bag: {{{asset}: {{coins: 0}}}}` if that is nothing"
                refuse("is not given, and a missing bag is never zero", remedy, "bag", asset)
        judge_sources(self.bag, self.venue.name, self.venue.api_key)

    def _carried_by(self, asset: str, cross: Cross) -> None:
        at = ("hedges", asset, "cross", "with")
        if cross.with_ == asset:
            refuse(f"is {asset} itself", f"name the asset whose contract is shorted, or delete `cross` to hedge {asset} with its own", *at)
        other = self.hedges.get(cross.with_)
        if other is not None and other.cross is not None:
            refuse(f"is {cross.with_}, which has no contract of its own here either", f"name {other.cross.with_}, or another asset", *at)

    def _ratio_in_range(self, ratio: Decimal, at: tuple[str, ...]) -> None:
        most = MOST_OVER_HEDGE if self.risk.allow_over_hedge else Decimal(1)
        if ratio <= most:
            return
        if MOST_OVER_HEDGE < ratio <= 100:
            remedy = f"did you mean {plain(ratio / 100)}?"
        elif self.risk.allow_over_hedge:
            remedy = "even with risk.allow_over_hedge a ratio ends at 2"
        else:
            remedy = "write a share of the bag such as 0.85, or set risk.allow_over_hedge: true for up to 2"
        refuse(f"is {plain(ratio)}, outside 0 … {plain(most)}", remedy, *at, "ratio")

    def _limits_make_sense(self) -> None:
        band, risk = self.band, self.risk
        for lower, upper in pairwise(self.written_edges if band.auto else BAND_EDGES):
            below, above = getattr(band, lower), getattr(band, upper)
            if below > above:
                refuse(f"is {plain(below)}, above {upper} {plain(above)}", "keep low ≤ safe_low ≤ safe_high ≤ high", "band", lower)
        if band.safe_low > 1:
            refuse(
                f"is {plain(band.safe_low)}, above 1", "the safe edges lie around 1, the ideal hedge: write at most 1", "band", "safe_low"
            )
        if band.high < 1:
            refuse(f"is {plain(band.high)}, below 1", "the ideal hedge is 1 and must lie inside the band: write at least 1", "band", "high")
        if risk.max_leverage > risk.hard_leverage:
            refuse(
                f"is {plain(risk.max_leverage)}, above hard_leverage {plain(risk.hard_leverage)}",
                "the bot would reduce what it may build: keep max_leverage ≤ hard_leverage",
                "risk",
                "max_leverage",
            )
        if self.execution.max_order_usd < band.min_order_usd:
            refuse(
                f"is {plain(self.execution.max_order_usd)}, below band.min_order_usd {plain(band.min_order_usd)}",
                "no order could ever be sent: raise the one or lower the other",
                "execution",
                "max_order_usd",
            )
        self._execution_makes_sense()
        for asset, rule in self.collateral.items():
            at = ("collateral", asset)
            if rule.high >= rule.low:
                refuse(
                    f"is {plain(rule.high)}, not below low {plain(rule.low)}",
                    "both are leverages: sweep back (high) at the lower one, top up (low) at the higher one",
                    *at,
                    "high",
                )
            if rule.low >= risk.hard_leverage:
                remedy = "top up before the bot starts to reduce: lower it"
                refuse(f"is {plain(rule.low)}, not below risk.hard_leverage {plain(risk.hard_leverage)}", remedy, *at, "low")
            if rule.auto_transfer:
                self._may_move(asset, rule)

    def _may_move(self, asset: str, rule: Collateral) -> None:
        """Refuse to move collateral where the venue, the contract or a limit stands against it."""
        at, by_hand = ("collateral", asset), "write auto_transfer: false and move coins by hand"
        if why := OFFERS[self.venue.name].no_transfer:
            able = ", ".join(name for name, offer in OFFERS.items() if not offer.no_transfer)
            refuse(f"is true, and {self.venue.name} {why}", f"{by_hand}; venues that can: {able}", *at, "auto_transfer")
        if asset in self.legs and self.kind(asset) is Kind.LINEAR:
            refuse(f"is true, and the margin of {self.legs[asset].instrument} is USDT, not {asset}", by_hand, *at, "auto_transfer")
        if self.venue.environment in OFFERS[self.venue.name].no_transfer_in:
            problem = f"is true, and {self.venue.name} {self.venue.environment} has no such wallet"
            refuse(problem, by_hand, *at, "auto_transfer")
        if rule.max_transfer_coins > rule.max_transfer_coins_per_day:
            problem = f"is {plain(rule.max_transfer_coins)}, more than max_transfer_coins_per_day {plain(rule.max_transfer_coins_per_day)}"
            refuse(problem, "one transfer may not exceed a day's: lower it", *at, "max_transfer_coins")

    def _execution_makes_sense(self) -> None:
        execution, each = self.execution, self.execution.horizon_seconds / self.execution.slices
        if execution.schedule != "none" and each < self.cycle_seconds:
            refuse(
                f"is {plain(execution.horizon_seconds)}, so that {execution.slices} slices follow each other faster than a cycle",
                f"write at least {plain(self.cycle_seconds * execution.slices)}, or fewer slices",
                "execution",
                "horizon_seconds",
            )
        if execution.max_depth_share is not None and not OFFERS[self.venue.name].book:
            refuse(
                f"is {plain(execution.max_depth_share)}, and the visible book of {self.venue.name} is not read",
                "write max_depth_share: null; max_order_usd limits orders everywhere",
                "execution",
                "max_depth_share",
            )
        if execution.reprice_after_seconds is not None and execution.reprice_after_seconds >= execution.cross_after_seconds:
            refuse(
                f"is {plain(execution.reprice_after_seconds)}, not below cross_after_seconds {plain(execution.cross_after_seconds)}",
                "the bot would cross before it ever moved an order: lower it",
                "execution",
                "reprice_after_seconds",
            )

    def _paper_is_complete(self) -> None:
        if self.venue.name != "paper":
            return
        if _database(self.paper.url) == _database(self.audit.url):
            refuse("is the audit database", "give the paper venue a file of its own, such as sqlite:///paper.db", "paper", "url")
        for asset in self.assets:
            if self.paper.feed == "synthetic" and asset not in self.paper.price:
                remedy = f"say where its price begins: `paper: {{price: {{{asset}: 3000}}}}`"
                refuse(f"is not given, and {self._needed_for(asset)} needs it", remedy, "paper", "price", asset)
        if self.crosses and self.paper.feed.lower().endswith(".csv"):
            asset, cross = next(iter(self.crosses.items()))
            problem = f"is {self.paper.feed}, which has prices of one asset, and hedges.{asset}.cross needs those of {cross.with_} too"
            refuse(problem, "write `feed: synthetic` or `feed: live:VENUE`; `hedgebot replay` takes a file for each", "paper", "feed")
        for asset, hedge in self.legs.items():
            settle = settle_of(hedge.instrument)
            if settle not in self.paper.collateral:
                remedy = f"say what is posted: `paper: {{collateral: {{{settle}: 1}}}}`"
                refuse(f"is not given, and {self._needed_for(asset)} needs it", remedy, "paper", "collateral", settle)

    def _needed_for(self, asset: str) -> str:
        if asset in self.hedges:
            return f"hedges.{asset}"
        return next(f"hedges.{carried}.cross" for carried, cross in self.crosses.items() if cross.with_ == asset)

    def kind(self, asset: str) -> Kind:
        """Inverse or linear, as the instrument says."""
        return Kind.INVERSE if self.legs[asset].instrument.endswith(f":{asset}") else Kind.LINEAR

    @property
    def written_edges(self) -> tuple[str, ...]:
        """The edges of the band that somebody wrote down."""
        return tuple(name for name in BAND_EDGES if name in self.band.model_fields_set)

    @property
    def optional_limits(self) -> frozenset[tuple[str, str]]:
        """Keys among the limits that limit nothing, and edges that `band.auto` chooses where they are not written."""
        return NO_LIMITS | {("band", name) for name in BAND_EDGES if self.band.auto}

    @property
    def auto_band(self) -> AutoBand | None:
        if not self.band.auto:
            return None
        return AutoBand(self.band.risk_aversion, **{name: getattr(self.band, name) for name in self.written_edges})

    def band_of(self, asset: str) -> BandRule:
        """The band of one leg, or of what is carried for one asset: what was written, or what suits its basis and ratio."""
        hedge = self.hedges.get(asset) or self.legs[asset]
        moves = hedge.cross is not None or (hedge.basis == "value" and hedge.ratio < 1)
        if moves and not self.written_edges:
            return WIDE_BAND
        return BandRule(self.band.low, self.band.safe_low, self.band.safe_high, self.band.high)


def _completed(asset: str, hedge: Mapping[str, Any], venue: str) -> Mapping[str, Any]:
    if hedge.get("cross") is not None:
        return {**hedge, "basis": "value"}
    return {**hedge, "instrument": hedge.get("instrument") or _own_contract(asset, hedge, venue)}


def _own_contract(asset: str, hedge: Mapping[str, Any], venue: str) -> str:
    """The inverse perpetual; the linear one where that is allowed and the venue has no other. Whether it is listed, the venue tells."""
    allowed = str(hedge.get("allow_linear", "")).strip().lower() == "true"
    linear_only = venue in OFFERS and OFFERS[venue].inverse is Proof.NONE
    return f"{asset}/USDT:USDT" if allowed and linear_only else f"{asset}/USD:{asset}"


def _judge_cross(asset: str, hedge: Mapping[str, Any]) -> None:
    """A hedge is carried by another asset's contract, or has one of its own."""
    for name, wrong in (("instrument", hedge.get("instrument")), ("allow_linear", str(hedge.get("allow_linear", "")).lower() == "true")):
        if wrong:
            problem = f"is {hedge[name]}, and `cross` hedges {asset} with another asset's contract"
            refuse(problem, "delete one of the two", "hedges", asset, name)
    if str(hedge.get("basis", "value")).strip() != "value":
        problem = f"is {hedge['basis']}, and what another contract carries always follows the value of now"
        refuse(problem, "delete it, or write `basis: value`", "hedges", asset, "basis")


def _check_symbol(asset: str, symbol: str, at: tuple[str, ...]) -> None:
    wanted = f"write {asset}/USD:{asset} (inverse) or {asset}/USDT:USDT (linear)"
    match = SYMBOL.fullmatch(symbol)
    if match is None:
        refuse(f"is {shown(symbol)}, which is not a perpetual's symbol BASE/QUOTE:SETTLE", wanted, *at, "instrument")
    base, quote, settle, dated = match.groups()
    if dated:
        refuse(f"is {symbol}, which expires", f"hedges use perpetuals: {wanted}", *at, "instrument")
    if base != asset:
        refuse(f"is {symbol}, a contract on {base}", f"hedge {asset} with its own contract: {wanted}", *at, "instrument")
    if (quote, settle) not in ((("USD", asset)), ("USDT", "USDT")):
        refuse(f"is {symbol}, settled in {settle} and quoted in {quote}", wanted, *at, "instrument")


def _database(url: str) -> str:
    return url.removeprefix("sqlite:///").removeprefix("./")
