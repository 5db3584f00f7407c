"""How does a bot live in a terminal or a container? Its API first, then turn after turn, then an end that is verified."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import structlog

from bot.access import ensure_token
from bot.access_door import Door
from bot.api import create_app
from bot.api_server import serve
from bot.api_warm import warm
from bot.audit.lease import LeaseHeld
from bot.cli_call import address_file, address_outside, base_url, token_file, tokens_file
from bot.cli_exit import Wrong, say, told
from bot.cli_show import answer_json, facts, show
from bot.console.mount import with_console
from bot.core.events import RunEnded
from bot.event_loop import carrier
from bot.exit_codes import Exit, worst
from bot.face import CannotListen, Status, plan_json
from bot.led import Led
from bot.logs import scrub
from bot.ports import NotReady, PortError
from bot.running import Until, run, settle, undisturbed
from bot.settings import Settings
from bot.wiring.notify import open_notifier
from bot.wiring.record import PUT_BACK, forgotten, password
from bot.wiring.start import Wired, metrics_of, wired
from bot.wiring.venue import real_time
from bot.workers import require_server, work

log = structlog.get_logger("hedgebot")
RETRY_SECONDS: Final = 30  # before an account that could not start is tried again, beside others that run


@dataclass(frozen=True, slots=True)
class Asked:
    """What the person said on the command line of `run`."""

    until: Until
    live: bool = False
    dry: bool = False
    adopt: bool = False
    as_json: bool = False
    worker: bool = False


def require_sense(asked: Asked, settings: Settings) -> None:
    """Refuse what cannot be meant before anything is opened."""
    if asked.live and asked.dry:
        raise Wrong(Exit.USAGE, "--live and --dry-run contradict each other: give one of them")
    if asked.until.once and asked.until.aligned:
        raise Wrong(Exit.USAGE, "--once and --until-aligned are two different ends: give one of them")
    if asked.until.timeout_ms is not None and not (asked.until.once or asked.until.aligned):
        raise Wrong(Exit.USAGE, "--timeout limits a bounded run: give --until-aligned or --once with it")
    if asked.worker and (asked.until.once or asked.until.aligned):
        raise Wrong(Exit.USAGE, "--worker leads accounts until it is stopped: --once and --until-aligned are for a run of your own")
    if asked.live and settings.mode != "live":
        raise Wrong(
            Exit.CONFIGURATION, "--live arms a bot under `mode: live`, and the configuration says mode: dry-run: set `mode: live` there"
        )


async def live(accounts: Sequence[Settings], asked: Asked) -> Exit:
    """Run until told to stop or until the asked end. Raise PortError where the only bot cannot start.

    Several accounts run beside each other: what befalls one leaves the others alone, and the exit code is the worst.
    """
    first = accounts[0]
    require_sense(asked, first)
    stop, led = stopped_by_signals(), Led(first.accounts if asked.worker else [one.account for one in accounts], worker=asked.worker)
    teller = Teller(asked.as_json, bounded=asked.until.once or asked.until.aligned, several=led.several)
    async with undisturbed(), Api(led, first) as api:
        keeper = Keeper(asked, led, api, stop, teller)
        if asked.worker:
            require_server(accounts)
            await api.up()
            return await work(accounts, password(first), keeper.kept, stop, real_time())
        runs = {one.account: asyncio.create_task(keeper.kept(one) if led.several else keeper.keep(one)) for one in accounts}
        giving_up = asyncio.create_task(cancelled_at_start(stop, led, runs))
        telling = asyncio.create_task(tell_forgotten(first))
        try:
            ends = await asyncio.gather(*runs.values(), return_exceptions=True)
            await telling
        finally:
            giving_up.cancel()
        teller.close()
    codes = [Exit.FAILURE] if teller.unwritten else []
    for account, end in zip(runs, ends, strict=True):
        if isinstance(end, asyncio.CancelledError):
            log.warning("run.given_up", account=account, did="stopped while it was being started: nothing was sent")
            codes.append(Exit.ATTENTION)
        elif isinstance(end, BaseException):
            raise end
        else:
            codes.append(end)
    return worst(codes)


async def tell_forgotten(settings: Settings) -> None:
    with suppress(PortError):  # whoever leads an account says what is wrong with the record
        for account, held in (await asyncio.to_thread(forgotten, settings)).items():
            log.error("account.forgotten", gone=account, held=held, did="nobody keeps that hedge", next=PUT_BACK)
            await call_about(settings, f"account {account} left the configuration with {held}, and nobody keeps that hedge: {PUT_BACK}")


async def cancelled_at_start(stop: asyncio.Event, led: Led, runs: Mapping[str, asyncio.Task[Exit]]) -> None:
    """Told to stop: a bot that turns ends by itself, one that is still waiting for something is ended."""
    await stop.wait()
    leading = {bot.account for bot in led.bots()}
    for account, run_ in runs.items():
        if account not in leading:
            run_.cancel()


class Api:
    """The API of this process: it gets its port when the first account is led, so that a second bot is told who leads rather than that
    its port is taken."""

    def __init__(self, led: Led, settings: Settings) -> None:
        self.led, self.settings = led, settings
        self.closing_time = AsyncExitStack()
        self.one_at_a_time = asyncio.Lock()
        self.address: str | None = None

    async def up(self) -> str:
        """Listen, unless that is done already; return the address for other machines. Raise CannotListen."""
        async with self.one_at_a_time:
            if self.address is None:
                settings = self.settings
                token = settings.api.token or ensure_token(token_file(settings))
                door = Door(token, tokens_file(settings))
                app = create_app(self.led, door)
                if settings.api.console:
                    with_console(app, self.led, door)
                await warm(app, token.get_secret_value())
                serving = await serve(app, settings.api.host, settings.api.port, console=settings.api.console)
                self.closing_time.push_async_callback(serving.stop)
                if not self.led.worker:  # workers may share a folder; the lease tells where each is
                    self.closing_time.enter_context(announced(address_file(settings), base_url(settings.api.host, serving.port)))
                self.address = address_outside(settings.api.host, serving.port)
            return self.address

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.closing_time.aclose()


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps accounts, each by itself."""

    asked: Asked
    led: Led
    api: Api
    stop: asyncio.Event
    teller: "Teller"

    async def kept(self, settings: Settings, over_beat_ms: int | None = None) -> Exit:
        """As `keep`, but whatever goes wrong is said and stays with this account; what may pass is tried again."""
        account, again = settings.account, f"it is tried again every {RETRY_SECONDS} s"
        while True:
            try:
                return await self.keep(settings, over_beat_ms)
            except Exception as error:
                code = told(error, f"account {account}: ")
                if code is None:
                    log.exception("account.failed", account=account, did="nobody leads this account now; the others go on")
                    code = Exit.FAILURE
                passes = (code is Exit.FAILURE or isinstance(error, NotReady)) and not isinstance(error, CannotListen)
                final = not passes or self.teller.bounded or self.asked.worker
                why = str(error) if final else f"{error}; {again}"
                called = not final and dict(self.led.unled()).get(account, "").endswith(again)  # since nobody led it; the words may vary
                self.led.leave(account, why, metrics_of(settings))
                if not (called or self.teller.bounded or self.asked.worker or isinstance(error, LeaseHeld)):
                    await call_about(settings, f"nobody keeps the hedge of {account}: {why}")
            if final:
                return code
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stop.wait(), RETRY_SECONDS)
                return Exit.ATTENTION

    async def keep(self, settings: Settings, over_beat_ms: int | None = None) -> Exit:
        """Lead one account until its end. Raise PortError where it cannot start."""
        asked = self.asked
        with structlog.contextvars.bound_contextvars(**({"account": settings.account} if self.led.several else {})):
            async with wired(settings, live_flag=asked.live, dry_flag=asked.dry, adopt=asked.adopt, over_beat_ms=over_beat_ms) as bot:
                engine = bot.engine
                self.led.join(engine, bot.metrics, bot.store)
                try:
                    await bot.store.aside(partial(bot.store.announce, await self.api.up()))
                    report(bot, asked)
                    settle()
                    return await run(engine, bot.run_id, self.stop, asked.until, self.teller)
                except CannotListen:
                    with suppress(PortError):
                        ended = RunEnded(bot.run_id, True, "the port of the API was not free", engine.parts.clock.now_ms())
                        await bot.store.append([ended])
                    raise
                finally:
                    self.led.leave(settings.account, "its run has ended")


