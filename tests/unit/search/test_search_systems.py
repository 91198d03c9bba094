"""All search systems: a problem with a known answer, budgets, resumption, and unusual architectures."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from planted import planted_problem, problem_of
from tiny import SPACES, raw_images

from supernet.config.searches import PATHWISE, RELAXED, Searches
from supernet.runtime.stopping import Stopped
from supernet.search.budget import Budget, SearchCost
from supernet.search.problem import Problem
from supernet.search.system import Outcome, System, run_search
from supernet.search.systems import SYSTEMS, make_system
from supernet.training.checkpoint import Checkpoint
from supernet.training.descent import Hyperparameters
from supernet.training.fingerprint import Fingerprint

# The defaults are made for budgets that are a thousand times larger.
SMALL: dict[str, Any] = {
    "systems": {"nasbench201": "all"},
    "images": 1,
    "spos": {"population": 20, "tournament": 5},
    "fairnas": {"population": 20, "tournament": 5},
    "enas": {
        **{"learning_rate": 0.005, "temperature": 1.0, "tanh": 2.5, "baseline": 0.9},
        **{"controller_every": 1, "aggregate": 1},
    },
    "nao": {
        **{"first": 40, "new": 20, "best": 40, "random": 2},
        **{"epochs": 60, "learning_rate": 0.01, "step": 0.3, "hidden": 16},
    },
    "darts": {"learning_rate": 0.02},
    "snas": {"learning_rate": 0.02},
    "gdas": {"learning_rate": 0.02, "first_temperature": 5.0},
    "pc_darts": {"learning_rate": 0.02, "partial_channels": 2},
    "proxylessnas": {"learning_rate": 0.02},
    "robust_darts": {"learning_rate": 0.02, "checks": 8, "first": 2},
}
BUDGETS = {"enas": 40_000, "nao": 40_000, "spos": 40_000, "fairnas": 40_000, "random_search": 40_000}
SEEDS = (0, 1, 2)


def run(name: str, problem: Problem, **more: Any) -> Outcome:
    return run_search(make_system(name, problem, Searches(**{**SMALL, **more})))


def distances(name: str) -> list[int]:
    """Return the number of wrong edges that a system finds in the planted problem, for each seed."""
    found = []
    for seed in SEEDS:
        share = 0.9 if name == "enas" else 0.3
        problem, best = planted_problem(seed, BUDGETS.get(name, 8_000), training_share=share)
        arch = run(name, problem).proposals[0].arch
        found.append(sum(a != b for a, b in zip(arch.operations, best.operations, strict=True)))
    return found


def test_all_systems_are_there() -> None:
    names = [system.name for system in SYSTEMS]
    assert names == [*PATHWISE, *RELAXED]


@pytest.mark.parametrize("name", [name for name in (*PATHWISE, *RELAXED) if not name.startswith("random_")])
def test_a_system_finds_the_planted_architecture(name: str) -> None:
    found = distances(name)
    # One of 15 625, in at least two of three seeds, and never far from it.
    assert sorted(found)[1] == 0, found
    assert max(found) <= 1, found


def test_random_search_does_not() -> None:
    found = distances("random_search")
    assert sorted(found)[1] > 0, found


@pytest.mark.parametrize("name", [*PATHWISE, *RELAXED])
def test_a_budget_is_kept_and_counted(name: str) -> None:
    seen: list[float] = []
    problem, _ = planted_problem(0, 3_000)
    system = make_system(name, problem, Searches(**SMALL))
    outcome = run_search(system, progress=seen.append)
    cost = outcome.cost
    assert seen == sorted(seen)
    # The last step may end beyond it: a score of the whole part, or the passes of a step.
    stopped = outcome.status == "stopped_early"
    assert 3_000 <= cost.images <= 3_000 + max(problem.scored_images, 5 * 16) or stopped
    # Every image went through a pass of a batch of 16, or of a score.
    scored = cost.architectures * problem.scored_images
    assert (cost.images - scored) == 16 * (cost.forward_passes - cost.architectures)
    assert (cost.architectures > 0) == (name in PATHWISE)
    assert cost.backward_passes > 0
    assert cost.seconds > 0
    assert outcome.peak_bytes is None or outcome.peak_bytes > 10_000_000


def test_a_budget_of_time_ends_a_search() -> None:
    problem, _ = planted_problem(0)
    timed = Problem(**{**problem.__dict__, "budget": Budget(seconds=0.3)})
    for name in ("spos", "xnas"):
        outcome = run(name, timed)
        assert 0.3 <= outcome.cost.seconds < 5
        assert outcome.proposals
    with pytest.raises(ValueError, match="one of images, multiply-adds and seconds"):
        Budget()
    assert Budget(images=10).spent(SearchCost(images=5)) == 0.5
    assert Budget(multiply_adds=10).spent(SearchCost(images=5, multiply_adds=4)) == 0.4


def real_problem(space_name: str, budget: int, dropout: str = "path-0.2") -> Problem:
    """Return a small super-net with images whose labels can be learnt."""
    space = SPACES[space_name]

    def build(partial_channels: int) -> torch.nn.Module:
        torch.manual_seed(0)
        layers = {"nasbench101": 3, "nasbench201": 1, "darts": 3, "macro": 8}[space_name]
        options = {} if space.relaxation is None else {"partial_channels": partial_channels}
        return space.build_supernet(4, layers, 5, 2, batch_norm="affine", dropout=dropout, **options)

    return problem_of(space, build, raw_images(160, height=4, width=4), 0, budget)


QUICK = {**SMALL, "nao": {"first": 3, "new": 2, "best": 2, "random": 1, "epochs": 3}}
QUICK |= {name: {"population": 2, "tournament": 2} for name in ("spos", "fairnas")}


class StopAfter:
    """Replaces `Stopping`: asks to stop after a number of steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    @property
    def reason(self) -> str | None:
        self.left -= 1
        return None if self.left > 0 else "it had its steps"


