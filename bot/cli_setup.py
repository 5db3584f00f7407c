"""Is everything in place? Write a configuration, judge it, and say which venues and which program there are."""

from pathlib import Path
from typing import Any

from bot.cli_exit import Wrong
from bot.exit_codes import Exit
from bot.ports import PortError
from bot.settings import Settings
from bot.settings_check import check
from bot.settings_docs import example_yaml
from bot.settings_model import PROVEN, VENUES
from bot.settings_text import Finding

LARGEST_SKEW_MS = 500


def write_example(path: Path, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(example_yaml())
    except FileExistsError:
        raise Wrong(Exit.USAGE, f"{path} exists already and was left as it is: name another file, or overwrite it with --force") from None


def findings_of(settings: Settings, *, online: bool) -> list[Finding]:
    found = check(settings)
    if online and not any(finding.severity == "error" for finding in found):
        import asyncio

        found += asyncio.run(online_findings(settings))
    return found


async def online_findings(settings: Settings) -> list[Finding]:
    """What only the venue, the database and the document can tell. Reads, signs nothing."""
    from bot.wiring.record import recorded_state
    from bot.wiring.start import looking

    found: list[Finding] = []
    try:
        recorded_state(settings)
    except PortError as error:
        found.append(Finding("audit database", "audit.url", f"cannot be used: {error}", "mend that and check again"))
        return found
    try:
        async with looking(settings) as engine:
            skew_ms = abs(await engine.parts.exchange.server_time_ms() - engine.parts.clock.now_ms())
            if skew_ms > LARGEST_SKEW_MS:
                found.append(Finding("venue", "", f"its clock is {skew_ms} ms away from ours", "set this machine's clock by NTP"))
            decision = await engine.turn()
            for leg in decision.legs if decision is not None else ():
                found += [
                    Finding("venue", leg.instrument, what, "see the venue's status page and the key's rights") for what in leg.missing
                ]
    except PortError as error:
        found.append(Finding("venue", "venue", f"{settings.venue.name} cannot be used: {error}", "mend that and check again"))
    found += await document_findings(settings)
    return found


async def document_findings(settings: Settings) -> list[Finding]:
    from bot.wiring.venue import open_targets, real_time

    targets = open_targets(settings, real_time())
    if targets is None or settings.targets is None:
        return []
    try:
        if await targets.read() is None:
            remedy = "open that address in a browser: it must give the JSON document of the targets"
            return [Finding("target document", "targets.url", f"{settings.targets.url} gives no document that can be trusted", remedy)]
        return []
    finally:
        await targets.close()


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
            "environments": [word for word in environments if word is not None],
            "available": name in PROVEN,
            "proven": PROVEN.get(name),
        }
        for name, environments in VENUES.items()
    ]
