"""Which settings of the paper venue no longer count, because it was made with others? It keeps what it began with."""

from collections.abc import Iterator
from decimal import Decimal

from bot.settings import Settings
from bot.settings_text import Finding
from bot.settings_values import plain, sqlite_file


def unheeded(settings: Settings) -> Iterator[Finding]:
    """None where the venue is still to be made."""
    file = sqlite_file(settings.paper.url)
    if settings.venue.name != "paper" or file is None or not file.exists():
        return
    from adapters.exchanges.paper_store import begun  # loads the database's libraries

    found, paper = begun(file), settings.paper
    if found is None:
        return
    written: dict[str, tuple[Decimal, Decimal | None]] = {"seed": (Decimal(paper.seed), Decimal(found.seed))}
    written |= {f"collateral.{name}": (coins, found.collateral.get(name)) for name, coins in paper.collateral.items()}
    if paper.feed == "synthetic":
        written |= {f"price.{asset}": (paper.price[asset], found.prices.get(asset)) for asset in settings.assets}
    for key, (wanted, stands) in written.items():
        if stands is not None and stands != wanted:
            problem = f"is {plain(wanted)}, and the paper venue in {file} began with {plain(stands)}: that stands"
            remedy = f"write {plain(stands)}, or begin anew: stop the bot and move {file} and the audit database away, both"
            yield Finding("configuration", f"paper.{key}", problem, remedy, "warning")
