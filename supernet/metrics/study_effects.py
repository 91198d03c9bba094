"""Effects of a study's settings from the scores of its runs: one row per setting and metric."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet.config.artifacts import Artifacts, RunName
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.io.parquet import read_table
from supernet.metrics.effects import MARGIN, METRICS, contrasts, effects
from supernet.metrics.measures import FEWEST
from supernet.metrics.power import FEWEST_SEEDS
from supernet.metrics.run_scores import compared_scores
from supernet.metrics.same_function import SameFunction
from supernet.provenance.recorder import note_input
from supernet.rng import stream

COLUMNS = {
    "space": "str",
    "setting": "str",
    "factor": "str",
    "value": "str",
    "metric": "str",
    "effect": "float64",
    "low": "float64",
    "high": "float64",
    "p": "float64",
    "p_holm": "float64",
    "smallest": "float64",
    "seeds": "int64",
    "baseline_seeds": "int64",
    "common": "int64",
    "sd": "float64",
    "pool_error": "float64",
    "tested": "bool",
    "outcome": "str",
    "margin": "float64",
    "n": "int64",
    "left_out": "str",
}
"""Of effects.parquet; `left_out` is empty, or why a setting has no effect: pool, runs, baseline, seeds (none in common
with the baseline, or too few if the whole space is scored), or truth if fewer than `FEWEST` architectures have a ground
truth."""


CONTRAST_COLUMNS = {
    "space": "str",
    "factor": "str",
    "value": "str",
    "other": "str",
    "metric": "str",
    "difference": "float64",
    "low": "float64",
    "high": "float64",
    "p": "float64",
    "p_holm": "float64",
    "smallest": "float64",
    "seeds": "int64",
    "other_seeds": "int64",
    "common": "int64",
    "sd": "float64",
    "pool_error": "float64",
    "tested": "bool",
    "n": "int64",
}
"""Of contrasts.parquet: metric of the setting with `value` minus that of the setting with `other`."""


_COPIED = ("metric", "low", "high", "p", "p_holm", "smallest", "seeds", "common", "sd", "pool_error", "tested")


def effect_rows(study: Study, paths: Artifacts) -> Iterator[dict[str, Any]]:
    """Yield the rows of effects.parquet from the artifacts of a study: pools, thresholds, scores and status of runs.

    Raises UserError if one of them does not exist.
    """
    if not os.path.exists(paths.spaces):
        raise UserError(f"{paths.spaces}: no such file; scripts/metrics.py makes it")
    thresholds = {name: facts["threshold"] for name, facts in read_json(note_input(paths.spaces)).items()}
    for space in study.spaces:
        yield from _of_space(study, paths, space, thresholds[str(study.main_pool(space))])


def contrast_rows(study: Study, paths: Artifacts) -> Iterator[dict[str, Any]]:
    """Yield the rows of contrasts.parquet: differences between all values of factors (`Study.contrasted_values`).

    The baseline's value is one of them. Values whose settings cannot be compared, and pairs without a seed in common,
    have no rows. Raises UserError as `effect_rows`.
    """
    facts = read_json(note_input(paths.spaces))
    for space in study.spaces:
        pool, share = _compared_pool(study, paths, space)
        if len(pool) < FEWEST:
            continue
        truth, threshold = pool["truth"].to_numpy(), float(facts[str(study.main_pool(space))]["threshold"])
        for factor, values in study.contrasted_values(space).items():
            names = {study.setting_of(space, factor, value): str(value) for value in values}
            names["baseline"] = str(getattr(study.spaces[space].baseline, factor))
            scores, _ = _usable(study, paths, space, pool, tuple(names))
            rng = stream(study.seed, "contrasts", space, factor)
            for other, found in contrasts(scores, truth, threshold, rng, share=share):
                yield {
                    **{"space": space, "factor": factor, "value": names[found.setting], "other": names[other]},
                    **{name: getattr(found, name) for name in _COPIED},
                    **{"difference": found.effect, "other_seeds": found.baseline_seeds},
                    "n": len(pool),
                }


def _compared_pool(study: Study, paths: Artifacts, space: str) -> tuple[pd.DataFrame, float]:
    """Return the architectures with a ground truth of the main pool of a space, and their share of all `scorable`."""
    name = study.main_pool(space)
    pool = read_table(paths.pool(str(name))).dropna(subset="truth").sort_values("arch_id", ignore_index=True)
    return pool, len(pool) / study.scorable(name)


def _of_space(study: Study, paths: Artifacts, space: str, threshold: float) -> Iterator[dict[str, Any]]:
    pool, share = _compared_pool(study, paths, space)
    enough = len(pool) >= FEWEST
    scores, reasons = _usable(study, paths, space, pool, study.single(space)) if enough else ({}, {})
    baseline = scores.pop("baseline", {})
    rng = stream(study.seed, "effects", space)
    truth = pool["truth"].to_numpy()
    estimates = effects(baseline, scores, truth, threshold, rng, share=share) if enough else []
    known = {(one.setting, one.metric): one for one in estimates}
    measured = {one.metric for one in estimates}
    fewest = FEWEST_SEEDS if share >= 1 else 1
    few = {name for name, one in scores.items() if baseline and len(one.keys() & baseline.keys()) < fewest}
    for setting in study.single(space):
        if setting == "baseline":
            continue
        factor, _, value = setting.partition("=")
        for metric in METRICS:
            start = {"space": space, "setting": setting, "factor": factor, "value": value, "metric": metric}
            if (setting, metric) in known:
                yield {**start, **asdict(known[setting, metric]), "n": len(pool), "left_out": ""}
            else:
                # If another setting has an effect, the baseline has the metric.
                absent = "seeds" if setting in few else "runs" if metric in measured else "baseline"
                other = absent if enough else "truth"
                yield {**start, **_nothing(), "n": len(pool), "left_out": reasons.get(setting, other)}


def _usable(
    study: Study, paths: Artifacts, space: str, pool: pd.DataFrame, settings: Sequence[str]
) -> tuple[dict[str, dict[int, npt.NDArray[np.float64]]], dict[str, str]]:
    """Return the scores (n,) by seed of those settings that can be compared on a pool, and why others cannot."""
    reasons: dict[str, str] = {}
    scores: dict[str, dict[int, npt.NDArray[np.float64]]] = {}
    same = SameFunction.of(study, space, pool["encoding"])
    for setting in settings:
        seeds = study.seeds(space, setting)
        # Only architectures that both have scored can be resampled for both.
        if any(study.pool_of(space, setting, seed) != study.main_pool(space) for seed in seeds):
            reasons[setting] = "pool"
            continue
        runs = [RunName(space, setting, seed) for seed in seeds]
        known = {run.seed: compared_scores(study, paths, run, pool["arch_id"], same) for run in runs}
        found = {seed: one[0] for seed, one in known.items() if one is not None}
        if found or setting == "baseline":
            scores[setting] = found
        else:
            reasons[setting] = "runs"
    return scores, reasons


def _nothing() -> dict[str, Any]:
    names = ("effect", "low", "high", "p", "p_holm", "smallest", "sd", "pool_error")
    numbers = dict.fromkeys(names, float("nan"))
    none = {"seeds": 0, "baseline_seeds": 0, "common": 0, "tested": False, "outcome": ""}
    return {**numbers, **none, "margin": MARGIN}
