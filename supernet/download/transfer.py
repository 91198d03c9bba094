"""Download of one URL to one file over HTTP: streamed, resumed, retried, and limited in size.

Retry policy (`Network`): HTTP 5xx, 408 and 429, timeouts, connection errors and early ends of a response are retried,
with pauses of 1, 2, 4, … up to 60 s. A URL is abandoned after 4 consecutive failures without progress, that is, without
more bytes than ever before. Other statuses, wrong sizes and too many redirects are not retried. An interrupted download
is resumed by a range request, if the server identifies the version by ETag or Last-Modified.
"""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3

from supernet.download.meter import Meter
from supernet.io.atomic import read_json, write_json

_BLOCK = 1 << 16
_TRY_AGAIN = (408, 429)
_MISSING = (404, 410)


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
    redirects: int = 10
    sleep: Callable[[float], None] = time.sleep


DEFAULT = Network()


class TransferError(Exception):
    """A URL does not give the file; the message is the reason."""


class _InterruptedError(Exception):
    """An attempt failed, and a retry may succeed."""


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
                pause = min(network.backoff * 2 ** (failures - 1), network.longest_pause)
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
        timeout = (network.connect_timeout, network.read_timeout)
        try:
            with requests.Session() as session:
                session.max_redirects = network.redirects
                with session.get(self.url, headers=asked, stream=True, timeout=timeout) as response:
                    self._receive(response, offset, meter)
        except requests.TooManyRedirects as error:
            raise TransferError(f"redirected more than {network.redirects} times") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise _InterruptedError(_reason(error, network)) from error

    def _request(self) -> tuple[int, dict[str, str]]:
        """Return the number of existing bytes, and headers that request the rest, or all if the version is unknown."""
        # With content encoding, bytes and length would not be those of the file.
        asked = {**self.headers, "Accept-Encoding": "identity"}
        done = self._done()
        if not done or not self._version.exists():
            return 0, asked
        version = read_json(self._version)
        if version["url"] != self.url:
            return 0, asked
        return done, {**asked, "Range": f"bytes={done}-", "If-Range": version["validator"]}

    def _receive(self, response: requests.Response, offset: int, meter: Meter) -> None:
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
            raise _InterruptedError(f"HTTP {status}")
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
    return int(length) if length.isdigit() else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return the first byte of a partial response and the size of the file; None if unknown."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if found is None:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])


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
