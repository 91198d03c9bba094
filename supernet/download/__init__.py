"""Downloads that can be trusted: kept, mirrored or fetched, and checked by hash before they have their name."""

from supernet.download.fetch import Fetched, FetchedForm, UnavailableError, fetch, fetch_first
from supernet.download.transfer import Network
from supernet.download.trust import WrongHashError

__all__ = ["Fetched", "FetchedForm", "Network", "UnavailableError", "WrongHashError", "fetch", "fetch_first"]
