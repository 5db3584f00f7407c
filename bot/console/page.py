"""What does the page show, and what do its buttons do? Facts first, one sentence for each asset, and every command asks before it acts."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any, Final

from nicegui import app as nicegui_app
from nicegui import background_tasks, ui
from starlette.requests import Request

from bot.api_record import reading
from bot.audit.explain import explain
from bot.audit.sentences import price
from bot.audit.store import Store
from bot.console.gate import COOKIE, Sessions, of_account
from bot.console.history import History, Sample, funding_usd, remembered, sampled, unhedged_usd
from bot.core.events import CommandGiven
from bot.core.model import settle_of
from bot.face import Bot, Status, alerts_besides, iso_utc, status_json
from bot.led import Led
from bot.logs import scrub
from bot.ports import PortError
from bot.record_face import entry_json
from bot.words import Misspoken

LOOK_SECONDS: Final = 1.0
STREAM_ROWS: Final = 12
MOST_ELSEWHERE: Final = 5
HEAD: Final = '<link rel="stylesheet" href="/console/style.css"><meta name="color-scheme" content="light dark">'
NOTHING_YET: Final = {"left": "center", "top": "middle", "textStyle": {"color": "#888", "fontSize": 13, "fontWeight": "normal"}}
THEMES: Final[tuple[tuple[str, bool | None], ...]] = (("system", None), ("light", False), ("dark", True))


class Watch:
    """The series behind the charts, fed while the process lives."""

    def __init__(self, led: Led) -> None:
        self.led = led
        self.histories: dict[str, History] = {}

    async def run(self) -> None:
        while True:
            for bot in self.led.bots():
                sample = sampled(bot.status())
                if sample is not None:
                    (await self.history(bot.account)).take(sample)
            await asyncio.sleep(LOOK_SECONDS)

    async def history(self, account: str) -> History:
        if account not in self.histories:
            made = History()
            with suppress(Misspoken, PortError):  # else the charts begin now
                made.samples = await reading(partial(remembered, self.led.record(account)))
            self.histories[account] = made
        return self.histories[account]


def build(led: Led, sessions: Sessions) -> None:
    """Register the page with its library. Once in a process."""
    watch = Watch(led)
    nicegui_app.on_startup(lambda: background_tasks.create(watch.run(), name="console"))

    @ui.page("/", title="hedgebot", dark=None)
    async def console(request: Request, account: str = "") -> None:
        chosen = account or min(led.seats, default="")  # never another one in place of the one that was asked for
        await Page(led, sessions, watch, request.cookies.get(COOKIE, ""), chosen).draw()


class Page:
    """One browser's view of one account."""

    def __init__(self, led: Led, sessions: Sessions, watch: Watch, cookie: str, account: str) -> None:
        self.led, self.sessions, self.watch, self.cookie, self.account = led, sessions, watch, cookie, account
        self.drawn: object = None
        self.theme = 0
        self.told: dict[int, ui.element] = {}  # by place in the chain

    @property
    def bot(self) -> Bot | None:
        try:
            return self.led.meant(self.account or None)
        except Misspoken:
            return None

    def may_operate(self) -> bool:
        grant = self.sessions.holder(self.cookie)
        return grant is not None and grant.operates

    # ------------------------------------------------------------------------------------------------------------ drawing

    async def draw(self) -> None:
        ui.add_head_html(HEAD)
        dark = ui.dark_mode(None)
        with ui.element("main").classes("console"):
            with ui.element("header").classes("top"):
                ui.html("<h1>hedgebot</h1>", sanitize=False)
                if self.led.several:
                    names = sorted({*self.led.seats, self.account} - {""})
                    ui.select(names, value=self.account or None, label="account", on_change=self.go).props("dense outlined")
                self.state = ui.element("div").classes("state").props('role=status aria-live=polite aria-label="state of the bot"')
                theme = ui.button("theme: system", color=None).props("flat dense no-caps").classes("quiet")
                theme.on_click(lambda: self.turn_theme(theme, dark))
                ui.button("log out", on_click=self.log_out, color=None).props("flat dense no-caps").classes("quiet")
            self.buttons()
            self.legs = ui.element("section").classes("legs").props('aria-label="hedges"')
            with ui.element("section").classes("charts").props('aria-label="over time"'):
                self.charts = {name: chart(name) for name in ("value, USD", "ratio hedged", "funding received, USD")}
            ui.html("<h2>Decisions</h2>", sanitize=False)
            self.stream = ui.element("section").classes("stream").props('aria-label="decisions"')
        await self.refresh()
        ui.timer(LOOK_SECONDS, self.refresh)

    def buttons(self) -> None:
        with ui.element("nav").classes("commands").props('aria-label="commands"'):
            self.commands = {
                "pause": button("Pause", self.pause_or_resume),
                "dry": button("Dry-run on", self.dry_run),
                "kill": button("Kill", self.kill, "danger"),
            }
            if not self.may_operate():
                for one in self.commands.values():
                    one.disable()
                ui.label("This token may only read.").classes("hint")

    def go(self, event: Any) -> None:
        ui.navigate.to(of_account("/", event.value))

    def turn_theme(self, button_: ui.button, dark: ui.dark_mode) -> None:
        self.theme = (self.theme + 1) % len(THEMES)
        name, dark.value = THEMES[self.theme]
        button_.text = f"theme: {name}"

    def log_out(self) -> None:
        ui.run_javascript('fetch("/logout", {method: "POST", redirect: "manual"}).then(() => location.assign("/login"))')

    # ------------------------------------------------------------------------------------------------------------ what is shown

    async def refresh(self) -> None:
        if self.sessions.holder(self.cookie) is None:
            ui.navigate.to(of_account("/login", self.account if self.led.several else ""))
            return
        bot = self.bot
        beside = elsewhere(self.led, self.account)
        if bot is None:
            self.show_absence(beside)
            return
        status = bot.status()
        mark = (status.as_of_ms, status.seq, status.state, status.armed, beside)
        if mark == self.drawn:
            return
        self.drawn = mark
        self.show_state(status, beside)
        self.show_legs(status)
        self.name_buttons(status)
        await self.show_series()
        await self.show_stream()

    def show_absence(self, beside: list[tuple[str, str]]) -> None:
        self.drawn = None
        self.state.clear()
        seat = self.led.seats.get(self.account)
        why = seat.why if seat is not None else f"this process leads {', '.join(sorted(self.led.seats)) or 'none'}"
        with self.state:
            ui.label(f"no bot runs here for {self.account or 'any account'}: {why}").classes("bad")
            show_elsewhere(beside)

    def show_state(self, status: Status, beside: list[tuple[str, str]]) -> None:
        said = status_json(status)
        place = f"{status.account} on {status.venue}" + (f" {status.environment}" if status.environment else "")
        self.state.clear()
        with self.state:
            ui.label(place).classes("place")
            ui.label(status.state.value).classes("chip " + ("bad" if status.state.value == "HALTED" else "plain"))
            ui.label("armed" if status.armed else "dry-run: no order is sent").classes("chip " + ("plain" if status.armed else "warn"))
            if status.halted:
                ui.label(f"halted: {scrub(status.halted)}").classes("bad")
            for text in (*said["missing"], *alerts_besides(said), *(f"{asset}: {why}" for asset, why in status.halted_legs)):
                ui.label(scrub(text)).classes("warn line")
            show_elsewhere(beside)
            orders = f"{said['open_orders']} open order{'' if said['open_orders'] == 1 else 's'}" + (
                f", {said['unknown_orders']} of unknown fate" if said["unknown_orders"] else ""
            )
            seen = (said["as_of"] or "nothing seen yet")[11:19] + " UTC" if said["as_of"] else "nothing seen yet"
            ui.label(f"worth {usd(said['value_total_usd'])} · {orders} · seen {seen}").classes("line")

    def show_legs(self, status: Status) -> None:
        self.legs.clear()
        with self.legs:
            for leg in status_json(status)["legs"]:
                with ui.element("article").classes("leg"):
                    with ui.element("div").classes("name"):
                        ui.html(f"<h2>{leg['asset']}</h2>", sanitize=False)
                        ui.label("aligned" if leg["aligned"] else "not aligned").classes("chip " + ("good" if leg["aligned"] else "warn"))
                    ui.label(sentence(leg)).classes("why")
                    band(leg)
                    with ui.element("dl"):
                        for name, value in facts(leg):
                            with ui.element("div"):
                                with ui.element("dt"):
                                    ui.label(name)
                                with ui.element("dd"):
                                    ui.label(value)

    def name_buttons(self, status: Status) -> None:
        paused = status.state.value == "PAUSED"
        for key, text in (
            ("pause", "Resume" if paused else "Pause"),
            ("dry", "Dry-run on" if status.armed else "Dry-run off"),
            ("kill", "Re-arm" if status.halted else "Kill"),
        ):
            if self.commands[key].text != text:
                self.commands[key].text = text

    async def show_series(self) -> None:
        history = await self.watch.history(self.account or next(iter(self.led.seats)))
        samples = history.samples
        assets = [asset for asset, _ in samples[-1].ratios] if samples else []
        draw(
            self.charts["value, USD"],
            [("hedged", line(samples, lambda s: s.hedged_usd)), ("unhedged", points(samples, unhedged_usd(samples)))],
        )
        draw(self.charts["ratio hedged"], [(asset, line(samples, partial(ratio_of, asset))) for asset in assets])
        try:
            paid = await reading(partial(funding_usd, self.led.record(self.account or None)))
        except (Misspoken, PortError):
            paid = []
        draw(self.charts["funding received, USD"], [("funding", [[at_ms, float(total)] for at_ms, total in paid])])

    async def show_stream(self) -> None:
        """What is new comes on top; what somebody has unfolded stays so."""
        newest = max(self.told, default=0)
        try:
            record = self.led.record(self.account or None)
            rows = await reading(partial(told_since, record, newest))
        except (Misspoken, PortError):
            return
        for seq, at, says, story in rows:
            with self.stream, ui.element("details") as one:
                with ui.element("summary"):
                    ui.label(at[11:19]).classes("time")
                    ui.label(scrub(says))
                ui.label(scrub(story)).classes("story")
            one.move(self.stream, 0)
            self.told[seq] = one
        for seq in sorted(self.told)[:-STREAM_ROWS]:
            self.told.pop(seq).delete()

    # ------------------------------------------------------------------------------------------------------------ commands

    def pause_or_resume(self) -> None:
        if self.commands["pause"].text == "Resume":
            self.ask("Resume?", "The bot plans and sends orders again.", "resume")
        else:
            self.ask("Pause?", "No new orders; those that are open may fill or expire. The hedge stays as it is.", "pause")

    def dry_run(self) -> None:
        if self.commands["dry"].text == "Dry-run on":
            self.ask("Switch dry-run on?", "Own open orders are cancelled; from then on orders are planned, none is sent.", "dry-run-on")
        else:
            self.ask("Switch dry-run off?", "The bot sends orders again.", "dry-run-off", danger=True)

    def kill(self) -> None:
        if self.commands["kill"].text == "Re-arm":
            self.ask("Re-arm?", "The bot may send orders again. Say what you looked at.", "rearm", reason=True)
        else:
            text = "Own orders are cancelled and nothing is sent until somebody re-arms. The hedge stays: a kill does not flatten."
            self.ask("Kill?", text, "kill", reason=True, danger=True)

    def ask(self, title: str, text: str, name: str, *, reason: bool = False, danger: bool = False) -> None:
        with ui.dialog() as dialog, ui.card().classes("ask"):
            ui.html(f"<h2>{title}</h2>", sanitize=False)
            if self.led.several:
                ui.label(f"account {self.account}").classes("quiet")
            ui.label(text)
            why = ui.input("reason, for the record").props("outlined autofocus maxlength=500").classes("wide") if reason else None
            note = ui.label("").classes("bad")

            async def confirmed() -> None:
                said = "" if why is None else str(why.value or "").strip()
                if reason and not said:
                    note.text = "say why: it goes on record"
                    return
                dialog.close()
                await self.give(name, said)

            with ui.element("div").classes("choice"):
                ui.button("Cancel", on_click=dialog.close, color=None).props("flat no-caps").classes("quiet")
                ui.button(title.rstrip("?"), on_click=confirmed, color=None).props("no-caps unelevated").classes(
                    "danger" if danger else "act"
                )
            if why is not None:
                why.on("keydown.enter", confirmed)
        dialog.on("hide", dialog.delete)
        dialog.open()

    async def give(self, name: str, reason: str) -> None:
        grant = self.sessions.holder(self.cookie)
        if grant is None or not grant.operates:
            ui.notify("this token may not command the bot", type="negative")
            return
        bot = self.bot
        if bot is None:
            ui.notify("no bot runs here for this account: nothing happened", type="negative")
            return
        shown = reason if reason.isprintable() else ""
        try:
            result = await bot.command(CommandGiven(name, f"console {grant.name}".rstrip(), bot.health().now_ms, reason=shown[:500]))
        except PortError as error:
            ui.notify(f"nothing happened: {scrub(str(error))}", type="negative")
            return
        ui.notify(scrub(result.message), type="positive" if result.done else "info" if result.accepted else "negative", timeout=6000)
        self.drawn = None
        await self.refresh()


