"""The results that a study should have, each with the config that the current study gives to its program.

Rules take the paths, the sets of jobs and the lists of tables and figures from the same places: `config/artifacts.py`,
`pipeline/plan.py` and `paper/catalogue.py`.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from supernet.config.artifacts import PartsFolder, StoreFolder, is_stored, space_folder
from supernet.config.base import Model
from supernet.config.identity import standalone_identity, supernet_identity
from supernet.config.jobs import (
    METRICS_SECTIONS,
    FeaturesJob,
    LandscapeJob,
    ProxiesJob,
    ScoringJob,
    SearchJob,
    StandaloneJob,
    SystemsJob,
    TruthJob,
    truth_job,
)
from supernet.config.study import Run
from supernet.paper.catalogue import figure_names, on_request, table_names
from supernet.pipeline.plan import Plan
from supernet.provenance.record import RecordError, read_record, root_digest


@dataclass(frozen=True)
class Expected:
    """A result that the study should have, and the config that its record should name."""

    path: str
    config: dict[str, Any]


def expected(plan: Plan) -> list[Expected]:
    """Return all results that `rule all` makes, from data sets to figures."""
    return [
        *_resources(plan),
        *_pools(plan),
        *_trainings(plan),
        *_runs(plan),
        *(_systems(plan) if plan.systems_in_all else ()),
        *_measured(plan),
        *_analysed(plan),
        *_drawn(plan, requested=False),
    ]


def requested(plan: Plan) -> list[Expected]:
    """Return the results that only targets other than `all` make."""
    return [*(() if plan.systems_in_all else _systems(plan)), *_drawn(plan, requested=True)]


def made(plan: Plan) -> list[Expected]:
    """Return the expected results, and the existing ones of those that are made on request."""
    return [*expected(plan), *(one for one in requested(plan) if os.path.lexists(one.path))]


def recorded_root_digest(plan: Plan) -> str | None:
    """Return the root digest of a study from the records of its results; None if one is missing or damaged.

    That the files have the recorded contents is checked by an audit only.
    """
    try:
        return root_digest(read_record(one.path) for one in made(plan))
    except RecordError:
        return None


def shared(plan: Plan) -> dict[str, Mapping[str, Any]]:
    """Return the folders of the store from which the study may take files (`shared_folder`), with the config of each.

    Those of a space have the parts of its ground truth; below it, parts of other configs are in other folders. Those of
    a run have its super-net. What the study has taken over, its records say.
    """
    spaces = dict.fromkeys(plan.pools[pool].space for pool, _ in plan.truth_shards)
    truth = {space: standalone_identity(truth_job(plan.study, space)) for space in spaces}
    found = {
        PartsFolder.truth(plan.artifacts.store, space, "").path: identity.values for space, identity in truth.items()
    }
    for run in (plan.study.run(*name) for name in plan.runs):
        folder = StoreFolder.supernets(plan.artifacts.store, run.space, supernet_identity(run).digest)
        found[folder.path] = {"run": run.model_dump(mode="json")}
    return {os.path.normpath(path): config for path, config in found.items()}


def may_take_over(plan: Plan) -> Callable[[str], bool]:
    """Return a function that says whether a path is that of a file of the store that results of a study may name.

    All trainings of its spaces are, whatever their config: whether it fits, an audit tells.
    """
    store = plan.artifacts.store
    of_space = (PartsFolder.truth, StoreFolder.supernets)
    folders = {os.path.normpath(kind(store, name, "").path) for kind in of_space for name in plan.study.spaces}
    return lambda path: is_stored(path) and space_folder(os.path.normpath(path)) in folders


def run_config(plan: Plan, space: str, setting: str, seed: int) -> dict[str, Any]:
    """Return the config that scripts/train.py takes for a run."""
    return _full(Run, plan.run(space, setting, str(seed)))


def _resources(plan: Plan) -> Iterator[Expected]:
    name = plan.study.data.name
    yield Expected(plan.artifacts.images(name), {"dataset": name})
    used = (space.published for name, space in plan.study.spaces.items() if plan.tables(name))
    for table in dict.fromkeys([*filter(None, used), *plan.study.metrics.further_truths]):
        yield Expected(plan.artifacts.published(table), {"table": table})


def _pools(plan: Plan) -> Iterator[Expected]:
    for pool, name in plan.pools.items():
        yield Expected(plan.artifacts.drawn_pool(pool), plan.pool_choice(pool))
        yield Expected(plan.artifacts.pool(pool), {"space": name.space})
    for pool in plan.proxied:
        yield from _each(plan.artifacts.proxies(pool).files, _full(ProxiesJob, plan.proxies(plan.pools[pool].space)))


def _trainings(plan: Plan) -> Iterator[Expected]:
    for pool, shard in plan.truth_shards:
        seeds, repeated = plan.training_counts(pool)
        counts = {"seeds": seeds, "repeated": repeated, "shard": shard, "shards": plan.study.pool.shards}
        config = {"job": _full(TruthJob, plan.truth(plan.pools[pool].space)), **counts}
        yield from _each(plan.artifacts.truth(pool, shard).files, config)


def _runs(plan: Plan) -> Iterator[Expected]:
    for run in plan.runs:
        space, setting, seed = run
        yield from _each(plan.artifacts.run(*run).training, run_config(plan, *run))
        yield from _each(plan.artifacts.run(*run).scoring, _full(ScoringJob, plan.scoring(space, setting, str(seed))))
    for space, seed in plan.searches:
        yield from _each(plan.artifacts.search(space, seed).files, _full(SearchJob, plan.search(space, str(seed))))


def _systems(plan: Plan) -> Iterator[Expected]:
    for space, seed, part in plan.system_jobs:
        config = _full(SystemsJob, plan.systems(space, str(seed), str(part)))
        yield from _each(plan.artifacts.systems(space, seed, part).files, config)


def _measured(plan: Plan) -> Iterator[Expected]:
    measured = (*plan.artifacts.measured, *plan.contrasts)
    yield from _each(measured, plan.study.model_dump(mode="json", include=set(METRICS_SECTIONS)))


def _analysed(plan: Plan) -> Iterator[Expected]:
    for space in plan.study.landscape_spaces():
        yield from _each(plan.artifacts.landscape(space).files, _full(LandscapeJob, plan.landscape(space)))
    for space in plan.study.feature_spaces():
        yield from _each(plan.artifacts.features(space).files, _full(FeaturesJob, plan.features(space)))
    for space in plan.study.standalone_spaces():
        yield from _each(plan.artifacts.standalone(space).files, _full(StandaloneJob, plan.standalone(space)))


def _drawn(plan: Plan, requested: bool) -> Iterator[Expected]:
    study = plan.study.model_dump(mode="json")
    left_out = on_request(plan.study)
    for name in table_names(plan.study):
        if (name in left_out) == requested:
            yield from _each(plan.artifacts.table(name).files, {"table": name, "study": study})
    for name in figure_names(plan.study):
        if (name in left_out) == requested:
            yield from _each(plan.artifacts.figure(name).files, {"figure": name, "study": study})


def _each(paths: Iterable[str], config: dict[str, Any]) -> Iterator[Expected]:
    for path in paths:
        yield Expected(path, config)


def _full(model: type[Model], text: str) -> dict[str, Any]:
    """Return a config as records have it: with the values that are defaults, which `params` leave out."""
    return model.model_validate_json(text).model_dump(mode="json")
