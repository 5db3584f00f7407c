"""Which coins came, which are gone, and which are under way? What sources show of a bag, against what moved into the account.

Coins that move between a wallet that is read and the account are seen twice: as a change of what the sources show, and as a change of
the account's wallet that no trade explains. Either may be seen first, hours apart, and δ may not change meanwhile (domain.md §2). So a
difference counts only once it has lasted: coins that are on neither side for `transit_ms` are gone, coins that are on both sides at a
reading that was begun a while later are new. Until then S is what it was, less what arrived in the account.

    S = declared + read - transferred - underway        (LegState)
    astray = shown - read + underway                    negative: on neither side; positive: on both, or new

Where a part of the bag is only declared, coins that moved and that no source misses came from that part (and went back to it).
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from bot.core.events import BagFollowed
from bot.core.memory import LegState
from bot.core.model import ONE, ZERO, Snapshot, Sourced

DUST: Final = Decimal("0.000001")  # of what is shown, at least of one coin: rounding, not a transfer
WORTH_TELLING: Final = Decimal("0.001")  # of the bag: less is under way without an alert


def followed(leg: LegState, seen: Snapshot, transit_ms: int, settle_ms: int, *, at_once: bool) -> BagFollowed | None:
    """What the sources show now, as far as it counts; None where nothing is new or known. `at_once`: nothing can be under way."""
    shown, read = seen.read_coins(leg.asset), leg.read_coins
    if shown is None or read is None:
        return None
    after, added = leg, ZERO
    astray = shown - read + leg.underway_coins
    if abs(astray) > DUST * max(ONE, abs(shown)):
        since, least = leg.astray_since_ms, leg.astray_coins
        if since is None or (astray > 0) != (least > 0):
            since, least = seen.mono_ms, astray
        least = min(astray, least, key=abs)  # what was astray all the time
        after = replace(leg, astray_coins=least, astray_since_ms=since)
        lasted_ms = min(source.mono_ms or 0 for source in seen.sources if source.asset == leg.asset) - since
        if at_once or lasted_ms >= (settle_ms if astray > 0 else transit_ms):
            after, added = booked(after, least, seen.mono_ms, astray)
        astray = shown - (after.read_coins or ZERO) + after.underway_coins
    if abs(astray) <= DUST * max(ONE, abs(shown)):
        added += astray
        after = replace(after, read_coins=shown, underway_coins=ZERO, astray_coins=ZERO, astray_since_ms=None)
    if after == leg:
        return None
    return BagFollowed(
        asset=leg.asset,
        shown_coins=shown,
        read_coins=after.read_coins or ZERO,
        transferred_coins=after.transferred_coins,
        underway_coins=after.underway_coins,
        astray_coins=after.astray_coins,
        astray_since_ms=after.astray_since_ms,
        added_coins=added,
        at_ms=seen.now_ms,
    )


def booked(leg: LegState, coins: Decimal, mono_ms: int, astray: Decimal) -> tuple[LegState, Decimal]:
    """`coins` counted as what they are: moved from the declared part, or else come or gone; with the second. The rest begins to wait."""
    own = ZERO
    if leg.declared_coins and (leg.underway_coins > 0) == (coins > 0):
        own = min(leg.underway_coins, coins, key=abs)
    return replace(
        leg,
        read_coins=(leg.read_coins or ZERO) + coins - own,
        transferred_coins=leg.transferred_coins + own,
        underway_coins=leg.underway_coins - own,
        astray_coins=astray - coins,
        astray_since_ms=mono_ms,
    ), coins - own


def troubles(sources: tuple[Sourced, ...], asset: str) -> tuple[str, ...]:
    """What is wrong with the sources of an asset."""
    return tuple(f"bag.{asset}.sources.{one.name}: {one.error}" for one in sources if one.asset == asset and one.error)


def alerts(leg: LegState, seen: Snapshot) -> tuple[str, ...]:
    """What a person should know of this bag."""
    told = troubles(seen.sources, leg.asset) if seen.sources else ()
    if leg.read_coins is not None and leg.astray_coins < -WORTH_TELLING * leg.read_coins:
        told += (f"{leg.asset}: {-leg.astray_coins:f} coins left the bag or the account and have not arrived: they count as under way",)
    return told
