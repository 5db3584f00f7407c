"""The venue's clock beside ours: shown once a minute, stamped with the middle of the wait, and never in the way of a turn."""

import math

import pytest

from adapters.clock import VirtualClock
from bot.clocks import EVERY_MS, Clocks
from bot.metrics import Metrics
from bot.ports import NotSent
from bot.witness import Witness
from tests.engine.bots import BEGAN_MS


class Venue:
    """A venue of which nothing but its clock is asked."""

    def __init__(self, clock: VirtualClock, ahead_ms: int, takes_ms: int = 0) -> None:
        self.clock, self.ahead_ms, self.takes_ms, self.down, self.asked = clock, ahead_ms, takes_ms, False, 0

    async def server_time_ms(self) -> int:
        self.asked += 1
        if self.down:
            raise NotSent("maintenance")
        self.clock.advance_to(self.clock.now_ms() + self.takes_ms // 2)
        told = self.clock.now_ms() + self.ahead_ms
        self.clock.advance_to(self.clock.now_ms() + self.takes_ms // 2)
        return told


def watching(ahead_ms: int, takes_ms: int = 0) -> tuple[Clocks, Venue, Metrics]:
    clock, metrics = VirtualClock(BEGAN_MS), Metrics("main", "bybit", ("BTC",))
    venue = Venue(clock, ahead_ms, takes_ms)
    return Clocks(venue, clock, Witness(None, metrics)), venue, metrics


def shown(metrics: Metrics) -> float:
    value = metrics.registry.get_sample_value("hedgebot_clock_skew_seconds", {"account": "main", "venue": "bybit"})
    assert value is not None
    return value


@pytest.mark.parametrize(("ahead_ms", "takes_ms"), [(700, 0), (-700, 0), (700, 4000)])
async def test_the_difference_is_shown_without_the_time_that_asking_took(ahead_ms: int, takes_ms: int):
    clocks, venue, metrics = watching(ahead_ms, takes_ms)
    venue.clock.advance_to(BEGAN_MS + EVERY_MS)
    await clocks.compare()
    assert shown(metrics) == ahead_ms / 1000


async def test_the_venue_is_asked_once_a_minute():
    clocks, venue, metrics = watching(0)
    for ms, asked in ((EVERY_MS - 1, 0), (EVERY_MS, 1), (2 * EVERY_MS - 1, 1), (2 * EVERY_MS, 2)):
        venue.clock.advance_to(BEGAN_MS + ms)
        await clocks.compare()
        assert venue.asked == asked
    assert shown(metrics) == 0


async def test_a_venue_that_does_not_answer_is_counted_and_the_last_difference_stays():
    clocks, venue, metrics = watching(200)
    venue.clock.advance_to(BEGAN_MS + EVERY_MS)
    venue.down = True
    await clocks.compare()
    assert math.isnan(shown(metrics))
    errors = {"account": "main", "venue": "bybit", "class": "clock"}
    assert metrics.registry.get_sample_value("hedgebot_api_errors_total", errors) == 1
