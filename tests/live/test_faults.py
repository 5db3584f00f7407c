"""Does the hedge come out right on every venue, whatever goes wrong on the wire?

Each case opens (1.0), adjusts (0.5) and closes (0) a BTC and an ETH hedge. The cases of a test run at once, in one event loop: most of
their time is waiting.
"""

import asyncio
from pathlib import Path

import pytest

from bot.exit_codes import Exit
from tests.live.desk import ENVIRONMENT, Desk, desk, held_usd, intended_usd
from tests.live.faults import CASES, Case

AT_ONCE = 6
RATIOS = ("1.0", "0.5", "0")


async def hedged(venue: str, case: Case, folder: Path) -> list[str]:
    """What went wrong; empty if nothing did."""
    found: list[str] = []
    async with desk(venue, folder, case.prepare, **case.core) as here:
        here.absence = case.absence
        for ratio in RATIOS:
            found += [f"{ratio}: {problem}" for problem in await one_run(here, case, ratio)]
            if found:
                break
    return found


async def one_run(here: Desk, case: Case, ratio: str) -> list[str]:
    server = here.server
    here.market.quote(selling=ratio == "1.0")
    server.faults.clear()
    server.faults.spent.clear()
    sent = len(server.asked("place"))
    case.strike(here)
    ended = await here.hedge(ratio)
    found = here.problems()
    if ended is not Exit.DONE:
        legs = here.last.decision.legs if here.last is not None and here.last.decision is not None else ()
        found.append(f"ended with {ended.name}: {[leg.why for leg in legs]}, orders {here.orders()}")
    if (held := held_usd(server)) != intended_usd(ratio):
        found.append(f"holds {held} instead of {intended_usd(ratio)}")
    if case.happens and not any(endpoint == case.happens for _, endpoint in server.faults.spent):
        found.append("the fault did not happen")
    if len(server.asked("place")) == sent:
        found.append("no order was sent")
    return found


@pytest.mark.parametrize("part", CASES)
@pytest.mark.parametrize("venue", ENVIRONMENT)
async def test_the_hedge_comes_out_right_whatever_goes_wrong(venue: str, part: str, tmp_path: Path) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(name: str, case: Case) -> list[str]:
        folder = tmp_path / str(list(CASES[part]).index(name))
        folder.mkdir()
        try:
            if case.slow:
                return await hedged(venue, case, folder)
            async with room:
                return await hedged(venue, case, folder)
        except Exception as error:
            return [repr(error)]

    cases = {name: case for name, case in CASES[part].items() if venue not in case.not_at}
    came = await asyncio.gather(*(one(name, case) for name, case in cases.items()))
    assert {name: problems for name, problems in zip(cases, came, strict=True) if problems} == {}
