"""What can an operator say? Pause, kill, re-arm, targets: every command that changes what the bot does."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from bot.cli_terms import Account, AsJson, Config, Reason, leave, log_to_stderr

words = typer.Typer(rich_markup_mode=None)
target = typer.Typer(
    name="target",
    help="The operator's word on a hedge ratio; it goes before target document and configuration.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Switch(StrEnum):
    on = "on"
    off = "off"


def given(reason: str, what: str) -> str:
    """Raise BadParameter where nothing is said."""
    if not reason.strip():
        raise typer.BadParameter(f"say {what}: it goes on record", param_hint="--reason")
    return reason.strip()


def say_word(config: Path | None, account: str | None, name: str, *, reason: str = "", as_json: bool = False) -> None:
    from bot.cli_config import settings_from
    from bot.cli_operate import simple

    settings = settings_from(config, account=account)
    hand_over(settings, simple(name, reason=reason), as_json)


def hand_over(settings: object, word: object, as_json: bool) -> NoReturn:
    from bot.cli_operate import Word, give
    from bot.settings import Settings

    assert isinstance(settings, Settings)
    assert isinstance(word, Word)
    log_to_stderr(None)
    code, said = give(settings, word)
    answer(said, as_json)
    leave(code)


def answer(said: dict[str, Any], as_json: bool) -> None:
    from bot.cli_show import answer_json

    if as_json:
        answer_json(said)
    else:
        typer.echo(f"{said['message']} (state {said['state']})")


@words.command()
def pause(config: Config = None, account: Account = None, as_json: AsJson = False) -> None:
    """No new orders; those that are open may fill or expire."""
    say_word(config, account, "pause", as_json=as_json)


@words.command()
def resume(config: Config = None, account: Account = None, as_json: AsJson = False) -> None:
    """End a pause."""
    say_word(config, account, "resume", as_json=as_json)


@words.command("dry-run")
def dry_run(
    switch: Annotated[Switch, typer.Argument(help="on: plan only, own orders are cancelled; off: send orders again")],
    config: Config = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Stop or allow the sending of orders, also while the bot runs."""
    from bot.cli_config import settings_from
    from bot.cli_operate import dry_run as word

    hand_over(settings_from(config, account=account), word(switch is Switch.on), as_json)


@words.command()
def kill(config: Config = None, account: Account = None, reason: Reason = "", as_json: AsJson = False) -> None:
    """Cancel own orders and send nothing more, until re-armed. Does not flatten: the hedge stays."""
    say_word(config, account, "kill", reason=reason, as_json=as_json)


@words.command()
def rearm(
    reason: Annotated[str, typer.Option("--reason", help="why it is safe again; goes on record")],
    config: Config = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Let a killed or halted bot send orders again."""
    say_word(config, account, "rearm", reason=given(reason, "why it is safe again"), as_json=as_json)


@words.command("accept-contract")
def accept_contract(
    asset: Annotated[str, typer.Argument(help="such as BTC")],
    reason: Annotated[str, typer.Option("--reason", help="why the contract is good as it is now; goes on record")],
    config: Config = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Hedge on with a contract that changed at the venue; the position is taken as the venue shows it."""
    from bot.cli_config import settings_from
    from bot.cli_operate import accept_contract as word

    said = given(reason, "why the contract is good as it is now")
    settings = settings_from(config, account=account)
    hand_over(settings, word(settings, asset, said), as_json)


@words.command()
def release(
    asset: Annotated[str, typer.Argument(help="such as ETH")],
    reason: Annotated[str, typer.Option("--reason", help="what became of the hedge; goes on record")],
    config: Config = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Put on record that a hedge is over which the bot did not close: its contract is gone, or somebody closed it. No bot may run."""
    from bot.cli_config import settings_from
    from bot.cli_release import release as put_on_record

    said = given(reason, "what became of the hedge")
    log_to_stderr(None)
    answer(put_on_record(settings_from(config, account=account), asset, said), as_json)


@words.command("cancel-all")
def cancel_all(config: Config = None, account: Account = None, as_json: AsJson = False) -> None:
    """Cancel all own orders once; the bot then goes on."""
    say_word(config, account, "cancel-all", as_json=as_json)


@words.command()
def flatten(
    config: Config = None,
    account: Account = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring every leg to zero, then kill: leaves the bag without a hedge."""
    from bot.cli_exit import on_terminal

    if not yes:
        if not on_terminal():
            raise typer.BadParameter(
                "there is no terminal to ask on: give --yes if the bag may be left without a hedge", param_hint="--yes"
            )
        if not typer.confirm("Close the whole hedge and leave the bag naked?"):
            typer.echo("nothing was changed")
            leave(0)
    say_word(config, account, "flatten", as_json=as_json)


@target.command("set", context_settings={"ignore_unknown_options": True})
def target_set(
    asset: Annotated[str, typer.Argument(help="such as BTC")],
    ratio: Annotated[str, typer.Argument(help="0 to 1")],
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="ends with that day, UTC")] = None,
    config: Config = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Set the ratio of an asset; 0 brings it to flat, reduce-only."""
    from bot.cli_config import settings_from
    from bot.cli_operate import target_set as word

    settings = settings_from(config, account=account)
    hand_over(settings, word(settings, asset, ratio, until), as_json)


@target.command("clear")
def target_clear(
    asset: Annotated[str, typer.Argument(help="such as BTC")], config: Config = None, account: Account = None, as_json: AsJson = False
) -> None:
    """Take the operator's word back: target document or configuration count again."""
    from bot.cli_config import settings_from
    from bot.cli_operate import target_clear as word

    settings = settings_from(config, account=account)
    hand_over(settings, word(settings, asset), as_json)


@target.command("list")
def target_list(config: Config = None, account: Account = None, as_json: AsJson = False) -> None:
    """The operator's and the configuration's ratios; of each asset the first one listed counts."""
    from bot.cli_config import settings_from
    from bot.cli_read import targets
    from bot.cli_show import answer_json, show, targets_table

    log_to_stderr(None)
    said = targets(settings_from(config, account=account))
    answer_json(said) if as_json else show(targets_table(said["targets"]))
