"""How well did another asset's contract hedge, in a replay? What each cross-hedge was and why, and what it took away of the variance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.core.decision import CrossPlan, Decision, LegPlan
from bot.core.model import ONE, ZERO
from bot.face import iso_utc, plain, plain_or_null
from bot.report import variance_reduction


@dataclass(frozen=True, slots=True)
class Change:
    """What an asset adds became known, or unknown for another reason."""

    at_ms: int
    plan: CrossPlan


@dataclass(slots=True)
class Returns:
    """From bar to bar, without and with a hedge."""

    bare: list[Decimal] = field(default_factory=list)
    hedged: list[Decimal] = field(default_factory=list)

    def add(self, bare: Decimal, hedged: Decimal) -> None:
        self.bare.append(bare)
        self.hedged.append(hedged)

    @property
    def reduced(self) -> Decimal | None:
        """The share of the variance that the hedge took away."""
        return variance_reduction(self.bare, self.hedged)


@dataclass(slots=True)
class Carrying:
    changes: list[Change] = field(default_factory=list)
    newest: dict[str, CrossPlan] = field(default_factory=dict)  # by asset, as far as it was ever known
    whole: Returns = field(default_factory=Returns)  # of bag and account
    each: dict[str, Returns] = field(default_factory=dict)  # of one asset, and with what the ideal short had for it as the bar began
    _carried: dict[str, tuple[str, ...]] = field(default_factory=dict)  # assets by leg
    _worth: tuple[Decimal, Decimal] | None = None  # without and with a hedge, when the last bar ended
    _began: dict[str, tuple[Decimal, Decimal, Decimal]] = field(default_factory=dict)  # both prices then, and target over value
    _coins: dict[str, Decimal] = field(default_factory=dict)  # shorted for others since the bar began, by leg

    def turned(self, decision: Decision) -> None:
        for leg in decision.legs:
            if leg.crosses:
                self._note(leg, decision.at_ms)

    def _note(self, leg: LegPlan, at_ms: int) -> None:
        self._carried[leg.asset] = tuple(plan.asset for plan in leg.crosses)
        for plan in leg.crosses:
            self.each.setdefault(plan.asset, Returns())
            before = next((change.plan for change in reversed(self.changes) if change.plan.asset == plan.asset), None)
            if before is None or before.why != plan.why:
                self.changes.append(Change(at_ms, plan))
            if plan.target_usd is not None:
                self.newest[plan.asset] = plan

    def coins(self, asset: str, price: Decimal) -> Decimal:
        """What the ideal hedge shorts of `asset` for others: N* as the bar began, which within the bar follows no print."""
        if asset not in self._coins:
            plans = [self.newest[other] for other in self._carried.get(asset, ()) if other in self.newest]
            self._coins[asset] = sum((plan.target_usd or ZERO for plan in plans), ZERO) / price
        return self._coins[asset]

    def bar_ended(self, ended: Sequence[str], prices: Mapping[str, Decimal], unhedged_usd: Decimal, hedged_usd: Decimal) -> None:
        """Prices of one moment are compared: what stood still only because its bar goes on, or because it has no bars any more, has
        no return."""
        for asset in ended:
            self._coins.pop(asset, None)
        if not self._carried:
            return
        if set(prices) <= set(ended):
            if self._worth is not None and self._worth[0] > 0 and self._worth[1] > 0:
                self.whole.add(unhedged_usd / self._worth[0] - ONE, hedged_usd / self._worth[1] - ONE)
            self._worth = unhedged_usd, hedged_usd
        for leg, assets in self._carried.items():
            for asset in assets:
                if leg in ended and asset in ended:
                    self._asset_moved(asset, prices[asset], prices[leg])

    def _asset_moved(self, asset: str, price: Decimal, hedge_price: Decimal) -> None:
        if (began := self._began.get(asset)) is not None:
            bare = price / began[0] - ONE
            self.each[asset].add(bare, bare - began[2] * (hedge_price / began[1] - ONE))
        plan = self.newest.get(asset)
        if plan is not None and plan.target_usd is not None and plan.coins:
            self._began[asset] = price, hedge_price, plan.target_usd / (plan.coins * price)

    def json(self) -> dict[str, object]:
        return {
            "crosses": [change_json(change) for change in self.changes],
            "effectiveness": {asset: plain_or_null(one.reduced) for asset, one in sorted(self.each.items())},
            "variance_reduction": plain_or_null(self.whole.reduced),
        }


def change_json(change: Change) -> dict[str, object]:
    plan = change.plan
    return {
        "at": iso_utc(change.at_ms),
        "asset": plan.asset,
        "beta": plain_or_null(plan.beta),
        "r_squared": plain_or_null(plan.r_squared),
        "target_usd": None if plan.target_usd is None else plain(plan.target_usd.quantize(Decimal("0.01"))),
        "why": "; ".join(plan.missing) or "known",
    }
