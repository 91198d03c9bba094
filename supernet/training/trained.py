"""Load a trained super-net from the folder of a run, and score architectures with it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

import torch
from pydantic import ValidationError
from torch import nn

from supernet.config.artifacts import RunFolder
from supernet.config.study import BnMode, Evaluation, Run, Scoring
from supernet.data.images import load_splits
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.provenance.recorder import note_input
from supernet.spaces.base import Space
from supernet.training.build import load_supernet
from supernet.training.evaluator import Evaluator
from supernet.training.scoring import evaluator_of


@dataclass(frozen=True)
class Score:
    """The score of an architecture with shared weights: accuracy (fraction) and mean cross-entropy (nats)."""

    accuracy: float
    loss: float


@dataclass(frozen=True)
class TrainedSupernet:
    """The super-net of a finished run, and the evaluator that scores architectures with it."""

    run: Run
    """Config of the run: space, setting, seed, data, protocol."""
    space: Space[Any]
    network: nn.Module
    """Called as `network(images, architecture)`: images (N, C, H, W), normalised, to logits (N, classes)."""
    evaluator: Evaluator

    @classmethod
    def load(
        cls, folder: Path | str, images: Path | str, device: str = "cpu", evaluation: Evaluation | None = None
    ) -> Self:
        """Load the folder of a run, `results/{study}/runs/{space}/{setting}/seed{n}`, or a copy of it.

        `images` is the study's data set, `resources/data/{name}.safetensors`. `evaluation` has the keys of the study's
        section `scoring` on which a score depends; by default they have the values of a study without this section.
        Raises UserError if the folder is not that of a run, the run has diverged, or the weights are of another run;
        FileNotFoundError without images.
        """
        run = _finished(Path(folder))
        space = run.load_space()
        splits = load_splits(Path(images), run.data, run.study_seed, torch.device(device))
        network = load_supernet(run, space, splits, Path(RunFolder(str(folder)).weights))
        return cls(run, space, network, evaluator_of(run, evaluation or Evaluation(), space, splits))

    def score(self, architecture: Any, bn_mode: str = "batch", split: str = "scoring") -> Score:
        """Score one architecture, given as text in the space's format or as a value of the space.

        The result equals the row in `scores.parquet`. `bn_mode` is `batch`, `recalibrated` or, if the super-net tracks
        its statistics, `tracked`; `split` is `scoring` (held out of training) or `test`. Raises UserError for another
        mode or split, or if the space does not contain the architecture.
        """
        arch = self.space.parse(architecture)
        if not self.space.holds(text := self.space.format(arch)):
            raise UserError(f"{text}: not an architecture of {self.space.name}, the space of this super-net")
        bn_modes = Scoring(bn_modes=get_args(BnMode)).defined_modes(self.run.setting.tracks)
        bn_mode = _one_of("bn_mode", bn_mode, bn_modes)
        return Score(
            *self.evaluator.evaluate(self.network, arch, bn_mode, _one_of("split", split, ["scoring", "test"]))
        )


def _finished(folder: Path) -> Run:
    """Read the config of a complete run."""
    files = RunFolder(str(folder))
    for path in (files.summary, files.weights):
        if not os.path.exists(path):
            raise UserError(f"{path}: no such file; expected the folder of a finished run")
    summary = read_json(note_input(files.summary))
    if summary["status"] != "complete":
        raise UserError(f"{folder}: the run is {summary['status']} (step {summary['diverged_at']}): it has no scores")
    try:
        return Run.model_validate(summary["run"])
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(["run", *map(str, first["loc"])])
        raise UserError(
            f"{files.summary}: {place}: {first['msg']}: written by another version of the project; make it again"
        ) from None


def _one_of(name: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise UserError(f"{name}: found {value!r}; expected one of {', '.join(allowed)}")
    return value
