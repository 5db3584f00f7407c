"""In which terms do all commands speak? The application, its groups, and the options that many commands share."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

app = typer.Typer(
    name="hedgebot",
    help="Keeps inverse-perpetual shorts against a bag of coins at a target ratio. Start with: hedgebot demo, or hedgebot init.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


Config = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", envvar="HEDGEBOT_CONFIG", help="the configuration (default: $HEDGEBOT_CONFIG, else ./hedge.yaml)"
    ),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="a setting that goes before all others; may be repeated")
]
Account = Annotated[str | None, typer.Option("--account", metavar="NAME", help="which account; needed where there are several")]
AsJson = Annotated[bool, typer.Option("--json", help="answer with one JSON document")]
LogJson = Annotated[bool, typer.Option("--log-json", help="log one JSON object a line (the default unless stderr is a terminal)")]
LogLevel = Annotated[str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error")]
Costs = Annotated[bool, typer.Option("--costs", help="what they came to cost, against the market they met and a market order")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="how many, newest first")]
Reason = Annotated[str, typer.Option("--reason", help="for the record")]


def leave(code: int) -> NoReturn:
    raise typer.Exit(int(code))


def log_to_stderr(level: str | None, *, as_json: bool = False, otherwise: str = "error") -> None:
    from bot.logs import configure

    chosen = (level or otherwise).lower()
    if chosen not in ("debug", "info", "warning", "error", "critical"):
        raise typer.BadParameter(f"{level}: write debug, info, warning or error", param_hint="--log-level")
    configure(True if as_json else None, chosen)
