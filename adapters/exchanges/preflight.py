"""Is this account fit for a hedge? Asked before the first order and by `check --online`; it reads, and sets nothing.

What may not be set refuses, naming the setting and who can change it: a mode that is changed under open positions is a loss of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Literal

from adapters.ccxt_client import Failed
from adapters.exchanges.ccxt_exchange import CcxtExchange
from adapters.exchanges.ccxt_line import Round
from adapters.exchanges.ccxt_reading import MOST_SKEW_MS
from adapters.exchanges.ccxt_translate import Listed, Malformed
from adapters.exchanges.venues.sheet import Account
from bot.core.contracts import notional_usd
from bot.core.model import Margin, Position, Quote
from bot.ports import Clock, NotSent, PortError

CONFIGURATION: Final = 4  # exit codes: a setting or a key must change;
ATTENTION: Final = 3  # the account, the venue or this machine needs somebody


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Literal["error", "warning"]
    what: str
    remedy: str
    exit_code: int = CONFIGURATION
    on_record: str = ""  # what the operator allowed in spite of this finding
    waits: str = ""  # the contract whose hedge stays as it is meanwhile

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the configuration wants of the account."""

    live: bool  # may orders be sent?
    min_order_usd: Decimal
    max_order_usd: Decimal
    max_position_usd: Decimal
    allow_withdraw_key: bool = False
    transfers: bool = False  # may collateral be moved?


async def preflight(exchange: CcxtExchange, symbols: Sequence[str], clock: Clock, wish: Wish) -> tuple[Finding, ...]:
    """Everything that stands against hedging with these contracts here, errors first. `connect` comes before."""
    if found := await skew(exchange, clock):
        return tuple(found)  # what follows is signed with that time
    empty: list[str] = []
    unpriced: list[Finding] = []
    resting = exchange.listings.unlisted
    for symbol in (each for each in symbols if each in resting):
        what = f"{symbol} is not traded at {exchange.venue.title} now"
        found.append(Finding("warning", what, "its hedge stays as it is until it is; the others are hedged", ATTENTION, waits=symbol))
    symbols = [symbol for symbol in symbols if symbol not in resting]
    for symbol in symbols:
        listed = exchange.listed(symbol)
        account = await read_account(exchange, listed)
        setup = [*modes(exchange, listed, account), *rights(exchange, account, wish)]
        if not any(finding.severity == "error" for finding in setup):
            shown = await means(exchange, listed, wish, empty, unpriced)
            if any(finding.severity == "error" for finding in shown):
                setup = []  # what was not told follows from what was not shown
            setup += shown
        found += setup
    found += [replace(each, severity="error") for each in unpriced] if len(unpriced) == len(symbols) else unpriced
    found += poor(exchange, empty, wish, every=len(empty) == len(symbols))
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.severity))


async def skew(exchange: CcxtExchange, clock: Clock) -> list[Finding]:
    """Half the round trip is the most that an honest clock can seem to be off."""
    asked = clock.now_ms()
    try:
        theirs = await exchange.line.patiently(exchange.server_time_ms)
    except PortError as error:
        what = f"{exchange.venue.title} does not tell its time ({error})"
        return [Finding("error", what, "see whether it is up, then start again", ATTENTION)]
    answered = clock.now_ms()
    off = theirs - (asked + answered) // 2
    if abs(off) - (answered - asked) // 2 <= MOST_SKEW_MS:
        return []
    what = f"this machine's clock is {abs(off)} ms {'behind' if off > 0 else 'ahead of'} {exchange.venue.title}'s"
    return [Finding("error", what, f"synchronise it (NTP); at most {MOST_SKEW_MS} ms are allowed", ATTENTION)]


async def read_account(exchange: CcxtExchange, listed: Listed) -> Account:
    """Each part on its own: what a venue does not answer it does not tell. A key that is refused is told as such by the position."""
    bodies = []
    for asked in exchange.venue.account(listed):
        try:
            bodies.append(await exchange.client.call(asked.method, asked.as_dict, weight=asked.weight))
        except (Failed, NotSent):
            bodies.append(None)
    try:
        return exchange.venue.read_account(listed, bodies, exchange.client.api_key)
    except Malformed:
        return Account()


def modes(exchange: CcxtExchange, listed: Listed, account: Account) -> Iterator[Finding]:
    title, symbol = exchange.venue.title, listed.instrument.symbol
    if account.one_way is False:
        remedy = f"switch {symbol} to one-way (net) mode in {title}'s settings, with no position and no order open"
        yield Finding("error", f"{title} is in hedge mode, which holds a long and a short of {symbol} at once", remedy)
    if account.one_way is None:
        yield Finding("warning", f"{title} did not tell the position mode", "see that it is one-way (net) mode")
    if account.cross is False:
        remedy = f"switch {symbol} to cross margin in {title}'s settings: isolated margin is not all of the collateral"
        yield Finding("error", f"{symbol} is on isolated margin at {title}", remedy)
    if account.cross is None:
        yield Finding("warning", f"{title} did not tell the margin mode", "see that it is cross margin")


