"""Writing of provenance records: which files a program reads, with which config, and which code made its results.

`supernet.runtime.program.run` gives each program a recorder. The program names the files that it reads (`note_input`)
and its config (`note_config`); `supernet.io.atomic.publish` writes the record of each result. Without a recorder, as in
a test or a notebook, nothing is recorded.
"""

import contextlib
import copy
import json
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from supernet.provenance.clock import wait_for_clock
from supernet.provenance.closure import PACKAGE, ROOT, Closure, Source
from supernet.provenance.folders import Folders, is_at
from supernet.provenance.hashes import digests
from supernet.provenance.record import (
    FORMAT,
    LOCK,
    MissingRecordError,
    OlderRecordError,
    RecordError,
    digest,
    inputs_digest,
    read_record,
)

ENVIRONMENT = (
    "CONDA_DEFAULT_ENV",
    "CUBLAS_WORKSPACE_CONFIG",
    "CUDA_VISIBLE_DEVICES",
    "MKL_NUM_THREADS",
    "OMP_NUM_THREADS",
    "SLURM_ARRAY_TASK_ID",
    "SLURM_CPUS_PER_TASK",
    "SLURM_JOB_ID",
    "SLURM_JOB_PARTITION",
    "SLURM_RESTART_COUNT",
)
"""Environment variables that records contain. Others are never written, because they may hold secrets."""

VARIABLES = ("SUPERNET_REFERENCE_KERNELS",)
"""Environment variables on which results depend; they are part of `made`."""

UNRECORDED = frozenset(
    f"supernet/provenance/{name}.py"
    for name in ("clock", "closure", "folders", "record", "recorder", "regular", "schema")
)
"""Modules that only record: they do not affect results, so editing them does not make results stale."""

_Path = TypeVar("_Path", Path, str)


