"""Checkpoints: the state of a training, a search or a scan in one file, from which a killed process resumes.

A checkpoint holds named tensors (weights, statistics and momentum as `network.*` and `momentum.*`, sums of the current
epoch), a JSON note (steps done, training curve, passes), the fingerprint of the training, the seconds spent so far, the
earlier resumptions, and a checksum of the file. `Trainer` and `supernet.search.system.System` define the tensors and
notes that they save, and check them when they are loaded.
"""

import json
import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from supernet.config.artifacts import aside
from supernet.config.base import Model
from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.io.sealed import UNSEALED, damage, is_there, seal
from supernet.provenance.recorder import note_resumption
from supernet.training.fingerprint import Fingerprint

_LOGGER = logging.getLogger(__name__)


class _State(Model):
    """All of a checkpoint except its tensors."""

    fingerprint: dict[str, Any]
    note: dict[str, Any]
    seconds: float = Field(ge=0)
    resumed: list[dict[str, Any]]

    @field_validator("note")
    @classmethod
    def _counts(cls, note: dict[str, Any]) -> dict[str, Any]:
        done = note.get("done")
        if not isinstance(done, int) or done < 0:
            raise ValueError("its note has no number of steps")
        return note

    @property
    def done(self) -> int:
        """Steps that are done."""
        return int(self.note["done"])


@dataclass
class Checkpoint:
    """A safetensors file of tensors and a JSON note.

    A file with another `fingerprint` belongs to another training. It is not used: the next save puts it aside.
    `seconds` is the time between two saves.
    """

    path: Path
    fingerprint: Fingerprint
    seconds: float
    earlier: float = 0.0
    """Seconds that earlier processes spent on this training, up to the state that was loaded."""
    resumed: list[dict[str, Any]] = field(default_factory=list)
    """The resumptions of this training: name of the state, steps done and time."""
    _opened: float = field(default_factory=time.monotonic)
    _last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Return whether the last save is at least `seconds` ago."""
        return time.monotonic() - self._last >= self.seconds

    def save(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Replace the file atomically."""
        spent = self.earlier + time.monotonic() - self._opened
        state = {"fingerprint": self.fingerprint.note(), "note": note, "seconds": spent, "resumed": self.resumed}
        with publish(self.path, record=False) as temporary:
            contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
            save_file(contiguous, temporary, {"state": json.dumps(state), **UNSEALED})
            seal(temporary)
        self._last = time.monotonic()

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Load tensors and note of this training; None if there is no file, or if it belongs to another training.

        The file of another training is put aside. The records of this process will name the resumption. Raises
        UserError if the file is damaged.
        """
        state = self._state()
        if state is None:
            return None
        if difference := self._difference(state):
            self.path.replace(self.aside)
            _LOGGER.warning(
                "%s: this state is %s; starting from the first step. The state is kept as %s until this job is "
                "complete; to continue it, restore what differs and rename the file",
                self.path,
                difference,
                self.aside.name,
            )
            return None
        self.earlier = state.seconds
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.resumed = [*state.resumed, {"state": self.path.name, "done": state.done, "time": now}]
        for entry in self.resumed:
            note_resumption(entry)
        with safe_open(self.path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, state.note  # noqa: SIM118

    @property
    def done(self) -> int:
        """Steps that need not be repeated; 0 without a usable file. Raises UserError if the file is damaged."""
        state = self._state()
        return 0 if state is None or self._difference(state) else state.done

    @property
    def aside(self) -> Path:
        """The file that keeps the state of another training, which had the path of this one."""
        return aside(self.path)

    def damaged(self, problem: str) -> UserError:
        """Return the error of a file that `save` never leaves; a disk error or an edit can."""
        return UserError(
            f"{self.path}: truncated or damaged checkpoint ({problem}); delete the file to train from the first step"
        )

    def discard(self) -> None:
        """Delete the file, and what was put aside, once the results of the training are written."""
        self.path.unlink(missing_ok=True)
        self.aside.unlink(missing_ok=True)

    def _difference(self, state: _State) -> str:
        return self.fingerprint.difference(state.fingerprint)

    def _state(self) -> _State | None:
        """Read the state from the head of the file, if all of the file has its checksum; None if there is no file."""
        problem = ""
        try:
            if not is_there(self.path):
                return None
            problem = damage(self.path)
            with safe_open(self.path, "pt") as file:
                found = json.loads((file.metadata() or {})["state"])
            if problem and isinstance(found.get("fingerprint"), str):
                # Written before checkpoints had a checksum.
                return _State(fingerprint={}, note={"done": 0}, seconds=0.0, resumed=[])
            state = _State.model_validate(found)
        except (SafetensorError, AttributeError, KeyError, ValueError, RecursionError) as error:
            raise self.damaged(problem or str(error)) from error
        if problem:
            raise self.damaged(problem)
        return state
