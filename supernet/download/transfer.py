"""One address to one file over HTTP: streamed, resumed, tried again, and never more than was agreed."""

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
    """How patient a transfer is. Seconds, unless it is said otherwise.

    `read_timeout` is the longest silence of a server; one that sends little but steadily is never given up.
    """

    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    attempts: int = 4
    """Failures in a row, without a byte more than ever before, after which an address is given up."""
    backoff: float = 1.0
    """Pause after the first failure; each further one doubles it."""
    longest_pause: float = 60.0
    redirects: int = 10
    sleep: Callable[[float], None] = time.sleep


DEFAULT = Network()


class TransferError(Exception):
    """An address does not give the file; the message says why."""


class _InterruptedError(Exception):
    """A try failed in a way that another try may mend."""


@dataclass(frozen=True)
class Transfer:
    """What is asked of an address, and where it goes.

    Args:
        url: the address.
        headers: what its host needs besides our own headers.
        part: the file to fill. Beside it `{part}.json` remembers of which version of the address it is a part.
        size: bytes of the whole file; None if unknown.
        limit: most bytes that are accepted.
    """

    url: str
    headers: Mapping[str, str]
    part: Path
    size: int | None
    limit: int

    def run(self, meter: Meter, report: Callable[[str], None], network: Network = DEFAULT) -> None:
        """Fill `part` with the whole file, going on with what an earlier run left; TransferError if that cannot be.

        Tries again, after growing pauses, where the server fails (5xx, 408, 429), says nothing, cannot be reached
        or closes early. A failed transfer leaves its part for the next one, unless the part is worthless.
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
                report(f"{self.url}: {error}; trying again in {pause:g} s")
                network.sleep(pause)

    def discard(self) -> None:
        """Delete the part."""
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
        """Bytes that are there, and headers that ask for the others: of the same version, else for all."""
        # Compressed on the way, the bytes would not be those of the file, nor would its length.
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
                raise _InterruptedError(f"asked for the rest from byte {offset}, got another part")
            self._save(response, offset, total, meter)
        elif status == 200:
            self._begin(response)
            self._save(response, 0, _content_length(response), meter)
        elif status in _TRY_AGAIN or status >= 500:
            raise _InterruptedError(f"HTTP {status}")
        else:
            raise TransferError(
                f"not there (HTTP {status})" if status in _MISSING else f"HTTP {status} {response.reason}"
            )

    def _unsatisfiable(self, response: requests.Response, offset: int) -> None:
        """Nothing follows what is there: it is the whole file, or more than that."""
        if response.headers.get("Content-Range") != f"bytes */{offset}":
            self.discard()
            raise _InterruptedError("the part that was there is not one of this file")

    def _begin(self, response: requests.Response) -> None:
        """Forget the part; remember the version that begins, if the server has a name for it."""
        self.discard()
        entity = response.headers.get("ETag", "")
        validator = response.headers.get("Last-Modified") if entity.startswith("W/") or not entity else entity
        if validator:
            write_json(self._version, {"url": self.url, "validator": validator}, record=False)

    def _save(self, response: requests.Response, done: int, total: int | None, meter: Meter) -> None:
        self._check_total(total)
        meter.start(done, total)
        with open(self.part, "ab") as stream:
            # Not decoded: what the server calls an encoding may be the very compression of the file.
            for block in response.raw.stream(_BLOCK, decode_content=False):
                done += len(block)
                if done > self.limit:
                    self.discard()
                    raise TransferError(f"is larger than {self.limit} bytes, the most that is accepted")
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
            raise TransferError(f"has {total} bytes, more than {self.limit}, the most that is accepted")


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdigit() else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte of a partial answer and length of the whole; None where they are not told."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if found is None:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])


def _reason(error: Exception, network: Network) -> str:
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {network.connect_timeout:g} s"
    if isinstance(error, requests.ReadTimeout | urllib3.exceptions.ReadTimeoutError):
        return f"silent for {network.read_timeout:g} s"
    if isinstance(error, requests.ConnectionError):
        return f"no connection ({_innermost(error)})"
    return str(error)


def _innermost(error: BaseException) -> str:
    """The cause below the wrappers, which repeat address and object ids."""
    cause = error.__cause__ or error.__context__
    return str(error) or type(error).__name__ if cause is None else _innermost(cause)
