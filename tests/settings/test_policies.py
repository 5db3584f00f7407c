"""What may policies say, and what may they not say together?"""

from pathlib import Path

import pytest

from bot.settings import load
from bot.settings_docs import example_yaml
from bot.settings_policies import DAY_MS, Policies, moment_ms, policies_by_name
from tests.settings.conftest import Load, Refuse


def written(policies: str) -> str:
    return f"bag: {{BTC: {{coins: 2}}}}\nhedges:\n  BTC:\n    policies: {policies}\n"


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ("{schedule: {start: 2026-05-02, until: 2026-05-01}}", "policies.schedule.until is 2026-05-01, not after start 2026-05-02"),
        ("{schedule: {unwind_days: 3, start: 2026-05-01}}", "schedule.unwind_days is 3, and there is no until"),
        ("{schedule: {}}", "schedule has neither start nor until"),
        ("{schedule: {until: 31.5.2026}}", "schedule.until is '31.5.2026', which is no date"),
        ("{schedule: {until: '2026-05-01T10:00'}}", "which is no date"),
        ("{schedule: {start: 2026-05-01, until: 2026-05-10}, ramp: {days: 11}}", "ramp.days is 11, longer than the schedule"),
        ("{ramp: {days: 0}}", "ramp.days"),
        ("{ramp: {days: 5, start: 1}}", "ramp.start"),
        ("{ramp: {}}", "ramp.days is not given"),
        ("{reversal: {fast: 26}}", "reversal.fast is 26, not below slow 26"),
        ("{funding: {budget: 0.1, resume: 0.1}}", "funding.resume is 0.1, not below budget 0.1"),
        ("{funding: {budget: 0}}", "funding.resume is not given, and the budget is 0"),
        ("{drawdown: {}}", "drawdown has neither average_days nor fall"),
        ("{drawdown: {fall: 0.1}}", "drawdown.fall is given without fall_days"),
        ("{drawdown: {fall: 0.1, fall_days: 9, recover: 0.1}}", "drawdown.recover is 0.1, not below fall 0.1"),
        ("{drawdown: {average_days: 2000}}", "between 1 and 1000 make sense"),
        ("{candle: 1h, volatility: {target: 0.3, days: 90}}", "volatility.days is 90 days, 2160 candles of 1h"),
        ("{candle: 2h}", "policies.candle"),
        ("{basis: {discount_bps: 10, resume_bps: 10}}", "basis.resume_bps is 10, not below discount_bps 10"),
        ("{volatility: {target: 0.3, step: 2}}", "volatility.step is '2', but must be at most 0.5"),
        ("{volatility: {}}", "volatility.target is not given"),
        ("{reversal: }", "policies.reversal has nothing under it"),
        ("{reverse: {}}", "did you mean hedges.BTC.policies.reversal?"),
        ("{ramp: {days: 5}, ramp: {days: 6}}", "policies.ramp is given twice"),
    ],
)
def test_what_contradicts_itself_is_refused_with_its_place(policies: str, words: str, refused: Refuse) -> None:
    assert words in refused(written(policies))


def test_what_agrees_loads_and_half_is_the_usual_way_back(loaded: Load) -> None:
    text = written(
        "{schedule: {start: 2026-05-01, until: 2026-05-10}, ramp: {days: 10}, funding: {budget: 0.1}, basis: {discount_bps: 20}}"
    )
    rules = loaded(text).hedges["BTC"].policies.rules
    assert rules.schedule is not None
    assert rules.schedule.until_ms == moment_ms("2026-05-11", end=False)
    assert rules.ramp is not None
    assert rules.ramp.length_ms == 10 * DAY_MS
    assert rules.funding is not None
    assert rules.basis is not None
    assert (str(rules.funding.resume), str(rules.basis.discount), str(rules.basis.resume)) == ("0.05", "0.002", "0.001")


def test_a_policy_can_come_from_the_environment(loaded: Load) -> None:
    env = {"HEDGEBOT__HEDGES__BTC__POLICIES__RAMP__DAYS": "5"}
    ramp = loaded(env=env).hedges["BTC"].policies.ramp
    assert ramp is not None
    assert ramp.days == 5


def test_the_example_policies_can_be_uncommented(tmp_path: Path) -> None:
    lines = example_yaml().splitlines()
    first = lines.index(next(line for line in lines if line.startswith("#     policies:")))
    last = next(index for index in range(first, len(lines)) if not lines[index].startswith("# "))
    lines[first:last] = [line.removeprefix("# ") for line in lines[first:last]]
    (tmp_path / "hedge.yaml").write_text("\n".join(lines))
    policies = load(tmp_path / "hedge.yaml", {}, {}).hedges["BTC"].policies
    assert all(getattr(policies, name) is not None for name in policies_by_name())


def test_a_horizon_that_is_over_and_a_ramp_that_it_cuts_off_are_pointless_from_then_on() -> None:
    policies = Policies.model_validate({"schedule": {"until": "2026-05-10"}, "ramp": {"days": "5"}})
    at = moment_ms("2026-05-05", end=True)
    assert list(policies.pointless_at(at)) == []
    ((key, _, _),) = policies.pointless_at(at + 1)
    assert key == "ramp.days"
    ((key, problem, _),) = policies.pointless_at(moment_ms("2026-05-10", end=True))
    assert (key, problem) == ("schedule.until", "is 2026-05-10, which is over: nothing would ever be hedged")
