"""What would go wrong later? Findings about settings that load, each with its remedy; nothing is written and nobody is asked."""

import ipaddress
import os
from collections.abc import Iterator
from decimal import ROUND_CEILING, Context, Decimal
from pathlib import Path
from typing import Final, Literal

from bot.core.cross import coins_lacking
from bot.core.model import Kind
from bot.settings import Settings
from bot.settings_model import NEEDS_PASSPHRASE, Venue
from bot.settings_text import Finding
from bot.settings_values import plain
from bot.settings_variables import own_variable, variable
from bot.venue_offers import OFFERS, Proof, held_back

NARROW: Final = Decimal("0.02")  # of the ideal hedge, edge to edge
PATIENCE_MINUTES: Final = 60  # how long the orders of a hedge may take without a word
ROOMY: Final = Context(prec=60)


def check(settings: Settings) -> list[Finding]:
    """Every finding that needs no network, errors first. The file's own mistakes never come this far: `load` refuses them."""
    found = [
        *_places(settings),
        *_server(settings),
        *_keys(settings),
        *_legs(settings),
        *_orders(settings),
    ]
    return sorted(found, key=lambda finding: finding.severity)


def _say(key: str, problem: str, remedy: str, severity: Literal["error", "warning"] = "warning") -> Finding:
    return Finding("configuration", key, problem, remedy, severity)


# ------------------------------------------------------------------------------------------------------------------ places on this machine


def _places(settings: Settings) -> Iterator[Finding]:
    yield from unarmed(settings)
    yield from _database("audit.url", settings.audit.url)
    if settings.audit.url.startswith("postgresql") and settings.audit.password is None:
        remedy = f"set {variable(('audit', 'password'))}_FILE unless the server trusts this user without one"
        yield _say("audit.password", "is not set for a PostgreSQL database", remedy)
    if settings.venue.name == "paper":
        yield from _database("paper.url", settings.paper.url)
        feed = Path(settings.paper.feed)
        if feed.suffix.lower() == ".csv" and not os.access(feed, os.R_OK):
            yield _say("paper.feed", f"names {feed}, which cannot be read", "name a CSV file that exists and is readable", "error")
    kill_file = Path(settings.kill_file)
    if kill_file.is_dir():
        yield _say("kill_file", f"is {kill_file}, a folder", "name a file: it is made by `hedgebot kill`", "error")
    elif kill_file.exists():
        yield _say("kill_file", f"{kill_file} exists: nothing will be sent", "delete it and run `hedgebot rearm --reason …`")
    else:
        yield from _folder("kill_file", kill_file)


def unarmed(settings: Settings) -> Iterator[Finding]:
    """Why orders may not be sent to this venue. Errors under `mode: live`, and wherever the venue lacks the contract."""
    name, kinds = settings.venue.name, {asset: settings.kind(asset) for asset in settings.legs}
    for asset, kind in kinds.items():
        if OFFERS[name].proof(kind) is Proof.NONE:
            key, other = f"hedges.{asset}.instrument", "X/USDT:USDT" if kind is Kind.INVERSE else "X/USD:X"
            remedy = f"take another venue, or another instrument ({other.replace('X', asset)}) if the venue lists it"
            yield _say(key, f"is {kind}, and {name} has none that the bot uses: {OFFERS[name].why_not}", remedy, "error")
    held = held_back(name, kinds.values())
    if held is None or settings.mode != "live" or (held.on_word and settings.venue.untested_ok):
        return
    remedy = "use a test environment of a first-class venue (`hedgebot venues`), or `mode: dry-run`"
    remedy += ", or write `venue.untested_ok: true` to arm it anyway" if held.on_word else ""
    yield _say("venue.name", held.why, remedy, "error")


def _database(key: str, url: str) -> Iterator[Finding]:
    if not url.startswith("sqlite:///"):
        return
    file = Path(url.removeprefix("sqlite:///"))
    if file.is_dir():
        yield _say(key, f"names {file}, a folder", "name a file in it", "error")
    elif file.exists() and not os.access(file, os.R_OK | os.W_OK):
        yield _say(key, f"names {file}, which this user may not read and write", "give the file to the user who runs the bot", "error")
    else:
        yield from _folder(key, file)


