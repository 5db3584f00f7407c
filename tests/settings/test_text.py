"""A YAML file is read as text with line numbers, and no file, however hostile, raises anything but SettingsError."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.settings import SettingsError, load
from bot.settings_text import MAX_BYTES, read_file, read_text
from tests.settings.conftest import Refuse


def test_every_value_stays_text_and_knows_its_line() -> None:
    written = read_text("a: 0.10\nb:\n  c: no\n  d: 'null'\n  e: null\n  f: 2026-01-01\n", "x.yaml")
    assert written.tree == {"a": "0.10", "b": {"c": "no", "d": "null", "e": None, "f": "2026-01-01"}}
    assert written.where[("b", "f")] == "x.yaml:6"


def test_an_empty_file_says_nothing() -> None:
    assert read_text("", "x").tree == read_text("# only a remark\n", "x").tree == read_text("---\n", "x").tree == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: {", "hedge.yaml:2: is not YAML"),
        ("a: 1\n\tb: 2\n", "hedge.yaml:2: is not YAML"),
        ("a: b: c\n", "hedge.yaml:1: is not YAML"),
        ("mode: live\nmode: dry-run\n", "hedge.yaml:2: mode is given twice, first at hedge.yaml:1"),
        ("bag: &x {BTC: {coins: 1}}\nhedges: *x\n", "hedge.yaml:2: hedges uses a YAML alias"),
        ("mode: !!python/object/apply:os.system ['true']\n", "mode has a YAML tag"),
        ("!!map {}\n", "has a YAML tag"),
        ("- a\n- b\n", "hedge.yaml:1: is a list"),
        ("bag: [1]\n", "hedge.yaml:1: bag is a list"),
        ("just words\n", "is not a map of keys"),
        ("a: 1\n---\nb: 2\n", "begins a second document"),
        ("? {a: 1}\n: 2\n", "has a key that is not plain text"),
        ('mode: "\\U99999999"\n', "is not YAML"),
        ("mode: \x07\n", "hedge.yaml:1: contains a character that YAML forbids"),
        ("{" * 20, "has a key that is not plain text"),
        ("a: {" * 300, "is nested too deeply"),
        ("<html><body>Login</body></html>", "is not a map of keys"),
        ("'a\x1bb': 1\n", "hedge.yaml:1: contains a character that YAML forbids"),
        ('"a\\n\\e[31mb": 1\n', "hedge.yaml:1: a\\n\\x1b[31mb is not a key that exists"),
    ],
)
def test_a_text_that_cannot_be_used_names_its_line(refused: Refuse, text: str, says: str) -> None:
    message = refused(text)
    assert says in message
    assert len(message.splitlines()) == 1


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.yaml: does not exist; write one with `hedgebot init`"):
        read_file(tmp_path / "nowhere.yaml")
    with pytest.raises(SettingsError, match="cannot be read"):
        read_file(tmp_path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_file(Path("a\0b"))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"mode: live\n\xff\n")
    with pytest.raises(SettingsError, match=r"binary\.yaml:2: is not UTF-8 text"):
        read_file(binary)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(SettingsError, match="is larger than 256 KiB"):
        read_file(large)
    large.write_bytes(b"#" * MAX_BYTES)
    assert read_file(large).tree == {}


def test_a_byte_order_mark_is_no_matter(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_bytes(b"\xef\xbb\xbfmode: live\n")
    assert read_file(tmp_path / "x.yaml").tree == {"mode": "live"}


def refusal(act: Callable[[], object]) -> list[str] | None:
    """The lines of a SettingsError, or None where there was none; every finding has a line of its own."""
    try:
        act()
    except SettingsError as error:
        lines = str(error).splitlines()
        return lines if len(lines) == len(error.findings) else []
    return None


WORDS = [
    "bag",
    "hedges",
    "BTC",
    "coins",
    "ratio",
    "mode",
    "live",
    "0.1",
    "-",
    ":",
    ": ",
    "{",
    "}",
    "[",
    "]",
    "\n",
    "  ",
    "&a ",
    "*a",
    "!!x ",
]
WORDS += [
    "|",
    ">",
    "?",
    "? ",
    "#",
    '"',
    "'",
    "\\x",
    "%YAML 1.1\n",
    "---",
    "...",
    "\t",
    "<<",
    "null",
    "~",
    ",",
    ", ",
    "\x00",
    "\x85",
    "\ufeff",
    "💰",
]


@given(st.lists(st.sampled_from(WORDS), max_size=40).map("".join) | st.text(max_size=200))
def test_hostile_yaml_raises_nothing_but_a_settings_error(text: str) -> None:
    assert refusal(lambda: read_text(text, "x.yaml")) != []


SCALARS = (
    st.none()
    | st.text(max_size=12)
    | st.sampled_from(["1", "-1", "nan", "1e99", "true", "BTC/USD:BTC", "sqlite:///", "https://[", "value"])
)
KEYS = st.sampled_from(
    ["bag", "hedges", "BTC", "btc", "coins", "ratio", "risk", "max_leverage", "venue", "name", "api_key", "paper", "price"]
)
KEYS |= st.sampled_from(
    ["targets", "url", "audit", "accounts", "account", "mode", "band", "low", "kill_file", "collateral", "instrument", "api"]
)


def as_yaml(tree: object) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {as_yaml(value)}" for key, value in tree.items()) + "}"
    return "null" if tree is None else "'" + str(tree).replace("'", "''").replace("\n", " ") + "'"


@given(
    tree=st.recursive(SCALARS, lambda inner: st.dictionaries(KEYS, inner, max_size=4), max_leaves=12),
    env=st.dictionaries(
        st.lists(KEYS, min_size=1, max_size=4).map(lambda names: "HEDGEBOT__" + "__".join(names)), st.text(max_size=9), max_size=3
    ),
    flags=st.dictionaries(st.lists(KEYS, min_size=1, max_size=4).map(".".join), st.text(max_size=9), max_size=3),
)
def test_hostile_settings_raise_nothing_but_a_settings_error(
    tmp_path_factory: pytest.TempPathFactory, tree: object, env: dict[str, str], flags: dict[str, str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "hostile.yaml"
    file.write_text(as_yaml(tree), encoding="utf-8", errors="replace")
    assert refusal(lambda: load(file, env, flags)) != []
