"""Which sources does the bag of the configuration have?"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from adapters.holdings.declared import DeclaredBag
from bot.ports import Clock, Holdings
from bot.settings import Settings
from bot.settings_bag import ESPLORA, Source

if TYPE_CHECKING:
    import httpx

    from adapters.holdings.followed import Source as Reader


def declared(settings: Settings) -> DeclaredBag:
    """What nobody has to read."""
    return DeclaredBag({asset: held.declared for asset, held in settings.outside.items()})


@asynccontextmanager
async def open_bag(settings: Settings, clock: Clock) -> AsyncIterator[Holdings]:
    """The bag, read while the context lasts. Raise Misconfigured."""
    if not any(held.read for held in settings.outside.values()):
        yield declared(settings)
        return
    import httpx  # only who reads sources pays for the client

    from adapters.holdings.followed import Followed, SourcedBag

    async with AsyncExitStack() as closing:
        client = await closing.enter_async_context(httpx.AsyncClient())
        followed = []
        for asset, held in settings.outside.items():
            for name, source in held.read.items():
                reader = await closing.enter_async_context(reader_of(asset, source, client, clock))
                poll_ms, max_age_ms = int(source.poll_seconds * 1000), int(source.max_age_seconds * 1000)
                followed.append(Followed(asset, name, reader, poll_ms=poll_ms, max_age_ms=max_age_ms, clock=clock))
        bag = SourcedBag({asset: held.declared for asset, held in settings.outside.items()}, followed)
        closing.push_async_callback(bag.close)
        yield bag


@asynccontextmanager
async def reader_of(asset: str, source: Source, client: "httpx.AsyncClient", clock: Clock) -> "AsyncIterator[Reader]":
    from adapters.holdings.document import Document
    from adapters.holdings.watched import BitcoinAddress, EthereumAddress

    if source.url is not None:
        yield Document(client, source.url, source.path or f"coins.{asset}", clock)
    elif source.address is not None and asset == "ETH":
        yield EthereumAddress(client, source.api or "", source.address)
    elif source.address is not None:
        yield BitcoinAddress(client, source.api or ESPLORA, source.address)
    else:
        from adapters.ccxt_client import Keys
        from adapters.holdings.wallets import ExchangeWallets

        keys = (source.api_key, source.api_secret, source.passphrase)
        wallets = ExchangeWallets(
            source.exchange or "",
            source.wallets,
            asset,
            Keys(*(None if key is None else key.get_secret_value() for key in keys)),
            clock,
            source.base_url,
        )
        try:
            yield wallets
        finally:
            await wallets.close()
