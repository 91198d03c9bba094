"""Numbers of steps, and the learning rate."""

import subprocess
import sys

import pytest
from checkouts import ROOT
from tiny import SPACES
from trainings import run_of

from supernet.config.splits import Sizes
from supernet.errors import UserError
from supernet.training.schedule import cosine, step_after, steps_per_epoch, supernet_steps

SIZES = Sizes(test=20, scoring=10, train=90)


def test_an_epoch_has_full_batches() -> None:
    assert [steps_per_epoch(50, size) for size in (50, 25, 24, 16)] == [1, 2, 2, 3]
    with pytest.raises(UserError, match="batch_size 51: there are only 50 training images; use a smaller one"):
        steps_per_epoch(50, 51)


def test_fairnas_takes_fewer_steps_at_equal_passes() -> None:
    space = SPACES["nasbench201"]
    plain = supernet_steps(run_of(), space, SIZES)
    # 0.4 of 100 images in batches of 8, twice.
    assert (plain.total, plain.per_epoch, plain.passes) == (10, 5, 1)
    equal = {"fairnas_budget": "equal_passes", "random_paths": 2}
    fair = supernet_steps(run_of(path_sampling="fairnas", protocol=equal), space, SIZES)
    assert (fair.total, fair.per_epoch, fair.passes) == (10 * 2 // 5, 5, 5)
    every = supernet_steps(run_of(path_sampling="fairnas", protocol={"fairnas_budget": "equal_steps"}), space, SIZES)
    assert (every.total, every.passes) == (10, 5)


def test_groups_by_weights_have_more_passes_per_step_in_the_same_budget() -> None:
    run = run_of(path_sampling="fairnas_by_weights", protocol={"random_paths": 2})
    fair = supernet_steps(run, SPACES["nasbench201"], SIZES)
    assert (fair.total, fair.per_epoch, fair.passes) == (10 * 2 // 11, 5, 11)


def test_a_smaller_portion_takes_as_many_steps_if_epochs_count_all_images() -> None:
    space, protocol = SPACES["nasbench201"], {"epoch_images": "all"}
    found = [
        supernet_steps(run_of(train_portion=portion, protocol=protocol), space, SIZES) for portion in (0.2, 0.4, 0.9)
    ]
    # 90 images are outside the scoring split: 11 batches of 8, twice.
    assert [(steps.total, steps.per_epoch) for steps in found] == [(22, 2), (22, 5), (22, 11)]
    fair = supernet_steps(run_of(path_sampling="fairnas", protocol=protocol), space, SIZES)
    assert (fair.total, fair.per_epoch) == (22 // 5, 5)


@pytest.mark.parametrize("portion", [0.001, 0.95])
def test_a_portion_that_is_empty_or_reaches_into_the_scoring_split_is_refused(portion: float) -> None:
    with pytest.raises(UserError, match=f"train_portion {portion}: asks for"):
        SIZES.training_images(portion)


def test_a_share_of_the_steps_leaves_at_least_the_last() -> None:
    assert [step_after(share, 10) for share in (0.0, 0.29, 0.3, 0.9999999999999999, 1.0)] == [0, 2, 3, 9, 9]


def test_a_cosine_ends_at_the_last_rate() -> None:
    assert cosine(0.1, 0.001, 0, 7) == pytest.approx(0.1)
    assert cosine(0.1, 0.001, 7, 7) == pytest.approx(0.001)
    assert cosine(0.1, 0.001, 3.5, 7) == pytest.approx((0.1 + 0.001) / 2)


def test_planning_does_not_import_torch() -> None:
    code = "import sys, supernet.training.schedule; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