# ---------------------------------------------------------------------------------------------------------------- parts


def elsewhere(led: Led, account: str) -> list[tuple[str, str]]:
    """The other accounts that stand still, and why: who looks at one must not miss them."""
    found = []
    for name, seat in sorted(led.seats.items()):
        if name == account:
            continue
        if seat.bot is None:
            found.append((name, f"no bot runs here: {seat.why}"))
            continue
        status = seat.bot.status()
        if status.halted:
            found.append((name, f"halted: {status.halted}"))
        elif status.state.value == "PAUSED":
            found.append((name, "paused"))
        else:
            found += [(name, f"{asset} halted: {why}") for asset, why in status.halted_legs]
    return found


def show_elsewhere(beside: list[tuple[str, str]]) -> None:
    for name, why in beside[:MOST_ELSEWHERE]:
        ui.link(scrub(f"account {name}: {why}"), of_account("/", name)).classes("line bad")
    if len(beside) > MOST_ELSEWHERE:
        ui.label(f"and {len(beside) - MOST_ELSEWHERE} more of other accounts: `hedgebot status` lists them").classes("line bad")


def told_since(record: Store, seq: int) -> list[tuple[int, str, str, str]]:
    """The newest decisions behind `seq`, oldest first: place, time, sentence, explanation."""
    rows = [row for row in record.decisions(limit=STREAM_ROWS) if row.seq > seq]
    return [(row.seq, iso_utc(row.at_ms), entry_json(row)["says"], explain(record, str(row.seq))) for row in reversed(rows)]


