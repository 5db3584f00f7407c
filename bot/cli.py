"""What can be typed? Every command of `hedgebot`; what it does lies in its cli_*.py and is loaded only when it is called."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, NoReturn

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


def group(name: str, text: str) -> typer.Typer:
    made = typer.Typer(name=name, help=text, no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made)
    return made


target = group("target", "The operator's word on a hedge ratio; it goes before target document and configuration.")
audit = group("audit", "The record: read it, have it explained, verify it, export it.")
db = group("db", "The audit database.")


class Switch(StrEnum):
    on = "on"
    off = "off"


Config = Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="the configuration (default: ./hedge.yaml)")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="a setting that goes before all others; may be repeated")
]
AsJson = Annotated[bool, typer.Option("--json", help="answer with one JSON document")]
LogJson = Annotated[bool, typer.Option("--log-json", help="log one JSON object a line (the default unless stderr is a terminal)")]
LogLevel = Annotated[str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error")]
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


# ---------------------------------------------------------------------------------------------------------------- set up


@app.command()
def init(
    file: Annotated[Path, typer.Argument(help="where to write it")] = Path("hedge.yaml"),
    force: Annotated[bool, typer.Option("--force", help="overwrite an existing file")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="print the JSON Schema of the file instead, for editors")] = False,
) -> None:
    """Write a commented hedge.yaml that runs as it is, on the paper exchange."""
    if schema:
        import json

        from bot.settings_docs import json_schema

        typer.echo(json.dumps(json_schema(), indent=2))
        return
    from bot.cli_setup import write_example

    write_example(file, force=force)
    typer.echo(f"wrote {file}: edit it, then `hedgebot check` and `hedgebot plan`")


@app.command()
def check(
    config: Config = None,
    sets: Sets = None,
    online: Annotated[bool, typer.Option("--online", help="also ask venue, database and target document; nothing is signed")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge the configuration: each finding with its remedy. Exit 4 if one of them is an error."""
    from bot.cli_config import settings_from
    from bot.cli_setup import finding_json, findings_of
    from bot.settings import SettingsError

    if online:
        log_to_stderr(None, otherwise="critical")
    try:
        found = findings_of(settings_from(config, sets), online=online)
    except SettingsError as error:
        found = error.findings
    errors = sum(finding.severity == "error" for finding in found)
    if as_json:
        from bot.cli_show import answer_json

        answer_json({"ok": not errors, "findings": [finding_json(finding) for finding in found]})
    else:
        for finding in found:
            typer.echo(f"{finding.severity}: {finding}")
        typer.echo(f"{errors} errors, {len(found) - errors} warnings" if found else "the configuration is good: nothing found")
    leave(4 if errors else 0)


@app.command()
def probe(config: Config = None, as_json: AsJson = False) -> None:
    """For health checks: exit 0 if the running bot is alive and ready, else 1."""
    from bot.cli_config import settings_from
    from bot.cli_read import probe as ask
    from bot.cli_show import answer_json

    log_to_stderr(None)
    good, said = ask(settings_from(config))
    if as_json:
        answer_json(said)
    else:
        bad = [f"{one['name']}: {one['why']}" for one in said["checks"] if not one["ok"]]
        typer.echo("alive and ready" if good else "; ".join(bad) or said["why"])
    leave(0 if good else 1)


@app.command()
def venues(as_json: AsJson = False) -> None:
    """The venues and their environments."""
    from bot.cli_setup import venues as known
    from bot.cli_show import answer_json, plain_table, show

    listed = known()
    if as_json:
        answer_json({"venues": listed})
        return
    table = plain_table("venue", "environments", "in this version", left=("environments", "in this version"))
    for venue in listed:
        table.add_row(venue["name"], ", ".join(venue["environments"]) or "none needed", "yes" if venue["available"] else "not yet")
    show(table)


@app.command()
def version(as_json: AsJson = False) -> None:
    """The version of this program."""
    from importlib.metadata import version as installed
    from platform import python_version

    said = {"version": installed("hedgebot"), "python": python_version()}
    if as_json:
        from bot.cli_show import answer_json

        answer_json(said)
    else:
        typer.echo(f"hedgebot {said['version']} (Python {said['python']})")


