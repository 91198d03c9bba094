"""Checkpoints: the state of a training, a search or a scan in one file, from which a killed process resumes.

A checkpoint holds named tensors (weights, statistics and momentum as `network.*` and `momentum.*`, sums of the current
epoch), a JSON note (steps done, training curve, passes), the fingerprint of the training, and the seconds spent so far.
`Trainer` and `supernet.search.system.System` define the tensors and notes that they save.
"""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from supernet.errors import UserError
from supernet.io.atomic import publish


@dataclass
class Checkpoint:
    """A safetensors file of tensors and a JSON note. A file with another `fingerprint` belongs to another training.

    `seconds` is the time between two saves.
    """

    path: Path
    fingerprint: str
    seconds: float
    earlier: float = 0.0
    """Seconds that earlier processes spent on this training, up to the state that was loaded."""
    _opened: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Return whether the last save is at least `seconds` ago."""
        return time.monotonic() - self._last >= self.seconds

    def save(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Replace the file atomically."""
        spent = self.earlier + time.monotonic() - self._opened
        text = json.dumps({"fingerprint": self.fingerprint, "note": note, "seconds": spent})
        with publish(self.path, record=False) as temporary:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, {"state": text})
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Load tensors and note of this training; None if there is no file, or if it belongs to another training.

        Raises UserError if the file is damaged.
        """
        state = self._state()
        if state is None:
            return None
        self.earlier = float(state["seconds"])
        with safe_open(self.path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, state["note"]  # noqa: SIM118

    @property
    def done(self) -> int:
        """Steps that need not be repeated; 0 without a usable file. Raises UserError if the file is damaged."""
        state = self._state()
        return 0 if state is None else int(state["note"]["done"])

    def discard(self) -> None:
        """Delete the file, once the results of the training are written."""
        self.path.unlink(missing_ok=True)

    def _state(self) -> dict[str, Any] | None:
        """Read the state from the head of the file; opening it checks that the file has its full length."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
        except (SafetensorError, KeyError, ValueError) as error:
            # `save` never leaves such a file; a disk error or a truncated copy can.
            raise UserError(
                f"{self.path}: truncated or damaged checkpoint ({error}); delete the file to train from the first step"
            ) from error
        return state if state["fingerprint"] == self.fingerprint else None
