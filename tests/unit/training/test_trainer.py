"""The training loop: schedule, updates, divergence, checkpoints, and the trainers of configs."""

import contextlib
import math
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from tiny import SPACES
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import RECIPE, SPLITS, KilledError, Watcher, assert_same, run_of, same_bits, state, trainer_of

from supernet.config.baselines import SWEEPS
from supernet.config.factors import FACTORS, factors_of
from supernet.config.study import Run
from supernet.data.images import Augmenter
from supernet.errors import UserError
from supernet.nn.factory import LayerFactory
from supernet.training.build import build_supernet, load_supernet
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint
from supernet.training.path_sampling import epoch_paths
from supernet.training.trainer import Recipe, Trainer

ARCHS = SPACES["nasbench201"].sample(np.random.default_rng(0), count=10)


def trainer_by_hand(archs: list[Any], recipe: Recipe = RECIPE) -> Trainer:
    """Return a trainer of given architectures, one after the other, in each epoch."""
    run = run_of()
    network = build_supernet(run, SPACES["nasbench201"], SPLITS)
    augmenter = Augmenter(SPLITS.train, SPLITS, run.data, channels_last=True)
    return Trainer(network, recipe, augmenter, lambda _, steps: [(arch,) for arch in archs[:steps]], seed=0)


SMALL = {"epochs": 3, "layers": 6, "train_portion": 0.6, "batch_size": 4, "channels": 12, "path_sampling": "fairnas"}
"""Values for factors whose sweeps are too large for a test, or whose first value draws the same paths."""


def another(space: str, factor: str) -> Run:
    """Return a run that differs from `run_of` in one factor, by its first swept value that is allowed."""
    others = {"op_placement": "node"} if (space, factor) == ("darts", "wsbn") else {}
    values = [SMALL[factor]] if factor in SMALL else SWEEPS[space][factor]
    for value in values:
        with contextlib.suppress(ValidationError):
            run = run_of(space, **others, **{factor: value})
            if run != run_of(space, **others):
                return run
    raise AssertionError(f"{space} has no other value of {factor} in {values}")


@pytest.mark.parametrize(("space", "factor"), [(space, one.name) for space in SPACES for one in factors_of(space)])
def test_every_factor_changes_what_is_trained(space: str, factor: str) -> None:
    """A factor that no code reads would have no effect without any message."""
    changed = another(space, factor)
    if factor == "landmarks":
        with pytest.raises(UserError, match="expected landmarks"):
            trainer_of(changed)
        return
    others = {"op_placement": "node"} if (space, factor) == ("darts", "wsbn") else {}
    trainers = [trainer_of(run) for run in (run_of(space, **others), changed)]
    for trainer in trainers:
        trainer.run()
    assert not same_bits(*map(state, trainers))


def test_each_consumer_takes_the_factors_that_name_it() -> None:
    fields = {"layers": set(LayerFactory.__dataclass_fields__), "recipe": set(Recipe.__dataclass_fields__)}
    for factor in FACTORS.values():
        holders = {consumer for consumer, names in fields.items() if factor.name in names}
        assert holders == {factor.consumer} - {"build"}, factor.name
    with pytest.raises(TypeError, match="unexpected keyword argument 'label_smoothing'"):
        SPACES["darts"].build_supernet(channels=4, layers=3, label_smoothing=0.1)


def test_learning_rate_is_a_cosine_from_the_first_to_the_last() -> None:
    assert RECIPE.rate(0) == pytest.approx(0.1)
    assert RECIPE.rate(RECIPE.steps) == pytest.approx(0.001)
    assert RECIPE.rate(RECIPE.steps // 2) == pytest.approx((0.1 + 0.001) / 2)
    rates = [RECIPE.rate(step) for step in range(RECIPE.steps + 1)]
    assert rates == sorted(rates, reverse=True)
    # torch's own schedule.
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, RECIPE.steps, eta_min=0.001)
    for rate in rates:
        assert rate == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()


def plain_training(trainer: Trainer, archs: list[Any], until: int) -> list[float]:
    """Compute the losses of a textbook training on the trainer's network: one tensor at a time, no checkpoint."""
    recipe, network = trainer.recipe, trainer.network.train()
    momenta: dict[str, Tensor] = {}
    losses, clipped = [], 0
    for step in range(until):
        number, position = divmod(step, recipe.steps_per_epoch)
        images, labels = trainer.augmenter.epoch(trainer.seed, number, recipe.batch_size).batch(position)
        network.zero_grad(set_to_none=True)
        loss = F.cross_entropy(network(images, archs[position]), labels)
        losses.append(float(loss.detach()))
        loss.backward()
        touched = {name: p for name, p in network.named_parameters() if p.grad is not None}
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in touched.values()))  # type: ignore[union-attr]
        clipped += norm > recipe.clip
        known = momenta if recipe.untouched == "decay" else {}
        for name, p in network.named_parameters():
            if p.grad is None and name not in known:
                continue
            own = torch.zeros_like(p) if p.grad is None else p.grad
            gradient = own * min(1.0, recipe.clip / norm) + recipe.weight_decay * p.detach()
            momenta[name] = gradient + recipe.momentum * momenta.get(name, torch.zeros_like(p))
            p.data.sub_(recipe.rate(step) * momenta[name])
    assert clipped  # else the clip would not be tested
    return losses


