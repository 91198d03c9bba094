"""Build the problem of the search systems from the config of a study."""

from dataclasses import replace
from functools import partial
from typing import Any

from torch import nn

from supernet.config.jobs import SystemsJob
from supernet.config.study import Data, Run
from supernet.data.images import Augmenter, HeldOut, Images, Splits
from supernet.pipeline.estimate import training_macs
from supernet.search.budget import Budget
from supernet.search.ground_truth import GroundTruth
from supernet.search.problem import Batches, Problem
from supernet.spaces.base import NetworkSize, Space
from supernet.training.build import build_supernet
from supernet.training.descent import Hyperparameters
from supernet.training.evaluator import Evaluator


def make_problem(job: SystemsJob, space: Space[Any], splits: Splits, ground_truth: GroundTruth) -> Problem:
    """Build a problem: training images of the run train the weights, the scoring split chooses architectures.

    Held-out batches are not augmented. Raises UserError if a split has fewer images than a batch.
    """
    run, searches = job.run, job.searches
    setting, protocol = run.setting, run.protocol
    count = min(searches.scored_images, len(splits.scoring))
    shown = Images(splits.scoring.pixels[:count], splits.scoring.labels[:count])
    scored = replace(splits, held_out=HeldOut(lambda: (shown, splits.test)))
    few, whole = (
        Evaluator(one, job.ranking, protocol.channels_last, run.seed, space.format) for one in (scored, splits)
    )
    plain = run.data.model_copy(update={"crop_padding": 0, "flip": False})

    def batches(images: Images, data: Data) -> Batches:
        augmenter = Augmenter(images, splits, data, protocol.channels_last)
        return Batches(augmenter, images, run.seed, searches.batch_size)

    def score(evaluator: Evaluator, network: nn.Module, arch: Any) -> tuple[float, float]:
        return evaluator.evaluate(network, arch, job.ranking.bn_mode, job.ranking.split)

    return Problem(
        space=space,
        build=lambda: build_supernet(run, space, splits),
        build_relaxed=partial(_relaxed_supernet, job, space, splits),
        training=batches(splits.training_images(setting.train_portion), run.data),
        held_out=batches(splits.scoring, plain),
        score=partial(score, few),
        scored_images=count,
        score_whole=partial(score, whole),
        whole_images=len(splits.scoring),
        finalists=searches.finalists,
        draw=ground_truth.draw,
        has_truth=ground_truth.has,
        hyperparameters=_hyperparameters(run),
        budget=_budget(job),
        training_share=searches.training_share,
        seed=run.seed,
        size=_size(run, space, splits),
        side=splits.train.pixels.shape[-1],
        zero_in_zero_out=setting.batch_norm == "none",
        law=setting.path_sampling,
        random_paths=protocol.random_paths,
        fairnas_gradient=protocol.fairnas_gradient,
        precision=protocol.precision,
    )


def _relaxed_supernet(job: SystemsJob, space: Space[Any], splits: Splits, partial_channels: int) -> nn.Module:
    searches = job.searches
    return build_supernet(
        job.run,
        space,
        splits,
        partial_channels=partial_channels,
        cell_norms="plain" if searches.relaxed_norms == "plain" else "batch_norm",
        pooling_norms=searches.pooling_norms,
    )


def _size(run: Run, space: Space[Any], splits: Splits) -> NetworkSize:
    setting, pixels = run.setting, splits.train.pixels
    widths = run.protocol.nasbench101_widths
    return space.network_size(setting.channels, setting.layers, splits.classes, pixels.shape[1], widths)


def _hyperparameters(run: Run) -> Hyperparameters:
    setting, protocol = run.setting, run.protocol
    return Hyperparameters(
        learning_rate=setting.learning_rate,
        final_learning_rate=protocol.final_learning_rate,
        weight_decay=setting.weight_decay,
        momentum=protocol.momentum,
        clip=protocol.clip,
        untouched=protocol.untouched,
    )


def _budget(job: SystemsJob) -> Budget:
    """Return the budget of a search; multiples of trainings are counted in multiply-adds."""
    searches = job.searches
    if searches.trainings is not None:
        return Budget(multiply_adds=max(1, round(searches.trainings * training_macs(job.run))))
    return Budget(searches.images, searches.seconds, searches.multiply_adds)
