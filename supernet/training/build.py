"""Networks and trainers from validated configs: the one place where a config value becomes an argument."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from supernet.config.jobs import ProxiesJob, TruthJob
from supernet.config.study import Protocol, Run
from supernet.data.images import Augmenter, Images, Splits
from supernet.errors import UserError
from supernet.provenance.recorder import note_input
from supernet.rng import torch_seed
from supernet.spaces.base import Space
from supernet.training.few_shot import FewShot, Split
from supernet.training.landmarks import Landmark, Ranking
from supernet.training.path_sampling import epoch_paths, passes_per_step
from supernet.training.trainer import Recipe, Trainer, steps_in_epoch


def build_supernet(run: Run, space: Space[Any], splits: Splits, partial_channels: int = 1) -> nn.Module:
    """The super-net of a run, initialised from its seed, on the device of the images.

    `partial_channels` is that of `Space.build_supernet`; it is no factor of a run.
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
            partial_channels=partial_channels,
            **setting.values_for("layers"),
        )
    if setting.few_shot == "split":
        network = FewShot(network, space.branches, space.branch)
    return _placed(network, run.protocol, splits)


def load_supernet(run: Run, space: Space[Any], splits: Splits, weights: Path) -> nn.Module:
    """The trained super-net of a run from its weights file; raises UserError if the file fits another network."""
    network = build_supernet(run, space, splits)
    try:
        network.load_state_dict(load_file(note_input(weights)))
    except RuntimeError as error:
        raise UserError(f"{weights}: not the weights of this run: {error}") from error
    return network


def build_standalone(job: TruthJob, space: Space[Any], arch: Any, seed: int, splits: Splits) -> nn.Module:
    """The path network of one architecture, initialised from a seed, called as `net(images, arch)`."""
    with _seeded(seed):
        network = space.build_standalone(
            arch,
            channels=job.truth.channels,
            layers=job.truth.layers,
            num_classes=splits.classes,
            in_channels=splits.train.pixels.shape[1],
            bn_momentum=_momentum(job.protocol, space),
            widths=job.protocol.nasbench101_widths,
        )
    path_network: nn.Module = network.network  # type: ignore[assignment]
    return _placed(path_network, job.protocol, splits)


def build_untrained(job: ProxiesJob, space: Space[Any], arch: Any, seed: int, splits: Splits) -> nn.Module:
    """The stand-alone network of one architecture as a training of that seed finds it, called as `net(images)`."""
    with _seeded(seed):
        network = space.build_standalone(
            arch,
            channels=job.channels,
            layers=job.layers,
            num_classes=splits.classes,
            in_channels=splits.train.pixels.shape[1],
            widths=job.widths,
        )
    memory_format = torch.channels_last if job.channels_last else torch.contiguous_format
    return network.to(device=splits.train.pixels.device, memory_format=memory_format)  # type: ignore[call-overload,no-any-return]


def supernet_trainer(
    run: Run,
    space: Space[Any],
    network: nn.Module,
    splits: Splits,
    landmarks: Sequence[Landmark] | None = None,
) -> Trainer:
    """The trainer of a run of a network of `build_supernet`; `landmarks` if and only if its setting has them.

    FairNAS at equal passes takes fewer steps than the other laws, on as many fewer images. Passes of landmarks come
    on top of the budget. UserError for landmarks that are missing, not asked for, or not as many as the protocol says.
    """
    setting, protocol = run.setting, run.protocol
    images = splits.training_images(setting.train_portion)
    per_epoch = steps_in_epoch(images, setting.batch_size)
    steps = setting.epochs * per_epoch
    fair = setting.path_sampling == "fairnas"
    passes = passes_per_step(space, setting.path_sampling, protocol.random_paths)
    if fair and protocol.fairnas_budget == "equal_passes":
        steps = max(1, steps * protocol.random_paths // passes)
    recipe = Recipe(
        steps=steps,
        steps_per_epoch=per_epoch,
        final_learning_rate=protocol.final_learning_rate,
        momentum=protocol.momentum,
        clip=protocol.clip,
        passes_per_step=passes,
        mean_gradient=not fair or protocol.fairnas_gradient == "mean",
        precision=protocol.precision,
        **setting.values_for("recipe"),
    )
    return Trainer(
        network,
        recipe,
        _augmenter(images, splits, run),
        lambda epoch, steps: epoch_paths(space, setting.path_sampling, run.seed, epoch, steps, protocol.random_paths),
        run.seed,
        before=_split(network, protocol.few_shot_shared, steps),
        ranking=_ranking(run, landmarks, steps),
    )


def _split(network: nn.Module, shared: float, steps: int) -> Split | None:
    # At most the last step: a product of floats could round up to all of them.
    return Split(network, min(int(shared * steps), steps - 1)) if isinstance(network, FewShot) else None


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
    start = min(int(protocol.landmark_start * steps), steps - 1)
    return Ranking(landmarks, protocol.landmark_pairs, protocol.landmark_weight, start, steps)


def standalone_trainer(job: TruthJob, network: nn.Module, arch: Any, seed: int, splits: Splits) -> Trainer:
    """The trainer of one architecture by the recipe of the ground truth."""
    truth, protocol = job.truth, job.protocol
    images = splits.training_images(truth.train_portion)
    per_epoch = steps_in_epoch(images, truth.batch_size)
    recipe = Recipe(
        steps=truth.epochs * per_epoch,
        steps_per_epoch=per_epoch,
        final_learning_rate=protocol.final_learning_rate,
        momentum=protocol.momentum,
        clip=protocol.clip,
        precision=protocol.precision,
        batch_size=truth.batch_size,
        learning_rate=truth.learning_rate,
        weight_decay=truth.weight_decay,
    )
    return Trainer(network, recipe, _augmenter(images, splits, job), lambda _, steps: [(arch,)] * steps, seed)


def _momentum(protocol: Protocol, space: Space[Any]) -> float:
    chosen = protocol.bn_momentum
    if isinstance(chosen, float):
        return chosen
    return {"benchmark": space.bn_momentum, "authors_code": space.authors_bn_momentum}[chosen]


def _augmenter(images: Images, splits: Splits, config: Run | TruthJob) -> Augmenter:
    return Augmenter(images, splits, config.data, config.protocol.channels_last)


def _placed(network: nn.Module, protocol: Protocol, splits: Splits) -> nn.Module:
    memory_format = torch.channels_last if protocol.channels_last else torch.contiguous_format
    return network.to(device=splits.train.pixels.device, memory_format=memory_format)  # type: ignore[call-overload,no-any-return]


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
