"""The docs say what the program does: nothing stale, nothing undocumented, nothing that does not exist."""

import ast
import doctest
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bot import dead_man, lasting
from bot.core import bag, carried, keeper, leg, reconcile, risk
from bot.metrics import metrics_table_markdown
from bot.running import Exit
from bot.settings import load
from bot.settings_check import check
from bot.settings_docs import config_table_markdown, example_yaml
from bot.settings_keys import UnknownKey, find
from bot.venue_offers import OFFERS, Proof
from tests.docs_from_code import BLOCK, BLOCKS, HERE, PAGES, commands, renewed

TEXTS = {page.relative_to(HERE).as_posix(): page.read_text(encoding="utf-8") for page in (*PAGES, HERE / "CHANGELOG.md")}
WHOLE = "\n".join(TEXTS.values())
METRICS = set(re.findall(r"`(hedgebot_\w+)`", metrics_table_markdown()))
COMMANDS = dict(commands())
SERIES = ("_bucket", "_count", "_sum")  # what Prometheus makes of a histogram
NOT_COMMANDS = {"hedgebot", "hedgebot --help"}


def code_in(text: str) -> Iterator[str]:
    """Commands as the docs show them: inline code, and lines of console blocks."""
    without_blocks = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    yield from re.findall(r"`(?:\.\./)?(?:\.venv/bin/)?(hedgebot [^`]*)`", without_blocks)
    for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        yield from re.findall(r"^\$ (?:\.\./)?(?:\.venv/bin/)?(hedgebot [^#\n]*)", block, flags=re.MULTILINE)


SHOWN = sorted({(name, said.strip()) for name, text in TEXTS.items() for said in code_in(text)})
OPENED = [path for package in ("bot", "adapters") for path in sorted((HERE / package).rglob("*.py")) if path.name != "__init__.py"]


# ---------------------------------------------------------------------------------------------------------------- from the code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_the_code_writes_into_the_docs_is_not_stale(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert renewed(text) == text, "run `make docs`"


def test_every_generated_block_stands_in_the_docs_once() -> None:
    found = sorted(match[2] for text in TEXTS.values() for match in BLOCK.finditer(text))
    assert found == sorted(BLOCKS)


def test_a_changed_block_is_seen() -> None:
    page = "<!-- generated: metrics -->\nsomething older\n<!-- end -->\nmine"
    assert renewed(page) != page
    assert renewed(renewed(page)) == renewed(page)
    assert renewed(page).endswith("<!-- end -->\nmine")


@pytest.mark.parametrize("path", OPENED, ids=lambda path: path.relative_to(HERE).as_posix())
def test_every_file_opens_with_what_it_is_about(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


# ---------------------------------------------------------------------------------------------------------------- names that exist


def test_every_metric_that_is_named_exists() -> None:
    databases = {path.read_text(encoding="utf-8").partition("@db/")[2].partition('"')[0] for path in HERE.glob("deploy/config/*.yaml")}
    named = {name for name in re.findall(r"\bhedgebot_[a-z0-9_]+", WHOLE) if not name.startswith("hedgebot_demo")} - databases
    unknown = {name for name in named if name not in METRICS and not any(name == metric + end for metric in METRICS for end in SERIES)}
    assert unknown == set()


def test_every_metric_is_documented() -> None:
    assert all(f"`{name}`" in TEXTS["docs/metrics.md"] for name in METRICS)


def test_every_key_is_documented() -> None:
    for row in config_table_markdown().splitlines()[2:]:
        assert row in TEXTS["docs/configuration.md"]


SECTIONS = "account|audit|api|bag|band|collateral|execution|hedges|mode|paper|reconcile|risk|targets|venue"


def test_every_key_that_is_named_exists() -> None:
    named = set(re.findall(rf"`((?:{SECTIONS})(?:\.[A-Za-z_]+)+)`", WHOLE))
    logged = set(re.findall(r"log\.\w+\(\s*\"([a-z_.]+)\"", "\n".join(path.read_text(encoding="utf-8") for path in OPENED)))
    named = {name for name in named - logged if not name.endswith((".com", ".db", ".md"))}
    assert named
    for name in named:
        key = tuple("BTC" if part == "X" else part for part in name.split("."))
        try:
            find(key)
        except UnknownKey as unknown:
            pytest.fail(f"the docs name {name}, which is no key; nearest: {unknown.nearest}")


def test_every_word_with_an_underscore_is_one_that_the_program_knows() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in OPENED)
    named = set(re.findall(r"`([a-z]+(?:_[a-z0-9]+)+)`", WHOLE))
    assert len(named) > 20
    assert {name for name in named if not re.search(rf"\b{name}\b", sources)} - METRICS == set()


