"""Stand-alone trainings: the ground truth of architectures without a published accuracy, by the study's recipe."""

import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from supernet.config.base import Model
from supernet.config.jobs import TruthJob
from supernet.data.images import Splits
from supernet.errors import UserError
from supernet.io.sealed import is_there, sealed_line, unsealed_line
from supernet.pools.truth import cost_columns
from supernet.provenance.recorder import note_resumption
from supernet.spaces.base import NetworkSize, Space
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.evaluator import Evaluator
from supernet.training.fingerprint import Fingerprint
from supernet.training.schedule import standalone_steps
from supernet.training.store.truth import StandAloneResult

_LOGGER = logging.getLogger(__name__)


def train_standalone(
    job: TruthJob, space: Space[Any], arch: Any, seed: int, splits: Splits, evaluator: Evaluator
) -> StandAloneResult:
    """Train one architecture and test it with tracked batch-norm statistics. Images must be square (UserError)."""
    costs = cost_columns(space, arch, _size(job, splits), splits.train.pixels.shape[-1])
    network = build_standalone(job, space, arch, seed, splits)
    trained = standalone_trainer(job, network, arch, seed, splits).run()
    if trained.diverged_at is not None:
        return StandAloneResult(None, trained.diverged_at, **costs)
    accuracy, _ = evaluator.evaluate(network, arch, "tracked", "test")
    return StandAloneResult(accuracy, None, **costs)


def _size(job: TruthJob, splits: Splits) -> NetworkSize:
    in_channels, height, width = splits.train.pixels.shape[1:]
    if height != width:
        raise UserError(f"found images of {height} x {width} pixels; expected square images")
    return NetworkSize(
        job.truth.channels, job.truth.layers, splits.classes, in_channels, job.protocol.nasbench101_widths
    )


_LARGEST = 1 << 28
"""Bytes of a log: more than a hundred thousand results."""
_OLD = "written by another version of the project"


class TruthLog:
    """Results of finished trainings, one JSON line each, so that a killed job repeats at most one training.

    Each process that adds results writes a line with its fingerprint first. Lines after one with another fingerprint
    are kept but not used, and a truncated last line is dropped. Each line has a checksum.
    """

    def __init__(self, path: Path, fingerprint: Fingerprint) -> None:
        """Read the lines of the file, if there is one. Raises UserError if a line is damaged."""
        self.path, self.fingerprint = path, fingerprint
        self._known: dict[tuple[str, int], StandAloneResult] = {}
        self._opened = False
        self.earlier = 0.0
        """Seconds of the trainings that were in the file when it was opened."""
        try:
            there = is_there(path, _LARGEST)
        except ValueError as error:
            raise self._damaged(str(error)) from error
        if there:
            self._cut_torn_line()
            self._read(path.read_bytes().splitlines())

    def get(self, arch_id: str, seed: int) -> StandAloneResult | None:
        """Return the result of an architecture and seed, or None if its training has not finished."""
        return self._known.get((arch_id, seed))

    def check(self, arch_id: str, seed: int, problem_of: Callable[[StandAloneResult], str]) -> None:
        """Raise UserError if the file has a result of an architecture and seed, and it has a problem."""
        if (result := self.get(arch_id, seed)) is not None and (problem := problem_of(result)):
            raise self._damaged(f"{arch_id}, seed {seed}: {problem}")

    def add(self, arch_id: str, seed: int, result: StandAloneResult, seconds: float) -> None:
        """Append a result and the seconds of its training, and sync the file to the disk."""
        lines: list[dict[str, Any]] = [] if self._opened else [{"fingerprint": self.fingerprint.note()}]
        lines.append({"arch_id": arch_id, "seed": seed, "result": asdict(result), "seconds": round(seconds, 3)})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write("".join(f"{sealed_line(line)}\n" for line in lines).encode())
            stream.flush()
            os.fsync(stream.fileno())
        self._known[arch_id, seed], self._opened = result, True

    def discard(self) -> None:
        """Delete the file, once its results are written."""
        self.path.unlink(missing_ok=True)

    def _cut_torn_line(self) -> None:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self.path, len(whole))

    def _read(self, lines: list[bytes]) -> None:
        difference, others = _OLD, dict[str, None]()
        for number, line in enumerate(lines, start=1):
            try:
                if line.startswith(b'{"fingerprint": "'):  # written before lines had a checksum
                    others[_OLD] = None
                    continue
                record = unsealed_line(line)
                if "fingerprint" in record:
                    difference = self.fingerprint.difference(record["fingerprint"])
                elif difference:
                    others[difference] = None
                else:
                    self._keep(_Line.model_validate(record))
            except ValueError as error:
                raise self._damaged(f"line {number}: {_first(error)}") from error
        for other in others:
            _LOGGER.warning("%s: found results %s; they are not used", self.path, other)
        if self._known:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            note_resumption({"state": self.path.name, "done": len(self._known), "time": now})

    def _keep(self, line: "_Line") -> None:
        if (line.arch_id, line.seed) in self._known:
            raise ValueError(f"a second result of {line.arch_id}, seed {line.seed}")
        self._known[line.arch_id, line.seed] = StandAloneResult(**line.result.model_dump())
        self.earlier += line.seconds

    def _damaged(self, problem: str) -> UserError:
        return UserError(f"{self.path}: {problem}; delete the file to repeat its trainings")


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


def _first(error: ValueError) -> str:
    """Return the first finding of a validation, or the text of another error."""
    if not isinstance(error, ValidationError):
        return str(error)
    one = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: found {one['input']!r}; {one['msg']}"


def result_problem(job: TruthJob, space: Space[Any], encoding: str, splits: Splits, result: StandAloneResult) -> str:
    """Return why a stored result cannot be that of an architecture, given as text; an empty text if it can be.

    An accuracy is a share of the test images, a divergence has a step of the training, and costs are those of the
    network.
    """
    costs = cost_columns(space, space.parse(encoding), _size(job, splits), splits.train.pixels.shape[-1])
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
