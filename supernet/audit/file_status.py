"""Status of results: intact, stale or broken, compared with their records back to the pinned downloads.

- *Broken*: the content of the file or of an input differs from the record, or a file or record is missing.
- *Stale*: contents are as recorded, but something that the result depends on has changed since: the code of a module
  that its program imports, the Python version, a package or the lock file, the config that the study gives its program,
  the sources of a download, or the record of an input.
- *Intact*: neither.

A file is at least as bad as its worst input. Records are chained by hash. Rewriting a file and all records that are
derived from it goes undetected, unless the root digest was kept elsewhere.
"""

import json
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from supernet.audit.hash_cache import HashCache
from supernet.download.sources import File, load_sources
from supernet.provenance.closure import ROOT, Closure
from supernet.provenance.record import LOCK, RecordError, input_path, read_record, record_digest
from supernet.runtime.kernels import VARIABLE

SHOWN = 4
"""Maximum number of changed config keys that one discrepancy names; further ones are counted."""

KERNELS_MODULE = "supernet/nn/fast/switch.py"
"""A record that has this module is of a program that builds networks."""


class State(IntEnum):
    """State of a file, from best to worst."""

    INTACT = 0
    STALE = 1
    BROKEN = 2


@dataclass(frozen=True)
class Discrepancy:
    """A difference between a file and its record, or between the record and the current code or study."""

    state: State
    text: str


@dataclass(frozen=True)
class FileStatus:
    """Result of the audit of one file."""

    path: str
    state: State
    discrepancies: tuple[Discrepancy, ...]
    """Those of the file itself."""
    cause: str
    """First discrepancy of this state on the way from the file to the downloads, as `path: text`; empty if intact."""
    inputs: tuple[str, ...]


