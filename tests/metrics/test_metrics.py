"""Does Prometheus see every metric under its name, with the value of the last turn, and NaN where nobody knows?"""

import math
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bot.core.cross_terms import CrossFit, CrossSeen
from bot.core.decision import Arrival, Mode
from bot.core.model import NO_LIQUIDATION, Fill, FundingPayment, OrderStatus, Side, Sourced, TransferStatus
from bot.metrics import Metrics, metrics_table_markdown, names, scrape, together
from bot.metrics_text import written
from bot.ports import Standing
from tests.api.test_answers import carried
from tests.api.worlds import BTC, NOW_MS, decision, fresh_status, leg, snapshot, status, view

D = Decimal
HERE = {"account": "main", "venue": "paper"}
TYPES = {  # every name that a dashboard, a rule or the documentation may use
    "hedgebot_ratio_target": "gauge",
    "hedgebot_ratio_effective": "gauge",
    "hedgebot_ratio_actual": "gauge",
    "hedgebot_ratio_planned": "gauge",
    "hedgebot_position_usd": "gauge",
    "hedgebot_target_document_good": "gauge",
    "hedgebot_target_usd": "gauge",
    "hedgebot_delta_coins": "gauge",
    "hedgebot_equity_coins": "gauge",
    "hedgebot_spot_coins": "gauge",
    "hedgebot_value_usd": "gauge",
    "hedgebot_leverage_ratio": "gauge",
    "hedgebot_liquidation_distance_ratio": "gauge",
    "hedgebot_basis_ratio": "gauge",
    "hedgebot_funding_rate_ratio": "gauge",
    "hedgebot_funding_usd_per_year": "gauge",
    "hedgebot_funding_coins_total": "gauge",
    "hedgebot_fees_coins_total": "gauge",
    "hedgebot_orders_total": "counter",
    "hedgebot_fills_total": "counter",
    "hedgebot_slippage_bps": "histogram",
    "hedgebot_cross_beta_ratio": "gauge",
    "hedgebot_cross_r_squared_ratio": "gauge",
    "hedgebot_cross_effective_ratio": "gauge",
    "hedgebot_cross_value_usd": "gauge",
    "hedgebot_cross_target_usd": "gauge",
    "hedgebot_cross_hedged_usd": "gauge",
    "hedgebot_bag_source_good": "gauge",
    "hedgebot_open_orders": "gauge",
    "hedgebot_unknown_orders": "gauge",
    "hedgebot_unknown_transfers": "gauge",
    "hedgebot_transfers_total": "counter",
    "hedgebot_missing_collateral_coins": "gauge",
    "hedgebot_stress_leverage_ratio": "gauge",
    "hedgebot_data_timestamp_seconds": "gauge",
    "hedgebot_cycle_seconds": "histogram",
    "hedgebot_order_ack_seconds": "histogram",
    "hedgebot_commit_seconds": "histogram",
    "hedgebot_api_errors_total": "counter",
    "hedgebot_stream_connected": "gauge",
    "hedgebot_stream_reconnects_total": "counter",
    "hedgebot_mode_info": "gauge",
    "hedgebot_state_info": "gauge",
    "hedgebot_halted": "gauge",
    "hedgebot_audit_seq": "gauge",
    "hedgebot_audit_head48": "gauge",
    "hedgebot_clock_skew_seconds": "gauge",
    "hedgebot_lease_held": "gauge",
    "hedgebot_build_info": "gauge",
}
KNOWN_FROM_THE_START = {  # counts, sums, and what is 1 or 0
    "hedgebot_funding_coins_total",
    "hedgebot_fees_coins_total",
    "hedgebot_mode_info",
    "hedgebot_state_info",
    "hedgebot_lease_held",
    "hedgebot_build_info",
}


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("main", "paper", ("BTC",))


def value(metrics, name, **labels):
    found = metrics.registry.get_sample_value(f"hedgebot_{name}", {**HERE, **labels})
    assert found is not None, f"{name} {labels} is not shown"
    return found