@pytest.mark.parametrize("name", [*PATHWISE, *RELAXED])
def test_a_search_that_goes_on_is_the_same(name: str, tmp_path: Path) -> None:
    options = Searches(**QUICK)
    problem = real_problem("nasbench201", 700)
    # Half of the scoring split, so that finalists follow.
    problem = Problem(**{**problem.__dict__, "scored_images": 40, "finalists": 3})
    make = lambda: make_system(name, problem, options)  # noqa: E731
    whole = make()
    expected = run_search(whole)
    checkpoint = partial(Checkpoint, tmp_path / "state.safetensors", Fingerprint("same"), 1e9)
    interrupted = make()
    steps = 0
    while True:
        try:
            found = run_search(interrupted, checkpoint(), stopping=StopAfter(3))  # type: ignore[arg-type]
            break
        except Stopped:
            steps += 3
            interrupted = make()
    assert steps >= 3
    assert str(found.proposals) == str(expected.proposals)  # as text, in which nan equals nan
    assert found.invalid == expected.invalid
    assert {**found.cost.note(), "seconds": 0} == {**expected.cost.note(), "seconds": 0}
    states = whole.tensors(), interrupted.tensors()
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        assert torch.equal(value, states[1][key]), key
    assert {**whole.note(), "cost": 0} == {**interrupted.note(), "cost": 0}


@pytest.mark.parametrize("name", PATHWISE)
@pytest.mark.parametrize("space", ["nasbench101", "darts", "macro"])
def test_path_based_systems_search_every_space(space: str, name: str) -> None:
    outcome = run(name, real_problem(space, 700), **QUICK)
    assert outcome.proposals
    accuracies = [proposal.accuracy for proposal in outcome.proposals]
    assert accuracies == sorted(accuracies, reverse=True)


@pytest.mark.parametrize("name", ["darts_2nd", "pc_darts", "proxylessnas", "xnas"])
def test_relaxed_systems_search_darts(name: str) -> None:
    outcome = run(name, real_problem("darts", 160), **QUICK)
    (proposal,) = outcome.proposals
    assert np.isnan(proposal.accuracy)
    assert all(operation != "none" for operation, _ in proposal.arch.normal.edges)


def test_choices_that_make_no_architecture_are_counted() -> None:
    """An untrained controller draws 21 edges at random: most results have too many edges, or lead nowhere."""
    outcome = run("enas", real_problem("nasbench101", 700), **QUICK)
    assert outcome.invalid > 0


