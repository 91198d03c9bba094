"""The interface of all search systems: steps that can be saved, and ranked architectures at the end."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from torch import Tensor

from supernet.config.base import Model
from supernet.rng import stream
from supernet.runtime.stopping import Stopped, Stopping
from supernet.search.budget import PeakMemory, SearchCost
from supernet.search.problem import Problem
from supernet.search.weights import Diverged, SharedWeights
from supernet.training.checkpoint import Checkpoint

Options = TypeVar("Options", bound=Model)


@dataclass(frozen=True)
class Proposal:
    """An architecture that a search ends with, its accuracy and loss with shared weights; nan where not measured."""

    arch: Any
    accuracy: float = float("nan")
    loss: float = float("nan")


@dataclass(frozen=True)
class Outcome:
    """What a search ends with: proposals, best first, its cost, and what went astray.

    `invalid` counts choices that made no architecture, `passed_over` architectures without ground truth that had a
    better score than the first proposal. `status` is complete, stopped_early (the system's own rule) or diverged.
    """

    proposals: list[Proposal]
    cost: SearchCost
    status: str
    invalid: int
    passed_over: int
    peak_bytes: int | None


class System(ABC, Generic[Options]):
    """A search under way. `step` does one piece of it, so long as `finished` does not say that it is over."""

    name: ClassVar[str]

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem, self.options = problem, options
        self.cost, self.invalid, self.passed_over = SearchCost(), 0, 0
        self.steps = 0
        self.weights = SharedWeights(problem, self.cost, self._partial())

    def _partial(self) -> int:
        return 1

    @property
    def spent(self) -> float:
        """The share of the budget that is spent."""
        return self.problem.budget.spent(self.cost)

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the system stops of itself."""
        return self.spent >= 1

    @property
    def status(self) -> str:
        """How a search ends that is finished."""
        return "complete"

    def rng(self, *names: str | int) -> np.random.Generator:
        """Random numbers of this system; those of a step are addressed by its number."""
        return stream(self.problem.seed, "search", self.name, *names)

    @abstractmethod
    def step(self) -> None:
        """One piece of the search."""

    @abstractmethod
    def proposals(self) -> list[Proposal]:
        """Architectures, best first."""

    def tensors(self) -> dict[str, Tensor]:
        """The tensors that a step depends on."""
        return self.weights.tensors()

    def note(self) -> dict[str, Any]:
        """What else a step depends on, as JSON."""
        return {
            "done": self.steps,
            "weight_steps": self.weights.steps,
            "cost": self.cost.note(),
            "invalid": self.invalid,
        }

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Go on from `tensors` and `note`."""
        self.steps, self.invalid = note["done"], note["invalid"]
        self.cost.__dict__.update(note["cost"])
        self.weights.restore(tensors, note["weight_steps"])


def run_search(
    system: System[Any],
    checkpoint: Checkpoint | None = None,
    progress: Callable[[float], None] | None = None,
    stopping: Stopping | None = None,
) -> Outcome:
    """Run a system to its end, from the checkpoint if there is one.

    `progress` is called with the share of the budget that is spent. When `stopping` asks for it, the checkpoint is
    saved after the current step, and Stopped is raised.
    """
    saved = None if checkpoint is None else checkpoint.load()
    peak = PeakMemory(system.weights.parameters[0].device)
    peak.start()
    before = 0
    if saved is not None:
        system.restore(*saved)
        before = saved[1]["peak_bytes"]
    status = None
    while not system.finished:
        started = time.perf_counter()
        try:
            system.step()
        except Diverged:
            status = "diverged"
            break
        system.steps += 1
        system.cost.seconds += time.perf_counter() - started
        if progress is not None:
            progress(system.spent)
        reason = None if stopping is None else stopping.reason
        if checkpoint is not None and (checkpoint.due() or reason):
            checkpoint.save(system.tensors(), {**system.note(), "peak_bytes": max(before, peak.bytes() or 0)})
        if reason and not system.finished:
            raise Stopped(f"{system.name}: stopped after step {system.steps}, because {reason}; start again to resume")
    proposals = [] if status == "diverged" else system.proposals()
    most = peak.bytes()
    return Outcome(
        proposals,
        system.cost,
        status or system.status,
        system.invalid,
        system.passed_over,
        None if most is None else max(most, before),
    )