def test_every_metric_is_there_under_its_exact_name_and_type(metrics):
    scraped = {family.name: family for family in text_string_to_metric_families(metrics.scrape().decode())}
    shown = {name + ("_total" if family.type == "counter" else ""): family.type for name, family in scraped.items()}
    assert shown == TYPES
    assert {name: family.type for name, family in names(metrics.registry).items()} == TYPES


def test_every_series_says_whose_it_is_and_none_carries_an_id(metrics):
    metrics.turned(status(), 0.01)
    for family in metrics.registry.collect():
        for sample in family.samples:
            assert HERE.items() <= sample.labels.items(), sample
            assert set(sample.labels) <= {
                "account", "venue", "asset", "outcome", "class", "source", "mode", "armed", "state", "version", "python", "le", "shock",
            }  # fmt: skip


def test_before_the_first_turn_what_nobody_knows_is_nan_and_not_zero(metrics):
    for fresh in (False, True):
        if fresh:
            metrics.turned(fresh_status(), 0.01)
        for name, family in names(metrics.registry).items():
            if family.type == "gauge" and name not in KNOWN_FROM_THE_START | {
                "hedgebot_halted",
                "hedgebot_open_orders",
                "hedgebot_unknown_orders",
                "hedgebot_unknown_transfers",
            }:
                assert all(math.isnan(sample.value) for sample in family.samples), name


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ratio_target", 1),
        ("ratio_effective", 1),
        ("ratio_actual", 0.98),
        ("ratio_planned", 1),
        ("position_usd", -294_000),
        ("target_usd", -300_000),
        ("delta_coins", 0.1),
        ("equity_coins", 3),
        ("spot_coins", 2),
        ("value_usd", 300_000),
        ("leverage_ratio", 1.63),
        ("liquidation_distance_ratio", math.inf),
        ("funding_rate_ratio", 0.0001),
        ("funding_usd_per_year", -3285),
        ("halted", 0),
    ],
)
def test_a_leg_shows_the_numbers_of_the_last_turn(metrics, name, shown):
    metrics.turned(status(), 0.01)
    assert value(metrics, name, asset="BTC") == shown


def test_a_source_of_the_bag_is_good_while_what_it_tells_counts_and_nothing_stands_in_for_it():
    metrics = Metrics("main", "paper", ("BTC",), sources=(("BTC", "cold"), ("BTC", "office"), ("BTC", "gone")))
    assert math.isnan(value(metrics, "bag_source_good", asset="BTC", source="cold"))
    cold, office = Sourced("BTC", "cold", D(2), NOW_MS, 0), Sourced("BTC", "office", D(1), NOW_MS, 0, "answered with HTML, not JSON")
    gone = Sourced("BTC", "gone", None, error="has not answered yet")
    metrics.turned(status(seen=replace(snapshot(), sources=(cold, office, gone))), 0.01)
    shown = {source: value(metrics, "bag_source_good", asset="BTC", source=source) for source in ("cold", "office", "gone")}
    assert shown == {"cold": 1, "office": 0, "gone": 0}
    metrics.turned(status(seen=replace(snapshot(), sources=(replace(office, error=""),))), 0.01)
    assert value(metrics, "bag_source_good", asset="BTC", source="office") == 1


def test_the_target_document_is_good_while_it_is_believed_and_keeps_the_stamp_of_its_last_good_read():
    metrics = Metrics("main", "paper", ("BTC",), document=True)
    assert math.isnan(value(metrics, "target_document_good"))
    metrics.turned(status(document=Standing(at_ms=12_500)), 0.01)
    assert value(metrics, "target_document_good") == 1
    metrics.turned(status(document=Standing("is HTML, not JSON", 12_500)), 0.01)
    assert value(metrics, "target_document_good") == 0
    assert value(metrics, "data_timestamp_seconds", asset="", source="target_document") == 12.5


