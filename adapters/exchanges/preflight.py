"""Is this account fit for a hedge? Asked before the first order and by `check --online`; it reads, and sets nothing.

What may not be set refuses, naming the setting and who can change it: a mode that is changed under open positions is a loss of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from adapters.ccxt_client import Failed
from adapters.exchanges.ccxt_exchange import CcxtExchange, Round
from adapters.exchanges.ccxt_translate import Listed, Malformed
from adapters.exchanges.venues.sheet import Account
from bot.core.contracts import notional_usd
from bot.core.model import Margin, Quote
from bot.ports import Clock, NotSent, PortError

MOST_SKEW_MS: Final = 500
CONFIGURATION, ATTENTION = 4, 3  # exit codes: a setting or a key must change; the account or the machine needs somebody


@dataclass(frozen=True, slots=True)
class Finding:
    severity: Literal["error", "warning"]
    what: str
    remedy: str
    exit_code: int = CONFIGURATION

    def __str__(self) -> str:
        return f"{self.what}: {self.remedy}"


async def preflight(
    exchange: CcxtExchange, symbols: Sequence[str], clock: Clock, *, min_order_usd: Decimal, allow_withdraw_key: bool
) -> tuple[Finding, ...]:
    """Everything that stands against hedging with these contracts here, errors first. `connect` comes before."""
    found = [*(await skew(exchange, clock))]
    for symbol in symbols:
        listed = exchange.listed(symbol)
        found += modes(exchange, listed, account := await read_account(exchange, listed))
        found += rights(exchange, account, allow_withdraw_key=allow_withdraw_key)
        found += await means(exchange, listed, min_order_usd)
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: finding.severity))


async def skew(exchange: CcxtExchange, clock: Clock) -> list[Finding]:
    """Half the round trip is the most that an honest clock can seem to be off."""
    asked = clock.now_ms()
    try:
        theirs = await exchange.patiently(exchange.server_time_ms)
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


def rights(exchange: CcxtExchange, account: Account, *, allow_withdraw_key: bool) -> Iterator[Finding]:
    title, real = exchange.venue.title, exchange.environment == "production"
    if account.may_trade is False:
        yield Finding("error", f"the key may not trade at {title}", "give it the right to trade contracts, and nothing else")
    if account.may_withdraw:
        refuses = real and not allow_withdraw_key
        remedy = "make a key without that right" + (", or write `venue.allow_withdraw_key: true`, on record" if refuses else "")
        yield Finding("error" if refuses else "warning", f"the key can withdraw from {title}", remedy)
    if account.may_withdraw is None and real:
        yield Finding("warning", f"{title} does not tell whether the key can withdraw", "see that it cannot")


async def means(exchange: CcxtExchange, listed: Listed, min_order_usd: Decimal) -> list[Finding]:
    """Collateral, and orders large enough."""
    round_, venue, found = Round(exchange), exchange.venue, []
    instrument = listed.instrument
    try:
        quote: Quote = venue.read_quote(listed, await round_.ask(*venue.quote(listed)), round_.began_ms)
        smallest = max(notional_usd(instrument, instrument.min_contracts, quote.mark), instrument.min_notional_usd)
        if min_order_usd < smallest:
            what = f"band.min_order_usd is {min_order_usd}, and {venue.title} takes no order of {instrument.symbol} below {smallest} USD"
            found.append(Finding("warning", what, f"write band.min_order_usd: {smallest}"))
        venue.read_position(listed, await round_.ask(*venue.position(listed)), round_.began_ms)
        margin: Margin = venue.read_margin(listed, await round_.ask(*venue.margin(listed)), round_.began_ms)
        if margin.equity <= 0:
            what = f"there is no {margin.currency} in the futures account at {venue.title}"
            found.append(Finding("warning", what, f"move {margin.currency} into it: a hedge needs collateral", ATTENTION))
    except (PortError, Malformed) as error:
        remedy = f"see that the key belongs to the {exchange.environment} environment and may read, and that its secret is complete"
        found.append(Finding("error", f"{venue.title} did not show {instrument.symbol} ({error})", remedy))
    finally:
        round_.end()
    return found
