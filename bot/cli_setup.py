"""Is everything in place? Write a configuration, judge it, and say which venues and which program there are."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from bot.cli_exit import Wrong
from bot.cli_picture import require_place, write
from bot.core.contracts import notional_usd
from bot.core.decision import LegPlan
from bot.core.model import Instrument
from bot.core.rules import LegRule
from bot.exit_codes import Exit
from bot.ports import NotReady, PortError
from bot.settings import Settings
from bot.settings_check import check, sized
from bot.settings_docs import example_yaml
from bot.settings_model import PROVEN
from bot.settings_text import Finding
from bot.settings_values import sqlite_file
from bot.venue_offers import OFFERS

COARSE: Final = Decimal("0.05")  # of the hedge: a lot that is worth more is somebody's business


def write_example(path: Path, *, force: bool) -> None:
    if path.exists() and not force:
        raise Wrong(Exit.USAGE, f"{path} exists already and was left as it is: name another file, or overwrite it with --force")
    require_place(path, "init", ())
    write(example_yaml().encode(), path, "init")


def findings_of_all(accounts: Sequence[Settings], *, online: bool) -> list[Finding]:
    """What concerns all of them is said once, and what concerns some of them names these."""
    about: dict[Finding, list[str]] = {}
    if online:
        about |= {finding: [one.account for one in accounts] for finding in gone_with_a_hedge(accounts[0])}
    for settings in accounts:
        for finding in dict.fromkeys(findings_of(settings, online=online)):
            about.setdefault(finding, []).append(settings.account)
    return [
        finding if len(names) == len(accounts) else replace(finding, where=f"account {', '.join(names)}: {finding.where}")
        for finding, names in about.items()
    ]


def gone_with_a_hedge(settings: Settings) -> Iterator[Finding]:
    from bot.wiring.record import PUT_BACK, forgotten

    with suppress(PortError):  # what is wrong with the record is found by itself
        for account, held in forgotten(settings).items():
            problem = f"left the configuration, and by the record it holds {held}: nobody keeps that hedge"
            yield Finding("audit database", f"accounts.{account}", problem, PUT_BACK, "warning")


def findings_of(settings: Settings, *, online: bool) -> list[Finding]:
    from bot.wiring.unheeded import unheeded

    found = [*check(settings), *pointless(settings), *unheeded(settings), *([] if online else unusable(settings))]
    if online and not any(finding.severity == "error" for finding in found):
        import asyncio

        found += asyncio.run(online_findings(settings))
    return found


def unusable(settings: Settings) -> Iterator[Finding]:
    """What the next start refuses of the record beside the file. A server is only asked `online`, where this is an error."""
    from bot.audit.store import NothingYet
    from bot.wiring.record import read_store

    file = sqlite_file(settings.audit.url)
    if file is None or not file.exists():
        return
    try:
        read_store(settings).close()
    except NothingYet:
        pass
    except PortError as error:
        yield Finding("audit database", "audit.url", f"cannot be used: {error}", "mend that before the next start", "warning")


def pointless(settings: Settings) -> Iterator[Finding]:
    """Policies whose time is over."""
    from bot.wiring.venue import real_time

    for asset, hedge in settings.hedges.items():
        for key, problem, remedy in hedge.policies.pointless_at(real_time().now_ms()):
            yield Finding("configuration", f"hedges.{asset}.policies.{key}", problem, remedy)


async def online_findings(settings: Settings) -> list[Finding]:
    """What only the venue, the database and the document can tell. Reads, signs nothing."""
    from bot.wiring.fit import findings
    from bot.wiring.record import recorded_state
    from bot.wiring.start import looking

    found: list[Finding] = []
    try:
        recorded_state(settings)
    except PortError as error:
        found.append(Finding("audit database", "audit.url", f"cannot be used: {error}", "mend that and check again"))
        return found
    try:
        async with looking(settings.model_copy(update={"targets": None})) as engine:  # the document is judged by itself below
            parts, venue = engine.parts, settings.venue.name
            judged = await findings(parts.exchange, settings, list(parts.instruments), parts.clock)
            found += [Finding(venue, "", one.what, one.remedy, one.severity, one.exit_code) for one in judged]
            if not any(one.severity == "error" for one in judged):
                decision, waiting = await engine.turn(), {one.waits for one in judged}  # of which it is said already what is missing
                legs = [leg for leg in (decision.legs if decision is not None else ()) if leg.instrument not in waiting]
                found += [finding for leg in legs for finding in lacking(settings, leg)]
                rules = {rule.asset: rule for rule in parts.rules.legs}
                found += [one for leg in legs for one in lumps(venue, rules[leg.asset], parts.instruments[leg.instrument], leg)]
                if venue != "paper" or settings.paper.feed != "synthetic":  # else its price stands in the file, and was judged with it
                    found += [one for leg in legs if leg.target_usd is not None for one in sized(settings, leg.asset, leg.target_usd)]
    except PortError as error:
        code = Exit.ATTENTION if isinstance(error, NotReady) else Exit.CONFIGURATION
        found.append(Finding(settings.venue.name, "", f"cannot be used: {error}", "mend that and check again", exit_code=code))
    found += await document_findings(settings)
    return found


def lacking(settings: Settings, leg: LegPlan) -> Iterator[Finding]:
    """What one look did not show, or what the hedge lacks. Without a key the account stays unknown, and that is said already."""
    if leg.equity_coins is not None:
        for what in leg.missing:
            yield Finding(settings.venue.name, leg.instrument, what, "until then the hedge stops there", exit_code=Exit.ATTENTION)
    elif settings.venue.name == "paper" or settings.venue.api_key is not None:
        for what in leg.missing:
            yield Finding(settings.venue.name, leg.instrument, what, "mend that and check again")


def lumps(venue: str, rule: LegRule, instrument: Instrument, leg: LegPlan) -> Iterator[Finding]:
    """Of how few contracts would the hedge be? Past a band narrower than one of them, a whole one is bought back for a little drift."""
    if not leg.target_usd or leg.target_usd < 0 or leg.mark is None:
        return
    least, step = (notional_usd(instrument, count, leg.mark) for count in (instrument.min_contracts, 1))
    share, wanted = step / leg.target_usd, f"{leg.target_usd:,.2f} USD are wanted"
    if least > leg.target_usd:
        what = f"takes no order below {least:,.2f} USD, and {wanted}: nothing can be hedged"
        yield Finding(venue, leg.instrument, what, "take a contract of smaller lots, or hedge more", "warning")
    elif share > COARSE and rule.auto is None and rule.band.high - 1 < share:
        what = f"is traded in steps of {step:,.2f} USD, and {wanted}: up to {share:.0%} of it may stay without a hedge"
        remedy = (
            f"write band.auto: true, or a band.high of at least {1 + share:.2f}: past a narrower one a whole step goes for a little drift"
        )
        yield Finding(venue, leg.instrument, what, remedy, "warning")


async def document_findings(settings: Settings) -> list[Finding]:
    from bot.wiring.venue import open_document, real_time

    async with open_document(settings, real_time()) as targets:
        if targets is None or await targets.read() is not None:
            return []
        remedy = "open that address in a browser: it must give the JSON document of the targets"
        return [Finding("target document", "targets.url", targets.standing().error, remedy)]


def exit_of(found: Sequence[Finding]) -> Exit:
    """4 if a setting must change, 3 if only the account, the venue or this machine needs somebody."""
    codes = {finding.exit_code for finding in found if finding.severity == "error"}
    return Exit.CONFIGURATION if Exit.CONFIGURATION in codes else Exit.ATTENTION if codes else Exit.DONE


def finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "severity": finding.severity,
        "where": finding.where,
        "key": finding.key,
        "problem": finding.problem,
        "remedy": finding.remedy,
    }


def venues() -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "environments": [word for word in offer.environments if word is not None],
            "available": name in PROVEN,
            "proven": PROVEN.get(name),
            "inverse": offer.inverse.value,
            "linear": offer.linear.value,
            "why_not": offer.why_not,
            "transfers": not offer.no_transfer,
            "no_transfer": offer.no_transfer,
        }
        for name, offer in OFFERS.items()
    ]
