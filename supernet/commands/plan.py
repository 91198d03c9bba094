"""List what the next run would train and make again, the cause of each job, and the time; nothing is started."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from supernet.audit.causes import Causes
from supernet.audit.lineage import format_duration
from supernet.audit.pending import BROKEN, STALE, TRAIN, TRUTH, Kept, Pending, kept, pending, seconds
from supernet.audit.rule_names import counted, family, own_name
from supernet.audit.schedule import wall_seconds
from supernet.audit.study_audit import KEYS, StudyAudit, add_arguments
from supernet.launcher.continuation import Continuation
from supernet.pipeline.calibration import calibrated_speeds
from supernet.pipeline.inherited import inherited_lines
from supernet.pipeline.plan import Plan
from supernet.pipeline.speed import Speeds, measured_speeds, this_host
from supernet.runtime.arguments import positive
from supernet.runtime.machine import available_cores, gpus

SHOWN = 12
"""Jobs listed per cause without --all."""
_OTHERS = "jobs that neither train nor score networks are"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="supernet plan", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--all", action="store_true", help=f"list all jobs instead of the first {SHOWN} per cause")
    parser.add_argument(
        "--cores", type=positive, default=available_cores(), help="cores of the next run (default: %(default)s)"
    )
    parser.add_argument(
        "--no-calibration",
        action="store_true",
        help="do not measure the speed of this machine where no finished job of the study tells it",
    )
    return parser.parse_args(arguments)


@dataclass(frozen=True)
class Times:
    """The estimated seconds of jobs by their first output, on a number of cores; source is None without an estimate."""

    by_output: Mapping[str, float]
    cores: int
    speeds: Speeds | None

    def of(self, found: Sequence[Pending]) -> str:
        """Return the seconds of some jobs, one after another, in words; empty if none is known."""
        known = [self.by_output[name] for one in found if (name := one.job.outputs[0]) in self.by_output]
        return format_duration(sum(known)) if known else ""

    def in_all(self, found: Sequence[Pending]) -> str:
        """Return the wall time of all jobs, and the sum of their times, in words; empty without an estimate."""
        if not self.by_output or (self.speeds is None and any(one.work for one in found)):
            return ""
        on_gpu = self.speeds is not None and self.speeds.on_gpu
        workers = max(1, min(self.cores, len(gpus()))) if on_gpu else self.cores
        wall = format_duration(wall_seconds([one.job for one in found], self.by_output, workers))
        if workers == 1:
            return f"about {wall} on one {'GPU' if on_gpu else 'core'}"
        return f"about {wall} on {workers} {'GPUs' if on_gpu else 'cores'} ({self.of(found)} in total)"


def speeds_for(plan: Plan, found: Sequence[Pending], calibrate: bool) -> Speeds | None:
    """Return the speeds of this machine for the work of some jobs; None without work, or if they are not known.

    They come from finished jobs of the study on this machine, and for spaces without one from a calibration. Without a
    calibration, they come from finished jobs on any machine.
    """
    parts = [part for one in found if one.work is not None for part in one.work.parts]
    if not parts:
        return None
    here = measured_speeds(plan, this_host())
    if not calibrate:
        return here or measured_speeds(plan, None)
    lacking = [part.space for part in parts] if here is None else [space for _, space in here.lacks(parts)]
    if here is not None and not lacking:
        return here
    calibrated = calibrated_speeds(plan, list(dict.fromkeys(lacking)), _say)
    return calibrated if here is None else here.completed(calibrated)


def title(plan: Plan, found: Sequence[Pending], times: Times) -> str:
    """Return the first line: super-nets, stand-alone networks and time."""
    trained = sum(one.trainings for one in found if one.job.rule == TRAIN)
    named = f"Study {plan.study.study}: {trained} of {len(plan.runs)} super-nets"
    if every := sum(plan.trainings_in(*shard) for shard in plan.truth_shards):
        named += f" and {sum(one.trainings for one in found if one.job.rule == TRUTH)} of {every} stand-alone networks"
    in_all = times.in_all(found)
    return f"{named} would be trained{f', {in_all}' if in_all else ''}."


def blocks(found: Sequence[Pending], times: Times, limit: int | None) -> Iterator[str]:
    """Yield lines by cause: of super-nets, ground truth, other jobs; `limit` of each cause, None for all."""
    nets = [one for one in found if one.job.rule == TRAIN and one.trainings]
    stored = [one for one in found if one.job.rule == TRAIN and not one.trainings]
    truth = [one for one in found if one.job.rule == TRUTH]
    rest = [one for one in found if one.job.rule not in (TRAIN, TRUTH)]
    for cause, group in _grouped(nets, lambda one: one.cause.text):
        yield f"\n{counted(TRAIN, len(group))}: {cause}"
        rows = [f"{one.run!s:48} {times.of([one]):>9}  {one.cause.detail}" for one in group]
        yield from _listed(rows, limit)
    for cause, group in _grouped(stored, lambda one: one.cause.text):
        yield f"\n{counted(TRAIN, len(group))} to copy from the store, without training: {cause}"
        yield from _listed([f"{one.run!s:58}  {one.cause.detail}" for one in group], limit)
    for cause, group in _grouped(truth, lambda one: one.cause.text):
        count = sum(one.trainings for one in group)
        yield f"\n{count} stand-alone network{'s' * (count != 1)} of the ground truth in {_jobs(len(group))}: {cause}"
        yield from _listed([_of_pool(name, jobs, times) for name, jobs in _grouped(group, _pool)], limit)
    for cause, group in _grouped(rest, lambda one: one.cause.text):
        taken = times.of(group)
        yield f"\n{_jobs(len(group), 'other ')}{f', {taken}' if taken else ''}: {cause}"
        for rule, jobs in _grouped(group, lambda one: family(one.job.rule)):
            names = list(filter(None, (own_name(one.job.rule, one.job.wildcards) for one in jobs)))
            more = [f"… and {len(names) - limit} more (--all)"] if limit is not None and len(names) > limit else []
            yield f"  {counted(rule, len(jobs))}{': ' if names else ''}{', '.join([*names[:limit], *more])}"


def kept_lines(found: Sequence[Kept], limit: int | None) -> Iterator[str]:
    """Yield the lines of the super-nets that are kept although they are stale or broken."""
    for reason in (STALE, BROKEN):
        if runs := [one for one in found if one.reason == reason]:
            yield f"\n{reason[:1].upper()}{reason[1:]} ({len(runs)}):"
            yield from _listed([f"{one.run!s:48} {one.detail}" for one in runs], limit)
    if found:
        yield "To train these again: `snakemake --cores N --forcerun FILE…`, or `--forcerun train` for all."


def missing_lines(missing: Iterable[str]) -> Iterator[str]:
    """Yield what the plan assumes about resources that are missing beside existing results."""
    for path in missing:
        yield (
            f"\n{path} is missing. `supernet run` makes it first. The plan assumes that its content is the one from "
            "which the results were made; results that were made from another content would be made again."
        )


def about_times(found: Sequence[Pending], times: Times) -> Iterator[str]:
    """Yield where the times come from, and which jobs have none."""
    if times.speeds is not None:
        yield f"Times are estimated from {times.speeds.source}."
    elif any(one.work for one in found):
        yield (
            "No time can be estimated: no job of this study is finished on this machine, and --no-calibration leaves "
            "out the measurement of its speed."
        )
    without = [one for one in found if one.work is None and one.job.outputs[0] not in times.by_output]
    if without and times.by_output:
        said = "job that neither trains nor scores networks is" if len(without) == 1 else _OTHERS
        yield f"{len(without)} {said} not in the times; most take seconds."


def _of_pool(name: str, jobs: Sequence[Pending], times: Times) -> str:
    details = dict.fromkeys(one.cause.detail for one in jobs if one.cause.detail)
    count = f"{sum(one.trainings for one in jobs)} networks"
    return f"{name:34} {count:>13} {times.of(jobs):>9}  {', '.join(details)}"


def _pool(one: Pending) -> str:
    return one.job.wildcards["pool"]


def _grouped(found: Sequence[Pending], key: Callable[[Pending], str]) -> list[tuple[str, list[Pending]]]:
    """Return the jobs of each key, the largest group first."""
    groups: dict[str, list[Pending]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return sorted(groups.items(), key=lambda group: -len(group[1]))


def _listed(rows: Sequence[str], limit: int | None) -> Iterator[str]:
    yield from (f"  {row}".rstrip() for row in rows[:limit])
    if limit is not None and len(rows) > limit:
        yield f"  … and {len(rows) - limit} more (--all)"


def _jobs(count: int, kind: str = "") -> str:
    return f"{count} {kind}job{'s' * (count != 1)}"


def _say(text: str) -> None:
    # On standard error: the plan itself is the same with and without it.
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> None:
    """Print the plan."""
    options = parse(arguments)
    study_audit = StudyAudit.open(options)
    plan, limit = study_audit.plan, None if options.all else SHOWN
    configs = {os.path.normpath(one.path): one.config for one in study_audit.expected}
    config = tuple(f"{key}={getattr(options, key)}" for key in KEYS if getattr(options, key))
    before = Continuation(plan, config, ())
    missing = before.missing()
    jobs = before.planned_with(missing)
    # In the order of the study: Snakemake's order is that of its scheduler.
    places = {path: place for place, path in enumerate(configs)}
    jobs.sort(key=lambda job: places.get(job.outputs[0], len(places)))
    outdated = {one.job.outputs[0]: one.cause for one in before.outdated}
    causes = Causes(jobs, configs, plan.study.model_dump(mode="json"), plan.folders, study_audit.hashes, outdated)
    found = pending(plan, jobs, causes)
    runs = kept(plan, found, study_audit.audit)
    study_audit.hashes.save()
    speeds = speeds_for(plan, found, calibrate=not options.no_calibration)
    times = Times(seconds(plan, found, speeds), options.cores, speeds)
    print(title(plan, found, times))
    inherited = inherited_lines(plan.study_file, plan.root, limit)
    for line in (*missing_lines(missing), *inherited, *blocks(found, times, limit), *kept_lines(runs, limit)):
        print(line)
    if notes := list(about_times(found, times)):
        print("", *notes, sep="\n")
