"""The store of stand-alone trainings: one folder per recipe, one part per architecture and seed.

Another encoding of the same architecture is another training: it gives other initial weights to the same operations.

A part is added as soon as its training has ended, so that other processes see it and a killed job loses nothing. It has
one training, because a part that had several would depend on when a process was interrupted, and with it the records of
everything that is made from it.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from supernet.config.artifacts import PartsFolder
from supernet.config.identity import standalone_identity
from supernet.config.jobs import TruthJob
from supernet.provenance.recorder import input_sha256
from supernet.runtime.kernels import VARIABLE, reference_kernels
from supernet.runtime.lock import Claim, LockTiming
from supernet.training.store.parts import Columns, Key, Parts, Record, Values
from supernet.training.store.recipe import describe


@dataclass(frozen=True)
class StandAloneResult:
    """Test accuracy (fraction; None if diverged), step of divergence if any, and cost of the network."""

    accuracy: float | None
    diverged_at: int | None
    parameters: int
    macs: int
    live_macs: int


COLUMNS = Columns(
    keys={"arch_id": "text", "encoding": "text", "seed": "integers"},
    values={one.name: "numbers" if one.name == "accuracy" else "integers" for one in fields(StandAloneResult)},
)


class Trained(Protocol):
    """What identifies a training of a recipe."""

    @property
    def arch_id(self) -> str:
        """Identifier of the architecture."""

    @property
    def encoding(self) -> str:
        """Text of the architecture."""

    @property
    def seed(self) -> int:
        """Seed of the training."""


class TruthStore:
    """The finished stand-alone trainings of one recipe, which all studies below a folder of results share.

    Trainings of other images, of another recipe or with other kernels are not used, with a warning.
    """

    def __init__(self, store: Path, job: TruthJob, images: Path) -> None:
        """Read what is in the store, and note the images as an input of the program."""
        self._identity, self._images = standalone_identity(job), images
        self._sha256 = input_sha256(images)
        self._paths = PartsFolder.truth(str(store), job.space, self._identity.digest)
        self._parts = Parts(Path(self._paths.path), COLUMNS, self._unfit, _wrong)
        self.refresh()

    def refresh(self) -> None:
        """Read what other processes have added since the last call."""
        self._parts.refresh()

    def get(self, training: Trained) -> StandAloneResult | None:
        """Return the result of a training; None if the store does not have it."""
        values = self._parts.get(*_key(training))
        return None if values is None else StandAloneResult(*values)

    def result(self, training: Trained) -> StandAloneResult:
        """Return the result of a training; KeyError if the store does not have it."""
        if (found := self.get(training)) is None:
            raise KeyError(training)
        return found

    def add(self, training: Trained, result: StandAloneResult) -> None:
        """Add the result of a training, with a record that names its recipe and the images, and no study."""
        space = self._identity.values["space"]
        content = f"Stand-alone trainings of {space}, one file per architecture and seed, shared by all studies."
        describe(self._paths, self._identity, content)
        self._parts.add({_key(training): astuple(result)}, self._identity.values, [self._images])

    def obtain(self, training: Trained, make: Callable[[], StandAloneResult]) -> StandAloneResult:
        """Return the result of a training from the store or, after it was added, of `make`.

        While another process makes it, this one waits.
        """

        def is_done() -> bool:
            self.refresh()
            return self.get(training) is not None

        def make_and_add() -> StandAloneResult:
            result = make()
            self.add(training, result)
            return result

        return self.claim(training).do_once(is_done, make_and_add) or self.result(training)

    def claim(self, training: Trained, timing: LockTiming | None = None) -> Claim:
        """Return the claim of the process that makes a training, which is not taken yet."""
        return Claim(Path(self._paths.claim(f"{training.encoding} {training.seed}")), timing)

    def parts(self, trainings: Iterable[Trained]) -> list[Path]:
        """Return the files that have these trainings; KeyError if the store does not have one."""
        return self._parts.origins(map(_key, trainings))

    def _unfit(self, record: Record) -> str:
        return "; ".join(self._problems(record["made"]))

    def _problems(self, made: Any) -> Iterator[str]:
        if [one["sha256"] for one in made["inputs"]] != [self._sha256]:
            yield f"was not made from the images {self._images}"
        if keys := self._identity.changed(made["config"]):
            yield f"was made with another recipe, which differs in {', '.join(keys)}"
        if (made["variables"].get(VARIABLE) == "1") != reference_kernels():
            yield f"was made with{'out' if reference_kernels() else ''} {VARIABLE}=1"


def _key(training: Trained) -> Key:
    return training.arch_id, training.encoding, training.seed


def _wrong(values: Values) -> str:
    result = StandAloneResult(*values)
    if (result.accuracy is None) == (result.diverged_at is None):
        return "found neither or both of an accuracy and a divergence"
    if result.accuracy is not None and not 0 <= result.accuracy <= 1:
        return f"found the accuracy {result.accuracy}; expected a fraction from 0 to 1"
    lacking = None in (result.parameters, result.macs, result.live_macs)
    return "found a network without parameters or multiply-adds" if lacking else ""