def test_what_a_leg_carries_is_shown_and_turns_nan_when_it_is_unknown():
    metrics = Metrics("main", "paper", ("BTC",), (("SOL", "BTC"),))
    here = {"asset": "SOL", "hedge": "BTC"}
    assert math.isnan(value(metrics, "cross_target_usd", **here))
    assert math.isnan(value(metrics, "data_timestamp_seconds", asset="SOL", source="price"))
    fit = CrossFit(NOW_MS - 60_000, 720, D("1.3"), D("0.62"), D("0.9"), D("0.5"))
    seen = replace(snapshot(), crosses=(CrossSeen("SOL", D(100), NOW_MS - 500, fit),))
    metrics.turned(status(decision=decision(leg(crosses=(carried(),))), seen=seen), 0.01)
    shown = {name: value(metrics, f"cross_{name}", **here) for name in ("beta_ratio", "r_squared_ratio", "effective_ratio")}
    assert shown == {"beta_ratio": 1.3, "r_squared_ratio": 0.62, "effective_ratio": 0.5}
    assert [value(metrics, f"cross_{name}", **here) for name in ("value_usd", "target_usd", "hedged_usd")] == [150_000, 97_500, 97_000]
    stamps = {source: value(metrics, "data_timestamp_seconds", asset="SOL", source=source) for source in ("price", "candles")}
    assert stamps == {"price": (NOW_MS - 500) / 1000, "candles": (NOW_MS - 60_000) / 1000}
    assert value(metrics, "value_usd", asset="SOL") == 150_000
    unknown = carried(value_usd=None, target_usd=None)
    metrics.turned(status(decision=decision(leg(crosses=(unknown,))), seen=seen), 0.01)
    assert math.isnan(value(metrics, "cross_target_usd", **here))
    assert math.isnan(value(metrics, "value_usd", asset="SOL"))


def test_the_basis_is_mark_over_index(metrics):
    metrics.turned(status(), 0.01)
    assert value(metrics, "basis_ratio", asset="BTC") == pytest.approx(60_000 / 59_940 - 1, rel=1e-12)
    metrics.turned(status(seen=snapshot(view(quote=replace(view().quote, index=None)))), 0.01)
    assert math.isnan(value(metrics, "basis_ratio", asset="BTC"))


@pytest.mark.parametrize(
    ("price", "mark", "shown"), [(NO_LIQUIDATION, D(60000), math.inf), (NO_LIQUIDATION, None, math.inf), (D(75000), D(60000), 0.25)]
)
def test_the_distance_to_liquidation_is_infinite_where_there_is_none(metrics, price, mark, shown):
    metrics.turned(status(decision=decision(leg(liquidation_price=price, mark=mark))), 0.01)
    assert value(metrics, "liquidation_distance_ratio", asset="BTC") == shown


@pytest.mark.parametrize("changed", [{"liquidation_price": None}, {"liquidation_price": D(75000), "mark": None}])
def test_an_unknown_distance_to_liquidation_is_nan(metrics, changed):
    metrics.turned(status(decision=decision(leg(**changed))), 0.01)
    assert math.isnan(value(metrics, "liquidation_distance_ratio", asset="BTC"))


def test_a_number_that_becomes_unknown_turns_nan_and_does_not_stay_what_it_was(metrics):
    metrics.turned(status(), 0.01)
    unknown = leg(ratio_actual=None, position_usd=None, equity_coins=None, leverage=None, mark=None)
    metrics.turned(status(decision=decision(unknown), seen=snapshot(view(quote=None, margin=None))), 0.01)
    for name in (
        "ratio_actual",
        "position_usd",
        "equity_coins",
        "leverage_ratio",
        "funding_rate_ratio",
        "value_usd",
        "missing_collateral_coins",
    ):
        assert math.isnan(value(metrics, name, asset="BTC")), name
    metrics.turned(status(decision=None), 0.01)
    assert math.isnan(value(metrics, "spot_coins", asset="BTC"))
    assert math.isnan(value(metrics, "value_usd", asset="BTC"))


def test_infinite_leverage_is_shown_as_such(metrics):
    metrics.turned(status(decision=decision(leg(leverage=D("Infinity")))), 0.01)
    assert value(metrics, "leverage_ratio", asset="BTC") == math.inf