def button(text: str, act: Callable[[], None], kind: str = "act") -> ui.button:
    return ui.button(text, on_click=act, color=None).props("no-caps unelevated").classes(kind)


def sentence(leg: dict[str, Any]) -> str:
    """What the bot is doing about this asset, and why."""
    orders = leg["orders"]
    doing = f"wants to {orders[0]['side']} {orders[0]['contracts']:,} contracts" if orders else "places no order"
    return f"The bot {doing}: {leg['why']}."


def facts(leg: dict[str, Any]) -> list[tuple[str, str]]:
    away, settle = leg["liquidation_distance"], settle_of(leg["instrument"])
    return [
        ("hedged", number(leg["ratio_actual"], 4)),
        ("target", number(leg["ratio_target"], 4)),
        ("left open, δ", f"{number(leg['delta_coins'], 6)} {leg['asset']}"),
        ("position", usd(leg["position_usd"])),
        ("leverage", number(leg["leverage"], 2)),
        ("liquidation", "none" if leg["liquidation_price"] is None else f"at {price(Decimal(leg['liquidation_price']), 0, 5)} USD"),
        ("distance", "–" if away is None else f"{Decimal(away) * 100:+.1f} %"),
        ("outside", f"{number(leg['spot_coins'], 6)} {leg['asset']}"),
        ("in the account", f"{number(leg['equity_coins'], 6)} {leg['asset']}" + ("" if settle == leg["asset"] else f" as {settle}")),
        *((f"carries {one['asset']}", f"{usd(one['target_usd'])}, β {number(one['beta'], 4)}") for one in leg["crosses"]),
    ]