def _folder(key: str, file: Path) -> Iterator[Finding]:
    folder = file.absolute().parent
    if not folder.is_dir():
        yield _say(key, f"lies in {folder}, which does not exist", f"make it: mkdir -p {folder}", "error")
    elif not os.access(folder, os.W_OK | os.X_OK):
        problem = (
            f"lies in {folder}, where this user may not write: it belongs to uid {folder.stat().st_uid}, and this is uid {os.getuid()}"
        )
        yield _say(key, problem, f"give the folder to the user who runs the bot: chown {os.getuid()} {folder}", "error")


# ------------------------------------------------------------------------------------------------------------------ server and keys


def _server(settings: Settings) -> Iterator[Finding]:
    host, port = settings.api.host, settings.api.port
    if not _is_loopback(host) and settings.api.token is None:
        remedy = f"set {variable(('api', 'token'))}_FILE, or listen on 127.0.0.1"
        yield _say("api.host", f"is {host}, open to other machines, and no token is configured", remedy)
    if 0 < port < 1024:
        yield _say("api.port", f"is {port}, which usually only root may open", "take one above 1023, such as 8080")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _keys(settings: Settings) -> Iterator[Finding]:
    venue = settings.venue
    if venue.name == "paper":
        if venue.base_url is not None:
            yield _say("venue.base_url", "is set, and the paper exchange has no address", "write base_url: null")
        return
    if venue.base_url is not None:
        problem = f"sends every request to {venue.base_url}: nothing proves that this is {venue.environment} (environment via base_url)"
        if venue.environment == "production" and not venue.allow_base_url_production:
            remedy = "write `venue.allow_base_url_production: true` if that is meant, or write base_url: null"
            yield _say("venue.base_url", problem, remedy, "error")
        else:
            yield _say("venue.base_url", problem, "see that it is yours; write base_url: null to reach the venue itself")
    yield from _missing_keys(settings)


def _missing_keys(settings: Settings) -> Iterator[Finding]:
    venue = settings.venue
    names = ["api_key", "api_secret", *(["passphrase"] if venue.name in NEEDS_PASSPHRASE else [])]
    for name in names:
        if getattr(venue, name) is None:
            problem = f"is not set, and {venue.name} shows no position without it"
            if half := _key_parts(venue):
                problem = f"is not set, and {' and '.join(half)} {'is' if len(half) == 1 else 'are'}: {venue.name} takes no half of a key"
            own = own_variable(("venue", name), settings.account, settings.accounts)
            remedy = f"set {own}_FILE=/path/to/a/file that holds it"
            yield _say(f"venue.{name}", problem, remedy, "error" if half or settings.mode == "live" else "warning")


def _key_parts(venue: Venue) -> list[str]:
    """The parts of a key that are given."""
    return [f"venue.{name}" for name in ("api_key", "api_secret", "passphrase") if getattr(venue, name) is not None]


def keyless(settings: Settings) -> tuple[Finding, ...]:
    """What is missing where a real venue is asked without any key: prices can be read, and that is all. A half of a key is a mistake."""
    venue = settings.venue
    if venue.name == "paper" or _key_parts(venue):
        return ()
    return tuple(_missing_keys(settings))


# ------------------------------------------------------------------------------------------------------------------ the hedges


def _legs(settings: Settings) -> Iterator[Finding]:
    for asset in settings.bag:
        if asset not in settings.hedges and (settings.bag[asset].declared > 0 or settings.bag[asset].read):
            yield _say(f"bag.{asset}", "is declared but not hedged", f"add `hedges: {{{asset}: {{ratio: 1.0}}}}`, or delete it")
    for asset, hedge in settings.hedges.items():
        written = settings.written_edges and not settings.band.auto
        if hedge.basis == "value" and hedge.ratio < 1 and written and settings.band.high - settings.band.low < NARROW:
            problem = f"is {plain(settings.band.low)} … {plain(settings.band.high)}, and {asset} hedges a share of its value"
            yield _say("band", problem, "widen it, or delete the four edges to get 0.95 … 1.03: such a hedge drifts with every price move")
    if settings.band.auto and {"low", "high"} <= set(settings.written_edges):
        yield _say("band.auto", "is true, and both edges are written down: they stand", "delete low and high, or write auto: false")
    for asset in settings.collateral:
        if asset not in settings.legs:
            yield _say(f"collateral.{asset}", "belongs to no hedge", "delete it, or add the hedge")
    if settings.venue.name == "paper":
        yield from _spot_wallets(settings)
        for asset in settings.legs:
            yield from _capacity(settings, asset)
        yield from _together(settings)


