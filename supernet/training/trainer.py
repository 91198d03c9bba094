"""SGD on sampled paths: the one training loop of super-nets and stand-alone networks."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.data.images import Augmenter, Epoch, Images
from supernet.errors import UserError
from supernet.nn.drawing import generator_for
from supernet.rng import torch_seed
from supernet.runtime.progress import Progress
from supernet.runtime.stopping import Stopped, Stopping
from supernet.training.checkpoint import Checkpoint
from supernet.training.landmarks import Pair, Ranking
from supernet.training.path_sampling import Group
from supernet.training.sgd import SGD


@dataclass(frozen=True)
class Recipe:
    """An optimisation: SGD with momentum, a cosine from `learning_rate` to `final_learning_rate`, clipped gradients.

    `steps` optimiser steps of `passes_per_step` models each, in epochs of `steps_per_epoch`; `mean_gradient` averages
    the gradients of the models of one step instead of summing them. `precision` is that of forward passes: float32, or
    bfloat16 by autocast.
    """

    steps: int
    steps_per_epoch: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    weight_decay: float
    momentum: float
    clip: float
    passes_per_step: int = 1
    mean_gradient: bool = False
    precision: str = "float32"

    def rate(self, step: int) -> float:
        """Learning rate of a step, from 0."""
        amplitude = (self.learning_rate - self.final_learning_rate) / 2
        return self.final_learning_rate + amplitude * (1 + math.cos(math.pi * step / self.steps))


@dataclass(frozen=True)
class Trained:
    """Rows of the training curve (one an epoch), and the step at which the loss was no longer finite, if any."""

    curve: list[dict[str, float]]
    diverged_at: int | None
    steps: int
    passes: int


def steps_in_epoch(images: Images, batch_size: int) -> int:
    """Full batches of a pass; UserError if there is none."""
    if batch_size > len(images):
        raise UserError(f"batch_size {batch_size}: there are only {len(images)} training images; use a smaller one")
    return len(images) // batch_size


class Trainer:
    """Trains a path network `net(images, arch)`; can be killed at any step and goes on with the same bits.

    `paths(epoch, steps)` gives the architectures of each step of an epoch. Only parameters that the step's paths touch
    are updated: those of other paths keep their values and their momentum. `before` is called with the number of
    each step and the optimiser, ahead of it; what it does must depend on these and on the network alone. `ranking`
    adds a loss of pairs of architectures, whose passes are counted, but are not part of the training curve.
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
        self.parameters = dict(network.named_parameters())
        self.optimizer = SGD(network.parameters(), recipe.learning_rate, recipe.momentum, recipe.weight_decay)
        self.device = next(iter(self.parameters.values())).device
        self.draws = generator_for(network, self.device)
        self.curve: list[dict[str, float]] = []
        self.passes = 0
        self._reset_sums()
        self.first_bad = torch.tensor(recipe.steps, device=self.device)

    def run(
        self,
        checkpoint: Checkpoint | None = None,
        progress: Progress | None = None,
        stopping: Stopping | None = None,
        until: int | None = None,
    ) -> Trained:
        """Train from the checkpoint, or from the start, to the last step; the first `until` steps of it, if given.

        Where `stopping` asks for it, the checkpoint is saved after the step at work, and Stopped is raised.
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
                    f"stopped after step {done} of {self.recipe.steps}, because {reason}; start again to go on"
                )
        if not all(bool(torch.isfinite(parameter).all()) for parameter in self.parameters.values()):
            # The last update can break weights that no later loss would show.
            self.first_bad = torch.minimum(self.first_bad, self.first_bad.new_tensor(self.recipe.steps - 1))
        diverged_at = None if self.first_bad >= self.recipe.steps else int(self.first_bad)
        # An epoch that `until` cuts has no row in the curve.
        ended = bool(self.curve) and (until is None or diverged_at is not None)
        steps = int(self.curve[-1]["step"]) if ended else stop
        return Trained(self.curve, diverged_at, steps, self.passes)

    def _step(self, step: int, batch: tuple[Tensor, Tensor], group: Group, pairs: tuple[Pair, ...] = ()) -> None:
        images, labels = batch
        if self.before is not None:
            self.before(step, self.optimizer)
        self.optimizer.param_groups[0]["lr"] = self.recipe.rate(step)
        self.optimizer.zero_grad()
        if self.draws is not None:
            # Seeded for each step, so that a training that goes on draws what it would have drawn.
            self.draws.manual_seed(torch_seed(self.seed, "layers", step))
        for arch in group:
            logits = self._logits(images, arch)
            loss = F.cross_entropy(logits, labels)
            torch.autograd.backward(loss / len(group) if self.recipe.mean_gradient else loss)
            self._note(step, loss.detach(), logits.detach(), labels)
        if self.ranking is not None and (weight := self.ranking.weight_at(step)):
            for pair in pairs:
                self._rank(step, weight, pair, images, labels)
        touched = [p for p in self.parameters.values() if p.grad is not None]
        nn.utils.clip_grad_norm_(touched, self.recipe.clip)
        self.optimizer.step()

    def _logits(self, images: Tensor, arch: Any) -> Tensor:
        reduced = self.recipe.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=reduced):
            logits: Tensor = self.network(images, arch)
        return logits.float() if reduced else logits

    def _rank(self, step: int, weight: float, pair: Pair, images: Tensor, labels: Tensor) -> None:
        """Add the gradients of a pair, the better architecture first; they are zero where the order is right."""
        better, worse = (F.cross_entropy(self._logits(images, arch), labels) for arch in pair)
        torch.autograd.backward(weight * F.relu(better - worse))
        self._check(step, better.detach() + worse.detach())
        self.passes += 2

    def _note(self, step: int, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        self._check(step, loss)
        self.loss_sum += loss
        self.correct_sum += (logits.argmax(1) == labels).double().mean()
        self.passes += 1
        self.epoch_passes += 1

    def _check(self, step: int, loss: Tensor) -> None:
        # Sums stay on the device: reading them would make every step wait for it.
        bad = torch.where(torch.isfinite(loss), self.recipe.steps, step)
        self.first_bad = torch.minimum(self.first_bad, bad)

    def _end_epoch(self, epoch: int, done: int) -> bool:
        """Add a row to the curve; true if the loss has been infinite or NaN."""
        row = {
            "epoch": epoch + 1,
            "step": done,
            "learning_rate": self.recipe.rate(done - 1),
            "loss": float(self.loss_sum) / self.epoch_passes,
            "accuracy": float(self.correct_sum) / self.epoch_passes,
        }
        self.curve.append(row)
        self._reset_sums()
        return int(self.first_bad) < self.recipe.steps

    def _reset_sums(self) -> None:
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.correct_sum = torch.zeros((), dtype=torch.float64, device=self.device)
        self.epoch_passes = 0

    def _state(self, done: int) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for name, parameter in self.parameters.items():
            momentum = self.optimizer.state.get(parameter, {}).get("momentum_buffer")
            if momentum is not None:
                tensors[f"momentum.{name}"] = momentum
        tensors |= {"loss_sum": self.loss_sum, "correct_sum": self.correct_sum, "first_bad": self.first_bad}
        note = {"done": done, "curve": self.curve, "passes": self.passes, "epoch_passes": self.epoch_passes}
        return tensors, note

    def _restore(self, checkpoint: Checkpoint | None) -> int:
        loaded = None if checkpoint is None else checkpoint.load()
        if loaded is None:
            return 0
        tensors, note = loaded
        prefix = "network."
        self.network.load_state_dict(
            {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
        )
        for name, parameter in self.parameters.items():
            if f"momentum.{name}" in tensors:
                # The buffer takes the parameter's memory format: other strides could choose other kernels.
                momentum = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
                self.optimizer.state[parameter]["momentum_buffer"] = momentum.detach()
        self.loss_sum = tensors["loss_sum"].to(self.device)
        self.correct_sum = tensors["correct_sum"].to(self.device)
        self.first_bad = tensors["first_bad"].to(self.device)
        # JSON writes a NaN of the curve as NaN and reads it back, so the rows are the same after a restart.
        self.curve, self.passes, self.epoch_passes = note["curve"], note["passes"], note["epoch_passes"]
        return int(note["done"])
