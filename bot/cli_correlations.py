"""Which markets move together, and how well would one hedge another?"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from bot.analytics.correlations import Correlations, correlations
from bot.cli_config import settings_from
from bot.cli_exit import Wrong
from bot.cli_picture import require_picture, write_picture
from bot.cli_show import NOTHING, Fitting, number, plain_table
from bot.exit_codes import Exit
from bot.face import iso_utc, plain_or_null
from bot.heat_map import heat_map
from bot.settings import DEFAULT_FILE
from bot.settings_cross import LEAST_RETURNS, Cross
from bot.settings_policies import CANDLES_MS
from bot.wiring.markets import candles_of_files, candles_of_venue


@dataclass(frozen=True, slots=True)
class Asked:
    """The command line, with what was typed made plain already."""

    files: dict[str, Path]
    assets: Sequence[str]
    candle: str
    lookback: int
    half_life: Decimal | None
    from_ms: int | None
    to_ms: int | None
    config: Path | None
    sets: Sequence[str]
    account: str | None
    picture: Path | None


def correlated(asked: Asked, tell: Callable[[dict[str, Any]], None]) -> None:
    """`tell` has the fields of `correlations --json` before they are drawn. Raise Wrong, PortError or SettingsError."""
    if asked.picture is not None:
        require_picture(asked.picture, "--picture", {*asked.files.values(), asked.config or DEFAULT_FILE})
    told = measured(asked)
    tell(told)
    if asked.picture is not None:
        draw(told, asked.picture)


def measured(asked: Asked) -> dict[str, Any]:
    if asked.candle not in CANDLES_MS:
        raise Wrong(Exit.USAGE, f"--candle {asked.candle}: write one of {', '.join(CANDLES_MS)}")
    if asked.lookback < LEAST_RETURNS:
        raise Wrong(Exit.USAGE, f"--lookback {asked.lookback}: fewer than {LEAST_RETURNS} returns tell nothing")
    length_ms = CANDLES_MS[asked.candle]
    if asked.files:
        if asked.assets:
            other = asked.assets[0]
            raise Wrong(Exit.USAGE, f"--asset {other}: is of a venue, and prices are of files here: give --prices {other}=FILE")
        source, candles = "files", candles_of_files(asked.files, length_ms, asked.from_ms, asked.to_ms)
    else:
        if asked.from_ms is not None or asked.to_ms is not None:
            raise Wrong(Exit.USAGE, "--from and --to cut files: give --prices ASSET=FILE for each, or use --lookback")
        settings = settings_from(asked.config, asked.sets, account=asked.account)
        assets = tuple(dict.fromkeys((*settings.assets, *asked.assets)))
        several(assets)
        source, candles = asyncio.run(candles_of_venue(settings, assets, length_ms, asked.lookback + 1))
    several(tuple(candles))
    found = correlations(candles, length_ms, asked.lookback, asked.half_life)
    if not found.returns:
        raise Wrong(Exit.FAILURE, f"{' and '.join(found.assets)} share no two candles of {asked.candle} one after the other")
    return said(found, source, asked)


def several(assets: Sequence[str]) -> None:
    if len(assets) < 2:
        raise Wrong(Exit.USAGE, f"one asset ({', '.join(assets)}) has nothing to move with: name another with --prices or --asset")


def said(found: Correlations, source: str, asked: Asked) -> dict[str, Any]:
    return {
        "source": source,
        "candle": asked.candle,
        "returns": found.returns,
        "as_of": iso_utc(found.closed_ms),
        "half_life": plain_or_null(asked.half_life),
        "volatility": {asset: plain_or_null(value) for asset, value in found.volatility.items()},
        "correlations": {
            row: {column: "1" if row == column else plain_or_null(found.pair(row, column).correlation) for column in found.assets}
            for row in found.assets
        },
        "pairs": [
            {
                "asset": pair.asset,
                "with": pair.hedge,
                "beta": plain_or_null(pair.beta),
                "r_squared": plain_or_null(pair.r_squared),
                "residual_volatility": plain_or_null(pair.residual_volatility),
                "good_enough": not (why := refusal(pair.r_squared, found.returns)),
                "why": why,
            }
            for pair in found.pairs
        ],
    }


def refusal(r_squared: Decimal | None, returns: int) -> str:
    """Why a hedge would not take this β, by the floors that `hedges.X.cross` has unless others are written."""
    floor = Cross.model_fields["min_r_squared"].default
    if returns < LEAST_RETURNS:
        return f"{returns} returns, {LEAST_RETURNS} are needed"
    if r_squared is None:
        return "one of them does not move"
    return f"R² below {floor}" if r_squared < floor else ""


def tables(told: dict[str, Any]) -> list[RenderableType]:
    matrix = plain_table("", *told["correlations"], "volatility a year")
    for row, cells in told["correlations"].items():
        matrix.add_row(row, *(number(value, 2) for value in cells.values()), percent(told["volatility"][row]))
    rows = [
        (
            f"{pair['asset']} with {pair['with']}",
            number(pair["beta"]),
            number(pair["r_squared"]),
            percent(pair["residual_volatility"]),
            "yes" if pair["good_enough"] else f"no: {pair['why']}",
        )
        for pair in told["pairs"]
    ]
    weighed = "" if told["half_life"] is None else f", half-life {told['half_life']}"
    until = told["as_of"][:16].replace("T", " ")
    head = f"{told['returns']} returns of {told['candle']}{weighed}, up to {until} UTC, from {told['source']}"
    return [Text(head, "dim"), matrix, Fitting(("hedge", "β", "R²", "left a year", "good enough"), rows, left=("good enough",))]


def percent(value: str | None) -> str:
    return NOTHING if value is None else f"{number(100 * Decimal(value), 1)} %"


def draw(told: dict[str, Any], file: Path) -> None:
    pairs = {(pair["asset"], pair["with"]): pair for pair in told["pairs"]}

    def value(row: str, column: str) -> float | None:
        told_one = told["correlations"][row][column]
        return None if told_one is None else float(told_one)

    def note(row: str, column: str) -> str:
        pair = pairs.get((row, column))
        return "" if pair is None or pair["beta"] is None else f"β {number(pair['beta'], 2)}, R² {number(pair['r_squared'], 2)}"

    title = f"Correlation of {told['returns']} returns of {told['candle']}"
    below = f"up to {told['as_of'][:16].replace('T', ' ')} UTC; β of the row on the column"
    write_picture(heat_map(title, below, list(told["correlations"]), value, note), file, "--picture")
