"""What `supernet.training.calibration` measures, and its results. Torch-free, because the planner uses it."""

from supernet.config.base import Model
from supernet.config.jobs import TruthJob
from supernet.config.study import Run


class Case(Model):
    """What is measured for a space: its super-net, and the recipe of its stand-alone trainings."""

    run: Run
    standalone: TruthJob
    batches: tuple[int, ...]
    """Images of a mini-batch of the super-net, of each measurement."""
    standalone_batches: tuple[int, ...]
    """Images of a mini-batch of a stand-alone training, of each measurement."""
    scored_batch: int
    """Images of a batch that is scored."""
    architectures: int
    """Architectures that are scored, and that are trained stand-alone, drawn uniformly like a pool."""
    images: int
    """Training images of a large data set, at least; small data sets have all their images."""


class Pass(Model):
    """Passes of one kind: images of each, mean multiply-adds of an image in a forward pass, and seconds of a pass."""

    images: int
    macs: float
    seconds: float


class Measurement(Model):
    """The measurements of a case. Trainings have one or two batch sizes, the largest first."""

    training: tuple[Pass, ...]
    scoring: Pass
    standalone: tuple[Pass, ...]


class Calibration(Model):
    """All measurements, in the order of the cases; `start` is the seconds from the start of a program to its work."""

    start: float
    device: str
    measurements: tuple[Measurement, ...]
