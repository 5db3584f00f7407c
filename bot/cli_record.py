"""What can be asked of the record? The audit and db commands."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from bot.cli_terms import Account, AsJson, Config, Limit, leave, log_to_stderr

audit = typer.Typer(
    name="audit", help="The record: read it, have it explained, verify it, export it.", no_args_is_help=True, rich_markup_mode=None
)
db = typer.Typer(name="db", help="The audit database.", no_args_is_help=True, rich_markup_mode=None)


@audit.command("tail")
def audit_tail(config: Config = None, account: Account = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """The newest entries, oldest first."""
    from bot.cli_audit import tail
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json, clock

    log_to_stderr(None)
    listed = tail(settings_from(config, account=account), limit)
    if as_json:
        answer_json({"entries": listed})
        return
    for one in listed:
        typer.echo(f"{one['seq']:>6}  {clock(one['at'])}  {one['says']}")


@audit.command("show")
def audit_show(seq: Annotated[int, typer.Argument(min=1)], config: Config = None, account: Account = None, as_json: AsJson = False) -> None:
    """One entry with everything in it, as JSON."""
    import json

    from bot.cli_audit import entry
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    said = entry(settings_from(config, account=account), seq)
    answer_json(said) if as_json else typer.echo(json.dumps(said, indent=2, ensure_ascii=False))


@audit.command("explain")
def audit_explain(
    identity: Annotated[str, typer.Argument(metavar="ID", help="an order's id, or the number of an entry")],
    config: Config = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Why the bot did that, in plain words."""
    from bot.cli_audit import story
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    told = story(settings_from(config, account=account), identity)
    answer_json({"id": identity, "story": told}) if as_json else typer.echo(told)


@audit.command("verify")
def audit_verify(
    config: Config = None,
    account: Account = None,
    heads: Annotated[Path | None, typer.Option("--heads", metavar="FILE", help="heads seen outside: lines SEQ HASH, or a log")] = None,
    online: Annotated[bool, typer.Option("--online", help="also compare own trades with those of the venue; nothing is signed")] = False,
    as_json: AsJson = False,
) -> None:
    """Is the record whole and unchanged, and would the bot decide the same again? Exit 0 good, 1 broken, 3 could not tell."""
    from bot.cli_audit import verification_json, verification_lines, verified
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    found = verified(settings_from(config, account=account), heads, online=online)
    if as_json:
        answer_json(verification_json(found))
    else:
        for line in verification_lines(found):
            typer.echo(line)
    leave(found.exit_code)


@audit.command("export")
def audit_export(
    config: Config = None,
    account: Account = None,
    form: Annotated[str, typer.Option("--format", metavar="csv|jsonl", help="one entry a line")] = "jsonl",
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="instead of stdout")] = None,
) -> None:
    """The whole record as a file."""
    from bot.cli_audit import write_export
    from bot.cli_config import settings_from

    if form not in ("csv", "jsonl"):
        raise typer.BadParameter(f"{form}: write csv or jsonl", param_hint="--format")
    chosen: Literal["csv", "jsonl"] = "csv" if form == "csv" else "jsonl"
    log_to_stderr(None)
    write_export(settings_from(config, account=account), chosen, output, config)


@audit.command("prune")
def audit_prune(
    before: Annotated[str, typer.Option("--before", metavar="DATE", help="drop what is older (UTC)")],
    archive: Annotated[Path, typer.Option("--archive", metavar="FILE", help="written first: the whole record, verified; must not exist")],
    config: Config = None,
    account: Account = None,
    admin: Annotated[
        str | None, typer.Option("--admin", metavar="USER", help="on a server: who may act for the owner of the tables; the bot may not")
    ] = None,
    admin_password: Annotated[Path | None, typer.Option("--admin-password-file", metavar="FILE", help="holds his password")] = None,
    as_json: AsJson = False,
) -> None:
    """Drop old entries at a checkpoint: the rest still verifies, and the file proves what went. Stop the bot first."""
    from bot.cli_audit import pruned, pruned_lines
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    if admin_password is not None:
        admin = admin or "postgres"
    said = pruned(settings_from(config, account=account), before, archive, admin, admin_password)
    answer_json(said) if as_json else typer.echo("\n".join(pruned_lines(said)))


@db.command("set-up")
def db_set_up(
    config: Config = None,
    admin: Annotated[str, typer.Option("--admin", metavar="USER", help="who may make users and databases on that server")] = "postgres",
    admin_password: Annotated[
        Path | None, typer.Option("--admin-password-file", metavar="FILE", help="holds the administrator's password")
    ] = None,
) -> None:
    """Make the bot's user, its database and the tables of this version on a PostgreSQL server. May be repeated."""
    from bot.cli_audit import set_up_server
    from bot.cli_config import accounts_from

    log_to_stderr(None)
    typer.echo(f"{set_up_server(accounts_from(config)[0], admin, admin_password)} is ready: its user may add to the record and read it")


@db.command("upgrade")
def db_upgrade(config: Config = None) -> None:
    """Bring the tables of the audit database to this version. Stop the bot and make a copy first."""
    from bot.cli_audit import upgraded
    from bot.cli_config import accounts_from

    log_to_stderr(None)
    typer.echo(f"{upgraded(accounts_from(config)[0])} has the tables of this version")