def test_values_of_all_currencies_add_up_to_the_account():
    metrics = Metrics("main", "paper", ("SOL", "XRP"))
    legs = decision(leg("SOL", spot_coins=D(10), mark=D(100)), leg("XRP", spot_coins=D(1000), mark=D(2)))
    metrics.turned(status(decision=legs, seen=snapshot(view("SOL"), view("XRP"))), 0.01)
    assert [value(metrics, "value_usd", asset=asset) for asset in ("SOL", "XRP", "USDT")] == [1000, 2000, 3]
    metrics.turned(status(decision=None), 0.01)
    assert math.isnan(value(metrics, "value_usd", asset="USDT"))  # once shown, a currency is not forgotten


def test_data_that_cannot_be_read_keeps_its_old_stamp_and_so_grows_stale(metrics):
    metrics.turned(status(), 0.01)
    later = view(quote=None, position=replace(view().position, at_ms=NOW_MS + 5_000), margin=None)
    metrics.turned(status(seen=snapshot(later)), 0.01)
    stamps = {source: value(metrics, "data_timestamp_seconds", asset="BTC", source=source) for source in ("quote", "position", "margin")}
    assert stamps == {"quote": (NOW_MS - 100) / 1000, "position": (NOW_MS + 5_000) / 1000, "margin": (NOW_MS - 300) / 1000}


@pytest.mark.parametrize("state", list(Mode))
def test_the_state_is_one_of_all(metrics, state):
    metrics.turned(status(state=state), 0.01)
    assert {other: value(metrics, "state_info", state=other.value) for other in Mode} == {other: float(other is state) for other in Mode}


@pytest.mark.parametrize(("mode", "armed"), [("dry-run", False), ("live", False), ("live", True)])
def test_mode_and_arming_are_one_of_all(metrics, mode, armed):
    metrics.turned(status(mode=mode, armed=armed), 0.01)
    ones = [
        (other, word)
        for other in ("dry-run", "live")
        for word in ("true", "false")
        if value(metrics, "mode_info", mode=other, armed=word) == 1
    ]
    assert ones == [(mode, str(armed).lower())]


@pytest.mark.parametrize(
    ("changed", "btc", "sol"),
    [
        ({}, 0, 0),
        ({"halted": "position did not move"}, 1, 1),
        ({"state": Mode.HALTED}, 1, 1),
        ({"halted_legs": (("SOL", "position against the hedge"),)}, 0, 1),
    ],
)
def test_a_halt_of_the_account_is_one_of_every_leg(changed, btc, sol):
    metrics = Metrics("main", "paper", ("BTC", "SOL"))
    metrics.turned(status(**changed), 0.01)
    assert (value(metrics, "halted", asset="BTC"), value(metrics, "halted", asset="SOL")) == (btc, sol)


def test_open_and_unknown_orders_and_transfers_are_counted(metrics):
    metrics.turned(status(open_orders=2, unknown_orders=1, unknown_transfers=3), 0.01)
    assert (value(metrics, "open_orders"), value(metrics, "unknown_orders"), value(metrics, "unknown_transfers")) == (2, 1, 3)


@pytest.mark.parametrize("outcome", list(TransferStatus))
def test_a_transfer_is_counted_by_how_it_ended_and_when_it_became_unknown(metrics, outcome):
    metrics.transfer("BTC", outcome)
    counted = sum(sample.value for sample in names(metrics.registry)["hedgebot_transfers_total"].samples)
    assert counted == (outcome.terminal or outcome is TransferStatus.UNKNOWN)


def test_lacking_collateral_is_zero_only_where_the_account_is_known(metrics):
    metrics.turned(status(decision=decision(leg(lacking_coins=None))), 0.01)
    assert value(metrics, "missing_collateral_coins", asset="BTC") == 0
    metrics.turned(status(decision=decision(leg(lacking_coins=D("0.4")))), 0.01)
    assert value(metrics, "missing_collateral_coins", asset="BTC") == 0.4


