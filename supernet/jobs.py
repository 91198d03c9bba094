"""What each training program is told: the part of a study that its result depends on, and nothing else."""

from supernet.model import Model
from supernet.study import Data, Protocol, Run, Scoring, Search, Seed, SpaceName, Study, Truth


class TruthJob(Model):
    """All that the stand-alone trainings of a space depend on, the architecture and the seed apart."""

    space: SpaceName
    truth: Truth
    study_seed: Seed
    data: Data
    protocol: Protocol
    scoring: Scoring


class SearchJob(Model):
    """Random search on one trained super-net, and the recipe by which its finds are trained."""

    run: Run
    search: Search
    truth: TruthJob


def truth_job(study: Study, space: str) -> TruthJob:
    """The stand-alone trainings of a space of a study."""
    return TruthJob(
        space=space,  # type: ignore[arg-type]  # the study has checked it
        truth=study.spaces[space].truth,
        study_seed=study.seed,
        data=study.data,
        protocol=study.protocol,
        scoring=study.scoring,
    )


def search_job(study: Study, space: str, seed: int) -> SearchJob:
    """Random search on the baseline super-net of a seed."""
    return SearchJob(run=study.run(space, "baseline", seed), search=study.search, truth=truth_job(study, space))
