"""What does a cross-hedge come to on real history? November 2022, when SOL fell by more than half and BTC by a quarter, against pandas."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bot.cli_exit import Wrong
from bot.cli_replay import Asked, replayed
from bot.cli_replay_table import summary
from bot.settings import SettingsError
from tests.replay.data import data, needs_data

BTC, SOL = "btc-1h-2020-2023.csv", "sol-1h-2020-2023.csv"
SINCE, UNTIL = "2022-11-04", "2022-11-14"


def asked(*crosses: str, bag: str = "SOL=3000", since: str = SINCE, until: str = UNTIL, sets: tuple[str, ...] = ()) -> dict[str, Any]:
    prices = [f"BTC={data(BTC)}", f"SOL={data(SOL)}"]
    return replayed(Asked(prices, (), [bag], ["BTC=8"], (), None, since, until, True, (), None, sets, crosses=crosses))


def measured() -> tuple[pd.DataFrame, pd.DataFrame]:
    """First prices of each hour; and of the last 720 hours up to it, β and R² of the log returns of their closes."""
    files = [pd.read_csv(data(name), parse_dates=["timestamp"], index_col="timestamp") for name in (BTC, SOL)]
    opens, closes = (pd.concat([file[name] for file in files], axis=1, keys=["BTC", "SOL"]).dropna() for name in ("open", "close"))
    closes.index = closes.index + pd.Timedelta("1h")
    logs = np.log(closes).diff()[closes.index.to_series().diff() == pd.Timedelta("1h")]
    window = logs.rolling("720h")
    cov = window.cov().unstack()
    fit = pd.DataFrame(
        {"beta": cov["SOL", "BTC"] / cov["BTC", "BTC"], "r2": cov["SOL", "BTC"] ** 2 / cov["BTC", "BTC"] / cov["SOL", "SOL"]}
    )
    return opens[SINCE:UNTIL], fit[SINCE:UNTIL]


@needs_data
def test_it_is_refused_and_taken_up_at_the_hours_that_pandas_computes_and_keeps_what_is_hedged() -> None:
    said = asked("SOL=BTC")
    _, fit = measured()
    known = fit["r2"][: pd.Timestamp(UNTIL, tz="UTC")].iloc[:-1] >= 0.5
    theirs = [(at.isoformat().replace("+00:00", ".000Z"), bool(good)) for at, good in known[known.ne(known.shift())].items()]
    assert [(one["at"], one["why"] == "known") for one in said["crosses"]] == theirs
    assert theirs == [
        ("2022-11-04T00:00:00.000Z", True),
        ("2022-11-05T16:00:00.000Z", False),
        ("2022-11-08T18:00:00.000Z", True),
        ("2022-11-08T22:00:00.000Z", False),
    ]
    refused = said["crosses"][1]
    assert refused["why"] == f"its β is refused: R² {refused['r_squared']} is below the floor of 0.5"
    assert float(refused["r_squared"]) == pytest.approx(fit["r2"]["2022-11-05T16:00Z"], abs=2e-6)
    first = said["crosses"][0]
    assert float(first["beta"]) == pytest.approx(fit["beta"].iloc[0], abs=2e-6)
    assert said["liquidated"] is False
    lost = [float(said["value_start_usd"]) - float(end) for end in (said["value_end_usd"], said["unhedged_value_end_usd"])]
    assert lost[0] < lost[1] / 2  # the hedge that stayed although β was refused went on earning while BTC fell
    assert said["compared"]["never"]["value_end_usd"] == said["unhedged_value_end_usd"]


@needs_data
def test_the_variance_it_takes_away_out_of_sample_is_what_pandas_computes() -> None:
    said = asked("SOL=BTC:min_r_squared=0.05,beta_max=10")
    assert len(said["crosses"]) == 1
    opens, fit = measured()
    moves = opens.pct_change()
    left = moves["SOL"] - fit["beta"].shift(1) * moves["BTC"]  # β of the bar before: nothing of this one was known
    hours = left.index[(left.index > pd.Timestamp(SINCE, tz="UTC") + pd.Timedelta("1h")) & (left.index < pd.Timestamp(UNTIL, tz="UTC"))]
    theirs = 1 - left[hours].var() / moves["SOL"][hours].var()
    assert float(said["effectiveness"]["SOL"]) == pytest.approx(theirs, abs=1e-3)
    assert theirs > 0.4
    assert float(said["variance_reduction"]) > 0.8  # what is posted is hedged along, and nothing is left of that


@needs_data
def test_a_fixed_beta_needs_no_past_and_the_value_follows_the_ideal_within_its_band() -> None:
    narrow = ("band.low=0.999", "band.safe_low=1", "band.safe_high=1", "band.high=1.001", "band.min_order_usd=50")
    said = asked("SOL=BTC:beta=1.4", since="2022-11-07", until="2022-11-09", sets=narrow)
    wide = asked("SOL=BTC:beta=1.4", since="2022-11-07", until="2022-11-09")
    assert [one["why"] for one in said["crosses"]] == ["known"]
    assert said["crosses"][0]["r_squared"] is None
    assert max(float(one["hedge_error_max_bps"]) for one in (said, wide)) < 100
    assert said["orders"] > wide["orders"]


@needs_data
def test_a_bag_of_none_shorts_only_what_is_posted_and_keeps_its_value() -> None:
    said = asked("SOL=BTC:beta=1.4", bag="SOL=0", since="2022-11-08", until="2022-11-10")
    assert float(said["hedge_error_max_bps"]) < 15
    assert abs(float(said["value_end_usd"]) / float(said["value_start_usd"]) - 1) < 0.002


@needs_data
def test_a_person_reads_what_was_carried_and_what_it_took_away() -> None:
    told = dict(summary(asked("SOL=BTC:beta=1.4", since="2022-11-08", until="2022-11-09")))
    assert "SOL β 1.4, R² –: " in told["cross-hedges"]
    assert told["variance taken away"].startswith("of SOL ")
    assert "at worst" in told["never hedged"]


@needs_data
@pytest.mark.parametrize(
    ("crosses", "words"),
    [
        (["SOL"], "--cross SOL: write ASSET=WITH"),
        (["SOL=BTC", "SOL=BTC"], "--cross is given twice for SOL"),
        (["SOL=BTC:bata=1"], "'bata=1' is no setting of a cross-hedge; write KEY=VALUE with one of market, beta"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_runs(crosses: list[str], words: str) -> None:
    with pytest.raises(Wrong) as refused:
        asked(*crosses)
    assert words in str(refused.value)


@needs_data
def test_a_lookback_of_five_is_refused_with_its_key() -> None:
    with pytest.raises(SettingsError, match=r"hedges\.SOL\.cross\.lookback is '5', but must be at least 30"):
        asked("SOL=BTC:lookback=5")