def band(leg: dict[str, Any]) -> None:
    """The short against its band, as a share of the ideal: a bar from 10 % below the low edge to 10 % above the high one."""
    if leg["band"] is None or not leg["target_usd"] or not Decimal(leg["target_usd"]) or leg["position_usd"] is None:
        return
    low, high = Decimal(leg["band"]["low"]), Decimal(leg["band"]["high"])
    share = -Decimal(leg["position_usd"]) / abs(Decimal(leg["target_usd"]))
    span = max((high - low) * 4, Decimal("0.02"))
    start = (low + high) / 2 - span / 2

    def at(value: Decimal) -> str:
        return f"{max(Decimal(0), min(Decimal(100), (value - start) / span * 100)):.2f}"

    edges = f"the bot trades below {percent(low)} and above {percent(high)} ({leg['band_why']})"
    said = f"{share * 100:.2f} % of the ideal short; {edges}"
    ui.html(
        f'<svg class="band" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="{said}">'
        f'<rect class="rail" x="0" y="4" width="100" height="2"/>'
        f'<rect class="inside" x="{at(low)}" y="2.5" width="{Decimal(at(high)) - Decimal(at(low))}" height="5"/>'
        f'<rect class="now" x="{Decimal(at(share)) - Decimal("0.4")}" y="0" width="0.8" height="10"/></svg>',
        sanitize=False,
    )
    ui.label(said).classes("hint")


