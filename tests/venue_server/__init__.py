"""A venue on the loopback, for tests: a matching core and the wire protocols of real venues."""

from tests.venue_server.core import Core
from tests.venue_server.faults import Fault, Faults
from tests.venue_server.nouns import Contract, Refused
from tests.venue_server.server import Logged, VenueServer, serve
from tests.venue_server.wire import KEY, PASSPHRASE, SECRET

__all__ = ["KEY", "PASSPHRASE", "SECRET", "Contract", "Core", "Fault", "Faults", "Logged", "Refused", "VenueServer", "serve"]
