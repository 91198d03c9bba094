"""Feature statistics: mean and variance of the input of each batch norm, and the distances between them.

The paper's authors have not published code for this; the definitions are this project's.

The statistics of a channel of a norm's input (N, c, H, W) are its mean and unbiased variance over N, H and W, which
torch tracks. The distance of two sets of statistics of a layer is two numbers, each a mean over the channels that both
have: |m - m0| / s0, the shift of the mean in standard deviations of the reference, and |ln(s / s0)|, the change of
scale. The scale s is the root of variance plus the norm's epsilon, by which the norm divides; it is positive even for
an input of zeros. Batch norms use the statistics of the batch, as in training.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from supernet.nn.norm import Norm, statistics, tracks
from supernet.runtime.progress import Progress
from supernet.training.sgd import SGD
from supernet.training.trainer import Trainer, TrainingResult

COLUMNS = {
    "network": "str",
    "kind": "str",
    "setting": "str",
    "layer": "str",
    "step": "Int64",
    "sample": "Int64",
    "mean": "float64",
    "variance": "float64",
    "mean_distance": "float64",
    "scale_distance": "float64",
}
"""Columns of features/{space}.parquet."""


@dataclass(frozen=True)
class Moments:
    """Mean and variance of the channels of a layer's input, each (c,) in double precision, and the norm's epsilon."""

    mean: Tensor
    variance: Tensor
    eps: float

    @property
    def scale(self) -> Tensor:
        """Divisor of the norm (c,)."""
        return (self.variance + self.eps).sqrt()


@dataclass(frozen=True)
class Distance:
    """Distance from a reference: of the mean in standard deviations, of the scale as the log of a factor."""

    mean: float
    scale: float


def distance(found: Moments, reference: Moments) -> Distance:
    """Compute both distances over the first channels, which both have."""
    c = min(len(found.mean), len(reference.mean))
    shift = (found.mean[:c] - reference.mean[:c]).abs() / reference.scale[:c]
    factor = (found.scale[:c] / reference.scale[:c]).log().abs()
    return Distance(float(shift.mean()), float(factor.mean()))


def average(several: Sequence[Moments]) -> Moments:
    """Average means and variances over the first channels, which all have, as re-calibration does."""
    c = min(len(one.mean) for one in several)
    mean = torch.stack([one.mean[:c] for one in several]).mean(0)
    return Moments(mean, torch.stack([one.variance[:c] for one in several]).mean(0), several[0].eps)


class Recorder:
    """Records the statistics of every norm that runs. `take` returns those since its last call, by layer.

    A norm that runs several times (of an operation that several edges share) has the average. Norms whose channels are
    chosen in each pass (`dynamic_channels` shuffled and interpolation) are left out. The results of the network do not
    change.
    """

    def __init__(self) -> None:
        self._found: dict[str, list[Moments]] = {}

    @contextmanager
    def on(self, network: nn.Module) -> Iterator[None]:
        """Record the norms of a network within the context."""
        named = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, Norm)]
        handles = [layer.register_forward_pre_hook(self._hook(name)) for name, layer in named]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def take(self) -> dict[str, Moments]:
        """Return and clear the statistics by layer, in the order in which the layers first ran."""
        found, self._found = self._found, {}
        return {name: average(several) for name, several in found.items()}

    def _hook(self, name: str) -> Any:
        def note(layer: Norm, arguments: tuple[Any, ...]) -> None:
            if len(arguments) > 1 and arguments[1] is not None:
                return
            with torch.no_grad():
                variance, mean = torch.var_mean(arguments[0].double(), (0, 2, 3))
            self._found.setdefault(name, []).append(Moments(mean, variance, layer.eps))

        return note


class Steps:
    """Rows of kind `step`: the statistics of each training step, and the distance to the layer's previous statistics.

    In a super-net the previous statistics may be some steps old, and of another path. For a step of several passes,
    they are averaged.
    """

    def __init__(self, network: str, setting: str) -> None:
        self.network, self.setting = network, setting
        self.rows: list[dict[str, Any]] = []
        self._last: dict[str, Moments] = {}

    def train(
        self, trainer: Trainer, count: int, until: int | None = None, progress: Progress | None = None
    ) -> TrainingResult:
        """Train, and record the first `count` steps. The trained weights do not depend on it."""
        recorder, before = Recorder(), trainer.before

        def watch(step: int, optimizer: SGD) -> None:
            if before is not None:
                before(step, optimizer)
            if 0 < step <= count:
                self.note(step - 1, recorder.take())
            if step == count:
                recording.close()

        trainer.before = watch
        with ExitStack() as recording:
            recording.enter_context(recorder.on(trainer.network))
            trained = trainer.run(progress=progress, until=until)
        # No later step records the last step.
        if (last := recorder.take()) and trained.steps <= count:
            self.note(trained.steps - 1, last)
        trainer.before = before
        return trained

    def note(self, step: int, found: dict[str, Moments]) -> None:
        """Add the rows of the layers of a step, numbered from 0."""
        for layer, moments in found.items():
            apart = distance(moments, self._last[layer]) if layer in self._last else None
            self._last[layer] = moments
            self.rows.append(row(self.network, "step", self.setting, layer, moments, apart, step=step))


@torch.no_grad()
def measure(network: nn.Module, arch: Any, batches: Sequence[Tensor]) -> dict[str, Moments]:
    """Measure the true statistics of an architecture: the average over batches (N, C, H, W), by layer."""
    recorder = Recorder()
    with recorder.on(network), statistics(network, "batch"):
        for images in batches:
            network(images, arch)
    return recorder.take()


def spread(network: str, kind: str, setting: str, samples: Sequence[dict[str, Moments]]) -> Iterator[dict[str, Any]]:
    """Make rows of several measurements of one network: the distance of each to the average, layer by layer.

    `kind` is `architectures` or `batches`, which differ between the measurements. Layers that ran only once are left
    out.
    """
    for layer in dict.fromkeys(layer for sample in samples for layer in sample):
        having = [(number, sample[layer]) for number, sample in enumerate(samples) if layer in sample]
        if len(having) < 2:
            continue
        centre = average([moments for _, moments in having])
        for number, moments in having:
            yield row(network, kind, setting, layer, moments, distance(moments, centre), sample=number)


def tracked(
    name: str, setting: str, network: nn.Module, samples: Sequence[dict[str, Moments]]
) -> Iterator[dict[str, Any]]:
    """Make rows of kind `tracked`: the distance of tracked statistics to the true ones of each architecture.

    The true statistics are the reference; `mean` and `variance` are the tracked ones. Raises ValueError if the network
    does not track.
    """
    if not tracks(network):
        raise ValueError("the network was built without tracking: it has no tracked statistics")
    layers = dict(network.named_modules())
    for number, sample in enumerate(samples):
        for layer, true in sample.items():
            kept = _tracked(layers[layer], len(true.mean))
            yield row(name, "tracked", setting, layer, kept, distance(kept, true), sample=number)


def row(
    network: str,
    kind: str,
    setting: str,
    layer: str,
    found: Moments,
    apart: Distance | None,
    step: int | None = None,
    sample: int | None = None,
) -> dict[str, Any]:
    """Make one row of features/{space}.parquet; `mean` and `variance` are means over channels."""
    return {
        "network": network,
        "kind": kind,
        "setting": setting,
        "layer": layer,
        "step": step,
        "sample": sample,
        "mean": float(found.mean.mean()),
        "variance": float(found.variance.mean()),
        "mean_distance": float("nan") if apart is None else apart.mean,
        "scale_distance": float("nan") if apart is None else apart.scale,
    }


def _tracked(layer: nn.Module, channels: int) -> Moments:
    assert isinstance(layer, Norm) and layer.running_mean is not None and layer.running_var is not None
    return Moments(layer.running_mean[:channels].double(), layer.running_var[:channels].double(), layer.eps)
