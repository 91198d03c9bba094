"""Small trainings: runs, trainers, their states, and an observer that kills them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import SIZES, SPACES, small_splits
from torch import Tensor

from supernet.config.baselines import BASELINES
from supernet.config.study import Run
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint
from supernet.training.trainer import Recipe, Trainer, TrainingResult

SPLITS = small_splits()


RECIPE = Recipe(
    steps=10,
    steps_per_epoch=4,
    batch_size=8,
    learning_rate=0.1,
    final_learning_rate=0.001,
    weight_decay=0.01,
    momentum=0.9,
    clip=1.0,
)


def run_of(space: str = "nasbench201", seed: int = 0, protocol: dict[str, Any] | None = None, **factors: Any) -> Run:
    """Return a run on 24 training images: 3 steps per epoch, 2 epochs."""
    size = SIZES[space]
    setting = {
        "batch_norm": "affine+tracking", "learning_rate": 0.05, "epochs": 2, "weight_decay": 1e-3,
        "path_sampling": "random_a", "train_portion": 0.4, "batch_size": 8, "channels": size.channels,
    }  # fmt: skip
    if "layers" in BASELINES[space]:
        setting["layers"] = size.layers
    return Run.model_validate(
        {
            "space": space,
            "setting": {**BASELINES[space], **setting, **factors},
            "seed": seed,
            "study_seed": 0,
            "data": {"name": "digits", "crop_padding": 2},
            "protocol": protocol or {},
        }
    )


def trainer_of(run: Run) -> Trainer:
    space = SPACES[run.space]
    return supernet_trainer(run, space, build_supernet(run, space, SPLITS), SPLITS)


def state(trainer: Trainer) -> dict[str, Tensor]:
    """Return weights, statistics and momentum."""
    momenta = {
        f"momentum.{name}": trainer.optimizer.state[parameter]["momentum_buffer"]
        for name, parameter in trainer.network.named_parameters()
        if "momentum_buffer" in trainer.optimizer.state[parameter]
    }
    return {name: value.clone() for name, value in (trainer.network.state_dict() | momenta).items()}


def same_bits(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    """Return whether all tensors are equal to the bit; NaN equals NaN."""
    return one.keys() == two.keys() and all(
        torch.equal(value.nan_to_num(nan=-7e33), two[name].nan_to_num(nan=-7e33)) for name, value in one.items()
    )


class KilledError(Exception):
    """Simulates the end of the process."""


class Watcher:
    """Replaces `Progress`: records the steps, and kills or calls back at one of them."""

    def __init__(self, kill_at: int | None = None, at: dict[int, Any] | None = None) -> None:
        self.seen: list[int] = []
        self.kill_at, self.at = kill_at, at or {}

    def update(self, done: int) -> None:
        self.seen.append(done)
        if done in self.at:
            self.at[done]()
        if done == self.kill_at:
            raise KilledError


def assert_same(one: TrainingResult, two: TrainingResult) -> None:
    """Assert that two trainings gave the same results."""
    # As text, in which NaN equals NaN.
    assert json.dumps(vars(one)) == json.dumps(vars(two))


def assert_resumes_after_any_step(make_trainer: Callable[[], Trainer], folder: Path) -> list[Trainer]:
    """Kill a training at each of its steps and resume it: results, weights and momentum must not change by a bit.

    Returns the resumed trainers.
    """
    whole, watcher = make_trainer(), Watcher()
    expected = whole.run(progress=watcher)  # type: ignore[arg-type]
    trainers = []
    for step in watcher.seen:
        file = folder / f"{step}.safetensors"
        with pytest.raises(KilledError):
            make_trainer().run(Checkpoint(file, Fingerprint("this run"), seconds=0), Watcher(step))  # type: ignore[arg-type]
        resumed, checkpoint = make_trainer(), Checkpoint(file, Fingerprint("this run"), seconds=1e9)
        assert checkpoint.done in (step - 1, step)
        assert_same(resumed.run(checkpoint), expected)
        assert same_bits(state(resumed), state(whole))
        trainers.append(resumed)
    return trainers
