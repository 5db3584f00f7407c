"""How does a venue look from inside a container network? A local one on port 8000, somebody who takes what rests, its books.

Run as `python -m tests.docker.venue_container VENUE ENVIRONMENT`. GET /_books tells what a test asks for: orders, positions, what was sent.
"""

import asyncio
import json
import sys
from typing import Final

from aiohttp import web

from tests.venue_server import VenueServer, serve

PORT: Final = 8000
TAKEN_AFTER_S: Final = 8.0  # long enough for an order to be seen open by whoever asks through the engine


def books(server: VenueServer) -> web.Response:
    core = server.core
    said = {
        "orders": [[order.client_id, order.status, order.units, order.filled] for order in core.orders.values()],
        "open": len(core.open_orders()),
        "position_usd": {symbol: int(core.position(symbol).units * contract.unit) for symbol, contract in core.contracts.items()},
        "placed": len(server.asked("place")),
    }
    return web.Response(text=json.dumps(said), content_type="application/json")


async def take(server: VenueServer) -> None:
    """Whatever rests for TAKEN_AFTER_S is traded at its price."""
    core, loop = server.core, asyncio.get_running_loop()
    seen: dict[int, float] = {}
    while True:
        for order in core.open_orders():
            if order.price is not None and loop.time() - seen.setdefault(order.id, loop.time()) >= TAKEN_AFTER_S:
                core.trade_through(order.symbol, order.price, order.units)
        await asyncio.sleep(0.1)


async def main(venue: str, environment: str) -> None:
    async with serve(venue, environment=environment) as server:
        server.core.deposit("BTC", 2)
        app = web.Application()

        async def answer(request: web.Request) -> web.StreamResponse:
            return books(server) if request.path == "/_books" else await server.handle(request)

        app.router.add_route("*", "/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "0.0.0.0", PORT).start()
        await take(server)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