@pytest.mark.parametrize(("page", "said"), SHOWN)
def test_every_command_that_is_shown_exists_with_its_options(page: str, said: str) -> None:
    if said in NOT_COMMANDS:
        return
    plain = re.sub(r"[\[\]]", " ", said)
    words = max((words for words in COMMANDS if plain == words or plain.startswith(words + " ")), key=len, default=None)
    assert words is not None or any(name.startswith(plain) for name in COMMANDS), f"{page} shows `{said}`"
    if words is None:
        return
    known = {opt for parameter in COMMANDS[words].params for opt in parameter.opts}
    used = {word.split("=")[0] for word in plain.removeprefix(words).split() if re.match(r"--?[a-z]", word)}
    assert used <= known, f"{page} shows `{said}`"


@pytest.mark.parametrize("words", sorted(COMMANDS))
def test_every_command_is_documented(words: str) -> None:
    assert COMMANDS[words].help, f"{words} has no help"
    assert f"### `{words}" in TEXTS["docs/commands.md"]
    assert f"| `{words}" in TEXTS["README.md"]


def test_every_exit_code_is_documented() -> None:
    for page in ("README.md", "docs/commands.md"):
        listed = {int(code) for code in re.findall(r"^\| (\d) \|", TEXTS[page], flags=re.MULTILINE)}
        assert listed == {code.value for code in Exit}, page


# ---------------------------------------------------------------------------------------------------------------- what can go wrong


def texts_said(module: object, function: str, at: int) -> set[str]:
    """The texts that calls of `function` are given as argument number `at`, conditional ones too."""
    tree = ast.parse(inspect.getsource(importlib.import_module(getattr(module, "__name__", ""))))
    said = set()
    for call in ast.walk(tree):
        named = isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) == function
        if named and isinstance(call, ast.Call) and len(call.args) > at:
            given = call.args[at]
            branches = (given.body, given.orelse) if isinstance(given, ast.IfExp) else (given,)
            said |= {one.value for one in branches if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return said


def test_every_halt_is_in_the_runbook() -> None:
    halts = texts_said(reconcile, "halt", 0)
    assert len(halts) >= 5
    for name in halts:
        assert f"| {name} |" in TEXTS["docs/runbook.md"], name


ALERTS = (leg, keeper, carried, bag, dead_man, lasting)
SHORTEST = 12  # of a text that says something by itself


def alerts_said(module: object) -> set[str]:
    """The first words of every text that a module raises as an alert: what stands in `alerts`, and what functions of that name return."""
    tree = ast.parse(inspect.getsource(importlib.import_module(getattr(module, "__name__", ""))))
    raised: list[ast.AST] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in {"alerts", "unread", "unresolved"}:
            raised += node.body
        elif isinstance(node, ast.AugAssign | ast.Assign):
            target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
            raised += [node.value] if getattr(target, "id", "") == "alerts" else []
    texts = [text for part in raised for text in ast.walk(part) if isinstance(text, ast.JoinedStr)]
    parts = [max((one.value for one in text.values if isinstance(one, ast.Constant)), key=len, default="") for text in texts]
    clauses = {re.split("[:;]", part.strip(": "))[0].strip(" ,") for part in parts}
    return {clause for clause in clauses if len(clause) >= SHORTEST}


def test_every_alert_is_in_the_runbook() -> None:
    listed = TEXTS["docs/runbook.md"].partition("## Alerts")[2].partition("\n## ")[0]
    said = set[str]().union(*map(alerts_said, ALERTS))
    assert len(said) >= 12
    assert {text for text in said if text not in listed} == set()


def test_every_check_before_an_order_is_documented() -> None:
    checks = texts_said(risk, "refused", 0)
    assert len(checks) >= 10
    listed = TEXTS["docs/orders-and-execution.md"].partition("## Before an order")[2].partition("\n## ")[0]
    named = {name.strip() for row in re.findall(r"^\| ([^|]+) \|", listed, flags=re.MULTILINE) for name in row.split(",")}
    assert checks == named - {"check", "---"}


# ---------------------------------------------------------------------------------------------------------------- pages that work


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_no_internal_link_is_broken(page: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", TEXTS[page]):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (HERE / page).parent / name if name else HERE / page
        assert file.exists(), f"{page} links to {target}"
        if anchor:
            assert anchor in anchors(file.read_text(encoding="utf-8")), f"{page} links to {target}"


def test_mkdocs_builds_the_docs_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-f", str(HERE / "mkdocs.yml"), "-d", str(tmp_path / "site")]
    built = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "site" / "index.html").exists()


def test_every_page_is_in_the_navigation() -> None:
    text = (HERE / "mkdocs.yml").read_text(encoding="utf-8")
    assert set(re.findall(r": ([a-z-]+\.md)$", text, flags=re.MULTILINE)) == {page.name for page in PAGES if page.parent.name == "docs"}


def test_the_examples_of_the_mathematics_come_out_as_written() -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXTS["docs/mathematics.md"], flags=re.DOTALL)
    assert len(blocks) > 5
    example = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, "mathematics.md", "docs/mathematics.md", 0)
    said: list[str] = []
    result = doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    assert result.failed == 0, "".join(said)


