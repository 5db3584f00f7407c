"""What can be typed? Every command of `hedgebot`; what it does lies in its cli_*.py and is loaded only when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli_record import audit, db
from bot.cli_terms import Account, AsJson, Config, Costs, Limit, LogJson, LogLevel, Sets, app, leave, log_to_stderr
from bot.cli_upkeep import notify, token, upkeep
from bot.cli_words import target, words

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
    account: Account = None,
    online: Annotated[bool, typer.Option("--online", help="also ask venue, database and target document; nothing is signed")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge the configuration: each finding with its remedy. Exit 4 if a setting must change, 3 if only the account or venue must."""
    from bot.cli_config import accounts_from
    from bot.cli_setup import exit_of, finding_json, findings_of_all
    from bot.settings import SettingsError

    if online:
        log_to_stderr(None, otherwise="critical")
    try:
        found = findings_of_all(accounts_from(config, sets, account=account), online=online)
    except SettingsError as error:
        found = error.findings
    errors = sum(finding.severity == "error" for finding in found)
    if as_json:
        from bot.cli_show import answer_json

        answer_json({"ok": not errors, "findings": [finding_json(finding) for finding in found]})
    else:
        from bot.cli_show import findings_table, show

        show(*([findings_table(found)] if found else []), tally(errors, len(found) - errors))
    leave(exit_of(found))


def tally(errors: int, warnings: int) -> str:
    parts = [f"{count} {name}{'' if count == 1 else 's'}" for count, name in ((errors, "error"), (warnings, "warning")) if count]
    return ", ".join(parts) or "the configuration is good: nothing found"


@app.command()
def probe(config: Config = None, as_json: AsJson = False) -> None:
    """For health checks: exit 0 if the running bot is alive and ready, else 1."""
    from bot.cli_config import accounts_from
    from bot.cli_probe import probe as ask
    from bot.cli_show import answer_json

    log_to_stderr(None)
    good, said = ask(accounts_from(config)[0])
    if as_json:
        answer_json(said)
    else:
        bad = [f"{one['name']}: {one['why']}" for one in said["checks"] if not one["ok"]]
        typer.echo("alive and ready" if good else "; ".join(bad) or said["why"])
    leave(0 if good else 1)


@app.command()
def venues(as_json: AsJson = False) -> None:
    """The venues, their environments, and how far each kind of contract was seen to work there."""
    from bot.cli_setup import venues as known
    from bot.cli_show import answer_json, plain_table, show
    from bot.venue_offers import PROOFS

    listed = known()
    if as_json:
        answer_json({"venues": listed})
        return
    titles = ("environments", "inverse", "linear", "moves coins")
    table = plain_table("venue", *titles, left=titles)
    for venue in listed:
        moves = "yes" if venue["transfers"] else "no"
        table.add_row(venue["name"], ", ".join(venue["environments"]) or "none needed", venue["inverse"], venue["linear"], moves)
    show(table, *(f"{proof}: {meaning}" for proof, meaning in PROOFS.items()), "")
    show(*(f"{venue['name']}: {venue['why_not']}" for venue in listed if venue["why_not"]))
    show("", *(f"no coins are moved at {one['name']}: it {one['no_transfer']}" for one in listed if one["no_transfer"]))


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
def plan(config: Config = None, account: Account = None, sets: Sets = None, as_json: AsJson = False) -> None:
    """What the bot would do now. Only reads; needs no running bot."""
    from bot.cli_config import settings_from
    from bot.cli_read import plan as made
    from bot.cli_show import answer_json, facts, show

    log_to_stderr(None)
    said = made(settings_from(config, sets, account=account))
    answer_json(said) if as_json else show(facts(said))


@app.command()
def run(
    config: Config = None,
    sets: Sets = None,
    account: Account = None,
    worker: Annotated[
        bool, typer.Option("--worker", help="lead a fair share of the accounts, beside other workers on one PostgreSQL server")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="end when nothing is being worked any more")] = False,
    until_aligned: Annotated[bool, typer.Option("--until-aligned", help="end when every leg is aligned")] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", metavar="S", min=0, help="give up after so many seconds (exit 5)")] = None,
    live: Annotated[bool, typer.Option("--live/--no-live", help="arm at start, under `mode: live`")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="plan only, whatever the configuration says")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="take over a position that this database did not open")] = False,
    as_json: AsJson = False,
    log_json: LogJson = False,
    log_level: LogLevel = None,
) -> None:
    """Keep the hedge of every account: until stopped, or until a given end."""
    from bot.cli_config import accounts_from
    from bot.cli_run import Asked
    from bot.cli_run import live as alive
    from bot.event_loop import carried
    from bot.running import Until

    log_to_stderr(log_level, as_json=log_json, otherwise="info")
    until = Until(once=once, aligned=until_aligned, timeout_ms=None if timeout is None else int(timeout * 1000))
    leave(carried(alive(accounts_from(config, sets, account=account), Asked(until, live, dry_run, adopt, as_json, worker))))


