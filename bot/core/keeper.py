"""Should collateral move between the venue's spot wallet and the account, how much of it, and who has to move what is lacking?

Topped up is at effective leverage above `low`, to the middle between `high` and `low`, and where collateral stops the hedge, by exactly
what is missing (domain.md §3, V2). Swept back is below `high`, and only what own transfers brought. Coins that move stay in the bag: δ
does not change. One transfer at a time: until the account shows the last one, or it is proven never to have been, nothing more is moved.
"""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

from bot.core import contracts, sizing
from bot.core.decision import Transfer
from bot.core.exposure import Exposure
from bot.core.memory import Keeping, Moving
from bot.core.model import DAY_MS, ONE, ZERO, TransferStatus
from bot.core.rules import CollateralRule, RiskRule

UNIT: Final = Decimal("0.0001")  # of a coin: transfers are whole multiples; what is lacking rounds up, what is spare rounds down
LEAST_SHARE: Final = Decimal("0.000004")  # of the wallet: less would be taken for its rounding (reconcile.DUST)
OVERDUE_MS: Final = 60_000  # a transfer whose fate is unknown for so long is somebody's business


@dataclass(frozen=True, slots=True)
class Load:
    """What the account has to carry. Notionals are of everything on its margin, in USD at the mark."""

    held: Exposure
    carried_usd: Decimal
    wanted_usd: Decimal | None  # the whole hedge; None: UNKNOWN, then nothing is swept back
    missing_coins: Decimal  # what stops the hedge that is wanted now; 0: collateral does not


@dataclass(frozen=True, slots=True)
class Move:
    coins: Decimal  # positive into the account
    lacking: Decimal  # beyond them
    why: str


@dataclass(frozen=True, slots=True)
class Short:
    """Coins are lacking in the account, and the bot may or can not move them."""

    lacking: Decimal
    above: bool  # leverage is above `low`; False: the hedge is only not whole
    why: str


@dataclass(frozen=True, slots=True)
class Quiet:
    why: str


def rests(rule: CollateralRule, held: Exposure, keeping: Keeping) -> bool:
    """Can nothing move, and nothing be said, whatever the hedge wants? Where collateral does not stop it, that is nearly always so, and
    then nobody has to ask for the verdict."""
    if keeping.moving is not None or (rule.auto and keeping.topped_up_coins > 0) or held.short < 0:
        return False
    carried_usd, value = held.hedged_usd + held.other_usd, contracts.margin_usd(held.instrument, held.equity, held.mark)
    return carried_usd <= 0 or (value > 0 and carried_usd <= rule.low * value)


