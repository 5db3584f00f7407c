"""Does every recorded row that counts reach its counter?"""

from decimal import Decimal

import pytest

from bot.core.decision import Approved
from bot.core.events import IntentRecorded
from bot.core.memory import State
from bot.core.model import OrderStatus, Side
from bot.metrics import Metrics
from bot.replay import Unrecorded
from bot.witness import Witness

ORDER = Approved(
    client_id="hbxx001aaaa",
    asset="BTC",
    symbol="BTC/USD:BTC",
    side=Side.SELL,
    contracts=1000,
    limit_price=Decimal(60006),
    reduce_only=False,
    post_only=True,
    reference_price=Decimal(60000),
    notional_usd=Decimal(100_000),
    deadline_mono_ms=15_000,
    why="under-hedged",
)


@pytest.mark.parametrize(("status", "counted"), [(OrderStatus.DRY_RUN, 1), (OrderStatus.INTENT, 0)])
def test_a_plan_of_a_dry_run_is_counted_when_it_is_recorded_and_an_intent_only_at_its_end(status, counted):
    metrics = Metrics("main", "paper", ("BTC",))
    Witness(Unrecorded(State("main", "xx")), metrics).show([IntentRecorded(ORDER, 1, 1, status, 0, 0)])
    labels = {"account": "main", "venue": "paper", "asset": "BTC"}
    assert metrics.registry.get_sample_value("hedgebot_orders_total", {**labels, "outcome": "dry_run"}) == counted
