"""Results that are not what their job would make now, according to their records.

Snakemake compares a job with its last run, which it keeps in `.snakemake`. It knows nothing about results that were
unpacked or copied. For these, the records say what was read and with which config.
"""

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from supernet.audit.causes import listed
from supernet.audit.config_changes import config_changes
from supernet.audit.dry_run import PlannedJob
from supernet.audit.hash_cache import HashCache
from supernet.audit.rule_names import counted, family
from supernet.config.artifacts import STORE
from supernet.provenance.folders import RESULTS, Folders
from supernet.provenance.record import RecordError, read_record

READ_ALL = frozenset({"metrics", "pool", "pool_truth"})
"""Rules whose programs read every input of their job. Others leave out files, such as the weights of a diverged run."""


@dataclass(frozen=True)
class Outdated:
    """A job whose results were made otherwise, and what differs, in words."""

    job: PlannedJob
    cause: str


class Comparison:
    """Compares existing results with the jobs that would make them."""

    def __init__(
        self,
        configs: Mapping[str, Mapping[str, Any]],
        study: Mapping[str, Any],
        folders: Folders,
        hashes: HashCache,
    ) -> None:
        """Take the config of each result by its normalised path, and all values of the study file."""
        self._configs, self._study, self._folders, self._hashes = configs, study, folders, hashes

    def outdated(self, jobs: Iterable[PlannedJob]) -> list[Outdated]:
        """Return those of some jobs whose results differ. A result without a valid record is not compared."""
        causes = ((job, next(filter(None, (self._difference(job, path) for path in job.outputs)), "")) for job in jobs)
        return [Outdated(job, cause) for job, cause in causes if cause]

    def _difference(self, job: PlannedJob, path: str) -> str:
        """Return how a result differs from what its job would make; an empty text if it does not, or is missing."""
        if not os.path.isfile(path):
            return ""
        try:
            made = read_record(path)["made"]
        except RecordError:  # The audit reports it.
            return ""
        config = self._configs.get(path)
        changes = ""
        if config is not None and isinstance(made["config"], Mapping):
            changes = config_changes(made["program"], made["config"], config, self._study)
        return changes or "; ".join(self._inputs(job, made["inputs"]))

    def _inputs(self, job: PlannedJob, inputs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        read = {path: one["sha256"] for one in inputs if one["kind"] == "result" and (path := self._path(one["file"]))}
        now = {os.path.abspath(path): path for path in job.inputs}
        added = [name for path, name in now.items() if path not in read] if job.rule in READ_ALL else []
        removed = [os.path.relpath(path) for path in read if path not in now]
        changed = [
            now[path]
            for path, sha256 in read.items()
            if path in now and os.path.isfile(path) and self._hashes.digest(path) != sha256
        ]
        for paths, said in ((added, "made without"), (removed, "made with"), (changed, "made with another content of")):
            if paths:
                yield f"{said} {listed(paths)}"

    def _path(self, name: str) -> str | None:
        """Return the absolute path of an input; None for a file of the store, which no rule names, or of no folder."""
        path = self._folders.path(name)
        return None if path is None or name.startswith(f"{RESULTS}/{STORE}/") else os.path.abspath(path)


def started_with(resources: Iterable[str], jobs: Sequence[PlannedJob], found: Iterable[Outdated]) -> list[PlannedJob]:
    """Return those of the jobs of a dry run that would start if missing resources were made again as they were.

    Snakemake starts all jobs after one that makes a resource. If the resource has the content from which results were
    made, it is made first, and only these jobs start: those that make it, the outdated ones `found`, those without
    results or with newer inputs, those that make what these need, and those after them.
    """
    makers = {path: job for job in jobs for path in job.outputs}
    users = {path: [job for job in jobs if path in job.inputs] for path in makers}
    started = {job.outputs[0]: job for job in jobs if not set(resources).isdisjoint(job.outputs)}
    todo = [one.job for one in found] + [job for job in jobs if _is_due(job, makers, users)]
    while todo:
        job = todo.pop()
        if job.outputs[0] not in started:
            started[job.outputs[0]] = job
            todo += [makers[path] for path in job.inputs if path in makers and not os.path.exists(path)]
            todo += [user for path in job.outputs for user in users[path]]
    return [job for job in jobs if job.outputs[0] in started]


def _is_due(job: PlannedJob, makers: Container[str], users: Mapping[str, Sequence[PlannedJob]]) -> bool:
    """Return whether a job lacks all results or one that no job reads, or has an input that is newer and not made."""
    made = [os.path.getmtime(path) for path in job.outputs if os.path.exists(path)]
    read = [os.path.getmtime(path) for path in job.inputs if path not in makers and os.path.exists(path)]
    lacks = any(not os.path.exists(path) and not users[path] for path in job.outputs)
    return not made or lacks or max(read, default=0.0) > min(made)


def lines(found: Iterable[Outdated]) -> Iterator[str]:
    """Yield a line per cause, with the number of jobs of each kind."""
    groups: dict[str, dict[str, int]] = {}
    for one in found:
        counts = groups.setdefault(one.cause, {})
        counts[family(one.job.rule)] = counts.get(family(one.job.rule), 0) + 1
    for cause, counts in groups.items():
        yield f"  {', '.join(counted(name, count) for name, count in counts.items())}: {cause}"
