"""Shared parts of the programs that train or score: arguments, device, data set, timing.

Importing this module does not import torch: a program that finds all of its results in a store does without it.
"""

import argparse
import gc
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from supernet.config.base import Model
from supernet.config.study import Data
from supernet.errors import UserError
from supernet.io.atomic import read_json, write_json
from supernet.provenance.recorder import note_config
from supernet.runtime import program
from supernet.runtime.arguments import positive, positive_number
from supernet.runtime.leftovers import clear_for
from supernet.runtime.lock import sole_writer_of
from supernet.runtime.startup import freeze_imports
from supernet.training.fingerprint import Fingerprint

if TYPE_CHECKING:
    import torch

    from supernet.data.images import Splits

_Model = TypeVar("_Model", bound=Model)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of every program that trains or scores."""
    parser.add_argument("--config", required=True, help="JSON of the config that the result depends on, or @FILE")
    parser.add_argument("--data", type=Path, required=True, help="images: safetensors file of scripts/data.py")
    parser.add_argument("--progress", type=Path, help="file for the progress of the job")
    parser.add_argument("--threads", type=positive, default=1, help="threads of torch")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--timing", type=Path, help="JSON file for the seconds of each phase")
    parser.add_argument("--log", type=Path, help="log file; a resumed job appends to it")
    parser.add_argument(
        "--lock",
        type=Path,
        nargs="+",
        default=[],
        help="folders of the locks on these outputs; the program waits for the process that holds one",
    )


@contextmanager
def sole_job(options: argparse.Namespace, *outputs: str, append: bool = True) -> Iterator[None]:
    """Open the log, wait for the locks, and remove what killed processes have left of the outputs and in the state.

    `outputs` are names of options; `append` keeps the log of earlier runs. Without --lock nothing is removed.
    """
    with program.open_log(options.log, append=append), sole_writer_of(options.lock):
        if options.lock:
            paths = (getattr(options, name, None) for name in (*outputs, "timing", "state"))
            clear_for(path for path in paths if path is not None)
        yield


def add_limit(parser: argparse.ArgumentParser) -> None:
    """Add the argument of the programs that can stop early and resume."""
    parser.add_argument(
        "--limit-minutes",
        type=positive_number,
        help="time limit of the job, from its start: it saves and stops before it",
    )


def read_config(text: str, model: type[_Model]) -> _Model:
    """Validate the value of --config and add it to the provenance record. Raises UserError if it is not valid."""
    config = read_option("--config", text, model)
    note_config(config.model_dump(mode="json"))
    return config


def read_option(option: str, text: str, model: type[_Model]) -> _Model:
    """Validate the value of an option: JSON, or @FILE with JSON. Raises UserError if it is not valid."""
    if text.startswith("@"):
        text = _text_of(option, text[1:])
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"{option}: not a {model.__name__}: {error}") from None


def _text_of(option: str, path: str) -> str:
    try:
        return json.dumps(read_json(path))
    except FileNotFoundError:
        raise UserError(f"{option}: {path}: no such file; expected a JSON file") from None
    except OSError as error:
        raise UserError(f"{option}: {path}: cannot be read: {error.strerror}; expected a JSON file") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{option}: {path}: not a JSON file, or a damaged one ({error})") from error


@dataclass
class Session:
    """A running program: its options, its device, and the seconds of each phase."""

    options: argparse.Namespace
    device: "torch.device | str"
    """`cpu` in a program that did without torch."""
    started: float
    seconds: dict[str, float] = field(default_factory=dict)

    def splits(self, config: Data, study_seed: int) -> "Splits":
        """Load the data set of --data, split by the study seed, on the device."""
        import torch

        from supernet.data.images import load_splits

        return load_splits(self.options.data, config, study_seed, torch.device(self.device))

    def fingerprint(self, config: str, **inputs: Path | None) -> Fingerprint:
        """Identify everything that determines the bits of a result: config, inputs by name, code, environment.

        The images are always an input. None marks an input that the job does not have. The inputs are hashed, and
        noted for the records; call this method before anything is trained.
        """
        import torch

        from supernet.training.device import fingerprint

        files = {"images": self.options.data, **{name: path for name, path in inputs.items() if path is not None}}
        return Fingerprint.of_process(config, fingerprint(torch.device(self.device)), files)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time a phase."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def write_timing(self, *, earlier: float = 0.0, **more: Any) -> None:
        """Write --timing, if it is given: `timing`."""
        if self.options.timing is not None:
            write_json(self.options.timing, self.timing(earlier=earlier, **more))

    def timing(self, *, earlier: float = 0.0, **more: Any) -> dict[str, Any]:
        """Return the seconds per phase and in total until now, threads, device, host, and `more`.

        `earlier` is the number of seconds that earlier processes spent on the state from which this one resumed.
        """
        seconds = {f"{name}_seconds": round(value, 3) for name, value in self.seconds.items()}
        total = {"total_seconds": round(time.time() - self.started, 3), "earlier_seconds": round(earlier, 3)}
        place = {"threads": self.options.threads, "device": str(self.device), "host": socket.gethostname()}
        return {**seconds, **place, **more, **total}


def without_torch(options: argparse.Namespace, started: float) -> Session:
    """Return the session of a program that has found its results in a store, and computes nothing."""
    return Session(options, "cpu", started)


def open_session(options: argparse.Namespace, started: float) -> Session:
    """Import and configure torch and start timing; `started` is the time before torch was imported."""
    gc.disable()
    from supernet.training.device import configure

    freeze_imports()
    session = Session(options, configure(options.threads, options.device), started)
    session.seconds["import"] = time.time() - started
    return session
