"""Fetching of files in `workflow/sources.yaml`: an earlier download is kept, else the mirror is used, else the URLs.

A file whose hash is wrong is never used. Transfers and retries are in `transfer`, hashes in `trust`.
"""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import quote, urlsplit

from supernet.download.credentials import separate
from supernet.download.locking import exclusive
from supernet.download.meter import Meter
from supernet.download.sources import File
from supernet.download.transfer import DEFAULT, Network, Transfer, TransferError
from supernet.download.trust import Identity, Trust, UnreadableError, WrongHashError
from supernet.errors import UserError
from supernet.io.atomic import publish, read_json, write_json

_LOGGER = logging.getLogger(__name__)
_BY_HAND = "put there by hand"

Opens = Callable[[Path], object]
"""Reads a file with its reader; UserError if it cannot. Called before the hash of a first use is recorded."""


@dataclass(frozen=True)
class Fetched:
    """A local file whose hash has been checked."""

    file: File
    path: Path
    origin: str
    """URL or file of the mirror that it came from; also known for files of an earlier run."""
    algorithm: str
    """Algorithm of the hash that identified the file (see `supernet.provenance.hashes`)."""
    digest: str
    size: int
    """Bytes."""
    first_use: bool
    """Whether no hash was known before this download; its hash is recorded now."""


@dataclass(frozen=True)
class FetchedForm:
    """The first available form of a table or data set, with its files in the order of the sources."""

    form: str
    files: tuple[Fetched, ...]


class UnavailableError(UserError):
    """The file is neither kept nor in the mirror, and no URL gives it."""


def fetch(
    file: File,
    downloads: Path,
    mirror: str | None,
    lock: Path,
    opens: Opens,
    report: Callable[[str], None] = _LOGGER.info,
    network: Network = DEFAULT,
) -> Fetched:
    """Return the file below `downloads`: an existing one, else a copy from the mirror, else a download.

    Args:
        file: what to fetch.
        downloads: folder of downloads.
        mirror: folder or http(s) URL that has `file.path` below it; None for no mirror.
        lock: JSON file with the hashes of files that have no published hash.
        opens: reads the file with its reader, if its hash is not known; a file that it cannot read is not used.
        report: called with each line of output.
        network: timeouts and retries.

    Raises WrongHashError if the file of the mirror or the files of all URLs have a wrong hash or cannot be read, and
    UnavailableError if the file cannot be found. An existing file is kept until the right one replaces it.
    """
    fetcher = _Fetcher(downloads, mirror, lock, report, network)
    tried: list[str] = []
    found = fetcher.near(file, opens, tried) or fetcher.far(file, opens, tried)
    if found is None:
        raise UnavailableError(fetcher.advice(file.path, tried, [file]))
    return found


def fetch_first(
    what: str,
    forms: Mapping[str, Sequence[File]],
    downloads: Path,
    mirror: str | None,
    lock: Path,
    opens: Callable[[str, Path], object],
    report: Callable[[str], None] = _LOGGER.info,
    network: Network = DEFAULT,
) -> FetchedForm:
    """Return the first form of `what` whose files are all available: kept or mirrored forms first, then downloads.

    Arguments and errors are those of `fetch`; `what` names the table or data set in messages, and `opens` is called
    with the form too.
    """
    fetcher = _Fetcher(downloads, mirror, lock, report, network)
    tried: list[str] = []
    for get in (fetcher.near, fetcher.far):
        for form, files in forms.items():
            fetched = _all(get, files, partial(opens, form), tried)
            if fetched is not None:
                return FetchedForm(form, fetched)
    raise UnavailableError(fetcher.advice(what, tried, [file for files in forms.values() for file in files]))


def _all(
    get: Callable[[File, Opens, list[str]], Fetched | None], files: Sequence[File], opens: Opens, tried: list[str]
) -> tuple[Fetched, ...] | None:
    """Return all files, or None as soon as one is unavailable."""
    fetched = []
    for file in files:
        found = get(file, opens, tried)
        if found is None:
            return None
        fetched.append(found)
    return tuple(fetched)


