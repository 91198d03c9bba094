"""Loss landscapes: loss and accuracy on a plane through a network's weights, along filter-normalised directions.

Source: Li, Xu, Taylor, Studer, Goldstein, "Visualizing the Loss Landscape of Neural Nets" (NeurIPS 2018).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.norm import statistics
from supernet.rng import stream
from supernet.training.checkpoint import Checkpoint

Batches = Sequence[tuple[Tensor, Tensor]]
Measure = Callable[[], tuple[float, float]]
Direction = Mapping[str, Tensor]


@dataclass(frozen=True)
class Plane:
    """Two directions in the space of a network's parameters; the current weights are the origin."""

    x: Direction
    y: Direction


@dataclass(frozen=True)
class Surface:
    """A measurement on the plane of a network: `measure()` gives loss and accuracy of the current weights."""

    kind: str
    network: nn.Module
    plane: Plane
    measure: Measure


def coordinates(grid: int) -> npt.NDArray[np.float64]:
    """Return coordinates (grid,) from -1 to 1 in equal steps; `grid` is odd, so that they contain 0."""
    # Computed from integers, so that the middle is exactly zero.
    half = grid // 2
    found: npt.NDArray[np.float64] = np.arange(-half, half + 1) / half
    return found


def filter_normalised(weight: Tensor, noise: Tensor) -> Tensor:
    """Scale each filter of noise to the norm of the weight's filter: d_f · |θ_f| / |d_f|. The shape is kept.

    A filter is a slice of the first dimension: the weights of one output channel or of one output of a linear layer.
    Filters of zeros get a direction of zeros.
    """
    flat, towards = weight.flatten(1), noise.flatten(1)
    scale = flat.norm(dim=1) / towards.norm(dim=1)
    normalised: Tensor = (towards * scale[:, None]).view_as(weight)
    return normalised


def direction(network: nn.Module, seed: int, axis: str) -> dict[str, Tensor]:
    """Draw a filter-normalised Gaussian direction for each parameter of two or more dimensions, by name.

    Scales and shifts of batch norm and biases, which have one dimension, do not move (the authors' `biasbn`): the
    norm of a single number does not describe the scale of a layer. Statistics do not move either. The direction is a
    function of the seed, the axis (`x`, `y`) and the parameter's name.
    """
    return {
        name: filter_normalised(
            weight.detach(),
            torch.from_numpy(stream(seed, "landscape", axis, name).standard_normal(tuple(weight.shape))).to(weight),
        )
        for name, weight in network.named_parameters()
        if weight.dim() > 1
    }


def plane(network: nn.Module, seed: int) -> Plane:
    """Draw two filter-normalised directions of a network (the authors of the paper normalised only one of them)."""
    return Plane(direction(network, seed, "x"), direction(network, seed, "y"))


@contextmanager
def moving(network: nn.Module, directions: Plane) -> Iterator[Callable[[float, float], None]]:
    """Yield `move(x, y)`, which sets the weights to θ + x·d_x + y·d_y; the weights are restored at the end.

    Each point is computed from θ, so that it does not depend on earlier points.
    """
    parameters = dict(network.named_parameters())
    origin = {name: parameters[name].detach().clone() for name in directions.x}

    @torch.no_grad()
    def move(x: float, y: float) -> None:
        for name, start in origin.items():
            parameters[name].copy_(start + x * directions.x[name] + y * directions.y[name])

    try:
        yield move
    finally:
        move(0.0, 0.0)


@torch.no_grad()
def loss_and_accuracy(network: nn.Module, archs: Sequence[Any], batches: Batches) -> tuple[float, float]:
    """Compute mean cross-entropy and accuracy (fraction) over all architectures and images, with batch statistics.

    Tracked statistics belong to the weights with which they were tracked; those of the batch are defined everywhere
    on the plane, and for every network.
    """
    device = batches[0][1].device
    # Sums stay on the device, because reading them would make every batch wait for the device.
    loss, correct = (torch.zeros((), dtype=torch.float64, device=device) for _ in range(2))
    with statistics(network, "batch"):
        for arch in archs:
            for images, labels in batches:
                logits = network(images, arch)
                loss += F.cross_entropy(logits.double(), labels, reduction="sum")
                correct += (logits.argmax(1) == labels).sum()
    count = len(archs) * sum(len(labels) for _, labels in batches)
    return float(loss) / count, float(correct) / count


def scan(
    surfaces: Sequence[Surface],
    grid: int,
    checkpoint: Checkpoint | None = None,
    update: Callable[[int], None] | None = None,
) -> npt.NDArray[np.float64]:
    """Measure loss and accuracy of each surface at each point: (surfaces, grid, grid, 2), indexed by y, then x.

    Rows of the checkpoint are not measured again. `update` is called with the number of rows that are done.
    """
    places = coordinates(grid)
    shape = (len(surfaces), grid, grid, 2)
    found, done = _restored(checkpoint, shape)
    for number, surface in enumerate(surfaces):
        with moving(surface.network, surface.plane) as move:
            for row in range(max(0, done - number * grid), grid):
                for column, x in enumerate(places):
                    move(float(x), float(places[row]))
                    found[number, row, column] = torch.tensor(surface.measure(), dtype=torch.float64)
                ended = number * grid + row + 1
                if update is not None:
                    update(ended)
                if checkpoint is not None and (checkpoint.due() or ended == len(surfaces) * grid):
                    checkpoint.save({"found": found}, {"done": ended})
    return found.numpy()


def rows(surfaces: Sequence[Surface], found: npt.NDArray[np.float64]) -> Iterator[dict[str, Any]]:
    """Make one row per point: kind, x, y, loss, accuracy."""
    places = coordinates(found.shape[1])
    for number, surface in enumerate(surfaces):
        for row, y in enumerate(places):
            for column, x in enumerate(places):
                loss, accuracy = found[number, row, column]
                yield {"kind": surface.kind, "x": x, "y": y, "loss": loss, "accuracy": accuracy}


def _restored(checkpoint: Checkpoint | None, shape: tuple[int, ...]) -> tuple[Tensor, int]:
    """Return what is measured, and the number of rows that are done. UserError if the two do not agree."""
    loaded = None if checkpoint is None else checkpoint.load()
    if checkpoint is None or loaded is None:
        return torch.full(shape, torch.nan, dtype=torch.float64), 0
    tensors, note = loaded
    done, found = int(note["done"]), tensors.get("found", torch.zeros(0))
    if (
        set(tensors) != {"found"}
        or done > shape[0] * shape[1]
        or (found.shape, found.dtype) != (torch.Size(shape), torch.float64)
    ):
        raise checkpoint.damaged(f"its {done} rows are not of {' x '.join(map(str, shape))} values")
    # Losses can be infinite or NaN; accuracies are fractions where something was measured, and NaN elsewhere.
    accuracy = found[..., 1].flatten(0, 1)
    if not (bool(((accuracy[:done] >= 0) & (accuracy[:done] <= 1)).all()) and bool(accuracy[done:].isnan().all())):
        raise checkpoint.damaged(f"{done} rows are done, but other rows have values, or accuracies are out of range")
    return found, done
