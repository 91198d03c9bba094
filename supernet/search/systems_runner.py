"""Runs the search systems of one job, one after another; a restarted job resumes the interrupted one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.config.jobs import SystemsJob
from supernet.data.images import Splits
from supernet.pipeline.estimate import training_passes
from supernet.runtime.progress import Progress
from supernet.runtime.stopping import Stopping
from supernet.search.build import make_problem
from supernet.search.ground_truth import GroundTruth
from supernet.search.results import FinishedSearches, rows
from supernet.search.system import Outcome, run_search
from supernet.search.systems import make_system
from supernet.spaces.base import Space
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint
from supernet.training.session import Session


@dataclass(frozen=True)
class StateFiles:
    """The files of a job: in its state folder, a checkpoint per system and the results of finished systems.

    States belong to the inputs `pool` and `table`.
    """

    folder: Path
    checkpoint_seconds: float
    pool: Path
    table: Path | None

    def checkpoint(self, system: str, fingerprint: Fingerprint) -> Checkpoint:
        """Return the checkpoint of a system."""
        return Checkpoint(self.folder / f"{system}.safetensors", fingerprint, self.checkpoint_seconds)

    def discard(self, system: str) -> None:
        """Delete the files of a system, once the job's results are written."""
        nobody = Fingerprint("")
        self.checkpoint(system, nobody).discard()
        FinishedSearches(self.folder, nobody).discard(system)


@dataclass(frozen=True)
class Finished:
    """A finished system: its rows, its `seconds` and `peak_bytes`, and the seconds of earlier processes."""

    system: str
    rows: list[dict[str, Any]]
    timing: dict[str, Any]
    earlier: float


@dataclass(frozen=True)
class SystemsRunner:
    """Runs systems by name; `task` and `progress` are those of `Progress`."""

    job: SystemsJob
    space: Space[Any]
    splits: Splits
    truth: GroundTruth
    session: Session
    files: StateFiles
    stopping: Stopping
    task: str
    progress: Path | None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the job's systems, in their order."""
        (names,) = self.job.searches.systems.values()
        return tuple(names)

    def run(self, name: str) -> Finished:
        """Run a system to its end, or return its saved results if it has finished before.

        Raises `supernet.runtime.stopping.Stopped` if the job has to stop; the system resumes at the next start.
        """
        job = self.job
        config = job.model_copy(update={"searches": job.searches.part(str(job.run.space), (name,))})
        inputs = {"pool": self.files.pool, "table": self.files.table}
        fingerprint = self.session.fingerprint(config.model_dump_json(), **inputs)
        finished = FinishedSearches(self.files.folder, fingerprint)
        saved = finished.load(name)
        if saved is not None:
            found, timing = saved
            return Finished(name, found, timing, timing["seconds"])
        checkpoint = self.files.checkpoint(name, fingerprint)
        with self.session.phase("search"):
            outcome = self._search(name, checkpoint)
        with self.session.phase("worth"):
            trained = training_passes(job.run) * job.run.setting.batch_size
            found = rows(name, outcome, self.space, self.truth, job.searches.finds, trained)
        timing = {"seconds": round(outcome.cost.seconds, 3), "peak_bytes": outcome.peak_bytes}
        finished.save(name, found, timing)
        return Finished(name, found, timing, checkpoint.earlier)

    def _search(self, name: str, checkpoint: Checkpoint) -> Outcome:
        """Search with a system; progress counts images, or thousandths of another budget."""
        system = make_system(name, make_problem(self.job, self.space, self.splits, self.truth), self.job.searches)
        images = self.job.searches.images
        total, unit = (1_000, 0) if images is None else (images, 1)
        with Progress(self.task, name, total, self.progress, unit_images=unit) as progress:
            return run_search(
                system, checkpoint, lambda spent: progress.update(int(min(spent, 1.0) * total)), self.stopping
            )
