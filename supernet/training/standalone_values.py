"""Stand-alone trainings with swept values: networks of the super-net's size that share no weights.

For the paper's first claim: which learning rate and which batch norm are best without shared weights. The networks with
the values of the baseline also show how well a short training of unshared networks ranks the pool.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field

from supernet.config.base import Model
from supernet.config.jobs import StandaloneJob
from supernet.data.images import Splits
from supernet.errors import UserError
from supernet.io.parquet import read_columns
from supernet.nn.heuristics import BatchNorm
from supernet.rng import stream
from supernet.runtime.progress import Progress
from supernet.runtime.stopping import Deadline, Stopped
from supernet.spaces.base import Space
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.evaluator import Evaluator
from supernet.training.result_log import ResultLog
from supernet.training.schedule import standalone_steps
from supernet.training.session import Session

BASELINE = "baseline"
"""The factor of a training with the values of the super-net's baseline."""


class Value(NamedTuple):
    """The values of a training: those of the baseline, or with one factor changed to the value with this text."""

    factor: str
    text: str
    learning_rate: float
    batch_norm: BatchNorm


class ValueTraining(NamedTuple):
    """A stand-alone training of an architecture, of which `encoding` is the text."""

    arch_id: str
    encoding: str
    value: Value
    seed: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What distinguishes the training from the others of its job."""
        return self.arch_id, self.value.factor, self.value.text, self.seed


@dataclass(frozen=True)
class ValueResult:
    """Accuracies as fractions on the split that ranks and on the test set, None if diverged, and the step of that."""

    accuracy: float | None
    test_accuracy: float | None
    diverged_at: int | None


COLUMNS = {
    "arch_id": "text",
    "factor": "text",
    "value": "text",
    "seed": "integers",
    "accuracy": "numbers",
    "test_accuracy": "numbers",
    "diverged_at": "integers",
}
"""Of standalone/{space}.parquet."""


def values_of(job: StandaloneJob) -> list[Value]:
    """Return the values of all trainings of a job, the baseline's first."""
    rate, batch_norm = job.recipe.truth.learning_rate, job.batch_norm
    rates = [Value("learning_rate", str(own), own, batch_norm) for own in job.learning_rates]
    norms = [Value("batch_norm", own, rate, own) for own in job.batch_norms]
    return [Value(BASELINE, "", rate, batch_norm), *rates, *norms]


def value_trainings(job: StandaloneJob, pool: Path) -> list[ValueTraining]:
    """List the trainings of a job, value by value. UserError if the pool is damaged or has too few architectures."""
    columns = read_columns(pool, arch_id="text", encoding="text", drawn="integers")
    drawn = sorted(zip(*columns, strict=True), key=lambda row: row[2])
    if len(drawn) < job.standalone.most:
        raise UserError(
            f"{pool}: found {len(drawn)} architectures; expected at least {job.standalone.most}, which `standalone` "
            "trains: use fewer there, or a larger pool"
        )
    counts = {BASELINE: job.standalone.most}
    return [
        ValueTraining(arch_id, encoding, value, seed)
        for value in values_of(job)
        for arch_id, encoding, _ in drawn[: counts.get(value.factor, job.standalone.architectures)]
        for seed in range(job.standalone.seeds)
    ]


def train_value(
    job: StandaloneJob, training: ValueTraining, space: Space[Any], splits: Splits, evaluator: Evaluator
) -> ValueResult:
    """Train one architecture with one value, and evaluate it on the split that ranks and on the test set.

    Statistics of batch norms are those tracked in training or, where none are tracked, those of each batch. The result
    depends on the architecture, the value and the seed, not on the other trainings of the job. Its random choices are
    not those of the ground truth with the same seed.
    """
    value, arch = training.value, space.parse(training.encoding)
    truth = job.recipe.truth.model_copy(update={"learning_rate": value.learning_rate})
    recipe = job.recipe.model_copy(update={"truth": truth})
    seed = int(stream(training.seed, "standalone").integers(2**32))
    network = build_standalone(recipe, space, arch, seed, splits, value.batch_norm)
    trained = standalone_trainer(recipe, network, arch, seed, splits).run()
    if trained.diverged_at is not None:
        return ValueResult(None, None, trained.diverged_at)
    statistics = "tracked" if "tracking" in value.batch_norm else "batch"
    (accuracy, _), (test, _) = evaluator.evaluate_splits(network, arch, statistics, [job.split, "test"])
    return ValueResult(accuracy, test, None)


