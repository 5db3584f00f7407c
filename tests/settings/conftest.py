"""A hedge.yaml in a folder of its own, and a way to load it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, load

BASE = "bag: {BTC: {coins: 2}}\nhedges: {BTC: {ratio: 1.0}}\n"

LIMITS = (  # production wants each of them written down
    "band: {low: 0.995, safe_low: 1, safe_high: 1, high: 1.005, min_order_usd: 100, cooldown_seconds: 10}\n"
    "execution: {order_ttl_seconds: 30, max_reprices: 10, cross_after_seconds: 120, max_slippage_bps: 20, max_order_usd: 100000}\n"
    "risk: {max_leverage: 2, hard_leverage: 3, max_position_usd: 1000000, max_turnover_usd_per_day: 2000000, max_orders_per_minute: 20,"
    " price_collar_bps: 100, max_data_age_seconds: 15, allow_over_hedge: false}\n"
)

Load = Callable[..., Settings]
Refuse = Callable[..., str]


@pytest.fixture(autouse=True)
def _somewhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loaded(tmp_path: Path) -> Load:
    """Write a text as hedge.yaml and load it; without one, a file with a bag and a hedge of BTC."""

    def go(text: str = BASE, env: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None) -> Settings:
        file = tmp_path / "hedge.yaml"
        file.write_text(text, encoding="utf-8")
        return load(Path("hedge.yaml"), env or {}, flags or {})

    return go


@pytest.fixture
def refused(loaded: Load) -> Refuse:
    """Load what must be refused, and return the refusal as a person reads it."""

    def go(text: str = BASE, env: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None) -> str:
        with pytest.raises(SettingsError) as caught:
            loaded(text, env, flags)
        assert all(finding.problem and finding.remedy and finding.where for finding in caught.value.findings)
        assert len(str(caught.value).splitlines()) == len(caught.value.findings)
        return str(caught.value)

    return go
