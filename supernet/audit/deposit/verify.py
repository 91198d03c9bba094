"""The audit of a deposit. For files that are left out, the manifest has sizes and hashes."""

import itertools
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from supernet.audit.deposit.limits import MAX_MANIFEST_BYTES
from supernet.audit.deposit.manifest import MANIFEST, Manifest, Omitted
from supernet.audit.expected import Expected, expected, may_take_over, requested, shared
from supernet.audit.file_status import Audit, Discrepancy, FileStatus, State
from supernet.audit.hash_cache import HashCache
from supernet.audit.left_out import may_be_left_out
from supernet.config.artifacts import DEPOSIT, is_stored
from supernet.errors import UserError
from supernet.pipeline.plan import Plan
from supernet.provenance.closure import ROOT
from supernet.provenance.folders import RESOURCES, RESULTS, Folders
from supernet.provenance.hashes import digests
from supernet.provenance.record import RecordError, root_digest

METADATA, MARK = "ro-crate-metadata.json", ".supernet-crate"
"""Files of a crate besides those of the deposit: its description, and the mark of the program that wrote it."""


class DepositedFiles(HashCache):
    """Hashes of the files of a deposit in `folder`, and of files of this checkout.

    A file that is in the deposit is always hashed. For those that were left out, the manifest has the hashes. In
    `folder`, other files do not exist, wherever a record leads.
    """

    def __init__(self, folder: str, present: Iterable[str], omitted: Mapping[str, Omitted], cached: bool) -> None:
        """Use the cache of the analysis of this checkout's code if `cached` is true; files are always hashed."""
        super().__init__(None)
        self._code_is_cached = cached
        self._folder = os.path.join(folder, "")
        self._present = {os.path.join(folder, name) for name in present}
        self._omitted = {os.path.join(folder, name): entry for name, entry in omitted.items()}

    @property
    def cached(self) -> bool:
        return self._code_is_cached

    def is_left_out(self, path: str) -> bool:
        return path in self._omitted

    def exists(self, path: str) -> bool:
        known = path in self._present if path.startswith(self._folder) else True
        return path in self._omitted or (known and os.path.isfile(path))

    def size(self, path: str) -> int:
        entry = self._omitted.get(path)
        return super().size(path) if entry is None else entry.size

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        entry = self._omitted.get(path)
        # "unknown" equals no digest.
        return super().digest(path, algorithm) if entry is None else entry.digests.get(algorithm, "unknown")


@dataclass(frozen=True)
class Findings:
    """What an audit of a deposit found."""

    statuses: tuple[FileStatus, ...]
    """Those of the manifest and of all results, with paths in the deposit."""
    root_digest: str | None
    """Root digest of the results; None if one is broken."""


@dataclass(frozen=True)
class Deposit:
    """A deposit whose manifest lists what its study expects; files and records are checked by `findings`."""

    folder: Path
    manifest: Manifest
    expected: tuple[Expected, ...]
    """The results that the deposited study expects."""
    requested: tuple[Expected, ...]
    """The results that a deposit of this study may have besides."""
    shared: Mapping[str, Mapping[str, Any]]
    """Folders of the store from which it may have files, with their config."""

    @classmethod
    def open(cls, folder: Path, manifest: Manifest, where: str) -> Self:
        """Read the study of a deposit and compare the lists of the manifest with it.

        Raises UserError, which names `where`, if the study is invalid or another one, if the manifest lists a result
        that it does not have, or leaves out a result that is neither weights nor a resource.
        """
        folder = Path(os.path.abspath(folder))
        plan = _plan(folder, manifest, where)
        found, more = tuple(expected(plan)), tuple(requested(plan))
        known = {one.path for one in (*found, *more)}
        allowed, is_shared = may_be_left_out(plan, known), may_take_over(plan)
        for path in manifest.results:
            if path not in known and not is_shared(path):
                raise UserError(f"{where}: the manifest lists {path!r}, which is not a result of the deposited study")
        for path, entry in manifest.omitted.items():
            if not allowed(path) and (path in known or entry.kind == "result"):
                raise UserError(f"{where}: the manifest leaves out {path!r}, which is neither weights nor a resource")
        return cls(folder, manifest, found, more, shared(plan))

    def findings(self, cached: bool = True) -> Findings:
        """Audit the manifest, all results that it lists, and those that the study expects.

        Code, environment and sources are compared with those of this checkout, configs with the deposited study. Code
        is analysed again, instead of read from this checkout's cache, if `cached` is false.
        """
        folder, manifest = str(self.folder), self.manifest
        configs = {self._path(one.path): one.config for one in (*self.expected, *self.requested)}
        present = set(manifest.results) - set(manifest.omitted)
        folders = Folders(self._path(RESULTS), self._path(RESOURCES), str(ROOT))
        parts = {self._path(path): config for path, config in self.shared.items()}
        files = DepositedFiles(folder, present, manifest.omitted, cached)
        audit = Audit(configs, files, folders=folders, shared=parts)
        paths = list(dict.fromkeys([*(one.path for one in self.expected), *manifest.results]))
        statuses = [audit.status(self._path(path)) for path in paths]
        root = self._root_digest(audit, (path for path in paths if not is_stored(path)))
        own = self._own_status(root, {name for status in statuses for name in status.inputs})
        broken = any(one.state is State.BROKEN for one in (own, *statuses))
        return Findings((own, *map(self._named, statuses)), None if broken else root)

    def _root_digest(self, audit: Audit, paths: Iterable[str]) -> str | None:
        try:
            return root_digest(audit.record(self._path(path)) for path in paths)
        except RecordError:  # The status of the file reports this.
            return None

    def _own_status(self, root: str | None, used: Container[str]) -> FileStatus:
        """Return the status of the manifest, compared with the root digest and with the deposit's own files.

        `used` are the paths of all files that results of the deposit were made from.
        """
        path, named = self.manifest.path, self.manifest.root_digest
        found = list(self._own_files())
        if root not in (None, named):
            found.append(f"names the root digest {named}, but that of the records is {root}")
        if unlisted := {one.path for one in self.expected} - set(self.manifest.results):
            found.append(
                f"does not list {min(unlisted)} ({len(unlisted)} such files), which the study expects with this code; "
                f"the deposit is of commit {self.manifest.code.commit or 'unknown'}"
            )
        if others := [path for path in self.manifest.results if is_stored(path) and self._path(path) not in used]:
            found.append(f"lists {others[0]} ({len(others)} such files), which no record of a result names")
        discrepancies = tuple(Discrepancy(State.BROKEN, text) for text in found)
        state = State.BROKEN if found else State.INTACT
        return FileStatus(path, state, discrepancies, f"{path}: {found[0]}" if found else "", ())

    def _own_files(self) -> Iterator[str]:
        for name, sha256 in self.manifest.files.items():
            path = self.folder / self.manifest.own(name)
            if not path.is_file():
                yield f"lists {name}, which is missing"
            elif digests(path, ["sha256"])["sha256"] != sha256:
                yield f"{name} does not have the hash that the manifest names"

    def _named(self, status: FileStatus) -> FileStatus:
        """Return the status with paths in the deposit, whose folder may be temporary."""
        prefix = self._path("") + os.sep

        def cut(text: str) -> str:
            return text.replace(prefix, "")

        discrepancies = tuple(replace(one, text=cut(one.text)) for one in status.discrepancies)
        inputs = tuple(map(cut, status.inputs))
        return replace(
            status, path=cut(status.path), cause=cut(status.cause), discrepancies=discrepancies, inputs=inputs
        )

    def _path(self, path: str) -> str:
        return os.path.normpath(os.path.join(self.folder, path))