def _spot_wallets(settings: Settings) -> Iterator[Finding]:
    """Coins in the paper venue's spot wallet are part of the bag, and what the bag does not declare is not hedged."""
    for asset, beside in settings.paper.wallet.items():
        declared = settings.outside[asset].declared if asset in settings.outside else Decimal(0)
        if beside > declared:
            problem = f"is {plain(beside)}, and bag.{asset}.coins declares {plain(declared)}: the coins that lie there are part of the bag"
            yield _say(f"paper.wallet.{asset}", problem, f"write bag.{asset}.coins: {plain(beside)} or more, or lower it")
    for asset, rule in settings.collateral.items():
        if rule.auto_transfer and not settings.paper.wallet.get(asset):
            yield _say(f"paper.wallet.{asset}", "is empty, and auto_transfer takes coins from there", "say what of the bag lies there")


def _capacity(settings: Settings, asset: str) -> Iterator[Finding]:
    """Does the collateral posted on paper carry the hedge, with room for a move as wide as the price collar?"""
    hedge, risk = settings.legs[asset], settings.risk
    spot = settings.outside[asset].declared
    carried = _carried(settings, asset)
    most, collar = risk.max_leverage, risk.price_collar_bps / 10000
    price = settings.paper.price.get(asset) if settings.paper.feed == "synthetic" else None
    if settings.kind(asset) is Kind.INVERSE:
        posted = settings.paper.collateral[asset]
        wanted = hedge.ratio * (spot + posted) + carried
        per_coin = most * (1 + collar) / (1 + most * collar)  # N/P per coin posted, so that leverage at mark + collar is `most`
        if wanted > posted * per_coin:
            lacking = coins_lacking(wanted, hedge.ratio, Decimal(1), posted, spot, per_coin)
            if lacking is None:
                remedy = "raise risk.max_leverage: each coin posted needs a hedge of its own"
            else:
                where = "out of the bag" if lacking <= spot else "from elsewhere"
                remedy = f"post {plain(lacking.quantize(Decimal('0.0001'), 'ROUND_UP'))} {asset} more {where}, or raise risk.max_leverage"
                if asset in settings.collateral and settings.collateral[asset].auto_transfer:
                    remedy += "; what lies in paper.wallet is moved by itself (auto_transfer)"
            yield _say(
                f"paper.collateral.{asset}",
                f"is {plain(posted)}: that carries at most a hedge of {_coins(posted * per_coin)} {asset} at max_leverage {plain(most)}, "
                f"and {_coins(wanted)} are wanted",
                remedy,
            )
    else:
        wanted = _wanted(settings, asset)
        if price is not None:
            carried = _on_usdt(settings, price)
            if wanted > carried:
                yield _say(
                    "paper.collateral.USDT",
                    f"is {plain(settings.paper.collateral['USDT'])}: that carries at most a hedge of {_coins(carried)} {asset} "
                    f"at max_leverage {plain(most)}, and {_coins(wanted)} are wanted",
                    "post more USDT, or raise risk.max_leverage",
                )
    if price is not None:
        yield from sized(settings, asset, wanted * price)