def test_architectures_without_ground_truth_are_passed_over() -> None:
    problem, best = planted_problem(0, 24_000)
    space = problem.space

    def known(arch_id: str) -> bool:
        return arch_id != space.arch_id(best)

    outcome = run("spos", Problem(**{**problem.__dict__, "has_truth": known}))
    assert outcome.passed_over == 1
    assert outcome.proposals[0].arch != best
    # Without any ground truth, the best architecture is proposed as found.
    nothing = run("spos", Problem(**{**problem.__dict__, "has_truth": lambda arch_id: False}))
    assert nothing.proposals[0].arch == best
    assert nothing.passed_over == 0


def with_finals(problem: Problem, few: int, finalists: int) -> Problem:
    """Score by accuracies of `few` images, which favour few convolutions, and finalists by those that favour many."""

    def score(sign: int, network: Any, arch: Any) -> tuple[float, float]:
        return 0.5 + sign * sum("conv" in name for name in arch.operations) / 20, 1.0

    changes = {"score": partial(score, -1), "score_whole": partial(score, 1)}
    changes |= {"scored_images": few, "finalists": finalists}
    return Problem(**{**problem.__dict__, **changes})


@pytest.mark.parametrize("name", PATHWISE)
@pytest.mark.parametrize("budget", ["images", "multiply_adds"])
def test_finalists_are_ranked_on_the_whole_scoring_split(name: str, budget: str) -> None:
    problem, _ = planted_problem(0, 20_000, training_share=0.1)
    work = 20_000 * problem.space.cost(problem.space.parse(["nor_conv_1x1"] * 6), problem.size, 4).macs
    problem = Problem(
        **{**with_finals(problem, 40, 4).__dict__, "budget": Budget(**{budget: work if budget != "images" else 20_000})}
    )
    system = make_system(name, problem, Searches(**{**SMALL, **QUICK}))
    outcome = run_search(system)
    cost, scores = outcome.cost, system.scores  # type: ignore[attr-defined]
    assert len(outcome.proposals) == 4
    few = {problem.space.arch_id(one.arch): one.accuracy for one in scores.ranked()}
    best = list(few)[:4]
    assert {problem.space.arch_id(one.arch) for one in outcome.proposals} == set(best)
    # The finalist with the most convolutions is now the best, with the accuracy on all images.
    accuracies = [one.accuracy for one in outcome.proposals]
    assert accuracies == sorted((1 - few[one] for one in best), reverse=True)
    # Finalists are within the budget, and are no architectures of their own.
    assert cost.architectures == len(few)
    assert 1 <= problem.budget.spent(cost) < 1.1


def test_nothing_is_scored_again_where_scores_are_of_all_images() -> None:
    problem, _ = planted_problem(0, 5_000)
    system = make_system("spos", problem, Searches(**SMALL))
    outcome = run_search(system)
    assert len(outcome.proposals) == outcome.cost.architectures > 4
    assert not system.finals.found  # type: ignore[attr-defined]


def test_a_search_ends_where_nothing_is_left_to_score() -> None:
    problem, _ = planted_problem(0, 100_000)
    few = problem.space.sample(np.random.default_rng(0), count=3)

    def draw(rng: np.random.Generator, *, count: int) -> list[Any]:
        return [few[int(rng.integers(3))] for _ in range(count)]

    outcome = run("random_search", Problem(**{**problem.__dict__, "draw": draw}))
    assert outcome.cost.architectures == 3
    assert len(outcome.proposals) == 3


def test_a_sample_that_leads_nowhere_has_no_gradient() -> None:
    """Where the sampled operations into the last node are all `none`, the loss does not depend on the architecture."""
    system = make_system("gdas", real_problem("nasbench201", 5_000), Searches(**QUICK))
    with torch.no_grad():
        system.alpha[:, :, 0] = 1e6
    system.step()
    assert torch.isfinite(system.alpha).all()


def first_step(name: str, **more: Any) -> tuple[System[Any], System[Any]]:
    """Return a system of real weights without dropout after its first step, and the same before it."""
    problem = real_problem("nasbench201", 50_000, dropout="none")
    problem = Problem(**{**problem.__dict__, "training_share": 0.9, **more})
    system, before = (make_system(name, problem, Searches(**QUICK)) for _ in range(2))
    system.step()
    return system, before