def test_the_configuration_in_the_readme_loads_and_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (shown,) = re.findall(r"```yaml\n(.*?)```", TEXTS["README.md"], flags=re.DOTALL)
    Path("hedge.yaml").write_text(shown, encoding="utf-8")
    settings = load(Path("hedge.yaml"), {}, {})
    assert check(settings) == []
    Path("hedge.yaml").write_text(example_yaml(), encoding="utf-8")
    written = load(Path("hedge.yaml"), {}, {})
    assert settings == written.model_copy(update={"collateral": settings.collateral})


FIRST_HEDGES = sorted(page for page in PAGES if page.name.startswith("first-hedge-"))


def test_every_first_class_venue_has_a_page_for_the_first_hedge() -> None:
    first_class = {name for name, offer in OFFERS.items() if offer.inverse is Proof.FIRST_CLASS and name != "paper"}
    assert {page.stem.removeprefix("first-hedge-") for page in FIRST_HEDGES} == first_class


@pytest.mark.parametrize("page", FIRST_HEDGES, ids=lambda page: page.stem)
def test_the_configuration_of_a_first_hedge_passes_check_and_is_for_no_real_money(page: Path, tmp_path: Path) -> None:
    name = page.stem.removeprefix("first-hedge-")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    (tmp_path / "hedge.yaml").write_text(shown, encoding="utf-8")
    said = set(re.findall(r"export (HEDGEBOT__VENUE__\w+)=\$PWD/(\w+)", page.read_text(encoding="utf-8")))
    for _, file in said:
        (tmp_path / file).write_text("a-secret-of-some-length", encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(HERE), **{variable: str(tmp_path / file) for variable, file in said}}
    command = [sys.executable, "-m", "bot", "check", "--json"]
    checked = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (checked.returncode, json.loads(checked.stdout)) == (0, {"ok": True, "findings": []}), checked.stderr
    (venue,) = re.findall(r"venue: \{name: (\w+), environment: (\w+)\}", shown)
    assert venue[0] == name
    assert venue[1] != "production"


def test_nothing_but_the_check_script_names_a_place_beside_the_repository() -> None:
    beside = "../" + "shared"
    folders = (path for name in ("bot", "adapters", "tests", "docs") for path in (HERE / name).rglob("*.*"))
    for path in (*folders, *HERE.glob("*.*"), HERE / "Makefile"):
        if path.is_file() and path.suffix in ("", ".py", ".md", ".toml", ".yml", ".yaml", ".txt", ".mako"):
            assert beside not in path.read_text(encoding="utf-8", errors="replace"), path


def test_the_navigation_is_yaml_that_mkdocs_understands() -> None:
    text = re.sub(r"!!python/name:\S+", "null", (HERE / "mkdocs.yml").read_text(encoding="utf-8"))
    assert yaml.safe_load(text)["site_name"] == "hedgebot"
