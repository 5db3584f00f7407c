"""What do we hold, what is hedged, and what is left open?"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core import contracts
from bot.core.making import maker
from bot.core.memory import LegState
from bot.core.model import COINS, INVERSE, ZERO, Basis, Instrument, View


@dataclass(frozen=True, slots=True)
class Exposure:
    """One leg in numbers. `short` counts contracts of a short as positive."""

    instrument: Instrument
    mark: Decimal
    spot_coins: Decimal  # S
    wallet: Decimal  # C, settle currency
    equity: Decimal  # Q, settle currency
    short: int
    hedged_usd: Decimal  # N at mark, positive for a short
    long_coins: Decimal  # what the ratio refers to: S + Q; for a linear contract S, as its collateral is neutral to the coin
    delta_coins: Decimal  # δ
    other_usd: Decimal  # notional of other legs on the same margin
    pending_usd: Decimal = ZERO  # what unfinished orders of those legs may add to it

    @property
    def leverage(self) -> Decimal:
        """Effective leverage at mark, of everything on this margin; Infinity where equity is gone (V25)."""
        own = contracts.leverage(self.instrument, self.short, self.equity, self.mark)
        if self.other_usd == 0:
            return own
        value = contracts.margin_usd(self.instrument, self.equity, self.mark)
        return (abs(self.hedged_usd) + self.other_usd) / value if value > 0 else Decimal("Infinity")

    def liquidation_price(self, entry: Decimal | None) -> Decimal:
        """Other legs on the margin move along, as far as this one: alone on what they leave it would seem to stand more than they do."""
        if self.short <= 0 or self.other_usd == 0 or self.instrument.kind is INVERSE:
            return contracts.liquidation_price(self.instrument, self.short, entry, self.wallet)
        everything = self.hedged_usd + self.other_usd
        return self.mark * (self.equity + everything) / (everything * (1 + self.instrument.maintenance_rate))

    @property
    def equity_coins(self) -> Decimal:
        """The account in coins of the asset; a USDT account is valued at mark."""
        return self.equity if self.instrument.kind is INVERSE else self.equity / self.mark


exposed: Final = maker(Exposure)


def spot_coins(leg: LegState, declared: Decimal | None) -> Decimal | None:
    """S: of a declared bag the declared coins minus what was moved into the account since, so that moving coins never changes δ; of one
    that is read, what the sources show as far as it counts (bag.py). None where `declared`, what was seen of it all, is UNKNOWN."""
    if declared is None:
        return None
    if leg.read_coins is not None and leg.declared_coins is not None:
        return leg.declared_coins + leg.read_coins - leg.transferred_coins - leg.underway_coins
    return declared - (leg.transferred_coins if leg.declared_coins == declared else 0)


def exposure(view: View, leg: LegState, declared: Decimal | None, other_usd: Decimal | None, pending_usd: Decimal) -> Exposure | None:
    """None while anything it needs is UNKNOWN."""
    spot = spot_coins(leg, declared)
    if view.quote is None or view.position is None or view.margin is None or spot is None or other_usd is None:
        return None
    instrument, mark, short, equity = view.instrument, view.quote.mark, -view.position.contracts, view.margin.equity
    cancelled = contracts.notional_coins(instrument, short, mark)
    long_coins = spot + equity if instrument.kind is INVERSE else spot
    return exposed(
        instrument=instrument,
        mark=mark,
        spot_coins=spot,
        wallet=view.margin.wallet,
        equity=equity,
        short=short,
        hedged_usd=contracts.notional_usd(instrument, short, mark),
        long_coins=long_coins,
        delta_coins=long_coins - cancelled,
        other_usd=other_usd,
        pending_usd=pending_usd,
    )


def ratio_of(delta_coins: Decimal, basis: Basis, long_coins: Decimal, baseline_coins: Decimal) -> Decimal | None:
    """1 - δ/B for `coins`, 1 - δ/(S+Q) for `value`; None where the denominator is not positive (V25)."""
    whole = baseline_coins if basis is COINS else long_coins
    return 1 - delta_coins / whole if whole > 0 else None
