"""What results cost: the seconds that their torch jobs wrote down, by space, stage and device."""

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
from supernet.runtime.timing import job_seconds

PAPER_GPU_DAYS = 700
"""Yu, Ranftl and Salzmann (arXiv 2003.04276) report "over 700 GPU days" for all their experiments."""

STAGES = (
    "ground truth",
    "zero-cost proxies",
    "super-nets",
    "search",
    "search systems",
    "loss landscapes",
    "batch-norm statistics",
)
_GROUPS = ("low fidelity", "implementation")
_WITHOUT_RUNS = frozenset({"factors", "search_systems", "spaces"})
_MORE = MappingProxyType(
    {
        "spaces": ("ground truth", "the stand-alone trainings of the ground truth"),
        "search_systems": ("search systems", "these searches, with their super-nets and what they found"),
        "search": ("search", "the searches on them, with the stand-alone trainings of what they found, if any"),
    }
)
"""Tables that are made of other jobs as well: their stage, and what they are in words."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Jobs of one stage in one space on one device, and the hours that they took, one after another."""

    space: str
    stage: str
    device: str
    jobs: int
    hours: float


def costs(results: Results, stages: Container[str] | None = None) -> tuple[Cost, ...]:
    """Costs of a study by space and stage; a stage of which no job has written down its time is left out.

    Files of other stages than these are not read; without any named, all that `all` makes are. Raises UserError for a
    damaged one.
    """
    if stages is None:
        stages = set(STAGES) - ({"search systems"} if on_request(results.study) else set())
    wanted = ((space, stage, path) for space, stage, path in _files(results) if stage in stages)
    return _summed((space, stage, *_timing(path)) for space, stage, path in wanted if os.path.exists(path))


def table_runs(study: Study, table: str) -> tuple[RunName, ...]:
    """Return the runs that a table is made of, in the order of the study."""
    if table in _WITHOUT_RUNS:
        return ()
    factors = _factors_of(table)
    return tuple(
        RunName(space, setting, seed)
        for space, setting, seed in study.runs()
        if factors is None or _belongs(study, space, setting, factors)
    )


def table_sentence(results: Results, table: str) -> str:
    """What the super-nets of a table cost, trained and scored, and other jobs that it shows; empty without any."""
    return " ".join(part for part in (_runs_sentence(results, table), _more_sentence(results, table)) if part)


def total_sentence(found: Sequence[Cost]) -> str:
    """All costs beside the paper's; says so where nothing was written down."""
    paper = f"The paper reports over {PAPER_GPU_DAYS} GPU days."
    if not found:
        return f"No job has written down how long it took. {paper}"
    return f"The jobs of this study took {_words(found)}, summed over jobs. {paper}"


def _runs_sentence(results: Results, table: str) -> str:
    runs = table_runs(results.study, table)
    if not runs:
        return ""
    paths = {run: results.artifacts.run(*run).timing for run in runs}
    written = [(run.space, "super-nets", *_timing(path)) for run, path in paths.items() if os.path.exists(path)]
    unknown = len(runs) - len(written)
    lost = f" Of {unknown} super-nets no time is known." if unknown else ""
    return f"Cost of these {len(runs)} super-nets, trained and scored: {_words(_summed(written))}.{lost}"


def _more_sentence(results: Results, table: str) -> str:
    stage, words = _MORE.get(table, ("", ""))
    found = costs(results, (stage,))
    return f"Cost of {words}: {_words(found)}." if found else ""


def _words(found: Sequence[Cost]) -> str:
    """`3.21 hours on cpu`, with days where there are many."""
    devices: dict[str, float] = {}
    for cost in found:
        devices[cost.device] = devices.get(cost.device, 0.0) + cost.hours
    return " and ".join(f"{_duration(hours)} on {name}" for name, hours in devices.items()) or "not written down"


def _duration(hours: float) -> str:
    return f"{number(hours, 2)} hours" + (f" ({hours / 24:.3g} days)" if hours >= 1 else "")


def _factors_of(table: str) -> tuple[str, ...] | None:
    """The factors of a table; none of them for one of baselines alone, None for one of all runs."""
    if table in FACTORS:
        return (table,)
    if table.replace("_", " ") in _GROUPS:
        return tuple(name for name, factor in FACTORS.items() if factor.group == table.replace("_", " "))
    return () if table in {"correlations", "search"} else None


def _belongs(study: Study, space: str, setting: str, factors: tuple[str, ...]) -> bool:
    """Whether a setting is of one of the factors, or the baseline that stands beside them."""
    if setting == "baseline":
        return len(factors) != 1 or factors[0] in study.spaces[space].sweep
    return setting.partition("=")[0] in factors


def _files(results: Results) -> Iterator[tuple[str, str, str]]:
    """Yield where the jobs of a study write their timings, as (space, stage, path); some may not be there."""
    study, paths = results.study, results.artifacts
    for pool in (*study.pools(), *study.landmarks()):
        for shard in range(study.pool.shards):
            yield pool.space, "ground truth", paths.truth(str(pool), shard).timing
        yield pool.space, "zero-cost proxies", paths.proxies(str(pool)).timing
    for space, setting, seed in study.runs():
        yield space, "super-nets", paths.run(space, setting, seed).timing
        if setting == "baseline":
            yield space, "search", paths.search(space, seed).timing
            for part in range(len(study.systems(space))):
                yield space, "search systems", paths.systems(space, seed, part).timing
    for space in study.spaces:
        yield space, "loss landscapes", paths.landscape(space).timing
        yield space, "batch-norm statistics", paths.features(space).timing


def _summed(rows: Iterable[tuple[str, str, str, float]]) -> tuple[Cost, ...]:
    table = pd.DataFrame(rows, columns=["space", "stage", "device", "seconds"])
    grouped = table.groupby(["space", "stage", "device"], sort=False)["seconds"].agg(["size", "sum"])
    found = [
        Cost(str(space), str(stage), str(device), int(size), float(seconds) / 3600)
        for (space, stage, device), size, seconds in grouped.itertuples(name=None)
    ]
    spaces = list(dict.fromkeys(cost.space for cost in found))
    return tuple(sorted(found, key=lambda cost: (spaces.index(cost.space), STAGES.index(cost.stage))))


def _timing(path: str) -> tuple[str, float]:
    """Device and seconds of a job, with those of the attempts before it that it went on from."""
    timing = read_json(note_input(path))
    try:
        return str(timing["device"]), job_seconds(timing)
    except KeyError as error:
        raise UserError(f"{path}: lacks the key {error}; delete it and make it again") from None