def verdict(
    rule: CollateralRule, load: Load, limits: RiskRule, keeping: Keeping, spot: Decimal | None, now_ms: int
) -> Move | Short | Quiet:
    """`spot`: what the venue's spot wallet holds of the coin; None is UNKNOWN, and never read as nothing."""
    lacking, above = lacking_coins(rule, load, limits)
    if lacking <= 0:
        return Quiet(keeping.wait_why) if now_ms < keeping.wait_until_ms else spare(rule, load, limits, keeping)
    if keeping.moving is not None:
        rest = up(lacking - to_come(keeping.moving))
        return Short(rest, above, "beyond the transfer that is under way") if rest > 0 else Quiet("")
    if not rule.auto:
        return Short(lacking, above, "")
    if now_ms < keeping.wait_until_ms:
        return Short(lacking, above, keeping.wait_why)
    if spot is None:
        return Short(lacking, above, "what the venue's spot wallet holds is UNKNOWN")
    today = rule.most_coins_per_day - (keeping.day_coins if keeping.day == now_ms // DAY_MS else ZERO)
    for room, why in (
        (spot, f"the venue's spot wallet holds {down(spot):f}"),
        (today, f"max_transfer_coins_per_day {rule.most_coins_per_day:f} is used up"),
        (rule.most_coins, f"max_transfer_coins is {rule.most_coins:f}"),
    ):
        if down(room) < min(lacking, least(load)):
            return Short(lacking, above, why)
    coins = max(least(load), min(lacking, down(spot), down(today), down(rule.most_coins)))
    reason = f"leverage is above low {rule.low:f}" if above else "the hedge lacks collateral"
    return Move(coins, max(ZERO, lacking - coins), reason)


def lacking_coins(rule: CollateralRule, load: Load, limits: RiskRule) -> tuple[Decimal, bool]:
    """What is lacking in the account, and whether leverage is above `low` already."""
    held, lacking = load.held, load.missing_coins
    value = contracts.margin_usd(held.instrument, held.equity, held.mark)
    above = load.carried_usd > 0 and (value <= 0 or load.carried_usd > rule.low * value)
    if above:
        lacking = max(lacking, needed(rule, held, limits, load.carried_usd) - held.equity)
    return up(lacking), above


def needed(rule: CollateralRule, held: Exposure, limits: RiskRule, usd: Decimal) -> Decimal:
    """The equity, in settle currency, with which a short of so much stands at the goal, and could be made at max_leverage."""
    at_goal = usd / rule.goal / contracts.margin_usd(held.instrument, ONE, held.mark)
    return max(at_goal, sizing.equity_needed(held.instrument, usd, limits.max_leverage, held.mark, limits.price_collar))


def to_come(moving: Moving | None) -> Decimal:
    """Coins of the transfer under way that the account does not show yet; negative where they are to go."""
    if moving is None:
        return ZERO
    coins = moving.transfer.coins
    left = coins - moving.seen_coins
    return max(ZERO, left) if coins > 0 else min(ZERO, left)


def spare(rule: CollateralRule, load: Load, limits: RiskRule, keeping: Keeping) -> Move | Quiet:
    """Back to the spot wallet: of own transfers, and as much as leaves leverage at the goal, and below `low` at the mark ± the collar."""
    held = load.held
    if not rule.auto or keeping.topped_up_coins <= 0 or keeping.moving is not None or load.wanted_usd is None:
        return Quiet("")
    usd = max(load.carried_usd, load.wanted_usd)
    if usd >= rule.high * contracts.margin_usd(held.instrument, held.equity, held.mark):
        return Quiet("")
    within_low = sizing.equity_needed(held.instrument, usd, rule.low, held.mark, limits.price_collar)
    kept = max(needed(rule, held, limits, usd), within_low)
    coins = down(min(keeping.topped_up_coins, held.equity - kept, held.wallet, rule.most_coins))
    if coins < least(load):
        return Quiet("")
    return Move(-coins, ZERO, f"leverage is below high {rule.high:f}")


def least(load: Load) -> Decimal:
    """The smallest transfer that the account is sure to show."""
    return up(max(UNIT, LEAST_SHARE * load.held.wallet))


def up(coins: Decimal) -> Decimal:
    return coins.quantize(UNIT, ROUND_CEILING)


def down(coins: Decimal) -> Decimal:
    return coins.quantize(UNIT, ROUND_FLOOR)


# ------------------------------------------------------------------------------------------------------------------ what is said of it


@dataclass(frozen=True, slots=True)
class Kept:
    """A leg's collateral in this turn."""

    transfer: Transfer | None = None
    lacking: Decimal | None = None
    missing: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()


NOTHING: Final = Kept()


def way(coins: Decimal) -> str:
    return "into the account" if coins > 0 else "back to the spot wallet"


def kept(asset: str, rule: CollateralRule, found: Move | Short | Quiet, name: str, deadline_mono_ms: int) -> Kept:
    """The transfer that is to be made, under this name, and what a person should know. The words of an alert keep still while the
    amount moves with the price: that stands in `lacking`."""
    match found:
        case Move():
            transfer = Transfer(name, asset, found.coins, deadline_mono_ms, found.why)
            said = f"{abs(found.coins):f} {asset} are to be moved {way(found.coins)} ({found.why})"
            lacking = found.coins + found.lacking if found.coins > 0 else None
            return Kept(transfer, lacking, (said,) if found.coins > 0 else ())
        case Short():
            said = f"collateral: {found.lacking:f} {asset} are lacking in the account" + (f" ({found.why})" if found.why else "")
            if not rule.auto:
                alerts = (f"{asset}: collateral is lacking: leverage is above low {rule.low:f}",) if found.above else ()
                return Kept(None, found.lacking, (), alerts)
            return Kept(None, found.lacking, (said,), (f"{asset}: collateral is lacking: {found.why}",))
        case Quiet():
            return NOTHING


def unresolved(asset: str, moving: Moving | None, epoch: int, now_ms: int, mono_ms: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is missing while a transfer has not come to its end, and whether somebody should look."""
    if moving is None:
        return (), ()
    transfer = moving.transfer
    fate = "is done and the account does not show it yet" if moving.status is TransferStatus.DONE else "may or may not have happened"
    since = mono_ms - moving.sent_mono_ms if moving.epoch == epoch else now_ms - moving.sent_at_ms
    said = f"transfer {transfer.transfer_id} of {abs(transfer.coins):f} {asset} {way(transfer.coins)} {fate}"
    return (said,), (
        f"{asset}: the fate of transfer {transfer.transfer_id} is unknown for more than a minute",
    ) if since >= OVERDUE_MS else ()
