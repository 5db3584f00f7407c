"""Which world do the faces show in these tests? A status with one leg of each interesting kind, and a bot that only listens."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from bot.core.decision import Approved, Decision, LegPlan, Mode
from bot.core.events import CommandGiven
from bot.core.model import NO_LIQUIDATION, Basis, Instrument, Kind, Margin, Position, Quote, Side, Snapshot, Target, TargetSource, View
from bot.core.rules import Band, ExecutionRule, Foreign, LegRule, RiskRule, Rules
from bot.face import COMMAND_WAIT_MS, Check, CommandResult, Health, Status

D = Decimal
NOW_MS = 1_772_366_400_250  # 2026-03-01T12:00:00.250Z

BTC = Instrument("BTC/USD:BTC", "BTC", Kind.INVERSE, "BTC", D(100), D("0.5"), D("-0.0001"), D("0.0005"), D("0.005"))
SOL = Instrument("SOL/USDT:USDT", "SOL", Kind.LINEAR, "USDT", D("0.1"), D("0.01"), D("0.0002"), D("0.0005"), D("0.01"))
XRP = replace(SOL, symbol="XRP/USDT:USDT", asset="XRP")
INSTRUMENTS = {"BTC": BTC, "SOL": SOL, "XRP": XRP}


def leg(asset: str = "BTC", **changed: Any) -> LegPlan:
    plan = LegPlan(
        asset=asset,
        instrument=INSTRUMENTS[asset].symbol,
        basis=Basis.COINS,
        ratio_target=D("1.0"),
        ratio_effective=D("1.0"),
        ratio_actual=D("0.98"),
        ratio_planned=D("1"),
        target_source=TargetSource.CONFIG,
        spot_coins=D("2.00"),
        equity_coins=D("3"),
        delta_coins=D("0.1"),
        position_usd=D("-294000"),
        target_usd=D("-3E+5"),
        leverage=D("1.63"),
        liquidation_price=NO_LIQUIDATION,
        mark=D(60000),
        aligned=False,
        why="under-hedged",
        fees_usd=D("-0.600"),
        funding_usd_per_year=D("-3285"),
    )
    return replace(plan, **changed)


def order(asset: str = "BTC", **changed: Any) -> Approved:
    made = Approved(
        client_id="hbaa001abc",
        asset=asset,
        symbol=INSTRUMENTS[asset].symbol,
        side=Side.SELL,
        contracts=60,
        limit_price=D("60000.50"),
        reduce_only=False,
        post_only=True,
        reference_price=D(60000),
        notional_usd=D(6000),
        deadline_mono_ms=0,
        why="under-hedged",
    )
    return replace(made, **changed)


def view(asset: str = "BTC", **changed: Any) -> View:
    instrument = INSTRUMENTS[asset]
    shown = View(
        instrument=instrument,
        quote=Quote(instrument.symbol, D(60000), D(59940), D(59999), D(60001), D("0.0001"), NOW_MS - 100),
        position=Position(instrument.symbol, -2940, D(60000), None, NOW_MS - 200),
        margin=Margin(instrument.settle, D(3), D(3), NOW_MS - 300),
    )
    return replace(shown, **changed)


def decision(*legs: LegPlan, **changed: Any) -> Decision:
    made = Decision(at_ms=NOW_MS, cycle=7, armed=True, legs=legs or (leg(),), orders=(order(),), mode=Mode.WATCHING)
    return replace(made, **changed)


def snapshot(*views: View) -> Snapshot:
    return Snapshot(now_ms=NOW_MS, mono_ms=5_000, views=views or (view(),), bag=(("BTC", D(2)),))


def status(**changed: Any) -> Status:
    made = Status(
        account="main",
        venue="paper",
        environment=None,
        mode="live",
        armed=True,
        state=Mode.WATCHING,
        draining=False,
        as_of_ms=NOW_MS,
        cycle=7,
        decision=decision(),
        seen=snapshot(),
        open_orders=1,
        unknown_orders=0,
        targets=(),
        halted=None,
        halted_legs=(),
        seq=41,
        head="0123456789ab" + "0" * 52,
        why_not_ready=(),
    )
    return replace(made, **changed)


def fresh_status() -> Status:
    """Before the first turn has ended."""
    return status(state=Mode.STARTING, armed=False, as_of_ms=None, cycle=0, decision=None, seen=None, open_orders=0, seq=0, head="")


def health(**changed: Any) -> Health:
    fine = Health(
        now_ms=NOW_MS,
        now_mono_ms=100_000,
        last_turn_mono_ms=99_000,
        cycle_ms=5_000,
        database=Check(True, "the last row was written 1 s ago"),
        venue=Check(True, "paper answered"),
        reconciled=Check(True, "READY since cycle 1"),
        data_fresh=Check(True, "the oldest quote is 0.1 s old"),
    )
    return replace(fine, **changed)


RULES = Rules(
    version="1",
    account="main",
    venue="paper",
    environment=None,
    live=True,
    legs=(LegRule("BTC", BTC.symbol, Basis.COINS, D(1), Band(D("0.995"), D(1), D(1), D("1.005"))),),
    execution=ExecutionRule(30_000, 10, 120_000, D("0.002"), D(100_000), D(100), 10_000),
    risk=RiskRule(D(2), D(3), D(1_000_000), D(2_000_000), 20, D("0.01"), 15_000, allow_over_hedge=False),
    foreign=Foreign.HALT,
    absence_polls=1,
    absence_ms=0,
)


@dataclass
class ListeningBot:
    """Satisfies `Bot`: shows the status and health it is given and keeps the commands it hears."""

    shown: Status = field(default_factory=status)
    healthy: Health = field(default_factory=health)
    result: CommandResult | Exception = field(default_factory=lambda: CommandResult("ok", True, Mode.WATCHING, "done"))
    heard: list[CommandGiven] = field(default_factory=list)
    rules: Rules = RULES
    account: str = "main"
    venue: str = "paper"
    environment: str | None = None

    def status(self) -> Status:
        return self.shown

    def health(self) -> Health:
        return self.healthy

    async def command(self, command: CommandGiven, wait_ms: int = COMMAND_WAIT_MS) -> CommandResult:
        self.heard.append(command)
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


OPERATOR_TARGET = Target("BTC", D("0.50"), TargetSource.OPERATOR, NOW_MS + 1_000)
