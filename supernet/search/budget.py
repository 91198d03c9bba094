"""The budget of a search, its cost, and its peak memory."""

import math
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass
class SearchCost:
    """Totals of a search. A pass is one mini-batch through one network; `images` counts images of forward passes.

    `architectures` counts the architectures that were scored with shared weights; `seconds` is the time of all steps,
    including those before a resume.
    """

    forward_passes: int = 0
    backward_passes: int = 0
    images: int = 0
    architectures: int = 0
    seconds: float = 0.0

    def add(self, images: int, forward: int = 1, backward: int = 0) -> None:
        """Count passes of `images` images each."""
        self.forward_passes += forward
        self.backward_passes += backward
        self.images += images * forward

    def note(self) -> dict[str, Any]:
        """Return the totals as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Budget:
    """A number of images of forward passes, or of seconds. A search with a budget of seconds depends on the machine.

    Raises ValueError unless exactly one of them is given.
    """

    images: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.images is None) == (self.seconds is None):
            raise ValueError("a budget has either images or seconds")

    def spent(self, cost: SearchCost) -> float:
        """Return the share that is spent: 1 or more at the end."""
        if self.images is not None:
            return cost.images / self.images
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
