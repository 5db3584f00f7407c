"""A hedge.yaml in a folder of its own, and a way to load it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bot.settings import Settings, SettingsError, load

BASE = "bag: {BTC: {coins: 2}}\nhedges: {BTC: {ratio: 1.0}}\n"

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
