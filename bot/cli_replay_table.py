"""How does a replay read at a terminal?"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from bot.cli_show import NOTHING, clock, number, usd

MOST_SWITCHES: Final = 20  # that are shown; `--json` has them all


def summary(said: Mapping[str, Any], *, funded: bool = True) -> list[tuple[str, str]]:
    """`funded`: rates were given. Without them the sum is 0 because none is known, which is no figure."""
    start, end, least = (Decimal(said[f"value_{name}_usd"]) for name in ("start", "end", "min"))
    return [
        ("bars", f"{said['steps']:,}"),
        ("hedged", f"{usd(start)} USD at the start, {usd(least)} at worst, {usd(end)} at the end"),
        ("unhedged", f"{usd(said['unhedged_value_end_usd'])} USD at the end"),
        ("worst hedge error", f"{number(said['hedge_error_max_bps'], 2)} bp of the start"),
        ("orders, fills", f"{said['orders']:,}, {said['fills']:,} ({usd(said['turnover_usd'])} USD turned over)"),
        ("fees paid", f"{usd(said['fees_usd'], '0.01')} USD"),
        funding(said["funding_usd"]) if funded else ("funding", "not counted: no rates were given (--funding FILE)"),
        ("liquidated", "YES" if said["liquidated"] else "no"),
        *of_each_leg(said, funded=funded),
        *alerted(said),
        *moved(said),
        *crossing(said),
        *comparison(said),
        *((name, beside(one, start)) for name, one in runs_of(said)),
        ("took", f"{said['seconds']} s"),
    ]


def funding(received_usd: str) -> tuple[str, str]:
    amount = Decimal(received_usd)
    return f"funding {'received' if amount >= 0 else 'paid'}", f"{usd(abs(amount), '0.01')} USD"


def beside(one: Mapping[str, Any], start: Decimal) -> str:
    """Another run; what it began with is told where that differs."""
    other = "" if Decimal(one["value_start_usd"]) == start else f", {usd(one['value_start_usd'])} at the start"
    return f"{usd(one['value_end_usd'])} USD at the end, {usd(one['value_min_usd'])} at worst{other}"


def of_each_leg(said: Mapping[str, Any], *, funded: bool) -> list[tuple[str, str]]:
    lines = []
    for one in said.get("legs", {}).values():
        fills = f"{one['fills']:,} fill{'' if one['fills'] == 1 else 's'}"
        paid = f"fees {usd(one['fees_usd'], '0.01')} USD" + (f", {' '.join(funding(one['funding_usd']))}" if funded else "")
        gone = ", LIQUIDATED" if one["liquidated"] else ""
        lines.append((one["instrument"], f"{fills}, {usd(one['turnover_usd'])} USD turned over, {paid}{gone}"))
    return lines


def alerted(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the operator would have been told, each text once."""
    stood: dict[str, list[Mapping[str, Any]]] = {}
    for one in said.get("alerts", ()):
        stood.setdefault(one["alert"], []).append(one)
    lines = []
    for text, times in stood.items():
        often = "once" if len(times) == 1 else f"{len(times):,} times"
        until = "to the end" if times[-1]["to"] is None else f"to {clock(times[-1]['to'])[:16]}"
        lines.append(f"{text} ({often}, {clock(times[0]['from'])[:16]} {until})")
    return [("alerts", "\n".join(lines))] if lines else []


def moved(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Collateral that was moved; what is not listed is counted."""
    if "transfers" not in said:
        return []
    made = said["transfers"]
    lines = [
        f"{clock(one['at'])[:16]} {number(abs(Decimal(one['coins'])))} {one['asset']} "
        f"{'into the account' if Decimal(one['coins']) > 0 else 'back to the bag'} ({one['why']})"
        for one in made[:MOST_SWITCHES]
    ]
    if len(made) > MOST_SWITCHES:
        lines.append(f"and {len(made) - MOST_SWITCHES} more")
    return [("collateral moved", "\n".join(lines) or "never")]


def crossing(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What was carried, and how much it took away."""
    if "crosses" not in said:
        return []
    lines = [
        f"{clock(one['at'])[:16]} {one['asset']} β {number(one['beta'])}, R² {number(one['r_squared'])}: "
        + (f"{usd(one['target_usd'])} USD" if one["target_usd"] is not None else one["why"])
        for one in said["crosses"][:MOST_SWITCHES]
    ]
    if len(said["crosses"]) > MOST_SWITCHES:
        lines.append(f"and {len(said['crosses']) - MOST_SWITCHES} more")
    reduced = said["variance_reduction"]
    return [
        ("cross-hedges", "\n".join(lines)),
        (
            "variance taken away",
            "; ".join(
                f"{name} {NOTHING if share is None else f'{number(100 * Decimal(share), 1)} %'}"
                for name, share in [*((f"of {asset}", share) for asset, share in said["effectiveness"].items()), ("of everything", reduced)]
            ),
        ),
    ]


def runs_of(said: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    return tuple(said.get("runs", {}).items())


def comparison(said: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What the policies did, and what it would have been without them."""
    if "compared" not in said:
        return []
    always, never = said["compared"].get("always"), said["compared"]["never"]
    bare = ("never hedged", f"{usd(never['value_end_usd'])} USD at the end, {usd(never['value_min_usd'])} at worst")
    if always is None:
        return [bare]
    shown = []
    for one in said["switches"][:MOST_SWITCHES]:
        ratio = "UNKNOWN" if one["ratio_effective"] is None else number(one["ratio_effective"])
        shown.append(f"{clock(one['at'])[:16]} {one['asset']} {ratio}: {one['why']}")
    if len(said["switches"]) > MOST_SWITCHES:
        shown.append(f"and {len(said['switches']) - MOST_SWITCHES} more")
    return [
        ("always hedged", f"{usd(always['value_end_usd'])} USD at the end, {usd(always['value_min_usd'])} at worst"),
        bare,
        ("ratio changed", "\n".join(shown) or "never"),
    ]
