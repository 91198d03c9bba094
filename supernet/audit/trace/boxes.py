"""The lineage of a result as boxes and arrows; a box has all jobs of one kind, and their current status."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.audit.file_status import FileStatus, State
from supernet.audit.lineage import Job, Node, format_duration, jobs
from supernet.config.artifacts import run_name, wildcards

SETTINGS = 12
"""Maximum number of super-net settings with one box each; if there are more, there is one box per space."""
_WORDS = {
    "scripts/data.py": "images",
    "scripts/published.py": "published table",
    "scripts/pool.py": "pool drawn",
    "scripts/truth.py": "stand-alone trainings",
    "scripts/pool_truth.py": "ground truth",
    "scripts/proxies.py": "zero-cost proxies",
    "scripts/train.py": "super-nets",
    "scripts/score.py": "scores",
    "scripts/search.py": "random search",
    "scripts/systems.py": "search systems",
    "scripts/landscape.py": "loss landscapes",
    "scripts/features.py": "batch-norm statistics",
    "scripts/standalone.py": "stand-alone networks with swept values",
    "scripts/metrics.py": "metrics of all runs",
    "scripts/effects.py": "effects of settings",
    "scripts/table.py": "table",
    "scripts/figure.py": "figure",
}
_OF_RUNS = ("scripts/train.py", "scripts/score.py")
"""Programs of which every run has a job."""


@dataclass(frozen=True)
class Box:
    """Files that are drawn as one box."""

    title: str
    lines: tuple[str, ...]
    files: tuple[str, ...]
    state: State | None
    """Worst state of the files; None for a file that is not a result."""


@dataclass(frozen=True)
class Graph:
    """Boxes, and arrows from a box to a box that was made from it; arrows that follow from others are left out."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]


def graph(nodes: Mapping[str, Node], statuses: Mapping[str, FileStatus]) -> Graph:
    """Return the boxes and arrows of a lineage; `statuses` has the status of each result among the nodes."""
    found = jobs(nodes)
    settings = {_setting(job) for job in found if job.program in _OF_RUNS}
    every = len(settings) <= SETTINGS
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in found:
        groups.setdefault(_key(job, every), []).append(job)
    boxes = [_box(key, group, statuses) for key, group in groups.items()]
    boxes += [_file_box(node) for node in nodes.values() if node.record is None]
    return Graph(tuple(boxes), _reduced(_arrows(boxes, nodes)))


def _key(job: Job, every: bool) -> tuple[str, ...]:
    """Return the properties that the jobs of one box share; the elements after the first one are drawn."""
    if job.program in _OF_RUNS:
        return (job.program, *_setting(job)) if every else (job.program, *_setting(job)[:1])
    if job.program not in _WORDS:
        return (job.program, *job.files)  # Unknown programs: jobs in one box might be made from each other.
    if job.program in ("scripts/truth.py", "scripts/search.py", "scripts/systems.py"):
        found = wildcards(job.files[0])
        return (job.program, *job.files) if found is None else (job.program, found.get("pool") or found["space"])
    return job.program, _subject(job)


def _setting(job: Job) -> tuple[str, ...]:
    """Return the space and the setting of a super-net; without names, its files, so that it has its own box."""
    name = run_name(job.files[0])
    return job.files if name is None else (name.space, name.setting)


def _subject(job: Job) -> str:
    """Return the table, figure or data set that a job was asked for, or the name of its file."""
    config: Any = job.config if isinstance(job.config, dict) else {}
    named = [config[key] for key in ("table", "figure", "dataset") if isinstance(config.get(key), str)]
    return named[0] if named else Path(job.files[0]).name.partition(".")[0]


def _box(key: tuple[str, ...], group: Sequence[Job], statuses: Mapping[str, FileStatus]) -> Box:
    files = tuple(path for job in group for path in job.files)
    program, *subject = key
    word = _WORDS.get(program, program)
    about = [] if word.startswith(("metrics", "effects")) else [", ".join(Path(one).name for one in subject)]
    hosts = ", ".join(sorted({job.circumstances["host"] for job in group}))
    count = f"{len(group)} jobs, " if len(group) > 1 else ""
    lines = [*about, f"{count}{format_duration(sum(job.seconds for job in group))} on {hosts}"]
    return Box(word, tuple(lines), files, max(statuses[path].state for path in files))


def _file_box(node: Node) -> Box:
    if node.problem:
        return Box(Path(node.path).name, (node.problem,), (node.path,), State.BROKEN)
    if node.kind == "download":
        known = f"{node.pinned['algorithm']} {node.pinned['digest'][:16]}"
        return Box("download", (Path(node.path).name, known), (node.path,), None)
    return Box("file of the checkout", (Path(node.path).name,), (node.path,), None)


def _arrows(boxes: Sequence[Box], nodes: Mapping[str, Node]) -> set[tuple[int, int]]:
    place = {path: number for number, box in enumerate(boxes) for path in box.files}
    pairs = {(place[source], place[path]) for path, node in nodes.items() for source in node.inputs}
    return {(source, target) for source, target in pairs if source != target}


def _reduced(arrows: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return the transitive reduction of an acyclic graph: arrows that follow from a longer path are left out."""
    targets: dict[int, set[int]] = {}
    for source, target in arrows:
        targets.setdefault(source, set()).add(target)

    def reach(start: int) -> set[int]:
        seen: set[int] = set()
        todo = [start]
        while todo:
            new = targets.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        return seen

    behind = {number: reach(number) for number in targets}
    return tuple(
        sorted(
            (source, target)
            for source, direct in targets.items()
            for target in direct
            if not any(target in behind.get(other, ()) for other in direct if other != target)
        )
    )
