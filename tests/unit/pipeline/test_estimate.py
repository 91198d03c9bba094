"""Estimated cost of a study's super-nets: by hand, against the trainer, and in the output of a dry run."""

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkouts import ROOT, copy_checkout
from sklearn.datasets import load_digits

from supernet import spaces
from supernet.config.datasets import DATASETS
from supernet.config.study import Run, Study, load_study
from supernet.data.images import Images, split
from supernet.errors import UserError
from supernet.pipeline.estimate import estimate, mean_macs, report, run_work, training_passes
from supernet.rng import stream
from supernet.spaces.base import NetworkSize
from supernet.spaces.nasbench201.encoding import OPERATIONS
from supernet.training.build import build_supernet, supernet_trainer

STUDIES = ROOT / "workflow" / "studies"

# Values of the paper's grids without the baseline's, counted by hand in the order of the table of heuristics.
OTHER_VALUES = {
    "nasbench101": 3 + 5 + 3 + 5 + 2 + 2 + 3 + 3 + 2 + 8 + 2 + 1 + 4,
    "nasbench201": 3 + 5 + 4 + 6 + 2 + 2 + 3 + 3 + 2 + 2 + 4 + 1,
    # WSBN is not swept: this baseline has nothing to specialise.
    "darts": 3 + 5 + 3 + 5 + 1 + 2 + 3 + 3 + 2 + 2 + 4 + 1,
}


@pytest.fixture(scope="module")
def paper() -> Study:
    return load_study(STUDIES / "paper.yaml")


def changed(run: Run, protocol: dict[str, Any] | None = None, **factors: Any) -> Run:
    """A run with other values."""
    settings = run.setting.model_copy(update=factors)
    return run.model_copy(update={"setting": settings, "protocol": run.protocol.model_copy(update=protocol or {})})


def test_the_paper_study_has_the_whole_grid_three_times(paper: Study) -> None:
    # Steps from common practice to the baseline, the last of which is swept.
    steps = {"nasbench101": 4, "nasbench201": 4, "darts": 5}
    counted = {space: 3 * (1 + others + steps[space]) for space, others in OTHER_VALUES.items()}
    assert counted == {"nasbench101": 144, "nasbench201": 126, "darts": 120}
    assert {space: work.runs for space, work in estimate(paper, lambda pool: 200).items()} == counted
    assert sum(1 for _ in paper.runs()) == sum(counted.values())


def test_images_by_hand(paper: Study) -> None:
    # 45 000 of 50 000 images, 351 full batches of 128, 1000 epochs. Scored: 5 000 + 10 000 images in two modes (nothing
    # is tracked), and four batches of 250 to re-calibrate, for each of 200 architectures.
    work = run_work(paper.run("nasbench201", "baseline", 0), paper.scoring, 200)
    assert work.trained_images == 351 * 128 * 1000
    assert work.scored_images == 200 * (2 * 15_000 + 4 * 250)
    tracked = run_work(paper.run("nasbench201", "batch_norm=affine+tracking", 0), paper.scoring, 200)
    assert tracked.scored_images == 200 * (3 * 15_000 + 4 * 250)
    # NASBench-101: 37 500 images, 146 batches of 256.
    assert training_passes(paper.run("nasbench101", "baseline", 0)) == 146 * 400


def test_multiply_adds_and_days_by_hand(paper: Study) -> None:
    run = paper.run("nasbench201", "baseline", 0)
    # Mean over all cells, each as it is executed; the sample's error is that of 200 draws.
    space, size = spaces.load("nasbench201"), NetworkSize(16, 5, 10, 3)
    cells = [space.parse(list(operations)) for operations in itertools.product(OPERATIONS, repeat=6)]
    macs = np.array([space.cost(cell, size, 32).macs for cell in cells])
    sampled = mean_macs("nasbench201", "random_a", size, 32, False, paper.seed)
    assert abs(sampled - macs.mean()) < 3 * macs.std() / np.sqrt(200)
    work = run_work(run, paper.scoring, 200)
    assert work.training_macs == pytest.approx(3 * sampled * work.trained_images)
    assert work.scoring_macs == pytest.approx(sampled * work.scored_images)
    assert work.days(3.0) == pytest.approx(2 * work.macs / 3e12 / 24 / 3600)


def test_it_scales_with_epochs_and_with_nothing_that_it_should_not(paper: Study) -> None:
    run, scoring = paper.run("darts", "baseline", 0), paper.scoring
    once, twice = run_work(run, scoring, 200), run_work(changed(run, epochs=2 * run.setting.epochs), scoring, 200)
    assert twice.training_macs == pytest.approx(2 * once.training_macs)
    assert twice.trained_images == 2 * once.trained_images
    assert twice.scoring_macs == once.scoring_macs
    assert run_work(run, scoring, 400).scoring_macs == pytest.approx(2 * once.scoring_macs)
    assert run_work(changed(run, learning_rate=0.1, weight_decay=1e-3, dropout="path-0.1"), scoring, 200) == once
    assert run_work(changed(run, channels=16), scoring, 200).macs < once.macs / 3