@app.command()
def bag(config: Config = None, account: Account = None, sets: Sets = None, as_json: AsJson = False) -> None:
    """What is held: value, share, where it lies and how old that knowledge is, and what hedges it. Only reads; needs no running bot."""
    from bot.cli_bag import bag as held
    from bot.cli_bag import bag_tables
    from bot.cli_config import settings_from
    from bot.cli_show import answer_json, show

    log_to_stderr(None, otherwise="critical")
    said = held(settings_from(config, sets, account=account))
    answer_json(said) if as_json else show(*bag_tables(said))
    leave(3 if any(one["spot_coins"] is None for one in said["bag"]) else 0)


@app.command()
def report(
    config: Config = None,
    account: Account = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="from the first look after this time (UTC)")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="also write a page with charts, complete in itself")] = None,
    collateral_yield: Annotated[
        str, typer.Option("--collateral-yield", metavar="SHARE", help="what the collateral would have earned elsewhere in a year")
    ] = "0.03",
    as_json: AsJson = False,
) -> None:
    """The insurance statement: what the hedge protected, what it cost, how well it worked. Adds up to the record."""
    from bot.cli_report import Asked, report_table, stated
    from bot.cli_show import answer_json, show

    log_to_stderr(None)
    asked = Asked(config, account, since, html, collateral_yield)
    stated(asked, lambda said: answer_json(said) if as_json else show(report_table(said, since)))


@app.command()
def status(
    config: Config = None,
    account: Account = None,
    watch: Annotated[bool, typer.Option("--watch", help="again every second")] = False,
    as_json: AsJson = False,
) -> None:
    """What the bot holds and plans: asks the running one, else reads the record."""
    from bot.cli_config import accounts_from
    from bot.cli_read import statuses, together
    from bot.cli_read import watch as watched
    from bot.cli_show import answer_json, facts, show

    log_to_stderr(None)
    accounts = accounts_from(config, account=account)
    if watch:
        watched(accounts, as_json=as_json)
        return
    said, code = statuses(accounts)
    if as_json:
        answer_json(together(said, several=len(accounts) > 1))
    else:
        for one in said:
            show(facts(one))
    leave(code)


@app.command()
def workers(config: Config = None, account: Account = None, as_json: AsJson = False) -> None:
    """Who leads which account, and since when."""
    from bot.cli_config import accounts_from
    from bot.cli_read import leaders
    from bot.cli_show import answer_json, plain_table, show
    from bot.workers import leader_in_words

    log_to_stderr(None)
    listed = leaders(accounts_from(config, account=account))
    if as_json:
        answer_json({"workers": listed})
        return
    table = plain_table("account", "holder", "epoch", "since", left=("holder", "since"))
    for one in listed:
        table.add_row(one["account"], leader_in_words(one), str(one["epoch"]), one["since"] or "")
    show(table)


@app.command()
def orders(
    config: Config = None,
    account: Account = None,
    limit: Limit = 20,
    open_only: Annotated[bool, typer.Option("--open", help="only those that are not finished")] = False,
    costs: Costs = False,
    as_json: AsJson = False,
) -> None:
    """Our orders, newest first, from the record."""
    from bot.cli_config import settings_from
    from bot.cli_read import orders as listed
    from bot.cli_show import answer_json, costs_table, orders_table, show

    log_to_stderr(None)
    said = listed(settings_from(config, account=account), limit=limit, open_only=open_only)
    if as_json:
        answer_json(said)
    else:
        show(costs_table(said["orders"]) if costs else orders_table(said["orders"], open_only=open_only))


