"""Status of results: intact, stale, unexpected or broken, compared with their records back to the pinned downloads.

- *Broken*: the content of the file or of an input differs from the record, a file or record is missing, or the record
  is that of another file.
- *Unexpected*: the file is in the results of the study, but the study does not list it.
- *Stale*: contents are as recorded, but something that the result depends on has changed since: the code of a module
  that its program imports, the Python version, a package or the lock file, the config that the study gives its program,
  the sources of a download, or the record of an input.
- *Intact*: none of these.

A file is at least as bad as its worst input. Records are chained by hash. Rewriting a file and all records that are
derived from it goes undetected, unless the root digest was kept elsewhere.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from supernet.audit.config_changes import with_defaults
from supernet.audit.current import Current
from supernet.audit.hash_cache import HashCache
from supernet.audit.listing import Listing
from supernet.config.artifacts import (
    HASH_DIGITS,
    RunFolder,
    is_part,
    is_stored,
    is_stored_supernet,
    run_name,
    shared_folder,
)
from supernet.config.identity import completed
from supernet.download.sources import File, load_sources
from supernet.provenance.closure import ROOT
from supernet.provenance.folders import Folders
from supernet.provenance.record import MissingRecordError, OlderRecordError, RecordError, digest, read_record

SHOWN = 4
"""Maximum number of changed config keys that one discrepancy names; further ones are counted."""
UNLISTED = "the study does not list it"


class State(IntEnum):
    """State of a file, from best to worst."""

    INTACT = 0
    STALE = 1
    UNEXPECTED = 2
    BROKEN = 3


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
    left_out: bool = False
    """Whether the file is missing because its archive does not have it; its record was checked."""


@dataclass(frozen=True)
class _Own:
    """What is found in a file and its record, without the status of its inputs."""

    discrepancies: tuple[Discrepancy, ...]
    inputs: tuple[str, ...] = ()
    left_out: bool = False


class Audit:
    """Determines the status of files; each file is checked once."""

    def __init__(
        self,
        configs: Mapping[str, Mapping[str, Any]],
        hashes: HashCache,
        root: Path = ROOT,
        kernels: bool | None = None,
        *,
        folders: Folders | None = None,
        listing: Listing | None = None,
        shared: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        """Compare with `configs`: by path of a file, the config that the current study gives to its program.

        `kernels` is whether jobs use reference kernels now; None does not compare them, as for the results of others.
        `folders` are those that records name, by default `results` and `resources` of the current folder. Files that
        `listing` does not list are unexpected. `shared` has the configs of files of the store, by `shared_folder`.
        """
        self._configs = {os.path.normpath(path): config for path, config in configs.items()}
        self._hashes, self._root = hashes, root
        self._folders = folders or Folders(checkout=str(root))
        self._listing, self._shared = listing, shared or {}
        self._current = Current(root, hashes, kernels)
        self._statuses: dict[str, FileStatus] = {}
        self._found: dict[str, _Own] = {}
        self._records: dict[str, dict[str, Any] | RecordError] = {}

    def status(self, path: str) -> FileStatus:
        """Return the status of a result."""
        path = os.path.normpath(path)
        # Without recursion, because a forged chain of records can be longer than Python's stack.
        todo = [path]
        while todo:
            one = todo[-1]
            if one in self._statuses:
                todo.pop()
            elif one not in self._found:
                self._found[one] = self._own(one)
                todo += [name for name in reversed(self._found[one].inputs) if name not in self._found]
            else:
                own = self._found[one]
                self._statuses[todo.pop()] = _status(one, own, [self._finished(name) for name in own.inputs])
        return self._statuses[path]

    def record(self, path: str) -> dict[str, Any]:
        """Return the record of a result, which is read once. Raises RecordError."""
        path = os.path.normpath(path)
        if path not in self._records:
            try:
                self._records[path] = read_record(path)
            except RecordError as error:
                self._records[path] = error
        found = self._records[path]
        if isinstance(found, RecordError):
            raise found
        return found

    def _finished(self, path: str) -> FileStatus:
        """Return the status of an input; one that is not finished is in a circle of records."""
        circle = _Own((Discrepancy(State.BROKEN, "is made from itself"),))
        return self._statuses.get(path) or _status(path, circle, [])

    def _own(self, path: str) -> _Own:
        is_unlisted = self._listing is not None and self._listing.is_unlisted(path)
        unlisted = (Discrepancy(State.UNEXPECTED, UNLISTED),) if is_unlisted else ()
        worse = State.UNEXPECTED if is_unlisted else State.BROKEN
        if not self._hashes.exists(path):
            return _Own((*unlisted, Discrepancy(worse, "missing")))
        try:
            record = self.record(path)
        except (MissingRecordError, OlderRecordError) as error:
            return _Own((*unlisted, Discrepancy(worse, error.problem)))
        except RecordError as error:
            return _Own((*unlisted, Discrepancy(State.BROKEN, error.problem)))
        made = record["made"]
        discrepancies = [
            *unlisted,
            *self._identity(path, made),
            *self._content(path, made),
            *self._repeated(path, made),
            *self._taken_over(path, made),
        ]
        discrepancies += self._inputs(made)
        discrepancies += [Discrepancy(State.STALE, text) for text in self._current.changes(record)]
        results = [self._folders.path(one["file"]) for one in made["inputs"] if one["kind"] == "result"]
        inputs = tuple(name for name in results if name is not None)
        return _Own((*discrepancies, *self._config(path, made)), inputs, self._hashes.is_left_out(path))

    def _identity(self, path: str, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        if made["file"] != self._folders.name(path):
            yield Discrepancy(State.BROKEN, f"its record is of {made['file']}: the file was moved or exchanged")

    def _content(self, path: str, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        if problem := self._differs(path, made):
            changed = "its content differs from its record: it was changed after it was made"
            yield Discrepancy(State.BROKEN, f"it {problem}" if problem != _OTHER else changed)
        elif is_part(path) and not os.path.basename(path).startswith(made["sha256"][:HASH_DIGITS]):
            yield Discrepancy(State.BROKEN, "its content has another name: it was changed after it was made")

    def _differs(self, path: str, entry: Mapping[str, Any]) -> str:
        """Return how a file differs from its entry in a record, or an empty text."""
        try:
            # A file of another size is not read.
            same = self._hashes.size(path) == entry["size"] and self._hashes.digest(path) == entry["sha256"]
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        return "" if same else _OTHER

    def _inputs(self, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        for one in made["inputs"]:
            name = self._folders.path(one["file"])
            if name is None:
                yield Discrepancy(State.BROKEN, f"input {one['file']} is outside the folders of the workflow")
            elif not self._hashes.exists(name):
                yield Discrepancy(State.BROKEN, f"input {name} is missing")
            elif problem := self._differs(name, one):
                # A file of the checkout may be edited, like code.
                state = State.STALE if one["kind"] == "source" and problem == _OTHER else State.BROKEN
                found = f"the content of input {name} differs from what was read"
                yield Discrepancy(state, found if problem == _OTHER else f"input {name} {problem}")
            elif one["kind"] == "result":
                yield from self._chain(name, one)
            elif one["kind"] == "download":
                yield from self._pin(name, one["pinned"])

    def _chain(self, name: str, one: Mapping[str, Any]) -> Iterator[Discrepancy]:
        try:
            now = self.record(name)["digest"]
        except RecordError:  # The status of the input reports this.
            return
        if now != one["record"]:
            yield Discrepancy(
                State.STALE,
                f"input {name} has the same content but a different record: it was made again or edited",
            )

    def _pin(self, name: str, pinned: Mapping[str, str]) -> Iterator[Discrepancy]:
        algorithm = pinned["algorithm"]
        if self._hashes.digest(name, algorithm) != pinned["digest"]:
            yield Discrepancy(State.BROKEN, f"download {name} does not have the {algorithm} that identified it")
        file = self._sources.get(pinned["path"])
        if file is None:
            yield Discrepancy(State.STALE, f"download {name}: the sources no longer list {pinned['path']}")
        elif (now := file.hash.given.get(algorithm)) is not None and now != pinned["digest"]:
            yield Discrepancy(State.STALE, f"download {name}: the sources now pin {algorithm} {now}")

    def _repeated(self, path: str, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        """Compare the config in the summary of a run with the recorded one."""
        if run_name(path) is None or path != RunFolder(os.path.dirname(path)).summary or self._differs(path, made):
            return
        try:
            content = json.loads(Path(path).read_bytes())
        except (OSError, ValueError, RecursionError):  # Left out of a deposit, or not written by this project.
            return
        if isinstance(content, dict) and "run" in content and content["run"] != made["config"]:
            yield Discrepancy(State.BROKEN, "it has the config of another run than its record")

    def _taken_over(self, path: str, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        """Compare config and landmarks of a run with those of the super-net in the store from which it was made."""
        if run_name(path) is None or made["program"] != _TRAINING:
            return
        for name in (self._folders.path(one["file"]) for one in made["inputs"]):
            if name is None or not is_stored_supernet(name):
                continue
            try:
                config = self.record(name)["made"]["config"]
            except RecordError:  # The status of the input reports this.
                continue
            if not _is_of_run(config, made):
                yield Discrepancy(State.BROKEN, f"it was made from the super-net of another run, {name}")

    def _config(self, path: str, made: Mapping[str, Any]) -> Iterator[Discrepancy]:
        """Compare the recorded config with that of the study; that of another result is a sign of an exchange."""
        recorded, expected = made["config"], self._configs.get(path)
        if expected is None and is_stored(path):
            # A key that did not exist when the file was made has its default, or the folder would have another name.
            expected = self._shared.get(shared_folder(path))
            recorded = recorded if expected is None else completed(recorded, expected)
            if is_stored_supernet(path) and isinstance(recorded, Mapping):
                # The hash of the landmarks, which `_taken_over` compares.
                recorded = {name: value for name, value in recorded.items() if name != "landmarks"}
        elif recorded != expected:
            recorded = with_defaults(made["program"], recorded)
        if expected is None or not (changes := differences(recorded, expected)):
            return
        other = self._owners.get(digest(made["config"]))
        if other is None:
            more = f", and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
            yield Discrepancy(State.STALE, f"config changed: {', '.join(changes[:SHOWN])}{more}")
        else:
            yield Discrepancy(State.BROKEN, f"it was made with the config of {other}: {', '.join(changes[:SHOWN])}")

    @cached_property
    def _owners(self) -> Mapping[str, str]:
        """One of the results of the study for each of their configs, by digest of the config."""
        return {digest(config): path for path, config in self._configs.items()}

    @cached_property
    def _sources(self) -> dict[str, File]:
        sources = load_sources(self._root / "workflow" / "sources.yaml")
        return {file.path: file for file in sources.files.values()}


_OTHER = "has another content"
_TRAINING = "scripts/train.py"


def _is_of_run(config: Any, made: Mapping[str, Any]) -> bool:
    """Return whether the config of a super-net in the store is that of a run: same values, and landmarks it names."""
    if not isinstance(config, Mapping):
        return False
    trained, own = (with_defaults(_TRAINING, one) for one in (config.get("run"), made["config"]))
    landmarks = config.get("landmarks")
    return trained == own and (landmarks is None or landmarks in [one["sha256"] for one in made["inputs"]])


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


def _status(path: str, own: _Own, inputs: list[FileStatus]) -> FileStatus:
    states = [*(one.state for one in own.discrepancies), *(one.state for one in inputs)]
    state = max(states, default=State.INTACT)
    found = [f"{path}: {one.text}" for one in own.discrepancies if one.state == state]
    causes = [*found, *(one.cause for one in inputs if one.state == state)]
    cause = causes[0] if state else ""
    return FileStatus(path, state, own.discrepancies, cause, tuple(one.path for one in inputs), own.left_out)
