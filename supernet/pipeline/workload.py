"""The work of each job that trains or scores networks: passes and multiply-adds by kind and space. Torch-free.

Work of searches and analyses is counted from their budgets. It is an upper bound where they can end earlier.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from supernet.config.artifacts import RunName
from supernet.config.jobs import standalone_job, standalone_values_job, truth_job
from supernet.config.searches import RELAXED, SAMPLED, Searches
from supernet.config.study import Run
from supernet.pipeline.estimate import (
    TRAINING_PASS,
    mixture_work,
    run_work,
    scored_work,
    split_images,
    standalone_work,
    training_macs,
    training_passes,
)
from supernet.pipeline.plan import Plan

Kind = Literal["training", "scoring", "stand-alone"]
"""Training of super-nets, scoring with shared weights, stand-alone training with its test."""


@dataclass(frozen=True)
class Part:
    """A part of the work of a job."""

    kind: Kind
    space: str
    """Space of the study."""
    passes: float
    """Forward-backward passes, each counted by the layers of its network relative to the baseline; 0 for scoring."""
    macs: float
    """Multiply-adds."""


@dataclass(frozen=True)
class Workload:
    """The work of a job: its parts, and the seconds of a budget that is given as such."""

    parts: tuple[Part, ...] = ()
    seconds: float = 0.0


def workload(plan: Plan, rule: str, wildcards: Mapping[str, str]) -> Workload | None:
    """Return the work of a job; None for rules that neither train nor score. Raises UserError like `run_work`."""
    known = _RULES.get(rule)
    return None if known is None else known(plan, wildcards)


def training_work(plan: Plan, run: RunName) -> Workload:
    """Return the work of training a super-net and of scoring its pool, which the training does if the pool is small."""
    config = plan.study.run(*run)
    scored = plan.pool_size(plan.pool(run.space, run.setting, str(run.seed))).architectures
    work = run_work(config, plan.study.scoring, scored)
    baseline = plan.study.spaces[run.space].baseline
    # A space without the factor has one number of layers.
    passes = training_passes(config) * (config.setting.layers or 1) / (baseline.layers or 1)
    training = Part("training", run.space, passes, work.training_macs)
    return Workload((training, Part("scoring", run.space, 0, work.scoring_macs)))


def standalone_part(plan: Plan, pool: str, trainings: int) -> Part:
    """Return the work of a number of stand-alone trainings of a pool."""
    name = plan.pools[pool]
    steps, macs = standalone_work(truth_job(plan.study, name.space), name.own_space)
    return Part("stand-alone", name.space, trainings * steps, trainings * macs)


def _train(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    return training_work(plan, RunName(wildcards["space"], wildcards["setting"], int(wildcards["seed"])))


def _score(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    run = RunName(wildcards["space"], wildcards["setting"], int(wildcards["seed"]))
    # A training that is still to be done counts the scores as its work.
    if not os.path.exists(plan.artifacts.run(*run).summary):
        return Workload()
    _, scoring = training_work(plan, run).parts
    return Workload((scoring,))


def _truth(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    pool = wildcards["pool"]
    return Workload((standalone_part(plan, pool, plan.trainings_in(pool, int(wildcards["shard"]))),))


def _search(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    space, search = wildcards["space"], plan.study.search
    run = plan.study.run(space, "baseline", int(wildcards["seed"]))
    # In one BN mode, on one split.
    images = split_images(plan.study.data, plan.study.scoring.ranked_on)
    scoring = Part("scoring", space, 0, scored_work(run, search.architectures, images))
    return Workload((scoring, *_alone(plan, space, 0 if plan.tables(space) else search.retrain)))


def _systems(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    space, searches = wildcards["space"], plan.study.searches
    systems = plan.study.systems(space)[int(wildcards["part"])]
    if searches is None:
        return Workload()
    found = sum(map(searches.finds_of, systems))
    alone = _alone(plan, space, 0 if plan.tables(space) else found)
    if searches.seconds is not None:
        return Workload(alone, len(systems) * searches.seconds)
    run = plan.study.run(space, "baseline", int(wildcards["seed"]))
    if searches.trainings is not None:
        macs = len(systems) * searches.trainings * training_macs(run)
    elif searches.multiply_adds is not None:
        macs = float(len(systems) * searches.multiply_adds)
    else:
        macs = TRAINING_PASS * sum(_search_work(run, name, searches) for name in systems)
    # Passes are those of paths with the same multiply-adds: a mixture has more layers than a path, not larger ones.
    passes = macs / (TRAINING_PASS * scored_work(run, 1, searches.batch_size))
    return Workload((Part("training", space, passes, macs), *alone))


def _search_work(run: Run, system: str, searches: Searches) -> float:
    """Return the multiply-adds of the forward passes of a system whose budget is a number of images."""
    images = searches.images or 0
    if system not in RELAXED:
        return scored_work(run, 1, images)
    partial = searches.pc_darts.partial_channels if system == "pc_darts" else 1
    return mixture_work(run, images, system in SAMPLED, partial)


def _landscape(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    space, landscape = wildcards["space"], plan.study.landscape
    if landscape is None:
        return Workload()
    # At each point: one path, the average of some paths, and a stand-alone network.
    run = plan.study.run(space, "baseline", plan.seeds(space)[0])
    macs = scored_work(run, (2 + landscape.paths) * landscape.grid**2, landscape.images)
    return Workload((Part("scoring", space, 0, macs), *_alone(plan, space, 1)))


def _features(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    space, features = wildcards["space"], plan.study.features
    if features is None:
        return Workload()
    run = plan.study.run(space, "baseline", plan.seeds(space)[0])
    passes = min(features.steps, training_passes(run))
    macs = scored_work(run, 1, passes * run.setting.batch_size)
    compared = scored_work(run, 2 * features.architectures, features.batches * run.setting.batch_size)
    training = Part("training", space, passes, TRAINING_PASS * macs)
    return Workload((training, Part("scoring", space, 0, compared), *_alone(plan, space, 1)))


def _standalone(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    space = wildcards["space"]
    recipe, pool = standalone_values_job(plan.study, space).recipe, plan.study.main_pool(space)
    steps, macs = standalone_work(recipe, pool.own_space)
    count = plan.standalone_count(space)
    return Workload((Part("stand-alone", space, count * steps, count * macs),))


def _proxies(plan: Plan, wildcards: Mapping[str, str]) -> Workload:
    pool, proxies = plan.pools[wildcards["pool"]], plan.study.proxies
    steps, macs = standalone_work(standalone_job(plan.study, pool.space), pool.own_space)
    networks = min(plan.pool_size(wildcards["pool"]).architectures, proxies.architectures) * proxies.seeds
    passes = len(proxies.names) * networks
    # A pass on a few images takes about as long as a step: most of both is not arithmetic.
    return Workload((Part("stand-alone", pool.space, passes, passes * macs / steps),))


def _alone(plan: Plan, space: str, trainings: int) -> tuple[Part, ...]:
    if not trainings:
        return ()
    steps, macs = standalone_work(standalone_job(plan.study, space), space)
    return (Part("stand-alone", space, trainings * steps, trainings * macs),)


_RULES: Mapping[str, Callable[[Plan, Mapping[str, str]], Workload]] = MappingProxyType(
    {
        "train": _train,
        "score": _score,
        "truth": _truth,
        "search": _search,
        "systems": _systems,
        "landscape": _landscape,
        "features": _features,
        "standalone": _standalone,
        "proxies": _proxies,
    }
)
