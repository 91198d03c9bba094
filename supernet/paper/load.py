"""A study's artifacts as one read-only object; each file is read at its first use."""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any, Self

import pandas as pd

from supernet.config.artifacts import Artifacts, SearchFiles, TimedTable
from supernet.config.factors import SPACES
from supernet.config.study import Study, load_study
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.io.parquet import read_table
from supernet.metrics.interval import Estimate
from supernet.paper.published_numbers import PublishedNumbers
from supernet.provenance.recorder import note_input

METRIC_COLUMNS = (
    "space",
    "setting",
    "seed",
    "bn_mode",
    "split",
    "score",
    "metric",
    "estimate",
    "low",
    "high",
    "n",
    "status",
)
EFFECT_COLUMNS = (
    "space",
    "setting",
    "metric",
    "effect",
    "low",
    "high",
    "p_holm",
    "smallest",
    "common",
    "sd",
    "pool_error",
    "tested",
    "outcome",
    "margin",
    "left_out",
)
HALF_COLUMNS = ("space", "setting", "seed", "half", "accuracy", "s_kdt", "final_mean")
REFERENCE_COLUMNS = ("space", "pool", "name", "metric", "estimate", "low", "high", "n")
CURVE_COLUMNS = ("epoch", "step", "learning_rate", "loss", "accuracy")
POOL_COLUMNS = ("arch_id", "truth", "parameters", "macs", "live_macs")
SCORE_COLUMNS = ("arch_id", "bn_mode", "split", "accuracy", "loss")
LANDSCAPE_COLUMNS = ("kind", "arch_id", "x", "y", "loss", "accuracy")
FEATURE_COLUMNS = ("network", "kind", "setting", "layer", "step", "sample", "mean_distance", "scale_distance")
STANDALONE_COLUMNS = ("arch_id", "factor", "value", "seed", "accuracy", "test_accuracy", "diverged_at")
CONTRAST_COLUMNS = (
    "space",
    "factor",
    "value",
    "other",
    "metric",
    "difference",
    "low",
    "high",
    "p_holm",
    "smallest",
    "tested",
)
SYSTEM_COLUMNS = (
    "system",
    "status",
    "rank",
    "arch_id",
    "encoding",
    "score",
    "truth",
    "truth_quantile",
    "forward_passes",
    "backward_passes",
    "images",
    "multiply_adds",
    "trained",
    "baseline_trained",
    "architectures",
    "invalid",
    "passed_over",
    "source",
    "kind",
    "population",
)
CEILINGS = ("seed", "replicates")
"""References that are the ceiling of a space, the preferred one first: two trainings of each architecture, and two
architectures that compute one function."""
SEARCH_COLUMNS = ("rank", "arch_id", "encoding", "score", "truth", "truth_quantile", "parameters", "macs")


@dataclass(frozen=True, slots=True)
class SpaceFacts:
    """One pool in spaces.json: counts, and accuracies with their variation as fractions; nan where undefined.

    `pool` counts the architectures with ground truth, `diverged` the others: all their stand-alone trainings diverged.
    `top` and `draws` are at most `pool`. `seed_std` is the standard deviation of one stand-alone training within an
    architecture, `truth_se` the standard error of an architecture's mean, and `threshold` the step to which S-KdT
    rounds ground truth. `source` names the source of ground truth. `quantile` names the set in which P>R takes its
    rank, `population` its size. `law` is the way in which the pool was chosen; `degenerate` architectures have no
    convolution on any path. `further` has the meaning of the accuracies of each further truth, by its table.
    """

    size: int
    encodings: str
    pool: int
    law: str
    degenerate: int
    repeated: int
    truth_mean: float
    truth_std: float
    truth_min: float
    truth_max: float
    seed_std: float
    truth_se: float
    threshold: float
    images_test: int
    images_scoring: int
    diverged: int
    source: str
    quantile: str
    population: int
    top: int
    draws: int
    further: Mapping[str, str]


@dataclass(frozen=True)
class Search:
    """Random search on one super-net.

    `found` has one row per returned architecture, best score first, with columns `SEARCH_COLUMNS`. The other
    fields are the cost of the search without stand-alone trainings.
    """

    found: pd.DataFrame
    architectures: int
    images: int
    forward_passes: int


