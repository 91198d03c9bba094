"""The state of a training in one file, so that a killed process goes on where it was."""

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
    """A safetensors file with tensors and a JSON note; another `fingerprint` in it means another training."""

    path: Path
    fingerprint: str
    seconds: float
    earlier: float = 0.0
    """Seconds from the start of this training to the state that was loaded, in processes before this one."""
    _opened: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether the last save is longer ago than `seconds`."""
        return time.monotonic() - self._last >= self.seconds

    def save(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Replace the file; a reader never sees a part of it."""
        spent = self.earlier + time.monotonic() - self._opened
        text = json.dumps({"fingerprint": self.fingerprint, "note": note, "seconds": spent})
        with publish(self.path, record=False) as temporary:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, temporary, {"state": text})
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and note of this training; None without a file, or with that of another training.

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
        """Steps that a training would not repeat: 0 without a usable file; UserError if it is damaged."""
        state = self._state()
        return 0 if state is None else int(state["note"]["done"])

    def discard(self) -> None:
        """Delete the file: the training is complete and its results are written."""
        self.path.unlink(missing_ok=True)

    def _state(self) -> dict[str, Any] | None:
        """The state of this training from the head of the file; opening checks that it has its full length."""
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, "pt") as file:
                state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
        except (SafetensorError, KeyError, ValueError) as error:
            # `save` leaves no such file: the disk did, or a copy that was cut.
            raise UserError(
                f"{self.path}: not a whole checkpoint ({error}); delete the file to train from the first step"
            ) from error
        return state if state["fingerprint"] == self.fingerprint else None