@pytest.mark.parametrize(
    ("name", "more", "paths", "divisor"),
    [
        ("spos", {}, 1, 1),
        ("random_search", {"random_paths": 3}, 3, 3),
        ("random_nas", {"random_paths": 3}, 3, 3),
        ("nao", {"random_paths": 3}, 3, 3),
        ("enas", {"random_paths": 3}, 3, 3),
        ("fairnas", {"random_paths": 3}, 5, 1),
        ("fairnas", {"fairnas_gradient": "mean"}, 5, 5),
        ("random_search", {"law": "fairnas", "fairnas_gradient": "mean"}, 5, 5),
        ("random_search", {"law": "fairnas"}, 5, 1),
    ],
)
def test_paths_are_trained_as_those_of_a_run(name: str, more: dict[str, Any], paths: int, divisor: int) -> None:
    system, before = first_step(name, **more)
    group = before.group()  # type: ignore[attr-defined]
    assert len(group) == paths
    assert system.cost.backward_passes == paths
    network, (images, labels) = before.weights.network, system.problem.training.batch(0)
    losses = [torch.nn.functional.cross_entropy(network(images, arch), labels) for arch in group]
    (torch.stack(losses).sum() / divisor).backward()
    parameters = [one for one in network.parameters() if one.grad is not None]
    torch.nn.utils.clip_grad_norm_(parameters, 5.0)
    torch.optim.SGD(parameters, 0.025, 0.9, weight_decay=3e-4).step()
    for one, other in zip(network.parameters(), system.weights.network.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("name", ["spos", "darts_1st", "gdas"])
def test_weights_are_trained_in_the_precision_of_the_study(name: str) -> None:
    exact, before = first_step(name)
    coarse, _ = first_step(name, precision="bfloat16")
    start, steps = before.weights.parameters, (exact.weights.parameters, coarse.weights.parameters)
    assert all(one.dtype == torch.float32 for one in steps[1])
    moved, reduced = (torch.cat([(a - b).flatten() for a, b in zip(to, start, strict=True)]) for to in steps)
    difference = float((moved - reduced).norm() / moved.norm())
    assert 1e-4 < difference < 0.2


@pytest.mark.parametrize("name", ["darts_1st", "darts_2nd", "gdas", "spos", "enas", "fbnet"])
def test_a_budget_of_multiply_adds_is_equal_work(name: str) -> None:
    problem = real_problem("nasbench201", 1)
    base, operations = problem.space.relaxed_macs(problem.size, problem.side)
    images, whole = 16, base + int(operations.sum())
    budget = 60 * images * whole
    problem = Problem(**{**problem.__dict__, "budget": Budget(multiply_adds=budget)})
    outcome = run(name, problem, **QUICK)
    cost = outcome.cost
    # At most one step beyond it: five passes with backward passes, or a score.
    assert budget <= cost.multiply_adds < budget + max(15 * images, problem.scored_images) * whole
    passes, trained = cost.forward_passes + 2 * cost.backward_passes, cost.trained / images
    if name in {"darts_1st", "darts_2nd"}:
        assert cost.multiply_adds == passes * images * whole
        # Every training pass trains five operations per edge; the others compute the gradients of the architecture.
        assert trained == pytest.approx(5 * cost.backward_passes / (2 if name == "darts_1st" else 5))
    if name == "spos":
        scores = cost.architectures * problem.scored_images
        assert trained == cost.backward_passes
        assert cost.multiply_adds < (3 * images * cost.backward_passes + scores) * whole / 2
    if name == "gdas":
        assert trained == pytest.approx(cost.backward_passes / 2)


def test_divergence_is_an_outcome() -> None:
    problem = real_problem("nasbench201", 5_000)
    hyperparameters = Hyperparameters(1e30, 1e30, 0.0, 0.9, 1e30)
    outcome = run("gdas", Problem(**{**problem.__dict__, "hyperparameters": hyperparameters}))
    assert outcome.status == "diverged"
    assert outcome.proposals == []
