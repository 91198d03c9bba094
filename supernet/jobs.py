"""What each training program is told: the part of a study that its result depends on, and nothing else."""

from supernet import spaces
from supernet.errors import UserError
from supernet.model import Model
from supernet.setting import Count, Layers
from supernet.study import Data, Protocol, Proxies, Run, Scoring, Search, Seed, SpaceName, Study, Truth

METRICS_SECTIONS = frozenset({"study", "seed", "pool", "metrics"})
"""Sections of a study that metrics depend on, scores and ground truth apart."""


class TruthJob(Model):
    """All that the stand-alone trainings of a space depend on, the architecture and the seed apart."""

    space: SpaceName
    truth: Truth
    study_seed: Seed
    data: Data
    protocol: Protocol
    scoring: Scoring


class SearchJob(Model):
    """Random search on one trained super-net, and the recipe by which its finds are trained.

    Without a recipe the space's published table is searched: its accuracies are what the finds are worth.
    """

    run: Run
    search: Search
    truth: TruthJob | None


class ProxiesJob(Model):
    """All that the zero-cost proxies of a space depend on: the networks are those of the ground truth, untrained."""

    space: SpaceName
    channels: Count
    layers: Layers
    channels_last: bool
    study_seed: Seed
    data: Data
    proxies: Proxies


def truth_job(study: Study, space: str) -> TruthJob:
    """The stand-alone trainings of a space of a study; UserError if the study has no recipe for them."""
    recipe = study.spaces[space].truth
    if recipe is None:
        raise UserError(f"study {study.study!r}: {space} has no `truth`: its ground truth is published, not trained")
    return TruthJob(
        space=space,  # type: ignore[arg-type]  # the study has checked it
        truth=recipe,
        study_seed=study.seed,
        data=study.data,
        protocol=study.protocol,
        scoring=study.scoring,
    )


def search_job(study: Study, space: str, seed: int, trained: bool) -> SearchJob:
    """Random search on the baseline super-net of a seed; `trained` says that finds are trained, not looked up."""
    truth = truth_job(study, space) if trained else None
    return SearchJob(run=study.run(space, "baseline", seed), search=study.search, truth=truth)


def proxies_job(study: Study, space: str, trained: bool) -> ProxiesJob:
    """The proxies of a space; `trained` says that its ground truth is trained here, not that of a published table."""
    benchmark, recipe = spaces.load(space), study.spaces[space].truth
    own = recipe if trained else None
    return ProxiesJob(
        space=space,  # type: ignore[arg-type]  # the study has checked it
        channels=benchmark.channels if own is None else own.channels,
        layers=benchmark.layers if own is None else own.layers,
        channels_last=study.protocol.channels_last,
        study_seed=study.seed,
        data=study.data,
        proxies=study.proxies,
    )
