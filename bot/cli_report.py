"""What did the hedge protect, and what did it cost, so far?"""

from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import RenderableType

from bot.cli_exit import Wrong
from bot.cli_show import number, plain_table, usd
from bot.exit_codes import Exit
from bot.report import Report, fold_report
from bot.report_page import page
from bot.settings import Settings
from bot.wiring.record import read_store
from bot.words import moment_ms_from


def statement(settings: Settings, since: str | None) -> Report:
    """Of the record alone: no venue is asked."""
    with closing(read_store(settings)) as store:
        return fold_report((row.event for row in store.entries()), 0 if since is None else moment_ms_from(since, field="--since"))


def write_page(report: Report, file: Path) -> None:
    try:
        file.write_text(page(report), "utf-8")
    except OSError as error:
        raise Wrong(Exit.FAILURE, f"--html {file}: cannot be written ({error.strerror}); name another file") from None


def report_table(said: dict[str, Any]) -> RenderableType:
    rows = said["assets"]
    table = plain_table("", *(row["asset"] for row in rows))
    lines: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
        ("value at the start, USD", lambda row: usd(row["value_start_usd"])),
        ("value at the end, USD", lambda row: usd(row["value_end_usd"])),
        ("without a hedge, USD", lambda row: usd(row["unhedged_end_usd"])),
        ("the hedge brought, USD", lambda row: usd(row["hedge_usd"])),
        ("premium, USD", lambda row: usd(row["premium_usd"])),
        ("  funding", lambda row: usd(row["premium"]["funding_usd"])),
        ("  fees", lambda row: usd(row["premium"]["fees_usd"])),
        ("  slippage", lambda row: usd(row["premium"]["slippage_usd"])),
        ("  basis", lambda row: usd(row["premium"]["basis_usd"])),
        ("saved against market orders, USD", lambda row: usd(row["saved_usd"])),
        ("cost a year, share of the value", lambda row: number(row["annual_cost_ratio"])),
        ("variance taken away", lambda row: number(row["variance_reduction"])),
        ("R² of hedged to bag", lambda row: number(row["r2_hedged_to_bag"])),
        ("time in the band", lambda row: number(row["time_in_band"])),
    )
    if any("carried" in row for row in rows):
        carried = [sum((Decimal(one["value_end_usd"]) for one in row.get("carried", ())), Decimal(0)) for row in rows]
        table.add_row("carried for others, USD", *map(usd, carried))
    for title, read in lines:
        table.add_row(title, *(read(row) for row in rows))
    return table
