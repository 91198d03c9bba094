"""What each training program is told: the part of a study that its result depends on, and nothing else."""

from supernet import spaces
from supernet.config.base import Model
from supernet.config.factors import Count, LayerCount
from supernet.config.study import (
    Data,
    Features,
    Landscape,
    Protocol,
    Proxies,
    Run,
    Scoring,
    Search,
    Searches,
    Seed,
    SpaceName,
    Study,
    Truth,
)
from supernet.errors import UserError

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


class SystemsJob(Model):
    """Some search systems of a space, each on a super-net of its own with the values of the baseline run.

    Without a recipe the space's published table says what their finds are worth.
    """

    run: Run
    searches: Searches
    truth: TruthJob | None


class ProxiesJob(Model):
    """All that the zero-cost proxies of a space depend on: the networks are those of the ground truth, untrained."""

    space: SpaceName
    channels: Count
    layers: LayerCount
    widths: str
    channels_last: bool
    study_seed: Seed
    data: Data
    proxies: Proxies


class LandscapeJob(Model):
    """All that the loss landscapes of a space depend on: a trained super-net, and a stand-alone training."""

    run: Run
    standalone: TruthJob
    landscape: Landscape


class FeaturesJob(Model):
    """All that the feature statistics of a space depend on; `tracking` is a run whose norms track, if there is one."""

    run: Run
    tracking: Run | None
    standalone: TruthJob
    features: Features


def truth_job(study: Study, space: str) -> TruthJob:
    """The stand-alone trainings of a space of a study; UserError if the study has no recipe for them."""
    recipe = study.spaces[space].truth
    if recipe is None:
        raise UserError(f"study {study.study!r}: {space} has no `truth`: its ground truth is published, not trained")
    return TruthJob(
        space=space,
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


def systems_job(study: Study, space: str, seed: int, part: int, trained: bool) -> SystemsJob:
    """One part of the search systems of a space; `trained` is that of `search_job`."""
    parts = study.systems(space)
    if study.searches is None or part >= len(parts):
        raise UserError(f"study {study.study!r}: {space} has no part {part} of search systems")
    truth = truth_job(study, space) if trained else None
    return SystemsJob(
        run=study.run(space, "baseline", seed), searches=study.searches.part(space, parts[part]), truth=truth
    )


def proxies_job(study: Study, space: str, trained: bool) -> ProxiesJob:
    """The proxies of a space; `trained` says that its ground truth is trained here, not that of a published table."""
    benchmark, recipe = spaces.load(space), study.spaces[space].truth
    own = recipe if trained else None
    return ProxiesJob(
        space=space,
        channels=benchmark.channels if own is None else own.channels,
        layers=benchmark.layers if own is None else own.layers,
        widths="benchmark" if own is None else study.protocol.nasbench101_widths,
        channels_last=study.protocol.channels_last,
        study_seed=study.seed,
        data=study.data,
        proxies=study.proxies,
    )


def landscape_job(study: Study, space: str) -> LandscapeJob:
    """Loss landscapes of the baseline super-net of the first seed; UserError if the study asks for none."""
    if study.landscape is None:
        raise UserError(f"study {study.study!r} has no section `landscape`")
    return LandscapeJob(
        run=_first_run(study, space, "baseline"), standalone=standalone_job(study, space), landscape=study.landscape
    )


def features_job(study: Study, space: str) -> FeaturesJob:
    """Feature statistics of the baseline super-net of the first seed; UserError if the study asks for none."""
    if study.features is None:
        raise UserError(f"study {study.study!r} has no section `features`")
    tracking = study.tracking(space)
    return FeaturesJob(
        run=_first_run(study, space, "baseline"),
        tracking=None if tracking is None else _first_run(study, space, tracking),
        standalone=standalone_job(study, space),
        features=study.features,
    )


def standalone_job(study: Study, space: str) -> TruthJob:
    """How one network is trained stand-alone, for comparison with the super-net.

    By the recipe of the ground truth, or, where that is published alone, with the values of the super-net's baseline.
    """
    if study.spaces[space].truth is not None:
        return truth_job(study, space)
    baseline = study.spaces[space].baseline
    recipe = Truth.model_validate({name: getattr(baseline, name) for name in Truth.model_fields})
    return TruthJob(
        space=space,
        truth=recipe,
        study_seed=study.seed,
        data=study.data,
        protocol=study.protocol,
        scoring=study.scoring,
    )


def _first_run(study: Study, space: str, setting: str) -> Run:
    return study.run(space, setting, study.seeds(space, setting)[0])
