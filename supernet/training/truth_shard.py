"""Train what the store lacks of a shard of the ground truth. Trainings that other processes have claimed come last."""

import argparse
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from supernet.config.jobs import TruthJob
from supernet.pools.trainings import Training
from supernet.runtime.lock import Claim
from supernet.runtime.progress import Progress
from supernet.runtime.stopping import Deadline, Stopped
from supernet.spaces.base import Space
from supernet.store.truth import TruthStore
from supernet.training.evaluator import Evaluator
from supernet.training.session import Session
from supernet.training.standalone import TruthLog, result_problem, train_standalone

_LOGGER = logging.getLogger(__name__)
POLL_SECONDS = 2.0
"""Time between two looks at trainings that other processes have claimed, once no other is left."""


@dataclass
class TruthShard:
    """The trainings of a job; each one that is made is in the store before the next one starts."""

    now: Session
    job: TruthJob
    space: Space[Any]
    todo: Sequence[Training]
    store: TruthStore
    log: TruthLog
    _claims: dict[Training, Claim] = field(default_factory=dict)
    _longest: float = 0.0

    def __post_init__(self) -> None:
        """Load the images, and add to the store what a killed process of this job has finished."""
        self.splits = self.now.splits(self.job.data, self.job.study_seed)
        self.evaluator = Evaluator(self.splits, self.job.scoring, self.job.protocol.channels_last)
        for one in self.todo:
            self.log.check(
                one.arch_id, one.seed, partial(result_problem, self.job, self.space, one.encoding, self.splits)
            )
            result = self.log.get(one.arch_id, one.seed)
            if result is not None and self.store.get(one) is None:
                self.store.add(one, result)

    @property
    def trained(self) -> int:
        """How many trainings this job has made, in this process and in killed ones."""
        return sum(self.log.get(one.arch_id, one.seed) is not None for one in self.todo)

    def run(self, options: argparse.Namespace, deadline: Deadline, task: str) -> None:
        """Train until the store has all trainings, by this job or by others. Raises Stopped before the deadline."""
        lacking = self._lacking(self.todo)
        done = len(self.todo) - len(lacking)
        named = (task, "stand-alone trainings", len(self.todo), options.progress)
        with self.now.phase("train"), Progress(*named, done=done) as progress:
            while lacking:
                claimed = []
                for one in lacking:
                    if not self._make(one, deadline):
                        claimed.append(one)
                    progress.update(len(self.todo) - len(self._lacking(self.todo)))
                self._wait(claimed, deadline)
                lacking = self._lacking(claimed)

    def _lacking(self, trainings: Sequence[Training]) -> list[Training]:
        return [one for one in trainings if self.store.get(one) is None]

    def _make(self, one: Training, deadline: Deadline) -> bool:
        """Train, unless the store has the training now; return False if another process has claimed it."""
        claim = self._claims.setdefault(one, self.store.claim(one))
        if not claim.take():
            return False
        try:
            # A process that has just released the claim has added the training before.
            self.store.refresh()
            if self.store.get(one) is None:
                self._train(one, deadline)
        finally:
            claim.release()
        return True

    def _train(self, one: Training, deadline: Deadline) -> None:
        if deadline.over(needed=self._longest):
            there = len(self.todo) - len(self._lacking(self.todo))
            raise Stopped(f"stopped after {there} of {len(self.todo)} trainings, because its time limit is near")
        start = time.monotonic()
        arch = self.space.parse(one.encoding)
        result = train_standalone(self.job, self.space, arch, one.seed, self.splits, self.evaluator)
        took = time.monotonic() - start
        self.log.add(one.arch_id, one.seed, result, took)
        self.store.add(one, result)
        self._longest = max(self._longest, took)

    def _wait(self, claimed: Sequence[Training], deadline: Deadline) -> None:
        """Wait a moment if only trainings that others have claimed are left."""
        self.store.refresh()
        if not self._lacking(claimed):
            return
        if deadline.over():
            raise Stopped(
                f"stopped while other processes made {len(claimed)} trainings, because its time limit is near"
            )
        time.sleep(POLL_SECONDS)
        self.store.refresh()
