"""How does an answer look at a glance? The same facts as the JSON, as tables that fit 80 columns."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from bot.core.model import settle_of
from bot.face import alerts_besides
from bot.settings_text import Finding, printable

CENT: Final = Decimal("0.01")
NOTHING: Final = "–"
WIDE: Final = 1000  # a terminal that no table fills
ROOMY: Final = Context(prec=60)  # a figure of any size can be shown, also one of more digits than decisions are computed with


def answer_json(content: object) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(json.dumps(content, ensure_ascii=False, allow_nan=False, default=str) + "\n")
    sys.stdout.flush()


def show(*parts: RenderableType) -> None:
    console().print(*parts, sep="\n")


def console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)


# ---------------------------------------------------------------------------------------------------------------- numbers


def usd(said: object, places: str = "1") -> str:
    """Whole dollars with separators; what is unknown is a dash."""
    return NOTHING if said is None else grouped(Decimal(str(said)), Decimal(places))


def number(said: object, places: int = 4) -> str:
    """At most so many decimals, without trailing zeros."""
    if said is None:
        return NOTHING
    value = Decimal(str(said))
    if not value.is_finite():
        return "∞"
    text = grouped(value, Decimal(1).scaleb(-places))
    return text.rstrip("0").rstrip(".") if "." in text else text


def price(said: object, places: int = 0, digits: int = 5) -> str:
    """At most so many decimals, and more of them where the first so many digits need them: a coin may cost a thousandth of a cent."""
    if said is None:
        return NOTHING
    value = Decimal(str(said))
    return number(value, max(places, digits - 1 - value.adjusted()) if value and value.is_finite() else places)


def grouped(value: Decimal, places: Decimal) -> str:
    if not value.is_finite():
        return "∞"
    rounded = value.quantize(places, ROUND_HALF_EVEN, ROOMY)
    return f"{rounded or abs(rounded):,f}"  # a loss of a tenth of a cent is 0, and not -0


def clock(iso: object) -> str:
    """`2026-03-01T12:00:00.250Z` as people read it."""
    return NOTHING if iso is None else str(iso)[:19].replace("T", " ")


def place(said: Mapping[str, Any]) -> str:
    return str(said["venue"]) + (f" {said['environment']}" if said.get("environment") else "")


# ---------------------------------------------------------------------------------------------------------------- plan and status


def facts(said: Mapping[str, Any]) -> RenderableType:
    """The answer of `plan` or `status`."""
    sends = "armed" if said["armed"] else "dry: no order is sent"
    head = Text.assemble(
        (f"{said['account']} on {place(said)}", "bold"),
        (f" ({', '.join(said['overrides'])})" if said["overrides"] else "", "yellow"),
        f" · {said['state']} · mode {said['mode']}, {sends}",
    )
    parts: list[RenderableType] = [head, Text(f"as of {clock(said['as_of'])} UTC" if said["as_of"] else "nothing seen yet", "dim")]
    if said["legs"]:
        parts.append(legs_table(said["legs"]))
    for leg in said["legs"]:
        parts += leg_lines(leg)
    if "open_orders" in said:
        parts.append(
            Text(
                f"worth {usd(said['value_total_usd'])} USD: bag {usd(said['value_bag_usd'])}, account {usd(said['value_account_usd'])}\n"
                f"open orders: {said['open_orders']}; of unknown fate: {said['unknown_orders']}"
            )
        )
    parts += [Text(f"missing: {what}", "yellow") for what in said["missing"]]
    parts += [Text(f"alert: {what}", "yellow") for what in alerts_besides(said)]
    return Group(*parts)


def legs_table(legs: Sequence[Mapping[str, Any]]) -> "Fitting":
    names = ("asset", "target", "actual", "USD now", "USD wanted", "leverage", "liquidated at", "aligned")
    rows = [
        (
            leg["asset"],
            number(leg["ratio_target"]),
            number(leg["ratio_actual"]),
            usd(leg["position_usd"]),
            NOTHING if leg["target_usd"] is None else usd(-Decimal(leg["target_usd"])),
            number(leg["leverage"], 2),
            "none" if leg["liquidation_price"] is None else price(leg["liquidation_price"]),
            "yes" if leg["aligned"] else "no",
        )
        for leg in legs
    ]
    return Fitting(names, rows)


@dataclass(frozen=True, slots=True)
class Fitting:
    """A table where the terminal is wide enough for every figure; else one row below the other, with its name. No figure is ever cut."""

    names: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    left: tuple[str, ...] = ()
    gap: int = 1

    def __rich_console__(self, terminal: Console, options: ConsoleOptions) -> RenderResult:
        table = plain_table(*self.names, left=self.left, gap=self.gap)
        for row in self.rows:
            table.add_row(*row)
        if Measurement.get(terminal, options.update(max_width=WIDE), table).maximum <= options.max_width:
            yield table
            return
        for row in self.rows:
            yield Text(f"{self.names[0]} {row[0]}", "bold")
            yield pairs((f"  {name}", value) for name, value in zip(self.names[1:], row[1:], strict=True))


def account_words(leg: Mapping[str, Any]) -> str:
    """`3 in the account`; of a linear contract, whose account holds none of the asset, `USDT worth 400 SOL in the account`."""
    amount, settle = number(leg["equity_coins"], 6), settle_of(leg["instrument"])
    return f"{amount} in the account" if settle == leg["asset"] else f"{settle} worth {amount} {leg['asset']} in the account"


def leg_lines(leg: Mapping[str, Any]) -> list[RenderableType]:
    asset, costs = leg["asset"], leg["costs"]
    lines: list[RenderableType] = [
        Text.assemble(
            (f"{asset} ", "bold"),
            f"{number(leg['spot_coins'], 6)} outside + {account_words(leg)}, δ {number(leg['delta_coins'], 6)}",
            f" (basis {leg['basis']})\n  {leg['why']}",
        )
    ]
    lines += [Text(f"  {policy_line(change)}", "dim") for change in leg["policies"]]
    for one in leg.get("crosses", ()):
        lines.append(Text(f"  + {cross_line(one)}"))
        lines += [Text(f"      {policy_line(change)}", "dim") for change in one["policies"]]
    band, away = leg.get("band"), leg.get("liquidation_distance")
    edges = "" if band is None else f"band {percent_of(band['low'])} to {percent_of(band['high'])} % of what is wanted ({leg['band_why']})"
    far = "" if away is None else f"liquidation {Decimal(away) * 100:+.0f} % away"
    if edges or far:
        lines.append(Text("  " + ", ".join(part for part in (edges, far) if part), "dim"))
    lines += collateral_lines(leg)
    for order in leg["orders"]:
        how = "post-only" if order["post_only"] else "immediate or cancel"
        shrinks = ", reduce-only" if order["reduce_only"] else ""
        what = f"{order['side']} {order['contracts']:,} contracts of {leg['instrument']} at {price(order['limit_price'], 8, 8)}"
        lines.append(Text(f"  → {what}, {how}{shrinks}"))
    if leg["orders"]:
        year = costs["funding_usd_per_year"]
        funding = "" if year is None else f", funding about {usd(abs(Decimal(year)))} USD a year{' received' if Decimal(year) < 0 else ''}"
        planned = number(leg["ratio_planned"])
        lines.append(Text(f"  whole plan: ratio {planned}, fees {usd(costs['fees_usd'], '0.01')} USD{funding}", "dim"))
    return lines


def collateral_lines(leg: Mapping[str, Any]) -> list[RenderableType]:
    """What would become of leverage and liquidation, what is lacking, and what moves."""
    lines: list[RenderableType] = []
    if any(one["leverage"] != "0" for one in leg.get("stress", ())):
        told = (
            f"+{one['move_percent']} % → {number(one['leverage'], 2)}"
            + ("" if one["liquidation_distance"] is None or Decimal(one["liquidation_distance"]) > 0 else " (liquidated)")
            for one in leg["stress"][1:]
        )
        lines.append(Text(f"  leverage if the price rises: {', '.join(told)}", "dim"))
    if leg.get("lacking_coins") is not None:
        settle = settle_of(leg["instrument"])
        lines.append(Text(f"  collateral: {number(leg['lacking_coins'])} {settle} should be moved into the account", "yellow"))
    for one in leg.get("transfers", ()):
        way = "into the account" if Decimal(one["coins"]) > 0 else "back to the spot wallet"
        lines.append(Text(f"  → {number(abs(Decimal(one['coins'])))} {leg['asset']} {way} ({one['why']})"))
    return lines


def percent_of(edge: str) -> str:
    return number(Decimal(edge) * 100, 2)


def cross_line(one: Mapping[str, Any]) -> str:
    """`SOL: 195,000 USD = ratio 1 × β 1.3 (R² 0.62) × 1,500 SOL at 100`."""
    parts = f"ratio {target_words(one)} × β {number(one['beta'], 4)}"
    parts += "" if one["r_squared"] is None else f" (R² {number(one['r_squared'], 2)})"
    parts += f" × {number(one['coins'], 6)} {one['asset']} at {price(one['price'], 6)}"
    return f"{one['asset']}: {usd(one['target_usd'])} USD = {parts}{'; ' + one['why'] if one['why'] else ''}"


def target_words(leg: Mapping[str, Any]) -> str:
    """The ratio that is asked for, and the one that policies make of it."""
    target, effective = number(leg["ratio_target"]), number(leg["ratio_effective"])
    return target if target == effective or not leg["policies"] else f"{target} → {effective}"


def policy_line(change: Mapping[str, Any]) -> str:
    """`funding: ratio 1 → 0 (over the budget: …)`."""
    before, after = number(change["before"]), "UNKNOWN" if change["after"] is None else number(change["after"])
    return f"{change['policy']}: ratio {before if before == after else f'{before} → {after}'} ({change['why']})"


# ---------------------------------------------------------------------------------------------------------------- lists


def plain_table(*names: str, left: Iterable[str] = (), gap: int = 1) -> Table:
    """The first column and those in `left` to the left, numbers to the right; `gap` blanks more than one between columns."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    keep = set(left)
    for index, name in enumerate(names):
        table.add_column(name, justify="left" if index == 0 or name in keep else "right", no_wrap=True)
    return table


