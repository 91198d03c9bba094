"""Why the next run of the workflow would start each of its jobs, in words.

The jobs come from Snakemake's dry run. Causes come from the files and their provenance records: a result is missing,
its config or a file that it is made from has changed, or another job makes such a file again. Snakemake's own words are
the cause only if none of these is found.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

from supernet.audit.config_changes import config_changes
from supernet.audit.dry_run import PlannedJob
from supernet.audit.hash_cache import HashCache
from supernet.audit.rule_names import family, noun
from supernet.provenance.folders import CHECKOUT, Folders
from supernet.provenance.record import RecordError, read_record

MISSING = "not made yet"
SHOWN = 3
"""Files or causes that one cause names; further ones are counted."""
_CHANGED_INPUTS, _CHANGED_PARAMS = "Set of input files has changed", "Params have changed"
"""Parts of Snakemake's reasons."""


@dataclass(frozen=True)
class Cause:
    """Why a job is started; jobs with the same text are listed together."""

    text: str
    detail: str = ""
    """Files that differ between jobs with the same text."""
    origins: tuple[str, ...] = ()
    """Causes that jobs which use the outputs of this one name."""


class Causes:
    """Finds the causes of the jobs of a dry run; each is found once."""

    def __init__(
        self,
        jobs: Iterable[PlannedJob],
        configs: Mapping[str, Mapping[str, Any]],
        study: Mapping[str, Any],
        folders: Folders,
        hashes: HashCache,
        outdated: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Take all jobs of a dry run, the config of each result by its path, and all values of the study file.

        `outdated` has what is known about jobs of which Snakemake only says that they are forced, by their first output
        (`supernet.audit.outdated`).
        """
        self._outdated = outdated
        self._configs = {os.path.normpath(path): config for path, config in configs.items()}
        self._study, self._folders, self._hashes = study, folders, hashes
        self._makers = {path: job for job in jobs for path in job.outputs}
        self._found: dict[str, Cause] = {}

    def of(self, job: PlannedJob) -> Cause:
        """Return the cause of one of the jobs."""
        # The graph of jobs has no circles and few levels, so that recursion ends soon.
        key = job.outputs[0]
        if key not in self._found:
            self._found[key] = self._cause(job)
        return self._found[key]

    def _cause(self, job: PlannedJob) -> Cause:
        record = _record(job)
        config = self._changes(job, record)
        lacking = [os.path.basename(path) for path in job.outputs if not os.path.exists(path)]
        if lacking and not config:
            complete = len(lacking) == len(job.outputs)
            text = MISSING if complete else f"it lacks {listed(lacking)}"
            return Cause(text, origins=(f"{noun(family(job.rule), 2)} {MISSING if complete else 'incomplete'}",))
        read, newer = _Read.of(record, self._folders), [] if lacking else self._newer(job)
        changed = [path for path in newer if read.content(path) not in (None, self._hashes.digest(path))]
        if own := list(filter(None, (config, f"{listed(changed)} changed" if changed else ""))):
            return Cause("; ".join(own), origins=("; ".join(own),))
        if known := self._outdated.get(job.outputs[0]):
            return Cause(known, origins=(known,))
        return self._again(job) or _other(job, newer, read)

    def _changes(self, job: PlannedJob, record: Mapping[str, Any] | None) -> str:
        config = self._configs.get(job.outputs[0])
        if record is None or config is None or not isinstance(record["made"]["config"], Mapping):
            return ""
        return config_changes(record["made"]["program"], record["made"]["config"], config, self._study)

    def _newer(self, job: PlannedJob) -> list[str]:
        """Return the inputs that are newer than the outputs and that no other job makes again."""
        oldest = min(map(os.path.getmtime, job.outputs))
        kept = (path for path in job.inputs if path not in self._makers and os.path.exists(path))
        return [path for path in kept if os.path.getmtime(path) > oldest]

    def _again(self, job: PlannedJob) -> Cause | None:
        """Return the cause of a job whose inputs other jobs make again, with the causes of those jobs."""
        files = [path for path in job.inputs if path in self._makers]
        if not files:
            return None
        makers = {one.outputs[0]: one for one in (self._makers[path] for path in files)}
        origins = dict.fromkeys(origin for one in makers.values() for origin in self.of(one).origins)
        return Cause(f"inputs made again ({listed(origins, '; ')})", listed(files), tuple(origins))


def _record(job: PlannedJob) -> Mapping[str, Any] | None:
    """Return the first record of the outputs of a job; None if all are missing or damaged, which the audit reports."""
    for path in job.outputs:
        try:
            return read_record(path)
        except RecordError:
            continue
    return None


def _other(job: PlannedJob, newer: Sequence[str], read: "_Read") -> Cause:
    """Return a cause that only Snakemake knows: its list of inputs, its parameters, or times of files."""
    if _CHANGED_INPUTS in job.reason:
        added, removed = read.without(job.inputs)
        changes = [f"{listed(paths)} {word}" for paths, word in ((added, "added"), (removed, "removed")) if paths]
        text = f"its list of inputs changed{': ' if changes else ''}{'; '.join(changes)}"
    elif _CHANGED_PARAMS in job.reason:
        text = "arguments of its program changed, and its config is the same"
    elif newer:
        same = all(read.content(path) is not None for path in newer)
        text = f"newer{', with the same content' if same else ''}: {listed(newer)}"
    else:
        text = f"Snakemake: {job.reason}"
    return Cause(text, origins=(text,))


@dataclass(frozen=True)
class _Read:
    """The files that the program of a result read, by absolute path, with their SHA-256."""

    inputs: Mapping[str, str]
    code: Mapping[str, str]

    @classmethod
    def of(cls, record: Mapping[str, Any] | None, folders: Folders) -> Self:
        """Take them from the record of the result; none without one."""
        if record is None:
            return cls({}, {})
        inputs = {folders.path(one["file"]): one["sha256"] for one in record["made"]["inputs"]}
        files = record["circumstances"]["files"].items()
        code = {folders.path(f"{CHECKOUT}/{name}"): sha256 for name, sha256 in files}
        return cls(*({os.path.abspath(path): one for path, one in found.items() if path} for found in (inputs, code)))

    def content(self, path: str) -> str | None:
        """Return the SHA-256 that a file had; None if it was not read."""
        path = os.path.abspath(path)
        return self.inputs.get(path) or self.code.get(path)

    def without(self, inputs: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return the inputs that the program did not read, and the files that it read that are not inputs any more."""
        added = [path for path in inputs if self.content(path) is None] if self.inputs else []
        now = set(map(os.path.abspath, inputs))
        return added, [os.path.relpath(path) for path in self.inputs if path not in now]


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """Join the first `SHOWN` names, and count the others."""
    every = list(names)
    more = [f"and {len(every) - SHOWN} more"] if len(every) > SHOWN else []
    return separator.join([*every[:SHOWN], *more])