class ValueLog(ResultLog[tuple[str, str, str, int], ValueResult]):
    """Results of finished trainings by architecture, factor, value and seed."""

    def _record(self, key: tuple[str, str, str, int], result: ValueResult) -> dict[str, Any]:
        return {**dict(zip(("arch_id", "factor", "value", "seed"), key, strict=True)), "result": asdict(result)}

    def _entry(self, record: dict[str, Any]) -> tuple[tuple[str, str, str, int], ValueResult, float]:
        line = _Line.model_validate(record)
        return (line.arch_id, line.factor, line.value, line.seed), ValueResult(**dict(line.result)), line.seconds

    def _named(self, key: tuple[str, str, str, int]) -> str:
        arch_id, factor, value, seed = key
        return f"{arch_id}, {factor}{f'={value}' if value else ''}, seed {seed}"


class _Result(Model):
    accuracy: float | None = Field(ge=0, le=1)
    test_accuracy: float | None = Field(ge=0, le=1)
    diverged_at: int | None = Field(ge=0)


class _Line(Model):
    """A line of a log: the values of a result, and the seconds of its training."""

    arch_id: str
    factor: str
    value: str
    seed: int = Field(ge=0)
    result: _Result
    seconds: float = Field(ge=0)


class ValueTrainings:
    """The trainings of a job, each of which is in the log before the next one starts."""

    def __init__(
        self, now: Session, job: StandaloneJob, space: Space[Any], todo: Sequence[ValueTraining], log: ValueLog
    ) -> None:
        """Load the images. Raises UserError if the log has a result that its training cannot have."""
        self._job, self._space, self._todo, self._log, self._now = job, space, todo, log, now
        self._splits = now.splits(job.recipe.data, job.recipe.study_seed)
        self._evaluator = Evaluator(self._splits, job.recipe.evaluation, job.recipe.protocol.channels_last)
        self._longest = 0.0
        for one in todo:
            log.check_result(one.key, self._problem)

    def run(self, task: str, progress_file: Path | None, deadline: Deadline) -> None:
        """Train what the log lacks. Raises Stopped before the deadline."""
        total, done = len(self._todo), sum(self._log.result_of(one.key) is not None for one in self._todo)
        with (
            self._now.phase("train"),
            Progress(task, "stand-alone trainings", total, progress_file, done=done) as progress,
        ):
            for one in self._todo:
                if self._log.result_of(one.key) is not None:
                    continue
                if deadline.over(needed=self._longest):
                    raise Stopped(f"stopped after {done} of {total} trainings, because its time limit is near")
                start = time.monotonic()
                result = train_value(self._job, one, self._space, self._splits, self._evaluator)
                took = time.monotonic() - start
                self._log.append(one.key, result, took)
                self._longest, done = max(self._longest, took), done + 1
                progress.update(done)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the row of each training, all of which are in the log."""
        for one in self._todo:
            result = self._log.result_of(one.key)
            assert result is not None, "the trainings have ended"
            start = dict(zip(("arch_id", "factor", "value", "seed"), one.key, strict=True))
            yield {**start, **asdict(result)}

    def _problem(self, result: ValueResult) -> str:
        """Return why a logged result cannot be that of a training; an empty text if it can be."""
        if not (result.accuracy is None) == (result.test_accuracy is None) == (result.diverged_at is not None):
            return "found neither or both of accuracies and a divergence"
        steps = standalone_steps(self._job.recipe.truth, self._splits.sizes).total
        if result.diverged_at is not None and result.diverged_at >= steps:
            return f"it diverged at step {result.diverged_at}, which its training does not have"
        images = {"scoring": self._splits.scoring, "test": self._splits.test}
        for accuracy, split in ((result.accuracy, self._job.split), (result.test_accuracy, "test")):
            correct = (accuracy or 0.0) * len(images[split])
            if abs(correct - round(correct)) > 1e-6:
                return f"an accuracy of {accuracy} is not a share of {len(images[split])} images"
        return ""
