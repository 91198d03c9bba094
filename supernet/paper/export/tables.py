"""The numbers of a study as tables: one row per run, epoch, score, metric, architecture and so on."""

import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd

from supernet.config.artifacts import RunName
from supernet.config.factors import FACTORS
from supernet.io.atomic import read_json
from supernet.io.parquet import read_table
from supernet.paper.load import Results
from supernet.provenance.recorder import note_input
from supernet.runtime.timing import job_seconds, training_of

_COUNTS = ("steps", "passes", "images", "parameters")
"""Counts in run.json."""


class Table(NamedTuple):
    """A table: a function yields its parts, which have equal columns, so that a large table is never whole in memory.

    It yields nothing if the study does not have such results, or not yet.
    """

    title: str
    parts: Callable[[Results], Iterator[pd.DataFrame]]


def finished(results: Results) -> tuple[RunName, ...]:
    """Return the runs of the study that have a run.json, in the order of the study."""
    runs = (RunName(*run) for run in results.study.runs())
    return tuple(run for run in runs if os.path.exists(results.artifacts.run(*run).summary))


def run_row(results: Results, run: RunName) -> dict[str, Any]:
    """Return one row of the table `runs`: outcome, counts, duration, and the value of each factor."""
    files = results.artifacts.run(*run)
    summary = read_json(note_input(files.summary))
    timing = training_of(read_json(note_input(files.timing))) if os.path.exists(files.timing) else {}
    return {
        **run._asdict(),
        "status": summary["status"],
        "diverged_at": summary["diverged_at"],
        **{name: summary.get(name) for name in _COUNTS},
        "seconds": job_seconds(timing) if timing else math.nan,
        "device": timing.get("device"),
        **{name: summary["run"]["setting"].get(name) for name in FACTORS},
    }


def _runs(results: Results) -> Iterator[pd.DataFrame]:
    rows = pd.DataFrame([run_row(results, run) for run in finished(results)])
    if len(rows):
        yield rows.astype(dict.fromkeys(("diverged_at", *_COUNTS), "Int64"))


def _curves(results: Results) -> Iterator[pd.DataFrame]:
    for run in finished(results):
        yield _labelled(results.curve(*run), **run._asdict())


def _scores(results: Results) -> Iterator[pd.DataFrame]:
    for run in finished(results):
        yield _labelled(results.scores(*run), **run._asdict())


def _spaces(results: Results) -> Iterator[pd.DataFrame]:
    if os.path.exists(results.artifacts.spaces):
        # `further` has a text per table of further truths; the study file names these tables.
        known = {name: asdict(facts) for name, facts in results.pools.items()}
        yield pd.DataFrame([{"name": name, **facts} for name, facts in known.items()]).drop(columns="further")


def _pools(results: Results) -> Iterator[pd.DataFrame]:
    paths = {str(name): results.artifacts.pool(str(name)) for name in results.study.pools()}
    found = [_labelled(read_table(path), pool=name) for name, path in paths.items() if os.path.exists(path)]
    if found:
        # In one part, because a published pool has other seeds than a trained one.
        yield pd.concat(found, ignore_index=True)


def _proxies(results: Results) -> Iterator[pd.DataFrame]:
    for name in results.study.pools():
        path = results.artifacts.proxies(str(name)).table
        if os.path.exists(path):
            yield _labelled(read_table(path), pool=str(name))


def _searches(results: Results) -> Iterator[pd.DataFrame]:
    for space in results.study.spaces:
        for seed, search in results.searches(space).items():
            costs = {"images": search.images, "forward_passes": search.forward_passes}
            yield _labelled(search.found.assign(architectures=search.architectures, **costs), space=space, seed=seed)


def _systems(results: Results) -> Iterator[pd.DataFrame]:
    for space in results.study.spaces:
        parts = range(len(results.study.systems(space)))
        seeds = results.study.seeds(space, "baseline")
        files = [
            file for seed in seeds for part in parts for file in results.artifacts.systems(space, seed, part).files
        ]
        if files and all(map(os.path.exists, files)):
            yield _labelled(results.systems(space), space=space)


def _landscapes(results: Results) -> Iterator[pd.DataFrame]:
    for space in results.study.landscape_spaces():
        if os.path.exists(results.artifacts.landscape(space).table):
            yield _labelled(results.landscape(space), space=space)


def _features(results: Results) -> Iterator[pd.DataFrame]:
    for space in results.study.feature_spaces():
        if os.path.exists(results.artifacts.features(space).table):
            yield _labelled(results.features(space), space=space)


def _standalone(results: Results) -> Iterator[pd.DataFrame]:
    for space in results.study.standalone_spaces():
        if os.path.exists(results.artifacts.standalone(space).table):
            yield _labelled(results.standalone(space), space=space)


def _whole(name: str) -> Callable[[Results], Iterator[pd.DataFrame]]:
    """Return the function that yields a file of the whole study, such as metrics.parquet, if it exists."""

    def parts(results: Results) -> Iterator[pd.DataFrame]:
        if os.path.exists(getattr(results.artifacts, name)):
            yield getattr(results, name)

    return parts


def _labelled(table: pd.DataFrame | None, **labels: Any) -> pd.DataFrame:
    """Return the table with constant columns in front."""
    assert table is not None, "its file exists"
    others = [str(name) for name in table if name not in labels]
    return table.assign(**labels)[[*labels, *others]]


TABLES: Mapping[str, Table] = MappingProxyType(
    {
        "runs": Table("One row per run: outcome, cost and hyperparameters.", _runs),
        "curves": Table("Training curves: one row per run and epoch.", _curves),
        "scores": Table("Scores of the pool: one row per run, architecture, batch-norm mode and split.", _scores),
        "metrics": Table("One row per run, batch-norm mode, split, score and metric.", _whole("metrics")),
        "effects": Table("Effect of each setting against the baseline: one row per metric.", _whole("effects")),
        "references": Table("Correlations without a super-net: predictors and the ceilings.", _whole("references")),
        "spaces": Table("One row per pool: its size, origin and ground truth.", _spaces),
        "pools": Table("One row per architecture of each pool: ground truth and cost.", _pools),
        "proxies": Table("Zero-cost proxies: one row per architecture of each pool.", _proxies),
        "searches": Table("Random search: one row per seed and architecture found.", _searches),
        "systems": Table("Search systems: one row per seed and architecture found.", _systems),
        "landscapes": Table("Loss landscapes: one row per point.", _landscapes),
        "features": Table("Statistics of batch-norm inputs: one row per layer and measurement.", _features),
        "standalone": Table("Stand-alone networks with swept values: one row per training.", _standalone),
        "contrasts": Table("Differences between two values of a factor: one row per metric.", _whole("contrasts")),
    }
)
"""Tables by name, in the order of the flow of data from runs to analyses."""
