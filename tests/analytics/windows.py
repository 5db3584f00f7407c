"""What would each policy have come to in the wild months? Whole replays at bag 2 and collateral 3."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from adapters.history import instant_ms
from bot.core.events import Event
from bot.core.memory import State
from bot.ports import AuditLog
from bot.replay import Replay, Unrecorded
from bot.report import fold_report
from bot.settings import load
from bot.settings_policies import policies_by_name
from bot.wiring.past import History, replay
from tests.replay.data import data

HOURS, RATES, DERIBIT = "btc-1h-2020-2023.csv", "btc-funding-8h-2020-2023.csv", "deribit-btc-index-funding-1h-2019-2021.csv"


@dataclass(frozen=True)
class Window:
    name: str
    prices: str
    rates: str
    since: str
    until: str

    def history(self) -> History:
        return History({"BTC": data(self.prices)}, {"BTC": data(self.rates)}, instant_ms(self.since), instant_ms(self.until))


WINDOWS = (
    Window("March 2020", DERIBIT, DERIBIT, "2020-03-01", "2020-04-01"),
    Window("May 2021", HOURS, RATES, "2021-05-01", "2021-06-01"),
    Window("June 2022", HOURS, RATES, "2022-06-01", "2022-07-01"),
    Window("November 2022", HOURS, RATES, "2022-11-01", "2022-12-01"),
    Window("the rally of winter 2020", HOURS, RATES, "2020-10-15", "2021-01-09"),
)
CHOICES: Mapping[str, Mapping[str, Mapping[str, str]]] = {
    "always hedged": {},
    "ramp": {"ramp": {"days": "8"}},
    "schedule": {"schedule": {"until": "UNTIL", "unwind_days": "5"}},
    "drawdown": {"drawdown": {"average_days": "100", "fall": "0.15", "fall_days": "14"}},
    "reversal": {"reversal": {}},
    "funding": {"funding": {"budget": "0.1"}},
    "volatility": {"volatility": {"target": "0.3"}},
    "all but schedule": {
        "drawdown": {"average_days": "100", "fall": "0.15", "fall_days": "14"},
        "reversal": {},
        "funding": {"budget": "0.1"},
        "volatility": {"target": "0.3"},
        "ramp": {"days": "8"},
    },
}


@dataclass(frozen=True)
class Result:
    start_usd: Decimal
    end_usd: Decimal
    worst_usd: Decimal
    unhedged_end_usd: Decimal
    funding_usd: Decimal
    fees_usd: Decimal
    changes: int
    liquidated: bool


async def begun(window: Window, choice: str) -> Replay:
    flags = {"mode": "live", "bag.BTC.coins": "2", "paper.collateral.BTC": "3", "hedges.BTC.ratio": "1"}
    for name, written in CHOICES[choice].items():
        defaults = {key: one.default for key, one in policies_by_name()[name].model_fields.items() if one.default is not None}
        for key, value in {**defaults, **written}.items():
            if not str(value).startswith("Pydantic"):
                flags[f"hedges.BTC.policies.{name}.{key}"] = half_way(window) if value == "UNTIL" else str(value)
    return await replay(load(None, {}, flags), window.history())


class Kept(Unrecorded):
    """An audit log that only a statement is made of."""

    def __init__(self, state: State, of: AuditLog) -> None:
        super().__init__(state, getattr(of, "course", None))
        self.events: list[Event] = []

    async def append(self, events: Sequence[Event]) -> int:
        self.events += events
        return await super().append(events)


async def stated(window: Window, choice: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the replay said, and the insurance statement of what it put on record, with a last look at its end."""
    run = await begun(window, choice)
    kept = Kept(run.engine.state, run.engine.parts.audit)
    run.engine.parts = replace(run.engine.parts, audit=kept)
    said = await run.run()
    run.engine.parts = replace(run.engine.parts, record_every_ms=0)
    await run.engine.turn()
    (row,) = fold_report(kept.events).json()["assets"]
    return said, row


async def result(window: Window, choice: str) -> Result:
    run = await begun(window, choice)
    said = await run.run()
    names = ("value_start_usd", "value_end_usd", "value_min_usd", "unhedged_value_end_usd", "funding_usd", "fees_usd")
    return Result(*(Decimal(str(said[name])) for name in names), len(run.tally.switches), bool(said["liquidated"]))


def half_way(window: Window) -> str:
    """A date in the middle of the window."""
    from datetime import UTC, datetime

    middle = (instant_ms(window.since) + instant_ms(window.until)) // 2
    return datetime.fromtimestamp(middle / 1000, UTC).date().isoformat()
