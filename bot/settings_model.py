"""What may be configured? Every key of hedge.yaml with its type, its default and what it means.

This file is the one source: the file `init` writes, the JSON Schema, the table in the docs and the refusals all come from it.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NoReturn
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

VENUES: Final[Mapping[str, tuple[str | None, ...]]] = {  # what each venue offers; the first of them is the safest
    "paper": (None,),
    "bybit": ("testnet", "demo", "production"),
    "deribit": ("testnet", "production"),
    "okx": ("demo", "production"),
    "krakenfutures": ("demo", "production"),
    "binancecoinm": ("demo", "production"),
    "bingx": ("production",),
    "mexc": ("production",),
}
NEEDS_PASSPHRASE: Final = frozenset({"okx"})
NUMBER: Final = re.compile(r"[+-]?(\d{1,28}(\.\d{0,28})?|\.\d{1,28})([eE][+-]?\d{1,2})?", re.ASCII)
WHOLE: Final = re.compile(r"[+-]?\d{1,18}", re.ASCII)
SWITCHES: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def refuse(problem: str, remedy: str, *at: str) -> NoReturn:
    """Reject what is being validated; `at` is the key below it that is to blame."""
    raise PydanticCustomError("refused", "{problem}; {remedy}", {"problem": problem, "remedy": remedy, "at": list(at)})


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


# ------------------------------------------------------------------------------------------------------------------ kinds of values


def read_number(value: Any) -> Decimal:
    """Text into Decimal, digit for digit. A float is refused: it was rounded before it came here."""
    if isinstance(value, Decimal):
        number = value
    elif isinstance(value, int) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str) and NUMBER.fullmatch(value.strip()):
        number = Decimal(value.strip())
    else:
        refuse(f"is {shown(value)}, which is not a number", _number_remedy(value))
    if not number.is_finite():
        refuse(f"is {number}, which is not a number", "write digits with a point, such as 0.5")
    if len(number.as_tuple().digits) > 28:
        refuse("has more than 28 digits", "round it: decisions are computed with 28")
    return number


def _number_remedy(value: object) -> str:
    if isinstance(value, str):
        text = value.strip()
        if text.endswith("%") and NUMBER.fullmatch(text[:-1].strip()):
            return f"did you mean {plain(Decimal(text[:-1].strip()) / 100)}?"
        if NUMBER.fullmatch(text.replace(",", ".", 1)):
            return f"did you mean {text.replace(',', '.', 1)}?"
        if NUMBER.fullmatch(text.replace(",", "").replace("_", "")):
            return f"did you mean {text.replace(',', '').replace('_', '')}?"
    return "write digits with a point, such as 0.5"


def plain(number: Decimal) -> str:
    """A number as a person writes it: no exponent, no trailing zeros."""
    text = format(number, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def read_whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
        return int(value.strip())
    refuse(f"is {shown(value)}, which is not a whole number", "write digits only, such as 20")


def read_switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in SWITCHES:
        return SWITCHES[value.strip().lower()]
    refuse(f"is {shown(value)}, which is neither true nor false", "write true or false")


def number_means_btc(value: Any) -> Any:
    """A bare number where a map of assets may stand is BTC's."""
    return value if isinstance(value, Mapping) or value is None else {"BTC": value}


def whole_milliseconds(seconds: Decimal) -> Decimal:
    if seconds * 1000 % 1 != 0:
        refuse(f"is {seconds}, finer than a millisecond", "round it to three decimals")
    return seconds


def checked_url(url: str, schemes: tuple[str, ...], password_remedy: str) -> str:
    """A URL of one of `schemes`, without a password; the message never repeats what may be one."""
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None or any("pass" in name.lower() for name, _ in parse_qsl(parts.query))
        _ = parts.port  # raises when it is no number
    except ValueError:
        refuse("is not a URL", f"write it as {schemes[0]}://…")
    if has_password:
        refuse("has a password inside", password_remedy)
    if parts.scheme not in schemes:
        refuse(f"does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}", f"write it as {schemes[0]}://…")
    if any(not char.isprintable() or char.isspace() for char in url):
        refuse("contains a space or a control character", "write it on one line, without spaces")
    return url


def sqlite_or_postgres(url: str) -> str:
    checked_url(
        url,
        ("sqlite", "postgresql", "postgresql+psycopg"),
        "take it out and set HEDGEBOT__AUDIT__PASSWORD_FILE=/path/to/a/file that holds it (or HEDGEBOT__AUDIT__PASSWORD)",
    )
    if url.startswith("sqlite:"):
        return sqlite_only(url)
    if not urlsplit(url).path.strip("/"):
        refuse("names no database", "write it as postgresql://user@host:5432/database")
    return url


