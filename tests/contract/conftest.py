"""Every test that takes `build` or `venue` runs once for each venue, in each of its variants."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Literal

import pytest

from tests.contract.ccxt_driver import ENVIRONMENT, difference, under_test
from tests.contract.driver import Build, D, VenueUnderTest, Wanted
from tests.contract.paper_driver import PaperUnderTest, conforms

PAPER: dict[str, tuple[Literal["book", "print"], bool, int]] = {  # matching, in a file, latency
    "paper-print": ("print", False, 0),
    "paper-book": ("book", False, 0),
    "paper-print-file-slow": ("print", True, 50),
    "paper-book-file": ("book", True, 0),
}


@pytest.fixture(params=[*PAPER, *ENVIRONMENT])
async def build(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Build]:
    if request.param in ENVIRONMENT:
        why = difference(request.param, request.node.originalname, request.node.name)
        if why is not None:
            request.applymarker(pytest.mark.xfail(reason=why, strict=True))
        async with AsyncExitStack() as stack:

            async def serve_one(wanted: Wanted) -> VenueUnderTest:
                return await stack.enter_async_context(under_test(request.param, wanted))

            yield serve_one
        return
    matching, in_file, latency_ms = PAPER[request.param]
    made: list[VenueUnderTest] = []

    async def make(wanted: Wanted) -> VenueUnderTest:
        url = f"sqlite:///{tmp_path / f'paper{len(made)}.db'}" if in_file else "sqlite://"
        venue = conforms(PaperUnderTest(wanted, matching, url, latency_ms))
        made.append(venue)
        await venue.exchange.connect([venue.inverse.symbol, venue.linear.symbol])
        return venue

    yield make
    for venue in made:
        await venue.exchange.close()


MOVERS = [*PAPER, "bybit", "okx"]  # where coins move between a spot wallet and the account


@pytest.fixture
async def venue(build: Build) -> VenueUnderTest:
    """At 60,000 USD, with 10 BTC of collateral and no fees."""
    return await build(Wanted(collateral={"BTC": D(10), "USDT": D(100_000)}))
