"""A synthetic results folder of a study, with everything that tables and figures read."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from supernet import spaces
from supernet.config.artifacts import Artifacts
from supernet.config.study import Study
from supernet.io.atomic import read_json, write_json, write_table
from supernet.metrics.bootstrap import Measure
from supernet.metrics.definitions import truth_rank
from supernet.metrics.evaluate import correlations, evaluate, predictor_taus
from supernet.metrics.seed_noise import seed_noise, threshold_for
from supernet.metrics.study_effects import COLUMNS, CONTRAST_COLUMNS, contrast_rows, effect_rows
from supernet.metrics.study_halves import COLUMNS as HALF_COLUMNS
from supernet.metrics.study_halves import half_rows
from supernet.pipeline.estimate import training_passes
from supernet.rng import stream

RESAMPLES = 60
TRUTH = {"nasbench101": (0.86, 0.05), "nasbench201": (0.80, 0.12), "darts": (0.92, 0.02)}
SIZES = {"nasbench101": 423_624, "nasbench201": 15_625, "darts": 5_000}
DIVERGED = frozenset({("nasbench201", "learning_rate=0.1", 0), ("darts", "baseline", 1)})
"""One setting whose only run diverged, and one run of a setting that has another."""


def write_results(study: Study, folder: Path, diverged: frozenset[tuple[str, str, int]] = DIVERGED) -> Path:
    """Write all artifacts of a study; equal studies give equal numbers."""
    rows: list[dict[str, Any]] = []
    references: list[dict[str, Any]] = []
    facts = {}
    for space in study.spaces:
        pool = _pool(study, space)
        write_table(folder / "pools" / f"{space}.parquet", pool)
        # Settings of a sub-space score the same made-up pool under another name.
        names = dict.fromkeys(str(study.pool_of(space, setting, 0)) for setting in study.settings(space))
        _analyses(study, folder, space)
        facts |= {name: _facts(study, space, pool) for name in names}
        for name in names:
            references += _references(study, space, name, pool, facts[space]["threshold"])
        for setting in study.settings(space):
            for seed in study.seeds(space, setting):
                lost = (space, setting, seed) in diverged
                rows += _run(study, folder, space, setting, seed, pool, facts[space], lost)
                if setting == "baseline" and not lost:
                    _search(study, folder, space, seed, pool)
                if setting == "baseline":
                    _systems(study, folder, space, seed, pool)
        _timings(study, folder, space)
    table = pd.DataFrame(rows)
    write_table(folder / "metrics.parquet", table.assign(diverged_at=table["diverged_at"].astype("Int64")))
    write_table(folder / "references.parquet", pd.DataFrame(references))
    write_json(folder / "spaces.json", facts)
    write_table(
        folder / "effects.parquet", pd.DataFrame(effect_rows(study, Artifacts(str(folder))), columns=list(COLUMNS))
    )
    if any(map(study.contrasted_values, study.spaces)):
        contrasts = pd.DataFrame(contrast_rows(study, Artifacts(str(folder))), columns=list(CONTRAST_COLUMNS))
        write_table(folder / "contrasts.parquet", contrasts.astype(CONTRAST_COLUMNS))
    halves = pd.DataFrame(half_rows(study, Artifacts(str(folder))), columns=list(HALF_COLUMNS))
    write_table(folder / "halves.parquet", halves.astype(HALF_COLUMNS))
    return folder


def _timings(study: Study, folder: Path, space: str) -> None:
    """Write timings: one and a half minutes per run on a CPU, one hour per share of the ground truth."""
    for setting in study.settings(space):
        for seed in study.seeds(space, setting):
            write_timing(folder / "runs" / space / setting / f"seed{seed}" / "timing.json", 90.0)
    for shard in range(study.pool.shards):
        write_timing(folder / "truth" / space / f"shard{shard}.timing.json", 3600.0)


def write_timing(path: Path, seconds: float, device: str = "cpu", earlier: float = 0.0, **more: int) -> None:
    """Write a timing file as a torch program does."""
    numbers = {"total_seconds": seconds, "earlier_seconds": earlier, **more}
    write_json(path, {"device": device, "threads": 1, "host": "here", **numbers})


def _pool(study: Study, space: str) -> pd.DataFrame:
    rng = stream(study.seed, "fake", "pool", space)
    n, (centre, spread) = study.pool.size, TRUTH[space]
    latent = rng.normal(size=n)
    table: dict[str, Any] = {"arch_id": [hashlib.md5(f"{space}{i}".encode()).hexdigest() for i in range(n)]}
    known = spaces.load(space)
    drawn = known.sample(stream(study.seed, "fake", "encodings", space), count=n)
    table["encoding"] = [known.format(arch) for arch in drawn]
    truths = centre + spread * np.tanh(latent)[:, None] + 0.2 * spread * rng.normal(size=(n, study.pool.seeds))
    truths = np.round(np.clip(truths, 0, 1) * 450) / 450
    table["truth"] = truths.mean(axis=1)
    table |= {f"truth_seed{seed}": truths[:, seed] for seed in range(study.pool.seeds)}
    table["parameters"] = (2e4 * np.exp(0.4 * latent + 0.6 * rng.normal(size=n))).astype(int)
    table["macs"] = table["parameters"] * 40
    table["live_macs"] = table["parameters"] * 40 - np.arange(n)
    return pd.DataFrame(table).sort_values("arch_id", ignore_index=True)


def _facts(study: Study, space: str, pool: pd.DataFrame) -> dict[str, Any]:
    truth = pool["truth"]
    noise = seed_noise(pool.filter(like="truth_seed").to_numpy())
    error = None if np.isnan(noise.standard_error) else noise.standard_error
    return {
        "size": SIZES[space],
        "encodings": "10 to the 9",
        "pool": len(pool),
        "law": study.pool.law,
        "degenerate": 2,
        "repeated": study.pool.repeated,
        "truth_mean": truth.mean(),
        "truth_std": truth.std(ddof=0),
        "truth_min": truth.min(),
        "truth_max": truth.max(),
        "seed_std": None if np.isnan(noise.std) else noise.std,
        "truth_se": error,
        "threshold": threshold_for(noise.standard_error, 450),
        "images_test": 450,
        "images_scoring": 337,
        "diverged": 0,
        "source": "trained here",
        "quantile": "pool",
        "population": len(pool),
        "top": study.metrics.top,
        "draws": study.metrics.top,
        "further": {},
    }


def _references(study: Study, space: str, pool_name: str, pool: pd.DataFrame, threshold: float) -> list[dict[str, Any]]:
    rows = []
    seeds = [pool[name] for name in ("truth_seed0", "truth_seed1") if name in pool]
    pairs = {name: (pool[name], pool["truth"]) for name in ("parameters", "macs", "live_macs")}
    for name in study.proxies.names:
        rng = stream(0, "fake", "proxies", space, name)
        pairs[name] = (pool["truth"] + 0.1 * rng.normal(size=len(pool)), pool["truth"])
    if len(seeds) == 2:
        pairs["seed"] = (seeds[0], seeds[1])
    if study.standalone is not None and pool_name == str(study.main_pool(space)):
        rows += _fidelity(study, space, pool, threshold)
    for predictor, (values, truth) in pairs.items():
        for suffix, members in _subsets(pool).items():
            rng = stream(0, "fake", "references", space, predictor)
            chosen = values[members].astype(float), truth[members]
            estimates = predictor_taus(*chosen, threshold, rng, RESAMPLES)
            for metric, found in estimates.items():
                row = {"space": space, "pool": pool_name, "name": predictor, "metric": metric + suffix}
                row |= {"estimate": found.value, "low": found.low, "high": found.high}
                rows.append({**row, "n": int(members.sum())})
    return rows


def _fidelity(study: Study, space: str, pool: pd.DataFrame, threshold: float) -> list[dict[str, Any]]:
    alone = _standalone(study, space)
    values = alone[alone["factor"] == "baseline"].groupby("arch_id")["accuracy"].mean()
    truth = pool.set_index("arch_id")["truth"].loc[values.index]
    rng = stream(0, "fake", "references", space, "fidelity")
    found = predictor_taus(values.to_numpy(), truth.to_numpy(), threshold, rng, RESAMPLES)
    start = {"space": space, "pool": space, "name": "fidelity", "n": len(values)}
    return [
        {**start, "metric": metric, "estimate": one.value, "low": one.low, "high": one.high}
        for metric, one in found.items()
    ]


def _subsets(pool: pd.DataFrame) -> dict[str, Any]:
    """Return the pool, its better half, and all but the first two or three architectures, by suffix of a metric's name.

    The last one is that of unique functions, which only NASBench-201 has.
    """
    truth = pool["truth"].to_numpy()
    found = {
        "": np.ones(len(pool), dtype=bool),
        "_top_half": truth >= np.median(truth),
        "_regular": np.arange(len(pool)) >= 2,
    }
    return found | ({"_unique": np.arange(len(pool)) >= 3} if pool["encoding"][0].startswith("|") else {})


def _run(
    study: Study,
    folder: Path,
    space: str,
    setting: str,
    seed: int,
    pool: pd.DataFrame,
    facts: dict[str, Any],
    lost: bool,
) -> list[dict[str, Any]]:
    factor, _, value = setting.partition("=")
    start = {
        "study": study.study,
        "space": space,
        "setting": setting,
        "factor": factor,
        "value": value,
        "seed": seed,
        "pool": str(study.pool_of(space, setting, seed)),
    }
    rng = stream(seed, "fake", "run", space, setting)
    quality = rng.uniform(0.1, 1.2)
    rows, scores = [], []
    for bn_mode in study.scoring.bn_modes:
        for split in ("scoring", "test"):
            latent = stats_of(pool["truth"].to_numpy()) * quality + rng.normal(size=len(pool))
            accuracy = np.clip(0.3 + 0.3 * quality + 0.08 * latent, 0, 1)
            loss = 2.3 - 2 * accuracy + 0.02 * rng.normal(size=len(pool))
            if lost:
                accuracy, loss = np.full(len(pool), np.nan), np.full(len(pool), np.nan)
            scores.append(
                pd.DataFrame(
                    {
                        "arch_id": pool["arch_id"],
                        "bn_mode": bn_mode,
                        "split": split,
                        "accuracy": accuracy,
                        "loss": loss,
                    }
                )
            )
            for measure in _measures(accuracy, loss, pool, facts, rng, lost):
                state = {"status": "diverged" if lost else "complete", "diverged_at": 77 if lost else None}
                rows.append({**start, "bn_mode": bn_mode, "split": split, **measure, **state})
    where = folder / "runs" / space / setting / f"seed{seed}"
    write_table(where / "scores.parquet", pd.concat(scores, ignore_index=True))
    status = {"status": "diverged" if lost else "complete", "diverged_at": 77 if lost else None}
    curve = _curve(lost)
    write_table(where / "curve.parquet", curve)
    counts = {"steps": int(curve["step"].max()), "passes": 150, "images": 4_800, "parameters": 12_345}
    config = {"run": json.loads(study.run(space, setting, seed).model_dump_json())}
    write_json(where / "run.json", status | counts | config)
    return rows


def _curve(lost: bool) -> pd.DataFrame:
    """Return a curve of three epochs; that of a diverged run ends in the second one."""
    curve = {
        "epoch": [1, 2, 3],
        "step": [50, 100, 150],
        "learning_rate": [0.025, 0.0125, 0.001],
        "loss": [2.0, 1.5, 1.25],
        "accuracy": [0.25, 0.5, 0.625],
    }
    return pd.DataFrame(curve).assign(loss=[2.0, np.nan, 0.0])[:2] if lost else pd.DataFrame(curve)


def stats_of(values: np.ndarray) -> np.ndarray:
    """Return the values scaled to mean 0 and standard deviation 1."""
    return (values - values.mean()) / values.std()


def _measures(
    accuracy: np.ndarray,
    loss: np.ndarray,
    pool: pd.DataFrame,
    facts: dict[str, Any],
    rng: np.random.Generator,
    lost: bool,
) -> list[dict[str, Any]]:
    """Return rows of metrics.parquet; a diverged run has the same rows without numbers."""
    truth = pool["truth"].to_numpy()
    known = (truth, 1 - truth) if lost else (accuracy, loss)
    [found] = evaluate(
        [known], truth, threshold=facts["threshold"], k=facts["top"], draws=facts["draws"],
        population=len(truth), population_truth=truth, rng=rng, resamples=1 if lost else RESAMPLES,
    )  # fmt: skip
    return [
        {
            "score": one.score,
            "metric": one.metric,
            "estimate": np.nan if lost else one.estimate.value,
            "low": np.nan if lost else one.estimate.low,
            "high": np.nan if lost else one.estimate.high,
            "n": one.n,
        }
        for one in _with_subsets(found, known, pool, facts["threshold"], 1 if lost else RESAMPLES)
    ]


def _with_subsets(
    found: list[Measure], known: tuple[Any, Any], pool: pd.DataFrame, threshold: float, resamples: int
) -> list[Measure]:
    truth, rng = pool["truth"].to_numpy(), stream(0, "fake", "parts")
    subsets = {suffix: members for suffix, members in _subsets(pool).items() if suffix}
    return found + [
        replace(one, metric=one.metric + suffix)
        for suffix, members in subsets.items()
        for one in correlations(
            [(known[0][members], known[1][members])],
            truth[members],
            threshold=threshold,
            rng=rng,
            resamples=resamples,
        )[0]
    ]


def _search(study: Study, folder: Path, space: str, seed: int, pool: pd.DataFrame) -> None:
    rng = stream(seed, "fake", "search", space)
    k, truth = study.search.retrain, pool["truth"].to_numpy()
    found = np.quantile(truth, rng.uniform(0.6, 1, size=k)) + rng.normal(scale=0.004, size=k)
    ranks = np.array([truth_rank(one, truth) for one in found])
    known = spaces.load(space)
    drawn = known.sample(stream(seed, "fake", "found", space), count=k)
    table = {
        "rank": np.arange(1, k + 1),
        "arch_id": [hashlib.md5(f"{space}{seed}{i}found".encode()).hexdigest() for i in range(k)],
        "encoding": [known.format(arch) for arch in drawn],
        "score": np.sort(rng.uniform(0.6, 0.7, size=k))[::-1],
        "truth": found,
        "truth_quantile": ranks / len(truth),
        "parameters": rng.integers(10_000, 90_000, size=k),
        "macs": rng.integers(400_000, 3_600_000, size=k),
    }
    stem = folder / "search" / space / f"seed{seed}"
    write_table(stem.with_suffix(".parquet"), pd.DataFrame(table))
    scored = study.search.architectures
    write_json(
        stem.with_suffix(".json"),
        {"architectures": scored, "images": scored * 337, "forward_passes": scored * 2},
    )


def _systems(study: Study, folder: Path, space: str, seed: int, pool: pd.DataFrame) -> None:
    """Write one architecture of the pool per search system; nothing if the study has no search systems."""
    run = study.run(space, "baseline", seed)
    for part, names in enumerate(study.systems(space)):
        rng = stream(seed, "fake", "systems", space, str(part))
        found, truths = pool.iloc[rng.integers(len(pool), size=len(names))], pool["truth"].to_numpy()
        rows = {
            "system": names,
            "status": "complete",
            "rank": 1,
            "arch_id": found["arch_id"].to_numpy(),
            "encoding": found["encoding"].to_numpy(),
            "score": rng.uniform(0.6, 0.7, size=len(names)),
            "truth": found["truth"].to_numpy(),
            "truth_quantile": [truth_rank(truth, truths) / len(truths) for truth in found["truth"]],
            **dict.fromkeys(("forward_passes", "backward_passes", "images", "architectures", "multiply_adds"), 4_000),
            **dict.fromkeys(("trained", "baseline_trained"), training_passes(run) * run.setting.batch_size),
            **dict.fromkeys(("invalid", "passed_over"), 1),
            "source": "trained here",
            "kind": "pool",
            "population": len(pool),
        }
        stem = folder / "systems" / space / f"seed{seed}" / f"part{part}"
        write_table(stem.with_name(f"{stem.name}.parquet"), pd.DataFrame(rows))
        timing = stem.with_name(f"{stem.name}.timing.json")
        write_timing(timing, 60.0)
        seconds = {name: 60.0 * (position + 1) for position, name in enumerate(names)}
        write_json(timing, read_json(timing) | {"systems_seconds": seconds, "peak_bytes": dict.fromkeys(names, 5e8)})


def _analyses(study: Study, folder: Path, space: str) -> None:
    """Write parabolic loss landscapes and random feature statistics, if the study has them."""
    rng = stream(study.seed, "fake", "analyses", space)
    if study.landscape is not None:
        side = np.linspace(-1, 1, study.landscape.grid)
        rows = [
            {"kind": kind, "arch_id": "a", "x": x, "y": y, "loss": depth + 2 * (x**2 + x * y + y**2), "accuracy": 0.7}
            for kind, depth in (("standalone", 0.1), ("supernet_fixed", 0.9), ("supernet_random", 1.4))
            for y in side
            for x in side
        ]
        write_table(folder / "analysis" / "landscape" / f"{space}.parquet", pd.DataFrame(rows))
    if space in study.standalone_spaces():
        write_table(folder / "standalone" / f"{space}.parquet", _standalone(study, space))
    if space in study.feature_spaces():
        kinds = [("supernet", "step", 0.5), ("standalone", "step", 0.02), ("standalone", "batches", 0.01)]
        kinds += [("supernet", "batches", 0.02), ("supernet", "architectures", 0.3), ("standalone", "tracked", 0.03)]
        kinds += [("supernet", "tracked", 0.4)] if study.tracking(space) else []
        rows = [
            {
                "network": network,
                "kind": kind,
                "setting": "" if network == "standalone" else "baseline",
                "layer": f"layer{layer}",
                "step": number if kind == "step" else None,
                "sample": None if kind == "step" else number,
                "mean": 0.0,
                "variance": 1.0,
                "mean_distance": np.nan if kind == "step" and number == 0 else scale * rng.lognormal(),
                "scale_distance": np.nan if kind == "step" and number == 0 else scale * rng.lognormal(),
            }
            for network, kind, scale in kinds
            for layer in range(5)
            for number in range(40 if kind == "step" else 6)
        ]
        table = pd.DataFrame(rows).astype({"step": "Int64", "sample": "Int64"})
        write_table(folder / "analysis" / "features" / f"{space}.parquet", table)


def _standalone(study: Study, space: str) -> pd.DataFrame:
    """Return trainings that rank the pool nearly as the ground truth, and lose .03 per place in a list of values."""
    section = study.standalone
    assert section is not None
    pool, rng = _pool(study, space).head(section.most), stream(study.seed, "fake", "standalone", space)
    values = [("baseline", "", 0.0)]
    for factor, others in study.standalone_values(space).items():
        values += [(factor, str(value), 0.03 * place) for place, value in enumerate(others, start=1)]
    rows = [
        {"arch_id": arch_id, "factor": factor, "value": value, "seed": seed, "accuracy": truth - 0.1 - loss}
        for factor, value, loss in values
        for arch_id, truth in pool[["arch_id", "truth"]]
        .head(section.most if factor == "baseline" else section.architectures)
        .itertuples(index=False)
        for seed in range(section.seeds)
    ]
    table = pd.DataFrame(rows)
    table["accuracy"] += 0.01 * rng.normal(size=len(table))
    table["test_accuracy"] = table["accuracy"]
    return table.assign(diverged_at=None).astype({"diverged_at": "Int64"})
