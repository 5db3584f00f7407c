"""What does `replay --policy` say, and what does it refuse?"""

from typing import Any

import pytest

from bot.cli_exit import Wrong
from bot.cli_replay import Asked, replayed
from bot.cli_replay_table import summary
from bot.settings import SettingsError
from tests.replay.data import data, needs_data

DERIBIT = "deribit-btc-index-funding-1h-2019-2021.csv"


def asked(*policies: str, since: str = "2020-02-27", until: str = "2020-03-06") -> dict[str, Any]:
    file = str(data(DERIBIT))
    return replayed(Asked([file], [file], ["2"], ["3"], (), None, since, until, False, (), None, (), policies))


@needs_data
def test_a_window_knows_what_was_before_it_and_is_compared_with_always_and_never() -> None:
    said = asked("reversal", "ramp:days=4", since="2020-02-25")
    told = [(one["at"][:10], one["ratio_effective"]) for one in said["switches"]]
    days = ["2020-02-25", "2020-02-29", "2020-03-01", "2020-03-02", "2020-03-03", "2020-03-04"]
    assert told == list(zip(days, ["0", "0.25", "0.4375", "0.625", "0.8125", "1"], strict=True))
    assert said["switches"][0]["why"].startswith("reversal: uptrend")
    assert said["compared"]["never"]["value_end_usd"] == said["unhedged_value_end_usd"]
    assert said["compared"]["always"]["liquidated"] is False
    names = [name for name, _ in summary(said)]
    assert {"always hedged", "never hedged", "ratio changed"} <= set(names)


@needs_data
def test_without_a_policy_the_answer_is_the_one_it_was() -> None:
    assert not {"switches", "compared"} & set(asked())


@needs_data
@pytest.mark.parametrize(
    ("policies", "words"),
    [
        (["rump:days=3"], "'rump' is no policy; there are schedule, drawdown"),
        (["ramp:day=3"], "'day=3' is no setting of ramp; write KEY=VALUE with one of start, days, steps"),
        (["ramp:days=3", "BTC=ramp:days=4"], "--policy ramp is given twice for BTC"),
        (["schedule:until=2020-02-01"], "schedule.until: is 2020-02-01, which is over"),
        (["ramp:days=9", "schedule:until=2020-03-03"], "ramp.days: is 9, and the horizon 2020-03-03 comes before that"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(policies: list[str], words: str) -> None:
    with pytest.raises(Wrong) as refused:
        asked(*policies)
    assert words in str(refused.value)


@needs_data
def test_a_policy_that_contradicts_itself_is_refused_with_its_key() -> None:
    with pytest.raises(SettingsError, match=r"hedges\.BTC\.policies\.reversal\.fast is 30, not below slow 26"):
        asked("reversal:fast=30")