def chart(name: str) -> ui.echart:
    with ui.element("figure"):
        with ui.element("figcaption"):
            ui.label(name)
        return ui.echart(
            {
                "animation": False,
                "grid": {"left": 8, "right": 28, "top": 28, "bottom": 8, "containLabel": True},
                "legend": {"top": 0, "left": 0, "itemWidth": 14, "textStyle": {"color": "#888"}},
                "color": ["#2f7ed8", "#d9822b", "#7a5cc4", "#2e9e6b"],
                "xAxis": {"type": "time", "axisLabel": {"color": "#888", "hideOverlap": True}},
                "yAxis": {
                    "type": "value",
                    "scale": True,
                    "axisLabel": {"color": "#888"},
                    "splitLine": {"lineStyle": {"color": "#88888833"}},
                },
                "series": [],
            },
            renderer="svg",
        ).classes("chart")


def ratio_of(asset: str, sample: Sample) -> Decimal | None:
    return dict(sample.ratios).get(asset)


def line(samples: Sequence[Sample], of: Callable[[Sample], Decimal | None]) -> list[list[float]]:
    return points(samples, [of(sample) for sample in samples])


def points(samples: Sequence[Sample], values: Sequence[Decimal | None]) -> list[list[float]]:
    """Floats, for drawing only."""
    return [[sample.at_ms, float(value)] for sample, value in zip(samples, values, strict=True) if value is not None and value.is_finite()]


def draw(into: ui.echart, lines: list[tuple[str, list[list[float]]]]) -> None:
    into.options["title"] = {"text": "" if any(points for _, points in lines) else "nothing yet", **NOTHING_YET}
    into.options["series"] = [
        {"name": name, "type": "line", "showSymbol": len(points) < 2, "data": points, "step": "end"} for name, points in lines
    ]
    into.update()


def percent(share: Decimal) -> str:
    return f"{number(str(share * 100), 3)} %"


def usd(said: str | None) -> str:
    return "–" if said is None else f"{Decimal(said):,.0f} USD"


def number(said: str | None, places: int) -> str:
    if said is None:
        return "–"
    value = Decimal(said)
    return f"{value:,.{places}f}".rstrip("0").rstrip(".") if value.is_finite() else "∞"