@dataclass(frozen=True)
class _Fetcher:
    """The sources of a file; a method that does not find the file appends the reason to `tried`."""

    downloads: Path
    mirror: str | None
    lock: Path
    report: Callable[[str], None]
    network: Network

    def near(self, file: File, opens: Opens, tried: list[str]) -> Fetched | None:
        """Return a kept file or a copy from the mirror; None if there is neither."""
        with self._locked(file):
            trust = Trust.load(file, self.lock)
            return self._kept(trust, opens, tried) or self._mirrored(trust, opens, tried)

    def far(self, file: File, opens: Opens, tried: list[str]) -> Fetched | None:
        """Return a file that another process has fetched in the meantime, or a download; None if all URLs fail."""
        with self._locked(file):
            trust = Trust.load(file, self.lock)
            return self._kept(trust, opens, tried) or self._downloaded(trust, opens, tried)

    def advice(self, what: str, tried: Sequence[str], files: Sequence[File]) -> str:
        """Return the message of UnavailableError: what was tried, and what the user can do."""
        lines = [f"{what}: could not be fetched", *(f"  {line}" for line in dict.fromkeys(tried))]
        lines.append("one of these helps:")
        lines.append("  a connection to the addresses above, also from another machine: `supernet download` fetches")
        paths = ", ".join(dict.fromkeys(file.path for file in files))
        lines.append(f"  a mirror (`mirror` in config.yaml, or SUPERNET_MIRROR) with one of: {paths}")
        lines += [f"  {file.manual}; put it at {self._path(file)}" for file in files if file.manual]
        return "\n".join(dict.fromkeys(lines))

    def _path(self, file: File) -> Path:
        return self.downloads / file.path

    def _locked(self, file: File) -> AbstractContextManager[None]:
        waiting = f"{file.path}: another process is fetching it; waiting"
        lock = self.downloads / ".locks" / file.path.replace("/", "-")
        return exclusive(lock, lambda: self.report(waiting))

    def _kept(self, trust: Trust, opens: Opens, tried: list[str]) -> Fetched | None:
        path = self._path(trust.file)
        if not path.exists():
            return None
        try:
            identity = self._checked(trust, opens, path, str(path))
        except WrongHashError as error:
            self.report(f"{error}; not used")
            tried.append(str(error))
            return None
        self.report(f"{path}: kept, {identity.algorithm} {identity.digest}")
        return self._fetched(trust.file, identity, self._origin(trust.file, identity))

    def _mirrored(self, trust: Trust, opens: Opens, tried: list[str]) -> Fetched | None:
        if self.mirror is None:
            return None
        try:
            scheme = urlsplit(self.mirror).scheme
        except ValueError as error:
            raise UserError(f"mirror: not a valid address ({error}); expected a folder or an http(s) address") from None
        if scheme in ("http", "https"):
            address, credentials = separate(self.mirror)
            return self._transferred(
                trust, opens, f"{address.rstrip('/')}/{quote(trust.file.path)}", credentials, tried
            )
        if not Path(self.mirror).is_dir():
            raise UserError(f"mirror {self.mirror}: no such folder; expected a folder or an http(s) address")
        return self._copied(trust, opens, Path(self.mirror) / trust.file.path, tried)

    def _copied(self, trust: Trust, opens: Opens, source: Path, tried: list[str]) -> Fetched | None:
        if not source.is_file():
            tried.append(f"{source}: not found")
            return None
        size, limit = source.stat().st_size, trust.file.limit
        if size > limit:
            raise UserError(f"{source}: found {size} bytes, expected at most {limit}; not the file of the sources")
        with publish(self._path(trust.file), record=False) as temporary:
            shutil.copyfile(source, temporary)
            identity = self._checked(trust, opens, temporary, str(source))
        return self._published(trust.file, identity, str(source))

    def _downloaded(self, trust: Trust, opens: Opens, tried: list[str]) -> Fetched | None:
        wrong: list[str] = []
        for url in trust.file.urls:
            try:
                found = self._transferred(trust, opens, url, {}, tried)
            except WrongHashError as error:
                self.report(str(error))
                wrong.append(str(error))
                continue
            if found is not None:
                return found
        if wrong:
            raise WrongHashError("\n".join([*wrong, *tried]))
        return None

    def _transferred(
        self, trust: Trust, opens: Opens, url: str, credentials: Mapping[str, str], tried: list[str]
    ) -> Fetched | None:
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
            identity = self._checked(trust, opens, part, url)
        except WrongHashError:
            transfer.discard()
            raise
        with publish(path, record=False) as temporary:
            part.replace(temporary)
        transfer.discard()
        return self._published(file, identity, url)

    def _checked(self, trust: Trust, opens: Opens, path: Path, origin: str) -> Identity:
        """Return the identity of a file from `origin`; a first use is recorded before the file gets its final name.

        A first use is recorded only if the reader of the file can open it: a sign-in page of a network is not.
        """
        identity = trust.check(path, origin)
        if identity.first_use:
            try:
                opens(path)
            except UserError as error:
                reason = str(error).replace(str(path), origin)
                raise UnreadableError(f"{trust.file.path} from {origin}: not the expected file: {reason}") from error
            trust.remember(identity, path.stat().st_size, origin)
            self.report(f"{trust.file.path}: no published hash; trusted at first use, and recorded in {self.lock}")
        return identity

    def _published(self, file: File, identity: Identity, origin: str) -> Fetched:
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
        """Return where a kept file came from, if its hash has not changed since."""
        try:
            note = read_json(self._origin_file(file))
            return str(note["origin"]) if note[identity.algorithm] == identity.digest else _BY_HAND
        except (FileNotFoundError, ValueError, KeyError, TypeError):  # not written by this module, or another version
            return _BY_HAND