# ---------------------------------------------------------------------------------------------------------------- run and look


@app.command()
def plan(config: Config = None, sets: Sets = None, as_json: AsJson = False) -> None:
    """What the bot would do now. Only reads; needs no running bot."""
    from bot.cli_config import settings_from
    from bot.cli_read import plan as made
    from bot.cli_show import answer_json, facts, show

    log_to_stderr(None)
    said = made(settings_from(config, sets))
    answer_json(said) if as_json else show(facts(said))


@app.command()
def run(
    config: Config = None,
    sets: Sets = None,
    once: Annotated[bool, typer.Option("--once", help="end when nothing is being worked any more")] = False,
    until_aligned: Annotated[bool, typer.Option("--until-aligned", help="end when every leg is aligned")] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", min=0, help="give up after so many seconds (exit 5)")] = None,
    live: Annotated[bool, typer.Option("--live", help="arm at start, under `mode: live`")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="plan only, whatever the configuration says")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="take over a position that this database did not open")] = False,
    as_json: AsJson = False,
    log_json: LogJson = False,
    log_level: LogLevel = None,
) -> None:
    """Keep the hedge: until stopped, or until a given end."""
    import asyncio

    from bot.cli_config import settings_from
    from bot.cli_run import Asked
    from bot.cli_run import live as alive
    from bot.running import Until

    log_to_stderr(log_level, as_json=log_json, otherwise="info")
    until = Until(once=once, aligned=until_aligned, timeout_ms=None if timeout is None else int(timeout * 1000))
    leave(asyncio.run(alive(settings_from(config, sets), Asked(until, live, dry_run, adopt, as_json))))


@app.command()
def status(
    config: Config = None,
    watch: Annotated[bool, typer.Option("--watch", help="again every second")] = False,
    as_json: AsJson = False,
) -> None:
    """What the bot holds and plans: asks the running one, else reads the record."""
    from bot.cli_config import settings_from
    from bot.cli_read import status as known
    from bot.cli_read import watch as watched
    from bot.cli_show import answer_json, facts, show

    log_to_stderr(None)
    settings = settings_from(config)
    if watch:
        watched(settings, as_json=as_json)
        return
    said = known(settings)
    answer_json(said) if as_json else show(facts(said))


@app.command()
def orders(
    config: Config = None,
    limit: Limit = 20,
    open_only: Annotated[bool, typer.Option("--open", help="only those that are not finished")] = False,
    as_json: AsJson = False,
) -> None:
    """Our orders, newest first, from the record."""
    from bot.cli_config import settings_from
    from bot.cli_read import orders as listed
    from bot.cli_show import answer_json, orders_table, show

    log_to_stderr(None)
    said = listed(settings_from(config), limit=limit, open_only=open_only)
    answer_json(said) if as_json else show(orders_table(said["orders"]))