@dataclass(frozen=True)
class Results:
    """A study and its results folder.

    Every reader raises UserError with the name of a missing or incomplete file.
    """

    study: Study
    folder: Path
    published: Path | None = None
    """CSV file with published numbers of others, such as docs/published.csv."""

    @classmethod
    def open(cls, study: Path | str, folder: Path | str) -> Self:
        """Return the results in a folder, such as results/mini, of the study in a YAML file.

        Raises UserError if the study file is invalid.
        """
        return cls(load_study(study), Path(folder))

    @property
    def artifacts(self) -> Artifacts:
        """Paths of the study's results."""
        return Artifacts(str(self.folder))

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """metrics.parquet: one row per run x batch-norm mode x split x score x metric."""
        return _table(self.artifacts.metrics, METRIC_COLUMNS)

    @cached_property
    def metrics_by_selection(self) -> Mapping[tuple[str, ...], pd.DataFrame]:
        """Rows of metrics.parquet by (space, metric, bn_mode, split, score), for many look-ups."""
        keys = ["space", "metric", "bn_mode", "split", "score"]
        return {tuple(map(str, key)): rows for key, rows in self.metrics.groupby(keys, sort=False)}

    @cached_property
    def effects(self) -> pd.DataFrame:
        """effects.parquet: one row per space x setting x metric."""
        return _table(self.artifacts.effects, EFFECT_COLUMNS)

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """contrasts.parquet: one row per space x factor x ordered pair of values x metric."""
        return _table(self.artifacts.contrasts, CONTRAST_COLUMNS)

    @cached_property
    def halves(self) -> pd.DataFrame:
        """halves.parquet: one row per run x half of the pool."""
        return _table(self.artifacts.halves, HALF_COLUMNS)

    @cached_property
    def references(self) -> pd.DataFrame:
        """references.parquet: correlations of scores that need no super-net, and the ceilings (names `CEILINGS`)."""
        return _table(self.artifacts.references, REFERENCE_COLUMNS)

    @cached_property
    def pools(self) -> Mapping[str, SpaceFacts]:
        """spaces.json by name of the pool."""
        path = self.artifacts.spaces
        return {name: _facts(path, name, values) for name, values in read_json(note_input(_existing(path))).items()}

    @cached_property
    def facts(self) -> Mapping[str, SpaceFacts]:
        """Facts of each space's main pool, by space."""
        main = {space: str(self.study.main_pool(space)) for space in SPACES if space in self.study.spaces}
        return {space: self.pools[pool] for space, pool in main.items() if pool in self.pools}

    @cached_property
    def spaces(self) -> tuple[str, ...]:
        """Spaces of the study that have results, in the order of the paper."""
        measured = set(self.metrics["space"])
        return tuple(space for space in SPACES if space in self.study.spaces and space in measured)

    def pool(self, space: str, seed: int | None = None) -> pd.DataFrame:
        """Return the pool of a space's baseline, one row per architecture, sorted by `arch_id`.

        `seed` selects the pool if each run seed has its own; by default the first.
        """
        study = self.study
        name = study.main_pool(space) if seed is None else study.pool_of(space, "baseline", seed)
        return read_table(_existing(self.artifacts.pool(str(name))), *POOL_COLUMNS)

    def scores(self, space: str, setting: str, seed: int) -> pd.DataFrame:
        """Return the scores of one run: one row per architecture x batch-norm mode x split."""
        return _table(self.artifacts.run(space, setting, seed).scores, SCORE_COLUMNS)

    def curve(self, space: str, setting: str, seed: int) -> pd.DataFrame:
        """Return the training curve of one run: one row per epoch; loss and accuracy are those of training."""
        return _table(self.artifacts.run(space, setting, seed).curve, CURVE_COLUMNS)

    def searches(self, space: str) -> dict[int, Search]:
        """Return the random searches of a space by seed, without seeds whose super-net diverged."""
        return {seed: one for seed, one in self._searches(space).items() if len(one.found)}

    def lost_searches(self, space: str) -> tuple[int, ...]:
        """Return the seeds whose search found nothing, because the super-net diverged."""
        return tuple(seed for seed, one in self._searches(space).items() if not len(one.found))

    def _searches(self, space: str) -> dict[int, Search]:
        files = {seed: self.artifacts.search(space, seed) for seed in self.study.seeds(space, "baseline")}
        return {seed: _search(one) for seed, one in files.items() if os.path.exists(one.table)}

    def systems(self, space: str) -> pd.DataFrame | None:
        """Return the architectures found by a space's search systems, with seed, seconds and peak_bytes.

        Rows are sorted by system, then by seed. Returns None if the study has no search systems in the space.
        """
        parts = self.study.systems(space)
        if not parts:
            return None
        jobs = [(seed, part) for seed in self.study.seeds(space, "baseline") for part in range(len(parts))]
        tables = [_systems(self.artifacts.systems(space, seed, part), seed) for seed, part in jobs]
        table = pd.concat(tables, ignore_index=True)
        order = [name for names in zip_longest(*parts) for name in names if name is not None]
        table["system"] = pd.Categorical(table["system"], order, ordered=True)
        return table.sort_values(["system", "seed", "rank"], ignore_index=True).astype({"system": "str"})

    def landscape(self, space: str) -> pd.DataFrame | None:
        """Return the points of the loss landscapes of a space; None if the study has none."""
        if space not in self.study.landscape_spaces():
            return None
        return _table(self.artifacts.landscape(space).table, LANDSCAPE_COLUMNS)

    def features(self, space: str) -> pd.DataFrame | None:
        """Return the feature statistics of a space; None if the study has none."""
        if space not in self.study.feature_spaces():
            return None
        return _table(self.artifacts.features(space).table, FEATURE_COLUMNS)

    def standalone(self, space: str) -> pd.DataFrame | None:
        """Return the stand-alone trainings with swept values of a space; None if the study has none."""
        if space not in self.study.standalone_spaces():
            return None
        return _table(self.artifacts.standalone(space).table, STANDALONE_COLUMNS)

    def published_numbers(self, table: str) -> PublishedNumbers:
        """Return the published numbers of a table."""
        return PublishedNumbers.load(self.published, table)

    def reference(self, space: str, name: str, metric: str, pool: str | None = None) -> Estimate:
        """Return one reference tau on a pool, by default the space's main pool; nan if there is none.

        `name` is one of `CEILINGS`, parameters, macs, live_macs or a zero-cost proxy. `metric` is kdt or s_kdt, also
        on a subset; `s_kdt` is read as the variant that the study prints as S-KdT.
        """
        metric = printed_metric(self.study, metric)
        table = self.references
        on = str(self.study.main_pool(space)) if pool is None else pool
        rows = table[(table["pool"] == on) & (table["name"] == name) & (table["metric"] == metric)]
        if rows.empty:
            return Estimate(math.nan, math.nan, math.nan)
        row = rows.iloc[0]
        return Estimate(float(row["estimate"]), float(row["low"]), float(row["high"]))

    def ceiling(self, space: str, metric: str, pool: str | None = None) -> tuple[str, Estimate]:
        """Return the name and value of the ceiling, the first of `CEILINGS` that is known; without one, "" and nan.

        The arguments are those of `reference`.
        """
        known = {name: self.reference(space, name, metric, pool) for name in CEILINGS}
        nothing = ("", Estimate(math.nan, math.nan, math.nan))
        return next(((name, one) for name, one in known.items() if not math.isnan(one.value)), nothing)


