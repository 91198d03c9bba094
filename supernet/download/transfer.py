"""Download of one URL to one file over HTTP: streamed, resumed, retried, and limited in size.

Retry policy (`Network`): HTTP 5xx, 408 and 429, timeouts, connection errors and early ends of a response are retried,
with pauses of 1, 2, 4, … up to 60 s. A URL is abandoned after 4 consecutive failures without progress, that is, without
more bytes than ever before. A longer pause that the server asks for (Retry-After) is kept; a URL that asks for more
than five minutes is abandoned. Other statuses, wrong sizes, invalid addresses and too many redirects are not retried.
An interrupted download is resumed by a range request, if the server identifies the version by ETag or Last-Modified.

Redirects are followed here, because headers for one host must not reach another, and because a server can redirect to
an address that is not valid.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from supernet.download.credentials import separate
from supernet.download.meter import Meter
from supernet.io.atomic import read_json, write_json

_BLOCK = 1 << 16
_TRY_AGAIN = (408, 429)
_MISSING = (404, 410)
_REDIRECTS = (301, 302, 303, 307, 308)
_NUMBER = "[0-9]{1,15}"
_INVALID = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    urllib3.exceptions.LocationValueError,
    UnicodeError,
)
"""Errors of requests, urllib3 and idna for an address or a header that is not valid."""


@dataclass(frozen=True)
class Network:
    """Timeouts and retry policy of transfers; times in seconds.

    `read_timeout` is the longest time without data; a slow server that keeps sending data is not abandoned.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    attempts: int = 4
    """Number of failures in a row without progress after which a URL is abandoned."""
    backoff: float = 1.0
    """Pause after the first failure; it doubles with each further one."""
    longest_pause: float = 60.0
    longest_retry_after: float = 300.0
    """Longest pause that a server can ask for; a URL that asks for more is abandoned."""
    redirects: int = 10
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    """The time of day in seconds since 1970, to which a Retry-After that is a date is compared."""


DEFAULT = Network()


class TransferError(Exception):
    """A URL does not give the file; the message is the reason."""


class _InterruptedError(Exception):
    """An attempt failed, and a retry after at least `pause` seconds may succeed."""

    def __init__(self, message: str, pause: float = 0.0) -> None:
        super().__init__(message)
        self.pause = pause


class _Session(requests.Session):
    """A session that leaves redirects to its caller; `allow_redirects=False` would still parse their addresses."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that no redirection is followed."""


