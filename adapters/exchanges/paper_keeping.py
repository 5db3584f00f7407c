"""Where is the paper venue kept while nobody looks? In a database of its own (paper_records.py), or nowhere: a replay begins anew."""

from typing import Protocol

from adapters.exchanges.paper_feed import Anchor, Founding, Opened
from adapters.exchanges.paper_ledger import Market, Spot, VenueOrder, Wallet, units_down
from adapters.exchanges.paper_venue import Venue
from bot.core.model import Fill, FundingPayment
from bot.ports import Misconfigured


class Keeper(Protocol):
    opened: Opened

    def load(self, venue: Venue) -> None:
        """Fill an empty venue with what was kept last."""

    def changed_elsewhere(self) -> bool:
        """Did another process commit since our last read or commit?"""

    def commit(self, venue: Venue) -> bool:
        """Keep what changed. False: another process was faster, and our state is void. Raise NotSent if it could not be kept."""

    def fills_since(self, symbol: str, since_ms: int) -> tuple[Fill, ...]: ...
    def payments_since(self, symbol: str, since_ms: int) -> tuple[FundingPayment, ...]: ...
    def order_of(self, client_id: str) -> VenueOrder | None:
        """The order with this client id, whatever became of it."""

    def unusable(self, error: BaseException) -> Misconfigured | None:
        """What is wrong with the database, if the error is one of its own."""

    def close(self) -> None: ...


class Nowhere:
    """Of this process alone. What the venue no longer remembers (the newest fills, payments and ended orders) is gone."""

    def __init__(self, founding: Founding) -> None:
        self.spot, self.to_come = founding.spot, founding.to_come
        anchors = {asset: Anchor(price, founding.now_ms) for asset, price in founding.prices.items()}
        self.opened = Opened(True, founding.seed, founding.now_ms, anchors, dict(founding.collateral))

    def load(self, venue: Venue) -> None:
        opened = self.opened
        venue.now_ms = opened.born_ms
        for asset, anchor in opened.anchors.items():
            venue.markets[asset] = Market(asset, anchor.price, anchor.at_ms, anchor.price, anchor.at_ms, listed=asset not in self.to_come)
        for currency, amount in opened.collateral.items():
            venue.wallets[currency] = Wallet(currency, units_down(amount), deposited=units_down(amount))
        venue.spots.update({currency: Spot(currency, units_down(amount)) for currency, amount in self.spot.items()})

    def changed_elsewhere(self) -> bool:
        return False

    def commit(self, venue: Venue) -> bool:
        return True

    def fills_since(self, symbol: str, since_ms: int) -> tuple[Fill, ...]:
        return ()

    def payments_since(self, symbol: str, since_ms: int) -> tuple[FundingPayment, ...]:
        return ()

    def order_of(self, client_id: str) -> VenueOrder | None:
        return None

    def unusable(self, error: BaseException) -> Misconfigured | None:
        return None

    def close(self) -> None:
        return None