def sized(settings: Settings, asset: str, usd: Decimal) -> Iterator[Finding]:
    """Is a hedge of so many USD within the limits, and can it be built while somebody waits for it?"""
    risk, execution, least = settings.risk, settings.execution, settings.band.min_order_usd
    takes = f"hedging {asset} takes {plain(usd.quantize(Decimal('0.01'), context=ROOMY))} USD"
    if 0 < usd < least:
        yield _say(
            "band.min_order_usd", f"is {plain(least)}, and {takes}", "lower it, as far as one contract allows: so little counts as none"
        )
    if usd > risk.max_position_usd:
        remedy = "raise it, or lower the ratio: the hedge would stop there"
        yield _say("risk.max_position_usd", f"is {plain(risk.max_position_usd)}, and {takes}", remedy)
    usd = min(usd, risk.max_position_usd)
    if usd > risk.max_turnover_usd_per_day:
        days = (usd / risk.max_turnover_usd_per_day).to_integral_value(ROUND_CEILING)
        problem = f"is {plain(risk.max_turnover_usd_per_day)}, and {takes}: {days:,f} days"
        yield _say("risk.max_turnover_usd_per_day", problem, "raise it: until then most of it stays without a hedge")
    minutes = (usd / (execution.max_order_usd * risk.max_orders_per_minute)).to_integral_value(ROUND_CEILING)
    if minutes > PATIENCE_MINUTES:
        pace = f"at best {minutes:,f} minutes, with {risk.max_orders_per_minute} orders in each"
        remedy = "raise it, as far as the book carries, or risk.max_orders_per_minute"
        yield _say("execution.max_order_usd", f"is {plain(execution.max_order_usd)}, and {takes}: {pace}", remedy)


def _together(settings: Settings) -> Iterator[Finding]:
    """Linear contracts share one account: each may fit it, and all of them not."""
    linear = [asset for asset in settings.legs if settings.kind(asset) is Kind.LINEAR]
    if len(linear) < 2 or settings.paper.feed != "synthetic":
        return
    wanted = sum((_wanted(settings, asset) * settings.paper.price[asset] for asset in linear), Decimal(0))
    carries = _on_usdt(settings, Decimal(1))
    if wanted > carries:
        yield _say(
            "paper.collateral.USDT",
            f"is {plain(settings.paper.collateral['USDT'])}: that carries at most {_coins(carries)} USD at max_leverage "
            f"{plain(settings.risk.max_leverage)}, and the hedges of "
            f"{' and '.join(linear)} together come to {_coins(wanted)}",
            "post more USDT, or raise risk.max_leverage: the last of them would stop short",
        )


def _on_usdt(settings: Settings, price: Decimal) -> Decimal:
    """Coins of this price that linear contracts can be short of on the USDT posted, also after a move of the collar."""
    most, collar = settings.risk.max_leverage, settings.risk.price_collar_bps / 10000
    return most * settings.paper.collateral["USDT"] / (price * (1 + collar + most * collar))


def _wanted(settings: Settings, asset: str) -> Decimal:
    """Coins that a linear contract is to hedge."""
    return settings.legs[asset].ratio * settings.outside[asset].declared + _carried(settings, asset)


def _carried(settings: Settings, asset: str) -> Decimal:
    """What the leg adds for other assets, in its own coins, as far as the file tells: a β that is measured counts as 0."""
    prices, total = settings.paper.price, Decimal(0)
    for other, cross in settings.crosses.items():
        if cross.with_ == asset and cross.beta != "auto" and settings.paper.feed == "synthetic":
            total += settings.hedges[other].ratio * cross.beta * settings.bag[other].declared * prices[other] / prices[asset]
    return total


def _coins(amount: Decimal) -> str:
    return plain(amount.quantize(Decimal("0.0001"), "ROUND_DOWN"))


def _orders(settings: Settings) -> Iterator[Finding]:
    execution, risk = settings.execution, settings.risk
    if execution.max_slippage_bps > risk.price_collar_bps:
        problem = f"is {plain(execution.max_slippage_bps)}, beyond risk.price_collar_bps {plain(risk.price_collar_bps)}"
        yield _say("execution.max_slippage_bps", problem, "lower it: an order outside the collar is refused")
    if execution.max_order_usd > risk.max_turnover_usd_per_day:
        problem = f"is {plain(execution.max_order_usd)}, more than risk.max_turnover_usd_per_day"
        yield _say("execution.max_order_usd", problem, "lower it: one order may not exceed a day's turnover")
    if risk.max_data_age_seconds < settings.cycle_seconds:
        problem = f"is {plain(risk.max_data_age_seconds)}, less than cycle_seconds {plain(settings.cycle_seconds)}"
        yield _say("risk.max_data_age_seconds", problem, "raise it: data may be as old as one cycle")
    if settings.mode == "live" and settings.venue.environment == "production" and risk.allow_over_hedge:
        yield _say("risk.allow_over_hedge", "is true on production", "write false unless you mean to be net short")