@dataclass(frozen=True)
class Transfer:
    """A download from a URL to a partial file.

    Args:
        url: the URL.
        headers: additional headers for its host.
        part: the partial file. `{part}.json` beside it has the version (ETag or date) that it is part of.
        size: size of the complete file in bytes; None if unknown.
        limit: largest accepted size in bytes.
    """

    url: str
    headers: Mapping[str, str]
    part: Path
    size: int | None
    limit: int

    def run(self, meter: Meter, report: Callable[[str], None], network: Network = DEFAULT) -> None:
        """Complete `part`, resuming an earlier download; TransferError if that fails after the retries of `network`.

        After a failure, `part` is kept for the next run, unless it belongs to another version of the file.
        """
        self.part.parent.mkdir(parents=True, exist_ok=True)
        failures, reached = 0, self._done()
        while True:
            try:
                self._try(meter, network)
                return
            except _InterruptedError as error:
                failures = failures + 1 if self._done() <= reached else 1
                reached = max(reached, self._done())
                if failures >= network.attempts:
                    raise TransferError(f"{error}; tried {failures} times") from error
                pause = max(min(network.backoff * 2 ** (failures - 1), network.longest_pause), error.pause)
                report(f"{self.url}: {error}; retrying in {pause:g} s")
                network.sleep(pause)

    def discard(self) -> None:
        """Delete the partial file."""
        self.part.unlink(missing_ok=True)
        self._version.unlink(missing_ok=True)

    @property
    def _version(self) -> Path:
        return self.part.with_name(f"{self.part.name}.json")

    def _done(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _try(self, meter: Meter, network: Network) -> None:
        offset, asked = self._request()
        try:
            with self._response(asked, network) as response:
                self._receive(response, offset, meter, network)
        except _INVALID as error:
            raise TransferError(f"not a valid address ({error})") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _InterruptedError(_reason(error, network)) from error

    def _request(self) -> tuple[int, dict[str, str]]:
        """Return the number of existing bytes, and headers that request the rest, or all if the version is unknown."""
        # With content encoding, bytes and length would not be those of the file.
        asked = {"Accept-Encoding": "identity"}
        done = self._done()
        if not done or not self._version.exists():
            return 0, asked
        try:
            version = read_json(self._version)
            same, validator = version["url"] == self.url, str(version["validator"])
        except (ValueError, KeyError, TypeError):  # not written by this module: the download starts again
            return 0, asked
        return (done, {**asked, "Range": f"bytes={done}-", "If-Range": validator}) if same else (0, asked)

    @contextmanager
    def _response(self, asked: Mapping[str, str], network: Network) -> Iterator[requests.Response]:
        """Yield the first response that is not a redirection; the headers for this host go to its origin only."""
        timeout = (network.connect_timeout, network.read_timeout)
        try:
            address, home = self.url, _origin(self.url)
        except ValueError as error:
            raise TransferError(f"not a valid address ({error})") from error
        with _Session() as session:
            for _ in range(network.redirects + 1):
                own = self.headers if _origin(address) == home else {}
                headers = {**own, **asked}
                with session.get(address, headers=headers, stream=True, timeout=timeout) as found:
                    location = found.headers.get("Location", "")
                    if found.status_code not in _REDIRECTS or not location:
                        yield found
                        return
                address = _redirected(address, location)
                # A cookie is for its host, but a file needs none.
                session.cookies.clear()
        raise TransferError(f"redirected more than {network.redirects} times")

    def _receive(self, response: requests.Response, offset: int, meter: Meter, network: Network) -> None:
        status = response.status_code
        if status == 416:
            self._unsatisfiable(response, offset)
        elif status == 206:
            start, total = _content_range(response)
            if start != offset:
                self.discard()
                raise _InterruptedError(f"requested bytes from {offset}, got another range")
            self._save(response, offset, total, meter)
        elif status == 200:
            self._begin(response)
            self._save(response, 0, _content_length(response), meter)
        elif status in _TRY_AGAIN or status >= 500:
            raise _InterruptedError(f"HTTP {status}", _retry_after(response, network))
        else:
            raise TransferError(
                f"not found (HTTP {status})" if status in _MISSING else f"HTTP {status} {response.reason}"
            )

    def _unsatisfiable(self, response: requests.Response, offset: int) -> None:
        """Handle 416: the partial file is complete, or larger than the file, in which case it is deleted."""
        if response.headers.get("Content-Range") != f"bytes */{offset}":
            self.discard()
            raise _InterruptedError("the partial file does not belong to this file")

    def _begin(self, response: requests.Response) -> None:
        """Delete the partial file, and write the version of the new one, if the response has one."""
        self.discard()
        entity = response.headers.get("ETag", "")
        validator = response.headers.get("Last-Modified") if entity.startswith("W/") or not entity else entity
        if validator:
            write_json(self._version, {"url": self.url, "validator": validator}, record=False)

    def _save(self, response: requests.Response, done: int, total: int | None, meter: Meter) -> None:
        self._check_total(total)
        meter.start(done, total)
        with open(self.part, "ab") as stream:
            # Not decoded, because the server may declare the compression of the file itself as content encoding.
            for block in response.raw.stream(_BLOCK, decode_content=False):
                done += len(block)
                if done > self.limit:
                    self.discard()
                    raise TransferError(f"is larger than the limit of {self.limit} bytes")
                stream.write(block)
                meter.update(done)
        expected = self.size if total is None else total
        if expected is not None and done != expected:
            raise _InterruptedError(f"ended after {done} of {expected} bytes")
        meter.finish(done)

    def _check_total(self, total: int | None) -> None:
        if total is not None and self.size is not None and total != self.size:
            self.discard()
            raise TransferError(f"has {total} bytes, expected {self.size}")
        if total is not None and total > self.limit:
            self.discard()
            raise TransferError(f"has {total} bytes, more than the limit of {self.limit}")


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if re.fullmatch(_NUMBER, length) else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return the first byte of a partial response and the size of the file; None if unknown."""
    found = re.fullmatch(rf"bytes ({_NUMBER})-{_NUMBER}/({_NUMBER}|\*)", response.headers.get("Content-Range", ""))
    if found is None:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _origin(address: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port; ValueError if the address is not valid."""
    parts = urlsplit(address)
    port = {"http": 80, "https": 443}.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, parts.hostname, port


def _redirected(address: str, location: str) -> str:
    """Return the address of a redirection without credentials; TransferError if it is not one to follow."""
    try:
        target, _ = separate(urljoin(address, location))
        scheme, host, _ = _origin(target)
    except ValueError as error:
        raise TransferError(f"redirects to {location!r}, which is not a valid address ({error})") from error
    if scheme not in ("http", "https") or not host:
        raise TransferError(f"redirects to {location!r}; expected an http or https address")
    if scheme == "http" and urlsplit(address).scheme == "https":
        raise TransferError(f"redirects to {location!r}, from https to http, where anybody can change the file")
    return target


def _retry_after(response: requests.Response, network: Network) -> float:
    """Return the seconds that Retry-After asks to wait (RFC 9110, 10.2.3); 0 without one that can be read.

    Raises TransferError if it asks for more than `network.longest_retry_after`.
    """
    asked = response.headers.get("Retry-After", "").strip()
    if re.fullmatch(_NUMBER, asked):
        seconds = float(asked)
    else:
        try:
            seconds = parsedate_to_datetime(asked).timestamp() - network.clock()
        except (ValueError, TypeError, OverflowError):
            return 0.0
    if seconds > network.longest_retry_after:
        raise TransferError(f"HTTP {response.status_code}: the server asks to wait for {seconds:.0f} s; try again then")
    return max(0.0, seconds)


def _reason(error: Exception, network: Network) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {network.connect_timeout:g} s"
    if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return f"no data for {network.read_timeout:g} s"
    if isinstance(error, requests.ConnectionError):
        return f"no connection ({_innermost(error)})"
    return str(error)


def _innermost(error: BaseException) -> str:
    """Return the message of the innermost cause; outer exceptions repeat URL and object ids."""
    cause = error.__cause__ or error.__context__
    return str(error) or type(error).__name__ if cause is None else _innermost(cause)
