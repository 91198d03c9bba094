"""Costs of results: the recorded duration of their torch jobs, by space, stage and device."""

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from supernet.config.artifacts import RunName
from supernet.config.factors import FACTORS
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.paper.catalogue import on_request
from supernet.paper.load import Results
from supernet.paper.names import number
from supernet.provenance.recorder import note_input
from supernet.runtime.timing import job_seconds, training_of

PAPER_GPU_DAYS = 700
"""Yu, Ranftl and Salzmann (arXiv 2003.04276) report "over 700 GPU days" for all their experiments."""

STAGES = (
    "ground truth",
    "zero-cost proxies",
    "super-nets",
    "scoring",
    "search",
    "search systems",
    "loss landscapes",
    "batch-norm statistics",
    "stand-alone networks",
)
_GROUPS = ("low fidelity", "implementation")
_WITHOUT_RUNS = frozenset({"factors", "search_systems", "spaces"})
_MORE = MappingProxyType(
    {
        "spaces": ("ground truth", "the stand-alone trainings of the ground truth"),
        "search_systems": (
            "search systems",
            "these searches, with their super-nets and the ground truth of found architectures",
        ),
        "search": ("search", "the searches on them, with any stand-alone trainings of found architectures"),
    }
)
"""Tables that depend on other jobs than super-nets: the stage of these jobs, and their description."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Number of jobs of one stage in one space on one device, and the sum of their hours."""

    space: str
    stage: str
    device: str
    jobs: int
    hours: float
    taken_over: int = 0
    """Stand-alone trainings or super-nets that the jobs took over from the store; other jobs have made them."""


def costs(results: Results, stages: Container[str] | None = None) -> tuple[Cost, ...]:
    """Return the costs of a study by space and stage; stages without recorded times are omitted.

    `stages` limits the files that are read; by default all stages of the target `all` are. Raises UserError for a
    damaged file.
    """
    if stages is None:
        stages = set(STAGES) - ({"search systems"} if on_request(results.study) else set())
    wanted = ((space, stage, path) for space, stage, path in _files(results) if stage in stages)
    return _summed((space, stage, *_timing(path)) for space, stage, path in wanted if os.path.exists(path))


def table_runs(study: Study, table: str) -> tuple[RunName, ...]:
    """Return the runs that a table is based on, in the order of the study."""
    if table in _WITHOUT_RUNS:
        return ()
    factors = _factors_of(table)
    return tuple(
        RunName(space, setting, seed)
        for space, setting, seed in study.runs()
        if factors is None or _belongs(study, space, setting, factors)
    )


def table_sentence(results: Results, table: str) -> str:
    """State the cost of the super-nets and other jobs that a table is based on; empty if there are none."""
    return " ".join(part for part in (_runs_sentence(results, table), _more_sentence(results, table)) if part)


def total_sentence(found: Sequence[Cost]) -> str:
    """State the total cost and that of the paper."""
    paper = f"The paper reports over {PAPER_GPU_DAYS} GPU days."
    if not found:
        return f"No job has recorded its duration. {paper}"
    return f"The jobs of this study took {_words(found)}, summed over jobs.{_taken_over(found)} {paper}"


def _runs_sentence(results: Results, table: str) -> str:
    runs = table_runs(results.study, table)
    if not runs:
        return ""
    folders = {run: results.artifacts.run(*run) for run in runs}
    paths = [(run, path) for run, one in folders.items() for path in (one.timing, one.scores_timing)]
    written = [(run.space, "super-nets", *_timing(path)) for run, path in paths if os.path.exists(path)]
    unknown = sum(not os.path.exists(one.timing) for one in folders.values())
    lost = f" The time of {unknown} super-nets is unknown." if unknown else ""
    found = _summed(written)
    return f"Cost of these {len(runs)} super-nets, trained and scored: {_words(found)}.{_taken_over(found)}{lost}"


def _more_sentence(results: Results, table: str) -> str:
    stage, words = _MORE.get(table, ("", ""))
    found = costs(results, (stage,))
    return f"Cost of {words}: {_words(found)}.{_taken_over(found)}" if found else ""