class Recorder:
    """Collects the inputs and the config of one process, and makes the record of each file that it writes."""

    def __init__(self, program: Path, root: Path = ROOT, folders: Folders | None = None) -> None:
        """Hash the code of `program`, a script in the checkout `root`; `folders` are by default those of its workflow.

        The code is hashed at the start, because edits during a long training do not affect that training.
        """
        self._root, self._started = root, _now()
        self._folders = folders or Folders.of_environment(root)
        self._closure = Closure(root)
        self._name = self._closure.name(program)
        self._sources = self._closure.files([program])
        self._analysed: set[Path] = set()
        """Files of loaded modules whose imports are among the sources."""
        self._inputs: dict[str, dict[str, Any]] = {}
        self._stats: dict[str, tuple[int, int, int]] = {}
        self._config: Any = None
        self._packages: Mapping[str, str] | None = None
        self._announced: str | None = None
        self._places: dict[str, str] = {}
        self._resumed: list[dict[str, Any]] = []

    def read(self, path: Path | str, kind: str, pinned: Mapping[str, str] | None) -> None:
        """Note an input with its current hash; `kind` and `pinned` are as for `note_input`."""
        name, status = os.path.abspath(path), os.stat(path)
        signature = (status.st_size, status.st_mtime_ns, status.st_ino)
        if self._stats.get(name) == signature:
            return
        wait_for_clock([path])
        sha256 = digests(Path(path), ["sha256"])["sha256"]
        note = {"file": self._folders.name(path, kind), "kind": kind, "sha256": sha256, "size": status.st_size}
        if kind == "result":
            note |= _recorded(path)
        if pinned is not None:
            note["pinned"] = dict(pinned)
        self._inputs[name], self._stats[name] = note, signature

    @property
    def inputs(self) -> list[dict[str, Any]]:
        """The inputs that have been read, as records list them."""
        return sorted(self._inputs.values(), key=lambda one: str(one["file"]))

    def apart(self, config: Any, inputs: Iterable[Path], packages: Mapping[str, str] | None) -> "Recorder":
        """Return a recorder of the same process as `recording_apart` uses it; the inputs are noted here, too."""
        _ = self._lock, self._commit  # so that the copy has them, too
        other = copy.copy(self)
        names = []
        for path in inputs:
            self.read(path, "result", None)
            names.append(os.path.abspath(path))
        other._config, other._announced, other._packages = config, None, packages
        other._inputs = {name: self._inputs[name] for name in names}
        other._stats = {name: self._stats[name] for name in names}
        return other

    def announce(self) -> tuple[str, int] | None:
        """Return the digest of the inputs for a caption, and the number of results without a record among them.

        None without inputs. All inputs must have been read before.
        """
        self._announced = inputs_digest(self.inputs)
        without = sum(one["kind"] == "result" and one["record"] is None for one in self.inputs)
        return (self._announced, without) if self.inputs else None

    def resume(self, entry: dict[str, Any]) -> None:
        """Note that the process continues from a saved state."""
        self._resumed.append(entry)

    def sha256(self, path: Path | str) -> str:
        """Return the hash of an input that `read` has noted."""
        return str(self._inputs[os.path.abspath(path)]["sha256"])

    def use(self, config: Any) -> None:
        """Note the config, a JSON value; it replaces an earlier one."""
        self._config = config

    def place(self, temporary: Path, folder: Path) -> None:
        """Note that files in the folder `temporary` will be in `folder`: records name their final places."""
        self._places[os.path.join(os.path.abspath(temporary), "")] = os.path.abspath(folder)

    def _final(self, path: Path | str) -> str:
        absolute = os.path.abspath(path)
        for temporary, folder in self._places.items():
            if absolute.startswith(temporary):
                return os.path.join(folder, absolute[len(temporary) :])
        return absolute

    def record(self, path: Path | str, content: Path) -> dict[str, Any]:
        """Return the record of the result at `path`; its content is in the (temporary) file `content`."""
        sources, inputs = self.sources(), self.inputs
        if self._announced not in (None, inputs_digest(inputs)):
            raise RuntimeError(f"{path}: more inputs were read after a caption had named the digest of all inputs")
        made = {
            "file": self._folders.name(self._final(path)),
            "sha256": digests(content, ["sha256"])["sha256"],
            "size": content.stat().st_size,
            "program": self._name,
            "modules": {name: one.code for name, one in sources.items()},
            "config": self._config,
            "inputs": inputs,
            "python": platform.python_version(),
            "packages": package_versions() if self._packages is None else dict(self._packages),
            "lock": self._lock,
            "variables": {name: os.environ[name] for name in VARIABLES if name in os.environ},
        }
        record = {
            "format": FORMAT,
            "made": made,
            "digest": digest(made),
            "circumstances": {
                "started": self._started,
                "ended": _now(),
                "host": socket.gethostname(),
                "system": platform.platform(),
                "environment": {name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
                "files": {name: one.sha256 for name, one in sources.items()},
                **({"resumed": self._resumed} if self._resumed else {}),
                **self._commit,
            },
        }
        return {**record, "seal": digest(record)}

    def sources(self) -> dict[str, Source]:
        """Return the files of the program, including modules that were loaded by a name computed at run time."""
        new = [path for path in _loaded(self._root) if path not in self._analysed]
        for name, source in self._closure.files(new).items():
            self._sources.setdefault(name, source)
        self._analysed.update(new)
        return {name: self._sources[name] for name in sorted(self._sources) if name not in UNRECORDED}

    @cached_property
    def _lock(self) -> str | None:
        lock = self._root / LOCK
        return digests(lock, ["sha256"])["sha256"] if lock.exists() else None

    @cached_property
    def _commit(self) -> dict[str, Any]:
        return commit(self._root)


_RECORDER: ContextVar[Recorder | None] = ContextVar("recorder", default=None)


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[None]:
    """Record what is read and published inside the context."""
    token = _RECORDER.set(recorder)
    try:
        yield
    finally:
        _RECORDER.reset(token)


@contextlib.contextmanager
def recording_apart(config: Any, inputs: Iterable[Path], packages: Mapping[str, str] | None = None) -> Iterator[None]:
    """Record results inside the context with this config and these inputs, which are results, and with no others.

    For results that depend on less than the program. `packages` (`package_versions`) are those with which they are
    made, if the program also loads packages for other results; by default all that are loaded.
    """
    recorder = _RECORDER.get()
    with contextlib.nullcontext() if recorder is None else recording(recorder.apart(config, inputs, packages)):
        yield


def note_input(path: _Path, kind: str = "result", pinned: Mapping[str, str] | None = None) -> _Path:
    """Note that the program reads the file at `path`, and return the path.

    `kind` is `result` (a file with a record), `source` (a file of the checkout) or `download`. For a download, `pinned`
    has its `path` in the sources, and the `algorithm` and `digest` that identified it. Raises RecordError if the record
    of a result is damaged or is that of another file, UserError if the file is from the future
    (`supernet.provenance.clock`).
    """
    if (recorder := _RECORDER.get()) is not None:
        recorder.read(path, kind, pinned)
    return path


def note_place(temporary: Path, folder: Path) -> None:
    """Note that the files that are written to the folder `temporary` will be in `folder`."""
    if (recorder := _RECORDER.get()) is not None:
        recorder.place(temporary, folder)


def note_config(config: Any) -> None:
    """Note the config of this process: a JSON value of all that its results depend on, except inputs and code."""
    if (recorder := _RECORDER.get()) is not None:
        recorder.use(config)


def announce_inputs() -> tuple[str, int] | None:
    """Return the digest of all inputs, for a caption, and how many of them are results without a record.

    None without inputs or without a recorder. Reading another input before the caption is written raises RuntimeError.
    """
    recorder = _RECORDER.get()
    return None if recorder is None else recorder.announce()


def note_resumption(entry: dict[str, Any]) -> None:
    """Note that this process continues from a saved state; the records of its results have the entry, a JSON object.

    It is among the circumstances, which no digest covers: a result is the same whether or not its job was interrupted.
    """
    if (recorder := _RECORDER.get()) is not None:
        recorder.resume(entry)


def code_of_process() -> dict[str, Source]:
    """Return the files of the checkout that this process runs, as its records name them, by path in the checkout."""
    if (recorder := _RECORDER.get()) is not None:
        return recorder.sources()
    files = Closure().files(_loaded(ROOT))
    return {name: source for name, source in files.items() if name not in UNRECORDED}


def input_sha256(path: Path) -> str:
    """Note that the program reads the result at `path` (`note_input`), and return its SHA-256."""
    note_input(path)
    recorder = _RECORDER.get()
    return digests(path, ["sha256"])["sha256"] if recorder is None else recorder.sha256(path)


def record_text(path: Path | str, content: Path) -> str | None:
    """Return the text of the record of `path`, whose content is in the file `content`; None without a recorder."""
    recorder = _RECORDER.get()
    if recorder is None:
        return None
    return json.dumps(recorder.record(path, content), indent=1, sort_keys=True, allow_nan=False) + "\n"


def commit(root: Path) -> dict[str, Any]:
    """Return `commit` and `dirty` (whether tracked files differ from it) of a checkout; both None without git."""
    unknown = {"commit": None, "dirty": None}
    if not (root / ".git").exists():
        return unknown
    command = ["git", "--no-optional-locks", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        result = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=30)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return unknown
    if result.returncode:
        return unknown
    lines = result.stdout.splitlines()
    name = next(line.split()[2] for line in lines if line.startswith("# branch.oid"))
    return {"commit": name, "dirty": any(not line.startswith("#") for line in lines)}


def _recorded(path: Path | str) -> dict[str, Any]:
    """Return `record`, and `file` as in the record, of a result that is read.

    Its results may be anywhere, as for a figure that is drawn by hand. Raises RecordError if its record is damaged or
    is that of another file.
    """
    try:
        record = read_record(path)
    except (MissingRecordError, OlderRecordError):
        return {"record": None}
    name = record["made"]["file"]
    if not is_at(name, path):
        raise RecordError(
            path, f"its record is of {name}: the file was moved or exchanged; put it back or make it again"
        )
    return {"file": name, "record": record["digest"]}


def _loaded(root: Path) -> list[Path]:
    """Return the files in the checkout of all loaded modules of the package."""
    loaded = [module for name, module in list(sys.modules.items()) if name.split(".")[0] == PACKAGE]
    files = [Path(file) for module in loaded if (file := getattr(module, "__file__", None))]
    return [file for file in files if file.is_relative_to(root)]


def package_versions() -> dict[str, str]:
    """Return the versions of loaded third-party packages, by import name."""
    found = {}
    for name, module in list(sys.modules.items()):
        # Reads `__version__` without attribute access, which makes some modules warn or import others.
        version = vars(module).get("__version__") if module is not None and "." not in name else None
        if isinstance(version, str) and name not in sys.stdlib_module_names and not name.startswith("_"):
            found[name] = str(version)
    return dict(sorted(found.items()))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
