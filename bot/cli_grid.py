"""Which replays does a grid file ask for? YAML whose lists are crossed, each combination as if it had been typed.

Every value stays the text that was written, and everything that is wrong is told with its line.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from itertools import product
from pathlib import Path
from typing import Any, Final

import yaml

from bot.cli_replay import Asked
from bot.ports import Misconfigured
from bot.settings import SettingsError
from bot.settings_keys import UnknownKey, find
from bot.settings_text import NULLS, Finding
from bot.sweep.results import MEASURES

BY_ASSET: Final = ("prices", "funding", "bag", "collateral", "ratio")  # a map of assets, or one value, which is BTC's
PLAIN: Final = ("basis", "from", "to", "allow_gaps", "config", "account", "rank_by")
KEYS: Final = (*BY_ASSET, *PLAIN, "policy", "cross", "target_at", "set", "periods", "vary")
OPTIONS: Final = ("ratio", "basis", "policy")  # that may be varied beside keys of the configuration
OPTION: Final = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
TYPED: Final = "command line"  # where a finding says that a setting came from
MOST_STEPS: Final = 10_000  # of one range

Where = Mapping[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Combination:
    """`varied` says what it is among the others, by key; `asked` is the replay."""

    varied: Mapping[str, str]
    asked: Asked

    def __str__(self) -> str:
        return ", ".join(f"{key}={value}" for key, value in self.varied.items()) or "the only one"


@dataclass(frozen=True, slots=True)
class Grid:
    file: Path
    combinations: Sequence[Combination]
    axes: Mapping[str, Sequence[str]]  # each varied key with its values, in the order of the file
    rank_by: str | None
    lines: Mapping[tuple[str, ...], int]  # where each key stands

    def in_its_words(self, error: Exception, one: Combination) -> str:
        """What `replay` says of a combination, as of this file: options of the command line are keys here."""
        period = one.varied.get("period")
        at = f"{self.file}:{self.lines['periods', period]}: periods.{period}" if period is not None else str(self.file)
        if isinstance(error, SettingsError):
            said = "\n".join(str(replace(found, where=self.place(found))) for found in error.findings)
            return f"{said} (combination {one})"
        if isinstance(error, Misconfigured):  # of its files
            return f"{at}: {OPTION.sub(as_key, str(error))}"
        return f"{self.file}: combination {one}: {OPTION.sub(as_key, str(error))}"

    def place(self, found: Finding) -> str:
        """Of the key in this file, where no other place gave it."""
        if found.where != TYPED:
            return found.where
        section, _, name = found.key.rpartition(".")
        short = found.key.rpartition(".")[2] if found.key.startswith("hedges.") else found.key.split(".")[0]
        known = (("vary", found.key), ("vary", section, name), ("set", found.key), ("vary", short), (short,), ("vary", "policy"))
        line = next((self.lines[key] for key in known if key in self.lines), None)
        return f"{self.file}:{line}" if line else str(self.file)


def as_key(option: re.Match[str]) -> str:
    key = option[1].replace("-", "_")
    return f"`{key}`" if key in KEYS else option[0]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of an axis: how it is called, and what it changes."""

    label: str
    changes: Mapping[str, Any] = field(default_factory=dict)  # fields of Asked
    sets: Mapping[str, str] = field(default_factory=dict)


def grid_of(file: Path) -> Grid:
    """Raise SettingsError naming file and line."""
    return Reader(file).grid()


