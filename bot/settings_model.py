"""What may be configured? Every key of hedge.yaml with its type, its default and what it means.

This file is the one source: the file `init` writes, the JSON Schema, the table in the docs and the refusals all come from it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from bot.settings_cross import Cross
from bot.settings_policies import NO_POLICIES, Policies
from bot.settings_values import (
    Asset,
    Bps,
    Coins,
    Leverage,
    Multiple,
    Number,
    PerAsset,
    Price,
    Seconds,
    Section,
    Switch,
    Usd,
    Whole,
    checked_url,
    refuse,
    shown,
    sqlite_only,
    sqlite_or_postgres,
)
from bot.venue_offers import OFFERS

VENUES: Final[Mapping[str, tuple[str | None, ...]]] = {name: offer.environments for name, offer in OFFERS.items()}
PROVEN: Final[Mapping[str, str]] = {  # the venues that can be traded on, and where that was seen to work
    name: offer.seen for name, offer in OFFERS.items() if offer.seen is not None
}
NEEDS_PASSPHRASE: Final = frozenset({"okx", "weex"})


class Venue(Section):
    """Where orders go."""

    name: str = Field(default="paper", description=f"the venue: {', '.join(VENUES)}")
    environment: Literal["testnet", "demo", "production"] | None = Field(
        default=None, description="testnet, demo or production, as far as the venue has it; null on paper"
    )
    base_url: str | None = Field(default=None, description="another address of the venue's API (a proxy, a regional host)")
    api_key: SecretStr | None = Field(default=None, description="the venue's API key")
    api_secret: SecretStr | None = Field(default=None, description="the secret that belongs to it")
    passphrase: SecretStr | None = Field(default=None, description="the third part of the key, where the venue has one (OKX)")

    untested_ok: Switch = Field(default=False, description="arm on a venue that was never proven on the wire")
    allow_withdraw_key: Switch = Field(default=False, description="start on production with a key that can withdraw")
    allow_base_url_production: Switch = Field(default=False, description="let base_url carry production orders")
    streams: Switch = Field(default=False, description="let the venue's websocket wake the bot between cycles, where it has one")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in VENUES:
            refuse(f"is {shown(name)}, which this bot does not know", f"write one of {', '.join(VENUES)}")
        return name

    @field_validator("environment", mode="before")  # before: a name that no venue has is answered with this one's names too
    @classmethod
    def _offered(cls, environment: object, info: ValidationInfo) -> object:
        name = str(info.data.get("name"))
        if name in VENUES and environment not in VENUES[name]:
            offered = [word or "null" for word in VENUES[name]]
            problem = f"is {shown(environment)}, which {name} does not have" if environment else f"is not given, and {name} needs one"
            refuse(problem, f"write {' or '.join(offered)}")
        return environment

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return url if url is None else checked_url(url, ("https", "http"), "keys belong into HEDGEBOT__VENUE__API_KEY_FILE")


class Paper(Section):
    """The paper exchange: a simulated venue with a book of its own."""

    feed: str = Field(default="synthetic", description="where prices come from: synthetic, a FILE.csv, or live:VENUE")
    seed: Whole = Field(default=7, ge=0, description="of the synthetic prices and of the order book; the same seed gives the same run")
    price: Annotated[dict[Asset, Price], PerAsset] = Field(
        default={"BTC": Decimal(60000)}, description="first price of the synthetic feed in USD per coin; a bare number is BTC's"
    )
    collateral: Annotated[dict[Asset, Coins], PerAsset] = Field(
        default={"BTC": Decimal(3)},
        description="coins posted at the start; a bare number is BTC's, USDT is for linear contracts",
    )
    wallet: Annotated[dict[Asset, Coins], PerAsset] = Field(
        default={"BTC": Decimal(0)},
        description="coins of the bag that lie in the paper venue's spot wallet, where `collateral.X.auto_transfer` takes them from",
    )
    spread_bps: Annotated[Number, Field(ge=0, lt=1000)] = Field(default=Decimal(2), description="between bid and ask, in basis points")
    url: Annotated[str, AfterValidator(sqlite_only)] = Field(
        default="sqlite:///paper.db", description="the paper venue's own database, never the audit database"
    )

    base_url: str | None = Field(default=None, description="another address of the API that `live:VENUE` reads, instead of venue.base_url")

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return url if url is None else checked_url(url, ("https", "http"), "prices need no key")

    @field_validator("feed")
    @classmethod
    def _known(cls, feed: str) -> str:
        kind, _, venue = feed.partition(":")
        real = [name for name in VENUES if name != "paper"]
        if feed == "synthetic" or (feed.lower().endswith(".csv") and feed.isprintable()) or (kind == "live" and venue in real):
            return feed
        refuse(f"is {shown(feed)}", f"write synthetic, the name of a .csv file, or live:VENUE with one of {', '.join(real)}")


class Hedge(Section):
    """How one asset is hedged."""

    ratio: Annotated[Number, Field(ge=0)] = Field(default=Decimal("1.0"), description="share of the bag to hedge, 0 to 1")
    basis: Literal["coins", "value"] = Field(
        default="coins",
        description="coins: protect the USD value of that share of the coins; value: hedge that share of the current value",
    )
    instrument: str = Field(default="", description="the perpetual to short: X/USD:X (inverse, the default) or X/USDT:USDT (linear)")
    allow_linear: Switch = Field(default=False, description="without an instrument: take X/USDT:USDT where the venue lists no X/USD:X")
    cross: Cross | None = None
    policies: Policies = NO_POLICIES


class Band(Section):
    """When a leg is wrong enough to trade, as multiples of the ideal hedge. Without the four edges, basis and ratio choose them."""

    low: Multiple = Field(
        default=Decimal("0.995"), description="below this, trade (if no edge is written: 0.95 for `value` with a ratio below 1)"
    )
    safe_low: Multiple = Field(default=Decimal("1.0"), description="and then up to here (0.98 likewise)")
    safe_high: Multiple = Field(default=Decimal("1.0"), description="when above high, trade back to here")
    high: Multiple = Field(default=Decimal("1.005"), description="above this, trade (1.03 likewise)")
    auto: Switch = Field(
        default=False, description="choose each edge that is not written by what a trade costs here: the taker's fee and half the spread"
    )
    risk_aversion: Annotated[Number, Field(gt=0, le=1000)] = Field(
        default=Decimal(3), description="with auto: how much an open gap weighs against the cost of closing it; more is narrower"
    )
    min_order_usd: Usd = Field(default=Decimal(100), description="smaller orders are not sent, and smaller targets count as none")
    cooldown_seconds: Seconds = Field(default=Decimal(10), description="pause after an attempt that left a rest")


class Execution(Section):
    """How orders are worked."""

    order_ttl_seconds: Seconds = Field(default=Decimal(30), description="a resting order is cancelled after this, and planned anew")
    max_reprices: Whole = Field(default=10, ge=1, le=1000, description="placements without a fill before the bot alerts")
    cross_after_seconds: Seconds = Field(
        default=Decimal(120), description="after this long without alignment, cross the spread with one limit order"
    )
    max_slippage_bps: Bps = Field(default=Decimal(20), description="how far from the mark such an order may reach, in basis points")
    max_order_usd: Usd = Field(default=Decimal(100000), description="larger orders are cut into pieces of this size")
    schedule: Literal["none", "twap", "almgren-chriss"] = Field(
        default="none", description="spread a large change over time: none, twap (equal slices) or almgren-chriss (the earlier ones larger)"
    )
    schedule_above_usd: Usd = Field(default=Decimal(50000), description="smaller changes are not spread")
    slices: Whole = Field(default=5, ge=2, le=1000, description="how many slices a change is cut into")
    horizon_seconds: Seconds = Field(default=Decimal(600), description="within how long they are all due")
    urgency: Annotated[Number, Field(ge=0, le=20)] = Field(
        default=Decimal("1.5"), description="of almgren-chriss (κT): 0 is twap, the higher the more is traded early"
    )
    max_depth_share: Annotated[Number, Field(gt=0, le=1)] | None = Field(
        default=None, description="no order is more than this share of what is visible where it reaches; null: any"
    )
    reprice_after_seconds: Seconds | None = Field(
        default=None,
        description="pegged: an order keeps its place in the queue until the touch has been away for so long; null: its ttl counts",
    )


HOW_WORKED: Final = frozenset(  # keys of `execution` that choose a manner of trading: they need not stand in a file for production
    {"schedule", "schedule_above_usd", "slices", "horizon_seconds", "urgency", "max_depth_share", "reprice_after_seconds"}
)


class Risk(Section):
    """What no order may lead to."""

    max_leverage: Leverage = Field(default=Decimal(2), description="no order that grows the short may lead above this effective leverage")
    hard_leverage: Leverage = Field(default=Decimal(3), description="at this leverage the bot reduces the short, to max_leverage")
    max_position_usd: Usd = Field(default=Decimal(1000000), description="largest short of one leg, unknown orders counted in")
    max_turnover_usd_per_day: Usd = Field(default=Decimal(2000000), description="most that may be traded in one UTC day")
    max_orders_per_minute: Whole = Field(default=20, ge=1, le=10000, description="most placements within a minute")
    price_collar_bps: Bps = Field(default=Decimal(100), description="no order further than this from mark and index, in basis points")
    max_data_age_seconds: Seconds = Field(default=Decimal(15), description="older prices, positions and balances count as unknown")
    allow_over_hedge: Switch = Field(default=False, description="allow a ratio above 1 (at most 2)")


class Collateral(Section):
    """When the collateral of one asset should move."""

    auto_transfer: Switch = Field(
        default=False, description="let the bot move coins between the venue's spot wallet and the account; false: it says what to move"
    )
    low: Leverage = Field(default=Decimal("1.8"), description="leverage above which to top up, to the middle between high and low")
    high: Leverage = Field(default=Decimal("1.2"), description="leverage below which to sweep back what was topped up")
    max_transfer_coins: Coins = Field(default=Decimal(1), description="most that one transfer moves")
    max_transfer_coins_per_day: Coins = Field(default=Decimal(3), description="most that is moved into the account in one UTC day")


class Reconcile(Section):
    """What to do about orders and fills that are not the bot's."""

    foreign: Literal["halt", "absorb"] = Field(default="halt", description="halt on a foreign fill, or absorb it into the position")


