"""Which of many replays is best? Each combination with what came of it, in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

HIGHER: Final = ("worst_ratio", "return_ratio", "value_min_usd", "value_end_usd", "funding_usd", "funding_coin")  # is better
LOWER: Final = ("cost_ratio", "hedge_error_max_bps", "fees_usd", "fees_coin", "turnover_usd", "orders", "fills")
MEASURES: Final = (*HIGHER, *LOWER)
COINS: Final = ("funding_coin", "fees_coin")  # only where all hedges settle in one currency
SAID: Final = (
    *("steps", "orders", "fills", "value_start_usd", "value_end_usd", "value_min_usd", "unhedged_value_end_usd", "hedge_error_max_bps"),
    *("funding_coin", "funding_usd", "fees_coin", "fees_usd", "turnover_usd", "liquidated"),
)  # of the answer of a replay


@dataclass(frozen=True, slots=True)
class Result:
    """Figures are floats here: they are compared and drawn. The journal keeps them as the replay said them, to the last digit."""

    run: str
    varied: Mapping[str, str]
    figures: Mapping[str, Any]

    def row(self) -> dict[str, Any]:
        return {**self.varied, **self.figures}


def result(run: str, varied: Mapping[str, str], said: Mapping[str, Any]) -> Result:
    figures = {name: float(said[name]) if isinstance(said[name], str) else said[name] for name in SAID}
    start = figures["value_start_usd"]
    ratios = {
        "return_ratio": figures["value_end_usd"] / start - 1,
        "worst_ratio": figures["value_min_usd"] / start - 1,  # what was lost at the worst moment
        "cost_ratio": (figures["fees_usd"] - figures["funding_usd"]) / start,
    }
    return Result(run, varied, {**figures, **ratios})


def ranked(results: Sequence[Result], by: str) -> list[Result]:
    """The best first; a liquidated hedge comes after all others."""
    sign = -1 if by in HIGHER else 1
    return sorted(results, key=lambda one: (one.figures["liquidated"], sign * one.figures[by], one.run))
