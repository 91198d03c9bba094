"""The budget of a search, its cost, and its peak memory."""

import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

BACKWARD = 2
"""Forward passes that count as much work as a backward pass: gradients of inputs and of weights cost one each."""


@dataclass
class SearchCost:
    """Totals of a search. A pass is one mini-batch through one network; `images` counts images of forward passes.

    `multiply_adds` are those of the layers that the passes execute, with `BACKWARD` forward passes per backward pass.
    `trained` counts images of training passes, times the operations that a pass computes at a position of a cell: it is
    how often an average operation was trained, times |O|. `architectures` counts the architectures that were scored
    with shared weights; `seconds` is the time of all steps, including those before a resume.
    """

    forward_passes: int = 0
    backward_passes: int = 0
    images: int = 0
    multiply_adds: int = 0
    trained: float = 0.0
    architectures: int = 0
    seconds: float = 0.0

    def add(self, images: int, macs: int, forward: int = 1, backward: int = 0) -> None:
        """Count passes of `images` images each through a network of `macs` multiply-adds per image."""
        self.forward_passes += forward
        self.backward_passes += backward
        self.images += images * forward
        self.multiply_adds += images * macs * (forward + BACKWARD * backward)

    def note(self) -> dict[str, Any]:
        """Return the totals as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Budget:
    """A number of images of forward passes, of multiply-adds, or of seconds.

    A search with a budget of seconds depends on the machine. Raises ValueError unless exactly one of them is given.
    """

    images: int | None = None
    seconds: float | None = None
    multiply_adds: int | None = None

    def __post_init__(self) -> None:
        if sum(one is not None for one in (self.images, self.seconds, self.multiply_adds)) != 1:
            raise ValueError("a budget has one of images, multiply-adds and seconds")

    def spent(self, cost: SearchCost) -> float:
        """Return the share that is spent: 1 or more at the end."""
        if self.images is not None:
            return cost.images / self.images
        if self.multiply_adds is not None:
            return cost.multiply_adds / self.multiply_adds
        return cost.seconds / (self.seconds or math.inf)


class PeakMemory:
    """The peak memory since `start`, in bytes: of the GPU, or of this process on Linux."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._can_reset = device, False

    def start(self) -> None:
        """Reset the peak."""
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)
            return
        try:
            Path("/proc/self/clear_refs").write_text("5")
            self._can_reset = True
        except OSError:
            # Not Linux, or forbidden in the container: the peak would include all earlier searches.
            self._can_reset = False

    def bytes(self) -> int | None:
        """Return the peak; None if it cannot be measured for this search alone."""
        if self._device.type == "cuda":
            return int(torch.cuda.max_memory_allocated(self._device))
        if not self._can_reset or sys.platform != "linux":
            return None
        lines = Path("/proc/self/status").read_text().splitlines()
        peak = next((line.split()[1] for line in lines if line.startswith("VmHWM:")), None)
        return None if peak is None else int(peak) * 1024
