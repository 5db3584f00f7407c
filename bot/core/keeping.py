"""What does the margin keeper remember? Its part of the fold: transfers that were intended, and what became of them."""

from typing import Final

from bot.core.decision import Transfer
from bot.core.events import CoinsMoved, TransferIntended, TransferMoved, TransferSought
from bot.core.memory import Keeping, Moving, changed
from bot.core.model import DAY_MS, ZERO, TransferStatus

WAIT_MS: Final = {TransferStatus.REFUSED: 3_600_000, TransferStatus.ABSENT: 60_000}  # after a transfer that ended so, before the next one


def dry_transfer(transfer: Transfer) -> str:
    """What makes one dry transfer distinct from the next: not the amount, which moves with every print."""
    return "in" if transfer.coins > 0 else "out"


def intended(keeping: Keeping, event: TransferIntended) -> Keeping:
    """The day's sum counts a transfer from here on, whatever its fate."""
    transfer = event.transfer
    if event.status is TransferStatus.DRY_RUN:
        return changed(keeping, dry=dry_transfer(transfer))
    day = max(event.at_ms // DAY_MS, keeping.day)
    before = keeping.day_coins if day == keeping.day else ZERO
    moving = Moving(transfer, event.epoch, event.status, event.at_ms, event.mono_ms)
    return changed(keeping, moving=moving, dry="", day=day, day_coins=before + max(ZERO, transfer.coins))


def moved(keeping: Keeping, event: TransferMoved) -> Keeping:
    moving = keeping.moving
    if moving is None or moving.transfer.transfer_id != event.transfer_id:
        return keeping
    coins = moving.transfer.coins
    if not event.now.terminal:
        done_since = event.mono_ms if event.now is TransferStatus.DONE else None
        return changed(keeping, moving=changed(moving, status=event.now, done_since_ms=done_since))
    if event.now is TransferStatus.SEEN:
        return changed(keeping, moving=None, topped_up_coins=max(ZERO, keeping.topped_up_coins + coins), wait_until_ms=0, wait_why="")
    took = max(ZERO, coins) if keeping.day == moving.sent_at_ms // DAY_MS else ZERO
    refused = event.now is TransferStatus.REFUSED
    return changed(
        keeping,
        moving=None,
        day_coins=max(ZERO, keeping.day_coins - took),
        wait_until_ms=event.at_ms + WAIT_MS[event.now],
        wait_why=f"the venue refused the last transfer: {event.why}" if refused else f"the last transfer did not happen: {event.why}",
    )


def sought(keeping: Keeping, event: TransferSought) -> Keeping:
    moving = keeping.moving
    if moving is None or moving.transfer.transfer_id != event.transfer_id:
        return keeping
    since = event.mono_ms if moving.vain_since_ms is None else moving.vain_since_ms
    return changed(keeping, moving=changed(moving, polls=moving.polls + 1, vain_since_ms=since))


def coins_moved(keeping: Keeping, event: CoinsMoved) -> Keeping:
    """Coins that came or went while a transfer is under way are taken for its own; what somebody else takes out later was topped up."""
    if keeping.moving is not None:
        return changed(keeping, moving=changed(keeping.moving, seen_coins=keeping.moving.seen_coins + event.coins))
    if event.coins < 0 and keeping.topped_up_coins:
        return changed(keeping, topped_up_coins=max(ZERO, keeping.topped_up_coins + event.coins))
    return keeping


def carried_over(keeping: Keeping) -> Keeping:
    """Into another run: durations start again, above all the proof that a transfer is absent; and what was refused is tried once more."""
    moving = keeping.moving and changed(keeping.moving, polls=0, vain_since_ms=None, done_since_ms=None)
    return changed(rested(keeping), moving=moving, dry="")


def rested(keeping: Keeping) -> Keeping:
    """Nothing waits any longer."""
    return changed(keeping, wait_until_ms=0, wait_why="")


def looked_at(keeping: Keeping) -> Keeping:
    """A person looked: a transfer that nobody could prove either way is let go, and what it moved will be seen as any other coins."""
    return changed(rested(keeping), moving=None)
