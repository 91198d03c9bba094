"""The configs of training programs: the part of a study on which their results depend, and nothing else."""

from supernet import spaces
from supernet.config.base import Model
from supernet.config.factors import Count, LayerCount, Rate
from supernet.config.pool_name import scored_pool
from supernet.config.sections import BnMode, SplitName
from supernet.config.study import (
    Data,
    Evaluation,
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
    Standalone,
    Study,
    Truth,
)
from supernet.errors import UserError
from supernet.nn.heuristics import BatchNorm

METRICS_SECTIONS = frozenset({"study", "seed", "pool", "metrics"})
"""Sections of a study on which metrics depend, besides scores and ground truth."""


class ScoringJob(Model):
    """Everything that the scores of a run depend on, except the architectures: its super-net, and how it is scored."""

    run: Run
    scoring: Scoring

    @property
    def bn_modes(self) -> tuple[BnMode, ...]:
        """The BN modes that the super-net has."""
        return self.scoring.defined_modes(self.run.setting.tracks)


class Ahead(Model):
    """What a training scores at once, because it has the network in memory; its results do not depend on it."""

    scoring: Scoring
    pools: str
    """Path of a pool, with `{pool}` for its name."""
    per_seed: bool
    """Whether each run seed has its own pool."""

    def pool(self, run: Run) -> str:
        """Return the path of the pool that a run scores."""
        name = scored_pool(run.space, run.setting.dynamic_channels, run.seed, self.per_seed)
        return self.pools.format(pool=name)


class TruthJob(Model):
    """Everything that the stand-alone trainings of a space depend on, except the architecture and the seed."""

    space: SpaceName
    truth: Truth
    study_seed: Seed
    data: Data
    protocol: Protocol
    evaluation: Evaluation


class Ranking(Evaluation):
    """How a search ranks architectures by their shared weights: on one split, in one BN mode."""

    bn_mode: BnMode
    split: SplitName


class SearchJob(Model):
    """Random search on one trained super-net, and the recipe with which the architectures found are trained.

    Without a recipe, the search is restricted to the published table of the space, which has their accuracies.
    """

    run: Run
    ranking: Ranking
    search: Search
    truth: TruthJob | None


class SystemsJob(Model):
    """Some search systems of a space, each on its own super-net with the values of the baseline run.

    Without a recipe, accuracies of the architectures found come from the published table of the space.
    """

    run: Run
    ranking: Ranking
    searches: Searches
    truth: TruthJob | None


class ProxiesJob(Model):
    """Everything that the zero-cost proxies of a space depend on; their networks are those of the ground truth."""

    space: SpaceName
    channels: Count
    layers: LayerCount | None
    widths: str
    channels_last: bool
    study_seed: Seed
    data: Data
    proxies: Proxies


class LandscapeJob(Model):
    """Everything that the loss landscapes of a space depend on: a trained super-net, and a stand-alone training.

    Losses are means over batches of `evaluation.batch_size` images.
    """

    run: Run
    evaluation: Evaluation
    standalone: TruthJob
    landscape: Landscape


class FeaturesJob(Model):
    """Everything that the feature statistics of a space depend on; `tracking` is a run whose norms track, or None."""

    run: Run
    tracking: Run | None
    standalone: TruthJob
    features: Features


class StandaloneJob(Model):
    """Everything that the stand-alone trainings of a space with swept values depend on, except the architectures.

    `recipe` and `batch_norm` have the values of the super-net's baseline; the other values replace one of them.
    """

    recipe: TruthJob
    batch_norm: BatchNorm
    learning_rates: tuple[Rate, ...] = ()
    batch_norms: tuple[BatchNorm, ...] = ()
    standalone: Standalone
    split: SplitName
    """Split of the column `accuracy`."""


def truth_job(study: Study, space: str) -> TruthJob:
    """Return the job of the stand-alone trainings of a space. Raises UserError without a recipe for them."""
    recipe = study.spaces[space].truth
    if recipe is None:
        raise UserError(f"study {study.study!r}: {space} has no `truth`: its ground truth is published, not trained")
    return _truth_job(study, space, recipe)


