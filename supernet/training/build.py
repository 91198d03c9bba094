"""Build networks and trainers from validated configs: the only place where a config value becomes an argument."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from supernet.config.jobs import ProxiesJob, TruthJob
from supernet.config.study import Protocol, Run
from supernet.data.images import Augmenter, Images, Splits, memory_format
from supernet.errors import UserError
from supernet.io.tensors import open_tensors
from supernet.nn.heuristics import BatchNorm
from supernet.rng import torch_seed
from supernet.spaces.base import Space
from supernet.training.few_shot import FewShot, SplitStep
from supernet.training.landmarks import Landmark, Ranking
from supernet.training.path_sampling import FAIR, epoch_paths
from supernet.training.schedule import Steps, standalone_steps, step_after, supernet_steps
from supernet.training.trainer import Recipe, Trainer


def build_supernet(run: Run, space: Space[Any], splits: Splits, **relaxation: Any) -> nn.Module:
    """Build the super-net of a run, initialised from its seed, on the device of the images.

    `relaxation` are fields of the layer factory for mixtures: `partial_channels`, `cell_norms`, `pooling_norms`.
    """
    setting = run.setting
    with _seeded(run.seed):
        network = space.build_supernet(
            channels=setting.channels,
            layers=setting.layers,
            num_classes=splits.classes,
            in_channels=splits.train.pixels.shape[1],
            bn_momentum=_momentum(run.protocol, space),
            widths=run.protocol.nasbench101_widths,
            outer_norms=run.protocol.outer_norms,
            darts_drop_path=run.protocol.darts_drop_path,
            **relaxation,
            **setting.values_for("layers"),
        )
    if setting.few_shot == "split":
        network = FewShot(network, space.branches, space.branch)
    return _placed(network, run.protocol.channels_last, splits)


def load_supernet(run: Run, space: Space[Any], splits: Splits, weights: Path) -> nn.Module:
    """Load the trained super-net of a run from its weights file. Raises UserError if the file is of another network."""
    network = build_supernet(run, space, splits)
    try:
        with open_tensors(weights, "pt", "scripts/train.py") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(f"{weights}: not the weights of this run: {error}") from error
    return network


def build_standalone(
    job: TruthJob, space: Space[Any], arch: Any, seed: int, splits: Splits, batch_norm: BatchNorm = "affine+tracking"
) -> nn.Module:
    """Build the path network of one architecture, initialised from a seed and called as `net(images, arch)`."""
    with _seeded(seed):
        network = space.build_standalone(
            arch,
            channels=job.truth.channels,
            layers=job.truth.layers,
            num_classes=splits.classes,
            in_channels=splits.train.pixels.shape[1],
            bn_momentum=_momentum(job.protocol, space),
            widths=job.protocol.nasbench101_widths,
            batch_norm=batch_norm,
        )
    path_network: nn.Module = network.network  # type: ignore[assignment]
    return _placed(path_network, job.protocol.channels_last, splits)


def build_untrained(job: ProxiesJob, space: Space[Any], arch: Any, seed: int, splits: Splits) -> nn.Module:
    """Build the untrained stand-alone network of one architecture, initialised from a seed, called as `net(images)`."""
    with _seeded(seed):
        network = space.build_standalone(
            arch,
            channels=job.channels,
            layers=job.layers,
            num_classes=splits.classes,
            in_channels=splits.train.pixels.shape[1],
            widths=job.widths,
        )
    return _placed(network, job.channels_last, splits)


def supernet_trainer(
    run: Run,
    space: Space[Any],
    network: nn.Module,
    splits: Splits,
    landmarks: Sequence[Landmark] | None = None,
) -> Trainer:
    """Make the trainer of a run for a network of `build_supernet`.

    `landmarks` are given if and only if the setting has them; their passes come on top of the budget. Raises UserError
    if landmarks are missing, not requested, or not as many as the protocol requires.
    """
    setting, protocol = run.setting, run.protocol
    steps = supernet_steps(run, space, splits.sizes)
    recipe = _recipe(
        protocol,
        steps,
        mean_gradient=setting.path_sampling not in FAIR or protocol.fairnas_gradient == "mean",
        untouched=protocol.untouched,
        **setting.values_for("recipe"),
    )
    return Trainer(
        network,
        recipe,
        _augmenter(splits.training_images(setting.train_portion), splits, run),
        lambda epoch, steps: epoch_paths(space, setting.path_sampling, run.seed, epoch, steps, protocol.random_paths),
        run.seed,
        before=_split_step(network, protocol.few_shot_shared, steps.total),
        ranking=_ranking(run, landmarks, steps.total),
    )


def _split_step(network: nn.Module, shared: float, steps: int) -> SplitStep | None:
    return SplitStep(network, step_after(shared, steps)) if isinstance(network, FewShot) else None


def _ranking(run: Run, landmarks: Sequence[Landmark] | None, steps: int) -> Ranking | None:
    protocol, asked = run.protocol, run.setting.landmarks == "ranking"
    if landmarks is None:
        if asked:
            raise UserError("setting.landmarks is ranking: expected landmarks with ground truth (--landmarks)")
        return None
    if not asked:
        raise UserError("setting.landmarks is none, but landmarks are given: leave out --landmarks")
    if len(landmarks) != protocol.landmarks:
        raise UserError(f"protocol.landmarks is {protocol.landmarks}: found {len(landmarks)}; expected as many")
    start = step_after(protocol.landmark_start, steps)
    return Ranking(landmarks, protocol.landmark_pairs, protocol.landmark_weight, start, steps)


def standalone_trainer(job: TruthJob, network: nn.Module, arch: Any, seed: int, splits: Splits) -> Trainer:
    """Make the trainer of one architecture with the recipe of the ground truth."""
    truth, protocol = job.truth, job.protocol
    steps = standalone_steps(truth, splits.sizes)
    recipe = _recipe(
        protocol,
        steps,
        batch_size=truth.batch_size,
        learning_rate=truth.learning_rate,
        weight_decay=truth.weight_decay,
    )
    augmenter = _augmenter(splits.training_images(truth.train_portion), splits, job)
    return Trainer(network, recipe, augmenter, lambda _, steps: [(arch,)] * steps, seed)


def _recipe(protocol: Protocol, steps: Steps, **values: Any) -> Recipe:
    """Make a recipe from what all trainings of a study share, its steps, and the `values` of one training."""
    return Recipe(
        steps=steps.total,
        steps_per_epoch=steps.per_epoch,
        passes_per_step=steps.passes,
        final_learning_rate=protocol.final_learning_rate,
        momentum=protocol.momentum,
        clip=protocol.clip,
        precision=protocol.precision,
        **values,
    )


def _momentum(protocol: Protocol, space: Space[Any]) -> float:
    chosen = protocol.bn_momentum
    if isinstance(chosen, float):
        return chosen
    return {"benchmark": space.bn_momentum, "authors_code": space.authors_bn_momentum}[chosen]


def _augmenter(images: Images, splits: Splits, config: Run | TruthJob) -> Augmenter:
    return Augmenter(images, splits, config.data, config.protocol.channels_last)


def _placed(network: nn.Module, channels_last: bool, splits: Splits) -> nn.Module:
    kept = memory_format(channels_last)
    return network.to(device=splits.train.pixels.device, memory_format=kept)  # type: ignore[call-overload,no-any-return]


class _seeded:  # noqa: N801 - reads as a statement
    """Initialise from the stream `init` of a seed, without touching torch's global generator."""

    def __init__(self, seed: int) -> None:
        self._seed = torch_seed(seed, "init")
        self._fork = torch.random.fork_rng(devices=[])

    def __enter__(self) -> None:
        self._fork.__enter__()
        torch.manual_seed(self._seed)

    def __exit__(self, *error: Any) -> None:
        self._fork.__exit__(*error)
