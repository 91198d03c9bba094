"""What a run does first for results that Snakemake did not make in this folder, or whose data are missing.

Snakemake starts a job again if an input is newer than an output, or if it knows that the job had other params or
inputs. Without `.snakemake/metadata`, as after `supernet unpack`, it knows nothing, and all results seem up to date:
here they are compared with their records. Data that are made again are newer than all results, and everything that
depends on them would be made again: here they are made first, and get an older time if they have the content from which
the results were made.
"""

import argparse
import contextlib
import os
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from supernet.audit.dry_run import PlannedJob, dry_run
from supernet.audit.expected import expected, requested
from supernet.audit.hash_cache import HashCache
from supernet.audit.outdated import Comparison, Outdated, lines, started_with
from supernet.audit.study_audit import KEYS, load_plan
from supernet.launcher.messages import many
from supernet.launcher.options import Options
from supernet.pipeline.plan import Plan
from supernet.provenance.record import RecordError, read_record

_METADATA = Path(".snakemake", "metadata")


@dataclass(frozen=True)
class Continuation:
    """The results of a study in the current folder, as they are before Snakemake starts."""

    plan: Plan
    config: tuple[str, ...]
    """Values for Snakemake's `--config`."""
    targets: tuple[str, ...]

    @cached_property
    def _configs(self) -> dict[str, dict[str, Any]]:
        """The config of each result that the study can have, by path."""
        return {one.path: one.config for one in (*expected(self.plan), *requested(self.plan))}

    @cached_property
    def _hashes(self) -> HashCache:
        return HashCache(Path(self.plan.state, "hashes.json"))

    @cached_property
    def _resources(self) -> list[str]:
        return [path for path in self._configs if not path.startswith(f"{self.plan.results}/")]

    @cached_property
    def _results(self) -> list[str]:
        """The existing results, without data sets and tables."""
        return [path for path in self._configs if path not in self._resources and os.path.exists(path)]

    @cached_property
    def untracked(self) -> frozenset[str]:
        """The existing results and resources that Snakemake knows nothing about."""
        every = (*self._results, *filter(os.path.exists, self._resources))
        return frozenset(os.path.normpath(path) for path in every if self._results and not is_tracked(path))

    @cached_property
    def outdated(self) -> list[Outdated]:
        """The jobs of untracked results whose records differ from what the study asks for now."""
        if not self.untracked:
            return []
        return self._differing(job for job in self._dry_run("--forceall") if not self.untracked.isdisjoint(job.outputs))

    @property
    def again(self) -> tuple[str, ...]:
        """A file of each outdated job, for `--forcerun`."""
        return tuple(one.job.outputs[0] for one in self.outdated)

    @cached_property
    def planned(self) -> list[PlannedJob]:
        """The jobs that Snakemake would start."""
        return self._dry_run("--forcerun", *self.again) if self.again else self._dry_run()

    def missing(self) -> tuple[str, ...]:
        """Return the data sets and tables that jobs need now, and that are missing beside existing results."""
        absent = [path for path in self._resources if not os.path.exists(path)]
        if not absent or not self._results:
            return ()
        made = {path for job in self.planned for path in job.outputs}
        return tuple(path for path in map(os.path.normpath, absent) if path in made)

    def planned_with(self, resources: Sequence[str]) -> list[PlannedJob]:
        """Return the jobs that a run would start if missing resources have the content from which results were made."""
        return started_with(resources, self.planned, self._differing(self.planned)) if resources else self.planned

    def _differing(self, jobs: Iterable[PlannedJob]) -> list[Outdated]:
        configs = {os.path.normpath(path): config for path, config in self._configs.items()}
        study = self.plan.study.model_dump(mode="json")
        found = Comparison(configs, study, self.plan.folders, self._hashes).outdated(jobs)
        self._hashes.save()
        return found

    def keep_times(self) -> list[str]:
        """Give each resource that is newer than results the time of the oldest result that was made from its content.

        Returns a line per resource. A resource from which some results were not made keeps its time.
        """
        return [line for path in self._resources if os.path.exists(path) for line in self._keep_time(path)]

    def _keep_time(self, resource: str) -> Iterator[str]:
        older = [path for path in self._results if os.stat(path).st_mtime_ns < os.stat(resource).st_mtime_ns]
        read = {path: sha256 for path in older if (sha256 := self._read(path, resource)) is not None}
        if not read or set(read.values()) != {self._hashes.digest(resource)}:
            return
        oldest = min(os.stat(path).st_mtime_ns for path in read)
        try:
            os.utime(resource, ns=(oldest, oldest))
        except PermissionError:
            yield (
                f"{resource}: is newer than the results, and has the content from which they were made; its time "
                "cannot be set back without permission, so Snakemake will make them again"
            )
        else:
            yield f"{resource}: has the content from which the results were made; nothing is made again for it"

    def _read(self, path: str, resource: str) -> str | None:
        """Return the SHA-256 that a resource had when a result was made from it; None if it was not."""
        try:
            inputs = read_record(path)["made"]["inputs"]
        except RecordError:  # The audit reports it.
            return None
        name = os.path.normpath(resource)
        return next((one["sha256"] for one in inputs if self.plan.folders.path(one["file"]) == name), None)

    def _dry_run(self, *more: str) -> list[PlannedJob]:
        return dry_run(self.config, self.targets, ["--rerun-incomplete", *more])


@contextlib.contextmanager
def continued(options: Options) -> Iterator[Continuation]:
    """Yield the results of the study of a run; the current folder is the one in which Snakemake runs."""
    given = dict(pair.split("=", 1) for pair in options.config)
    named = argparse.Namespace(**{key: given.get(key) for key in KEYS})
    with contextlib.chdir(options.root):
        yield Continuation(load_plan(named), options.config, options.targets)


def is_tracked(path: str) -> bool:
    """Return whether Snakemake, in the current folder, has metadata of a file that are not older than the file.

    A change of Snakemake's format would make every file untracked, and so only cost the comparison with records.
    """
    try:
        longest = os.pathconf(_METADATA, "PC_NAME_MAX") - 1
        name = urlsafe_b64encode(path.encode()).decode()
        # Long names are split over folders, whose names begin with `@`.
        *folders, last = (name[start : start + longest] for start in range(0, len(name), longest))
        noted = _METADATA.joinpath(*(f"@{folder}" for folder in folders), last)
        return noted.stat().st_mtime_ns >= os.stat(path).st_mtime_ns
    except FileNotFoundError:
        return False


def announcement(before: Continuation) -> Iterator[str]:
    """Yield how many results are compared with their records, and what is made again, and why."""
    if count := len(before.untracked):
        yield f"Snakemake knows nothing about {many(count, 'result')}: their records are compared with the study"
    if found := before.outdated:
        yield f"{many(len(found), 'job')} will be run again with what depends on them, because the records differ:"
        yield from lines(found)
