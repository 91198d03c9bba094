"""A folder of results with a store, and studies that use it, written as programs do, without trainings."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from checkouts import ROOT

from supernet.config.artifacts import HASH_DIGITS, Artifacts, StoreFolder
from supernet.config.identity import Identity
from supernet.config.jobs import TruthJob, scoring_job
from supernet.config.study import load_study
from supernet.io.atomic import write_text
from supernet.io.parquet import write_rows
from supernet.provenance.recorder import Recorder, recording, recording_apart
from supernet.training.scores import Scores, wanted
from supernet.training.store.recipe import describe
from supernet.training.store.truth import StandAloneResult, TruthStore

SPACE, SETTING = "nasbench201", "baseline"
RUN = f"runs/{SPACE}/{SETTING}/seed0"
JOB = {
    "space": SPACE,
    "truth": {"channels": 4, "layers": 1, "epochs": 1, "batch_size": 8, "train_portion": 0.54},
    "study_seed": 0,
    "data": {"name": "digits", "crop_padding": 2},
    "protocol": {},
    "evaluation": {"batch_size": 10},
}


class Training(NamedTuple):
    """A stand-alone training."""

    arch_id: str
    encoding: str
    seed: int = 0


class Stored:
    """The folder `results` of the current folder."""

    def __init__(self) -> None:
        self.results, self.store = Path("results"), Path("results/store")
        self.images = Path("resources/images")
        with self.program():
            write_text(self.images, "images")

    def program(self, name: str = "truth") -> Any:
        """Record what is written as the program `name` does."""
        return recording(Recorder(ROOT / "scripts" / f"{name}.py"))

    def truth(self, epochs: int = 1) -> TruthStore:
        """Return the store of stand-alone trainings of a recipe."""
        job = {**JOB, "truth": {**JOB["truth"], "epochs": epochs}}  # type: ignore[dict-item]
        return TruthStore(self.store, TruthJob.model_validate(job), self.images)

    def train(self, names: str, epochs: int = 1) -> list[Path]:
        """Add one training per letter; return their parts."""
        with self.program():
            store = self.truth(epochs)
            for name in names:
                if store.get(Training(name, name)) is None:
                    store.add(Training(name, name), StandAloneResult(0.5, None, ord(name), 1, 1))
            return [path for name in names for path in store.parts([Training(name, name)])]

    def study(self, name: str, names: str, epochs: int = 1) -> Path:
        """Write the ground truth of a study that takes over one training per letter."""
        parts = self.train(names, epochs)
        path = Path(Artifacts(f"results/{name}").truth(SPACE, 0).table)
        with self.program(), recording_apart({}, [self.images, *parts]):
            write_rows(path, [{"arch_id": name, "seed": 0} for name in names])
        return path

    def complete(self, name: str) -> None:
        """Write the metrics of a study."""
        with self.program("metrics"):
            write_text(Artifacts(f"results/{name}").metrics, "metrics")

    def run(self, study: str, content: str, inputs: Sequence[Path] = ()) -> Path:
        """Write the weights of a run of a study, or link those of the store, which are then the first input."""
        path = Path(f"results/{study}/{RUN}/weights.safetensors")
        with self.program("train"), recording_apart({}, inputs):
            write_text(path, content)
        if inputs:
            path.unlink()
            path.hardlink_to(inputs[0])
        return path

    def score(self, weights: Path) -> Scores:
        """Add scores of a super-net with two batches of one architecture."""
        with self.program("score"):
            job = scoring_job(load_study(ROOT / "tests" / "studies" / "smoke.yaml"), SPACE, SETTING, 0)
            scores = Scores(job, self.store, self.images, weights)
            for name in "ab":
                scores.add(dict.fromkeys(wanted(job, [name]), (0.5, 1.0)))
            return scores

    def supernet(self, content: str, seed: int = 0, inputs: str = "1") -> list[Path]:
        """Add a super-net to the store, with these weights; return its files, the weights first."""
        identity = Identity.of({"run": {"space": SPACE, "seed": seed}})
        folder = StoreFolder.supernets(str(self.store), SPACE, identity.digest)
        own = folder.supernet(inputs * HASH_DIGITS)
        with self.program("train"):
            describe(folder, identity, "A super-net.")
            for path in own.training:
                write_text(path, content if path == own.weights else path)
        return sorted(map(Path, own.training), reverse=True)


def age(path: Path, seconds: float) -> None:
    """Make a file older."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