def open_folder(folder: Path) -> Deposit:
    """Return the deposit in the folder of a crate, which may have no other files than those of `supernet crate`.

    Raises UserError if it has a link, a device or a file that the manifest does not list, and as `Deposit.open`.
    """
    names = list(_files(folder))
    manifests = [name for name in names if name.endswith(f"/{DEPOSIT}/{MANIFEST}")]
    if len(manifests) != 1:
        raise UserError(f"{folder}: found {len(manifests)} manifests; expected a crate of `supernet crate`")
    path = folder / manifests[0]
    if path.stat().st_size > MAX_MANIFEST_BYTES:
        raise UserError(f"{path}: has more than {MAX_MANIFEST_BYTES} bytes; expected a manifest")
    manifest = Manifest.read(path.read_bytes(), str(path))
    if manifest.path != manifests[0]:
        raise UserError(f"{path}: expected this manifest at {manifest.path}")
    for name in manifest.members:
        if (folder / name).is_dir():
            raise UserError(f"{folder / name}: is a folder; expected the file that the manifest lists")
    unlisted = sorted(set(names) - manifest.members - {METADATA, MARK})
    if unlisted:
        raise UserError(
            f"{folder / unlisted[0]}: is not listed in the manifest ({len(unlisted)} such files); remove it"
        )
    return Deposit.open(folder, manifest, str(folder))


def _files(folder: Path) -> Iterator[str]:
    """Yield the files below a folder, as relative paths; UserError at a link or a device, which may lead anywhere."""
    for place, folders, files in os.walk(folder):
        for path in (Path(place, name) for name in (*folders, *files)):
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise UserError(f"{path}: is a link or a device; a crate has files and folders only")
        yield from (Path(place, name).relative_to(folder).as_posix() for name in files)


def _plan(folder: Path, manifest: Manifest, where: str) -> Plan:
    """Return the plan of the deposited study, which must not name another file, with paths in the deposit."""
    config = {"study": str(folder / manifest.study_file), "results": RESULTS, "resources": RESOURCES}
    try:
        plan = replace(Plan.load(config, ROOT, may_extend=False), available=frozenset(manifest.results))
    except UserError as error:
        raise UserError(f"{where}: {str(error).replace(f'{folder}{os.sep}', '')}") from None
    if plan.study.study != manifest.study:
        raise UserError(f"{where}: the manifest is of study {manifest.study!r}, but has {plan.study.study!r}")
    # A study of a few bytes can expect any number of results; listing them would take as long.
    most = len(manifest.results)
    runs = sum(1 for _ in itertools.islice(plan.study.runs(), most + 1))
    if runs > most or len(plan.pools) * plan.study.pool.shards > most:
        raise UserError(f"{where}: the manifest lists {most} results, fewer than the deposited study has runs")
    return plan