class Audit(Section):
    """The append-only record."""

    url: Annotated[str, AfterValidator(sqlite_or_postgres)] = Field(
        default="sqlite:///hedgebot.db", description="sqlite:///FILE, or postgresql://user@host:port/database without the password"
    )
    password: SecretStr | None = Field(default=None, description="of the PostgreSQL user")


class Api(Section):
    """The bot's own HTTP server: metrics, health, status, commands."""

    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: Whole = Field(default=8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    token: SecretStr | None = Field(default=None, description="what commands must carry; without one a random token is made")
    console: Switch = Field(default=False, description="serve a web page at / (needs the `console` extra)")


class Notify(Section):
    """Whom to tell what needs a person. The addresses are secrets, written as Apprise takes them, one on each line."""

    critical_urls: SecretStr | None = Field(
        default=None, description="where halts go, and a record that cannot be written; without them to warning_urls"
    )
    warning_urls: SecretStr | None = Field(default=None, description="where alerts go; without them to info_urls")
    info_urls: SecretStr | None = Field(default=None, description="where everything else goes")
    quiet_seconds: Seconds = Field(default=Decimal(900), description="the same message is not told again within this time")
    most_per_hour: Whole = Field(default=30, ge=1, le=1000, description="most messages of one severity; what is critical always goes")


class TargetDocument(Section):
    """Ratios published by somebody else as a JSON document."""

    url: str = Field(description="http(s) address of the document")
    poll_seconds: Seconds = Field(default=Decimal(30), description="read it no more often than this")
    max_age_seconds: Seconds = Field(default=Decimal(300), description="how long the last good document counts when it cannot be read")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        checked_url(url, ("https", "http"), "serve the document without one, for example on the loopback")
        if not urlsplit(url).hostname:
            refuse("names no host", "write it as https://host/targets.json")
        return url
