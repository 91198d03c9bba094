"""Metrics of a study from scores and ground truth: one row per run, batch-norm mode, split, score and metric."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet import spaces
from supernet.config.artifacts import Artifacts
from supernet.config.pool_name import PoolName
from supernet.config.run_summary import read_summary
from supernet.config.splits import Sizes
from supernet.config.study import Study
from supernet.errors import UserError
from supernet.io.parquet import read_table
from supernet.metrics.arrays import Floats
from supernet.metrics.evaluate import Scores, correlations, evaluate, predictor_taus, without_truth
from supernet.metrics.interval import Estimate
from supernet.metrics.measures import CORRELATIONS, FEWEST, WITHOUT_TRUTH, measures
from supernet.metrics.population import Population
from supernet.metrics.same_function import SameFunction
from supernet.metrics.seed_noise import SeedNoise, seed_noise, threshold_for
from supernet.metrics.subsets import WHOLE, Mask, subsets
from supernet.pools.truth import COSTS
from supernet.rng import stream

REFERENCES = {
    "space": "str",
    "pool": "str",
    "name": "str",
    "metric": "str",
    "estimate": "float64",
    "low": "float64",
    "high": "float64",
    "n": "int64",
}
"""Columns of references.parquet, which can have no rows."""
NO_NOISE = SeedNoise(std=float("nan"), standard_error=float("nan"), tau=float("nan"), pairs=0)
"""For a published table that has only means."""
_NOTHING = dict.fromkeys(("estimate", "low", "high"), float("nan"))
_Row = tuple[str, str, dict[str, float]]
"""Metric, score, and the numbers of an estimate."""


class Part(NamedTuple):
    """A subset of the pool, or the architectures of another published table: members (n,), and the truth of each (n,).

    Accuracies of architectures that are not members have no meaning.
    """

    members: Mask
    truth: Floats


class PoolTruth:
    """A pool with its ground truth, and everything that follows from them without scores.

    Architectures whose stand-alone trainings all diverged have no ground truth; they are counted and left out. The K of
    P>R and final performance is at most the number of the others. With fewer than `FEWEST` of them, all metrics that
    need ground truth are nan; accuracy and loss are then those of all architectures. Without a published population,
    the population of P>R is the pool. `share` is the part of the `scorable` architectures whose ground truth is known.
    `proxies` has arch_id and one column per zero-cost proxy, `replicates` (groups, 2) pairs of published accuracies of
    one function, `alone` the accuracies by arch_id of unshared networks of the super-net's size, for the reference
    `fidelity`.
    """

    def __init__(
        self,
        study: Study,
        name: PoolName,
        pool: pd.DataFrame,
        images: Sizes,
        published: Population | None = None,
        proxies: pd.DataFrame | None = None,
        replicates: npt.NDArray[np.float64] | None = None,
        alone: "pd.Series[float] | None" = None,
    ) -> None:
        self.study, self.name, self.images, self.all, self.alone = study, name, images, pool, alone
        self.replicates = np.empty((0, 2)) if replicates is None else replicates
        self.space = spaces.load(name.own_space)
        names = [] if proxies is None else [column for column in proxies.columns if column != "arch_id"]
        self.predictors = (*COSTS, *names)
        if proxies is not None:
            pool = _joined(pool, proxies, str(name), study.proxies.architectures)
        self.pool = pool.dropna(subset="truth").sort_values("arch_id", ignore_index=True)
        self.truth = self.pool["truth"].to_numpy(dtype=float)
        self.scorable = study.scorable(name)
        self.share = len(self.pool) / self.scorable
        self.without_proxies = frozenset() if proxies is None else frozenset(pool["arch_id"]) - set(proxies["arch_id"])
        self.top = min(study.metrics.top, len(self.pool))
        self.trained = published is None
        self.population = published or Population(self.truth, "pool", "trained here")
        self.seeds = self.pool[[name for name in pool.columns if name.startswith("truth_seed")]].to_numpy(float)
        # A published table can have single trainings of some architectures only.
        trained = self.seeds[np.isfinite(self.seeds).any(axis=1)]
        self.noise = seed_noise(trained) if trained.size else NO_NOISE
        chosen = study.metrics.threshold
        self.threshold = threshold_for(self.noise.standard_error, images.test) if chosen == "auto" else float(chosen)
        self.same_function = SameFunction.of(study, name.space, self.pool["encoding"])
        found = subsets(self.space, self.pool["encoding"].tolist(), self.truth)
        self.parts = {name: Part(members, self.truth) for name, members in found.items() if name != WHOLE}
        self.further: dict[str, str] = {}

    def compare_with(self, table: str, accuracy: "pd.Series[float]", words: str) -> None:
        """Compare scores with the accuracies of another published table too, by arch_id; `words` say what they are.

        Its metrics are those of a part of the pool: of the architectures that the table has. Raises UserError if they
        are fewer than `FEWEST`.
        """
        values = np.asarray(accuracy.reindex(self.pool["arch_id"]), dtype=np.float64)
        members = np.isfinite(values)
        if members.sum() < FEWEST:
            raise UserError(
                f"metrics: further_truths: {table}: has {int(members.sum())} of the {len(values)} architectures of the "
                f"pool {self.name}; expected {FEWEST} or more: leave it out"
            )
        self.parts[table] = Part(members, values)
        self.further[table] = words

    @property
    def measures(self) -> tuple[tuple[str, str], ...]:
        """Metric and score of every row that a run has in one BN mode and split."""
        return measures(self.parts)

    def run_rows(self, scores: pd.DataFrame, status: str) -> Iterator[dict[str, Any]]:
        """Yield the rows (bn_mode, split, score, metric, estimate, low, high, n, status) of one run."""
        groups = dict(iter(scores.groupby(["bn_mode", "split"], sort=True)))
        # A single score that is not finite leaves no ranking of the pool: the run is reported as diverged.
        finite = {
            key: group
            for key, group in groups.items()
            if status == "complete" and np.isfinite(group[["accuracy", "loss"]].to_numpy()).all()
        }
        measured = dict(zip(finite, self._measures(list(finite.values())), strict=True))
        for bn_mode, split in groups:
            found = measured.get((bn_mode, split))
            for metric, score, numbers in found or ((*names, _NOTHING) for names in self.measures):
                yield {
                    "bn_mode": bn_mode,
                    "split": split,
                    "score": score,
                    "metric": metric,
                    **numbers,
                    "n": self._count(metric),
                    "status": "complete" if found else "diverged",
                }

    def references(self) -> Iterator[dict[str, Any]]:
        """Yield rows (space, pool, name, metric, estimate, low, high, n) of predictors and of the ceilings."""
        whole = np.ones(len(self.pool), dtype=bool)
        first = ~self.pool["arch_id"].isin(self.without_proxies).to_numpy()
        for name in self.predictors:
            values, ranked = self.pool[name].to_numpy(float), whole if name in COSTS else first
            share = int(ranked.sum()) / self.scorable
            parts = {"": Part(whole, self.truth), **{f"_{part}": found for part, found in self.parts.items()}}
            for suffix, part in parts.items():
                members = part.members & ranked
                yield from self._taus(name, suffix, values[members], part.truth[members], "predictor", share)
        for table in self.further:
            members, values = self.parts[table]
            yield from self._taus(table, "", values[members], self.truth[members], "predictor", self.share)
        complete = self.seeds[np.isfinite(self.seeds).all(axis=1)]
        # The ceiling: the tau of a perfect predictor of one seed.
        if self.seeds.shape[1] > 1:
            share = len(complete) / self.scorable
            yield from self._taus("seed", "", complete[:, 0], complete[:, 1], "ceiling", share)
        # A share of 0: the pairs vary with the trainings, even if the table has all functions.
        pairs = self.replicates
        yield from self._taus("replicates", "", pairs[:, 0], pairs[:, 1], "replicates", 0.0)
        if self.alone is not None:
            yield from self._fidelity(self.alone)

    def _fidelity(self, alone: "pd.Series[float]") -> Iterator[dict[str, Any]]:
        """Yield the rows of the second ceiling: of a score by networks that differ from a super-net in sharing only."""
        members = self.pool["arch_id"].isin(alone.index).to_numpy()
        values = np.array(alone.loc[self.pool.loc[members, "arch_id"]], dtype=np.float64)
        share = len(values) / self.scorable
        yield from self._taus("fidelity", "", values, self.truth[members], "fidelity", share)

    def facts(self) -> dict[str, Any]:
        """Return the entry of the pool in spaces.json; null where a number is undefined."""
        space, study = self.space, self.study
        known = self.truth if len(self.truth) else np.array([np.nan])
        numbers = {
            "truth_mean": known.mean(),
            "truth_std": known.std(ddof=1) if len(known) > 1 else np.nan,
            "truth_min": known.min(),
            "truth_max": known.max(),
            "seed_std": self.noise.std,
            "truth_se": self.noise.standard_error,
            "threshold": self.threshold,
        }
        return {
            "size": self._size(),
            "encodings": space.encodings,
            "pool": len(self.pool),
            "law": study.pool.law,
            "degenerate": len(self.pool) - int(self.parts["regular"].members.sum()),
            "repeated": int((np.isfinite(self.seeds).sum(axis=1) > 1).sum()),
            **{name: float(value) if np.isfinite(value) else None for name, value in numbers.items()},
            "images_test": self.images.test,
            "images_scoring": self.images.scoring,
            "diverged": len(self.all) - len(self.pool),
            "source": self.population.source,
            "quantile": self.population.kind,
            "population": len(self.population.truth),
            "top": self.top,
            "draws": self.top,
            "further": self.further,
        }

    def _size(self) -> int:
        """Return the number of architectures of the space, or of its published table if that is the ground truth."""
        table = self.study.spaces[self.name.space].published
        return self.space.size if table is None or self.trained else self.space.published_size(table)

    def _measures(self, scored: Sequence[pd.DataFrame]) -> list[list[_Row]]:
        """For each table of finite scores of the pool: the metrics of the pool, then those of its parts."""
        if len(self.pool) < FEWEST:
            return self._measures_without_truth(scored)
        aligned = [self._aligned(scores) for scores in scored]
        config = self.study.metrics
        whole = evaluate(
            [_pair(scores) for scores in aligned],
            self.truth,
            threshold=self.threshold,
            k=self.top,
            draws=self.top,
            population=len(self.population.truth),
            population_truth=self.population.truth,
            rng=self._rng("bootstrap"),
            resamples=config.resamples,
            top_order=config.top_order,
            share=self.share,
        )
        found = [[(one.metric, one.score, _numbers(one.estimate)) for one in measures] for measures in whole]
        for name, (members, truth) in self.parts.items():
            of_part = self._measures_of_part(name, [scores[members] for scores in aligned], truth[members])
            found = [[*rows, *more] for rows, more in zip(found, of_part, strict=True)]
        return found

    def _aligned(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Return accuracies and losses in the order of the pool."""
        found = scores.set_index("arch_id").loc[self.pool["arch_id"], ["accuracy", "loss"]]
        return found.apply(lambda column: self.same_function.scores(column.to_numpy(dtype=float)))

    def _measures_without_truth(self, scored: Sequence[pd.DataFrame]) -> list[list[_Row]]:
        resamples = self.study.metrics.resamples
        found = without_truth([_pair(scores) for scores in scored], rng=self._rng("bootstrap"), resamples=resamples)
        empty = [(metric, score, _NOTHING) for metric, score in self.measures if metric not in WITHOUT_TRUTH]
        return [[*((one.metric, one.score, _numbers(one.estimate)) for one in own), *empty] for own in found]

    def _measures_of_part(
        self, part: str, scored: Sequence[pd.DataFrame], truth: npt.NDArray[np.float64]
    ) -> list[list[_Row]]:
        if len(truth) < FEWEST:
            nothing = [(*names, _NOTHING) for names in self.measures if names[0] in _metrics_of(part)]
            return [nothing for _ in scored]
        measured = correlations(
            [_pair(scores) for scores in scored],
            truth,
            threshold=self.threshold,
            rng=self._rng(f"bootstrap {part}"),
            resamples=self.study.metrics.resamples,
            share=self.share,
        )
        return [
            [(f"{one.metric}_{part}", one.score, _numbers(one.estimate)) for one in measures] for measures in measured
        ]

    def _taus(
        self,
        name: str,
        suffix: str,
        values: npt.NDArray[np.float64],
        truth: npt.NDArray[np.float64],
        stream_name: str,
        share: float,
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of one predictor on some architectures; none if they are too few for a correlation."""
        if len(truth) < FEWEST:
            return
        # A proxy can overflow on a deep network: then it does not rank the pool.
        known = bool(np.isfinite(values).all())
        rng = self._rng(stream_name)
        taus = predictor_taus(values if known else truth, truth, self.threshold, rng, share=share)
        for metric, estimate in taus.items():
            yield {
                "space": self.name.space,
                "pool": str(self.name),
                "name": name,
                "metric": f"{metric}{suffix}",
                **(_numbers(estimate) if known else _NOTHING),
                "n": len(truth),
            }

    def _count(self, metric: str) -> int:
        if metric in WITHOUT_TRUTH and len(self.pool) < FEWEST:
            return len(self.all)
        part = next((part for name, part in self.parts.items() if metric in _metrics_of(name)), None)
        return len(self.pool) if part is None else int(part.members.sum())

    def _rng(self, name: str) -> np.random.Generator:
        # All runs on a pool use the same resamples, so that differences between settings are paired.
        return stream(self.study.seed, name, str(self.name))


def _metrics_of(part: str) -> frozenset[str]:
    """Return the metrics of a part of the pool."""
    return frozenset(f"{metric}_{part}" for metric in CORRELATIONS)


def _joined(pool: pd.DataFrame, proxies: pd.DataFrame, name: str, most: int) -> pd.DataFrame:
    """Return the pool with its proxies, of `most` architectures at most; ValueError if another one lacks them."""
    table = pool.merge(proxies, on="arch_id", how="left", validate="one_to_one")
    missing = table.loc[~table["arch_id"].isin(proxies["arch_id"]), "arch_id"]
    if len(missing) > max(0, len(table) - most):
        raise ValueError(f"{name}: {len(missing)} architectures lack a proxy, the first is {missing.iloc[0]}")
    return table


def measure_run(truth: PoolTruth, paths: Artifacts, space: str, setting: str, seed: int) -> list[dict[str, Any]]:
    """Return the rows of metrics.parquet of one run, measured on its pool."""
    files = paths.run(space, setting, seed)
    summary = read_summary(files.summary, truth.study.run(space, setting, seed))
    factor, _, value = setting.partition("=")
    run = {"space": space, "setting": setting, "seed": seed, "pool": str(truth.name)}
    head = {"study": truth.study.study, **run, "factor": factor, "value": value}
    tail = {"diverged_at": summary["diverged_at"]}
    scores = read_table(files.scores)
    return [{**head, **row, **tail} for row in truth.run_rows(scores, summary["status"])]


def _pair(scores: pd.DataFrame) -> Scores:
    return scores["accuracy"].to_numpy(), scores["loss"].to_numpy()


def _numbers(estimate: Estimate) -> dict[str, float]:
    return {"estimate": estimate.value, "low": estimate.low, "high": estimate.high}
