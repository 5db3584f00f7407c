"""What must hold when collateral moves? At the signature of a transfer, at the venue, and in the record."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from bot.core.decision import Transfer
from bot.core.events import Event, TransferIntended, TransferMoved
from bot.core.machine import TRANSFER_TRANSITIONS
from bot.core.memory import State
from bot.core.model import DAY_MS, TransferStatus
from bot.rehearsal.at_signature import rules_of
from bot.rehearsal.evidence import Check, Evidence, Process
from bot.rehearsal.venue import Book

NEVER: Final = (TransferStatus.REFUSED, TransferStatus.ABSENT)

# ----------------------------------------------------------------------------------------------------------------- at the signature


def i1_a_transfer_is_intended_before_its_first_byte(case: Evidence, process: Process, transfer: Transfer) -> None:
    intent = case.transfer_intents.get(transfer.transfer_id)
    assert intent is not None, f"transfer {transfer.transfer_id} is signed and no intent of it was committed"
    assert intent.transfer == transfer, f"transfer {transfer.transfer_id} is signed with other terms than those on record"
    assert intent.status is TransferStatus.INTENT, f"transfer {transfer.transfer_id} is signed, on record it is {intent.status}"
    assert intent.epoch == process.epoch, f"transfer {transfer.transfer_id} is of epoch {intent.epoch}, not {process.epoch}"


def i2_one_request_for_each_transfer(case: Evidence, process: Process, transfer: Transfer) -> None:
    assert transfer.transfer_id not in case.moved_by_us, f"transfer {transfer.transfer_id} is signed a second time"


def i8_transfers_stay_within_their_limits(case: Evidence, process: Process, transfer: Transfer) -> None:
    """Of the day, whatever has become of those that are UNKNOWN; only what is on record as refused or absent does not count."""
    rule = next(leg.collateral for leg in rules_of(case, process).legs if leg.asset == transfer.asset)
    assert rule.auto, f"transfer {transfer.transfer_id} of {transfer.asset} is signed, which the configuration does not allow"
    assert abs(transfer.coins) <= rule.most_coins, f"transfer {transfer.transfer_id} of {transfer.coins} is above {rule.most_coins}"
    day = case.transfer_intents[transfer.transfer_id].at_ms // DAY_MS
    counted = [
        one.transfer.coins
        for one in case.transfer_intents.values()
        if one.transfer.asset == transfer.asset and one.status is TransferStatus.INTENT and one.at_ms // DAY_MS == day
        if case.transfers.get(one.transfer.transfer_id) not in NEVER and one.transfer.coins > 0
    ]
    total = sum(counted, Decimal(0))
    assert total <= rule.most_coins_per_day, f"{total} {transfer.asset} moved in on one day, at most {rule.most_coins_per_day} may"


def i13_dry_run_signs_no_transfer(case: Evidence, process: Process, transfer: Transfer) -> None:
    assert process.state.armed, f"transfer {transfer.transfer_id} is signed by a process that is not armed"
    assert case.said.dry_ms is None, f"transfer {transfer.transfer_id} is signed after `dry-run on` went on record"


def i15_no_transfer_of_an_old_epoch(case: Evidence, process: Process, transfer: Transfer) -> None:
    ended_ms = case.old_epochs_end_ms.get(process.epoch)
    if process.epoch != case.epoch and ended_ms is not None:
        grace_ms = rules_of(case, process).risk.max_data_age_ms
        assert case.now_ms - ended_ms <= grace_ms, f"transfer {transfer.transfer_id} is signed while epoch {case.epoch} leads"


def i16_after_a_kill_no_transfer_is_signed(case: Evidence, process: Process, transfer: Transfer) -> None:
    assert case.said.killed_ms is None, f"transfer {transfer.transfer_id} is signed after the kill went on record"
    assert case.said.paused_ms is None, f"transfer {transfer.transfer_id} is signed after the pause went on record"


def i17_database_down_signs_no_transfer(case: Evidence, process: Process, transfer: Transfer) -> None:
    assert process.appended, f"transfer {transfer.transfer_id} is signed although the last write was not taken"


def i33_one_transfer_at_a_time(case: Evidence, process: Process, transfer: Transfer) -> None:
    """Another that may still arrive would move what this one moves a second time."""
    doubtful = [one for one in case.moved_by_us.values() if one.under_way and one.transfer.asset == transfer.asset]
    if case.dice_on("restored"):  # the record of it may be gone
        doubtful = [one for one in doubtful if one.transfer.transfer_id in case.transfer_intents]
    assert not doubtful, f"transfer {transfer.transfer_id} is signed while {doubtful[0].transfer.transfer_id} may still arrive"


# -------------------------------------------------------------------------------------------------------------------- at the venue


def i1_every_transfer_was_signed(case: Evidence, book: Book, transfer_id: str, pico: int) -> None:
    assert transfer_id in case.moved_by_us, f"the venue made transfer {transfer_id}, which nobody signed"


def i3_what_is_on_record_as_refused_or_absent_is_never_made(case: Evidence, book: Book, transfer_id: str, pico: int) -> None:
    status = case.transfers.get(transfer_id)
    assert status not in NEVER, f"the venue made transfer {transfer_id}, which is on record as {status}"


def i7_no_coin_is_made_or_lost(case: Evidence, book: Book, transfer_id: str, pico: int) -> None:
    left = book.beside_pico - sum(moved for moved, _ in book.carried.values())
    assert left >= 0, f"{book.symbol}: the spot wallet holds {left}"


# ------------------------------------------------------------------------------------------------------------------- in the record


def i3_a_transfer_that_is_refused_or_absent_was_never_made(
    case: Evidence, process: Process, events: Sequence[Event], before: State
) -> None:
    for event in events:
        if isinstance(event, TransferMoved) and event.now in NEVER:
            made = any(event.transfer_id in book.carried for book in case.venue.books.values())
            assert not made, f"transfer {event.transfer_id} goes on record as {event.now} ({event.why}) and the venue made it"


def i6_only_listed_moves_of_transfers(case: Evidence, process: Process, events: Sequence[Event], before: State) -> None:
    moving: dict[str, TransferStatus] = {}
    for event in events:
        if isinstance(event, TransferIntended):
            moving[event.transfer.transfer_id] = event.status
        if isinstance(event, TransferMoved):
            was = moving.get(event.transfer_id) or case.transfers.get(event.transfer_id) or event.was
            listed = event.now is was or event.now in TRANSFER_TRANSITIONS.get(was, ())
            assert event.was is was and listed, f"transfer {event.transfer_id} was {was} and moves from {event.was} to {event.now}"
            moving[event.transfer_id] = event.now


SIGNED_CHECKS: Final[Sequence[Check]] = (
    i1_a_transfer_is_intended_before_its_first_byte,
    i2_one_request_for_each_transfer,
    i8_transfers_stay_within_their_limits,
    i13_dry_run_signs_no_transfer,
    i15_no_transfer_of_an_old_epoch,
    i16_after_a_kill_no_transfer_is_signed,
    i17_database_down_signs_no_transfer,
    i33_one_transfer_at_a_time,
)
CARRIED_CHECKS: Final[Sequence[Check]] = (
    i1_every_transfer_was_signed,
    i3_what_is_on_record_as_refused_or_absent_is_never_made,
    i7_no_coin_is_made_or_lost,
)
LANDED_CHECKS: Final[Sequence[Check]] = (i3_a_transfer_that_is_refused_or_absent_was_never_made, i6_only_listed_moves_of_transfers)