def printed_metric(study: Study, metric: str) -> str:
    """Return the metric; for `s_kdt`, also on a subset of the pool, the variant that the study prints as S-KdT."""
    name = metric.removeprefix("s_kdt")
    chosen = study.metrics.s_kdt
    if name == metric or name.startswith("_positional") or chosen == "rounded":
        return metric
    return f"s_kdt_{chosen}{name}"


def _existing(path: str) -> str:
    if not os.path.exists(path):
        raise UserError(
            f"{path}: no such file; make it with `snakemake {path}`, or point --results at a complete folder"
        )
    return path


def _table(path: str, columns: tuple[str, ...]) -> pd.DataFrame:
    return read_table(_existing(path), *columns)


def _facts(path: str, space: str, values: dict[str, Any]) -> SpaceFacts:
    names = [field.name for field in fields(SpaceFacts)]
    lacking = [name for name in names if name not in values]
    if lacking:
        raise UserError(f"{path}: {space} lacks {', '.join(lacking)}; delete it and make it again")
    # JSON has no nan: an undefined number is written as null.
    known: dict[str, Any] = {name: math.nan if values[name] is None else values[name] for name in names}
    return SpaceFacts(**known)


def _systems(files: TimedTable, seed: int) -> pd.DataFrame:
    table = _table(files.table, SYSTEM_COLUMNS)
    timing = read_json(note_input(_existing(files.timing)))
    known: dict[str, Any] = {
        "seed": seed,
        "seconds": table["system"].map(timing["systems_seconds"]).astype(float),
        "peak_bytes": table["system"].map(timing["peak_bytes"]).astype(float),
    }
    return table.assign(**known)


def _search(files: SearchFiles) -> Search:
    found = _table(files.table, SEARCH_COLUMNS)
    cost = read_json(note_input(_existing(files.cost)))
    return Search(found.sort_values("rank"), cost["architectures"], cost["images"], cost["forward_passes"])
