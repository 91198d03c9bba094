"""From scores and ground truth to the metrics of a study: one row for each run, BN mode, split, score and metric."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet import spaces
from supernet.files import read_json
from supernet.metrics import (
    Estimate,
    SeedNoise,
    evaluate,
    predictor_tau,
    seed_noise,
    threshold_for,
)
from supernet.pools import COSTS
from supernet.published.table import PublishedTable
from supernet.rng import stream
from supernet.splitting import Sizes
from supernet.study import Study

SCORED_TWICE = (
    "kdt", "s_kdt", "s_kdt_positional_0.1", "s_kdt_positional_1", "spearman",
    "p_surpass", "p_surpass_complement", "final_mean", "final_std", "final_best",
)  # fmt: skip
MEASURES = (
    ("accuracy", "accuracy"),
    ("accuracy_std", "accuracy"),
    ("loss", "loss"),
    *((metric, score) for score in ("accuracy", "loss") for metric in SCORED_TWICE),
)
"""(metric, score) of every row that a run has in one BN mode and split."""
NO_NOISE = SeedNoise(std=float("nan"), standard_error=float("nan"), tau=float("nan"), pairs=0)
"""Of a published table that has means alone."""


@dataclass(frozen=True)
class Population:
    """The set in which P>R takes its rank: its ground truth (N,), which set it is, and whose trainings made it.

    `kind` is pool, sample (uniform, of the space) or table (the complete one); `source` is a phrase for captions.
    """

    truth: npt.NDArray[np.float64]
    kind: str
    source: str


def population_of(table: PublishedTable) -> Population:
    """The uniform sample of the space that a published table holds: all of it, where it is complete."""
    about = table.about
    words = f"published, {about.truth} ({about.table}, {about.form}: {about.extent()})"
    return Population(table.test_acc[table.uniform], "table" if about.complete else "sample", words)


class SpaceTruth:
    """The pool of a space with its ground truth, and what follows from it alone.

    Architectures whose stand-alone trainings all diverged have no ground truth; they are counted and left out.
    Without a published population the pool is the one. `proxies` has arch_id and a column for each zero-cost proxy.
    """

    def __init__(
        self,
        study: Study,
        space: str,
        pool: pd.DataFrame,
        images: Sizes,
        published: Population | None = None,
        proxies: pd.DataFrame | None = None,
    ) -> None:
        self.study, self.space, self.images, self.all = study, space, images, pool
        names = [] if proxies is None else [name for name in proxies.columns if name != "arch_id"]
        self.predictors = (*COSTS, *names)
        if proxies is not None:
            pool = _joined(pool, proxies, space)
        self.pool = pool.dropna(subset="truth").sort_values("arch_id", ignore_index=True)
        self.truth = self.pool["truth"].to_numpy()
        self.population = published or Population(self.truth, "pool", "trained here")
        self.seeds = self.pool[[name for name in pool.columns if name.startswith("truth_seed")]].to_numpy(float)
        self.noise = seed_noise(self.seeds) if self.seeds.size else NO_NOISE
        chosen = study.metrics.threshold
        self.threshold = threshold_for(self.noise.standard_error, images.test) if chosen == "auto" else float(chosen)

    def run_rows(self, scores: pd.DataFrame, status: str) -> Iterator[dict[str, Any]]:
        """Rows (bn_mode, split, score, metric, estimate, low, high, n) of one run."""
        for (mode, part), group in scores.groupby(["bn_mode", "split"], sort=True):
            # One score that is not finite leaves no ranking of the pool: said as divergence, never averaged over.
            finite = status == "complete" and np.isfinite(group[["accuracy", "loss"]].to_numpy()).all()
            outcome = "complete" if finite else "diverged"
            for measure in self._measures(group, outcome):
                yield {
                    "bn_mode": mode,
                    "split": part,
                    "score": measure[1],
                    "metric": measure[0],
                    **measure[2],
                    "n": len(self.pool),
                    "status": outcome,
                }

    def references(self) -> Iterator[dict[str, Any]]:
        """Rows (space, name, metric, estimate, low, high, n): predictors without training, and the ceiling."""
        for name in self.predictors:
            taus = predictor_tau(self.pool[name].to_numpy(float), self.truth, self.threshold, self._rng("predictor"))
            for metric, estimate in zip(("kdt", "s_kdt"), taus, strict=True):
                yield {
                    "space": self.space,
                    "name": name,
                    "metric": metric,
                    **_numbers(estimate),
                    "n": len(self.pool),
                }
        yield from self._ceiling()

    def facts(self) -> dict[str, Any]:
        """The entry of the space in spaces.json; null where a number is not defined."""
        space, study = spaces.load(self.space), self.study
        numbers = {
            "truth_mean": self.truth.mean(),
            "truth_std": self.truth.std(ddof=1),
            "truth_min": self.truth.min(),
            "truth_max": self.truth.max(),
            "seed_std": self.noise.std,
            "truth_se": self.noise.standard_error,
            "threshold": self.threshold,
        }
        return {
            "size": space.size,
            "encodings": space.encodings,
            "pool": len(self.pool),
            "repeated": int((np.isfinite(self.seeds).sum(axis=1) > 1).sum()),
            **{name: float(value) if np.isfinite(value) else None for name, value in numbers.items()},
            "images_test": self.images.test,
            "images_scoring": self.images.scoring,
            "diverged": len(self.all) - len(self.pool),
            "source": self.population.source,
            "quantile": self.population.kind,
            "population": len(self.population.truth),
            "top": study.metrics.top,
            "draws": study.metrics.top,
        }

    def _measures(self, scores: pd.DataFrame, status: str) -> Iterator[tuple[str, str, dict[str, float]]]:
        if status == "diverged":
            nothing = dict.fromkeys(("estimate", "low", "high"), float("nan"))
            yield from ((metric, score, nothing) for metric, score in MEASURES)
            return
        aligned = scores.set_index("arch_id").loc[self.pool["arch_id"]]
        config = self.study.metrics
        for measure in evaluate(
            aligned["accuracy"].to_numpy(),
            aligned["loss"].to_numpy(),
            self.truth,
            threshold=self.threshold,
            k=config.top,
            draws=config.top,
            population=len(self.population.truth),
            population_truth=self.population.truth,
            rng=self._rng("bootstrap"),
            resamples=config.resamples,
        ):
            yield measure.metric, measure.score, _numbers(measure.estimate)

    def _ceiling(self) -> Iterator[dict[str, Any]]:
        """Tau between the first two seeds of the ground truth: what a perfect predictor of one seed would reach."""
        complete = self.seeds[np.isfinite(self.seeds).all(axis=1)]
        if self.seeds.shape[1] < 2 or len(complete) < 3:
            return
        taus = predictor_tau(complete[:, 0], complete[:, 1], self.threshold, self._rng("ceiling"))
        for metric, estimate in zip(("kdt", "s_kdt"), taus, strict=True):
            yield {
                "space": self.space,
                "name": "seed",
                "metric": metric,
                **_numbers(estimate),
                "n": len(complete),
            }

    def _rng(self, name: str) -> np.random.Generator:
        # The same resamples for every run of a space: differences between settings are then paired.
        return stream(self.study.seed, name, self.space)


def _joined(pool: pd.DataFrame, proxies: pd.DataFrame, space: str) -> pd.DataFrame:
    """The pool with its proxies; ValueError if an architecture has none, which nothing can stand for."""
    table = pool.merge(proxies, on="arch_id", how="left", validate="one_to_one")
    missing = table.loc[table[proxies.columns].isna().any(axis=1), "arch_id"]
    if len(missing):
        raise ValueError(f"{space}: {len(missing)} architectures lack a proxy, the first is {missing.iloc[0]}")
    return table


def run_folder(results: Path, space: str, setting: str, seed: int) -> Path:
    """The folder of a run below results/{study}."""
    return results / "runs" / space / setting / f"seed{seed}"


def measure_run(truth: SpaceTruth, results: Path, setting: str, seed: int) -> list[dict[str, Any]]:
    """The rows of metrics.parquet of one run."""
    folder = run_folder(results, truth.space, setting, seed)
    summary = read_json(folder / "run.json")
    factor, _, value = setting.partition("=")
    run = {"space": truth.space, "setting": setting, "seed": seed}
    head = {"study": truth.study.study, **run, "factor": factor, "value": value}
    tail = {"diverged_at": summary["diverged_at"]}
    scores = pd.read_parquet(folder / "scores.parquet")
    return [{**head, **row, **tail} for row in truth.run_rows(scores, summary["status"])]


def _numbers(estimate: Estimate) -> dict[str, float]:
    return {"estimate": estimate.value, "low": estimate.low, "high": estimate.high}
