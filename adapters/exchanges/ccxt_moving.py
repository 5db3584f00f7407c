"""How does collateral move once, whatever the answer?"""

import asyncio
from typing import Final

from adapters.ccxt_client import Failed
from adapters.exchanges.ccxt_line import Line
from adapters.exchanges.ccxt_translate import Malformed
from adapters.exchanges.venues.sheet import Transfers
from adapters.request_budget import Errand
from bot.core.decision import Transfer
from bot.core.model import SpotSeen, TransferStatus
from bot.ports import NotSent, PortError, Refused, SpotAsk, Unknown

REMEMBERED: Final = 1000  # ids


class Moving:
    """Every id that was signed is remembered, and none is signed twice. No answer but one that is on the venue's sheet is an end."""

    def __init__(self, line: Line) -> None:
        self.line: Final = line
        self._signed: dict[str, None] = {}

    def sheet(self) -> Transfers:
        if self.line.venue.transfers is None:
            raise NotSent(f"{self.line.venue.title}: {self.line.venue.transfer_right}")
        return self.line.venue.transfers

    async def spot(self, ask: SpotAsk) -> SpotSeen:
        coins, found, errors = None, None, []
        try:
            coins = self.sheet().read_spot(ask.asset, await self.line.ask(self.sheet().spot(ask.asset)))
        except (PortError, Malformed) as error:
            errors.append(self.line.words(error))
        if ask.transfer is not None:
            try:
                found = await self.found(ask.transfer)
            except (PortError, Malformed) as error:
                errors.append(self.line.words(error))
        return SpotSeen(ask.asset, coins, found, f"spot wallet of {ask.asset}: {'; '.join(errors)}" if errors else "")

    async def found(self, wanted: Transfer) -> TransferStatus:
        sheet = self.sheet()
        try:
            return sheet.read_found(wanted, await self.line.ask(sheet.find(wanted)))
        except Failed as error:
            if set(self.line.venue.codes.read(error.status, error.body)) & sheet.absent:
                return TransferStatus.ABSENT
            raise

    async def transfer(self, wanted: Transfer) -> None:
        own, sheet = wanted.transfer_id, self.sheet()
        if own in self._signed:
            return self.judge(wanted, await self.looked_up(wanted))
        asked = sheet.ask(wanted)
        try:
            body = await self.line.client.call(asked.method, asked.as_dict, Errand.TRANSFER, wanted, wanted.deadline_mono_ms, asked.weight)
        except NotSent:
            raise
        except asyncio.CancelledError:
            self.remember(own)  # the record says INTENT: it is looked for, never sent again
            raise
        except Failed as error:
            if not error.signed:
                raise NotSent(f"it was not signed: {error}") from error
            self.remember(own)
            codes = self.line.venue.codes.read(error.status, error.body)
            if set(codes) & sheet.exists:
                return self.judge(wanted, await self.looked_up(wanted))
            if why := next((sheet.refused[code] for code in codes if code in sheet.refused), ""):
                raise Refused(f"{self.line.venue.title}: {why} ({error})", code="transfer") from error
            raise Unknown(f"{self.line.venue.title} gave no clear answer to {own}: {error}") from error
        self.remember(own)
        try:
            answered = sheet.read_asked(wanted, body)
        except Malformed as error:
            raise Unknown(f"{self.line.venue.title} answered {own} with something that is no answer ({error})") from error
        if answered is TransferStatus.UNKNOWN:  # it was taken: what has become of it since?
            answered = await self.looked_up(wanted)
        return self.judge(wanted, answered)

    async def looked_up(self, wanted: Transfer) -> TransferStatus:
        try:
            return await self.found(wanted)
        except (PortError, Malformed) as error:
            raise Unknown(f"{wanted.transfer_id} was signed before and cannot be looked up now: {self.line.words(error)}") from error

    def judge(self, wanted: Transfer, now: TransferStatus) -> None:
        if now is TransferStatus.REFUSED:
            raise Refused(f"{self.line.venue.title} says that {wanted.transfer_id} failed", code="transfer")
        if now is not TransferStatus.DONE:
            raise Unknown(f"{self.line.venue.title} does not show {wanted.transfer_id} as done (yet)")

    def remember(self, own: str) -> None:
        self._signed[own] = None
        while len(self._signed) > REMEMBERED:
            del self._signed[next(iter(self._signed))]
