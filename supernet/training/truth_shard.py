"""Train what the store lacks of a shard of the ground truth. Trainings that other processes have claimed come last."""

import logging
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from supernet.config.jobs import TruthJob
from supernet.pools.trainings import Training
from supernet.runtime.lock import POLL_SECONDS, Claim
from supernet.runtime.progress import Progress
from supernet.runtime.stopping import Deadline, Stopped
from supernet.spaces.base import Space
from supernet.training.evaluator import Evaluator
from supernet.training.session import Session
from supernet.training.standalone import TruthLog, result_problem, train_standalone
from supernet.training.store.truth import TruthStore

_LOGGER = logging.getLogger(__name__)


class TruthShard:
    """The trainings of a job; each one that is made is in the store before the next one starts."""

    def __init__(
        self,
        now: Session,
        job: TruthJob,
        space: Space[Any],
        todo: Sequence[Training],
        store: TruthStore,
        log: TruthLog,
    ) -> None:
        """Load the images, and add to the store what a killed process of this job has finished.

        Raises UserError if the log has a result that its training cannot have.
        """
        self._job, self._space, self._todo, self._store, self._log = job, space, todo, store, log
        self._now, self._splits = now, now.splits(job.data, job.study_seed)
        self._evaluator = Evaluator(self._splits, job.evaluation, job.protocol.channels_last)
        self._claims: dict[Training, Claim] = {}
        self._longest = 0.0
        for one in todo:
            problem_of = partial(result_problem, job, space, one.encoding, self._splits)
            log.check(one.arch_id, one.seed, problem_of)
            result = log.get(one.arch_id, one.seed)
            if result is not None and store.get(one) is None:
                store.add(one, result)

    @property
    def trained(self) -> int:
        """How many trainings this job has made, in this process and in killed ones."""
        return sum(self._log.get(one.arch_id, one.seed) is not None for one in self._todo)

    def run(self, task: str, progress_file: Path | None, deadline: Deadline) -> None:
        """Train until the store has all trainings, by this job or by others. Raises Stopped before the deadline."""
        lacking = self._lacking(self._todo)
        named = (task, "stand-alone trainings", len(self._todo), progress_file)
        with self._now.phase("train"), Progress(*named, done=self._done) as progress:
            while lacking:
                claimed = []
                for one in lacking:
                    if not self._make(one, deadline):
                        claimed.append(one)
                    progress.update(self._done)
                self._wait(claimed, deadline)
                lacking = self._lacking(claimed)
                progress.update(self._done)

    @property
    def _done(self) -> int:
        return len(self._todo) - len(self._lacking(self._todo))

    def _lacking(self, trainings: Sequence[Training]) -> list[Training]:
        return [one for one in trainings if self._store.get(one) is None]

    def _make(self, one: Training, deadline: Deadline) -> bool:
        """Train, unless the store has the training now; return False if another process has claimed it."""
        claim = self._claims.setdefault(one, self._store.claim(one))
        if not claim.take():
            return False
        try:
            # A process that has just released the claim has added the training before.
            self._store.refresh()
            if self._store.get(one) is None:
                self._train(one, deadline)
        finally:
            claim.release()
        return True

    def _train(self, one: Training, deadline: Deadline) -> None:
        if deadline.over(needed=self._longest):
            raise Stopped(f"stopped after {self._done} of {len(self._todo)} trainings, because its time limit is near")
        start = time.monotonic()
        arch = self._space.parse(one.encoding)
        result = train_standalone(self._job, self._space, arch, one.seed, self._splits, self._evaluator)
        took = time.monotonic() - start
        self._log.add(one.arch_id, one.seed, result, took)
        self._store.add(one, result)
        self._longest = max(self._longest, took)

    def _wait(self, claimed: Sequence[Training], deadline: Deadline) -> None:
        """Wait a moment if all trainings that are left are those that others have claimed."""
        self._store.refresh()
        left = self._lacking(claimed)
        if not left:
            return
        if deadline.over():
            raise Stopped(f"stopped while other processes made {len(left)} trainings, because its time limit is near")
        _LOGGER.info("waiting for %d trainings of other processes", len(left))
        time.sleep(POLL_SECONDS)
        self._store.refresh()