@app.command()
def fills(config: Config = None, account: Account = None, limit: Limit = 20, costs: Costs = False, as_json: AsJson = False) -> None:
    """Trades of the account, newest first, from the record."""
    from bot.cli_config import settings_from
    from bot.cli_read import fills as listed
    from bot.cli_show import answer_json, costs_table, fills_table, show

    log_to_stderr(None)
    said = listed(settings_from(config, account=account), limit=limit)
    answer_json(said) if as_json else show((costs_table if costs else fills_table)(said["fills"]))


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
    allow_gaps: Annotated[bool, typer.Option("--allow-gaps", help="hold the last price through gaps; no funding there")] = False,
    target_at: Annotated[list[str] | None, typer.Option("--target-at", metavar="BTC=RATIO@TIME", help="an operator's word then")] = None,
    policy: Annotated[
        list[str] | None, typer.Option("--policy", metavar="[BTC=]NAME[:KEY=VALUE,…]", help="such as ramp:days=10; one of each kind")
    ] = None,
    cross: Annotated[
        list[str] | None,
        typer.Option("--cross", metavar="ASSET=WITH[:KEY=VALUE,…]", help="hedge it with another one's contract, such as SOL=BTC:candle=4h"),
    ] = None,
    top_up: Annotated[bool, typer.Option("--top-up", help="let collateral move between the bag and the account")] = False,
    step: Annotated[bool, typer.Option("--step", help="go through every print, also where nothing can happen")] = False,
    compare: Annotated[
        list[str] | None, typer.Option("--compare", metavar="NAME:KEY=VALUE,…", help="also run it with these settings; may be repeated")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="also write a page with charts, complete in itself")
    ] = None,
    png: Annotated[Path | None, typer.Option("--png", metavar="FILE", help="also draw the charts as .png or .svg")] = None,
    config: Config = None,
    account: Account = None,
    sets: Sets = None,
    as_json: AsJson = False,
    log_json: LogJson = False,
    log_level: LogLevel = None,
) -> None:
    """What would have happened: the same engine and the paper exchange over price history. Needs no configuration."""
    from bot.cli_replay import Asked, replayed
    from bot.cli_replay_table import summary
    from bot.cli_show import answer_json, pairs, show

    log_to_stderr(log_level, as_json=log_json, otherwise="critical")
    replayed(
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
            policy or (),
            step,
            cross or (),
            report,
            png,
            compare or (),
            top_up,
            account,
        ),
        lambda said: answer_json(said) if as_json else show(pairs(summary(said, funded=bool(funding)))),
    )


@app.command()
def instruments(
    asset: Annotated[str, typer.Argument(help="which asset is to be hedged")],
    other: Annotated[list[str] | None, typer.Option("--with", metavar="ASSET", help="judge this one's contract too (default: all)")] = None,
    usd: Annotated[str | None, typer.Option("--usd", metavar="N", help="how much (default: what is declared of the bag)")] = None,
    days: Annotated[str, typer.Option("--days", metavar="N", help="for how long it is held")] = "365",
    lookback: Annotated[str, typer.Option("--lookback", metavar="DAYS", help="whose funding counts")] = "30",
    config: Config = None,
    sets: Sets = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Which contract hedges it best: own inverse, linear, another's; by cost, depth and R², and why. Exit 3 if none does."""
    from bot.cli_instruments import Wanted, chosen_among, tables
    from bot.cli_replay import number_of
    from bot.cli_show import answer_json, show

    log_to_stderr(None, otherwise="critical")
    size = None if usd is None else number_of(usd, "--usd")
    wanted = Wanted(asset, other or (), size, number_of(days, "--days"), number_of(lookback, "--lookback"), config, sets or (), account)
    told = chosen_among(wanted)
    answer_json(told) if as_json else show(*tables(told))
    leave(0 if any(one["rank"] == 1 for one in told["contracts"]) else 3)


@app.command()
def correlations(
    prices: Annotated[list[str] | None, typer.Option("--prices", metavar="ASSET=FILE", help="CSV of bars; one for each asset")] = None,
    asset: Annotated[list[str] | None, typer.Option("--asset", metavar="ASSET", help="beside those of the configuration")] = None,
    candle: Annotated[str, typer.Option("--candle", metavar="1h|4h|1d", help="whose returns are compared")] = "1h",
    lookback: Annotated[int, typer.Option("--lookback", metavar="N", help="the newest so many returns")] = 720,
    half_life: Annotated[str | None, typer.Option("--half-life", metavar="N", help="candles after which a return counts half")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="UTC, of files")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="UTC, not included")] = None,
    picture: Annotated[Path | None, typer.Option("--picture", metavar="FILE", help="also draw the matrix as .svg or .png")] = None,
    config: Config = None,
    sets: Sets = None,
    account: Account = None,
    as_json: AsJson = False,
) -> None:
    """Which markets move together: correlations, β, R² and what a hedge would leave, of a venue's candles or of files."""
    from bot.cli_correlations import Asked, correlated, tables
    from bot.cli_replay import named, number_of, window_of
    from bot.cli_show import answer_json, show

    log_to_stderr(None, otherwise="critical")
    files = {name: Path(file) for name, file in named(prices or (), "--prices").items()}
    weight = None if half_life is None else number_of(half_life, "--half-life")
    correlated(
        Asked(files, asset or (), candle, lookback, weight, *window_of(since, until), config, sets or (), account, picture),
        lambda said: answer_json(said) if as_json else show(*tables(said)),
    )