@app.command()
def fills(config: Config = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """Trades of the account, newest first, from the record."""
    from bot.cli_config import settings_from
    from bot.cli_read import fills as listed
    from bot.cli_show import answer_json, fills_table, show

    log_to_stderr(None)
    said = listed(settings_from(config), limit=limit)
    answer_json(said) if as_json else show(fills_table(said["fills"]))


# ---------------------------------------------------------------------------------------------------------------- operate


def say_word(config: Path | None, name: str, *, reason: str = "", as_json: bool = False) -> None:
    from bot.cli_config import settings_from
    from bot.cli_operate import simple

    settings = settings_from(config)
    hand_over(settings, simple(name, reason=reason), as_json)


def hand_over(settings: object, word: object, as_json: bool) -> NoReturn:
    from bot.cli_operate import Word, give
    from bot.cli_show import answer_json
    from bot.settings import Settings

    assert isinstance(settings, Settings)
    assert isinstance(word, Word)
    log_to_stderr(None)
    code, said = give(settings, word)
    if as_json:
        answer_json(said)
    else:
        typer.echo(f"{said['message']} (state {said['state']})")
    leave(code)


@app.command()
def pause(config: Config = None, as_json: AsJson = False) -> None:
    """No new orders; those that are open may fill or expire."""
    say_word(config, "pause", as_json=as_json)


@app.command()
def resume(config: Config = None, as_json: AsJson = False) -> None:
    """End a pause."""
    say_word(config, "resume", as_json=as_json)


@app.command("dry-run")
def dry_run(
    switch: Annotated[Switch, typer.Argument(help="on: plan only, own orders are cancelled; off: send orders again")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Stop or allow the sending of orders, also while the bot runs."""
    from bot.cli_config import settings_from
    from bot.cli_operate import dry_run as word

    hand_over(settings_from(config), word(switch is Switch.on), as_json)


@app.command()
def kill(config: Config = None, reason: Reason = "", as_json: AsJson = False) -> None:
    """Cancel own orders and send nothing more, until re-armed. Does not flatten: the hedge stays."""
    say_word(config, "kill", reason=reason, as_json=as_json)


@app.command()
def rearm(
    reason: Annotated[str, typer.Option("--reason", help="why it is safe again; goes on record")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Let a killed or halted bot send orders again."""
    if not reason.strip():
        raise typer.BadParameter("say why it is safe again: it goes on record", param_hint="--reason")
    say_word(config, "rearm", reason=reason.strip(), as_json=as_json)


@app.command("cancel-all")
def cancel_all(config: Config = None, as_json: AsJson = False) -> None:
    """Cancel all own orders once; the bot then goes on."""
    say_word(config, "cancel-all", as_json=as_json)


@app.command()
def flatten(
    config: Config = None,
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
    say_word(config, "flatten", as_json=as_json)


@target.command("set")
def target_set(
    asset: Annotated[str, typer.Argument(help="such as BTC")],
    ratio: Annotated[str, typer.Argument(help="0 to 1")],
    until: Annotated[str | None, typer.Option("--until", metavar="DATE", help="ends with that day, UTC")] = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Set the ratio of an asset; 0 brings it to flat, reduce-only."""
    from bot.cli_config import settings_from
    from bot.cli_operate import target_set as word

    settings = settings_from(config)
    hand_over(settings, word(settings, asset, ratio, until), as_json)


@target.command("clear")
def target_clear(asset: Annotated[str, typer.Argument(help="such as BTC")], config: Config = None, as_json: AsJson = False) -> None:
    """Take the operator's word back: target document or configuration count again."""
    from bot.cli_config import settings_from
    from bot.cli_operate import target_clear as word

    settings = settings_from(config)
    hand_over(settings, word(settings, asset), as_json)


@target.command("list")
def target_list(config: Config = None, as_json: AsJson = False) -> None:
    """The operator's and the configuration's ratios; of each asset the first one listed counts."""
    from bot.cli_config import settings_from
    from bot.cli_read import targets
    from bot.cli_show import answer_json, show, targets_table

    log_to_stderr(None)
    said = targets(settings_from(config))
    answer_json(said) if as_json else show(targets_table(said["targets"]))


# ---------------------------------------------------------------------------------------------------------------- the record


@audit.command("tail")
def audit_tail(config: Config = None, limit: Limit = 20, as_json: AsJson = False) -> None:
    """The newest entries, oldest first."""
    from bot.cli_audit import tail
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json, clock

    log_to_stderr(None)
    listed = tail(settings_from(config), limit)
    if as_json:
        answer_json({"entries": listed})
        return
    for one in listed:
        typer.echo(f"{one['seq']:>6}  {clock(one['at'])}  {one['says']}")


@audit.command("show")
def audit_show(seq: Annotated[int, typer.Argument(min=1)], config: Config = None, as_json: AsJson = False) -> None:
    """One entry with everything in it, as JSON."""
    import json

    from bot.cli_audit import entry
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    said = entry(settings_from(config), seq)
    answer_json(said) if as_json else typer.echo(json.dumps(said, indent=2, ensure_ascii=False))


@audit.command("explain")
def audit_explain(
    identity: Annotated[str, typer.Argument(metavar="ID", help="an order's id, or the number of an entry")],
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Why the bot did that, in plain words."""
    from bot.cli_audit import story
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    told = story(settings_from(config), identity)
    answer_json({"id": identity, "story": told}) if as_json else typer.echo(told)


@audit.command("verify")
def audit_verify(
    config: Config = None,
    heads: Annotated[Path | None, typer.Option("--heads", metavar="FILE", help="heads seen outside: lines SEQ HASH, or a log")] = None,
    as_json: AsJson = False,
) -> None:
    """Is the record whole and unchanged, and would the bot decide the same again? Exit 0 good, 1 broken, 3 could not tell."""
    from bot.cli_audit import verification_json, verification_lines, verified
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json

    log_to_stderr(None)
    found = verified(settings_from(config), heads)
    if as_json:
        answer_json(verification_json(found))
    else:
        for line in verification_lines(found):
            typer.echo(line)
    leave(found.exit_code)


@audit.command("export")
def audit_export(
    config: Config = None,
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
    write_export(settings_from(config), chosen, output)


@db.command("upgrade")
def db_upgrade(config: Config = None) -> None:
    """Bring the tables of the audit database to this version. Stop the bot and make a copy first."""
    from bot.cli_audit import upgraded
    from bot.cli_config import settings_from

    log_to_stderr(None)
    typer.echo(f"{upgraded(settings_from(config))} has the tables of this version")


# ---------------------------------------------------------------------------------------------------------------- virtual time


@app.command()
def replay(
    prices: Annotated[list[str], typer.Option("--prices", metavar="[BTC=]FILE", help="CSV of bars or prices; one for each asset")],
    funding: Annotated[list[str] | None, typer.Option("--funding", metavar="[BTC=]FILE", help="CSV of funding rates")] = None,
    bag: Annotated[list[str] | None, typer.Option("--bag", metavar="[BTC=]COINS", help="held outside the futures account")] = None,
    collateral: Annotated[list[str] | None, typer.Option("--collateral", metavar="[BTC=]COINS", help="posted on the account")] = None,
    ratio: Annotated[list[str] | None, typer.Option("--ratio", metavar="[BTC=]RATIO", help="default 1.0")] = None,
    basis: Annotated[str | None, typer.Option("--basis", metavar="coins|value", help="default coins")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="UTC")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="UTC, not included")] = None,
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="hold the last price through gaps")] = False,
    target_at: Annotated[list[str] | None, typer.Option("--target-at", metavar="BTC=RATIO@TIME", help="an operator's word then")] = None,
    config: Config = None,
    sets: Sets = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
    log_level: LogLevel = None,
) -> None:
    """What would have happened: the same engine and the paper exchange over price history. Needs no configuration."""
    from bot.cli_replay import Asked, replayed, summary
    from bot.cli_show import answer_json, pairs, show

    log_to_stderr(log_level, as_json=log_json, otherwise="critical")
    said = replayed(
        Asked(
            prices,
            funding or (),
            bag or (),
            collateral or (),
            ratio or (),
            basis,
            since,
            until,
            allow_gaps,
            target_at or (),
            config,
            sets or (),
        )
    )
    answer_json(said) if as_json else show(pairs(summary(said)))


@app.command()
def demo(as_json: AsJson = False) -> None:
    """The main job in seconds: 5 BTC through a crash and its recovery, with a real record in ./hedgebot-demo."""
    from bot.cli_demo import run_demo, show_demo
    from bot.cli_show import answer_json

    log_to_stderr(None, otherwise="critical")
    said = run_demo()
    answer_json(said) if as_json else show_demo(said)
    leave(0 if said["verified"] else 3)


def main() -> None:
    """The console script: every foreseen error is one line and its exit code."""
    try:
        app()
    except Exception as error:
        from bot.cli_exit import told

        code = told(error)
        if code is None:
            raise
        raise SystemExit(int(code)) from None
