"""Where does the bag lie? What is declared, and the wallets, addresses and documents that are read; each source is one of these."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from bot.addresses import BadAddress, bitcoin, ethereum
from bot.settings_values import Asset, Coins, Seconds, Section, Word, checked_url, refuse, shown
from bot.settings_variables import variable

KINDS: Final = ("coins", "exchange", "address", "url")
BELONGS: Final = {  # a key to the kind of source that it is about
    "wallets": "exchange",
    "base_url": "exchange",
    "api_key": "exchange",
    "api_secret": "exchange",
    "passphrase": "exchange",
    "api": "address",
    "path": "url",
}
CHAINS: Final = {"BTC": bitcoin, "ETH": ethereum}
ESPLORA: Final = "https://blockstream.info/api"
ONE_WALLET: Final = frozenset({"coinbase", "kraken"})
SHARED_WALLET: Final = frozenset({"okx", "bybit"})  # there the wallet of spot trades is the collateral of futures


class Source(Section):
    """One place where coins of the bag lie: exactly one of coins, exchange, address and url."""

    coins: Coins | None = Field(default=None, description="coins that are declared, as in bag.X.coins")
    exchange: Literal["binance", "coinbase", "bybit", "okx", "kraken"] | None = Field(
        default=None, description="the wallets of an exchange, read with a read-only key"
    )
    wallets: Literal["all", "spot", "funding"] = Field(default="all", description="which wallets of the exchange: all, spot or funding")
    base_url: str | None = Field(default=None, description="another address of the exchange's API")
    api_key: SecretStr | None = Field(default=None, description="a read-only API key of the exchange")
    api_secret: SecretStr | None = Field(default=None, description="the secret that belongs to it")
    passphrase: SecretStr | None = Field(default=None, description="the third part of the key, where the exchange has one (OKX)")
    address: str | None = Field(default=None, description="a watch-only address of Bitcoin (X is BTC) or Ethereum (X is ETH)")
    api: str | None = Field(
        default=None, description=f"who is asked about it: an Esplora API for Bitcoin ({ESPLORA}), a JSON-RPC address for Ethereum"
    )
    url: str | None = Field(default=None, description="a JSON document that tells the coins")
    path: str | None = Field(default=None, description="where in that document, such as wallets.cold.btc; coins.X if it is not given")
    poll_seconds: Seconds = Field(default=Decimal(60), description="read it no more often than this")
    max_age_seconds: Seconds = Field(default=Decimal(900), description="how long the last good amount counts when it cannot be read")

    @property
    def kind(self) -> str:
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @field_validator("base_url", "api", "url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return url if url is None else checked_url(url, ("https", "http"), "serve it without one, for example on the loopback")

    @model_validator(mode="after")
    def _one_kind(self) -> "Source":
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            problem = f"gives {' and '.join(given)}" if given else "says neither coins nor exchange nor address nor url"
            refuse(problem, "a source is exactly one of these: give each a name of its own under `sources`")
        for key in self.model_fields_set.intersection(BELONGS):
            if BELONGS[key] != given[0] and getattr(self, key) is not None:
                refuse(f"is given, and this source is no {BELONGS[key]}", "delete it", key)
        if self.max_age_seconds < self.poll_seconds:
            problem = f"is {self.max_age_seconds}, less than poll_seconds {self.poll_seconds}"
            refuse(problem, "an amount would go stale between two reads: raise it", "max_age_seconds")
        return self


class Holding(Section):
    """Coins held outside the futures account."""

    coins: Coins = Field(description="coins of this asset held outside the futures account; 0 beside `sources` that tell them all")
    sources: dict[Word, Source] = Field(default_factory=dict)
    transit_seconds: Seconds = Field(
        default=Decimal(3600), description="how long coins that left a wallet that is read may be on their way before they count as gone"
    )

    @model_validator(mode="before")
    @classmethod
    def _in_one_shape(cls, data: Any) -> Any:
        """Names of sources without case, as secrets spell them; with sources, what is declared beside them may be left out."""
        if not isinstance(data, Mapping) or not isinstance(data.get("sources"), Mapping) or not data["sources"]:
            return data
        sources: dict[str, Any] = {}
        for name, source in data["sources"].items():
            before = sources.get(str(name).lower())
            both = isinstance(before, Mapping) and isinstance(source, Mapping)
            sources[str(name).lower()] = {**(before or {}), **source} if both else source
        return {"coins": Decimal(0), **data, "sources": sources}

    @property
    def declared(self) -> Decimal:
        """What nobody reads."""
        return sum((source.coins for source in self.sources.values() if source.coins is not None), self.coins)

    @property
    def read(self) -> dict[str, Source]:
        """The sources that are read."""
        return {name: source for name, source in self.sources.items() if source.coins is None}


def judge_sources(bag: Mapping[str, Holding], venue: str, venue_key: SecretStr | None) -> None:
    """Refuse what cannot be read, and what would be counted twice."""
    for asset, holding in bag.items():
        seen: dict[object, str] = {}
        for name, source in holding.read.items():
            at = ("bag", asset, "sources", name)
            _judge_address(asset, source, at)
            _judge_wallet(source, venue, venue_key, at)
            key = source.api_key.get_secret_value() if source.api_key is not None else None
            what = (source.exchange, key) if source.exchange else (source.address or source.url, source.path)
            if what in seen:
                refuse(f"is what source {seen[what]} reads: its coins would count twice", "delete one of the two", *at)
            seen[what] = name


def _judge_address(asset: Asset, source: Source, at: tuple[str, ...]) -> None:
    if source.address is None:
        return
    if asset not in CHAINS:
        refuse(f"is an address of {asset}, and only those of {' and '.join(CHAINS)} can be watched", "read it by `url` instead", *at)
    try:
        CHAINS[asset](source.address)
    except BadAddress as error:
        refuse(f"is {shown(source.address)}, {error}", "copy it from the wallet again", *at, "address")
    if asset == "ETH" and source.api is None:
        refuse("is not given", "name an Ethereum node's JSON-RPC address: your own, or a provider's", *at, "api")


def _judge_wallet(source: Source, venue: str, venue_key: SecretStr | None, at: tuple[str, ...]) -> None:
    if source.exchange is None:
        return
    for name in ("api_key", "api_secret", *(("passphrase",) if source.exchange == "okx" else ())):
        if getattr(source, name) is None:
            file = f"{variable((*at, name))}_FILE"
            refuse("is not set, and no wallet is shown without it", f"set {file}=/path/to/a/file that holds it", *at, name)
    if source.exchange in ONE_WALLET and source.wallets == "funding":
        refuse(f"is funding, and {source.exchange} has one wallet for everything", "write `wallets: all`", *at, "wallets")
    own = venue_key is None or source.api_key is None or source.api_key.get_secret_value() == venue_key.get_secret_value()
    if source.exchange == venue and venue in SHARED_WALLET and own and source.wallets != "funding":
        problem = f"is {source.wallets}, and the spot wallet of {venue} is the collateral of the hedge: it would count twice"
        refuse(problem, "write `wallets: funding`", *at, "wallets")
