"""Stand-alone trainings: the ground truth of architectures without a published accuracy, by the study's recipe."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from pydantic import Field

from supernet.config.base import Model
from supernet.config.jobs import TruthJob
from supernet.data.images import Splits
from supernet.errors import UserError
from supernet.pools.truth import cost_columns
from supernet.spaces.base import NetworkSize, Space
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.evaluator import Evaluator
from supernet.training.result_log import ResultLog
from supernet.training.schedule import standalone_steps
from supernet.training.store.truth import StandAloneResult


def train_standalone(
    job: TruthJob, space: Space[Any], arch: Any, seed: int, splits: Splits, evaluator: Evaluator
) -> StandAloneResult:
    """Train one architecture and test it with tracked batch-norm statistics. Images must be square (UserError)."""
    costs = cost_columns(space, arch, _size(job, space, splits), splits.train.pixels.shape[-1])
    network = build_standalone(job, space, arch, seed, splits)
    trained = standalone_trainer(job, network, arch, seed, splits).run()
    if trained.diverged_at is not None:
        return StandAloneResult(None, trained.diverged_at, **costs)
    accuracy, _ = evaluator.evaluate(network, arch, "tracked", "test")
    return StandAloneResult(accuracy, None, **costs)


def _size(job: TruthJob, space: Space[Any], splits: Splits) -> NetworkSize:
    in_channels, height, width = splits.train.pixels.shape[1:]
    if height != width:
        raise UserError(f"found images of {height} x {width} pixels; expected square images")
    return space.network_size(
        job.truth.channels, job.truth.layers, splits.classes, in_channels, job.protocol.nasbench101_widths
    )


class TruthLog(ResultLog[tuple[str, int], StandAloneResult]):
    """Results of finished trainings by architecture and seed."""

    def get(self, arch_id: str, seed: int) -> StandAloneResult | None:
        """Return the result of an architecture and seed, or None if its training has not finished."""
        return self.result_of((arch_id, seed))

    def check(self, arch_id: str, seed: int, problem_of: Callable[[StandAloneResult], str]) -> None:
        """Raise UserError if the file has a result of an architecture and seed, and it has a problem."""
        self.check_result((arch_id, seed), problem_of)

    def add(self, arch_id: str, seed: int, result: StandAloneResult, seconds: float) -> None:
        """Append a result and the seconds of its training, and sync the file to the disk."""
        self.append((arch_id, seed), result, seconds)

    def _record(self, key: tuple[str, int], result: StandAloneResult) -> dict[str, Any]:
        return {"arch_id": key[0], "seed": key[1], "result": asdict(result)}

    def _entry(self, record: dict[str, Any]) -> tuple[tuple[str, int], StandAloneResult, float]:
        line = _Line.model_validate(record)
        return (line.arch_id, line.seed), StandAloneResult(**line.result.model_dump()), line.seconds

    def _named(self, key: tuple[str, int]) -> str:
        return f"{key[0]}, seed {key[1]}"


class _Result(Model):
    accuracy: float | None = Field(ge=0, le=1)
    diverged_at: int | None = Field(ge=0)
    parameters: int = Field(gt=0)
    macs: int = Field(ge=0)
    live_macs: int = Field(ge=0)


class _Line(Model):
    """A line of a log: the values of a result, and the seconds of its training."""

    arch_id: str
    seed: int = Field(ge=0)
    result: _Result
    seconds: float = Field(ge=0)


def result_problem(job: TruthJob, space: Space[Any], encoding: str, splits: Splits, result: StandAloneResult) -> str:
    """Return why a stored result cannot be that of an architecture, given as text; an empty text if it can be.

    An accuracy is a share of the test images, a divergence has a step of the training, and costs are those of the
    network.
    """
    costs = cost_columns(space, space.parse(encoding), _size(job, space, splits), splits.train.pixels.shape[-1])
    if {name: getattr(result, name) for name in costs} != costs:
        return f"its network has {costs['parameters']} parameters and {costs['macs']} multiply-adds, which differ"
    if (result.accuracy is None) == (result.diverged_at is None):
        return "found neither or both of an accuracy and a divergence"
    if result.diverged_at is not None and result.diverged_at >= standalone_steps(job.truth, splits.sizes).total:
        return f"it diverged at step {result.diverged_at}, which its training does not have"
    images = len(splits.test)
    correct = (result.accuracy or 0.0) * images
    if abs(correct - round(correct)) > 1e-6:
        return f"an accuracy of {result.accuracy} is not a share of {images} test images"
    return ""
