"""What the next run of the workflow would do: its jobs with causes and times, and the super-nets that are kept."""

import os
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from supernet.audit.causes import MISSING, Cause, Causes
from supernet.audit.dry_run import PlannedJob
from supernet.audit.file_status import Audit, State
from supernet.audit.rule_names import family, own_name
from supernet.config.artifacts import RunFolder, RunName, checkpoint
from supernet.pipeline.ground_truth import trainings_left
from supernet.pipeline.plan import Plan
from supernet.pipeline.speed import Speeds
from supernet.pipeline.stored_supernets import is_stored
from supernet.pipeline.workload import Workload, standalone_part, workload

UNTRAINED = "not trained yet"
RESUMED = "begun: continues from its checkpoint if code and inputs are the same"
STALE = "kept, though stale: trained again only on request"
BROKEN = "kept, though broken or incomplete: not seen by Snakemake, or not needed by what it would make"
TRAIN, TRUTH = "train", "truth"
"""The rules of super-nets and of stand-alone trainings."""


@dataclass(frozen=True)
class Pending:
    """A job that would be started."""

    job: PlannedJob
    cause: Cause
    work: Workload | None
    """Work of a job that trains or scores networks; None for others."""
    trainings: int = 0
    """Trainings that the job would do: of a super-net, or of stand-alone networks."""

    @property
    def run(self) -> RunName:
        """The run of a job that trains a super-net."""
        values = self.job.wildcards
        return RunName(values["space"], values["setting"], int(values["seed"]))


@dataclass(frozen=True)
class Kept:
    """A super-net that is kept although it is stale or broken."""

    run: RunName
    reason: str
    detail: str


def pending(plan: Plan, jobs: Sequence[PlannedJob], causes: Causes) -> list[Pending]:
    """Return the jobs that would be started, with their causes and work."""
    remade = {path for job in jobs for path in job.outputs}
    left = trainings_left(plan, [_shard(job) for job in jobs if job.rule == TRUTH])
    found = []
    for job in jobs:
        if job.rule == TRUTH:
            pool, shard = _shard(job)
            count = left[pool, shard]
            found.append(Pending(job, causes.of(job), Workload((standalone_part(plan, pool, count),)), count))
        elif job.rule == TRAIN:
            found.append(
                _training(plan, Pending(job, causes.of(job), workload(plan, job.rule, job.wildcards), 1), remade)
            )
        else:
            found.append(Pending(job, causes.of(job), workload(plan, job.rule, job.wildcards)))
    return found


def kept(plan: Plan, waiting: Iterable[Pending], audit: Audit) -> list[Kept]:
    """Return the super-nets that would not be trained although they are stale or broken."""
    trained = {one.run for one in waiting if one.job.rule == TRAIN}
    found = []
    for run in plan.runs:
        reason, detail = ("", "") if run in trained else _reason_kept(plan.artifacts.run(*run), audit)
        if reason:
            found.append(Kept(run, reason, detail))
    return found


def seconds(plan: Plan, found: Iterable[Pending], speeds: Speeds | None) -> dict[str, float]:
    """Return the estimated seconds of jobs, by their first output.

    Jobs that neither train nor score have the seconds of their last run, and are left out without one; the others are
    left out without `speeds`.
    """
    known = {}
    for one in found:
        if one.work is None:
            taken = _last_seconds(plan, one.job)
        else:
            taken = None if speeds is None else speeds.seconds(one.work)
        if taken is not None:
            known[one.job.outputs[0]] = taken
    return known


def _shard(job: PlannedJob) -> tuple[str, int]:
    return job.wildcards["pool"], int(job.wildcards["shard"])


def _training(plan: Plan, one: Pending, remade: Container[str]) -> Pending:
    """Return the job of a super-net, with the cause in words of runs, and without work if the store has it.

    `remade` are the outputs of all jobs.
    """
    if is_stored(plan, one.run, remade):
        return Pending(one.job, one.cause, Workload(), 0)
    if one.cause.text != MISSING:
        return one
    text = RESUMED if os.path.exists(checkpoint(plan.state, *one.run)) else UNTRAINED
    return Pending(one.job, Cause(text, one.cause.detail, one.cause.origins), one.work, one.trainings)


def _reason_kept(folder: RunFolder, audit: Audit) -> tuple[str, str]:
    worst = max((audit.status(path) for path in folder.training), key=lambda status: status.state)
    reason = {State.INTACT: "", State.STALE: STALE}.get(worst.state, BROKEN)
    return reason, worst.cause.removeprefix(f"{worst.path}: ")


def _last_seconds(plan: Plan, job: PlannedJob) -> float | None:
    """Return the seconds of the last run of a job, from the file in which Snakemake keeps them; None without one."""
    name = own_name(job.rule, job.wildcards)
    path = Path(plan.artifacts.benchmark(*filter(None, (family(job.rule), name))))
    if not path.exists():
        return None
    head, *rows = path.read_text(encoding="utf-8").splitlines()
    return float(rows[-1].split("\t")[head.split("\t").index("s")])
