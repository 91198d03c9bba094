"""What a result was made from: the records from it back to the downloads, as a graph and as jobs."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from supernet.config.artifacts import timings_of
from supernet.io.atomic import read_json
from supernet.provenance.record import RecordError, input_path, read_record
from supernet.runtime.timing import worked


@dataclass(frozen=True)
class Node:
    """A file that something was made from, or the target itself."""

    path: str
    kind: str
    """`result`, `source` (a file of the checkout) or `download`."""
    record: Mapping[str, Any] | None
    """Of a result; None where there is none."""
    problem: str = ""
    """Why a result has no record."""
    pinned: Mapping[str, str] = field(default_factory=dict)
    """By which hash a download was known."""
    inputs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One process, and those of its files that the target was made from."""

    program: str
    config: Any
    circumstances: Mapping[str, Any]
    made: Mapping[str, Any]
    """Of one of its files: code, packages and config are the same in all."""
    files: tuple[str, ...]
    timing: Mapping[str, Any]
    """What it wrote down of its time; empty where it does not."""

    @property
    def seconds(self) -> float:
        """How long it took, with the stopped processes that it went on from."""
        return worked(self.timing) if self.timing else _between(self.circumstances)


def format_duration(seconds: float) -> str:
    """A time in the unit that suits it: `0.3 s`, `4.2 min`, `11.0 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def lineage(target: str) -> dict[str, Node]:
    """All files that a result was made from, by path, the result itself first, then by distance from it.

    A file that is missing, or has no readable record, is a node with a `problem`; what is behind it is not known.
    """
    found: dict[str, Node] = {}
    todo = [Node(os.path.normpath(target), "result", None)]
    for one in todo:
        if one.path not in found:
            found[one.path] = node = _filled(one)
            todo += _inputs(node)
    return found


def jobs(nodes: Mapping[str, Node]) -> list[Job]:
    """The processes that made these files, in order of their ends."""
    files: dict[tuple[str, ...], list[Node]] = {}
    for node in nodes.values():
        if node.record is not None:
            told = node.record["circumstances"]
            # Two processes may start in one millisecond of one machine, but not into one folder.
            key = (node.record["made"]["program"], told["started"], told["host"], os.path.dirname(node.path))
            files.setdefault(key, []).append(node)
    found = [_job(group) for group in files.values()]
    return sorted(found, key=lambda job: (job.circumstances["ended"], job.files))


def _filled(node: Node) -> Node:
    if node.kind != "result":
        return node
    if not os.path.exists(node.path):
        return Node(node.path, node.kind, None, "missing")
    try:
        record = read_record(node.path)
    except RecordError as error:
        return Node(node.path, node.kind, None, error.problem)
    inputs = tuple(input_path(node.path, one) for one in record["made"]["inputs"])
    return Node(node.path, node.kind, record, inputs=inputs)


def _inputs(node: Node) -> Iterator[Node]:
    if node.record is not None:
        for path, one in zip(node.inputs, node.record["made"]["inputs"], strict=True):
            yield Node(path, one["kind"], None, pinned=one.get("pinned", {}))


def _job(nodes: list[Node]) -> Job:
    (record, *_) = (node.record for node in nodes if node.record is not None)
    files = tuple(sorted(node.path for node in nodes))
    made = record["made"]
    return Job(made["program"], made["config"], record["circumstances"], made, files, _timing(files[0]))


def _timing(path: str) -> Mapping[str, Any]:
    found = next((timing for timing in timings_of(path) if os.path.exists(timing)), None)
    return {} if found is None else dict(read_json(found))


def _between(circumstances: Mapping[str, Any]) -> float:
    start, end = (datetime.fromisoformat(circumstances[name]) for name in ("started", "ended"))
    return (end - start).total_seconds()
