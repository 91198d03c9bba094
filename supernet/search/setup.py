"""The problem that the systems of a study are given, from its config."""

from dataclasses import replace
from typing import Any

from torch import nn

from supernet.config.jobs import SystemsJob
from supernet.data.images import Augmenter, HeldOut, Images, Splits
from supernet.search.cost import Budget
from supernet.search.problem import Batches, Descent, Problem
from supernet.search.worth import Worth
from supernet.spaces.base import Space
from supernet.training.build import build_supernet
from supernet.training.evaluator import Evaluator


def make_problem(job: SystemsJob, space: Space[Any], splits: Splits, worth: Worth) -> Problem:
    """Weights are trained on the run's training images, architectures are chosen by the scoring split.

    Held-out batches are not augmented. UserError where a part has fewer images than a batch.
    """
    run, searches = job.run, job.searches
    setting, protocol = run.setting, run.protocol
    training = splits.training_images(setting.train_portion)
    count = min(searches.scored_images, len(splits.scoring))
    shown = Images(splits.scoring.pixels[:count], splits.scoring.labels[:count])
    scored = replace(splits, held_out=HeldOut(lambda: (shown, splits.test)))
    evaluator = Evaluator(scored, run.scoring, protocol.channels_last, run.seed, space.format)
    plain = run.data.model_copy(update={"crop_padding": 0, "flip": False})

    def score(network: nn.Module, arch: Any) -> tuple[float, float]:
        return evaluator.evaluate(network, arch, evaluator.bn_modes(network)[0], "scoring")

    return Problem(
        space=space,
        build=lambda partial_channels: build_supernet(run, space, splits, partial_channels),
        training=Batches(
            Augmenter(training, splits, run.data, protocol.channels_last), training, run.seed, searches.batch_size
        ),
        held_out=Batches(
            Augmenter(splits.scoring, splits, plain, protocol.channels_last),
            splits.scoring,
            run.seed,
            searches.batch_size,
        ),
        score=score,
        scored_images=count,
        draw=worth.draw,
        has_truth=worth.has,
        descent=Descent(
            setting.learning_rate,
            protocol.final_learning_rate,
            setting.weight_decay,
            protocol.momentum,
            protocol.clip,
        ),
        budget=Budget(searches.images, searches.seconds),
        training_share=searches.training_share,
        seed=run.seed,
        law=setting.path_sampling,
    )
