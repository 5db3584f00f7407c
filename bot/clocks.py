"""How far apart are the clocks of venue and bot? Asked now and then for those who watch: a venue refuses what is stamped wrong."""

from dataclasses import dataclass, field
from typing import Final

from bot.ports import Clock, Exchange, PortError
from bot.witness import Witness

EVERY_MS: Final = 60_000


@dataclass(slots=True)
class Clocks:
    """The venue's clock beside ours; the start compared them for the first time."""

    exchange: Exchange
    clock: Clock
    witness: Witness
    compared_mono_ms: int = field(init=False)

    def __post_init__(self) -> None:
        self.compared_mono_ms = self.clock.mono_ms()

    async def compare(self) -> None:
        """Show the difference once a minute. An answer that takes long is stamped with the middle of the wait."""
        metrics, clock = self.witness.metrics, self.clock
        if metrics is None or clock.mono_ms() - self.compared_mono_ms < EVERY_MS:
            return
        self.compared_mono_ms = clock.mono_ms()
        asked_ms = clock.now_ms()
        try:
            theirs_ms = await self.exchange.server_time_ms()
        except PortError as error:
            self.witness.api_error("clock", str(error))
        else:
            metrics.clock_skew((theirs_ms - (asked_ms + clock.now_ms()) / 2) / 1000)
