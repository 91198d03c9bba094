"""Ground truth made here: an architecture trained stand-alone by the recipe of the study."""

import copy
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from supernet.build import build_standalone, standalone_trainer
from supernet.data import Splits
from supernet.jobs import TruthJob
from supernet.score import Evaluator
from supernet.spaces.base import Space


@dataclass(frozen=True)
class StandAloneResult:
    """Test accuracy (fraction; None if diverged), step of divergence if any, and the cost of the network."""

    accuracy: float | None
    diverged_at: int | None
    parameters: int
    macs: int


def train_standalone(
    job: TruthJob, space: Space[Any], arch: Any, seed: int, splits: Splits, evaluator: Evaluator
) -> StandAloneResult:
    """Train one architecture and test it with its tracked batch-norm statistics."""
    network = build_standalone(job, space, arch, seed, splits)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    macs = multiply_adds(network, arch, splits.test.pixels.shape[1:])
    trained = standalone_trainer(job, network, arch, seed, splits).run()
    if trained.diverged_at is not None:
        return StandAloneResult(None, trained.diverged_at, parameters, macs)
    accuracy, _ = evaluator.evaluate(network, arch, "tracked", "test")
    return StandAloneResult(accuracy, None, parameters, macs)


def multiply_adds(network: nn.Module, arch: Any, shape: torch.Size) -> int:
    """Multiply-adds of the convolutions and linear layers for an image (C, H, W), by torch's count."""
    # On the meta device nothing is computed, and layers take their plain way.
    shadow = copy.deepcopy(network).to("meta").eval()
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(torch.empty(1, *shape, device="meta"), arch)
    # torch counts a multiply-add as two operations.
    return int(counter.get_total_flops()) // 2


class TruthLog:
    """Results of finished trainings, one JSON line each, so that a killed job repeats one training at most.

    Lines of another `fingerprint` (recipe, torch, device, threads) and a last line that was cut are dropped.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path, self.fingerprint = path, fingerprint
        self._known: dict[tuple[str, int], StandAloneResult] = {}
        if path.exists():
            self._cut_torn_line()
            for line in path.read_text(encoding="utf-8").splitlines():
                self._read(json.loads(line))

    def get(self, arch_id: str, seed: int) -> StandAloneResult | None:
        """The result of an architecture and seed, if its training has finished."""
        return self._known.get((arch_id, seed))

    def add(self, arch_id: str, seed: int, result: StandAloneResult) -> None:
        """Append a result and sync it to the disk."""
        record = {"fingerprint": self.fingerprint, "arch_id": arch_id, "seed": seed, "result": asdict(result)}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write(json.dumps(record).encode() + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        self._known[arch_id, seed] = result

    def discard(self) -> None:
        """Delete the file: its results stand in the output."""
        self.path.unlink(missing_ok=True)

    def _cut_torn_line(self) -> None:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self.path, len(whole))

    def _read(self, record: dict[str, Any]) -> None:
        if record["fingerprint"] == self.fingerprint:
            self._known[record["arch_id"], record["seed"]] = StandAloneResult(**record["result"])
