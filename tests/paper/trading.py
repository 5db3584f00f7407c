"""Short ways to make and drive a paper exchange in tests."""

from decimal import Decimal
from typing import Any

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from bot.core.decision import Approved
from bot.core.model import Ask, Side, View

D = Decimal
START_MS = 1_700_000_000_000
BTC, ETH, USDT = "BTC/USD:BTC", "ETH/USD:ETH", "BTC/USDT:USDT"


def make(url: str | None = "sqlite://", clock: VirtualClock | None = None, **changes: Any) -> PaperExchange:
    values: dict[str, Any] = {
        "prices": {"BTC": D(60000), "ETH": D(3000)},
        "collateral": {"BTC": D(5), "ETH": D(50), "USDT": D(100_000)},
        "matching": "print",
        "synchronous": "OFF",
        **changes,
    }
    return PaperExchange(clock or VirtualClock(START_MS), url, **values)


def order(
    client_id: str,
    side: Side,
    contracts: int,
    price: Decimal | str | int,
    *,
    symbol: str = BTC,
    post_only: bool = True,
    reduce_only: bool = False,
) -> Approved:
    return Approved(
        client_id=client_id,
        asset=symbol.partition("/")[0],
        symbol=symbol,
        side=side,
        contracts=contracts,
        limit_price=D(price),
        reduce_only=reduce_only,
        post_only=post_only,
        reference_price=D(price),
        notional_usd=D(0),
        deadline_mono_ms=1 << 60,
        why="test",
    )


async def view(paper: PaperExchange, *client_ids: str, symbol: str = BTC, since_ms: int = 0) -> View:
    (seen,) = await paper.look([Ask(symbol, since_ms, since_ms, client_ids)])
    return seen


async def held(paper: PaperExchange, symbol: str = BTC) -> int:
    position = (await view(paper, symbol=symbol)).position
    assert position is not None
    return position.contracts
