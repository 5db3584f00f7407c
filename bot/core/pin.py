"""Is it still the contract that we took on? A changed size, step or minimum gives an order's numbers another meaning.

The contract is pinned when it is first seen. While the venue shows another one, its leg places nothing and its open order is cancelled;
what is seen of it goes on being counted in contracts of the pinned size, so that no fill is lost. A person accepts the change.
"""

import hashlib
from collections.abc import Callable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Final, TypeVar

from bot.core.events import CommandGiven, ContractPinned
from bot.core.memory import LegState, State
from bot.core.model import ContractSpec, Depth, Levels, Order, View

T = TypeVar("T")
ACCEPT: Final = "accept-contract"
NAMES: Final = {
    "symbol": "symbol",
    "kind": "type",
    "settle": "settle currency",
    "contract_size": "contract size",
    "tick": "tick",
    "lot": "lot",
    "min_contracts": "smallest order in contracts",
    "min_notional_usd": "smallest order in USD",
}


def spelt(value: object) -> str:
    """One spelling for one number, however the venue writes it."""
    if not isinstance(value, Decimal):
        return str(value)
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def digest(spec: ContractSpec) -> str:
    """SHA-256 in hex."""
    return hashlib.sha256("\x1f".join(spelt(getattr(spec, field.name)) for field in fields(spec)).encode()).hexdigest()


def differences(pinned: ContractSpec, shown: ContractSpec) -> str:
    """Each field with its old and its new value; empty if the contract is the pinned one."""
    pairs = ((NAMES[field.name], getattr(pinned, field.name), getattr(shown, field.name)) for field in fields(pinned))
    return ", ".join(f"{name} {spelt(was)} → {spelt(now)}" for name, was, now in pairs if was != now)


def described(spec: ContractSpec) -> str:
    return ", ".join(f"{NAMES[field.name]} {spelt(getattr(spec, field.name))}" for field in fields(spec) if field.name != "symbol")


def changed(leg: LegState, shown: ContractSpec | None) -> str:
    """Why this leg may place nothing, and what to do about it; empty if `shown` is the pinned contract, or nothing is pinned yet."""
    if leg.pin is None or shown is None or shown is leg.pin or shown == leg.pin:
        return ""
    did = "its open order is being cancelled and nothing new is placed" if leg.working is not None else "nothing is placed"
    return (
        f"the contract {leg.symbol} changed at the venue ({differences(leg.pin, shown)}); {did}: read the venue's notice, "
        f"then `hedgebot {ACCEPT} {leg.asset} --reason …`"
    )


def halt(leg: LegState) -> str | None:
    """Why this leg is halted, if it is."""
    return leg.halted or changed(leg, leg.offered) or None


def refusal(state: State, asset: str | None) -> str:
    """Why there is nothing to accept, or not yet; empty if there is."""
    leg = next((leg for leg in state.legs if leg.asset == asset), None)
    if leg is None or leg.offered is None:
        return f"the contract of {asset} is as it was pinned: there is nothing to accept"
    if leg.working is not None:
        return f"the open order {leg.working.order.client_id} of {asset} is not gone yet: accept the contract when it is"
    return ""


def acceptance(state: State, command: CommandGiven) -> tuple[ContractPinned, ...]:
    """What follows from the operator's word: the offered contract is the pinned one."""
    if command.name != ACCEPT or refusal(state, command.asset):
        return ()
    leg = next(leg for leg in state.legs if leg.asset == command.asset)
    assert leg.pin is not None
    assert leg.offered is not None
    return (ContractPinned(leg.asset, leg.offered, digest(leg.offered), digest(leg.pin), command.at_ms),)


# ---------------------------------------------------------------------------------------------------------------- what is seen meanwhile


def recounted(pinned: ContractSpec, shown: ContractSpec) -> bool:
    """Does the venue count this contract otherwise than the record does?"""
    return shown.contract_size != pinned.contract_size or shown.kind is not pinned.kind


def counted(view: View, pinned: ContractSpec) -> View:
    """The same view in contracts of the pinned size; a part that is no whole number of them is unknown."""
    shown = view.instrument
    if shown.spec is pinned or not recounted(pinned, shown.spec):
        return view

    def count(contracts: int) -> int:
        whole = contracts * shown.contract_size / pinned.contract_size
        if whole != whole.to_integral_value() or shown.kind is not pinned.kind:
            raise Uncountable
        return int(whole)

    def orders(part: tuple[Order, ...]) -> tuple[Order, ...]:
        return tuple(replace(order, contracts=count(order.contracts), filled=count(order.filled)) for order in part)

    def levels(side: Levels) -> Levels:
        whole = ((price, int(count * shown.contract_size / pinned.contract_size)) for price, count in side)
        return tuple((price, count) for price, count in whole if count)

    def depth(part: Depth) -> Depth:
        return replace(part, bids=levels(part.bids), asks=levels(part.asks))

    return replace(
        view,
        instrument=replace(shown, contract_size=pinned.contract_size),
        position=countable(view.position, lambda part: replace(part, contracts=count(part.contracts))),
        open_orders=countable(view.open_orders, orders),
        found=countable(view.found, orders),
        fills=countable(view.fills, lambda part: tuple(replace(fill, contracts=count(fill.contracts)) for fill in part)),
        depth=countable(view.depth if shown.kind is pinned.kind else None, depth),
    )


class Uncountable(Exception):
    """A number of contracts that is no whole number of the pinned ones."""


def countable(part: T | None, convert: Callable[[T], T]) -> T | None:
    try:
        return None if part is None else convert(part)
    except Uncountable:
        return None