@pytest.mark.parametrize(("space", "operations"), [("nasbench101", 3), ("nasbench201", 5), ("darts", 8)])
def test_fairnas_has_as_many_passes_or_as_many_steps(paper: Study, space: str, operations: int) -> None:
    run = paper.run(space, "baseline", 0)
    passes = training_passes(run)
    fair = training_passes(changed(run, path_sampling="fairnas"))
    assert passes - operations < fair <= passes and fair % operations == 0
    assert training_passes(changed(run, {"fairnas_budget": "equal_steps"}, path_sampling="fairnas")) == (
        operations * passes
    )


def test_the_trainer_makes_that_many_passes() -> None:
    study = load_study(ROOT / "tests" / "studies" / "smoke.yaml")
    digits = load_digits()
    images = Images(torch.from_numpy(digits.images).to(torch.uint8)[:, None], torch.from_numpy(digits.target))
    assert len(images) == DATASETS["digits"].images and images.pixels.shape[1] == DATASETS["digits"].channels
    splits = split(images, study.data, study.seed)
    assert splits.classes == DATASETS["digits"].classes
    for name in study.spaces:
        space, run = spaces.load(name), study.run(name, "baseline", 0)
        network = build_supernet(run, space, splits)
        variants = [changed(run, path_sampling=law, epochs=7, batch_size=48) for law in space.laws]
        variants += [
            changed(run, {"fairnas_budget": "equal_steps"}, path_sampling="fairnas"),
            changed(run, {"random_paths": 2}, path_sampling="random_a"),
            changed(run, {"random_paths": 2}, path_sampling="fairnas"),
        ]
        for variant in variants:
            recipe = supernet_trainer(variant, space, network, splits).recipe
            assert training_passes(variant) == recipe.steps * recipe.passes_per_step, variant


def test_the_trainer_makes_as_many_passes_with_landmarks() -> None:
    study = load_study(ROOT / "tests" / "studies" / "smoke.yaml")
    digits = load_digits()
    images = Images(torch.from_numpy(digits.images).to(torch.uint8)[:, None], torch.from_numpy(digits.target))
    splits, space = split(images, study.data, study.seed), spaces.load("nasbench201")
    run = changed(study.run("nasbench201", "landmarks=ranking", 0), {"landmark_pairs": 2}, epochs=3)
    known = [(arch, 0.1 * number) for number, arch in enumerate(space.sample(stream(0), count=4))]
    trained = supernet_trainer(run, space, build_supernet(run, space, splits), splits, known).run()
    assert training_passes(run) == trained.passes > trained.steps


def test_a_batch_of_more_images_than_there_are(paper: Study) -> None:
    with pytest.raises(UserError, match="batch_size 50000: there are only 45000 training images"):
        training_passes(changed(paper.run("darts", "baseline", 0), batch_size=50_000))


def test_the_report_adds_up_and_follows_the_rate(paper: Study) -> None:
    work = estimate(paper, lambda pool: 200)
    alone = {"nasbench101": 5, "darts": 7}
    lines = report(work, 3.0, alone).splitlines()
    days = [float(line.split()[-1]) for line in lines[2:6]]
    assert days[3] == pytest.approx(sum(days[:3]), rel=0.06)  # two digits
    assert lines[5].split()[:3] == ["total", "390", "12"]
    assert [line.split()[2] for line in lines[2:5]] == ["5", "0", "7"]
    faster = report(work, 6.0, alone).splitlines()
    assert float(faster[5].split()[-1]) == pytest.approx(days[3] / 2, rel=0.06)
    assert "6 teraflop/s sustained" in "\n".join(faster)


def test_without_a_rate_there_are_no_gpu_days(paper: Study) -> None:
    work = estimate(paper, lambda pool: 200)
    said, with_rate = report(work, None, {}), report(work, 3.0, {})
    assert "GPU days" not in said.splitlines()[1] and "teraflop/s" in said and "assumed" not in said.lower()
    # The other columns are the same.
    for line, longer in zip(said.splitlines()[1:6], with_rate.splitlines()[1:6], strict=True):
        assert longer.startswith(line) and longer != line
    assert "--config gpu_tflops=NUMBER" in said


def test_a_dry_run_of_the_paper_lists_every_run_and_ends_with_the_estimate(paper: Study, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--cores", "1", "--config", "study=paper", "mirror=null"]
    result = subprocess.run(command, cwd=copy_checkout(tmp_path), capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
    for space, setting, seed in paper.runs():
        assert f"Super-net of {space}, {setting}, seed {seed}: training\n" in result.stdout
    # Without the published tables, the ground truth of no space is trained here. In each of three spaces, 48 networks
    # have the values of the baseline, and 24 each of five learning rates and three batch norms.
    assert result.stdout.rstrip().endswith(report(estimate(paper, lambda pool: 200), None, {}, swept=3 * (48 + 8 * 24)))
    assert not (tmp_path / "resources").exists()


def test_only_a_dry_run_prints_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "table_factors"]
    study = ["--config", "study=tests/studies/smoke.yaml", "gpu_tflops=0.5"]
    folder = copy_checkout(tmp_path)
    dry = subprocess.run([*command, "--dry-run", *study], cwd=folder, capture_output=True, text=True, check=True)
    assert "0.5 teraflop/s sustained" in dry.stdout
    real = subprocess.run([*command, *study], cwd=folder, capture_output=True, text=True, check=True)
    assert "teraflop" not in real.stdout + real.stderr
