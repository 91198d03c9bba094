"""The store of super-nets: one folder per config and seed, and below it one per content of the inputs.

Each super-net has the files that a run has (`RunFolder`). Studies have copies, so that their results do not change if
the store does, and a folder of results can be moved or packed by itself.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supernet.config.artifacts import RunFolder, StoreFolder
from supernet.config.identity import inputs_digest, supernet_identity
from supernet.config.run_summary import read_summary
from supernet.config.study import Run
from supernet.errors import UserError
from supernet.io.atomic import publish, read_json, write_json
from supernet.provenance.recorder import input_sha256, recording_apart
from supernet.runtime.kernels import VARIABLE, reference_kernels
from supernet.runtime.leftovers import clear_ended
from supernet.runtime.lock import Claim, LockTiming
from supernet.training.store.intact import intact_record
from supernet.training.store.recipe import describe
from supernet.training.store.sameness import made_otherwise

_LOGGER = logging.getLogger(__name__)


class SupernetStore:
    """The finished training of one config and seed on some images, which all studies below a folder of results share.

    A super-net that was made by other code or packages is taken over, with a warning: an edit of the code does not
    train again, and the audit reports what is stale. One with a damaged file or of other inputs is not used.
    """

    def __init__(self, store: Path, run: Run, images: Path, landmarks: Path | None = None) -> None:
        """Note the images and the landmarks as inputs of the program. Raises UserError if one does not exist."""
        self._run, self._images, self._landmarks = run, images, landmarks
        self._identity = supernet_identity(run)
        self._hashes = {"images": _sha256(images, "scripts/data.py makes it")}
        if landmarks is not None:
            self._hashes["landmarks"] = _sha256(landmarks, "expected a Parquet file")
        self._shared = StoreFolder.supernets(str(store), run.space, self._identity.digest)
        self._inputs = inputs_digest(self._hashes, reference_kernels())
        self._told = ""
        self.folder: RunFolder = self._shared.supernet(self._inputs)
        """Where the super-net is, or will be."""

    @property
    def name(self) -> str:
        """The end of the path of the super-net."""
        return "/".join(Path(self.folder.path).parts[-4:])

    def has(self) -> bool:
        """Return whether the store has the super-net. Logs why it is not used, or by what else it was made."""
        # The summary is written last.
        if not Path(self.folder.summary).exists():
            return False
        try:
            records = [self._record(path) for path in self.folder.training]
            read_summary(self.folder.summary, self._run)
        except (UserError, OSError) as error:
            self._warn(f"{error}; this super-net is not used: it is trained again")
            return False
        if otherwise := next(filter(None, map(made_otherwise, records)), ""):
            self._warn(f"{self.name}: {otherwise}; to train it again, run `supernet store remove {self.name}` first")
        return True

    def claim(self, timing: LockTiming | None = None) -> Claim:
        """Return the claim of the process that trains the super-net, which is not taken yet."""
        return Claim(Path(self._shared.claim(self._inputs)), timing)

    @contextmanager
    def adding(self) -> Iterator[RunFolder]:
        """Record what is written in the context as the super-net in the store; the summary must be written last.

        Records name the config of the run and the images, and no study; for landmarks, which a study makes, they name
        the hash.
        """
        content = f"Super-net of {self._run.space}, seed {self._run.seed}; one folder per content of the images "
        describe(self._shared, self._identity, f"{content}and of other inputs, shared by all studies.")
        clear_ended(Path(self._shared.path))
        # Without a summary, nothing takes the files for complete while they are replaced.
        Path(self.folder.summary).unlink(missing_ok=True)
        config = {"run": self._run.model_dump(mode="json"), **self._landmarks_hash()}
        with recording_apart(config, [self._images]):
            yield self.folder

    def take_over(self, curve: Path, weights: Path, summary: Path, packages: Mapping[str, str]) -> None:
        """Copy the super-net to a run of a study; the records name the store's files and `packages`.

        They do not name its timing: a digest would otherwise differ between two trainings that give the same bytes.
        """
        inputs = [*map(Path, self.folder.trained), *([] if self._landmarks is None else [self._landmarks])]
        config = self._run.model_dump(mode="json")
        with recording_apart(config, inputs, packages):
            for source, path in ((self.folder.curve, curve), (self.folder.weights, weights)):
                with publish(path) as temporary:
                    shutil.copyfile(source, temporary)
            # Keys that did not exist when it was trained have their defaults.
            write_json(summary, {**read_json(self.folder.summary), "run": config})

    def _landmarks_hash(self) -> dict[str, str]:
        return {name: sha256 for name, sha256 in self._hashes.items() if name == "landmarks"}

    def _record(self, path: str) -> dict[str, Any]:
        """Return the record of a file of the super-net. Raises UserError if the file cannot be used."""
        record = intact_record(path)
        if problem := "; ".join(self._problems(record["made"])):
            raise UserError(f"{path}: {problem}")
        return record

    def _problems(self, made: Mapping[str, Any]) -> Iterator[str]:
        config = made["config"] if isinstance(made["config"], Mapping) else {}
        if [one["sha256"] for one in made["inputs"]] != [self._hashes["images"]]:
            yield f"was not made from the images {self._images}"
        if config.get("landmarks") != self._hashes.get("landmarks"):
            yield "was made with other landmarks"
        if keys := self._identity.changed({"run": config.get("run")}):
            yield f"was made with another config, which differs in {', '.join(keys)}"
        if (made["variables"].get(VARIABLE) == "1") != reference_kernels():
            yield f"was made with{'out' if reference_kernels() else ''} {VARIABLE}=1"

    def _warn(self, message: str) -> None:
        if message != self._told:
            self._told = message
            _LOGGER.warning("%s", message)


def _sha256(path: Path, hint: str) -> str:
    if not path.is_file():
        raise UserError(f"{path}: no such file; {hint}")
    return input_sha256(path)
