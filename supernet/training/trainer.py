"""The training loop of super-nets and stand-alone networks: SGD on sampled paths, resumable at every step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.data.images import Augmenter, Epoch
from supernet.runtime.progress import Progress
from supernet.runtime.stopping import Stopped, Stopping
from supernet.training.checkpoint import Checkpoint
from supernet.training.descent import Descent, Hyperparameters
from supernet.training.landmarks import Pair, Ranking
from supernet.training.path_sampling import Group
from supernet.training.saved_state import TrainingNote, network_tensors, read_note, shape_problem, sums_problem
from supernet.training.schedule import cosine
from supernet.training.sgd import SGD


@dataclass(frozen=True)
class Recipe(Hyperparameters):
    """Hyperparameters and the length of a training.

    `steps` optimiser steps of `passes_per_step` models each, in epochs of `steps_per_epoch`; `mean_gradient` averages
    the gradients of the models of one step instead of summing them. `precision` is that of forward passes: float32, or
    bfloat16 by autocast.
    """

    steps: int
    steps_per_epoch: int
    batch_size: int
    passes_per_step: int = 1
    mean_gradient: bool = False
    precision: str = "float32"

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, from 0."""
        return cosine(self.learning_rate, self.final_learning_rate, step, self.steps)


@dataclass(frozen=True)
class TrainingResult:
    """The training curve (one row per epoch), the first step whose loss was not finite, steps and passes."""

    curve: list[dict[str, float]]
    diverged_at: int | None
    steps: int
    passes: int


def untrained() -> TrainingResult:
    """Return the result of a run that has nothing to train with, because its landmarks diverged: none at step 0."""
    nothing = dict.fromkeys(("learning_rate", "loss", "accuracy"), float("nan"))
    return TrainingResult([{"epoch": 0, "step": 0, **nothing}], diverged_at=0, steps=0, passes=0)


