"""Does the request budget keep to the venue's limit, keep a fifth for cancels, and drop what comes too late?"""

import pytest

from adapters.clock import VirtualClock
from adapters.request_budget import Allowance, Errand, RequestBudget
from bot.ports import NotSent


def budget(clock: VirtualClock) -> RequestBudget:
    return RequestBudget(clock, Allowance(burst=100, per_second=10))


async def test_a_burst_uses_no_more_than_eighty_percent_and_leaves_a_fifth_of_that() -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    for _ in range(64):
        await tokens.take(Errand.READ)
    assert clock.mono_ms() == 0
    await tokens.take(Errand.READ)
    assert clock.mono_ms() > 0


async def test_cancels_go_when_nothing_else_may() -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    for _ in range(64):
        await tokens.take(Errand.PLACE)
    for _ in range(16):
        await tokens.take(Errand.CANCEL)
    assert clock.mono_ms() == 0
    await tokens.take(Errand.CANCEL)
    assert clock.mono_ms() > 0


async def test_an_order_that_would_wait_past_its_deadline_is_not_sent() -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    for _ in range(64):
        await tokens.take(Errand.READ)
    with pytest.raises(NotSent, match="deadline"):
        await tokens.take(Errand.PLACE, deadline_mono_ms=100)
    await tokens.take(Errand.PLACE, deadline_mono_ms=200)
    assert clock.mono_ms() <= 200


async def test_over_a_minute_the_venues_limit_is_never_reached() -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    sent = 0
    while clock.mono_ms() < 60_000:
        await tokens.take(Errand.CANCEL)
        sent += 1
    assert sent <= 80 + 8 * 60 + 2


async def test_after_a_ban_everything_is_silent_until_it_ends() -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    tokens.hold(60_000, "the venue answered 418")
    with pytest.raises(NotSent, match="418"):
        await tokens.take(Errand.PLACE, deadline_mono_ms=5_000)
    for errand in Errand:
        with pytest.raises(NotSent, match="silent until 1970-01-01 00:01:00 UTC"):
            await tokens.take(errand)
    assert clock.mono_ms() == 0  # nobody waits for the end of a ban: the loop turns and says so
    await clock.sleep_ms(60_000)
    await tokens.take(Errand.CANCEL)


@pytest.mark.parametrize(("asked_ms", "waits"), [(2_000, True), (2_001, False)])
async def test_a_short_silence_is_waited_out(asked_ms: int, *, waits: bool) -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    tokens.hold(asked_ms, "the venue answered 429")
    if waits:
        await tokens.take(Errand.READ)
        assert clock.mono_ms() == 2_000
    else:
        with pytest.raises(NotSent, match="429"):
            await tokens.take(Errand.READ)


async def test_of_two_silences_the_longer_one_counts() -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    tokens.hold(60_000, "the venue answered 418")
    tokens.hold(1_000, "the venue answered 429")
    with pytest.raises(NotSent, match=r"418.*00:01:00"):
        await tokens.take(Errand.READ)


async def test_a_heavy_request_takes_its_weight_and_one_heavier_than_all_still_goes() -> None:
    clock = VirtualClock(0)
    tokens = budget(clock)
    await tokens.take(Errand.READ, weight=64)
    assert clock.mono_ms() == 0
    await tokens.take(Errand.READ, weight=500)
    assert clock.mono_ms() > 0
