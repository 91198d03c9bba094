"""Mechanisms of individual search systems."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from planted import planted_problem
from torch import Tensor

from supernet.config.searches import (
    ENASOptions,
    FBNetOptions,
    GDASOptions,
    ProxylessNASOptions,
    SNASOptions,
    XNASOptions,
)
from supernet.search.autoencoder import Autoencoder, fit, improved
from supernet.search.controller import Controller, reinforce
from supernet.search.curvature import dominant_eigenvalue
from supernet.search.darts import hypergradient
from supernet.search.enas import ENAS
from supernet.search.evolution import crossed, mutated
from supernet.search.fbnet import FBNet
from supernet.search.gdas import GDAS
from supernet.search.gumbel import gumbel, relaxed_sample, straight_through
from supernet.search.pc_darts import softmax_by_target
from supernet.search.proxylessnas import ProxylessNAS, through_binary
from supernet.search.robust_darts import stop
from supernet.search.simplex import exponentiated
from supernet.search.snas import SNAS
from supernet.search.weights import Diverged
from supernet.search.xnas import XNAS, learning_rate, wiped_out


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- DARTS ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
def test_second_order_against_a_finite_difference_hypergradient(rate: float) -> None:
    """d/d alpha of the held-out loss after a weight step, with the weight step taken again at each alpha."""
    inputs, other, constant = normal(20, 4), normal(20, 4, seed=1), [normal(4, 3, seed=2), normal(3, seed=3)]
    first, second = normal(20, seed=4), normal(20, seed=5)
    alpha = normal(3, seed=6).requires_grad_()
    weights = [normal(4, 3, seed=7).requires_grad_(), normal(3, seed=8).requires_grad_()]

    def loss(x: Tensor, y: Tensor, w: list[Tensor], a: Tensor) -> Tensor:
        mixed = (torch.tanh(x @ w[0] + w[1]) * torch.softmax(a, 0)).sum(1)
        return (mixed - y).square().mean()

    def after_a_step(a: Tensor) -> float:
        gradients = torch.autograd.grad(loss(inputs, first, weights, a), weights)
        moved = [w - rate * (g + c) for w, g, c in zip(weights, gradients, constant, strict=True)]
        return float(loss(other, second, moved, a).detach())

    before = [weight.detach().clone() for weight in weights]
    found = hypergradient(
        lambda: loss(inputs, first, weights, alpha),
        lambda: loss(other, second, weights, alpha),
        weights,
        alpha,
        rate,
        lambda number: constant[number],
    )
    for weight, original in zip(weights, before, strict=True):
        assert torch.equal(weight, original)
    for place in range(3):
        step = torch.zeros(3, dtype=torch.float64)
        step[place] = 1e-5
        slope = (after_a_step(alpha.detach() + step) - after_a_step(alpha.detach() - step)) / 2e-5
        assert float(found[place]) == pytest.approx(slope, rel=2e-3, abs=1e-6)


# --- RobustDARTS ---------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.integers(0, 1_000))
def test_eigenvalue_of_a_known_hessian(seed: int) -> None:
    matrix = normal(12, 12, seed=seed)
    hessian = matrix + matrix.T
    parameter = normal(12, seed=seed + 1).requires_grad_()
    start = np.random.default_rng(seed).standard_normal(12)
    value, products = dominant_eigenvalue(lambda: parameter @ hessian @ parameter / 2, parameter, start, 1e-6)
    assert value == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-4)
    assert products > 1


def test_a_flat_loss_has_no_curvature() -> None:
    parameter = normal(5).requires_grad_()
    value, products = dominant_eigenvalue(lambda: (parameter**2).sum() * 0, parameter, np.ones(5), 0.01)
    assert (value, products) == (0.0, 1)


@pytest.mark.parametrize("factor", [math.inf, math.nan])
def test_a_curvature_that_is_not_finite_is_a_divergence(factor: float) -> None:
    parameter = normal(5).requires_grad_()
    with pytest.raises(Diverged):
        dominant_eigenvalue(lambda: (parameter**2).sum() * factor, parameter, np.ones(5), 0.01)


def test_early_stop_goes_back_to_before_the_growth() -> None:
    flat = [1.0] * 12
    assert stop(flat, window=1, apart=4, factor=1.3, first=0) is None
    assert stop([*flat, 1.29], 1, 4, 1.3, 0) is None
    assert stop([*flat, 1.31], 1, 4, 1.3, 0) == 8
    # A window of five divides the jump by five; too early, and it is not looked at.
    assert stop([*flat, 1.31], 5, 4, 1.3, 0) is None
    assert stop([*flat, 3.0], 5, 4, 1.3, 0) == 8
    assert stop([*flat, 3.0], 5, 4, 1.3, 13) is None
    assert stop([-1.0] * 8 + [-0.1], 1, 4, 1.3, 0) is None


# --- Gumbel samples: GDAS, SNAS, FBNet -----------------------------------------------------------------------------


def test_straight_through_is_hard_forward_and_soft_backward() -> None:
    alpha, noise, value = normal(6, 5).requires_grad_(), normal(6, 5, seed=1), normal(6, 5, seed=2)
    soft = relaxed_sample(alpha, noise, 0.7)
    hard = straight_through(soft)
    assert torch.equal(hard.detach().argmax(-1), (alpha + noise).argmax(-1))
    torch.testing.assert_close(hard.detach().sort(-1).values, torch.tensor([[0.0, 0, 0, 0, 1]]).double().expand(6, 5))
    (through,) = torch.autograd.grad((hard * value).sum(), alpha, retain_graph=True)
    (plain,) = torch.autograd.grad((soft * value).sum(), alpha)
    torch.testing.assert_close(through, plain)


def test_samples_follow_the_probabilities() -> None:
    alpha = torch.tensor([0.5, -1.0, 0.0, 1.5]).expand(40_000, 4)
    noise = gumbel(np.random.default_rng(0), alpha)
    shares = torch.bincount((alpha + noise).argmax(-1), minlength=4) / len(alpha)
    torch.testing.assert_close(shares, torch.softmax(alpha[0], 0), atol=0.01, rtol=0)


def test_temperature_schedules() -> None:
    problem, _ = planted_problem(0, 1_000)
    gdas = GDAS(problem, GDASOptions())
    snas = SNAS(problem, SNASOptions())
    fbnet = FBNet(problem, FBNetOptions())
    for system, expected in (
        (gdas, {0: 10.0, 500: 5.05, 1_000: 0.1}),
        (snas, {0: 1.0, 500: math.sqrt(0.1), 1_000: 0.1}),
        # Epoch 45 of 90; and the floor would be reached after 103.
        (fbnet, {0: 5.0, 500: 5 * math.exp(-0.045 * 45), 1_000: 5 * math.exp(-0.045 * 90)}),
    ):
        for images, temperature in expected.items():
            system.cost.images = images
            assert system.temperature == pytest.approx(temperature)
    assert FBNet(problem, FBNetOptions(decay=1.0)).temperature == 5.0
    cold = FBNet(problem, FBNetOptions(decay=1.0))
    cold.cost.images = 1_000
    assert cold.temperature == 0.05


def test_a_warm_up_leaves_the_architecture_alone() -> None:
    problem, _ = planted_problem(0, 1_000)
    system = FBNet(problem, FBNetOptions(warm_up=0.5))
    before = system.alpha.detach().clone()
    system.step()
    assert torch.equal(system.alpha, before)
    assert system.cost.forward_passes == 1
    system.cost.images = 600
    system.step()
    assert not torch.equal(system.alpha, before)


def test_snas_trains_both_on_one_batch() -> None:
    problem, _ = planted_problem(0, 1_000)
    system = SNAS(problem, SNASOptions())
    alpha, scale = system.alpha.detach().clone(), system.weights.parameters[0].detach().clone()
    system.step()
    assert not torch.equal(system.alpha, alpha)
    assert not torch.equal(system.weights.parameters[0], scale)
    assert (system.cost.forward_passes, system.cost.backward_passes) == (1, 1)


@pytest.mark.parametrize(("kind", "options"), [(GDAS, GDASOptions), (FBNet, FBNetOptions)])
def test_each_update_has_its_own_sample(kind: type[Any], options: type[Any]) -> None:
    problem, _ = planted_problem(0, 1_000)

    def samples(**more: str) -> tuple[Tensor, Tensor, Tensor]:
        system = kind(problem, options(**more))
        return tuple(
            one.operations.detach() for one in (system.mixture(), system.mixture_of_weights(), system.mixture())
        )

    first, second, again = samples()
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    first, second, _ = samples(samples="one_per_step")
    assert torch.equal(first, second)


# --- ProxylessNAS --------------------------------------------------------------------------------------------------


def test_gradient_through_binary_gates_is_that_of_the_soft_max() -> None:
    alpha, gates = normal(6, 2).requires_grad_(), normal(6, 2, seed=1)
    (expected,) = torch.autograd.grad((torch.softmax(alpha, -1) * gates).sum(), alpha)
    torch.testing.assert_close(through_binary(gates, alpha.detach()), expected)


def test_two_paths_are_computed_and_the_others_keep_their_probabilities() -> None:
    problem, _ = planted_problem(0, 1_000)
    system = ProxylessNAS(problem, ProxylessNASOptions(warm_up=0.0, learning_rate=0.1))
    assert system.mixture().computed.sum() == 6  # type: ignore[union-attr]
    before = torch.softmax(system.alpha.detach(), -1)
    system.update_architecture()
    after = torch.softmax(system.alpha.detach(), -1)
    moved = (after - before).abs() > 1e-5
    assert moved.sum(-1).tolist() == [[2] * 6]
    torch.testing.assert_close(after[~moved], before[~moved])
    torch.testing.assert_close((after * moved).sum(-1), (before * moved).sum(-1))


# --- PC-DARTS ------------------------------------------------------------------------------------------------------


def test_edges_into_a_node_share_a_weight_of_one() -> None:
    values, targets = normal(2, 6), (1, 2, 2, 3, 3, 3)
    found = softmax_by_target(values, targets)
    torch.testing.assert_close(found[:, :1], torch.ones(2, 1, dtype=torch.float64))
    torch.testing.assert_close(found[:, 1:3], torch.softmax(values[:, 1:3], -1))
    torch.testing.assert_close(found[:, 3:], torch.softmax(values[:, 3:], -1))


# --- XNAS and GAEA -------------------------------------------------------------------------------------------------


def test_exponentiated_gradient() -> None:
    weights = torch.softmax(normal(3, 5), -1)
    gradient = normal(3, 5, seed=1)
    found = exponentiated(weights, gradient, 0.1)
    torch.testing.assert_close(found.sum(-1), torch.ones(3, dtype=torch.float64))
    plain = weights * torch.exp(-0.1 * gradient)
    torch.testing.assert_close(found, plain / plain.sum(-1, keepdim=True))
    # Neither overflow nor a weight of zero, from which none returns.
    extreme = exponentiated(weights, 1e6 * gradient, 0.1)
    assert torch.isfinite(extreme).all()
    assert extreme.min() > 0


@settings(deadline=None)
@given(st.integers(0, 100), st.integers(0, 8))
def test_wipe_out_keeps_whatever_could_still_win(seed: int, left: int) -> None:
    """Even if an expert had the best rewards of all to the end, and the leader the worst, it would not catch up."""
    logs, rate, bound = normal(4, 5, seed=seed), 0.2, 0.9
    found = wiped_out(logs, rate, bound, left)
    gone = torch.isinf(found)
    best_case, leader = logs + left * rate * bound, logs.amax(-1, keepdim=True) - left * rate * bound
    assert torch.equal(gone, best_case < leader)
    assert torch.equal(found[~gone], logs[~gone])


def test_xnas_wipes_out_and_does_not_compute_what_is_gone() -> None:
    problem, _ = planted_problem(0, 1_000)
    system = XNAS(problem, XNASOptions())
    assert learning_rate(5, system.expected_steps(), 1.0) == pytest.approx(math.sqrt(2 * math.log(5) / (1_000 / 32)))
    with torch.no_grad():
        system.alpha[0, 2, 3] = -50.0
    system.update_architecture()
    assert torch.isinf(system.alpha[0, 2, 3])
    mixture = system.mixture()
    assert mixture.computed is not None
    assert not mixture.computed[0, 2, 3]
    assert mixture.computed.sum() == 29
    weights = mixture.operations.detach()
    assert float(weights[0, 2, 3]) == 0.0
    assert float(weights.sum()) == pytest.approx(6.0)


# --- ENAS ----------------------------------------------------------------------------------------------------------


def test_a_controller_is_a_distribution_over_all_rows() -> None:
    controller = Controller((2, 3, 2), 8, 1.0, 2.5, seed=1).double()
    rows = list(itertools.product(range(2), range(3), range(2)))
    with torch.no_grad():
        probabilities = torch.stack([controller.log_probability(row) for row in rows]).exp()
        drawn = [controller.sample(np.random.default_rng(seed)) for seed in range(3_000)]
    assert float(probabilities.sum()) == pytest.approx(1.0)
    counts = np.array([sum(choices == row for choices, _, _ in drawn) for row in rows])
    expected = 3_000 * probabilities.numpy()
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected)).all()
    choices, log, entropy = drawn[0]
    assert float(log) == pytest.approx(float(controller.log_probability(choices).detach()))
    assert 0 < float(entropy) <= math.log(12)


def test_reinforce_favours_what_beats_the_baseline() -> None:
    controller = Controller((2, 3), 8, 1.0, 2.5, seed=1).double()
    before = float(controller.log_probability((1, 2)).detach())
    for reward, rises in ((0.8, True), (0.2, False), (0.5, None)):
        copy = Controller((2, 3), 8, 1.0, 2.5, seed=1).double()
        optimizer = torch.optim.SGD(copy.parameters(), 0.1)
        reinforce(copy.log_probability((1, 2)), reward, baseline=0.5).backward()
        optimizer.step()
        change = float(copy.log_probability((1, 2)).detach()) - before
        assert change == 0 if rises is None else (change > 0) == rises


def test_a_controller_step_averages_the_gradients_of_its_samples() -> None:
    problem, _ = planted_problem(0, 30_000, training_share=0.9)
    options = {"entropy": 0.0, "baseline": 0.9, "controller_every": 3, "clip": 1e9}
    system = ENAS(problem, ENASOptions(aggregate=4, **options))
    for _ in range(2):
        system.step()
        system.steps += 1
    assert (system.cost.forward_passes, system.cost.backward_passes) == (2, 2)
    twin = ENAS(problem, ENASOptions(aggregate=4, **options))
    twin.weights.restore(system.weights.tensors(), 2)
    rng, expected, baseline = twin.rng("reward", 2), torch.zeros(()), None
    system.step()
    assert (system.cost.forward_passes, system.cost.backward_passes) == (3 + 4, 3)
    # The weights of the third step, and four samples on the first four held-out batches.
    twin.weights.restore(system.weights.tensors(), 3)
    for number in range(4):
        choices, log, _ = twin.controller.sample(rng)
        reward = twin.weights.reward(problem.space.chosen(choices), problem.held_out.batch(number))
        baseline = reward if baseline is None else baseline + 0.1 * (reward - baseline)
        expected = expected - log * (reward - baseline) / 4
    expected.backward()
    for one, other in zip(system.controller.parameters(), twin.controller.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    assert system.baseline == pytest.approx(baseline)


def test_the_gradient_of_a_controller_is_clipped() -> None:
    problem, _ = planted_problem(0, 30_000, training_share=0.9)
    system = ENAS(problem, ENASOptions(aggregate=4, controller_every=1, clip=1e-6, baseline=0.5))
    system.step()
    norms = torch.stack([one.grad.norm() for one in system.controller.parameters() if one.grad is not None])
    assert float(norms.norm()) == pytest.approx(1e-6, rel=1e-3)


# --- NAO -----------------------------------------------------------------------------------------------------------


def test_autoencoder_learns_scores_and_architectures_and_improves_them() -> None:
    rng = np.random.default_rng(0)
    choices = torch.from_numpy(rng.integers(3, size=(40, 5)))
    # The more twos, the better.
    scores = (choices == 2).float().mean(1)
    model = Autoencoder((3,) * 5, 16, seed=0)
    fit(model, choices, scores, 300, 0.01, 0.8)
    with torch.no_grad():
        embedding = model.encode(choices)
        predicted = model.predict(embedding)
        decoded, _ = model.decode(embedding)
    assert np.corrcoef(predicted, scores)[0, 1] > 0.95
    assert (decoded == choices).float().mean() > 0.9
    moved = improved(model, embedding, 0.05)
    assert (model.predict(moved) > predicted).all()
    assert ((moved - embedding).flatten(1).norm(dim=1) - 0.05).abs().max() < 1e-5
    better, _ = model.decode(improved(model, embedding, 2.0))
    assert (better == 2).float().mean() > (choices == 2).float().mean()


def test_an_autoencoder_is_a_function_of_its_seed() -> None:
    torch.manual_seed(3)
    state = torch.random.get_rng_state()
    first, second = (Autoencoder((2, 3), 4, seed=5) for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), state)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, other)


# --- evolution -----------------------------------------------------------------------------------------------------

SIZES = (2, 3, 5, 4)
rows = st.tuples(*(st.integers(0, size - 1) for size in SIZES))


@settings(deadline=None)
@given(rows, rows, st.integers(0, 1_000))
def test_children_have_the_choices_of_their_parents(first: tuple[int, ...], second: tuple[int, ...], seed: int) -> None:
    child = crossed(first, second, np.random.default_rng(seed))
    assert all(choice in pair for choice, pair in zip(child, zip(first, second, strict=True), strict=True))
    mutant = mutated(first, SIZES, 0.1, np.random.default_rng(seed))
    assert all(0 <= choice < size for choice, size in zip(mutant, SIZES, strict=True))


def test_mutation_rate() -> None:
    rng = np.random.default_rng(0)
    mutants = np.array([mutated((0,) * 100, (1_000,) * 100, 0.1, rng) for _ in range(200)])
    assert (mutants > 0).mean() == pytest.approx(0.1, abs=0.01)
    assert all(mutated((0,) * 3, (1_000,) * 3, 0.0, rng) != (0,) * 3 for _ in range(20))
