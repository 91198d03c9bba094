"""From what a source file lists to files that are at hand: kept ones, a mirror's, or downloads."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from supernet.download.credentials import separate
from supernet.download.locking import exclusive
from supernet.download.meter import Meter
from supernet.download.sources import File
from supernet.download.transfer import DEFAULT, Network, Transfer, TransferError
from supernet.download.trust import Identity, Trust, WrongHashError
from supernet.errors import UserError
from supernet.io.atomic import publish, read_json, write_json

_LOGGER = logging.getLogger(__name__)
_BY_HAND = "put there by hand"


@dataclass(frozen=True)
class Fetched:
    """A file that is at hand and is the right one."""

    file: File
    path: Path
    origin: str
    """The address or the mirror's file that it came from, also if it was kept from an earlier run."""
    algorithm: str
    """The hash by which it was known (see `supernet.provenance.hashes`), and its value."""
    digest: str
    size: int
    """Bytes."""
    first_use: bool
    """Whether no hash was known before: it is recorded now."""


@dataclass(frozen=True)
class FetchedForm:
    """The form of a table or data set that was at hand, and its files in the order of the sources."""

    form: str
    files: tuple[Fetched, ...]


class UnavailableError(UserError):
    """Nothing that was tried has the file."""


def fetch(
    file: File,
    downloads: Path,
    mirror: str | None,
    lock: Path,
    report: Callable[[str], None] = _LOGGER.info,
    network: Network = DEFAULT,
) -> Fetched:
    """The file below `downloads`: what is there if its hash is right, else the mirror's, else from its addresses.

    Args:
        file: what to fetch.
        downloads: the folder in which downloads are kept.
        mirror: a folder, or an http(s) address, that has `file.path` below it; None has no mirror.
        lock: JSON file with the hashes of files that have no published one.
        report: called with each line for the user.
        network: patience.

    Raises WrongHashError where the mirror's file, or all that the addresses gave, is another file; UnavailableError
    where nothing has it. A file that was there stays until the right one replaces it.
    """
    fetcher = _Fetcher(downloads, mirror, lock, report, network)
    tried: list[str] = []
    found = fetcher.near(file, tried) or fetcher.far(file, tried)
    if found is None:
        raise UnavailableError(fetcher.advice(file.path, tried, [file]))
    return found


def fetch_first(
    what: str,
    forms: Mapping[str, Sequence[File]],
    downloads: Path,
    mirror: str | None,
    lock: Path,
    report: Callable[[str], None] = _LOGGER.info,
    network: Network = DEFAULT,
) -> FetchedForm:
    """The first form of `what` whose files can all be had: first of those kept or mirrored, then from addresses.

    Arguments and errors are those of `fetch`; `what` names the table or data set in messages.
    """
    fetcher = _Fetcher(downloads, mirror, lock, report, network)
    tried: list[str] = []
    for get in (fetcher.near, fetcher.far):
        for form, files in forms.items():
            fetched = _all(get, files, tried)
            if fetched is not None:
                return FetchedForm(form, fetched)
    raise UnavailableError(fetcher.advice(what, tried, [file for files in forms.values() for file in files]))


def _all(
    get: Callable[[File, list[str]], Fetched | None], files: Sequence[File], tried: list[str]
) -> tuple[Fetched, ...] | None:
    """All files, or None as soon as one cannot be had."""
    fetched = []
    for file in files:
        found = get(file, tried)
        if found is None:
            return None
        fetched.append(found)
    return tuple(fetched)


