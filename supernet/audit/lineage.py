"""The lineage of a result: all files that it was made from, back to the downloads, and the jobs that made them."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from supernet.config.artifacts import is_stored, timings_of
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.provenance.folders import Folders
from supernet.provenance.record import RecordError, read_record
from supernet.runtime.timing import job_seconds

_STORE = ""
"""Stands for the folder of all files of the store."""


@dataclass(frozen=True)
class Node:
    """A file of the lineage: the target, or a file that it was made from."""

    path: str
    kind: str
    """`result`, `source` (a file of the checkout) or `download`."""
    record: Mapping[str, Any] | None
    """Record of a result; None if it has none, and for other files."""
    problem: str = ""
    """Why a result has no valid record."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """Hash that identified a download: `path` in the sources, `algorithm` and `digest`."""
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One run of a program, and those of its files that are in the lineage."""

    program: str
    config: Any
    circumstances: Mapping[str, Any]
    made: Mapping[str, Any]
    """`made` of the record of one file: code, packages and config are the same in all records of a job."""
    files: tuple[str, ...]
    timing: Mapping[str, Any]
    """Content of the timing file; empty without one."""

    @property
    def seconds(self) -> float:
        """Duration, including earlier processes that this one resumed."""
        return job_seconds(self.timing) if self.timing else _between(self.circumstances)


def format_duration(seconds: float) -> str:
    """Format a duration in seconds, minutes, hours or days: `0.3 s`, `4.2 min`, `11.0 h`, `25.0 days`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 360_000 else f"{seconds / 86_400:.1f} days"


def lineage(target: str, folders: Folders, is_left_out: Callable[[str], bool] = lambda path: False) -> dict[str, Node]:
    """Return all files that a result was made from, by path, in breadth-first order starting with the result.

    A file that is missing or has no valid record is a node with a `problem`; its own inputs are unknown. A file that
    `is_left_out` of an archive has a record only. A file outside `folders` has its name in the record as its path.
    """
    found: dict[str, Node] = {}
    todo = [Node(os.path.normpath(target), "result", None)]
    for one in todo:
        if one.path not in found:
            found[one.path] = node = _filled(one, folders, is_left_out)
            todo += _inputs(node)
    return found


def jobs(nodes: Mapping[str, Node]) -> list[Job]:
    """Return the jobs that made these files, in the order in which they ended.

    Files of the store belong to the job of their process, if another of its files is among the nodes.
    """
    files: dict[tuple[str, ...], list[Node]] = {}
    for node in nodes.values():
        if node.record is not None:
            ran = node.record["circumstances"]
            # Two jobs may start in the same millisecond on one machine, but they write to different folders.
            folder = _STORE if is_stored(node.path) else os.path.dirname(node.path)
            key = (folder, node.record["made"]["program"], ran["started"], ran["host"])
            files.setdefault(key, []).append(node)
    own = {key[1:]: key for key in files if key[0] != _STORE}
    for stored in [key for key in files if key[0] == _STORE and key[1:] in own]:
        files[own[stored[1:]]] += files.pop(stored)
    found = [_job(group) for group in files.values()]
    return sorted(found, key=lambda job: (job.circumstances["ended"], job.files))


def _filled(node: Node, folders: Folders, is_left_out: Callable[[str], bool]) -> Node:
    if node.kind != "result":
        return node
    if not os.path.exists(node.path) and not is_left_out(node.path):
        return Node(node.path, node.kind, None, "missing")
    try:
        record = read_record(node.path)
    except RecordError as error:
        return Node(node.path, node.kind, None, error.problem)
    inputs = tuple(folders.path(one["file"]) or one["file"] for one in record["made"]["inputs"])
    return Node(node.path, node.kind, record, inputs=inputs)


def _inputs(node: Node) -> Iterator[Node]:
    if node.record is not None:
        for path, one in zip(node.inputs, node.record["made"]["inputs"], strict=True):
            yield Node(path, one["kind"], None, pinned=one.get("pinned", {}))


def _job(nodes: list[Node]) -> Job:
    # The files of one process are made one after the other; those of the store are listed after the others.
    ended = max(_ended(node) for node in nodes)
    chosen = min(nodes, key=lambda node: (is_stored(node.path), is_stored(node.path) and _ended(node) != ended))
    assert chosen.record is not None, "files without a record are not in a job"
    record, files = (
        chosen.record,
        tuple(sorted((node.path for node in nodes), key=lambda path: (is_stored(path), path))),
    )
    made = record["made"]
    return Job(made["program"], made["config"], record["circumstances"], made, files, _timing(files[0]))


def _ended(node: Node) -> str:
    return "" if node.record is None else str(node.record["circumstances"]["ended"])


def _timing(path: str) -> Mapping[str, Any]:
    found = next((timing for timing in timings_of(path) if os.path.exists(timing)), None)
    if found is None:
        return {}
    timing = read_object(found, "total_seconds")
    if not all(isinstance(timing.get(key, 0), int | float) for key in ("total_seconds", "earlier_seconds")):
        raise UserError(f"{found}: total_seconds, earlier_seconds: expected numbers; see `supernet audit {found}`")
    return timing


def read_object(path: str, *keys: str) -> Mapping[str, Any]:
    """Read a JSON object. UserError if the file is damaged or lacks one of `keys`."""
    try:
        found = read_json(path)
        lacking = [key for key in keys if key not in found]
    except (OSError, ValueError, TypeError, RecursionError):
        found, lacking = None, []
    if not isinstance(found, dict) or lacking:
        raise UserError(f"{path}: expected a JSON object with {', '.join(keys)}; see `supernet audit {path}`")
    return found


def _between(circumstances: Mapping[str, Any]) -> float:
    start, end = (datetime.fromisoformat(circumstances[name]) for name in ("started", "ended"))
    return (end - start).total_seconds()