class Audit:
    """Determines the status of files; each file is checked once."""

    def __init__(
        self,
        configs: Mapping[str, Mapping[str, Any]],
        hashes: HashCache,
        root: Path = ROOT,
        kernels: bool | None = None,
    ) -> None:
        """Compare with `configs`: by path of a file, the config that the current study gives to its program.

        `kernels` is whether jobs use reference kernels now; None does not compare them, as for the results of others.
        """
        self._kernels = kernels
        self._configs = {os.path.normpath(path): config for path, config in configs.items()}
        self._hashes, self._root = hashes, root
        self._closure = Closure(root)
        self._statuses: dict[str, FileStatus] = {}
        self._codes: dict[str, tuple[str, str] | None] = {}
        self._open: set[str] = set()
        self._digests: dict[str, str | None] = {}

    def status(self, path: str) -> FileStatus:
        """Return the status of a result."""
        path = os.path.normpath(path)
        if path not in self._statuses:
            if path in self._open:
                return _status(path, [Discrepancy(State.BROKEN, "is made from itself")], [])
            self._open.add(path)
            self._statuses[path] = self._checked(path)
            self._open.remove(path)
        return self._statuses[path]

    def _checked(self, path: str) -> FileStatus:
        if not self._hashes.exists(path):
            return _status(path, [Discrepancy(State.BROKEN, "missing")], [])
        try:
            record = read_record(path)
        except RecordError as error:
            return _status(path, [Discrepancy(State.BROKEN, error.problem)], [])
        self._digests[path], made = record["digest"], record["made"]
        discrepancies = [*self._content(path, made), *self._inputs(path, made), *self._changes(path, record)]
        results = [input_path(path, one) for one in made["inputs"] if one["kind"] == "result"]
        return _status(path, discrepancies, [self.status(one) for one in results])

    def _content(self, path: str, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        if self._hashes.size(path) != made["size"] or self._hashes.digest(path) != made["sha256"]:
            yield Discrepancy(State.BROKEN, "its content differs from its record: it was changed after it was made")

    def _inputs(self, path: str, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        for one in made["inputs"]:
            name = input_path(path, one)
            if not self._hashes.exists(name):
                yield Discrepancy(State.BROKEN, f"input {name} is missing")
            elif self._hashes.digest(name) != one["sha256"]:
                # A file of the checkout may be edited, like code.
                state = State.STALE if one["kind"] == "source" else State.BROKEN
                yield Discrepancy(state, f"the content of input {name} differs from what was read")
            elif one["kind"] == "result":
                yield from self._chain(name, one)
            elif one["kind"] == "download":
                yield from self._pin(name, one["pinned"])

    def _chain(self, name: str, one: Mapping[str, Any]) -> Iterator[Discrepancy]:
        if self._digest(name) not in (None, one["record"]):
            yield Discrepancy(
                State.STALE,
                f"input {name} has the same content but a different record: it was made again or edited",
            )

    def _digest(self, path: str) -> str | None:
        """Return the digest of the record of a result; None without a valid record. It is read once."""
        if path not in self._digests:
            try:
                self._digests[path] = record_digest(path)
            except RecordError:  # The status of the input reports this.
                self._digests[path] = None
        return self._digests[path]

    def _pin(self, name: str, pinned: Mapping[str, str]) -> Iterator[Discrepancy]:
        algorithm = pinned["algorithm"]
        if self._hashes.digest(name, algorithm) != pinned["digest"]:
            yield Discrepancy(State.BROKEN, f"download {name} does not have the {algorithm} that identified it")
        file = self._sources.get(pinned["path"])
        if file is None:
            yield Discrepancy(State.STALE, f"download {name}: the sources no longer list {pinned['path']}")
        elif (now := file.hash.given.get(algorithm)) is not None and now != pinned["digest"]:
            yield Discrepancy(State.STALE, f"download {name}: the sources now pin {algorithm} {now}")

    def _changes(self, path: str, record: Mapping[str, Any]) -> Iterator[Discrepancy]:
        made, files = record["made"], record["circumstances"]["files"]
        changed = [name for name, code in made["modules"].items() if not self._same_code(name, code, files[name])]
        if changed:
            yield Discrepancy(State.STALE, f"code changed: {', '.join(changed)}")
        if made["lock"] != self._lock:
            yield Discrepancy(State.STALE, f"environment changed: {LOCK}")
        if made["python"] != platform.python_version():
            yield Discrepancy(
                State.STALE, f"environment changed: Python {made['python']}, now {platform.python_version()}"
            )
        others = [one for name, version in made["packages"].items() if (one := self._other(name, version))]
        if others:
            yield Discrepancy(State.STALE, f"environment changed: {', '.join(others)}")
        used = record["circumstances"]["environment"].get(VARIABLE) == "1"
        if self._kernels not in (None, used) and KERNELS_MODULE in made["modules"]:
            yield Discrepancy(State.STALE, f"environment changed: {VARIABLE} was {used:d}, is {self._kernels:d}")
        if path in self._configs:
            changes = differences(made["config"], self._configs[path])
            if changes:
                more = f", and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
                yield Discrepancy(State.STALE, f"config changed: {', '.join(changes[:SHOWN])}{more}")

    def _same_code(self, name: str, code: str, sha256: str) -> bool:
        if name not in self._codes:
            try:
                source = self._closure.source(name)
                self._codes[name] = source.sha256, source.code
            except (FileNotFoundError, SyntaxError):
                self._codes[name] = None
        now = self._codes[name]
        # Hashes of syntax trees can differ between versions of Python; those of identical bytes do not.
        return now is not None and (now[0] == sha256 or now[1] == code)

    @cached_property
    def _lock(self) -> str | None:
        lock = self._root / LOCK
        return self._hashes.digest(str(lock)) if lock.exists() else None

    @cached_property
    def _sources(self) -> dict[str, File]:
        sources = load_sources(self._root / "workflow" / "sources.yaml")
        return {file.path: file for file in sources.files.values()}

    def _other(self, name: str, version: str) -> str:
        """Return how a package differs from the installed one; empty if it does not differ or is not installed."""
        now = self._installed(name)
        # The version of a module may have a local part (2.6.0+cpu) that its distribution lacks. The distribution may be
        # a post-release (2026.10.19.post1), which has the code of the release.
        same = now is None or now in (version, version.partition("+")[0]) or now.partition(".post")[0] == version
        return "" if same else f"{name} {version}, now {now}"

    def _installed(self, name: str) -> str | None:
        if name not in self._versions:
            self._versions[name] = self._version(name)
        return self._versions[name]

    @cached_property
    def _versions(self) -> dict[str, str | None]:
        return {}

    def _version(self, name: str) -> str | None:
        for distribution in (name, *self._distributions.get(name, ())):
            try:
                return metadata.version(distribution)
            except metadata.PackageNotFoundError:
                continue
        return None

    @cached_property
    def _distributions(self) -> Mapping[str, list[str]]:
        return metadata.packages_distributions()


def differences(old: Any, new: Any, key: str = "") -> list[str]:
    """Return a line `key: was …, is …` per value that differs; keys of nested mappings are dotted."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        keys = dict.fromkeys([*old, *new])
        return [
            line
            for name in keys
            for line in differences(old.get(name), new.get(name), f"{key}.{name}" if key else str(name))
        ]
    return [] if old == new else [f"{key or 'all'}: was {_short(old)}, is {_short(new)}"]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _status(path: str, discrepancies: list[Discrepancy], inputs: list[FileStatus]) -> FileStatus:
    states = [*(one.state for one in discrepancies), *(one.state for one in inputs)]
    state = max(states, default=State.INTACT)
    own = [f"{path}: {one.text}" for one in discrepancies if one.state == state]
    causes = [*own, *(one.cause for one in inputs if one.state == state)]
    cause = causes[0] if state else ""
    return FileStatus(path, state, tuple(discrepancies), cause, tuple(one.path for one in inputs))
