"""Which results a study has, and what today's study says to the program that makes each."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from supernet.config.jobs import METRICS_SECTIONS
from supernet.paper.catalogue import figure_names, on_request, table_names
from supernet.pipeline.plan import Plan

RUN_FILES = ("curve.parquet", "weights.safetensors", "scores.parquet", "run.json", "timing.json")


@dataclass(frozen=True)
class Expected:
    """A result that the study has, and what its program is told: keys and values of a record's config."""

    path: str
    config: dict[str, Any]


def expected(plan: Plan) -> list[Expected]:
    """All results of the study that `rule all` makes, from data sets to figures."""
    return [
        *_resources(plan),
        *_pools(plan),
        *_runs(plan),
        *(_systems(plan) if _searches_in_all(plan) else ()),
        *_measured(plan),
        *_analysed(plan),
        *_drawn(plan, requested=False),
    ]


def requested(plan: Plan) -> list[Expected]:
    """All results that targets of their own make: search systems that `all` leaves out, runs that are scored again."""
    rescored = (Expected(f"{plan.results}/rescored/{run}/scores.parquet", config) for run, config in runs(plan))
    return [*(() if _searches_in_all(plan) else _systems(plan)), *_drawn(plan, requested=True), *rescored]


def made(plan: Plan) -> list[Expected]:
    """What the study should have, and what it has of the results that are made on request."""
    return [*expected(plan), *(one for one in requested(plan) if os.path.lexists(one.path))]


def runs(plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each run as `{space}/{setting}/seed{n}`, and what scripts/train.py is told of it."""
    for space, setting, seed in plan.study.runs():
        yield f"{space}/{setting}/seed{seed}", json.loads(plan.run(space, setting, str(seed)))


def _resources(plan: Plan) -> Iterator[Expected]:
    name = plan.study.data.name
    yield Expected(f"{plan.resources}/data/{name}.safetensors", {"dataset": name})
    for table in dict.fromkeys(path for space in plan.study.spaces for path in plan.tables(space)):
        yield Expected(table, {"table": table.rpartition("/")[2].removesuffix(".parquet")})


def _pools(plan: Plan) -> Iterator[Expected]:
    for pool, name in plan.pools.items():
        yield Expected(f"{plan.results}/drawn/{pool}.parquet", plan.pool_choice(pool))
        yield Expected(f"{plan.results}/pools/{pool}.parquet", {"space": name.space})
        if not plan.tables(name.space):
            yield from _trainings(plan, pool, name.space)
        if plan.study.proxies.names and name in plan.study.pools():
            config = json.loads(plan.proxies(name.space))
            yield from _each(f"{plan.results}/proxies/{pool}", (".parquet", ".timing.json"), config)


def _trainings(plan: Plan, pool: str, space: str) -> Iterator[Expected]:
    seeds, repeated = plan.training_counts(pool)
    shards = plan.study.pool.shards
    for shard in range(shards):
        counts = {"seeds": seeds, "repeated": repeated, "shard": shard, "shards": shards}
        config = {"job": json.loads(plan.truth(space)), **counts}
        yield from _each(f"{plan.results}/truth/{pool}/shard{shard}", (".parquet", ".timing.json"), config)


def _runs(plan: Plan) -> Iterator[Expected]:
    for run, config in runs(plan):
        yield from _each(f"{plan.results}/runs/{run}/", RUN_FILES, config)
    for space in plan.study.spaces:
        for seed in plan.seeds(space):
            config = json.loads(plan.search(space, str(seed)))
            yield from _each(f"{plan.results}/search/{space}/seed{seed}", (".parquet", ".json", ".timing.json"), config)


def _systems(plan: Plan) -> Iterator[Expected]:
    for name in plan.system_parts:
        space, seed, part = name.split("/")
        config = json.loads(plan.systems(space, seed.removeprefix("seed"), part.removeprefix("part")))
        yield from _each(f"{plan.results}/systems/{name}", (".parquet", ".timing.json"), config)


def _searches_in_all(plan: Plan) -> bool:
    return plan.study.searches is not None and plan.study.searches.in_all


def _measured(plan: Plan) -> Iterator[Expected]:
    config = plan.study.model_dump(mode="json", include=set(METRICS_SECTIONS))
    files = ("metrics.parquet", "references.parquet", "spaces.json", "effects.parquet")
    yield from _each(f"{plan.results}/", files, config)


def _analysed(plan: Plan) -> Iterator[Expected]:
    analyses = {
        "landscape": (plan.study.landscape_spaces(), plan.landscape),
        "features": (plan.study.feature_spaces(), plan.features),
    }
    for name, (spaces, told) in analyses.items():
        for space in spaces:
            stem = f"{plan.results}/analysis/{name}/{space}"
            yield from _each(stem, (".parquet", ".timing.json"), json.loads(told(space)))


def _drawn(plan: Plan, requested: bool) -> Iterator[Expected]:
    study = plan.study.model_dump(mode="json")
    apart = on_request(plan.study)
    for name in [name for name in table_names(plan.study) if (name in apart) == requested]:
        config = {"table": name, "study": study}
        yield from _each(f"{plan.results}/tables/{name}", (".csv", ".md", ".tex", ".html"), config)
    for name in [name for name in figure_names(plan.study) if (name in apart) == requested]:
        config = {"figure": name, "study": study}
        yield from _each(f"{plan.results}/figures/{name}", (".pdf", ".png", ".csv", ".md"), config)


def _each(stem: str, suffixes: tuple[str, ...], config: dict[str, Any]) -> Iterator[Expected]:
    for suffix in suffixes:
        yield Expected(f"{stem}{suffix}", config)
