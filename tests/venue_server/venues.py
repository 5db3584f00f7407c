"""Which venues can be served?"""

from typing import Final

from tests.venue_server.wire import Wire
from tests.venue_server.wire_binancecoinm import BinanceCoinM
from tests.venue_server.wire_bybit import Bybit
from tests.venue_server.wire_deribit import Deribit
from tests.venue_server.wire_krakenfutures import KrakenFutures
from tests.venue_server.wire_okx import Okx

WIRES: Final[dict[str, type[Wire]]] = {
    "binancecoinm": BinanceCoinM,
    "bybit": Bybit,
    "deribit": Deribit,
    "krakenfutures": KrakenFutures,
    "okx": Okx,
}