def _taken_over(found: Sequence[Cost]) -> str:
    nets = sum(cost.taken_over for cost in found if cost.stage == "super-nets")
    count = sum(cost.taken_over for cost in found) - nets
    noun = "super-net was" if nets == 1 else "super-nets were"
    trained = f" {nets} {noun} taken over from the store; the time of their training is included."
    alone = f" {count} stand-alone trainings were taken over from the store and are not included."
    return trained * bool(nets) + alone * bool(count)


def _words(found: Sequence[Cost]) -> str:
    """Format hours by device: `3.21 hours on cpu`, with days from one hour on."""
    devices: dict[str, float] = {}
    for cost in found:
        devices[cost.device] = devices.get(cost.device, 0.0) + cost.hours
    return " and ".join(f"{_duration(hours)} on {name}" for name, hours in devices.items()) or "not recorded"


def _duration(hours: float) -> str:
    return f"{number(hours, 2)} hours" + (f" ({hours / 24:.3g} days)" if hours >= 1 else "")


def _factors_of(table: str) -> tuple[str, ...] | None:
    """Return the factors of a table: an empty tuple if it shows only baselines, None if it shows all runs."""
    if table in FACTORS:
        return (table,)
    if table.replace("_", " ") in _GROUPS:
        return tuple(name for name, factor in FACTORS.items() if factor.group == table.replace("_", " "))
    return () if table in {"correlations", "search"} else None


def _belongs(study: Study, space: str, setting: str, factors: tuple[str, ...]) -> bool:
    """Whether a setting belongs to one of the factors or is the baseline of their table."""
    if setting == "baseline":
        return len(factors) != 1 or factors[0] in study.spaces[space].sweep
    return setting.partition("=")[0] in factors


def _files(results: Results) -> Iterator[tuple[str, str, str]]:
    """Yield the timing files of a study as (space, stage, path); those of unfinished jobs do not exist."""
    study, paths = results.study, results.artifacts
    for pool in (*study.pools(), *study.landmarks()):
        for shard in range(study.pool.shards):
            yield pool.space, "ground truth", paths.truth(str(pool), shard).timing
        yield pool.space, "zero-cost proxies", paths.proxies(str(pool)).timing
    for space, setting, seed in study.runs():
        yield space, "super-nets", paths.run(space, setting, seed).timing
        yield space, "scoring", paths.run(space, setting, seed).scores_timing
        if setting == "baseline":
            yield space, "search", paths.search(space, seed).timing
            for part in range(len(study.systems(space))):
                yield space, "search systems", paths.systems(space, seed, part).timing
    for space in study.spaces:
        yield space, "loss landscapes", paths.landscape(space).timing
        yield space, "batch-norm statistics", paths.features(space).timing
        yield space, "stand-alone networks", paths.standalone(space).timing


def _summed(rows: Iterable[tuple[str, str, str, float, int]]) -> tuple[Cost, ...]:
    table = pd.DataFrame(rows, columns=["space", "stage", "device", "seconds", "taken_over"])
    groups = table.groupby(["space", "stage", "device"], sort=False)
    grouped = groups.agg(size=("seconds", "size"), seconds=("seconds", "sum"), taken_over=("taken_over", "sum"))
    found = [
        Cost(str(space), str(stage), str(device), int(size), float(seconds) / 3600, int(taken_over))
        for (space, stage, device), size, seconds, taken_over in grouped.itertuples(name=None)
    ]
    spaces = list(dict.fromkeys(cost.space for cost in found))
    return tuple(sorted(found, key=lambda cost: (spaces.index(cost.space), STAGES.index(cost.stage))))


def _timing(path: str) -> tuple[str, float, int]:
    """Device and seconds of a job, including earlier attempts that it resumed, and trainings that it took over.

    A super-net that was taken over has those of its training. Scores that were taken over are not trainings.
    """
    timing = read_json(note_input(path))
    taken_over = 0 if "computed" in timing else int(timing.get("taken_over", 0))
    try:
        made = training_of(timing)
        return str(made["device"]), job_seconds(made), taken_over
    except KeyError as error:
        raise UserError(f"{path}: lacks the key {error}; delete it and make it again") from None
