"""Which parts of the docs does the code write? Everything between `<!-- generated: NAME -->` and `<!-- end -->`.

`python -m tests.docs_from_code` (or `make docs`) rewrites them; test_docs.py fails while one is stale.
"""

import ast
import re
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Final

import typer

from bot.cli import app
from bot.core import machine
from bot.metrics import metrics_table_markdown
from bot.rehearsal.faults import FAULTS, Fault
from bot.settings_docs import config_table_markdown
from tests import docs_of_performance, docs_of_promises, docs_of_venues

HERE: Final = Path(__file__).parent.parent
PAGES: Final = (HERE / "README.md", *sorted((HERE / "docs").glob("*.md")))
BLOCK: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def commands() -> Iterator[tuple[str, Any]]:
    """Every command that can be typed, by its words, with what click knows of it."""

    def below(words: str, group: Any) -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            if getattr(command, "commands", None) is None:
                yield f"{words} {name}", command
            else:
                yield from below(f"{words} {name}", command)

    return below("hedgebot", typer.main.get_command(app))


def usage(words: str, command: Any) -> str:
    """The words with what must follow them; what may be left out stands in brackets."""
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    shown = [(argument_word(one), one.required) for one in arguments]
    return " ".join((words, *(name if required else f"[{name}]" for name, required in shown)))


def argument_word(argument: Any) -> str:
    choices = argument.type_descriptor.annotation
    if isinstance(choices, type) and issubclass(choices, Enum):
        return "\\|".join(str(choice.value) for choice in choices)
    return str(argument.metavar or argument.name.upper())


def commands_table() -> str:
    rows = ["| command | what it does |", "|---|---|"]
    rows += [f"| `{usage(words, command)}` | {cell(first_sentence(command.help))} |" for words, command in commands()]
    return "\n".join(rows) + "\n"


def commands_reference() -> str:
    parts = []
    for words, command in commands():
        parts += [f"### `{usage(words, command)}`".replace("\\|", "|"), "", cell(command.help), ""]
        options = [parameter for parameter in command.params if parameter.param_type_name == "option" and parameter.name != "help"]
        if options:
            parts += ["| option | meaning |", "|---|---|"]
            parts += [f"| `{option_words(option)}` | {cell(option.help or '')} |" for option in options]
            parts.append("")
    return "\n".join(parts)


def option_words(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or 'N'}"
    return ", ".join(option.opts) + value.replace("|", "\\|")


def first_sentence(text: str) -> str:
    return re.split(r"(?<=[.?]) ", text.strip(), maxsplit=1)[0]


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def files_table() -> str:
    """Each source file with the question that opens it."""
    rows = ["| file | question |", "|---|---|"]
    for package in ("bot", "adapters"):
        for path in sorted((HERE / package).rglob("*.py")):
            opening = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
            if opening and path.name != "__init__.py":
                rows.append(f"| `{path.relative_to(HERE).as_posix()}` | {cell(first_sentence(opening.partition(chr(10) * 2)[0]))} |")
    return "\n".join(rows) + "\n"


def faults_table() -> str:
    rows = ["| fault | profile | what happens | how often |", "|---|---|---|---|"]
    rows += [f"| `{fault.name}` | {fault.profile} | {fault.what} | {often(fault)} |" for fault in FAULTS.values()]
    return "\n".join(rows) + "\n"


def often(fault: Fault) -> str:
    if fault.timed:
        return f"every {fault.low / 60:g} to {fault.high / 60:g} min"
    return "always" if fault.low == 1 else f"{fault.low:.2%} to {fault.high:.0%} of the times it can"


def diagram(name: str) -> Callable[[], str]:
    return lambda: f"```mermaid\n{machine.mermaid()[name]}\n```\n"


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "settings": config_table_markdown,
    "metrics": metrics_table_markdown,
    "machine-bot": diagram("bot"),
    "machine-order": diagram("order"),
    "commands": commands_reference,
    "command-table": commands_table,
    "files": files_table,
    "faults": faults_table,
    "venue-table": docs_of_venues.overview,
    "transfers": docs_of_venues.transfers,
    "venues": docs_of_venues.sections,
    "promises": docs_of_promises.promises_table,
    "promise-runs": docs_of_promises.runs_table,
    "performance": docs_of_performance.figures_tables,
    "performance-curves": docs_of_performance.pictures,
}


def renewed(text: str) -> str:
    """A page with every block as the code has it now. A name that no block has raises KeyError."""
    return BLOCK.sub(lambda found: f"{found[1]}\n{BLOCKS[found[2]]()}\n{found[3]}", text)


def main() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if (now := renewed(text)) != text:
            page.write_text(now, encoding="utf-8")


if __name__ == "__main__":
    main()