@pytest.mark.parametrize("untouched", ["rest", "decay"])
def test_training_is_sgd_by_the_book(untouched: Literal["rest", "decay"]) -> None:
    recipe = replace(RECIPE, untouched=untouched)
    trainer, reference = trainer_by_hand(ARCHS, recipe), trainer_by_hand(ARCHS, recipe)
    trained = trainer.run()
    losses = plain_training(reference, ARCHS, RECIPE.steps)
    for name, value in trainer.network.state_dict().items():
        torch.testing.assert_close(value, reference.network.state_dict()[name], rtol=1e-3, atol=1e-5)
    assert (trained.steps, trained.passes, trained.diverged_at) == (10, 10, None)
    # Two epochs of 4 steps, and one that the last step cuts.
    assert [(row["epoch"], row["step"]) for row in trained.curve] == [(1, 4), (2, 8), (3, 10)]
    for row, part in zip(trained.curve, (losses[:4], losses[4:8], losses[8:]), strict=True):
        assert row["loss"] == pytest.approx(sum(part) / len(part), rel=1e-3)
        assert row["learning_rate"] == RECIPE.rate(int(row["step"]) - 1)
        assert 0 <= row["accuracy"] <= 1


def test_training_learns() -> None:
    trained = trainer_of(run_of(epochs=15)).run()
    assert trained.curve[-1]["loss"] < 0.8 * trained.curve[0]["loss"]
    assert trained.curve[-1]["accuracy"] > trained.curve[0]["accuracy"]


def test_untouched_parameters_keep_value_and_momentum() -> None:
    space = SPACES["nasbench201"]
    one, two = space.parse(["nor_conv_3x3"] * 6), space.parse(["nor_conv_1x1"] * 6)
    trainer = trainer_by_hand([one, one, two, two])
    states: dict[int, dict[str, Tensor]] = {}
    steps: dict[int, Any] = {done: lambda done=done: states.update({done: state(trainer)}) for done in (2, 4)}
    with pytest.raises(KilledError):
        trainer.run(progress=Watcher(4, steps))  # type: ignore[arg-type]
    kept = {name for name in states[2] if "nor_conv_3x3" in name}
    assert any(name.startswith("momentum.") for name in kept)
    assert any(name.endswith("running_mean") for name in kept)
    for name, value in states[2].items():
        assert torch.equal(value, states[4][name]) == (name in kept), name
    assert not any("nor_conv_1x1" in name for name in states[2] if name.startswith("momentum."))


