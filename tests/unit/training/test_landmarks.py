"""Landmark regularisation: the law of pairs, the loss and its gradient, counting, and errors."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import SPACES
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import (
    RECIPE,
    SPLITS,
    Watcher,
    assert_resumes_after_any_step,
    run_of,
    same_bits,
    state,
)

from supernet.config.baselines import BASELINES
from supernet.config.study import Run, Study
from supernet.errors import UserError
from supernet.pools.file import read_truths
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.landmarks import Landmark, Ranking, can_rank
from supernet.training.trainer import Recipe, Trainer

SPACE = SPACES["nasbench201"]
CELLS = SPACE.sample(np.random.default_rng(7), count=4)
LANDMARKS: list[Landmark] = list(zip(CELLS, (0.5, 0.9, float("nan"), 0.7), strict=True))
PROTOCOL = {"landmarks": 4, "landmark_pairs": 2, "landmark_start": 0.5}


def ranked_run(space: str = "nasbench201", protocol: dict[str, Any] | None = None, **factors: Any) -> Run:
    return run_of(space, protocol={**PROTOCOL, **(protocol or {})}, landmarks="ranking", **factors)


def ranked_trainer(run: Run, landmarks: list[Landmark] | None = LANDMARKS) -> Trainer:
    space = SPACES[run.space]
    return supernet_trainer(run, space, build_supernet(run, space, SPLITS), SPLITS, landmarks)


def test_pairs_are_uniform_over_those_whose_known_accuracies_differ() -> None:
    """Six landmarks, two of the same accuracy and one of none: nine pairs, each as likely as another."""
    truths = {"a": 0.1, "b": 0.4, "c": 0.4, "d": 0.9, "e": float("nan"), "f": 0.6}
    ranking = Ranking(list(truths.items()), per_step=3, weight=1.0, start=0, steps=1)
    steps = ranking.epoch(seed=1, epoch=0, steps=6000)
    assert {len(pairs) for pairs in steps} == {3}
    drawn = Counter(pair for pairs in steps for pair in pairs)
    expected = {(one, two) for one in truths for two in truths if truths[one] > truths[two]}
    assert len(expected) == 9 and drawn.keys() == expected
    # 18 000 draws, 2 000 expected of each: Pearson's statistic has 8 degrees of freedom, 26.1 at one in a thousand.
    assert sum((count - 2000) ** 2 / 2000 for count in drawn.values()) < 26.1


def test_pairs_are_addressed_by_seed_and_epoch() -> None:
    ranking = Ranking(LANDMARKS, per_step=2, weight=1.0, start=0, steps=1)
    first = ranking.epoch(seed=1, epoch=2, steps=20)
    assert first == ranking.epoch(seed=1, epoch=2, steps=20)
    assert first[:5] == ranking.epoch(seed=1, epoch=2, steps=5)
    assert first != ranking.epoch(seed=1, epoch=3, steps=20)
    assert first != ranking.epoch(seed=2, epoch=2, steps=20)


def test_weight_rises_by_half_a_cosine_after_the_start() -> None:
    ranking = Ranking(LANDMARKS, per_step=1, weight=10.0, start=4, steps=8)
    half = math.sqrt(0.5)
    expected = [0, 0, 0, 0, 5 * (1 - half), 5, 5 * (1 + half), 10]
    assert [ranking.weight_at(step) for step in range(8)] == pytest.approx(expected)
    # torch's own schedule of the other direction, from 10 to 0.
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=10.0)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4)
    for step in range(4, 8):
        optimizer.step()
        schedule.step()
        assert ranking.weight_at(step) == pytest.approx(10 - schedule.get_last_lr()[0])


class TwoPaths(nn.Module):
    """Logits of two classes that do not depend on the images: (a, -a) for `a`, (b, -b) for `b`."""

    def __init__(self, a: float, b: float) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.tensor(a)), nn.Parameter(torch.tensor(b))
        self.c = nn.Parameter(torch.zeros(2))

    def forward(self, images: Tensor, arch: str) -> Tensor:
        if arch == "c":
            return self.c.expand(len(images), 2)
        value = self.a if arch == "a" else self.b
        return torch.stack([value, -value]).expand(len(images), 2)


class OneBatch:
    """Replaces `Augmenter`: always three images of class 0 and one of class 1."""

    def epoch(self, *_: int) -> "OneBatch":
        return self

    def batch(self, _: int) -> tuple[Tensor, Tensor]:
        return torch.zeros(4, 1, 1, 1), torch.tensor([0, 0, 0, 1])


def two_paths_trainer(network: TwoPaths, landmarks: list[Landmark], steps: int = 1, **options: Any) -> Trainer:
    """Return a trainer of one path that shares nothing with the landmarks `a` and `b`; plain gradient descent."""
    fields = {"steps": steps, "steps_per_epoch": steps, "momentum": 0.0, "weight_decay": 0.0, "clip": 1e9}
    recipe = Recipe(**{**RECIPE.__dict__, "final_learning_rate": 0.1, **fields})
    ranking = Ranking(landmarks, **{"per_step": 1, "weight": 2.0, "start": 0, "steps": steps, **options})
    batches: Any = OneBatch()
    return Trainer(network, recipe, batches, lambda _, count: [("c",)] * count, seed=0, ranking=ranking)


def loss_by_hand(value: float) -> float:
    """Compute the mean cross-entropy of (v, -v) for three images of class 0 and one of class 1."""
    return 0.75 * math.log(1 + math.exp(-2 * value)) + 0.25 * math.log(1 + math.exp(2 * value))


def slope_by_hand(value: float) -> float:
    """Compute its derivative: 2 (p - 3/4), with p the probability of class 0."""
    return 2 / (1 + math.exp(-2 * value)) - 1.5


@pytest.mark.parametrize("pairs", [1, 3])
@pytest.mark.parametrize("truth_of_a", [0.9, 0.1])
def test_gradient_of_a_wrong_order_is_that_of_the_difference_and_of_a_right_one_zero(
    truth_of_a: float, pairs: int
) -> None:
    network = TwoPaths(-0.3, 0.4)
    assert loss_by_hand(-0.3) > loss_by_hand(0.4)  # a is the worse one by the super-net
    trained = two_paths_trainer(network, [("a", truth_of_a), ("b", 0.5)], per_step=pairs).run()
    wrong = truth_of_a > 0.5
    # max(0, L(a) - L(b)), weighed by 2 at the only step, learning rate .1, for each of the pairs.
    step = pairs * 0.1 * 2 * wrong
    assert float(network.a.detach()) == pytest.approx(-0.3 - step * slope_by_hand(-0.3), abs=1e-6)
    assert float(network.b.detach()) == pytest.approx(0.4 + step * slope_by_hand(0.4), abs=1e-6)
    assert network.c.detach().tolist() == pytest.approx([0.1 * 0.25, -0.1 * 0.25])  # its own step, in any case
    assert network.a.grad is not None and (float(network.a.grad) != 0) == wrong
    assert trained.passes == 1 + 2 * pairs
    # The curve is that of the path.
    assert trained.curve[0]["loss"] == pytest.approx(math.log(2))


def test_landmarks_turn_the_order_of_two_paths() -> None:
    """The super-net has b before a; with a known to be the better one, training turns that, and else it does not."""
    for truth_of_a, turned in ((0.9, True), (0.1, False)):
        network = TwoPaths(-0.3, 0.4)
        two_paths_trainer(network, [("a", truth_of_a), ("b", 0.5)], steps=60).run()
        a, b = (loss_by_hand(float(value)) for value in (network.a.detach(), network.b.detach()))
        assert (a <= b + 0.05) == turned  # the hinge has no margin: it holds them at the tie
        assert (a < loss_by_hand(-0.3) - 0.05) == turned


def test_ranking_is_off_before_its_start() -> None:
    network = TwoPaths(-0.3, 0.4)
    trainer = two_paths_trainer(network, [("a", 0.9), ("b", 0.5)], steps=4, start=2)
    values: list[float] = []
    done = Watcher(at={number: lambda: values.append(float(network.a.detach())) for number in range(1, 5)})
    trained = trainer.run(progress=done)  # type: ignore[arg-type]
    assert values[:2] == pytest.approx([-0.3, -0.3])
    assert values[1] < values[2] < values[3]
    assert trained.passes == 4 + 2 * 2


@pytest.mark.parametrize("bad", ["a", "b"])
def test_a_landmark_whose_loss_is_not_finite_is_a_divergence(bad: str) -> None:
    network = TwoPaths(-0.3, 0.4)
    with torch.no_grad():
        getattr(network, bad).fill_(float("inf"))
    trained = two_paths_trainer(network, [("a", 0.9), ("b", 0.5)], steps=4, start=2).run()
    assert trained.diverged_at == 2


def test_gradient_on_a_super_net_is_that_of_the_whole_loss() -> None:
    """One step against the gradient of the path's loss plus the pairs' hinges, all in one graph."""
    protocol = {"landmark_start": 0.0, "landmark_weight": 3.0, "clip": 1e9, "momentum": 0.0}
    run = ranked_run(epochs=1, batch_size=24, protocol=protocol)
    trainer = ranked_trainer(run)
    reference = build_supernet(run, SPACE, SPLITS).train()
    images, labels = trainer.augmenter.epoch(run.seed, 0, 24).batch(0)
    ((arch,),) = trainer.paths(0, 1)
    assert trainer.ranking is not None
    (pairs,) = trainer.ranking.epoch(run.seed, 0, 1)
    total, hinges = F.cross_entropy(reference(images, arch), labels), []
    for better, worse in pairs:
        one, two = (F.cross_entropy(reference(images, cell), labels) for cell in (better, worse))
        hinges.append(float((one - two).detach()))
        total = total + 3.0 * torch.clamp(one - two, min=0)
    total.backward()
    trained = trainer.run()
    assert any(hinge > 0 for hinge in hinges)
    assert trained.passes == 1 + 2 * 2
    rate, decay = trainer.recipe.rate(0), trainer.recipe.weight_decay
    for (name, found), before in zip(trainer.network.named_parameters(), reference.parameters(), strict=True):
        old = before.detach()
        expected = old if before.grad is None else old - rate * (before.grad + decay * old)
        torch.testing.assert_close(found.detach(), expected, rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.parametrize(
    ("factors", "start", "steps", "passes"),
    [
        ({}, 0.5, 6, 6 + 3 * 4),
        ({}, 0.0, 6, 6 + 6 * 4),
        ({}, 0.99, 6, 6 + 1 * 4),
        ({"path_sampling": "fairnas"}, 0.0, 1, 5 + 4),
    ],
)
def test_passes_count_two_for_each_pair(factors: dict[str, Any], start: float, steps: int, passes: int) -> None:
    trained = ranked_trainer(ranked_run(protocol={"landmark_start": start}, **factors)).run()
    assert (trained.steps, trained.passes) == (steps, passes)


RESUMED = {
    "starts in mid-epoch": ranked_run(protocol={"landmark_start": 0.7}),
    "from the first step, after a split, with dropout": ranked_run(
        few_shot="split", dropout="global-0.2", protocol={"landmark_start": 0.0}
    ),
}


@pytest.mark.parametrize("name", RESUMED)
def test_killed_at_any_step_training_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    assert_resumes_after_any_step(lambda: ranked_trainer(RESUMED[name]), tmp_path)


def test_landmarks_change_the_training_and_their_accuracies_do() -> None:
    other = [(arch, 1 - truth) for arch, truth in LANDMARKS]
    states = [state(ranked_trainer(ranked_run(), landmarks)) for landmarks in (LANDMARKS, other)]
    assert same_bits(*states)
    trained = []
    for landmarks in (LANDMARKS, LANDMARKS, other):
        trainer = ranked_trainer(ranked_run(), landmarks)
        trainer.run()
        trained.append(state(trainer))
    plain = ranked_trainer(run_of(), None)
    plain.run()
    assert same_bits(trained[0], trained[1])
    assert not same_bits(trained[0], trained[2])
    assert not same_bits(trained[0], state(plain))


def test_landmarks_are_read_from_a_pool_with_ground_truth(tmp_path: Path) -> None:
    file = tmp_path / "pool.parquet"
    cells = [SPACE.format(arch) for arch, _ in LANDMARKS]
    table = pd.DataFrame({"arch_id": cells, "encoding": cells, "truth": [truth for _, truth in LANDMARKS]})
    table.to_parquet(file)
    assert str(read_truths(file, SPACE)) == str(LANDMARKS)  # as text, in which nan equals nan
    table.drop(columns="truth").to_parquet(file)
    with pytest.raises(UserError, match=r"pool\.parquet: found no column truth among arch_id, encoding; make or fetch"):
        read_truths(file, SPACE)


@pytest.mark.parametrize(
    ("run", "landmarks", "message"),
    [
        (ranked_run(), None, r"setting\.landmarks is ranking: expected landmarks with ground truth \(--landmarks\)"),
        (run_of(), LANDMARKS, r"setting\.landmarks is none, but landmarks are given: leave out --landmarks"),
        (ranked_run(), LANDMARKS[:3], r"protocol\.landmarks is 4: found 3; expected as many"),
        (ranked_run(), [(arch, 0.5) for arch in CELLS], "none of 4 is known to be better than another"),
        (ranked_run(), [(arch, float("nan")) for arch in CELLS], "none of 4 is known to be better than another"),
    ],
)
def test_landmarks_that_are_missing_or_make_no_sense(run: Run, landmarks: list[Landmark] | None, message: str) -> None:
    with pytest.raises(UserError, match=message):
        ranked_trainer(run, landmarks)


def study_of(**spaces: dict[str, Any]) -> Study:
    truth = {"channels": 4, "layers": 3, "epochs": 1}
    sections = {name: {"truth": truth, **space} for name, space in spaces.items()}
    return Study.model_validate({"study": "x", "title": "x", "data": {"name": "digits"}, "spaces": sections})


def test_a_study_knows_which_spaces_need_landmarks() -> None:
    study = study_of(
        darts={"sweep": {"landmarks": "paper"}},
        nasbench201={"baseline": {"landmarks": "ranking"}},
        nasbench101={"sweep": {"few_shot": ["split"]}},
    )
    assert list(map(str, study.landmarks())) == ["darts-landmarks", "nasbench201-landmarks"]
    assert study.landmarks_of("darts", "baseline") is None
    assert str(study.landmarks_of("darts", "landmarks=ranking")) == "darts-landmarks"
    assert study.run("darts", "landmarks=ranking", 0).setting.landmarks == "ranking"
    assert study.run("nasbench101", "few_shot=split", 0).setting.few_shot == "split"
    with pytest.raises(UserError, match="has no space 'dart'"):
        study.landmarks_of("dart", "baseline")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("landmarks", 1), ("landmark_pairs", 0), ("landmark_weight", 0.0), ("landmark_start", 1.0),
        ("landmark_start", -0.1), ("few_shot_shared", 1.0), ("few_shot_shared", -0.1),
    ],
)  # fmt: skip
def test_protocol_refuses_what_makes_no_sense(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"protocol\.{key}"):
        run_of(protocol={key: value})


@pytest.mark.parametrize(("factor", "value"), [("few_shot", "edge"), ("landmarks", "none "), ("landmarks", None)])
def test_settings_refuse_other_values(factor: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"setting\.{factor}"):
        run_of(**{factor: value})


def test_both_are_off_in_every_baseline() -> None:
    assert all(BASELINES[space][factor] == "none" for space in SPACES for factor in ("few_shot", "landmarks"))


@pytest.mark.parametrize(
    ("truths", "can"),
    [
        ((), False),
        ((math.nan,) * 2, False),
        ((0.5,), False),
        ((0.5, 0.5, math.nan), False),
        ((0.5, 0.6, math.nan), True),
    ],
)
def test_landmarks_that_diverged_rank_nothing(truths: tuple[float, ...], can: bool) -> None:
    assert can_rank([(None, truth) for truth in truths]) is can
    assert can_rank(None)
