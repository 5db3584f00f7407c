"""What does a leg lack of collateral, and what should move now?"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from bot.core import band, cross, keeper, planner, sizing
from bot.core.carried import Carried
from bot.core.exposure import Exposure
from bot.core.making import maker
from bot.core.memory import LegState, State
from bot.core.model import ONE, ZERO, Kind, Snapshot
from bot.core.rules import Band, LegRule, Rules


@dataclass(frozen=True, slots=True)
class Collateral:
    """Of one leg whose exposure is known."""

    rule: LegRule
    state: State
    seen: Snapshot
    rules: Rules
    leg: LegState
    held: Exposure
    carry: Carried
    band: Band
    ideal: Decimal | None  # the whole short that is wanted, in USD
    ratio: Decimal | None  # in force

    def kept(self, blocked: str, *, limited: bool, trading: bool) -> keeper.Kept:
        """What should move now. Nothing does while the leg may not trade, or an order of its own is unfinished; nothing moves back while
        it is `trading`. `limited`: something is missing for the whole hedge. No bag of coins can top up USDT: of a linear contract what is
        lacking is told, and nothing moves."""
        held, rule, keeping, seen, asset = self.held, self.rule.collateral, self.leg.keeping, self.seen, self.rule.asset
        if held.instrument.kind is not Kind.INVERSE:
            rule = replace(rule, auto=False)
        under_way, overdue = keeper.unresolved(asset, keeping.moving, self.state.epoch, seen.now_ms, seen.mono_ms)
        if held.short < 0:
            return keeper.Kept(None, None, under_way, overdue)
        wanted = None
        if self.ideal is not None and self.carry.known:
            wanted = min(self.ideal, self.rules.risk.max_position_usd) + held.other_usd + held.pending_usd
        spot = seen.spot(asset)
        load = keeper.Load(held, max(ZERO, held.hedged_usd) + held.other_usd, wanted, self.missing_coins() if limited else ZERO)
        found = keeper.verdict(rule, load, self.rules.risk, keeping, None if spot is None else spot.coins, seen.now_ms)
        if isinstance(found, keeper.Move) and (blocked or self.leg.working is not None or (found.coins < 0 and trading)):
            stands_still = self.state.killed or self.state.paused or self.leg.halted is not None
            found = keeper.Short(found.coins + found.lacking, True, blocked) if found.coins > 0 and stands_still else keeper.Quiet(blocked)
        name = self.name() if isinstance(found, keeper.Move) else ""
        said = keeper.kept(asset, rule, found, name, seen.mono_ms + self.rules.risk.max_data_age_ms)
        return replace(said, missing=said.missing + under_way, alerts=said.alerts + overdue) if under_way else said

    def name(self) -> str:
        """That only this decision can give to a transfer of this asset."""
        state = self.state
        about = f"transfer:{self.rule.asset}"
        return planner.client_id(state.instance, state.epoch, state.account, about, state.cycle + 1, run=state.run_id)

    def missing_coins(self) -> Decimal:
        """Collateral that the hedge which is wanted now lacks; 0 where collateral does not stop it, or no amount would help."""
        held, limits = self.held, self.rules.risk
        if self.ideal is None:
            return ZERO
        most = min(self.ideal, limits.max_position_usd)
        wish = band.wanted(held.hedged_usd, most, self.band, self.rules.execution.min_order_usd)
        if isinstance(wish, band.Hold) or wish.usd <= 0 or held.hedged_usd + wish.usd <= sizing.room_usd(held, limits):
            return ZERO
        lacking = self.lacking_equity(most + held.other_usd + held.pending_usd, limits.price_collar)
        return ZERO if lacking is None else max(ZERO, lacking)

    def missing(self) -> str:
        """What the full hedge lacks, as the person at the desk must move it."""
        held, limits = self.held, self.rules.risk
        ideal, others = self.ideal or ZERO, held.other_usd + held.pending_usd
        own = min(ideal, limits.max_position_usd)
        wanted, full, asides = own + others, "full ", ""
        if own < ideal:
            full, asides = "", ", which is max_position_usd"
        if others:
            asides += f", with {others:.0f} USD of other legs on this margin"
        hedge = f"the {full}hedge of {own:.0f} USD{asides}{',' if asides else ''}"
        needed, at_mark = self.lacking_equity(wanted, limits.price_collar), self.lacking_equity(wanted, ZERO)
        if needed is None or at_mark is None:
            return (
                f"{hedge} cannot be carried at max_leverage {limits.max_leverage:f} by any amount of "
                f"{held.instrument.settle}, as each one posted needs a hedge of its own: raise it, or lower the ratio"
            )
        needed, at_mark = keeper.up(needed), keeper.up(max(ZERO, at_mark))
        settle = held.instrument.settle
        new = needed - held.spot_coins if held.instrument.kind is Kind.INVERSE else ZERO
        beyond = f", {new} of it from outside the bag" if new > 0 else ""
        coming = max(ZERO, keeper.to_come(self.leg.keeping.moving))
        if coming <= 0:
            remedy = "move it there, or lower the ratio"
        elif coming < needed:
            remedy = f"the transfer that is under way is to bring {coming:f}: move {keeper.up(needed - coming)} there, or lower the ratio"
        else:
            remedy = "the transfer that is under way is to bring it"
        return (
            f"{hedge} at max_leverage {limits.max_leverage:f} lacks {needed} {settle} in the account"
            f"{beyond} ({at_mark} at the mark alone, the rest for a move of the collar): {remedy}"
        )

    def lacking_equity(self, wanted_usd: Decimal, shock: Decimal) -> Decimal | None:
        """In settle currency; None where no amount suffices."""
        held, limits = self.held, self.rules.risk
        if held.instrument.kind is Kind.INVERSE and self.carry.plans and self.ratio is not None:
            carries = sizing.n_max_usd(held.instrument, limits.max_leverage, ONE, held.mark, shock)
            return cross.coins_lacking(wanted_usd, self.ratio, held.mark, held.equity, held.spot_coins, carries)
        return sizing.equity_needed(held.instrument, wanted_usd, limits.max_leverage, held.mark, shock) - held.equity


collateral_of: Final = maker(Collateral)
