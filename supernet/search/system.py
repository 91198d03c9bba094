"""The interface of all search systems, and the loop that runs one to its end and resumes it."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from pydantic import Field
from torch import Tensor

from supernet.config.base import Model
from supernet.errors import UserError
from supernet.rng import stream
from supernet.runtime.stopping import Stopped, Stopping
from supernet.search.budget import PeakMemory, SearchCost
from supernet.search.problem import Problem
from supernet.search.weights import Diverged, SharedWeights
from supernet.training.checkpoint import Checkpoint
from supernet.training.saved_state import shape_problem

Options = TypeVar("Options", bound=Model)


class _Cost(Model):
    forward_passes: int = Field(ge=0)
    backward_passes: int = Field(ge=0)
    images: int = Field(ge=0)
    multiply_adds: int = Field(ge=0)
    trained: float = Field(ge=0)
    architectures: int = Field(ge=0)
    seconds: float = Field(ge=0)


class _Counts(Model):
    """The part of a note that all systems have."""

    done: int = Field(ge=1)
    weight_steps: int = Field(ge=0)
    cost: _Cost
    invalid: int = Field(ge=0)
    peak_bytes: int = Field(ge=0)


_GROWING = ("momentum.", "adam.", "history.")
"""First parts of the names of tensors that a search has only after some steps."""


@dataclass(frozen=True)
class Proposal:
    """An architecture that a search returns, with its accuracy and loss with shared weights; nan if not measured."""

    arch: Any
    accuracy: float = float("nan")
    loss: float = float("nan")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a search: proposals, best first, and its cost.

    `invalid` counts choices that form no architecture, `passed_over` architectures without ground truth that rank above
    the first proposal. `status` is complete, stopped_early (by the rule of the system) or diverged.
    """

    proposals: list[Proposal]
    cost: SearchCost
    status: str
    invalid: int
    passed_over: int
    peak_bytes: int | None


class System(ABC, Generic[Options]):
    """A search. `step` is called until `finished` is true; between steps the search can be saved and restored."""

    name: ClassVar[str]

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem, self.options = problem, options
        self.cost, self.invalid, self.passed_over = SearchCost(), 0, 0
        self.steps = 0
        self.weights = SharedWeights(problem, self.cost, self._partial())

    def _partial(self) -> int | None:
        return None

    @property
    def spent(self) -> float:
        """Share of the budget that is spent."""
        return self.problem.budget.spent(self.cost)

    @property
    def finished(self) -> bool:
        """Whether the budget is spent, or the system has stopped by its own rule."""
        return self.spent >= 1

    @property
    def status(self) -> str:
        """Status of a finished search."""
        return "complete"

    def rng(self, *names: str | int) -> np.random.Generator:
        """Return the random stream of these names; a stream of a step has the number of the step among its names."""
        return stream(self.problem.seed, "search", self.name, *names)

    @abstractmethod
    def step(self) -> None:
        """Take one step of the search."""

    @abstractmethod
    def proposals(self) -> list[Proposal]:
        """Return architectures, best first."""

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that the next step depends on."""
        return self.weights.tensors()

    def note(self) -> dict[str, Any]:
        """Return everything else that the next step depends on, as JSON."""
        return {
            "done": self.steps,
            "weight_steps": self.weights.steps,
            "cost": self.cost.note(),
            "invalid": self.invalid,
        }

    def check(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Raise ValueError, a ValidationError included, unless tensors and note are those of one state of this search.

        Subclasses check what they add.
        """
        counts = _Counts.model_validate({name: note.get(name) for name in _Counts.model_fields})
        if set(note) != {*self.note(), "peak_bytes"}:
            raise ValueError("its note is not that of this system")
        own = self.tensors()
        optional = {name: value for name, value in tensors.items() if name.startswith(_GROWING)}
        if problem := shape_problem(tensors, own, optional):
            raise ValueError(problem)
        images = counts.weight_steps * self.problem.training.size
        if not counts.weight_steps <= counts.done or counts.cost.images < images:
            raise ValueError(f"{counts.done} steps do not agree with {counts.weight_steps} steps of the weights")

    def restore(self, tensors: dict[str, Tensor], note: dict[str, Any]) -> None:
        """Restore the state of `tensors` and `note`, which `check` has checked."""
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
    if checkpoint is not None and saved is not None:
        try:
            system.check(*saved)
            system.restore(*saved)
        except (KeyError, RuntimeError, TypeError, ValueError, IndexError, UserError) as error:
            raise checkpoint.damaged(str(error)) from error
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
    status = status or (system.status if proposals else "diverged")
    most = peak.bytes()
    return Outcome(
        proposals,
        system.cost,
        status,
        system.invalid,
        system.passed_over,
        None if most is None else max(most, before),
    )