def sqlite_only(url: str) -> str:
    checked_url(url, ("sqlite",), "SQLite has none: take it out")
    if not url.startswith("sqlite:///") or len(url) <= len("sqlite:///"):
        refuse("names no file", "write it as sqlite:///FILE.db (four slashes for an absolute path)")
    if "?" in url or "#" in url:
        refuse("has options behind the file name", "write it as sqlite:///FILE.db")
    return url


Number = Annotated[Decimal, BeforeValidator(read_number)]
Whole = Annotated[int, BeforeValidator(read_whole)]
Switch = Annotated[bool, BeforeValidator(read_switch)]
Coins = Annotated[Number, Field(ge=0, le=Decimal("1e12"))]
Price = Annotated[Number, Field(gt=0, le=Decimal("1e12"))]
Usd = Annotated[Number, Field(gt=0, le=Decimal("1e15"))]
Multiple = Annotated[Number, Field(gt=0, le=2)]
Leverage = Annotated[Number, Field(gt=0, le=100)]
Bps = Annotated[Number, Field(gt=0, lt=10000)]
Seconds = Annotated[Number, Field(gt=0, le=604800)]
Asset = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,15}$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
PerAsset = BeforeValidator(number_means_btc)


# ------------------------------------------------------------------------------------------------------------------ the sections


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)


