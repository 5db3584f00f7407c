"""Does the hedge come out right on every venue, whatever goes wrong on the wire?

Each case opens (1.0), adjusts (0.5) and closes (0) a BTC and an ETH hedge. The cases of one venue run at once, in one event loop; each test
then looks at what became of its own.
"""

import asyncio
from pathlib import Path

import pytest

from bot.exit_codes import Exit
from tests.live.desk import ENVIRONMENT, Desk, desk, held_usd, intended_usd
from tests.live.faults import CASES, Case

AT_ONCE = 6
RATIOS = ("1.0", "0.5", "0")
Came = dict[tuple[str, str], list[str]]


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
    strikes = case.only in ("", ratio)
    if strikes:
        case.strike(here)
    ended = await here.hedge(ratio)
    found = here.problems()
    if ended is not Exit.DONE:
        legs = here.last.decision.legs if here.last is not None and here.last.decision is not None else ()
        found.append(f"ended with {ended.name}: {[leg.why for leg in legs]}, orders {here.orders()}")
    if (held := held_usd(server)) != intended_usd(ratio):
        found.append(f"holds {held} instead of {intended_usd(ratio)}")
    if strikes and case.happens and not any(endpoint == case.happens for _, endpoint in server.faults.spent):
        found.append("the fault did not happen")
    if len(server.asked("place")) == sent:
        found.append("no order was sent")
    return found


@pytest.fixture(scope="module")
def came(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Came:
    """Every case that was asked for, run to its end."""
    asked = [item.callspec.params for item in request.session.items if getattr(item, "originalname", "") == "test_hedges_through"]

    async def every() -> Came:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(venue: str, name: str) -> list[str]:
            case, place = CASES[name], tmp_path_factory.mktemp("hedge")
            try:
                if case.slow:
                    return await hedged(venue, case, place)
                async with room:
                    return await hedged(venue, case, place)
            except Exception as error:
                return [repr(error)]

        keys = [(params["venue"], params["name"]) for params in asked]
        return dict(zip(keys, await asyncio.gather(*(one(*key) for key in keys)), strict=True))

    return asyncio.run(every())


@pytest.mark.parametrize("venue", ENVIRONMENT)
@pytest.mark.parametrize("name", CASES)
def test_hedges_through(came: Came, venue: str, name: str) -> None:
    if venue in CASES[name].not_at:
        pytest.xfail(CASES[name].not_at[venue])
    assert came[venue, name] == []
