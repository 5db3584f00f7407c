"""What keeps a bot in good hands? Tokens for others, messages that arrive, copies of the record."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli_terms import Account, AsJson, Config, leave, log_to_stderr

upkeep = typer.Typer(rich_markup_mode=None)
token = typer.Typer(
    name="token", help="Tokens for the HTTP API and the console, besides the bot's own one.", no_args_is_help=True, rich_markup_mode=None
)
notify = typer.Typer(name="notify", help="Messages to people.", no_args_is_help=True, rich_markup_mode=None)


@token.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="who will hold it; it is on record with each command")],
    config: Config = None,
    operate: Annotated[bool, typer.Option("--operate/--read", help="may command, or only read (the default)")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a token and show it once: only its hash is kept."""
    from bot.cli_config import accounts_from
    from bot.cli_doors import added
    from bot.cli_show import answer_json

    log_to_stderr(None)
    said = added(accounts_from(config)[0], name, operate=operate)
    answer_json(said) if as_json else typer.echo(said["token"])


@token.command("list")
def token_list(config: Config = None, as_json: AsJson = False) -> None:
    """The tokens that were given out, by name and role."""
    from bot.cli_config import accounts_from
    from bot.cli_doors import listed
    from bot.cli_show import answer_json, clock, plain_table, show

    log_to_stderr(None)
    said = listed(accounts_from(config)[0])
    if as_json:
        answer_json({"tokens": said})
        return
    table = plain_table("name", "role", "since (UTC)", left=("role", "since (UTC)"))
    for one in said:
        table.add_row(one["name"], one["role"], clock(one["at"]))
    show(table)


@token.command("revoke")
def token_revoke(name: str, config: Config = None) -> None:
    """It opens nothing from the next request on."""
    from bot.cli_config import accounts_from
    from bot.cli_doors import revoked

    log_to_stderr(None)
    revoked(accounts_from(config)[0], name)
    typer.echo(f"{name} opens nothing any more")


@notify.command("test")
def notify_test(config: Config = None, account: Account = None, as_json: AsJson = False) -> None:
    """Send a message of each severity to every address, and say which arrived. Exit 1 if one did not."""
    from bot.cli_config import accounts_from
    from bot.cli_doors import tried
    from bot.cli_show import answer_json

    log_to_stderr(None, otherwise="critical")
    said = tried(accounts_from(config, account=account)[0])
    if as_json:
        answer_json({"channels": said})
    else:
        for one in said:
            typer.echo(f"{one['severity']:<9} {one['channel']}: {'sent' if one['sent'] else 'NOT sent'} in {one['seconds']} s")
    leave(0 if all(one["sent"] for one in said) else 1)


@upkeep.command()
def backup(
    file: Annotated[Path, typer.Argument(help="where to write it; must not exist")], config: Config = None, as_json: AsJson = False
) -> None:
    """Copy the audit database, as of one moment and beside a running bot, and verify the copy."""
    from bot.cli_backup import backed_up, summary
    from bot.cli_config import accounts_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    said = backed_up(accounts_from(config)[0], file)
    answer_json(said) if as_json else typer.echo(summary(said, f"written to {file}"))


@upkeep.command()
def restore(
    file: Annotated[Path, typer.Argument(help="what `hedgebot backup` wrote")],
    config: Config = None,
    force: Annotated[bool, typer.Option("--force", help="replace a record that is there; it is kept beside the new one")] = False,
    as_json: AsJson = False,
) -> None:
    """Verify a copy and put it in the place of the audit database. Stop the bot first."""
    from bot.cli_backup import restored, summary
    from bot.cli_config import accounts_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    said = restored(accounts_from(config)[0], file, force=force)
    answer_json(said) if as_json else typer.echo(summary(said, "restored"))
