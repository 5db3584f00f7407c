"""What did the operator say? Ratios and dates as people write them, read exactly or refused with the field and the remedy."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from bot.core.model import ONE, ZERO

MOST_OVER_HEDGE: Final = Decimal(2)  # the highest ratio there is, where the config allows an over-hedge at all
MOST_DECIMALS: Final = 12


class Misspoken(ValueError):
    """A word that cannot be taken as it stands. `field` names it; the text says what is wrong and what would be right."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field = field


def ratio_from(said: object, *, allow_over_hedge: bool, field: str = "ratio") -> Decimal:
    """A hedge ratio 0..1 from text, an int or a Decimal; a float is refused, since it is no longer what was written."""
    if isinstance(said, bool) or not isinstance(said, str | int | Decimal):
        raise Misspoken(field, f"must be a number such as 0.5, not {type(said).__name__}")
    try:
        ratio = Decimal(said.strip() if isinstance(said, str) else said)
    except InvalidOperation:
        raise Misspoken(field, f"{shortened(said)} is not a number; write it as 0.5") from None
    exponent = ratio.as_tuple().exponent
    if not isinstance(exponent, int):
        raise Misspoken(field, f"{shortened(said)} is not a finite number; write it as 0.5")
    most = MOST_OVER_HEDGE if allow_over_hedge else ONE
    if not ZERO <= ratio <= most:
        raise Misspoken(field, f"{shortened(said)} is outside 0..{most}{remedy(ratio)}")
    if exponent < -MOST_DECIMALS:
        raise Misspoken(field, f"{shortened(said)} has more than {MOST_DECIMALS} decimals")
    return ratio


def remedy(ratio: Decimal) -> str:
    """What someone who wrote this may have meant."""
    if ZERO < ratio <= ONE * 2:
        return "; a ratio above 1 needs risk.allow_over_hedge: true in the config"
    if ZERO < ratio <= 100:
        return f"; for {ratio} percent write {ratio / 100}"
    return "; write it as 0.5"


def until_ms_from(said: str, *, now_ms: int, field: str = "until") -> int:
    """The exclusive end of a target: a date ends with that day (UTC), a moment needs its zone. Must lie ahead."""
    text = said.strip()
    try:
        if len(text) == len("2026-12-31"):
            end = datetime.combine(date.fromisoformat(text) + timedelta(days=1), datetime.min.time(), tzinfo=UTC)
        else:
            end = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise Misspoken(field, f"{shortened(said)} is not a date; write it as 2026-12-31 (ends with that day, UTC)") from None
    if end.tzinfo is None:
        raise Misspoken(field, f"{shortened(said)} names no zone; write it as 2026-12-31T18:00Z")
    end_ms = (end - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    if end_ms <= now_ms:
        raise Misspoken(field, f"{shortened(said)} is already over; name a moment in the future")
    return end_ms


def moment_ms_from(said: str, *, field: str) -> int:
    """A moment, or the beginning of a day; UTC unless it names another zone."""
    try:
        at = datetime.fromisoformat(said.strip())
    except ValueError:
        raise Misspoken(field, f"{shortened(said)} is not a time; write 2026-03-12 or 2026-03-12T08:00 (UTC)") from None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def carried_along(asset: str, hedge: str) -> str:
    """What to say where a contract of its own is meant."""
    return f"{asset!r} has no contract of its own, it is hedged with that of {hedge}: name {hedge}"


def shortened(said: object) -> str:
    """What was said, as an error may repeat it: quoted, on one line, of bounded length."""
    text = repr(str(said))
    return text if len(text) <= 40 else f"{text[:36]}...'"
