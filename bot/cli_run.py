"""How does a bot live in a terminal or a container? Its API first, then turn after turn, then an end that is verified."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import structlog

from bot.access import ensure_token
from bot.api import create_app
from bot.api_server import serve
from bot.cli_call import address_file, base_url, token_file
from bot.cli_exit import Wrong, say
from bot.cli_show import answer_json, facts, show
from bot.core.events import RunEnded
from bot.exit_codes import Exit
from bot.face import CannotListen, Status, plan_json
from bot.ports import Misconfigured, PortError
from bot.running import Until, run
from bot.settings import Settings
from bot.settings_values import sqlite_file
from bot.wiring.start import Wired, wired

log = structlog.get_logger("hedgebot")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person said on the command line of `run`."""

    until: Until
    live: bool = False
    dry: bool = False
    adopt: bool = False
    as_json: bool = False


def require_sense(asked: Asked, settings: Settings) -> None:
    """Refuse what cannot be meant before anything is opened."""
    if asked.live and asked.dry:
        raise Wrong(Exit.USAGE, "--live and --dry-run contradict each other: give one of them")
    if asked.until.once and asked.until.aligned:
        raise Wrong(Exit.USAGE, "--once and --until-aligned are two different ends: give one of them")
    if asked.until.timeout_ms is not None and not (asked.until.once or asked.until.aligned):
        raise Wrong(Exit.USAGE, "--timeout limits a bounded run: give --until-aligned or --once with it")
    if asked.live and settings.mode != "live":
        raise Wrong(
            Exit.CONFIGURATION, "--live arms a bot under `mode: live`, and the configuration says mode: dry-run: set `mode: live` there"
        )


def require_writable(settings: Settings) -> None:
    """Refuse a folder that this user cannot write before anything is opened: in a container that is a volume of another owner."""
    files = {"audit.url": sqlite_file(settings.audit.url), "kill_file": Path(settings.kill_file)}
    if settings.venue.name == "paper":
        files["paper.url"] = sqlite_file(settings.paper.url)
    for key, file in files.items():
        folder = file.parent.absolute() if file is not None else None
        if folder is not None and folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
            raise Misconfigured(
                f"{key}: uid {os.getuid()} cannot write in {folder}, which belongs to uid {folder.stat().st_uid}; nothing was started: "
                f"chown -R {os.getuid()} that folder (or the volume mounted there), mount it writable, or name another one"
            )


async def live(settings: Settings, asked: Asked) -> Exit:
    """Run until told to stop or until the asked end. Raise PortError where the bot cannot start."""
    require_sense(asked, settings)
    require_writable(settings)
    async with wired(settings, live_flag=asked.live, dry_flag=asked.dry, adopt=asked.adopt) as bot:
        engine = bot.engine
        token = settings.api.token or ensure_token(token_file(settings))
        try:
            serving = await serve(create_app(engine, bot.metrics, token), settings.api.host, settings.api.port)
        except CannotListen:
            with suppress(PortError):
                await bot.store.append([RunEnded(bot.run_id, True, "the port of the API was not free", engine.parts.clock.now_ms())])
            raise
        try:
            with announced(address_file(settings), base_url(settings.api.host, serving.port)):
                report(bot, asked)
                return await run(engine, bot.run_id, stopped_by_signals(), asked.until, teller(asked))
        finally:
            await serving.stop()


def report(bot: Wired, asked: Asked) -> None:
    engine = bot.engine
    log.info(
        "run.started",
        account=engine.account,
        venue=engine.venue,
        environment=engine.environment,
        mode="live" if engine.rules.live else "dry-run",
        armed=engine.state.armed,
        run_id=bot.run_id,
        overrides=list(engine.parts.overrides),
    )
    if asked.live and not engine.state.armed:
        log.warning("dry_run.stored", did="plans only, in spite of --live", why="`dry-run on` is on record", next="hedgebot dry-run off")
    if engine.state.killed:
        log.warning("killed", why=engine.state.killed, did="sends nothing", next="look at it, then `hedgebot rearm --reason …`")


def teller(asked: Asked) -> "Teller":
    return Teller(asked.as_json, bounded=asked.until.once or asked.until.aligned)


@dataclass(frozen=True, slots=True)
class Teller:
    """Prints what a bounded run came to."""

    as_json: bool
    bounded: bool

    def __call__(self, status: Status) -> None:
        if not self.bounded or status.decision is None:
            return
        said = plan_json(status)
        if self.as_json:
            answer_json(said)
        else:
            show(facts(said))


@contextmanager
def announced(file: Path, url: str) -> Iterator[None]:
    """Tell commands of this machine where the API is, also when the port was chosen by the system."""
    try:
        file.write_text(f"{url}\n", "ascii")
    except OSError as error:
        log.warning("api.unannounced", file=str(file), error=error.strerror, did="commands use api.host and api.port instead")
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()


def stopped_by_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT. The second one is told to wait, the third one leaves without knowing."""
    stop, loop, heard = asyncio.Event(), asyncio.get_running_loop(), [0]

    def hear() -> None:
        heard[0] += 1
        if heard[0] == 1:
            log.info("stop.asked", did="no new orders; own orders are cancelled and seen gone")
            stop.set()
        elif heard[0] == 2:
            say("still verifying that no own order is left at the venue; once more leaves at once, without knowing (exit 3)")
        else:
            say("left without verifying: own orders may still be open; look with `hedgebot orders --open`")
            sys.stdout.flush()
            os._exit(Exit.ATTENTION)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, hear)
    return stop