def _truth_job(study: Study, space: str, recipe: Truth) -> TruthJob:
    return TruthJob(
        space=space,
        truth=recipe,
        study_seed=study.seed,
        data=study.data,
        protocol=study.protocol,
        evaluation=study.scoring.evaluation,
    )


def scoring_job(study: Study, space: str, setting: str, seed: int) -> ScoringJob:
    """Return the job that scores a pool with the super-net of a run. Raises UserError if the study has no such run."""
    return ScoringJob(run=study.run(space, setting, seed), scoring=study.scoring)


def _ranking(study: Study, space: str, split: SplitName) -> Ranking:
    """Return how searches rank architectures of a space: in the first BN mode that its baseline has."""
    bn_mode = study.scoring.defined_modes(study.spaces[space].baseline.tracks)[0]
    return Ranking(**dict(study.scoring.evaluation), bn_mode=bn_mode, split=split)


def search_job(study: Study, space: str, seed: int, trained: bool) -> SearchJob:
    """Return the job of a random search on the baseline super-net of a seed.

    `trained` is whether the architectures found are trained; otherwise they are looked up in the published table.
    """
    truth = truth_job(study, space) if trained else None
    ranking = _ranking(study, space, study.scoring.ranked_on)
    return SearchJob(run=study.run(space, "baseline", seed), ranking=ranking, search=study.search, truth=truth)


def systems_job(study: Study, space: str, seed: int, part: int, trained: bool) -> SystemsJob:
    """Return the job of one part of the search systems of a space; `trained` as for `search_job`."""
    parts = study.systems(space)
    if study.searches is None or part >= len(parts):
        raise UserError(f"study {study.study!r}: {space} has no part {part} of search systems")
    truth = truth_job(study, space) if trained else None
    return SystemsJob(
        run=study.run(space, "baseline", seed),
        # Systems choose architectures on the held-out split: none may see the test set.
        ranking=_ranking(study, space, "scoring"),
        searches=study.searches.part(space, parts[part]),
        truth=truth,
    )


def proxies_job(study: Study, space: str, trained: bool) -> ProxiesJob:
    """Return the job of the proxies of a space; `trained` is whether its ground truth is trained, not published."""
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
    """Return the job of the loss landscapes of a space. Raises UserError without the section."""
    if study.landscape is None:
        raise UserError(f"study {study.study!r} has no section `landscape`")
    return LandscapeJob(
        run=_first_run(study, space, "baseline"),
        evaluation=study.scoring.evaluation,
        standalone=standalone_job(study, space),
        landscape=study.landscape,
    )


def features_job(study: Study, space: str) -> FeaturesJob:
    """Return the job of the feature statistics of a space. Raises UserError without the section."""
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
    """Return the job of a stand-alone training for comparison with the super-net.

    It has the recipe of the ground truth or, if the ground truth is only published, the values of the baseline.
    """
    if study.spaces[space].truth is not None:
        return truth_job(study, space)
    return _baseline_job(study, space)


def standalone_values_job(study: Study, space: str) -> StandaloneJob:
    """Return the job of the stand-alone trainings with swept values. Raises UserError without the section."""
    if study.standalone is None:
        raise UserError(f"study {study.study!r} has no section `standalone`")
    values = study.standalone_values(space)
    return StandaloneJob(
        recipe=_baseline_job(study, space, epochs=study.standalone.epochs),
        batch_norm=study.spaces[space].baseline.batch_norm,
        learning_rates=values.get("learning_rate", ()),
        batch_norms=values.get("batch_norm", ()),
        standalone=study.standalone,
        split=study.scoring.ranked_on,
    )


def _baseline_job(study: Study, space: str, **others: int) -> TruthJob:
    """Return the job of stand-alone trainings with the values of the super-net's baseline, except `others`."""
    baseline = study.spaces[space].baseline
    recipe = Truth.model_validate({name: getattr(baseline, name) for name in Truth.model_fields} | others)
    return _truth_job(study, space, recipe)


def _first_run(study: Study, space: str, setting: str) -> Run:
    return study.run(space, setting, study.seeds(space, setting)[0])
