"""What did the hedge protect, and what did it cost, so far?"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from bot.cli_config import settings_from
from bot.cli_exit import Wrong
from bot.cli_picture import require_place, write
from bot.cli_show import clock, number, plain_table, usd
from bot.exit_codes import Exit
from bot.report import Report, fold_report
from bot.report_page import TITLES, page
from bot.settings import Settings
from bot.wiring.record import files_of, read_store
from bot.words import moment_ms_from

Line = tuple[str, Callable[[dict[str, Any]], str]]  # what is said, and how it is read from a row


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line of `report`, as it was typed."""

    config: Path | None
    account: str | None
    since: str | None
    html: Path | None
    collateral_yield: str


def stated(asked: Asked, tell: Callable[[dict[str, Any]], None]) -> None:
    """`tell` has the fields of `report --json` before the page is written. Raise Wrong, SettingsError, Misspoken or PortError."""
    settings = settings_from(asked.config, account=asked.account)
    share = a_share(asked.collateral_yield, field="--collateral-yield")
    if asked.html is not None:
        require_place(asked.html, "--html", files_of(settings, asked.config))
    found = statement(settings, asked.since, share)
    tell(found.json())
    if asked.html is not None:
        write(page(found).encode(), asked.html, "--html")


def statement(settings: Settings, since: str | None, collateral_yield: Decimal) -> Report:
    """Of the record alone: no venue is asked."""
    with closing(read_store(settings)) as store:
        begins_ms = 0 if since is None else moment_ms_from(since, field="--since")
        return fold_report((row.event for row in store.entries()), begins_ms, collateral_yield)


def a_share(said: str, *, field: str) -> Decimal:
    try:
        share = Decimal(said)
    except InvalidOperation:
        share = Decimal("NaN")
    if not share.is_finite() or not 0 <= share <= 1:
        raise Wrong(Exit.USAGE, f"{field} {said}: write a share from 0 to 1, such as 0.03 for 3 % a year")
    return share


def report_table(said: dict[str, Any], since: str | None) -> RenderableType:
    """A column for each asset, and one for all of them where there are several."""
    rows = said["assets"]
    if not rows:
        return Text(f"the record holds no look at an account {'yet' if since is None else f'after --since {since}'}")
    columns = [*rows, said["total"]] if len(rows) > 1 else rows
    table = plain_table("", *(row.get("asset", "together") for row in columns))
    if any("carried" in row for row in rows):
        carried = [sum((Decimal(one["value_end_usd"]) for one in row.get("carried", ())), Decimal(0)) for row in columns]
        table.add_row("carried for others, USD", *map(usd, carried))
    for title, read in LINES:
        table.add_row(title.format(rate=number(Decimal(said["collateral_yield"]) * 100, 2)), *(read(row) for row in columns))
    return Group(Text(f"from {clock(min(row['from'] for row in rows))} to {clock(max(row['to'] for row in rows))} UTC", "dim"), table)


def of(name: str, show: Callable[[object], str] | None = None, part: str = "") -> Callable[[dict[str, Any]], str]:
    """How one figure of a row is shown; a total does not have all of them. Of a bag of a few dollars cents are told too."""

    def read(row: dict[str, Any]) -> str:
        said = (row[part] if part else row).get(name)
        start = row.get("value_start_usd")
        return show(said) if show else usd(said, "0.01" if start is not None and abs(Decimal(start)) < SMALL_USD else "1")

    return read


def line(name: str, show: Callable[[object], str] | None = None, *, inner: bool = False, part: str = "") -> Line:
    return "  " * (inner or bool(part)) + TITLES[name], of(name, show, part)


SMALL_USD: Final = 1000
LINES: Final[tuple[Line, ...]] = (
    line("value_start_usd"),
    line("value_end_usd"),
    line("unhedged_end_usd"),
    line("hedge_usd"),
    line("loss_avoided_usd", inner=True),
    line("upside_given_up_usd", inner=True),
    line("protected_average_usd"),
    line("ratio_average", number, inner=True),
    line("premium_usd"),
    line("funding_usd", part="premium"),
    line("fees_usd", part="premium"),
    line("slippage_usd", part="premium"),
    line("delay_usd", part="premium"),
    line("basis_usd", part="premium"),
    line("annual_cost_ratio", number),
    line("saved_usd"),
    line("variance_reduction", number),
    line("r2_hedged_to_bag", number),
    line("time_in_band", number),
    line("collateral_average_usd"),
    ("  its yield elsewhere, {rate} % a year", of("opportunity_cost_usd")),
)