@pytest.mark.parametrize("learning_rate", [1e6, 3e9])
def test_divergence_is_recorded_at_its_step_and_ends_with_its_epoch(learning_rate: float) -> None:
    recipe = Recipe(**{**RECIPE.__dict__, "learning_rate": learning_rate, "steps": 40})
    space = SPACES["nasbench201"]
    archs = [space.parse(["nor_conv_3x3", "skip_connect"] * 3)] * 4
    losses = plain_training(trainer_by_hand(archs, recipe), archs, 40)
    first = next(step for step, loss in enumerate(losses) if not math.isfinite(loss))
    trained = trainer_by_hand(archs, recipe).run()
    assert 0 < first < 36
    assert trained.diverged_at == first
    assert trained.steps == 4 * (first // 4 + 1) == trained.passes
    assert not math.isfinite(trained.curve[-1]["loss"])
    assert all(math.isfinite(row["loss"]) for row in trained.curve[:-1])


RESUMED = {
    "one path a step": run_of("nasbench201"),
    "sliced weights, contiguous": run_of("nasbench101", protocol={"channels_last": False}),
    "blocks of weights, no norm parameters": run_of("darts", batch_norm="none", epochs=1),
    "fairnas": run_of("nasbench201", path_sampling="fairnas", protocol={"fairnas_budget": "equal_steps"}),
    "fairnas that ends in mid-epoch": run_of("nasbench201", path_sampling="fairnas", epochs=8),
    "unused weights decay": run_of("nasbench201", protocol={"untouched": "decay"}),
    "diverged": run_of("nasbench201", learning_rate=1e30, batch_size=4),
}


@pytest.mark.parametrize("name", RESUMED)
def test_killed_at_any_step_training_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    run = RESUMED[name]
    whole, watcher = trainer_of(run), Watcher()
    expected, steps = whole.run(progress=watcher), whole.recipe.steps  # type: ignore[arg-type]
    assert (expected.diverged_at is not None) == (name == "diverged")
    if expected.diverged_at is not None:
        assert expected.diverged_at + 1 < max(watcher.seen) - 1  # it is killed after that, too
    for step in watcher.seen:
        checkpoint = Checkpoint(tmp_path / f"{step}.safetensors", Fingerprint("this run"), seconds=0)
        with pytest.raises(KilledError):
            trainer_of(run).run(checkpoint, Watcher(step))  # type: ignore[arg-type]
        # Another process finds the file.
        checkpoint = Checkpoint(tmp_path / f"{step}.safetensors", Fingerprint("this run"), seconds=1e9)
        resumed, seen = trainer_of(run), Watcher()
        done = checkpoint.done
        assert done in (step - 1, step)
        assert_same(resumed.run(checkpoint, seen), expected)  # type: ignore[arg-type]
        assert same_bits(state(resumed), state(whole))
        assert seen.seen == [later for later in watcher.seen if later > done]
        if expected.diverged_at is None:
            assert checkpoint.done == steps  # a job that is killed while it scores does not train again


def test_training_that_is_complete_is_not_repeated(tmp_path: Path) -> None:
    run, file = run_of(), tmp_path / "training.safetensors"
    first = trainer_of(run)
    expected = first.run(Checkpoint(file, Fingerprint("this run"), seconds=1e9))
    again, watcher = trainer_of(run), Watcher()
    found = again.run(Checkpoint(file, Fingerprint("this run"), seconds=1e9), watcher)  # type: ignore[arg-type]
    assert_same(found, expected)
    assert watcher.seen == []
    assert same_bits(state(again), state(first))


def test_checkpoint_of_another_training_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    trainer_of(run_of(seed=1)).run(Checkpoint(file, Fingerprint("seed 1"), seconds=0))
    checkpoint = Checkpoint(file, Fingerprint("seed 0"), seconds=0)
    assert checkpoint.load() is None and checkpoint.done == 0
    resumed, fresh = trainer_of(run_of(seed=0)), trainer_of(run_of(seed=0))
    assert_same(resumed.run(checkpoint), fresh.run())
    assert same_bits(state(resumed), state(fresh))


@pytest.mark.parametrize("damage", ["empty", "truncated head", "truncated tensors", "another file"])
def test_damaged_checkpoint_is_an_error_that_names_the_file(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "training.safetensors"
    checkpoint = Checkpoint(file, Fingerprint("this run"), seconds=0)
    trainer_of(run_of(epochs=1)).run(checkpoint)
    content = file.read_bytes()
    kept = {"empty": 0, "truncated head": 100, "truncated tensors": len(content) - 10}
    if damage == "another file":
        save_file({"a": torch.zeros(1)}, file)
    else:
        file.write_bytes(content[: kept[damage]])
    for use in (
        checkpoint.load,
        lambda: checkpoint.done,
        lambda: trainer_of(run_of(epochs=1)).run(checkpoint),
    ):
        with pytest.raises(UserError, match=r"training\.safetensors: truncated or damaged checkpoint .*; delete"):
            use()
    checkpoint.discard()
    assert checkpoint.load() is None
    checkpoint.discard()


def test_checkpoints_are_as_far_apart_as_asked(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path / "x", Fingerprint(""), seconds=3600)
    assert not checkpoint.due()
    checkpoint.seconds = 0
    assert checkpoint.due()


def test_same_seed_same_bits_another_seed_others() -> None:
    states = {}
    for name, seed in (("first", 0), ("again", 0), ("other", 1)):
        torch.manual_seed(len(states))  # what a process did before does not matter
        trainer = trainer_of(run_of(seed=seed))
        trainer.run()
        states[name] = state(trainer)
    assert same_bits(states["first"], states["again"])
    assert not same_bits(states["first"], states["other"])


def test_initial_weights_are_those_of_the_run_seed_and_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    networks = [build_supernet(run_of(seed=seed), SPACES["nasbench201"], SPLITS) for seed in (0, 0, 1)]
    assert torch.equal(torch.get_rng_state(), before)
    first, again, other = (network.state_dict()["stem.conv.weight"] for network in networks)
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize(
    ("law", "budget", "paths", "steps", "passes"),
    [
        ("random_a", "equal_passes", 1, 6, 6),
        ("random_a", "equal_passes", 2, 6, 12),
        ("fairnas", "equal_steps", 1, 6, 30),
        ("fairnas", "equal_steps", 2, 6, 30),
        ("fairnas", "equal_passes", 1, 1, 5),
        ("fairnas", "equal_passes", 2, 2, 10),
    ],
)
def test_budget_of_fairnas(law: str, budget: str, paths: int, steps: int, passes: int) -> None:
    protocol = {"fairnas_budget": budget, "random_paths": paths}
    trained = trainer_of(run_of(path_sampling=law, protocol=protocol)).run()
    assert (trained.steps, trained.passes) == (steps, passes)


def test_gradients_of_random_paths_are_averaged() -> None:
    """One step with three paths: the update is that of the mean of their losses, not of the sum."""
    run = run_of(epochs=1, batch_size=24, protocol={"random_paths": 3, "clip": 1e9, "momentum": 0.0})
    trainer = trainer_of(run)
    before = {name: value.detach().clone() for name, value in trainer.parameters.items()}
    (group,) = epoch_paths(SPACES[run.space], "random_a", run.seed, 0, 1, random_paths=3)
    images, labels = trainer.augmenter.epoch(run.seed, 0, 24).batch(0)
    losses = [torch.nn.functional.cross_entropy(trainer.network.train()(images, arch), labels) for arch in group]
    names = list(before)
    gradients = torch.autograd.grad(sum(losses) / 3, [trainer.parameters[name] for name in names], allow_unused=True)
    trainer.run()
    rate, decay = trainer.recipe.rate(0), trainer.recipe.weight_decay
    for name, gradient in zip(names, gradients, strict=True):
        expected = before[name] if gradient is None else before[name] - rate * (gradient + decay * before[name])
        torch.testing.assert_close(trainer.parameters[name].detach(), expected, atol=1e-6, rtol=1e-5)


def test_config_reaches_the_trainer() -> None:
    run = run_of(protocol={"momentum": 0.5, "clip": 2.0, "final_learning_rate": 0.0, "fairnas_gradient": "mean"})
    trainer = trainer_of(run)
    assert trainer.recipe == Recipe(
        0.05, 0.0, 1e-3, 0.5, 2.0, steps=6, steps_per_epoch=3, batch_size=8, passes_per_step=1, mean_gradient=True
    )
    assert trainer.optimizer.defaults["momentum"] == 0.5
    assert trainer.optimizer.defaults["weight_decay"] == 1e-3
    assert trainer.optimizer.untouched == "rest"
    assert trainer_of(run_of(protocol={"untouched": "decay"})).optimizer.untouched == "decay"
    weight = trainer.network.get_parameter("stages.0.0.edges.0.nor_conv_3x3.conv.weight")
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_weights_are_loaded_into_their_network_alone(tmp_path: Path) -> None:
    space, file = SPACES["nasbench201"], tmp_path / "weights.safetensors"
    network = build_supernet(run_of(seed=5), space, SPLITS)
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, file)
    assert same_bits(load_supernet(run_of(seed=6), space, SPLITS, file).state_dict(), network.state_dict())
    with pytest.raises(UserError, match=r"weights\.safetensors: not the weights of this run"):
        load_supernet(run_of(channels=5), space, SPLITS, file)


def test_too_large_a_batch() -> None:
    with pytest.raises(UserError, match="batch_size 64: there are only 24 training images"):
        trainer_of(run_of(batch_size=64))


@pytest.mark.parametrize("space", SPACES)
def test_bfloat16_is_close_to_float32_and_keeps_weights_in_it(space: str) -> None:
    """The path that GPUs take, on a CPU: forward passes differ by rounding, weights and updates are float32."""
    trainers = [trainer_of(run_of(space=space, protocol={"precision": kind})) for kind in ("float32", "bfloat16")]
    archs = SPACES[space].sample(np.random.default_rng(4), count=4)
    images, _ = trainers[0].augmenter.epoch(0, 0, 16).batch(0)
    for arch in archs:
        exact, rounded = (trainer.logits(images, arch) for trainer in trainers)
        assert rounded.dtype == exact.dtype == torch.float32
        assert not torch.equal(exact, rounded)
        # bfloat16 has 8 bits: a unit in the last place is 2^-8, and some tens of them follow each other here.
        assert float((exact - rounded).norm() / exact.norm()) < 0.1
    for trainer in trainers:
        trainer.run(until=3)
        assert {value.dtype for value in state(trainer).values() if value.is_floating_point()} == {torch.float32}
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16 and not torch.is_autocast_enabled("cpu")
    assert not same_bits(state(trainers[0]), state(trainers[1]))


def test_a_killed_training_in_bfloat16_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    whole, killed, resumed = (trainer_of(run_of(protocol={"precision": "bfloat16"})) for _ in range(3))
    whole.run(until=6)
    file = tmp_path / "checkpoint"
    with pytest.raises(KilledError):
        killed.run(Checkpoint(file, Fingerprint("same"), 0.0), Watcher(kill_at=3))  # type: ignore[arg-type]
    resumed.run(Checkpoint(file, Fingerprint("same"), 0.0), until=6)
    assert same_bits(state(whole), state(resumed))
