"""Stand-alone trainings: the ground truth of architectures without a published accuracy, by the study's recipe."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from supernet.config.jobs import TruthJob
from supernet.data.images import Splits
from supernet.errors import UserError
from supernet.pools.truth import cost_columns
from supernet.spaces.base import NetworkSize, Space
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.evaluator import Evaluator


@dataclass(frozen=True)
class StandAloneResult:
    """Test accuracy (fraction; None if diverged), step of divergence if any, and cost of the network."""

    accuracy: float | None
    diverged_at: int | None
    parameters: int
    macs: int
    live_macs: int


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


class TruthLog:
    """Results of finished trainings, one JSON line each, so that a killed job repeats at most one training.

    Lines of another `fingerprint` (recipe, torch, device, threads) and a truncated last line are dropped.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self._known: dict[tuple[str, int], StandAloneResult] = {}
        self.earlier = 0.0
        """Seconds of the trainings that were in the file when it was opened."""
        if path.exists():
            self._cut_torn_line()
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read(json.loads(line))

    def get(self, arch_id: str, seed: int) -> StandAloneResult | None:
        """Return the result of an architecture and seed, or None if its training has not finished."""
        return self._known.get((arch_id, seed))

    def add(self, arch_id: str, seed: int, result: StandAloneResult, seconds: float) -> None:
        """Append a result and the seconds of its training, and sync the file to the disk."""
        record = {"fingerprint": self.fingerprint, "arch_id": arch_id, "seed": seed, "result": asdict(result)}
        record["seconds"] = round(seconds, 3)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write(json.dumps(record).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self._known[arch_id, seed] = result

    def discard(self) -> None:
        """Delete the file, once its results are written."""
        self.path.unlink(missing_ok=True)

    def _cut_torn_line(self) -> None:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self.path, len(whole))

    def _read(self, record: dict[str, Any]) -> None:
        if record["fingerprint"] == self.fingerprint:
            self._known[record["arch_id"], record["seed"]] = StandAloneResult(**record["result"])
            self.earlier += record["seconds"]
