"""A process that trades on a paper exchange until it is killed, and says what was answered: `python -m tests.paper.trader URL ROUND`."""

import asyncio
import random
import sys

from adapters.clock import VirtualClock
from bot.core.model import Side
from bot.ports import Refused
from tests.paper.trading import BTC, START_MS, D, make, order


async def trade(url: str, turn: int) -> None:
    dice = random.Random(turn)
    clock = VirtualClock(START_MS)
    paper = make(url, clock, matching="book", synchronous="FULL")
    clock.advance_to(START_MS + turn * 1_000_000)
    for number in range(1_000_000):
        clock.advance_to(clock.now_ms() + 1000)
        paper.print("BTC", D(60000 + dice.randrange(-60, 60)), clock.now_ms())
        if number % 5 == 4:
            paper.settle_funding("BTC", D("0.0001"), clock.now_ms())
        client_id = f"r{turn}n{number}"
        side = dice.choice([Side.BUY, Side.SELL])
        post_only = dice.random() < 0.7
        price = 60000 - side.sign * (dice.randrange(7, 40) if post_only else -200)
        try:
            placed = await paper.place(order(client_id, side, dice.randrange(1, 400), price, post_only=post_only))
        except Refused:
            sys.stdout.write(f"{client_id} REJECTED 0\n")
        else:
            sys.stdout.write(f"{client_id} {placed.status.value} {placed.filled}\n")
        if number % 3 == 2:
            await paper.cancel(BTC, f"r{turn}n{number - 2}")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(trade(sys.argv[1], int(sys.argv[2])))
