"""Does the venue remember whatever it answered?"""

import random
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import event

from adapters.clock import VirtualClock
from adapters.exchanges.paper import PaperExchange
from adapters.exchanges.paper_store import PaperStore
from bot.core.decision import Transfer
from bot.core.model import Ask, OrderStatus, Side
from bot.ports import Misconfigured, NotSent
from tests.paper.trading import BTC, ETH, START_MS, D, held, make, order, view

ROOT = Path(__file__).parents[2]
SELL, BUY = Side.SELL, Side.BUY


def killed_while_trading(url: str, turn: int, after_answers: int) -> list[tuple[str, OrderStatus, int]]:
    """Start a trader, kill -9 it once it has told so many answers, and return every answer it told."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.paper.trader", url, str(turn)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as trader:
        assert trader.stdout is not None
        lines = [trader.stdout.readline() for _ in range(after_answers)]
        trader.kill()
        rest = trader.stdout.read()
    told = "".join(lines) + rest
    answers = [line.split() for line in told.splitlines(keepends=True) if line.endswith("\n")]
    return [(client_id, OrderStatus(status), int(filled)) for client_id, status, filled in answers]


async def test_a_venue_killed_while_trading_keeps_every_answer_it_gave(tmp_path: Path) -> None:
    file = tmp_path / "paper.db"
    url, dice = f"sqlite:///{file}", random.Random(20)
    answers: list[tuple[str, OrderStatus, int]] = []
    for turn in range(4):
        answers += killed_while_trading(url, turn, dice.randrange(5, 60))
        paper = make(url, matching="book")
        seen = await view(paper, *(client_id for client_id, _, _ in answers))
        found = {one.client_id: one for one in seen.found or ()}
        for client_id, status, filled in answers:
            now = found[client_id]
            assert now.filled >= filled
            assert now.status is status or not status.terminal
        fills = seen.fills or ()
        assert await held(paper) == sum(fill.side.sign * fill.contracts for fill in fills)
        by_order = Counter[str]()
        for fill in fills:
            by_order[fill.client_id] += fill.contracts
        assert all(found[client_id].filled == count for client_id, count in by_order.items() if client_id in found)
        (balance,) = (one for one in paper.balances() if one.currency == "BTC")
        assert balance.wallet == balance.deposited + balance.realised - balance.fees + balance.funding + balance.insured
        assert balance.fees == sum(fill.fee_coins for fill in fills)
        assert balance.funding == sum(payment.coins for payment in seen.funding or ())
        await paper.close()
    assert len(answers) >= 20
    with sqlite3.connect(file) as database:
        ids = [row[0] for row in database.execute("SELECT client_id FROM paper_order WHERE client_id IS NOT NULL")]
    database.close()
    assert len(ids) == len(set(ids)) >= len(answers)


async def everything(paper: PaperExchange, *client_ids: str) -> tuple[object, ...]:
    views = await paper.look([Ask(symbol, 0, 0, client_ids) for symbol in (BTC, ETH)])
    return (views, sorted(paper.accounts(), key=lambda one: one.symbol), sorted(paper.balances(), key=lambda one: one.currency))


async def test_a_reopened_venue_shows_the_same_and_goes_on_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'paper.db'}"
    paper = make(url, matching="book")
    await paper.set_leverage(BTC, 3)
    await paper.place(order("a", SELL, 500, "59994", post_only=False))
    await paper.place(order("b", SELL, 3000, "60006"))
    await paper.place(order("c", BUY, 3, "2900", symbol=ETH))
    await paper.place(order("d", BUY, 100, "59000", reduce_only=True))
    await paper.cancel(ETH, "c")
    paper.others_trade(BTC, BUY, 10, D("60006"))
    paper.settle_funding("BTC", D("0.0003"), START_MS)
    paper.deposit("BTC", D("0.25"))
    before = await everything(paper, "a", "b", "c", "d")
    await paper.close()

    paper = make(url, VirtualClock(START_MS), matching="book")
    assert await everything(paper, "a", "b", "c", "d") == before
    assert (await paper.place(order("c", BUY, 3, "2900", symbol=ETH))).status is OrderStatus.CANCELLED
    (working, _) = paper._venue.leg(BTC).orders
    ahead = working.ahead
    assert ahead > 0  # the place in the queue came back too
    was = await held(paper)
    paper.others_trade(BTC, BUY, ahead + 1, D("60006"))
    assert await held(paper) == was - 1
    await paper.close()


async def test_an_existing_database_wins_over_seed_collateral_and_price(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'paper.db'}"
    first = make(url, seed=7, collateral={"BTC": D(3)}, prices={"BTC": D(60000)})
    assert first.opened.new
    await first.close()
    second = make(url, seed=8, collateral={"BTC": D(9), "ETH": D(9)}, prices={"BTC": D(1), "ETH": D(3000)})
    assert (second.opened.new, second.opened.seed, second.opened.collateral) == (False, 7, {"BTC": D(3), "ETH": D(9)})
    seen = await second.look([Ask(BTC, 0, 0), Ask(ETH, 0, 0)])
    assert [view.margin.wallet for view in seen if view.margin] == [3, 9]  # collateral funds what had none
    assert [view.quote.mark for view in seen if view.quote] == [60000, 3000]  # a new asset is listed
    await second.close()


async def test_reads_and_prints_that_move_nothing_do_not_commit() -> None:
    paper = make()
    commits: list[object] = []
    paper._keeper.store.commit = commits.append  # type: ignore[method-assign]
    statements: list[str] = []
    event.listen(paper._keeper.store._connection, "before_cursor_execute", lambda *args: statements.append(args[2]))
    paper.print("BTC", D(60001), START_MS + 1)
    paper.settle_funding("BTC", D("0.0001"), START_MS + 1)
    await view(paper)
    await paper.cancel(BTC, "unknown")
    assert (commits, statements) == ([], [])
    await paper.close()


async def test_old_fills_are_read_from_the_database(tmp_path: Path) -> None:
    paper = make(f"sqlite:///{tmp_path / 'paper.db'}")
    for number in range(1200):
        paper.print("BTC", D(60000), START_MS + number)
        await paper.place(order(f"n{number}", BUY if number % 2 else SELL, 1, 61000 if number % 2 else 59000, post_only=False))
    assert len(paper._venue.leg(BTC).fills) < 1200  # memory does not grow for ever
    fills = (await view(paper)).fills or ()
    assert [fill.client_id for fill in fills] == [f"n{number}" for number in range(1200)]
    for since in (0, 1, 500, 511, 512, 513, 687, 688, 1199):
        assert [fill.client_id for fill in (await view(paper, since_ms=START_MS + since)).fills or ()] == [
            f"n{number}" for number in range(since, 1200)
        ]
    assert (await paper.place(order("n0", SELL, 1, 59000, post_only=False))).filled == 1  # an id used long ago
    assert await held(paper) == 0
    await paper.close()


async def test_two_processes_on_one_database_see_each_others_trades(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'paper.db'}"
    one, two = make(url), make(url)
    await one.place(order("a", SELL, 10, 59994, post_only=False))
    assert await held(two) == -10
    again = await two.place(order("a", SELL, 10, 59994, post_only=False))
    assert again.filled == 10
    await two.place(order("b", SELL, 5, 60100))
    assert [open_order.client_id for open_order in (await view(one)).open_orders or ()] == ["b"]
    await one.cancel(BTC, "b")
    assert (await view(two)).open_orders == ()
    assert await held(one) == await held(two) == -10
    await one.close()
    await two.close()


async def test_a_commit_of_another_process_in_the_middle_of_ours_is_not_overwritten(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'paper.db'}"
    one, two = make(url), make(url)
    accept, raced = one._accept, []

    def accept_while_the_other_trades(ticket: Any, **changes: Any) -> Any:
        placed = accept(ticket, **changes)
        if not raced:
            raced.append(two.manual_trade(BTC, SELL, 7))
        return placed

    one._accept = accept_while_the_other_trades  # type: ignore[method-assign]
    await one.place(order("a", SELL, 10, 59994, post_only=False))
    assert await held(one) == await held(two) == -17
    fills = (await view(one)).fills or ()
    assert [(fill.client_id, fill.contracts) for fill in fills] == [("", 7), ("a", 10)]
    await one.close()
    await two.close()


def test_processes_that_start_together_make_one_venue(tmp_path: Path) -> None:
    for attempt in range(5):
        url, together = f"sqlite:///{tmp_path / f'paper{attempt}.db'}", Barrier(4)

        def start(seed: int, url: str = url, together: Barrier = together) -> tuple[int, bool]:
            together.wait()
            paper = make(url, seed=seed)
            paper._keeper.store.close()
            return paper.opened.seed, paper.opened.new

        with ThreadPoolExecutor(4) as pool:
            opened = list(pool.map(start, range(4)))
        assert len({seed for seed, _ in opened}) == 1
        assert sum(new for _, new in opened) == 1


def test_processes_that_make_one_database_at_once_wait_for_each_other(tmp_path: Path) -> None:
    for attempt in range(100):
        url, together = f"sqlite:///{tmp_path / f'paper{attempt}.db'}", Barrier(6)

        def start(url: str = url, together: Barrier = together) -> None:
            together.wait()
            PaperStore(url).close()

        with ThreadPoolExecutor(6) as pool:
            for opened in [pool.submit(start) for _ in range(6)]:
                opened.result()


async def test_a_locked_database_takes_no_order_and_loses_none(tmp_path: Path) -> None:
    file = tmp_path / "paper.db"
    paper = make(f"sqlite:///{file}")
    await paper.place(order("a", SELL, 10, 60100))
    paper._keeper.store._driver.execute("PRAGMA busy_timeout=1")
    blocker = sqlite3.connect(file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(NotSent, match="locked"):
        await paper.place(order("b", SELL, 10, 60100))
    assert [one.client_id for one in (await view(paper, "a", "b")).found or ()] == ["a"]
    blocker.execute("ROLLBACK")
    blocker.close()
    assert (await paper.place(order("b", SELL, 10, 60100))).status is OrderStatus.OPEN
    await paper.close()


def test_the_database_of_something_else_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "hedgebot.db"
    with sqlite3.connect(file) as other:
        other.execute("CREATE TABLE chain (seq INTEGER)")
    other.close()
    with pytest.raises(Misconfigured, match="database of something else"):
        make(f"sqlite:///{file}")
    with sqlite3.connect(file) as other:
        assert [row[0] for row in other.execute("SELECT name FROM sqlite_master")] == ["chain"]
    other.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "paper.db"
    file.write_text("timestamp,open,high,low,close\n" * 100)
    with pytest.raises(Misconfigured, match=r"paper\.db"):
        make(f"sqlite:///{file}")


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/paper.db", "postgresql://localhost/paper", "paper.db"])
def test_an_unusable_address_is_named(url: str) -> None:
    with pytest.raises(Misconfigured, match=r"paper\.url"):
        make(url)


def test_another_layout_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "paper.db"
    paper = make(f"sqlite:///{file}")
    paper._keeper.store.close()
    with sqlite3.connect(file) as database:
        database.execute("UPDATE paper_venue SET version = 99")
    database.close()
    with pytest.raises(Misconfigured, match="another version"):
        make(f"sqlite:///{file}")


PEPE = "PEPE/USD:PEPE"


async def test_a_coin_worth_next_to_nothing_is_held_by_the_trillion(tmp_path: Path) -> None:
    url, most = f"sqlite:///{tmp_path / 'paper.db'}", D("999999999999.87654321")
    cheap = {"prices": {"PEPE": D("0.00001234")}, "collateral": {"PEPE": most}, "spot": {"PEPE": most}}
    paper = make(url, **cheap)
    await paper.place(order("a", SELL, 1_000_000, "0.000012", symbol=PEPE, post_only=False))
    await paper.transfer(Transfer("t", "PEPE", most, 1 << 60, "test"))
    before = sorted(paper.balances(), key=lambda one: one.currency), (await view(paper, symbol=PEPE)).fills
    await paper.close()
    again = make(url, **cheap)
    assert (sorted(again.balances(), key=lambda one: one.currency), (await view(again, symbol=PEPE)).fills) == before
    (wallet,) = (one for one in again.balances() if one.currency == "PEPE")
    assert wallet.wallet == 2 * most - wallet.fees
    assert wallet.fees > 0
    await again.close()


async def test_a_database_whose_units_are_still_integers_goes_on_and_holds_coins_by_the_trillion(tmp_path: Path) -> None:
    file = tmp_path / "paper.db"
    paper = make(f"sqlite:///{file}")
    await paper.place(order("a", SELL, 500, "59994", post_only=False))
    before = await everything(paper, "a")
    await paper.close()
    with closing(sqlite3.connect(file)) as database, database:
        tables = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
        for table in ("paper_wallet", "paper_fill"):
            database.execute(f"ALTER TABLE {table} RENAME TO old")
            names = r"\b(units|deposited|realised|fees|funding|insured|fee) TEXT"
            database.execute(re.sub(names, r"\1 BIGINT", tables[table]))
            database.execute(f"INSERT INTO {table} SELECT * FROM old")
            database.execute("DROP TABLE old")
        assert database.execute("SELECT typeof(units) FROM paper_wallet").fetchone() == ("integer",)
    again = make(f"sqlite:///{file}")
    assert await everything(again, "a") == before
    await again.place(order("b", SELL, 500, "59994", post_only=False))
    assert await held(again) == -1000
    await again.close()
    most = D("999999999999.87654321")
    for _ in range(2):
        grown = make(f"sqlite:///{file}", prices={"PEPE": D("0.00001234")}, collateral={"PEPE": most})
        assert [one.wallet for one in grown.balances() if one.currency == "PEPE"] == [most]
        await grown.close()
