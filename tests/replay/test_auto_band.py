"""Does the band that is chosen by its cost cost less than a narrow one, on prices that really happened, and hedge as well?"""

import logging
from decimal import Decimal

import pytest
import structlog

from tests.replay.data import needs_data
from tests.replay.test_real_history import DERIBIT, Window, amount, driven

pytestmark = needs_data
BINANCE = "btc-1h-2020-2023.csv", "btc-funding-8h-2020-2023.csv"
WILD_DAYS = [
    pytest.param(Window(DERIBIT, DERIBIT, "2020-03-11", "2020-03-15"), id="march-2020"),
    pytest.param(Window(*BINANCE, "2021-05-18", "2021-05-21"), id="may-2021"),
    pytest.param(Window(*BINANCE, "2022-06-12", "2022-06-16"), id="june-2022"),
    pytest.param(Window(*BINANCE, "2022-11-07", "2022-11-11"), id="november-2022"),
]
VALUE = {"hedges.BTC.basis": "value", "risk.max_leverage": "20", "risk.hard_leverage": "50"}
NARROW = {"band.low": "0.995", "band.high": "1.005"}
TIGHT = {"band.low": "0.9995", "band.high": "1.0005"}
AUTO = {"band.auto": "true"}
COMPARABLE_BPS = 150  # of the start, in days that moved the price by a quarter to a half


@pytest.fixture(autouse=True, scope="module")
def quiet():
    """Thousands of log lines would be kept for nobody."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("window", WILD_DAYS)
async def test_half_of_the_value_is_hedged_for_much_less_than_with_a_narrow_band(window):
    _, narrow = await driven(window, "0", "10", "0.5", **VALUE, **NARROW)
    run, auto = await driven(window, "0", "10", "0.5", **VALUE, **AUTO)
    opening = amount(auto, "value_start_usd") / 2  # both begin with this trade
    assert amount(auto, "turnover_usd") - opening < (amount(narrow, "turnover_usd") - opening) * Decimal("0.65")
    assert amount(auto, "fees_usd") < amount(narrow, "fees_usd") * Decimal("0.85")
    assert auto["fills"] * 5 < narrow["fills"]
    assert amount(auto, "hedge_error_max_bps") <= max(amount(narrow, "hedge_error_max_bps"), COMPARABLE_BPS)
    (leg,) = run.engine.decision.legs
    assert leg.band_why.startswith("a trade costs 6")  # 5 bp of fee, and half of a spread of 2 bp


@pytest.mark.parametrize("window", WILD_DAYS)
async def test_a_full_hedge_trades_no_more_than_under_a_band_as_tight_as_its_lots(window):
    _, tight = await driven(window, "0", "10", "1.0", **TIGHT)
    _, auto = await driven(window, "0", "10", "1.0", **AUTO)
    assert auto["fills"] <= tight["fills"]
    assert amount(auto, "turnover_usd") <= amount(tight, "turnover_usd")
    assert amount(auto, "hedge_error_max_bps") <= 25
