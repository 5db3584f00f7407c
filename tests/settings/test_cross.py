"""What may a cross-hedge say, and what may it not say together with the rest of the file?"""

from decimal import Decimal

import pytest

from bot.core.model import Basis, Kind
from bot.core.rules import Band
from bot.settings import Settings, config_hash, to_rules
from bot.settings_check import check
from bot.settings_root import WIDE_BAND
from tests.settings.conftest import Load, Refuse

D = Decimal
PAPER = "paper: {price: {BTC: 60000, SOL: 100, ADA: 1}, collateral: {BTC: 3.5}}\n"


def written(hedges: str, bag: str = "{SOL: {coins: 1500}}", paper: str = PAPER) -> str:
    return f"{paper}bag: {bag}\nhedges: {hedges}\n"


def rules_of(settings: Settings):
    return to_rules(settings, version="4", absence_ms=0, absence_polls=1)


def test_a_coin_that_only_carries_counts_what_is_posted_of_it_and_nothing_outside(loaded: Load) -> None:
    settings = loaded(written("{SOL: {cross: {with: BTC}}}", "{SOL: {coins: 1500}, BTC: {coins: 5}}"))
    rules = rules_of(settings)
    ((leg,), (cross,)) = rules.legs, rules.crosses
    assert (leg.asset, leg.symbol, leg.ratio, leg.basis) == ("BTC", "BTC/USD:BTC", 1, Basis.COINS)
    assert settings.outside["BTC"].declared == 0
    assert settings.outside["SOL"].declared == 1500
    assert (cross.asset, cross.hedge, cross.ratio, cross.market, cross.beta) == ("SOL", "BTC", 1, "SOL/USDT:USDT", None)
    assert (cross.lookback, cross.least_returns, cross.least_r_squared, cross.candle_ms) == (720, 30, D("0.5"), 3_600_000)
    assert (cross.least_beta, cross.most_beta, cross.half_life) == (0, 3, None)
    assert rules.assets == settings.assets[::-1] == ("BTC", "SOL")
    (found,) = check(settings)
    assert str(found).startswith("configuration: bag.BTC is declared but not hedged")


def test_a_coin_with_a_hedge_of_its_own_keeps_it(loaded: Load) -> None:
    text = written("{BTC: {ratio: 0.5}, SOL: {ratio: 0.3, cross: {with: BTC, beta: 1.3}}}", "{BTC: {coins: 2}, SOL: {coins: 10}}")
    settings = loaded(text)
    assert settings.outside["BTC"].declared == 2
    rules = rules_of(settings)
    assert [(leg.asset, leg.ratio) for leg in rules.legs] == [("BTC", D("0.5"))]
    assert [(one.asset, one.ratio, one.beta) for one in rules.crosses] == [("SOL", D("0.3"), D("1.3"))]


def test_its_part_gets_the_wide_band_unless_edges_are_written(loaded: Load) -> None:
    text = written("{SOL: {cross: {with: BTC}}}")
    assert rules_of(loaded(text)).crosses[0].band == WIDE_BAND
    narrow = rules_of(loaded(text + "band: {low: 0.98, high: 1.02}\n"))
    assert narrow.crosses[0].band == narrow.legs[0].band == Band(D("0.98"), D(1), D(1), D("1.02"))


def test_an_exponential_weight_halves_within_a_quarter_of_the_lookback(loaded: Load) -> None:
    assert rules_of(loaded(written("{SOL: {cross: {with: BTC, method: ewma}}}"))).crosses[0].half_life == 180
    own = loaded(written("{SOL: {cross: {with: BTC, method: ewma, half_life: 36}}}"))
    assert rules_of(own).crosses[0].half_life == 36


def test_a_linear_contract_can_carry_too(loaded: Load) -> None:
    paper = "paper: {price: {BTC: 60000, SOL: 100}, collateral: {USDT: 100000}}\n"
    text = written("{BTC: {instrument: 'BTC/USDT:USDT'}, SOL: {cross: {with: BTC}}}", "{BTC: {coins: 1}, SOL: {coins: 10}}", paper)
    assert loaded(text).kind("BTC") is Kind.LINEAR


