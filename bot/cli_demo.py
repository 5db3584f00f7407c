"""What does the bot do for a bag of coins? Two weeks of crash and recovery in seconds, with a real record and paper venue on disk."""

import asyncio
import os
import shutil
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bot import demo_prices
from bot.audit.verify import Verification, verify
from bot.cli_exit import Wrong
from bot.cli_show import clock, console, number, pairs, plain_table, usd
from bot.exit_codes import Exit
from bot.face import iso_utc, plain
from bot.replay import Progress, fundings, prices
from bot.running import shut_down
from bot.settings import Settings, load
from bot.wiring.demo import demo
from bot.wiring.record import read_store
from bot.wiring.venue import real_time

FOLDER: Final = Path("hedgebot-demo")
MARK: Final = "hedge.yaml"  # its presence says that the folder is a demo of ours and may be remade
SEED: Final = 7
DAY_MS: Final = 86_400_000
COINS: Final = Decimal(5)
PLAIN_SECONDS: Final = 1.0

CONFIG: Final = """\
# The configuration of the demo: 2 BTC outside, 3 posted on the paper exchange, all of it hedged. `hedgebot init` writes a longer one.
version: 1
mode: live
bag: {{BTC: {{coins: 2}}}}
hedges: {{BTC: {{ratio: 1.0, basis: coins, instrument: BTC/USD:BTC}}}}
paper: {{feed: synthetic, seed: {seed}, price: {{BTC: 60000}}, collateral: {{BTC: 3}}, url: "sqlite:///{folder}/paper.db"}}
audit: {{url: "sqlite:///{folder}/audit.db"}}
kill_file: "{folder}/hedgebot.kill"
"""


def run_demo(folder: Path = FOLDER) -> dict[str, Any]:
    """Remake `folder`, run, and answer what `demo --json` prints. Raise Wrong where the folder is somebody else's."""
    began = time.perf_counter()
    remake(folder)
    path = folder / MARK
    where = str(folder.resolve())
    path.write_text(CONFIG.format(seed=SEED, folder=where), "utf-8")
    settings = load(path, {}, {})
    starts_ms = real_time().now_ms() // DAY_MS * DAY_MS - demo_prices.DAYS * DAY_MS
    answer = asyncio.run(driven(settings, starts_ms))
    with closing(read_store(settings)) as store:
        found = verify(store)
        newest = store.fills(limit=1)
    return {
        **answer,
        **unhedged(starts_ms),
        "audit_database": os.path.relpath(folder / "audit.db"),
        "audit_verify": {"verdict": found.verdict.value, "what": found.what, "decided_again": found.decided_again},
        "try_next": advice(path, newest[0].client_id if newest else "1"),
        "seconds": round(time.perf_counter() - began, 3),
        "verified": exit_of(found) is Exit.DONE and answer["verified"],
    }


def exit_of(found: Verification) -> Exit:
    return Exit(found.exit_code)


def remake(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not (folder / MARK).is_file() and any(folder.iterdir())):
        raise Wrong(Exit.CONFIGURATION, f"{folder} exists and is not a demo of hedgebot: move it away, or run the demo in another folder")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()


async def driven(settings: Settings, starts_ms: int) -> dict[str, Any]:
    route = list(demo_prices.prices(SEED, starts_ms))
    timeline = [prices("BTC", [[one] for one in route]), fundings("BTC", demo_prices.rates(SEED, starts_ms))]
    async with demo(settings, starts_ms, timeline) as run:
        with telling(len(route)) as tell:
            answer = await run.replay.run(tell)
        verified = await shut_down(run.engine, run.run_id)
    return {**answer, "verified": verified}


def unhedged(starts_ms: int) -> dict[str, str]:
    """The same bag with nobody caring for it."""
    route = [price for _, price in demo_prices.prices(SEED, starts_ms)]
    return {"unhedged_value_start_usd": plain(COINS * route[0]), "unhedged_value_min_usd": plain(COINS * min(route))}


def advice(config: Path, order: str) -> list[str]:
    return [
        f"hedgebot status -c {config}",
        f"hedgebot audit explain {order} -c {config}",
        f"hedgebot audit verify -c {config}",
        f"hedgebot run --live --once -c {config}",
    ]


# ---------------------------------------------------------------------------------------------------------------- what is seen


def telling(steps: int) -> Any:
    on = console(stderr=True)
    if on.is_terminal:
        from bot.cli_progress import Bar

        return Bar(on, steps)
    return PlainLine(steps)


class PlainLine:
    """For a log: a line a second at most."""

    def __init__(self, steps: int) -> None:
        self.steps, self.next_at = steps, 0.0

    def __enter__(self) -> "PlainLine":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, now: Progress) -> None:
        if time.monotonic() >= self.next_at:
            self.next_at = time.monotonic() + PLAIN_SECONDS
            share = f"{now.steps * 100 // self.steps:3d} %"
            console(stderr=True).print(f"{share}  {clock(iso_utc(now.at_ms))[:16]} UTC  hedged value {usd(now.value_usd)} USD")


def funding_line(said: dict[str, Any]) -> tuple[str, str]:
    coins = Decimal(said["funding_coin"])
    received = f"{usd(abs(Decimal(said['funding_usd'])), '0.01')} USD ({number(abs(coins), 8)} BTC)"
    return "funding received" if coins >= 0 else "funding paid", received


def show_demo(said: dict[str, Any]) -> None:
    on = console()
    on.print(f"{demo_prices.DAYS} days of crash and recovery in {said['seconds']} s: 5 BTC (2 outside, 3 posted), ratio 1.0")
    values = plain_table("value in USD", "start", "worst", "end")
    values.add_row("hedged", usd(said["value_start_usd"]), usd(said["value_min_usd"]), usd(said["value_end_usd"]))
    values.add_row(
        "unhedged", usd(said["unhedged_value_start_usd"]), usd(said["unhedged_value_min_usd"]), usd(said["unhedged_value_end_usd"])
    )
    on.print(values)
    check = said["audit_verify"]
    on.print(
        pairs(
            (
                ("worst hedge error", f"{number(said['hedge_error_max_bps'], 2)} bp of the start"),
                ("orders, fills", f"{said['orders']:,}, {said['fills']:,} ({usd(said['turnover_usd'])} USD turned over)"),
                ("fees paid", f"{usd(said['fees_usd'], '0.01')} USD ({number(said['fees_coin'], 8)} BTC)"),
                funding_line(said),
                ("audit database", said["audit_database"]),
                ("audit verify", f"{check['verdict']}: {check['what']}; {check['decided_again']} decisions decided again"),
            )
        )
    )
    on.print()
    on.print("Try next:")
    for command in said["try_next"]:
        on.print(f"  {command}", soft_wrap=True)