def rights(exchange: CcxtExchange, account: Account, wish: Wish) -> Iterator[Finding]:
    title, real = exchange.venue.title, exchange.environment == "production"
    if account.may_trade is False:
        remedy = "give it the right to trade contracts, and nothing else"
        yield Finding("error" if wish.live else "warning", f"the key may not trade at {title}", remedy)
    if account.may_trade is None and wish.live:
        yield Finding("warning", f"{title} does not tell whether the key may trade", "see that it may: the first order would be refused")
    if account.may_withdraw:
        refuses = real and not wish.allow_withdraw_key
        remedy = "make a key without that right" + (", or write `venue.allow_withdraw_key: true`, on record" if refuses else "")
        allowed = "a key that can withdraw" if real and not refuses else ""
        yield Finding("error" if refuses else "warning", f"the key can withdraw from {title}", remedy, on_record=allowed)
    if wish.transfers and account.may_transfer is False:
        remedy = "give it that right (and none to withdraw), or write auto_transfer: false"
        yield Finding(
            "error" if wish.live else "warning", f"the key may not move coins at {title}, which collateral.X.auto_transfer needs", remedy
        )
    if account.may_withdraw is None and real:
        yield Finding("warning", f"{title} does not tell whether the key can withdraw", "see that it cannot")


async def read_quote(exchange: CcxtExchange, listed: Listed, round_: Round, unpriced: list[Finding]) -> Quote | None:
    """None, with what is said of it, for a contract whose prices are told and are none: an empty book, a halt."""
    try:
        return exchange.venue.read_quote(listed, await round_.ask(*exchange.venue.quote(listed)), round_.began_ms)
    except Malformed as error:
        what = f"{exchange.venue.title} shows no price of {listed.instrument.symbol} ({exchange.line.words(error)})"
        unpriced.append(Finding("warning", what, "its hedge stays as it is until it does", ATTENTION, waits=listed.instrument.symbol))
        return None


async def means(exchange: CcxtExchange, listed: Listed, wish: Wish, empty: list[str], unpriced: list[Finding]) -> list[Finding]:
    """Are the limits wide enough for an order, and does the account show itself? Currencies without collateral are added to `empty`."""
    round_, venue = Round(exchange.line), exchange.venue
    found: list[Finding] = []
    try:
        if (quote := await read_quote(exchange, listed, round_, unpriced)) is not None:
            found += limits(exchange, listed, quote, wish)
        position: Position = venue.read_position(listed, await round_.ask(*venue.position(listed)), round_.began_ms)
        if position.leverage_setting is None and venue.leverage(listed, 1) is not None:
            what = f"{venue.title} did not tell the leverage setting of {listed.instrument.symbol}"
            found.append(Finding("warning", what, "see that it is not below what risk.max_leverage allows: the bot cannot raise it"))
        margin: Margin = venue.read_margin(listed, await round_.ask(*venue.margin(listed)), round_.began_ms)
        if margin.equity <= 0:
            empty.append(margin.currency)
    except (PortError, Malformed) as error:
        found.append(unread(exchange, listed, error))
    finally:
        round_.end()
    return found


def unread(exchange: CcxtExchange, listed: Listed, error: Exception) -> Finding:
    title, symbol = exchange.venue.title, listed.instrument.symbol
    known, said = exchange.line.trouble(error), exchange.line.words(error)
    if known is not None:
        return Finding("error", f"{known.what} ({said})", known.remedy, ATTENTION if known.passes else CONFIGURATION)
    if isinstance(error, Malformed) and any(word in said for word in ("isolated", "hedge mode")):
        remedy = f"set {symbol} to one-way (net) mode and cross margin in {title}'s settings, with no position and no order open"
        return Finding("error", f"{title} does not show one position of {symbol} ({said})", remedy)
    remedy = f"see that the key belongs to the {exchange.environment} environment and may read, and that its secret is complete"
    return Finding("error", f"{title} did not show {symbol} ({said})", remedy)


def limits(exchange: CcxtExchange, listed: Listed, quote: Quote, wish: Wish) -> Iterator[Finding]:
    instrument, title = listed.instrument, exchange.venue.title
    smallest = max(notional_usd(instrument, instrument.min_contracts, quote.mark), instrument.min_notional_usd)
    smallest = smallest.quantize(Decimal(1), "ROUND_CEILING")
    takes = f"{title} takes no order of {instrument.symbol} below {smallest} USD"
    for key, most in (("execution.max_order_usd", wish.max_order_usd), ("risk.max_position_usd", wish.max_position_usd)):
        if most < smallest:
            yield Finding("error", f"{key} is {most:f}, and {takes}", f"write at least {key}: {smallest}")
    if wish.min_order_usd < smallest:
        remedy = f"write band.min_order_usd: {smallest}; until then smaller differences wait"
        yield Finding("warning", f"band.min_order_usd is {wish.min_order_usd:f}, and {takes}", remedy)


def poor(exchange: CcxtExchange, empty: Sequence[str], wish: Wish, *, every: bool) -> Iterator[Finding]:
    """Without any collateral there is nothing to start for; if only some is missing the other legs are hedged all the same."""
    for currency in empty:
        what = f"there is no {currency} in the futures account at {exchange.venue.title}"
        finding = Finding("warning", what, f"move {currency} into it: a hedge needs collateral", ATTENTION)
        yield replace(finding, severity="error") if every and wish.live else finding