def test_the_environment_spells_it_as_the_file_does(loaded: Load) -> None:
    settings = loaded(written("{SOL: {cross: {with: BTC}}}"), {"HEDGEBOT__HEDGES__SOL__CROSS__BETA": "1.4"})
    assert settings.crosses["SOL"].beta == D("1.4")
    assert config_hash(settings) != config_hash(loaded(written("{SOL: {cross: {with: BTC}}}")))


@pytest.mark.parametrize(
    ("hedges", "words"),
    [
        ("{SOL: {cross: {with: SOL}}}", "hedges.SOL.cross.with is SOL itself"),
        ("{SOL: {cross: {with: btc}}}", "hedges.SOL.cross.with"),
        ("{SOL: {cross: {}}}", "hedges.SOL.cross.with is not given"),
        ("{SOL: {instrument: 'SOL/USD:SOL', cross: {with: BTC}}}", "hedges.SOL.instrument is SOL/USD:SOL, and `cross` hedges SOL"),
        ("{SOL: {allow_linear: true, cross: {with: BTC}}}", "hedges.SOL.allow_linear is true, and `cross` hedges SOL"),
        ("{SOL: {basis: coins, cross: {with: BTC}}}", "hedges.SOL.basis is coins, and what another contract carries"),
        ("{SOL: {ratio: 1.2, cross: {with: BTC}}}", "hedges.SOL.ratio is 1.2, outside 0 … 1"),
        ("{SOL: {cross: {with: BTC, beta: 0}}}", "hedges.SOL.cross.beta is 0, outside 0 … 10"),
        ("{SOL: {cross: {with: BTC, beta: -1}}}", "hedges.SOL.cross.beta is -1, outside 0 … 10"),
        ("{SOL: {cross: {with: BTC, beta: much}}}", "hedges.SOL.cross.beta is 'much', which is not a number"),
        ("{SOL: {cross: {with: BTC, beta: 1.3, lookback: 90}}}", "hedges.SOL.cross.lookback is given, and beta is 1.3"),
        ("{SOL: {cross: {with: BTC, half_life: 30}}}", "hedges.SOL.cross.half_life is 30, and method is ols"),
        ("{SOL: {cross: {with: BTC, lookback: 5}}}", "hedges.SOL.cross.lookback is '5', but must be at least 30"),
        ("{SOL: {cross: {with: BTC, min_returns: 5}}}", "hedges.SOL.cross.min_returns is '5', but must be at least 30"),
        ("{SOL: {cross: {with: BTC, lookback: 40, min_returns: 41}}}", "hedges.SOL.cross.min_returns is 41, above lookback 40"),
        ("{SOL: {cross: {with: BTC, beta_min: 2, beta_max: 1}}}", "hedges.SOL.cross.beta_min is 2, above beta_max 1"),
        ("{SOL: {cross: {with: BTC, min_r_squared: 1}}}", "hedges.SOL.cross.min_r_squared"),
        ("{SOL: {cross: {with: BTC, market: SOLUSDT}}}", "hedges.SOL.cross.market is 'SOLUSDT', which is no market"),
        ("{SOL: {cross: {wiht: BTC}}}", "did you mean hedges.SOL.cross.with?"),
        ("{SOL: {cross: {with: ADA}}, ADA: {cross: {with: BTC}}}", "hedges.SOL.cross.with is ADA, which has no contract of its own"),
        ("{SOL: {cross: {with: ETH}}}", "paper.price.ETH is not given, and hedges.SOL.cross needs it"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_with_its_place(hedges: str, words: str, refused: Refuse) -> None:
    bag = "{SOL: {coins: 1500}, ADA: {coins: 100}}"
    assert words in refused(written(hedges, bag))


def test_both_sides_of_the_least_lookback(loaded: Load, refused: Refuse) -> None:
    assert loaded(written("{SOL: {cross: {with: BTC, lookback: 30}}}")).crosses["SOL"].lookback == 30
    assert "at least 30" in refused(written("{SOL: {cross: {with: BTC, lookback: 29}}}"))


def test_a_bag_that_is_not_declared_is_never_zero(refused: Refuse) -> None:
    assert "bag.SOL is not given, and a missing bag is never zero" in refused(written("{SOL: {cross: {with: BTC}}}", "{}"))


def test_paper_needs_the_collateral_that_carries_and_a_price_for_each(refused: Refuse) -> None:
    paper = "paper: {price: {BTC: 60000, SOL: 100}, collateral: {ETH: 1}}\n"
    assert "paper.collateral.BTC is not given, and hedges.SOL.cross needs it" in refused(
        written("{SOL: {cross: {with: BTC}}}", paper=paper)
    )
    assert "paper.price.SOL is not given, and hedges.SOL needs it" in refused(
        written("{SOL: {cross: {with: BTC}}}", paper="paper: {price: 60000}\n")
    )
    feed = "paper: {feed: prices.csv, collateral: {BTC: 1}}\n"
    assert "which has prices of one asset" in refused(written("{SOL: {cross: {with: BTC}}}", paper=feed))


@pytest.mark.parametrize(("posted", "words"), [("3.3151", ""), ("3.31485", "post 0.0002 BTC more from elsewhere")])
def test_check_knows_what_collateral_carries_with_a_fixed_beta(loaded: Load, posted: str, words: str) -> None:
    paper = f"paper: {{price: {{BTC: 60000, SOL: 100}}, collateral: {{BTC: {posted}}}}}\n"
    said = " ".join(str(one) for one in check(loaded(written("{SOL: {cross: {with: BTC, beta: 1.3}}}", paper=paper))))
    assert (words in said) if words else not said


@pytest.mark.parametrize(("posted", "enough"), [("64374.99", False), ("64375", True)])
def test_a_linear_contract_is_checked_with_what_it_carries(loaded: Load, posted: str, enough: bool) -> None:
    # one BTC of its own, and 500 SOL at a β of 1.3 that come to as much as 1.0833 BTC: 125,000 USD at leverage 2 with a collar of 1 %
    hedges = "{BTC: {instrument: BTC/USDT:USDT}, SOL: {cross: {with: BTC, beta: 1.3}}}"
    text = f"bag: {{BTC: {{coins: 1}}, SOL: {{coins: 500}}}}\nhedges: {hedges}\n"
    text += f"paper: {{price: {{BTC: 60000, SOL: 100}}, collateral: {{USDT: {posted}}}}}\n"
    assert any(one.key == "paper.collateral.USDT" for one in check(loaded(text))) is not enough


def test_where_prices_are_those_of_a_venue_nothing_is_counted_on_what_a_contract_carries(loaded: Load) -> None:
    paper = "paper: {feed: 'live:okx', collateral: {BTC: 2}}\n"
    assert check(loaded(written("{SOL: {cross: {with: BTC, beta: 1.3}}}", paper=paper))) == []


def test_collateral_of_a_coin_that_only_carries_others_belongs_to_its_contract(loaded: Load) -> None:
    text = written("{SOL: {cross: {with: BTC, beta: 1.3}}}", paper="paper: {price: {BTC: 60000, SOL: 100}, collateral: {BTC: 5}}\n")
    assert check(loaded(text + "collateral: {BTC: {}}\n")) == []


def test_a_venue_without_an_inverse_contract_of_the_carrying_coin_is_found(loaded: Load) -> None:
    text = "venue: {name: binance, environment: demo}\n" + written("{SOL: {cross: {with: BTC}}}")
    (found,) = [str(one) for one in check(loaded(text)) if one.severity == "error"]
    assert "hedges.BTC.instrument is inverse, and binance has none" in found