@dataclass(frozen=True)
class _Fetcher:
    """The ways to a file; each appends to `tried` why it did not lead there."""

    downloads: Path
    mirror: str | None
    lock: Path
    report: Callable[[str], None]
    network: Network

    def near(self, file: File, tried: list[str]) -> Fetched | None:
        """What is kept, or the mirror's."""
        with self._alone(file):
            trust = Trust.load(file, self.lock)
            return self._kept(trust, tried) or self._mirrored(trust, tried)

    def far(self, file: File, tried: list[str]) -> Fetched | None:
        """What another process has fetched meanwhile, or a download."""
        with self._alone(file):
            trust = Trust.load(file, self.lock)
            return self._kept(trust, tried) or self._downloaded(trust, tried)

    def advice(self, what: str, tried: Sequence[str], files: Sequence[File]) -> str:
        """The message of UnavailableError: all that was tried, and what can be done."""
        lines = [f"{what}: could not be fetched", *(f"  {line}" for line in dict.fromkeys(tried))]
        lines.append("one of these helps:")
        lines.append("  a connection to the addresses above, also from another machine: `supernet download` fetches")
        paths = ", ".join(dict.fromkeys(file.path for file in files))
        lines.append(f"  a mirror (`mirror` in config.yaml, or SUPERNET_MIRROR) with one of: {paths}")
        lines += [f"  {file.manual}; put it at {self._path(file)}" for file in files if file.manual]
        return "\n".join(dict.fromkeys(lines))

    def _path(self, file: File) -> Path:
        return self.downloads / file.path

    def _alone(self, file: File) -> AbstractContextManager[None]:
        waiting = f"{file.path}: another process is at work on it; waiting"
        lock = self.downloads / ".locks" / file.path.replace("/", "-")
        return exclusive(lock, lambda: self.report(waiting))

    def _kept(self, trust: Trust, tried: list[str]) -> Fetched | None:
        path = self._path(trust.file)
        if not path.exists():
            return None
        try:
            identity = self._checked(trust, path, str(path))
        except WrongHashError as error:
            self.report(f"{error}; not used")
            tried.append(str(error))
            return None
        self.report(f"{path}: kept, {identity.algorithm} {identity.digest}")
        return self._fetched(trust.file, identity, self._origin(trust.file, identity))

    def _mirrored(self, trust: Trust, tried: list[str]) -> Fetched | None:
        if self.mirror is None:
            return None
        if urlsplit(self.mirror).scheme in ("http", "https"):
            address, credentials = separate(self.mirror)
            return self._transferred(trust, f"{address.rstrip('/')}/{quote(trust.file.path)}", credentials, tried)
        if not Path(self.mirror).is_dir():
            raise UserError(f"mirror {self.mirror}: no such folder; expected a folder or an http(s) address")
        return self._copied(trust, Path(self.mirror) / trust.file.path, tried)

    def _copied(self, trust: Trust, source: Path, tried: list[str]) -> Fetched | None:
        if not source.is_file():
            tried.append(f"{source}: not there")
            return None
        size, limit = source.stat().st_size, trust.file.limit
        if size > limit:
            raise UserError(f"{source}: found {size} bytes, expected at most {limit}; not the file of the sources")
        with publish(self._path(trust.file), record=False) as temporary:
            shutil.copyfile(source, temporary)
            identity = self._checked(trust, temporary, str(source))
        return self._settled(trust.file, identity, str(source))

    def _downloaded(self, trust: Trust, tried: list[str]) -> Fetched | None:
        wrong: list[str] = []
        for url in trust.file.urls:
            try:
                found = self._transferred(trust, url, {}, tried)
            except WrongHashError as error:
                self.report(str(error))
                wrong.append(str(error))
                continue
            if found is not None:
                return found
        if wrong:
            raise WrongHashError("\n".join([*wrong, *tried]))
        return None

    def _transferred(self, trust: Trust, url: str, credentials: Mapping[str, str], tried: list[str]) -> Fetched | None:
        file, path = trust.file, self._path(trust.file)
        headers = {**file.headers.get(urlsplit(url).hostname or "", {}), **credentials}
        part = path.with_name(f"{path.name}.part")
        transfer = Transfer(url, headers, part, file.size, file.limit)
        self.report(f"{file.path}: from {url}")
        try:
            transfer.run(Meter(file.path, self.report), self.report, self.network)
        except TransferError as error:
            self.report(f"{url}: {error}")
            tried.append(f"{url}: {error}")
            return None
        try:
            identity = self._checked(trust, part, url)
        except WrongHashError:
            transfer.discard()
            raise
        with publish(path, record=False) as temporary:
            part.replace(temporary)
        transfer.discard()
        return self._settled(file, identity, url)

    def _checked(self, trust: Trust, path: Path, origin: str) -> Identity:
        """The identity of what came from `origin`; a first use is recorded before anyone can use the file."""
        identity = trust.check(path, origin)
        if identity.first_use:
            trust.remember(identity, path.stat().st_size, origin)
            self.report(
                f"{trust.file.path}: no hash is published; what came first is trusted, and recorded in {self.lock}"
            )
        return identity

    def _settled(self, file: File, identity: Identity, origin: str) -> Fetched:
        write_json(self._origin_file(file), {"origin": origin, identity.algorithm: identity.digest}, record=False)
        self.report(f"{self._path(file)}: from {origin}, {identity.algorithm} {identity.digest}")
        return self._fetched(file, identity, origin)

    def _fetched(self, file: File, identity: Identity, origin: str) -> Fetched:
        path = self._path(file)
        size = path.stat().st_size
        return Fetched(file, path, origin, identity.algorithm, identity.digest, size, identity.first_use)

    def _origin_file(self, file: File) -> Path:
        path = self._path(file)
        return path.with_name(f"{path.name}.origin.json")

    def _origin(self, file: File, identity: Identity) -> str:
        """Where a kept file came from, if it is still the one that came from there."""
        note = read_json(self._origin_file(file)) if self._origin_file(file).exists() else {}
        return str(note["origin"]) if note.get(identity.algorithm) == identity.digest else _BY_HAND