@app.command()
def sweep(
    grid: Annotated[Path, typer.Argument(help="YAML: what `replay` is told, and below `vary` and `periods` what is crossed")],
    to: Annotated[Path | None, typer.Option("--to", metavar="FILE", help="results in Parquet (default: the grid's name, here)")] = None,
    by: Annotated[str | None, typer.Option("--by", metavar="FIGURE", help="rank by it (default: worst_ratio)")] = None,
    top: Annotated[int, typer.Option("--top", metavar="N", min=1, help="how many are shown")] = 20,
    heat: Annotated[Path | None, typer.Option("--heat", metavar="FILE", help="also draw two varied keys, as .svg or .png")] = None,
    x: Annotated[str | None, typer.Option("--x", metavar="KEY", help="of the heat map")] = None,
    y: Annotated[str | None, typer.Option("--y", metavar="KEY", help="of the heat map")] = None,
    cores: Annotated[int | None, typer.Option("--cores", metavar="N", min=1, help="default: all")] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="run on the workers of this Dask cluster instead")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Replay every combination of a grid, on all cores, and rank them. Goes on where it was interrupted. Exit 3 if a run failed."""
    from bot.cli_show import answer_json, show
    from bot.cli_sweep import Asked, shown, swept

    log_to_stderr(None, otherwise="critical")
    asked = Asked(grid, to, by, top, heat, x, y, cores, scheduler)
    said = swept(asked, lambda said: answer_json(said) if as_json else show(*shown(said, top)))
    leave(3 if said["failed"] else 0)


@app.command()
def demo(as_json: AsJson = False) -> None:
    """The main job in seconds: 5 BTC through a crash and its recovery, with a real record in ./hedgebot-demo."""
    from bot.cli_demo import run_demo, show_demo
    from bot.cli_show import answer_json

    log_to_stderr(None, otherwise="critical")
    said = run_demo()
    answer_json(said) if as_json else show_demo(said)
    leave(0 if said["verified"] else 3)


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="how many rehearsals, each of another seed")] = 20,
    hours: Annotated[str, typer.Option("--hours", metavar="H", help="how long each of them lasts, in virtual time")] = "2",
    fault: Annotated[
        list[str] | None, typer.Option("--fault", metavar="NAME", help="a fault, a profile, none or all; default: drawn")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="S", help="only this one")] = None,
    first: Annotated[int, typer.Option("--first", metavar="S", help="the first seed")] = 1,
    trace: Annotated[bool, typer.Option("--trace", help="print everything that happens (with --seed)")] = False,
    compare: Annotated[int, typer.Option("--compare", metavar="N", min=0, help="run the first N twice: their traces must agree")] = 0,
    progress: Annotated[
        Path | None, typer.Option("--progress", metavar="FOLDER", help="skip seeds that were finished there by the same code")
    ] = None,
    cores: Annotated[int | None, typer.Option("--cores", metavar="N", min=1, help="default: all")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="instead: die at each moment of one order, for each answer to it")] = False,
    sets: Sets = None,
    as_json: AsJson = False,
) -> None:
    """Rehearse bad days: the real engine and record against a venue, a network and a database that fail. Exit 1 if a promise breaks."""
    from bot.cli_show import answer_json
    from bot.cli_simulate import Asked, grid_told, gridded, simulated, told, traced

    log_to_stderr(None, otherwise="critical")
    if grid:
        whole = gridded(cores)
        answer_json(whole) if as_json else grid_told(whole)
        leave(1 if whole["violations"] else 0)
    asked = Asked(seeds, first, hours, fault or (), seed, trace, compare, progress, cores, sets or ())
    if trace:
        outcome = traced(asked)
        for line in outcome.lines:
            typer.echo(line)
        typer.echo(f"trace {outcome.hash}: {outcome.invariant or 'all promises held'}")
        leave(1 if outcome.invariant else 0)
    said = simulated(asked)
    answer_json(said) if as_json else told(said)
    leave(1 if said["violations"] else 0)


for commands in (words, target, audit, db, upkeep, token, notify):
    app.add_typer(commands)


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