class Venue(Section):
    """Where orders go."""

    name: str = Field("paper", description=f"the venue: {', '.join(VENUES)}")
    environment: Literal["testnet", "demo", "production"] | None = Field(
        None, description="testnet, demo or production, as far as the venue has it; null on paper"
    )
    base_url: str | None = Field(None, description="another address of the venue's API (a proxy, a regional host)")
    api_key: SecretStr | None = Field(None, description="the venue's API key")
    api_secret: SecretStr | None = Field(None, description="the secret that belongs to it")
    passphrase: SecretStr | None = Field(None, description="the third part of the key, where the venue has one (OKX)")

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in VENUES:
            refuse(f"is {shown(name)}, which this bot does not know", f"write one of {', '.join(VENUES)}")
        return name

    @field_validator("environment")
    @classmethod
    def _offered(cls, environment: str | None, info: ValidationInfo) -> str | None:
        name = str(info.data.get("name"))
        if name in VENUES and environment not in VENUES[name]:
            offered = [word or "null" for word in VENUES[name]]
            problem = f"is {environment or 'null'}, which {name} does not have" if environment else f"is not given, and {name} needs one"
            refuse(problem, f"write {' or '.join(offered)}")
        return environment

    @field_validator("base_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return url if url is None else checked_url(url, ("https", "http"), "keys belong into HEDGEBOT__VENUE__API_KEY_FILE")


class Paper(Section):
    """The paper exchange: a simulated venue with a book of its own."""

    feed: str = Field("synthetic", description="where prices come from: synthetic, a FILE.csv, or live:VENUE")
    seed: Whole = Field(7, ge=0, description="of the synthetic prices and of the order book; the same seed gives the same run")
    price: Annotated[dict[Asset, Price], PerAsset] = Field(
        {"BTC": Decimal(60000)}, description="first price of the synthetic feed in USD per coin; a bare number is BTC's"
    )
    collateral: Annotated[dict[str, Coins], PerAsset] = Field(
        {"BTC": Decimal(3)},
        description="coins posted in the futures account at the start; a bare number is BTC's, USDT for linear contracts",
    )
    spread_bps: Annotated[Number, Field(ge=0, lt=1000)] = Field(Decimal(2), description="distance between bid and ask in basis points")
    url: Annotated[str, BeforeValidator(lambda url: sqlite_only(url) if isinstance(url, str) else url)] = Field(
        "sqlite:///paper.db", description="the paper venue's own database, never the audit database"
    )

    @field_validator("feed")
    @classmethod
    def _known(cls, feed: str) -> str:
        kind, _, venue = feed.partition(":")
        real = [name for name in VENUES if name != "paper"]
        if feed == "synthetic" or (feed.lower().endswith(".csv") and feed.isprintable()) or (kind == "live" and venue in real):
            return feed
        refuse(f"is {shown(feed)}", f"write synthetic, the name of a .csv file, or live:VENUE with one of {', '.join(real)}")


class Holding(Section):
    """Coins held outside the futures account."""

    coins: Coins = Field(description="coins of this asset held outside the futures account")


class Hedge(Section):
    """How one asset is hedged."""

    ratio: Annotated[Number, Field(ge=0)] = Field(Decimal("1.0"), description="share of the bag to hedge, 0 to 1")
    basis: Literal["coins", "value"] = Field(
        "coins", description="coins: protect the USD value of that share of the coins; value: keep that share of the current value hedged"
    )
    instrument: str = Field("", description="the perpetual to short: X/USD:X (inverse, the default) or X/USDT:USDT (linear)")


class Band(Section):
    """When a leg is wrong enough to trade, as multiples of the ideal hedge."""

    low: Multiple = Field(Decimal("0.995"), description="below this the hedge is too small: trade (0.95 for `value` with a ratio below 1)")
    safe_low: Multiple = Field(Decimal("1.0"), description="and then up to here (0.98 for `value` with a ratio below 1)")
    safe_high: Multiple = Field(Decimal("1.0"), description="when too large, trade back to here")
    high: Multiple = Field(Decimal("1.005"), description="above this the hedge is too large: trade (1.03 for `value` with a ratio below 1)")
    min_order_usd: Usd = Field(Decimal(100), description="smaller orders are not sent, and smaller targets count as none")
    cooldown_seconds: Seconds = Field(Decimal(10), description="pause after an attempt that left a rest")


class Execution(Section):
    """How orders are worked."""

    order_ttl_seconds: Seconds = Field(Decimal(30), description="how long a resting order may wait before it is cancelled and planned anew")
    max_reprices: Whole = Field(10, ge=1, le=1000, description="placements without a fill before the bot alerts")
    cross_after_seconds: Seconds = Field(
        Decimal(120), description="after this long without alignment, cross the spread with one limit order"
    )
    max_slippage_bps: Bps = Field(Decimal(20), description="how far from the mark such an order may reach, in basis points")
    max_order_usd: Usd = Field(Decimal(100000), description="larger orders are cut into pieces of this size")


class Risk(Section):
    """What no order may lead to."""

    max_leverage: Leverage = Field(Decimal(2), description="no order that grows the short may lead above this effective leverage")
    hard_leverage: Leverage = Field(Decimal(3), description="at this leverage the bot reduces the short, to max_leverage")
    max_position_usd: Usd = Field(Decimal(1000000), description="largest short of one leg, unknown orders counted in")
    max_turnover_usd_per_day: Usd = Field(Decimal(2000000), description="most that may be traded in one UTC day")
    max_orders_per_minute: Whole = Field(20, ge=1, le=10000, description="most placements within a minute")
    price_collar_bps: Bps = Field(Decimal(100), description="no order further than this from mark and index, in basis points")
    max_data_age_seconds: Seconds = Field(Decimal(15), description="older prices, positions and balances count as unknown")
    allow_over_hedge: Switch = Field(False, description="allow a ratio above 1 (at most 2)")


class Collateral(Section):
    """When the collateral of one asset should move."""

    auto_transfer: Switch = Field(False, description="let the bot move collateral itself; not available in this version")
    low: Leverage = Field(Decimal("1.8"), description="leverage at which to top up")
    high: Leverage = Field(Decimal("1.2"), description="leverage at which to sweep back")


class Reconcile(Section):
    """What to do about orders and fills that are not the bot's."""

    foreign: Literal["halt", "absorb"] = Field("halt", description="halt on a foreign fill, or absorb it into the position")


class Audit(Section):
    """The append-only record."""

    url: Annotated[str, BeforeValidator(lambda url: sqlite_or_postgres(url) if isinstance(url, str) else url)] = Field(
        "sqlite:///hedgebot.db", description="sqlite:///FILE, or postgresql://user@host:port/database without the password"
    )
    password: SecretStr | None = Field(None, description="of the PostgreSQL user")


class Api(Section):
    """The bot's own HTTP server: metrics, health, status, commands."""

    host: str = Field("127.0.0.1", min_length=1, description="address to listen on")
    port: Whole = Field(8080, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    token: SecretStr | None = Field(None, description="what commands must carry; without one a random token is written beside the database")


class TargetDocument(Section):
    """Ratios published by somebody else as a JSON document."""

    url: str = Field(description="http(s) address of the document")
    poll_seconds: Seconds = Field(Decimal(30), description="read it no more often than this")
    max_age_seconds: Seconds = Field(Decimal(300), description="how long the last good document counts when it cannot be read")

    @field_validator("url")
    @classmethod
    def _address(cls, url: str) -> str:
        checked_url(url, ("https", "http"), "serve the document without one, for example on the loopback")
        if not urlsplit(url).hostname:
            refuse("names no host", "write it as https://host/targets.json")
        return url
