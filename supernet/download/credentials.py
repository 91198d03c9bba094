"""User and password in a URL: sent to the host, and kept out of messages, records and files."""

import base64
from urllib.parse import unquote, urlsplit, urlunsplit


def separate(address: str) -> tuple[str, dict[str, str]]:
    """Return a URL without `user:password@`, and the equivalent Authorization header (RFC 7617), if any."""
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return address, {}
    name, _, password = user.partition(":")
    token = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {token}"}