@pytest.mark.parametrize("outcome", [status for status in OrderStatus if status.terminal or status is OrderStatus.UNKNOWN])
def test_an_order_is_counted_by_how_it_ended(metrics, outcome):
    assert value(metrics, "orders_total", asset="BTC", outcome=outcome.value.lower()) == 0
    metrics.order("BTC", outcome)
    assert value(metrics, "orders_total", asset="BTC", outcome=outcome.value.lower()) == 1


@pytest.mark.parametrize("step", [status for status in OrderStatus if not status.terminal and status is not OrderStatus.UNKNOWN])
def test_a_step_on_the_way_is_not_an_outcome(metrics, step):
    metrics.order("BTC", step)
    assert sum(sample.value for sample in names(metrics.registry)["hedgebot_orders_total"].samples) == 0


@pytest.mark.parametrize(
    ("side", "price", "bps"), [(Side.SELL, 59_941, 10), (Side.SELL, 60_061, -10), (Side.BUY, 60_059, 10), (Side.BUY, 59_939, -10)]
)
def test_slippage_is_positive_where_the_fill_was_worse_than_the_mid_that_the_order_met(metrics, side, price, bps):
    met = Arrival(D(60000), D(60000), D(0))
    metrics.fill("BTC", Fill("t1", "c1", BTC.symbol, side, 10, D(price), D("0.001"), True, NOW_MS), met)
    above = f"{bps - 5}.0"
    assert value(metrics, "slippage_bps_bucket", asset="BTC", le=f"{bps}.0") == 1
    assert value(metrics, "slippage_bps_bucket", asset="BTC", le={"5.0": "5.0", "-15.0": "-20.0"}[above]) == 0
    assert value(metrics, "fills_total", asset="BTC") == 1


def test_a_fill_without_a_reference_counts_without_slippage(metrics):
    metrics.fill("BTC", Fill("t1", "c1", BTC.symbol, Side.SELL, 10, D(60000), D("0.001"), True, NOW_MS), None)
    assert (value(metrics, "fills_total", asset="BTC"), value(metrics, "slippage_bps_count", asset="BTC")) == (1, 0)


def test_fees_and_funding_are_sums_that_may_fall(metrics):
    for fee in ("0.5", "-0.125"):
        metrics.fill("BTC", Fill("t1", "c1", BTC.symbol, Side.SELL, 10, D(60000), D(fee), True, NOW_MS), None)
    for coins in ("0.25", "-0.75"):
        metrics.funding("BTC", FundingPayment("p", BTC.symbol, D("0.0001"), D(60000), D(coins), NOW_MS))
    assert value(metrics, "fees_coins_total", asset="BTC") == 0.375
    assert value(metrics, "funding_coins_total", asset="BTC") == -0.5


def test_fees_and_funding_are_summed_exactly(metrics):
    for coins in ("0.1", "0.1", "0.1"):
        metrics.fill("BTC", Fill("t1", "c1", BTC.symbol, Side.SELL, 10, D(60000), D(coins), True, NOW_MS), None)
        metrics.funding("BTC", FundingPayment("p", BTC.symbol, D("0.0001"), D(60000), D(coins), NOW_MS))
    assert (value(metrics, "fees_coins_total", asset="BTC"), value(metrics, "funding_coins_total", asset="BTC")) == (0.3, 0.3)


def test_errors_and_times_are_counted(metrics):
    metrics.api_error("Unknown")
    metrics.api_error("Unknown")
    metrics.api_error("NeverHeardOf")
    metrics.acked(0.2)
    metrics.committed(0.003)
    metrics.turned(status(), 0.02)
    assert value(metrics, "api_errors_total", **{"class": "Unknown"}) == 2
    assert value(metrics, "api_errors_total", **{"class": "NeverHeardOf"}) == 1
    assert value(metrics, "api_errors_total", **{"class": "NotSent"}) == 0
    assert (value(metrics, "order_ack_seconds_count"), value(metrics, "order_ack_seconds_sum")) == (1, 0.2)
    assert (value(metrics, "commit_seconds_count"), value(metrics, "commit_seconds_sum")) == (1, 0.003)
    assert (value(metrics, "cycle_seconds_count"), value(metrics, "cycle_seconds_sum")) == (1, 0.02)


