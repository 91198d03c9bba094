"""Stand-alone trainings for ground truth, and the log from which a killed job resumes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from counted import counted
from tiny import SPACES, small_splits

from supernet.config.jobs import TruthJob
from supernet.spaces.counting import Cost
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.evaluator import Evaluator
from supernet.training.standalone import StandAloneResult, TruthLog, train_standalone

SPACE = SPACES["nasbench201"]
ARCH = SPACE.sample(np.random.default_rng(0))
SPLITS = small_splits()
RESULT = StandAloneResult(accuracy=0.5, diverged_at=None, parameters=10, macs=20, live_macs=15)


def job_of(**truth: Any) -> TruthJob:
    recipe = {"channels": 4, "layers": 1, "epochs": 2, "batch_size": 8, "train_portion": 0.54}
    return TruthJob.model_validate(
        {
            "space": "nasbench201",
            "truth": recipe | truth,
            "study_seed": 0,
            "data": {"name": "digits", "crop_padding": 2},
            "protocol": {},
            "scoring": {"bn_modes": ("batch",), "batch_size": 10},
        }
    )


def evaluator(job: TruthJob) -> Evaluator:
    return Evaluator(SPLITS, job.scoring, job.protocol.channels_last)


def test_result_is_the_test_accuracy_by_tracked_statistics() -> None:
    job = job_of()
    result = train_standalone(job, SPACE, ARCH, 2, SPLITS, evaluator(job))
    network = build_standalone(job, SPACE, ARCH, 2, SPLITS)
    trained = standalone_trainer(job, network, ARCH, 2, SPLITS).run()
    assert (trained.steps, trained.passes) == (8, 8)
    network.eval()
    for module in network.modules():
        module.statistics = "tracked"
    with torch.no_grad():
        guesses = network(SPLITS.normalise(SPLITS.test.pixels), ARCH).argmax(1)
    assert result.accuracy == float((guesses == SPLITS.test.labels).double().mean())
    assert result.accuracy != evaluator(job).evaluate(network, ARCH, "batch", "test")[0]
    assert result.diverged_at is None
    assert Cost(result.parameters, result.macs) == counted(network, 2, 8, ARCH)
    assert result == train_standalone(job, SPACE, ARCH, 2, SPLITS, evaluator(job))


def test_diverged_training_has_no_accuracy() -> None:
    job = job_of(learning_rate=1e30)
    result = train_standalone(job, SPACE, ARCH, 0, SPLITS, evaluator(job))
    assert result.accuracy is None
    assert result.diverged_at is not None and 0 < result.diverged_at < 8


def test_seed_decides_the_initial_weights() -> None:
    weights = [
        build_standalone(job_of(), SPACE, ARCH, seed, SPLITS).get_parameter("stem.conv.weight") for seed in (0, 0, 1)
    ]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_log_remembers_results_of_the_same_recipe(tmp_path: Path) -> None:
    path = tmp_path / "new" / "trainings.jsonl"
    log = TruthLog(path, "recipe")
    assert log.get("a", 0) is None
    diverged = StandAloneResult(None, 7, 10, 20, 15)
    log.add("a", 0, RESULT, 2.5)
    log.add("a", 1, diverged, 1.0)
    assert log.get("a", 0) == RESULT
    again = TruthLog(path, "recipe")
    assert (again.get("a", 0), again.get("a", 1), again.get("b", 0)) == (RESULT, diverged, None)
    assert TruthLog(path, "another recipe").get("a", 0) is None
    again.discard()
    assert TruthLog(path, "recipe").get("a", 0) is None
    again.discard()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_log_that_was_cut_loses_its_last_line_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "trainings.jsonl"
    log = TruthLog(path, "recipe")
    for name in "ab":
        log.add(name, 0, RESULT, 1.0)
    path.write_bytes(path.read_bytes()[:-cut])
    log = TruthLog(path, "recipe")
    assert log.get("a", 0) == RESULT and log.get("b", 0) is None
    log.add("c", 0, replace(RESULT, accuracy=0.25), 1.0)
    assert [json.loads(line)["arch_id"] for line in path.read_text().splitlines()] == ["a", "c"]
    assert TruthLog(path, "recipe").get("c", 0) == replace(RESULT, accuracy=0.25)


def test_log_remembers_how_long_former_processes_took(tmp_path: Path) -> None:
    path = tmp_path / "trainings.jsonl"
    log = TruthLog(path, "recipe")
    for name, seconds in (("a", 2.5), ("b", 1.25)):
        log.add(name, 0, RESULT, seconds)
    assert log.earlier == 0
    assert TruthLog(path, "recipe").earlier == 3.75
    assert TruthLog(path, "another recipe").earlier == 0