class Trainer:
    """Trains a path network `net(images, arch)`. A training that is killed at any step resumes with the same bits.

    `paths(epoch, steps)` gives the architectures of each step of an epoch. Only the parameters of these paths
    have gradients; `recipe.untouched` says what happens to the others. `before(step, optimizer)` is called ahead of
    each step; its effect must depend on the step, the optimiser and the network only. `ranking` adds a loss of pairs of
    architectures, whose passes are counted but are not part of the training curve.
    """

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        augmenter: Augmenter,
        paths: Callable[[int, int], list[Group]],
        seed: int,
        before: Callable[[int, SGD], None] | None = None,
        ranking: Ranking | None = None,
    ) -> None:
        self.network, self.recipe, self.augmenter, self.paths, self.seed = (
            network,
            recipe,
            augmenter,
            paths,
            seed,
        )
        self.before, self.ranking = before, ranking
        self.descent = Descent(network, recipe, seed)
        self.parameters, self.optimizer = self.descent.parameters, self.descent.optimizer
        self.device = self.descent.device
        self.curve: list[dict[str, float]] = []
        self.passes = 0
        self._reset_sums()

    def run(
        self,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
        stopping: Stopping | None = None,
        until: int | None = None,
    ) -> TrainingResult:
        """Train from the checkpoint, or from the start, to the last step, or to step `until` if it is given.

        When `stopping` asks for it, the checkpoint is saved after the current step, and Stopped is raised.
        """
        start, stop = self._restore(checkpoint), self.recipe.steps if until is None else min(until, self.recipe.steps)
        self.network.train()
        epoch: Epoch | None = None
        pairs: list[tuple[Pair, ...]] = []
        for step in range(start, stop):
            number, position = divmod(step, self.recipe.steps_per_epoch)
            if epoch is None or position == 0:
                epoch = self.augmenter.epoch(self.seed, number, self.recipe.batch_size)
                groups = self.paths(number, self.recipe.steps_per_epoch)
                if self.ranking is not None:
                    pairs = self.ranking.epoch(self.seed, number, self.recipe.steps_per_epoch)
            self._step(step, epoch.batch(position), groups[position], pairs[position] if pairs else ())
            done = step + 1
            ended = done % self.recipe.steps_per_epoch == 0 or done == self.recipe.steps
            if ended and self._end_epoch(number, done):
                break
            if progress is not None:
                progress.update(done)
            reason = None if stopping is None or done == self.recipe.steps else stopping.reason
            if checkpoint is not None and (checkpoint.due() or done == self.recipe.steps or reason):
                checkpoint.save(*self._state(done))
            if reason:
                raise Stopped(
                    f"stopped after step {done} of {self.recipe.steps}, because {reason}; start again to resume"
                )
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters.values()):
            # The last update can make weights infinite or NaN, which no later loss would show.
            self.descent.check(self.recipe.steps - 1, torch.tensor(torch.nan, device=self.device))
        diverged_at = self.descent.diverged_at(self.recipe.steps)
        # An epoch that `until` truncates has no row in the curve.
        ended = bool(self.curve) and (until is None or diverged_at is not None)
        steps = int(self.curve[-1]["step"]) if ended else stop
        return TrainingResult(self.curve, diverged_at, steps, self.passes)

    def _step(self, step: int, batch: tuple[Tensor, Tensor], group: Group, pairs: tuple[Pair, ...] = ()) -> None:
        if self.before is not None:
            self.before(step, self.optimizer)
        losses = chain(self._losses(batch, group), self._ranking_losses(step, batch, pairs))
        self.descent.step(step, self.recipe.rate(step), losses)

    def _losses(self, batch: tuple[Tensor, Tensor], group: Group) -> Iterator[Tensor]:
        images, labels = batch
        for arch in group:
            logits = self.logits(images, arch)
            loss = F.cross_entropy(logits, labels)
            yield loss / len(group) if self.recipe.mean_gradient else loss
            self._note(loss.detach(), logits.detach(), labels)

    def _ranking_losses(self, step: int, batch: tuple[Tensor, Tensor], pairs: tuple[Pair, ...]) -> Iterator[Tensor]:
        """Yield the loss of each pair, the better architecture first; it is zero where the order is right."""
        if self.ranking is None or not (weight := self.ranking.weight_at(step)):
            return
        images, labels = batch
        for pair in pairs:
            better, worse = (F.cross_entropy(self.logits(images, arch), labels) for arch in pair)
            yield weight * F.relu(better - worse)
            self.descent.check(step, better.detach() + worse.detach())
            self.passes += 2

    def logits(self, images: Tensor, arch: Any) -> Tensor:
        """Compute logits (N, classes) of images (N, C, H, W) in the precision of the recipe, as float32."""
        reduced = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced):
            logits: Tensor = self.network(images, arch)
        return logits.float() if reduced else logits

    def _note(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        # Sums stay on the device, because reading them would make every step wait for the device.
        self.loss_sum += loss
        self.correct_sum += (logits.argmax(1) == labels).double().mean()
        self.passes += 1
        self.epoch_passes += 1

    def _end_epoch(self, epoch: int, done: int) -> bool:
        """Add a row to the curve; return whether a loss has been infinite or NaN."""
        row = {
            "epoch": epoch + 1,
            "step": done,
            "learning_rate": self.recipe.rate(done - 1),
            "loss": float(self.loss_sum) / self.epoch_passes,
            "accuracy": float(self.correct_sum) / self.epoch_passes,
        }
        self.curve.append(row)
        self._reset_sums()
        return self.descent.diverged_at(self.recipe.steps) is not None

    def _reset_sums(self) -> None:
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.correct_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.epoch_passes = 0

    def _state(self, done: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = network_tensors(self.network)
        for name, parameter in self.parameters.items():
            momentum = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                tensors[f"momentum.{name}"] = momentum
        tensors |= {"loss_sum": self.loss_sum, "correct_sum": self.correct_sum, "first_bad": self.descent.first_bad}
        note = {"done": done, "curve": self.curve, "passes": self.passes, "epoch_passes": self.epoch_passes}
        return tensors, note

    def _restore(self, checkpoint: Checkpoint | None) -> int:
        """Load the state, and return the steps that are done. Raises UserError if the state does not agree."""
        loaded = None if checkpoint is None else checkpoint.load()
        if checkpoint is None or loaded is None:
            return 0
        tensors, note = loaded
        try:
            self._check(tensors, saved := read_note(note))
        except ValueError as error:
            raise checkpoint.damaged(str(error)) from None
        prefix = "network."
        self.network.load_state_dict(
            {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        )
        for name, parameter in self.parameters.items():
            if f"momentum.{name}" in tensors:
                # The buffer keeps the parameter's memory format: with other strides torch could choose other kernels.
                momentum = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
                self.optimizer.state[parameter]["momentum_buffer"] = momentum.detach()
        self.loss_sum = tensors["loss_sum"].to(self.device)
        self.correct_sum = tensors["correct_sum"].to(self.device)
        self.descent.first_bad = tensors["first_bad"].to(self.device)
        self.curve, self.passes, self.epoch_passes = note["curve"], saved.passes, saved.epoch_passes
        return saved.done

    def _check(self, tensors: dict[str, Tensor], note: TrainingNote) -> None:
        """Raise ValueError unless steps, curve, passes and tensors are those of this training after `note.done`."""
        recipe, done = self.recipe, note.done
        momenta = {f"momentum.{name}": parameter for name, parameter in self.parameters.items()}
        sums = {"loss_sum": self.loss_sum, "correct_sum": self.correct_sum, "first_bad": self.descent.first_bad}
        if problem := shape_problem(tensors, {**network_tensors(self.network), **sums}, momenta):
            raise ValueError(problem)
        if done > recipe.steps:
            raise ValueError(f"{done} steps are done, but the training has {recipe.steps}")
        ends = [*range(recipe.steps_per_epoch, done + 1, recipe.steps_per_epoch)]
        if done == recipe.steps and done % recipe.steps_per_epoch:
            ends.append(done)
        rows = [(row.epoch, row.step, row.learning_rate) for row in note.curve]
        if rows != [(number, step, recipe.rate(step - 1)) for number, step in enumerate(ends, start=1)]:
            raise ValueError(f"{done} of {recipe.steps} steps are done, but its curve of {len(rows)} epochs is another")
        since = ends[-1] if ends else 0
        passes = done * recipe.passes_per_step + self._ranking_passes(done)
        if (note.passes, note.epoch_passes) != (passes, (done - since) * recipe.passes_per_step):
            raise ValueError(f"found {note.passes} passes after {done} steps, which have {passes}")
        first_bad = int(tensors["first_bad"])
        if problem := sums_problem(
            tensors["loss_sum"], tensors["correct_sum"], note.epoch_passes, first_bad, since, done
        ):
            raise ValueError(problem)

    def _ranking_passes(self, done: int) -> int:
        """Count the passes of landmarks in the first `done` steps."""
        if self.ranking is None:
            return 0
        weighted = sum(self.ranking.weight_at(step) != 0 for step in range(done))
        return 2 * self.ranking.per_step * weighted