def test_the_head_of_the_chain_is_witnessed_exactly(metrics):
    head = bytes.fromhex("fffffffffffe" + "11" * 26)
    metrics.head(9, head)
    assert value(metrics, "audit_seq") == 9
    assert int(value(metrics, "audit_head48")) == 2**48 - 2
    assert 'hedgebot_audit_head48{account="main",venue="paper"} 2.81474976710654e+14' in metrics.scrape().decode()
    metrics.turned(status(seq=10, head="000000000001" + "ff" * 26), 0.01)
    assert (value(metrics, "audit_seq"), value(metrics, "audit_head48")) == (10, 1)


def test_lease_and_clock_are_shown(metrics):
    metrics.lease(True)
    metrics.clock_skew(-0.25)
    assert (value(metrics, "lease_held"), value(metrics, "clock_skew_seconds")) == (1, -0.25)
    metrics.lease(False)
    assert value(metrics, "lease_held") == 0


def test_a_stream_is_unknown_then_up_and_each_loss_of_it_counts(metrics):
    assert math.isnan(value(metrics, "stream_connected"))
    for connected, losses in ((True, 0), (False, 1), (True, 1), (False, 2)):
        metrics.stream(connected)
        assert (value(metrics, "stream_connected"), value(metrics, "stream_reconnects_total")) == (connected, losses)


def test_two_bots_in_one_process_keep_apart(metrics):
    other = Metrics("other", "paper", ("BTC",))
    metrics.turned(status(), 0.01)
    assert b'account="main"' not in other.scrape()


async def test_a_scrape_is_what_the_client_of_prometheus_writes_to_the_byte(metrics):
    other = Metrics("other", "paper", ("BTC", "ETH"), (("SOL", "BTC"),), (("BTC", "cold"),), document=True)
    metrics.turned(status(), 0.01)
    metrics.acked(0.3)
    metrics.order("BTC", OrderStatus.FILLED)
    other.turned(status(decision=decision(leg(ratio_actual=D("1e12"), delta_coins=D("-1e-9")))), 12.5)
    assert metrics.scrape() == generate_latest(metrics.registry)

    class Both:
        def collect(self):
            return together([*metrics.registry.collect(), *other.registry.collect()])

    for _ in range(2):  # nor does what was kept from the first one say anything else
        assert await scrape([metrics, other]) == generate_latest(Both())


def test_a_label_that_needs_escaping_is_escaped_as_by_the_client():
    registry = CollectorRegistry()
    for place, value in enumerate(('quoted "so"', "back\\slash", "two\nlines", "ünï", "")):
        Gauge(f"odd_{place}", 'tells "this"\nand \\that', ("zone", "account"), registry=registry).labels(value, "b").set(place)
    Counter("bare", "no label at all", registry=registry).inc()
    assert written(registry.collect()) == generate_latest(registry)


def test_the_table_of_the_docs_names_every_metric_with_its_labels():
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in metrics_table_markdown().splitlines()[2:]]
    assert [row[0].strip("`") for row in rows] == sorted(TYPES)
    assert {row[0].strip("`"): row[1] for row in rows} == TYPES
    labels = {row[0].strip("`"): row[2] for row in rows}
    assert labels["hedgebot_ratio_actual"] == "account, venue, asset"
    assert labels["hedgebot_orders_total"] == "account, venue, asset, outcome"
    assert labels["hedgebot_slippage_bps"] == "account, venue, asset"
    assert labels["hedgebot_mode_info"] == "account, venue, mode, armed"
    assert all(row[3] for row in rows)


@pytest.mark.parametrize("module", ["bot.face", "bot.words", "bot.metrics", "bot.logs", "bot.access"])
def test_the_faces_of_the_command_line_come_without_the_web_framework(module):
    loaded = f"import sys, {module}; sys.exit(bool({{'fastapi', 'starlette', 'uvicorn', 'httpx', 'ccxt'}} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0
