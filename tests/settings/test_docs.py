"""The file that `init` writes, the JSON Schema and the table of keys say what the models say."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from bot.settings import Settings, defaulted_limits, load
from bot.settings_check import check
from bot.settings_docs import config_table_markdown, example, example_yaml, json_schema
from bot.settings_keys import leaves
from bot.settings_text import read_text


def test_the_written_example_loads_to_the_defaults_with_a_bag_and_a_hedge(tmp_path: Path) -> None:
    file = tmp_path / "hedge.yaml"
    file.write_text(example_yaml(), encoding="utf-8")
    settings = load(file, {}, {})
    assert settings == example()
    assert settings.bag["BTC"].coins == 2
    assert settings.hedges["BTC"].ratio == 1
    bare = Settings.model_validate({"bag": {"BTC": {"coins": 2}}, "hedges": {"BTC": {}}, "collateral": {"BTC": {}}})
    assert settings == bare


def test_the_written_example_has_every_limit_and_no_finding(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hedge.yaml").write_text(example_yaml(), encoding="utf-8")
    settings = load(Path("hedge.yaml"), {}, {})
    assert defaulted_limits(settings) == ()
    assert check(settings) == []


def test_the_written_example_names_every_key_but_the_secrets() -> None:
    text = example_yaml()
    names = {line.split("#", 1)[0].split(":")[0].strip() for line in text.splitlines()}
    names |= {line.removeprefix("#").split(":")[0].strip() for line in text.splitlines() if line.startswith("#")}
    for key, place in leaves():
        name = key[-1] if key[-1] != "*" else key[-2]
        assert (name in names) is not place.secret, key


def test_the_target_document_can_be_uncommented(tmp_path: Path) -> None:
    lines = example_yaml().splitlines()
    start = lines.index("# targets:")
    lines[start : start + 4] = [line.removeprefix("# ") for line in lines[start : start + 4]]
    (tmp_path / "hedge.yaml").write_text("\n".join(lines))
    targets = load(tmp_path / "hedge.yaml", {}, {}).targets
    assert targets is not None
    assert targets.poll_seconds == 30


def test_every_key_says_what_it_means() -> None:
    assert all(place.field is not None and place.field.description for _, place in leaves())


def test_the_table_has_a_row_for_every_key() -> None:
    rows = config_table_markdown().splitlines()[2:]
    assert len(rows) == len(list(leaves())) == len(set(rows)) > 100
    assert "| `hedges.X.ratio` | number | `1.0` | share of the bag to hedge, 0 to 1 |" in rows
    assert "| `mode` | dry-run \\| live | `dry-run` | may orders be sent at all |" in rows
    assert any(row.startswith("| `risk.max_leverage` † | number | `2` |") for row in rows)
    assert any(row.startswith("| `bag.X.coins` | number | required |") for row in rows)
    assert any(row.startswith("| `execution.max_depth_share` | number | `null` |") for row in rows)
    assert any(row.startswith("| `hedges.X.policies.drawdown.average_days` | number | `null` |") for row in rows)
    assert any("| secret | only `HEDGEBOT__VENUE__API_KEY` or `HEDGEBOT__VENUE__API_KEY_FILE` |" in row for row in rows)
    assert any(row.startswith("| `paper.price.X` | number | `60000` for BTC |") for row in rows)


def test_the_schema_has_every_key_but_the_secrets() -> None:
    schema = json_schema()
    json.dumps(schema)
    for key, place in leaves():
        part = schema
        for name in key:
            part = below(schema, part, name)
            if part is None:
                break
        assert (part is None) is place.secret, key
    assert schema["properties"]["version"]["const"] == 1
    assert schema["properties"]["accounts"]["additionalProperties"]["properties"].keys() >= {"venue", "bag", "hedges"}


def below(schema: dict[str, Any], part: dict[str, Any], name: str) -> Any:
    """The schema of a key below `part`, as an editor looks it up."""
    for one in (part, *part.get("anyOf", ())):
        if "$ref" in one:
            return below(schema, schema["$defs"][one["$ref"].rsplit("/")[-1]], name)
        if name in one.get("properties", {}):
            return one["properties"][name]
        if "patternProperties" in one:
            return next(iter(one["patternProperties"].values()))
    return None


def test_the_schema_bounds_numbers_in_its_own_words() -> None:
    risk = json_schema()["$defs"]["Risk"]["properties"]
    assert (risk["max_leverage"]["exclusiveMinimum"], risk["max_leverage"]["maximum"]) == (0, 100)
    text = json.dumps(json_schema())
    assert '"gt"' not in text
    assert '"le"' not in text


def test_every_default_in_the_example_is_the_one_of_the_models() -> None:
    tree = read_text(example_yaml(), "hedge.yaml").tree
    assert tree["cycle_seconds"] == "5"
    band = tree["band"]
    assert isinstance(band, dict)
    assert {name: text if name == "auto" else Decimal(str(text)) for name, text in band.items()} == {
        name: "false" if name == "auto" else field.default for name, field in type(example().band).model_fields.items()
    }