def orders_table(orders: Sequence[Mapping[str, Any]], *, open_only: bool = False) -> RenderableType:
    if not orders:
        return Text("no order that is not finished" if open_only else "no order on record")
    rows = [
        (
            clock(order["at"])[5:16],
            order["client_id"],
            f"{order['side']} {order['asset']}",
            f"{order['filled']:,}/{order['contracts']:,}",
            price(order["limit_price"], 8, 8),
            order["status"],
        )
        for order in orders
    ]
    return Fitting(("at (UTC)", "id", "side", "filled", "limit", "status"), rows, left=("id", "side", "status"), gap=0)


def costs_table(traded: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Of orders or of fills, in basis points: against the mid that the order met, and against a market order at that moment."""
    rows = [
        (
            clock(one["at"])[5:],
            f"{one['side']} {one['asset']}",
            f"{one['filled'] if 'filled' in one else one['contracts']:,}",
            *(number(one["cost"][name], 2) for name in ("slippage_bps", "fees_bps", "market_bps", "saved_bps")),
        )
        for one in traded
        if one["cost"] is not None
    ]
    if not rows:
        return Text("nothing on record that has traded and tells the market it met")
    return Fitting(("at (UTC)", "side", "contracts", "slippage, bp", "fees", "market order", "saved"), rows, left=("side",))


def fills_table(fills: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not fills:
        return Text("no fill on record")
    rows = [
        (
            clock(fill["at"])[5:],
            f"{fill['side']} {fill['asset']}",
            f"{fill['contracts']:,}",
            price(fill["price"], 8, 8),
            usd(fill["notional_usd"]),
            number(fill["fee_coins"], 8),
            ("liquidation" if fill["liquidation"] else "maker" if fill["maker"] else "taker") + ("" if fill["ours"] else " (foreign)"),
        )
        for fill in fills
    ]
    return Fitting(("at (UTC)", "side", "contracts", "price", "USD", "fee, coins", "as"), rows, left=("side", "as"))


def targets_table(targets: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = plain_table("asset", "ratio", "by", "until (UTC)", left=("by", "until (UTC)"))
    for target in targets:
        table.add_row(
            target["asset"], number(target["ratio"], 6), target["source"], clock(target["until"]) if target["until"] else "further notice"
        )
    return table


def findings_table(found: Iterable[Finding]) -> Table:
    """Each finding with its place, and under it what to do."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in found:
        subject = f"{finding.key} " if finding.key else ""
        colour = "red" if finding.severity == "error" else "yellow"
        table.add_row(Text(finding.severity, colour), printable(f"{finding.where}: {subject}{finding.problem}"))
        table.add_row("", Text(f"→ {printable(finding.remedy)}", "dim"))
    return table


def pairs(rows: Iterable[tuple[str, str]]) -> Table:
    """Facts with their names."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, value)
    return table
