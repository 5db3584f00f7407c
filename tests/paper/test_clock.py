"""Does time go one way, and without waiting where it is virtual?"""

import time

from adapters.clock import SystemClock, VirtualClock


async def test_virtual_time_moves_only_forward_and_only_when_told() -> None:
    clock = VirtualClock(1000)
    assert (clock.now_ms(), clock.mono_ms()) == (1000, 0)
    clock.advance_to(1500)
    clock.advance_to(1200)
    assert (clock.now_ms(), clock.mono_ms()) == (1500, 500)
    await clock.sleep_ms(250)
    await clock.sleep_ms(-5)
    assert (clock.now_ms(), clock.mono_ms()) == (1750, 750)


async def test_the_system_clock_tells_wall_time_and_measures_durations() -> None:
    clock = SystemClock()
    began, mono = time.time(), clock.mono_ms()
    assert abs(clock.now_ms() - began * 1000) < 1000
    await clock.sleep_ms(5)
    assert clock.mono_ms() - mono >= 5