class Reader:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.lines: dict[tuple[str, ...], int] = {}

    def wrong(self, key: Sequence[str], problem: str, remedy: str) -> SettingsError:
        line = next((self.lines[place] for end in range(len(key), 0, -1) if (place := tuple(key[:end])) in self.lines), None)
        return SettingsError([Finding(f"{self.file}:{line}" if line else str(self.file), ".".join(key), problem, remedy)])

    # ---------------------------------------------------------------------------------------------------------- text with its lines

    def tree(self) -> dict[str, Any]:
        try:
            root = yaml.compose(self.file.read_text("utf-8-sig"), Loader=yaml.BaseLoader)
        except OSError as error:
            raise self.wrong((), f"cannot be read ({error.strerror})", "name the file of a grid: see `hedgebot sweep --help`") from None
        except UnicodeDecodeError:
            raise self.wrong((), "is not UTF-8 text", "save the file as UTF-8") from None
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            self.lines[("",)] = mark.line + 1 if mark else 1
            raise self.wrong(("",), f"is not YAML ({error.problem or error.context})", "mend that line") from None
        except yaml.YAMLError as error:
            raise self.wrong((), f"is not YAML ({error})", "mend the file") from None
        found = self.plain(root, ()) if root is not None else {}
        if not isinstance(found, dict) or not found:
            raise self.wrong((), "is not a map of keys", "write at least prices, collateral and vary")
        return found

    def plain(self, node: yaml.Node, key: tuple[str, ...]) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return str(node.value)
        if isinstance(node, yaml.SequenceNode):
            return [self.plain(one, key) for one in node.value]
        found: dict[str, Any] = {}
        for name, below in node.value:
            child = (*key, str(name.value))
            before = self.lines.get(child)
            self.lines[child] = name.start_mark.line + 1
            if child[-1] in found:
                raise self.wrong(child, f"is given twice, first in line {before}", "delete one of the two")
            found[child[-1]] = self.plain(below, child)
        return found

    # ---------------------------------------------------------------------------------------------------------- what is asked

    def grid(self) -> Grid:
        tree = self.tree()
        for key in tree:
            if key not in KEYS:
                raise self.wrong(
                    (key,), "is no key of a grid", f"the keys are {', '.join(KEYS)}; keys of the configuration go below `vary` or `set`"
                )
        if "prices" not in tree:
            raise self.wrong((), "names no prices", "write `prices: FILE`, or `prices: {BTC: FILE, ETH: FILE}`")
        axes = {key: self.choices(key, value) for key, value in self.mapping(tree, "vary").items()}
        if "periods" in tree:
            axes["period"] = [self.period(name, value) for name, value in self.mapping(tree, "periods").items()]
        if not axes:
            raise self.wrong(("vary",), "varies nothing", "write `vary: {hedges.BTC.ratio: [0.5, 1.0]}`, or `periods`")
        base, sets = self.base(tree), {key: self.text(("set", key), value) for key, value in self.mapping(tree, "set").items()}
        for key in sets:
            self.known(("set", key), key)
        whole = [self.combined(base, sets, dict(zip(axes, chosen, strict=True))) for chosen in product(*axes.values())]
        labels = {key: [one.label for one in choices] for key, choices in axes.items()}
        rank_by = self.maybe(tree, "rank_by")
        if rank_by is not None and rank_by not in MEASURES:
            raise self.wrong(("rank_by",), f"{rank_by} is no such figure", f"rank by one of {', '.join(MEASURES)}")
        return Grid(self.file, whole, labels, rank_by, self.lines)

    def base(self, tree: Mapping[str, Any]) -> Asked:
        said = {key: self.by_asset(key, tree.get(key)) for key in BY_ASSET}
        gaps = self.maybe(tree, "allow_gaps") or "false"
        if gaps not in ("true", "false"):
            raise self.wrong(("allow_gaps",), f"{gaps!r} is neither true nor false", "write one of them")
        config = self.maybe(tree, "config")
        return Asked(
            prices=[self.beside(one) for one in said["prices"]],
            funding=[self.beside(one) for one in said["funding"]],
            bag=said["bag"],
            collateral=said["collateral"],
            ratio=said["ratio"],
            basis=self.maybe(tree, "basis"),
            since=self.maybe(tree, "from"),
            until=self.maybe(tree, "to"),
            allow_gaps=gaps == "true",
            target_at=self.texts("target_at", tree.get("target_at", [])),
            config=None if config is None else self.file.parent / config,
            sets=(),
            policies=self.texts("policy", tree.get("policy", [])),
            crosses=self.texts("cross", tree.get("cross", [])),
            account=self.maybe(tree, "account"),
        )

    def by_asset(self, key: str, said: Any) -> list[str]:
        """As the options of `replay` take them."""
        if said is None:
            return []
        if isinstance(said, dict):
            return [f"{asset}={self.text((key, asset), value)}" for asset, value in said.items()]
        return [f"BTC={self.text((key,), said)}"]

    def beside(self, said: str) -> str:
        """Files are named from where the grid lies, wherever it is run."""
        asset, _, name = said.partition("=")
        return f"{asset}={self.file.parent / name}"

    def period(self, name: str, said: Any) -> Choice:
        if not isinstance(said, dict) or not said or set(said) - {"from", "to"}:
            raise self.wrong(("periods", name), "is not a period", f"write `{name}: {{from: 2020-03-01, to: 2020-04-01}}` (UTC)")
        ends = {key: self.text(("periods", name, key), said[key]) for key in said}
        return Choice(name, {"since": ends.get("from"), "until": ends.get("to")})

    # ---------------------------------------------------------------------------------------------------------- what is varied

    def choices(self, key: str, said: Any) -> list[Choice]:
        place = ("vary", key)
        if key not in OPTIONS:
            self.known(place, key)
        if isinstance(said, dict) and set(said) == {"from", "to", "step"}:
            said = self.range(place, said)
        if not isinstance(said, list) or not said:
            raise self.wrong(place, "is not a list of values", "write `[0.5, 1.0]`, or `{from: 0.5, to: 1.0, step: 0.1}`")
        found = [self.choice(key, one) for one in said]
        labels = [one.label for one in found]
        if twice := next((label for label in labels if labels.count(label) > 1), None):
            raise self.wrong(place, f"has {twice} twice", "delete one of the two")
        return found

    def choice(self, key: str, said: Any) -> Choice:
        place = ("vary", key)
        if key == "policy":
            named = [] if said in ("none", *NULLS) else self.texts("policy", said)
            return Choice(" + ".join(named) or "none", {"policies": named})
        if isinstance(said, dict):  # several keys at once
            for name in said:
                self.known((*place, name), f"{key}.{name}")
            sets = {f"{key}.{name}": self.text((*place, name), value) for name, value in said.items()}
            return Choice(" ".join(f"{name}={value}" for name, value in said.items()), sets=sets)
        text = self.text(place, said)
        if key in OPTIONS:
            return Choice(text, {"basis": text} if key == "basis" else {"ratio": [text]})
        return Choice(text, sets={key: text})

    def range(self, place: tuple[str, ...], said: Mapping[str, Any]) -> list[str]:
        try:
            first, last, step = (Decimal(str(said[name])) for name in ("from", "to", "step"))
            steps = int((last - first) / step) + 1
        except (InvalidOperation, ZeroDivisionError, OverflowError, ValueError):
            steps = 0
        if not 0 < steps <= MOST_STEPS:
            raise self.wrong(place, "is not a range", f"write `{{from: 0.5, to: 1.0, step: 0.1}}`, of at most {MOST_STEPS:,} values")
        return [f"{(first + at * step).normalize():f}" for at in range(steps)]

    def combined(self, base: Asked, sets: Mapping[str, str], chosen: Mapping[str, Choice]) -> Combination:
        changes: dict[str, Any] = {}
        sets = dict(sets)
        for one in chosen.values():
            changes |= one.changes
            sets |= one.sets
        asked = replace(base, **changes, sets=[f"{key}={value}" for key, value in sets.items()])
        return Combination({key: one.label for key, one in chosen.items()}, asked)

    # ---------------------------------------------------------------------------------------------------------- single values

    def known(self, place: tuple[str, ...], key: str) -> None:
        try:
            find(tuple(key.split(".")))
        except UnknownKey as unknown:
            near = f"did you mean {'.'.join(unknown.nearest)}?" if unknown.nearest else f"the keys here are {', '.join(unknown.siblings)}"
            beside = "" if place[0] == "set" else f"; beside them {', '.join(OPTIONS)} and periods can be varied"
            raise self.wrong(place, "is not a key of the configuration", near + beside) from None

    def mapping(self, tree: Mapping[str, Any], key: str) -> dict[str, Any]:
        said = tree.get(key, {})
        if not isinstance(said, dict):
            raise self.wrong((key,), "is not a map", f"write `{key}: {{NAME: …}}`")
        return said

    def maybe(self, tree: Mapping[str, Any], key: str) -> str | None:
        said = tree.get(key)
        return None if said is None or said in NULLS else self.text((key,), said)

    def text(self, key: tuple[str, ...], said: Any) -> str:
        if not isinstance(said, str):
            raise self.wrong(key, "is not one value", "write a number or a word")
        return said

    def texts(self, key: str, said: Any) -> list[str]:
        return list(self.each(key, said))

    def each(self, key: str, said: Any) -> Iterator[str]:
        for one in said if isinstance(said, list) else [said]:
            yield self.text((key,), one)
