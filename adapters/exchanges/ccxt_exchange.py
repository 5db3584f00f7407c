"""How does a real venue fill the Exchange port? One engine for all of them: the quirk sheet says what to ask and how to read it.

ccxt_exchange.py    this: the port, and what is neither read nor placed
ccxt_line.py        asking, and what it means when there is no answer
ccxt_listings.py    the contracts
ccxt_reading.py     rounds of reads
ccxt_moving.py      moving collateral once
ccxt_placing.py     placing once, and what became of it
venues/             one quirk sheet per venue: what to ask, how to read it, what its codes prove
ccxt_translate.py   numbers and shapes of answers
outcomes.py         what became of an order
preflight.py        is the account fit for a hedge?
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from adapters.ccxt_client import CcxtClient, Failed
from adapters.exchanges.ccxt_line import Line
from adapters.exchanges.ccxt_listings import Listings
from adapters.exchanges.ccxt_moving import Moving
from adapters.exchanges.ccxt_placing import Placing
from adapters.exchanges.ccxt_reading import Reading
from adapters.exchanges.ccxt_translate import Listed, Malformed
from adapters.exchanges.outcomes import Verdict, classify, says
from adapters.exchanges.venues.sheet import Call, Venue
from adapters.request_budget import Errand
from bot.core.decision import Approved, Transfer
from bot.core.model import Ask, Instrument, Order, Quote, SpotSeen, View
from bot.ports import Clock, NotSent, PortError, Refused, SpotAsk, Unknown


class CcxtExchange:
    """One account at one venue."""

    def __init__(
        self,
        venue: Venue,
        client: CcxtClient,
        clock: Clock,
        *,
        environment: str,
        absence: tuple[int, int] | None = None,
        has_key: bool = True,
    ) -> None:
        """`absence`: milliseconds and polls that prove an order absent, for a test server whose reads cannot lag."""
        self.name: str = venue.name
        self.environment: str | None = environment
        self.absence_ms, self.absence_polls = absence or (venue.absence_ms, venue.absence_polls)
        self.client: Final = client
        self.line: Final = Line(venue, client, clock, environment, has_key)
        self.listings: Final = Listings(self.line)
        self.reading: Final = Reading(self.line, self.listings)
        self.moving: Final = Moving(self.line)
        self.placing: Final = Placing(self.line, self.listings, self.reading)

    @property
    def venue(self) -> Venue:
        return self.line.venue

    @property
    def moves_collateral(self) -> bool:
        return self.venue.transfers is not None

    async def choose(self, asset: str) -> str:
        return await self.listings.choose(asset)

    async def markets_of(self, asset: str) -> tuple[str, ...]:
        return await self.listings.markets_of(asset)

    async def unfit(self, symbols: Sequence[str]) -> dict[str, str]:
        return await self.listings.unfit(symbols)

    async def connect(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        return await self.listings.connect(symbols)

    async def server_time_ms(self) -> int:
        try:
            return self.venue.read_time(await self.line.ask(self.venue.time))
        except (Failed, Malformed) as error:
            raise NotSent(f"{self.venue.title} did not tell the time: {error}") from error

    def listed(self, symbol: str) -> Listed:
        return self.listings.known[symbol]

    async def look(self, asks: Sequence[Ask]) -> tuple[View, ...]:
        self.client.make_ready()
        return await self.reading.look(asks)

    async def quotes(self, symbols: Sequence[str]) -> tuple[dict[str, Quote], dict[str, str]]:
        return await self.reading.quotes(symbols)

    async def place(self, order: Approved) -> Order:
        return await self.placing.place(order)

    async def cancel(self, symbol: str, client_id: str) -> None:
        listed = self.listings.known[symbol]
        venue_id = self.reading.ids.venue.get(client_id, "")
        if self.venue.cancels_by_venue_id and not venue_id:
            try:
                found = await self.reading.find(listed, client_id)
            except (Failed, Malformed) as error:
                raise NotSent(f"the cancel of {client_id} was not sent: its order could not be looked up ({error})") from error
            if found is None or found.status.terminal:
                return
            venue_id = found.venue_id
        asked = self.venue.cancel(listed, client_id, venue_id)
        try:
            code = self.venue.read_cancelled(await self.client.call(asked.method, asked.as_dict, Errand.CANCEL, weight=asked.weight))
        except Failed as error:
            if says(error, self.venue.codes, self.venue.codes.gone):
                return
            outcome = classify(self.venue.codes, error)
            if outcome.verdict in {Verdict.REFUSED, Verdict.NOT_SENT}:
                raise NotSent(f"the cancel of {client_id} was not taken: {outcome.why}") from error
            raise Unknown(f"no clear answer to the cancel of {client_id}: {error}") from error
        except Malformed as error:
            raise Unknown(f"no clear answer to the cancel of {client_id}: {error}") from error
        if code and code not in self.venue.codes.gone:
            raise Unknown(f"{self.venue.title} answered {code} to the cancel of {client_id}")

    async def spots(self, asks: Sequence[SpotAsk]) -> tuple[SpotSeen, ...]:
        return tuple(await asyncio.gather(*(self.moving.spot(ask) for ask in asks)))

    async def transfer(self, wanted: Transfer) -> None:
        await self.moving.transfer(wanted)

    async def set_leverage(self, symbol: str, leverage: int) -> None:
        listed = self.listings.known[symbol]
        if leverage < 1:
            raise Refused(f"a leverage of {leverage} makes no sense", code="leverage")
        asked = self.venue.leverage(listed, leverage)
        if asked is None:
            raise Refused(f"{self.venue.title}: {self.venue.leverage_note}", code="leverage")
        await self._set(asked, f"the leverage of {symbol}")

    async def count_down(self, timeout_ms: int, mine: Callable[[str], bool]) -> None:
        wind, reaches, read = self.venue.countdown, self.venue.countdown_reaches, self.venue.read_reached
        if wind is None:
            raise Refused(f"{self.venue.title}: {self.venue.dead_man}", code="dead-man")
        if timeout_ms and reaches is not None and read is not None:
            try:
                strangers = sum(not mine(client_id) for client_id in read(await self.line.ask(reaches)))
            except (Failed, Malformed) as error:
                raise NotSent(f"what the dead man's switch would reach could not be read: {error}") from error
            if strangers:
                raise Refused(f"{strangers} open orders of the account are not ours and would be cancelled too", code="foreign")
        switches: dict[Call, list[str]] = {}  # one for each contract, or one for all of them
        for symbol, listed in self.listings.known.items():
            switches.setdefault(wind(listed, timeout_ms), []).append(symbol)
        failed: list[PortError] = []
        for asked, symbols in switches.items():
            try:
                await self._set(asked, f"the countdown of {', '.join(symbols)}")
            except PortError as error:  # those of the other contracts are set all the same
                if timeout_ms or not (isinstance(error, Refused) and error.code == "symbol"):  # nothing is to be stopped without a market
                    failed.append(error)
        if failed:
            raise failed[0]

    async def _set(self, asked: Call, what: str) -> None:
        try:
            await self.client.call(asked.method, asked.as_dict, Errand.SETTING, weight=asked.weight)
        except Failed as error:
            if says(error, self.venue.codes, self.venue.codes.unchanged):
                return
            outcome = classify(self.venue.codes, error)
            if outcome.verdict is Verdict.REFUSED:
                raise Refused(f"{what}: {outcome.why}", code=outcome.code) from error
            if outcome.verdict is Verdict.NOT_SENT:
                raise NotSent(f"{what}: {outcome.why}") from error
            raise Unknown(f"no clear answer to {what}: {error}") from error

    async def close(self) -> None:
        await self.listings.close()
        await self.client.close()