async def call_about(settings: Settings, text: str) -> None:
    """Tell people what no bot of this account can tell: the process lives on for others, and nothing else would."""
    with suppress(PortError):
        notifier = open_notifier(settings, real_time())
        try:
            await notifier.notify("critical", scrub(text))
        finally:
            await notifier.close()


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
        loop=carrier(),
        overrides=list(engine.parts.overrides),
    )
    if asked.live and not engine.state.armed:
        log.warning("dry_run.stored", did="plans only, in spite of --live", why="`dry-run on` is on record", next="hedgebot dry-run off")
    if engine.state.killed:
        log.warning("killed", why=engine.state.killed, did="sends nothing", next="look at it, then `hedgebot rearm --reason …`")


@dataclass(slots=True)
class Teller:
    """Prints what bounded runs came to: at once, or together where there are several.

    That comes before the shutdown, so an answer that cannot be written (nobody reads it, a full disk) must not keep own orders from
    being cancelled: it only changes the exit code.
    """

    as_json: bool
    bounded: bool
    several: bool = False
    said: list[dict[str, Any]] = field(default_factory=list)
    unwritten: bool = False

    def __call__(self, status: Status) -> None:
        if not self.bounded or status.decision is None:
            return
        said = plan_json(status)
        if not self.as_json:
            self.written(lambda: show(facts(said)))
        elif self.several:
            self.said.append(said)
        else:
            self.written(lambda: answer_json(said))

    def close(self) -> None:
        if self.bounded and self.as_json and self.several:
            self.written(lambda: answer_json({"accounts": sorted(self.said, key=lambda one: str(one["account"]))}))

    def written(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (OSError, SystemExit) as error:  # by SystemExit rich ends the program where nobody reads
            self.unwritten = True
            why = error.strerror if isinstance(error, OSError) else "nobody reads it"
            log.error("answer.unwritten", error=why, did="the run is shut down as ever", next="`hedgebot status` tells it again")
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left in the buffer would fail once more at the exit


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
