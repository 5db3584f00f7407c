"""In which order do the steps of a turn happen? Gather, reconcile, decide, record, act, record: the row exists before the order does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Final

import structlog

from bot import transfers
from bot.acting import Hands
from bot.alone import Alone
from bot.clocks import Clocks
from bot.commanding import KILL_FILE, Bell, Said, at_once, carried_out, nothing_new, pull_or_release, refused, told, unfinished
from bot.core.decide import decide
from bot.core.decision import Decision, Mode
from bot.core.events import AlertRaised, CommandGiven, DecisionMade, Event, IntentRecorded
from bot.core.ledger import OVERLAP_MS, fold
from bot.core.leg import IN_DOUBT
from bot.core.making import maker
from bot.core.memory import State
from bot.core.model import BOOK_LEVELS, Instrument, OrderStatus, Snapshot, View, asked, snapshot
from bot.core.order_memory import dry_plan
from bot.core.pin import acceptance, halt
from bot.core.planner import is_ours
from bot.core.reconcile import reconciled
from bot.core.risk import quote_problem
from bot.core.rules import Rules
from bot.dead_man import DeadMan
from bot.face import COMMAND_WAIT_MS, Check, CommandResult, Health, Status
from bot.gate import SignGate
from bot.lasting import UNRECORDED, Lasting
from bot.logs import scrub
from bot.ports import (
    AuditLog,
    Clock,
    Countdown,
    Crosses,
    Exchange,
    Holdings,
    LeaseLost,
    Measures,
    Mover,
    Notifier,
    NotSent,
    PortError,
    Standing,
    Targets,
)
from bot.witness import Witness

if TYPE_CHECKING:
    from bot.metrics import Metrics  # a replay has none, and loads none

RECORD_EVERY_MS: Final = 60_000  # a decision is on record at least so often, also when it changes nothing
LEASE_EVERY_MS: Final = 5_000
log = structlog.get_logger("hedgebot")


@dataclass(frozen=True, slots=True)
class Thought:
    """What a look at the world came to."""

    state: State  # after what happened
    seen: Snapshot
    decision: Decision
    happened: tuple[Event, ...]


thought_of: Final = maker(Thought)


@dataclass(frozen=True, slots=True)
class Parts:
    """What an engine is made of; wiring.py fits them together."""

    rules: Rules
    config_hash: str
    exchange: Exchange
    holdings: Holdings
    targets: Targets | None
    clock: Clock
    audit: AuditLog
    gate: SignGate
    instruments: dict[str, Instrument]
    cycle_ms: int
    run_id: str
    metrics: "Metrics | None" = None
    notifier: Notifier | None = None
    measures: Measures | None = None  # what policies go by; None: they need nothing measured
    crosses: Crosses | None = None  # None: no asset is hedged with another one's contract
    mover: Mover | None = None  # of collateral; None: nothing is moved here
    countdown: Countdown | None = None  # the venue's dead man's switch, if it is wanted
    overrides: tuple[str, ...] = ()  # what stands by the operator's word
    unhedged: tuple[tuple[str, Decimal], ...] = ()  # asset, declared coins of the bag that have no ratio
    record_every_ms: int | None = RECORD_EVERY_MS  # None: only decisions that act or change their reason (replay)
    sealed: str = ""  # why nothing can be sent whatever is said: there is no key


class Engine:
    """One account. `turn()` is the whole of it; everything else lets people look at it and speak to it."""

    def __init__(self, parts: Parts, state: State) -> None:
        self.parts = parts
        self.rules = parts.rules
        self.assets = parts.rules.assets
        self.alone = Alone(parts.clock.now_ms())
        self.state = self.foreseen = state  # what is on record; and with what was seen while nothing could be written
        self.seen: Snapshot | None = None
        self.decision: Decision | None = None
        self.turned = Bell()
        self.wake = asyncio.Event()
        self.said: list[Said] = []
        self.taken: Sequence[Said] = ()  # the words of the last turn that could read the record
        self.turns = 0
        self.busy = False  # the last turn put something on record: the next look will show what came of it
        self.database_problem = ""
        self._recorded_reason: tuple[str, ...] = ()
        self._recorded_mono_ms: int | None = None
        self._last_turn_mono_ms = parts.clock.mono_ms()
        self._reload = False
        self._told: frozenset[str] = frozenset()  # alerts that were told and still stand
        self.witness = Witness(parts.audit, parts.metrics)
        self.clocks = Clocks(parts.exchange, parts.clock, self.witness)
        self.lasting = Lasting()
        self.hands = Hands(parts.exchange, parts.clock, self.witness, self.lasting, parts.mover)
        self.dead_man = DeadMan(parts.countdown, parts.clock, self.witness) if parts.countdown is not None else None
        parts.gate.state = state

    # ------------------------------------------------------------------------------------------------------------------- the turn

    async def turn(self) -> Decision | None:
        """One pass. None when nothing could be decided because the record cannot be written."""
        began = self.parts.clock.mono_ms()
        decision = None
        if await self.readable():
            self.taken, self.said = self.said, []
            try:
                decision = await self.pass_downhill(self.taken)
            finally:
                self.said[:0] = unfinished(self.taken) if self._reload else []  # it is obeyed all the same, and goes on record when it can
                for word in self.taken:
                    if not word.applied.done() and word not in self.said:
                        word.applied.set_exception(NotSent(f"the command was not recorded: {self.database_problem or 'the turn failed'}"))
        else:
            await self.only_cancel()
        if decision is None and self.decision is not None:
            await self.tell(self.decision, ())
        await self.clocks.compare()
        self.turns += 1
        self._last_turn_mono_ms = self.parts.clock.mono_ms()
        if self.parts.metrics is not None:
            self.parts.metrics.turned(self.status(), (self._last_turn_mono_ms - began) / 1000)
        self.turned.ring()
        return decision

    async def readable(self) -> bool:
        """We lead; and after a failed write the record is read again before anything else: only it knows what was committed."""
        try:
            state = await self.parts.audit.reread() if self._reload else self.state
            if state is None:  # what was said of the database still holds
                return False
            await self.keep_lease()
            self.remember(state)
        except LeaseLost:
            self.parts.gate.lease_held = False
            raise
        except PortError as error:
            self.parts.gate.lease_asked_in_vain = True
            self.database_failed(error)
            return False
        self._reload = False
        return True

    async def keep_lease(self) -> None:
        """Ask the record now and then whether this process still leads; each write asks too. On a server bot/leading.py asks as well."""
        gate, mono_ms = self.parts.gate, self.parts.clock.mono_ms()
        if mono_ms - gate.lease_proven_mono_ms >= LEASE_EVERY_MS or not gate.lease_held:
            await self.parts.audit.prove()
            gate.lease_proven(mono_ms)

    async def pass_downhill(self, said: Sequence[Said]) -> Decision | None:
        thought = await self.thought(said)
        state, seen, decision = thought.state, thought.seen, thought.decision
        intents = self.intents(state, seen, decision) if decision.orders or decision.transfers else []
        rows: list[Event] = list(thought.happened)
        asked_gone = (state.draining or state.cancel_all) and not any(leg.working for leg in state.legs)
        if intents or asked_gone or self.worth_recording(decision, seen):
            rows += [DecisionMade(state, seen, self.parts.config_hash, decision), *intents]
        self.seen, self.decision, self.busy = seen, decision, bool(rows)
        if rows and not await self.record(rows, thought):
            await self.cancel(decision)  # cancels still work when the database is down
            return None
        if any(isinstance(row, DecisionMade) for row in rows):
            self._recorded_reason, self._recorded_mono_ms = decision.reason, seen.mono_ms
        for word in said:
            if not word.applied.done():
                word.applied.set_result(None)
        try:
            await self.act(decision)
        finally:
            self.witness.show()
        await self.tell(decision, thought.happened)
        return decision

    async def thought(self, said: Sequence[Said]) -> Thought:
        """What happened since the last turn, and what follows from it. Nothing of it is on record yet."""
        state = self.state
        happened: list[Event] = []
        for word in said:
            if nothing_new(state, word.command):
                continue
            follows: tuple[Event, ...] = (word.command, *acceptance(state, word.command))
            state, happened = reduce(fold, follows, state), [*happened, *follows]
        seen = await self.gather(state)
        if seen.kill_file and not state.killed:
            spoken = (word.command for word in self.said if word.command.name == "kill")  # whose word wrote the file a moment ago
            happened.append(next(spoken, CommandGiven("kill", "file", seen.now_ms, reason=KILL_FILE)))
            state = fold(state, happened[-1])
        state, differences = reconciled(state, seen, self.rules)
        if (halted := self.alone.disproved(state, seen, differences)) is not None:
            state, differences = fold(state, halted), (*differences, halted)
        return thought_of(state, seen, decide(state, seen, self.rules), (*happened, *differences))

    async def only_cancel(self) -> None:
        """The record cannot be read: nothing is sent, nothing remembered, and words wait; but what is to be cancelled is cancelled."""
        thought = await self.thought(self.said)
        self.seen, self.decision, self.busy, self.foreseen = thought.seen, thought.decision, True, thought.state
        await self.hands.cancel(thought.decision)

    async def tell(self, decision: Decision, happened: Sequence[Event]) -> None:
        """Each alert once, when it arises; what halts the account or a leg is critical, and a record that cannot be written."""
        halts = [f"halted: {leg.asset}: {leg.halted}" for leg in self.state.legs if leg.halted is not None]
        if self.state.killed:
            halts.append(f"halted: {self.state.killed}")
        dead_man = self.dead_man.alerts if self.dead_man is not None else ()
        document = self.document_standing()
        distrusted = (document.error,) if document is not None and document.error else ()
        raised = [one.what for one in happened if isinstance(one, AlertRaised)]
        lasting = (*self.lasting.unread(decision), *self.lasting.unrecorded(self.database_problem))
        standing = frozenset((*halts, *raised, *decision.alerts, *lasting, *dead_man, *distrusted))
        if self.parts.notifier is not None:
            for text in sorted(standing - self._told):
                severity = "critical" if text.startswith(("halted: ", UNRECORDED)) else "warning"
                await self.parts.notifier.notify(severity, scrub(text + transfers.amount_lacking(text, decision)))
        self._told = standing

    def remember(self, state: State) -> None:
        self.state = self.foreseen = state
        self.parts.gate.state = state

    # ------------------------------------------------------------------------------------------------------------------- gather

    async def gather(self, state: State) -> Snapshot:
        parts, now_ms = self.parts, self.parts.clock.now_ms()
        asks = []
        for rule in self.rules.legs:
            leg = state.leg(rule.asset)
            since = max(leg.charged_at_ms, leg.fills_cursor_ms - OVERLAP_MS) if leg.contracts is not None else now_ms - OVERLAP_MS
            funded = max(leg.charged_at_ms, leg.funding_cursor_ms - OVERLAP_MS) if leg.contracts is not None else now_ms - OVERLAP_MS
            ids = (leg.working.order.client_id,) if leg.working is not None else ()
            asks.append(asked(rule.symbol, since, funded, ids, BOOK_LEVELS))
        signs = await parts.measures.read() if parts.measures is not None else ()
        try:
            views = await parts.exchange.look(asks)
        except PortError as error:
            views = tuple(View(parts.instruments[ask.symbol], errors=(str(error),)) for ask in asks)
        for view in views:
            if view.errors:
                for text in view.errors:
                    self.witness.api_error("read", text)
        spots = await transfers.look(parts.mover, state, self.rules, self.witness) if parts.mover is not None else ()
        crosses = await parts.crosses.read() if parts.crosses is not None else ()
        bag = await parts.holdings.coins(self.assets)
        documents = await parts.targets.read() if parts.targets is not None else ()
        killed = parts.gate.kill_switch.read()
        return snapshot(
            now_ms=parts.clock.now_ms(),
            mono_ms=parts.clock.mono_ms(),
            views=views,
            bag=tuple(bag.items()),
            documents=documents,
            kill_file=killed,
            signs=signs,
            sources=parts.holdings.sources(),
            crosses=crosses,
            spots=spots,
        )

    def intents(self, state: State, seen: Snapshot, decision: Decision) -> list[Event]:
        """The rows that must exist before the orders do; in dry-run each distinct plan once."""
        if state.armed:
            wanted = [(order, OrderStatus.INTENT) for order in decision.orders]
        else:
            wanted = [(order, OrderStatus.DRY_RUN) for order in decision.orders if state.leg(order.asset).dry_plan != dry_plan(order)]
        orders = [IntentRecorded(order, state.epoch, decision.cycle, status, seen.now_ms, seen.mono_ms) for order, status in wanted]
        return [*transfers.intents(state, seen, decision), *orders]

    def worth_recording(self, decision: Decision, seen: Snapshot) -> bool:
        """When it acts, when its reason changes, once a minute, and after trouble with the database, which may take rows again."""
        if decision.cancels or decision.leverage or decision.moves or any(leg.teaches for leg in decision.legs):
            return True
        if self.database_problem or decision.reason != self._recorded_reason or self._recorded_mono_ms is None:
            return True
        every = self.parts.record_every_ms
        return every is not None and seen.mono_ms - self._recorded_mono_ms >= every

    # ------------------------------------------------------------------------------------------------------------------- record

    async def record(self, events: Sequence[Event], thought: Thought | None = None) -> bool:
        """Commit and fold. False if the database did not take them: then nothing may be sent. A thought was folded already, as far as it
        had happened."""
        began = self.parts.clock.mono_ms()
        try:
            await self.parts.audit.append(events)
        except LeaseLost:
            self.parts.gate.lease_held = False
            raise
        except PortError as error:
            self.database_failed(error)
            return False
        if self.parts.metrics is not None:
            self.parts.metrics.committed((self.parts.clock.mono_ms() - began) / 1000)
        if self.database_problem:
            self.database_problem = ""
            log.info("audit.recovered", seq=self.parts.audit.head().seq)
        state, fresh = (self.state, events) if thought is None else (thought.state, events[len(thought.happened) :])
        self.remember(reduce(fold, fresh, state))
        if thought is not None and self.state.armed and thought.decision.orders:
            self.witness.show_later(events)
        else:
            self.witness.show(events)
        return True

    def database_failed(self, error: Exception) -> None:
        self._reload = True
        if str(error) != self.database_problem:
            log.error(
                "audit.failed",
                error=str(error),
                did="nothing was sent; cancels still go out",
                next="free the disk or bring the database back",
            )
        self.database_problem = str(error)

    # ------------------------------------------------------------------------------------------------------------------- act

    async def act(self, decision: Decision) -> None:
        if decision.cancels:
            await self.cancel(decision)
        if self.dead_man is not None:
            await self.mind_dead_man(decision)
        if not decision.armed or self._reload:  # the database went away: what came of an order could not be kept
            return
        for transfer in decision.transfers:
            if not await self.record([await self.hands.transfer(transfer)]):
                return
        if not decision.orders:
            return
        unset = await self.hands.set_leverage(decision)
        outcomes: list[Event] = []
        self.alone.sends(decision.orders)
        for order in decision.orders:
            if order.asset in unset:
                outcomes += self.hands.moved(order, OrderStatus.ABSENT, 0, f"not sent: {unset[order.asset]}")
            else:
                outcomes += await self.hands.place(order)
        await self.record([*outcomes, *self.hands.take_halts()])

    async def mind_dead_man(self, decision: Decision) -> None:
        if self.dead_man is None or self.seen is None or self._reload:
            return
        changed = await self.dead_man.mind(self.state, self.seen, decision)
        if changed:
            await self.record(changed)

    async def cancel(self, decision: Decision) -> None:
        asked = await self.hands.cancel(decision)
        if asked and not self._reload:
            await self.record(asked)

    # ------------------------------------------------------------------------------------------------------------------- faces

    @property
    def account(self) -> str:
        return self.rules.account

    @property
    def venue(self) -> str:
        return self.rules.venue

    @property
    def environment(self) -> str | None:
        return self.rules.environment

    def own_open_orders(self) -> int:
        views = self.seen.views if self.seen is not None else ()
        return sum(1 for view in views for order in view.open_orders or () if is_ours(order.client_id, self.state.instance))

    @property
    def holds_orders(self) -> bool:
        """Is an own order open, on its way or in doubt, as far as is known?"""
        return self.own_open_orders() > 0 or any(leg.working for leg in self.state.legs)

    def hurried(self) -> bool:
        """Are own orders to be cancelled at once, by a kill or at the end? Then nothing waits long for the record."""
        if not self.holds_orders:
            return False
        ends = self.state.stopping or self.state.killed is not None or at_once((*self.said, *self.taken))
        return ends or self.parts.gate.kill_switch.read() is True

    def status(self) -> Status:
        state, decision, head = self.state, self.decision, self.parts.audit.head()
        return Status(
            account=self.account,
            venue=self.venue,
            environment=self.environment,
            mode="live" if self.rules.live else "dry-run",
            armed=state.armed,
            state=state.mode,
            draining=state.draining,
            as_of_ms=self.seen.now_ms if self.seen is not None else None,
            cycle=state.cycle,
            decision=decision,
            seen=self.seen,
            open_orders=self.own_open_orders(),
            unknown_transfers=sum(1 for leg in state.legs if leg.keeping.moving is not None),
            unknown_orders=sum(1 for leg in state.legs if leg.working is not None and leg.working.status in IN_DOUBT),
            targets=state.targets,
            halted=state.killed,
            halted_legs=tuple((leg.asset, why) for leg in state.legs if (why := halt(leg)) is not None),
            seq=head.seq,
            head=head.hash,
            overrides=self.parts.overrides,
            unhedged=self.parts.unhedged,
            document=self.document_standing(),
            bands=tuple((leg.asset, leg.band) for leg in self.rules.legs),
            baselines=tuple((leg.asset, leg.baseline.coins) for leg in state.legs if leg.baseline is not None),
            declared=tuple((leg.asset, leg.declared_coins) for leg in state.legs if leg.declared_coins is not None),
            why_not_ready=tuple(check.why for _, check in self.health().checks if not check.ok),
        )

    def document_standing(self) -> Standing | None:
        return None if self.parts.targets is None else self.parts.targets.standing()

    @property
    def only_looks(self) -> bool:
        """Can nothing be sent or cancelled, whatever is said?"""
        return not self.rules.live or bool(self.parts.sealed)

    def health(self) -> Health:
        """Without a key a bot is well when it reads the prices: more it cannot do."""
        clock, seen, sealed = self.parts.clock, self.seen, self.parts.sealed
        views = seen.views if seen is not None else ()
        unread = [f"{view.instrument.symbol}: {view.errors[0]}" for view in views if view.errors and not (sealed and view.quote)]
        stale = [
            f"{view.instrument.symbol}: {problem}"
            for view in views
            if seen is not None
            and (problem := "no price" if view.quote is None else quote_problem(view.quote, seen.now_ms, self.rules.risk))
        ]
        doubtful = self.state.mode in (Mode.STARTING, Mode.RECONCILING) and not sealed
        first = Check(False, "no turn has ended yet")
        return Health(
            now_ms=clock.now_ms(),
            now_mono_ms=clock.mono_ms(),
            last_turn_mono_ms=self._last_turn_mono_ms,
            cycle_ms=self.parts.cycle_ms,
            database=Check(not self.database_problem, self.database_problem or "the last rows were committed"),
            venue=Check(not unread, "; ".join(unread) or sealed or "every read was answered") if seen is not None else first,
            reconciled=Check(not doubtful, f"state {self.state.mode.value}") if seen is not None else first,
            data_fresh=Check(not stale, "; ".join(stale) or "prices are fresh") if seen is not None else first,
        )

    async def command(self, command: CommandGiven, wait_ms: int = COMMAND_WAIT_MS) -> CommandResult:
        """Apply an operator's word at the head of the next turn and wait at most `wait_ms` for it to be carried out."""
        if refusal := refused(command, self.rules, self.parts.sealed, self.state):
            return CommandResult("refused", False, self.state.mode, refusal)
        if nothing_new(self.state, command):
            note = f"already killed: {self.state.killed}"
        else:
            note = pull_or_release(self.parts.gate.kill_switch, command)
            await self.hear(command)
        deadline = self.parts.clock.mono_ms() + wait_ms
        while not (done := carried_out(command, self.state)) and self.parts.clock.mono_ms() < deadline:
            try:
                await asyncio.wait_for(self.turned.rings(), (deadline - self.parts.clock.mono_ms()) / 1000)
            except TimeoutError:
                break
        return CommandResult("ok" if done else "draining", done, self.state.mode, told(command, done, note))

    def hear(self, command: CommandGiven) -> asyncio.Future[None]:
        """Take a word into the next turn; the future is done when it is on record."""
        word = Said(command, asyncio.get_running_loop().create_future())
        self.said.append(word)
        self.wake.set()
        return word.applied
