"""Stand-alone trainings for ground truth, and the log from which a killed job resumes."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from counted import counted
from tiny import SPACES, small_splits

from supernet.config.jobs import TruthJob
from supernet.errors import UserError
from supernet.io.sealed import sealed_line
from supernet.pools.truth import cost_columns
from supernet.spaces.base import NetworkSize
from supernet.spaces.counting import Cost
from supernet.training.build import build_standalone, standalone_trainer
from supernet.training.evaluator import Evaluator
from supernet.training.fingerprint import Fingerprint
from supernet.training.standalone import TruthLog, result_problem, train_standalone
from supernet.training.store.truth import StandAloneResult

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
            "evaluation": {"batch_size": 10},
        }
    )


def evaluator(job: TruthJob) -> Evaluator:
    return Evaluator(SPLITS, job.evaluation, job.protocol.channels_last)


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
    log = TruthLog(path, Fingerprint("recipe"))
    assert log.get("a", 0) is None
    diverged = StandAloneResult(None, 7, 10, 20, 15)
    log.add("a", 0, RESULT, 2.5)
    log.add("a", 1, diverged, 1.0)
    assert log.get("a", 0) == RESULT
    again = TruthLog(path, Fingerprint("recipe"))
    assert (again.get("a", 0), again.get("a", 1), again.get("b", 0)) == (RESULT, diverged, None)
    assert TruthLog(path, Fingerprint("another recipe")).get("a", 0) is None
    again.discard()
    assert TruthLog(path, Fingerprint("recipe")).get("a", 0) is None
    again.discard()


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_log_that_was_cut_loses_its_last_line_alone(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "trainings.jsonl"
    log = TruthLog(path, Fingerprint("recipe"))
    for name in "ab":
        log.add(name, 0, RESULT, 1.0)
    path.write_bytes(path.read_bytes()[:-cut])
    log = TruthLog(path, Fingerprint("recipe"))
    assert log.get("a", 0) == RESULT and log.get("b", 0) is None
    log.add("c", 0, replace(RESULT, accuracy=0.25), 1.0)
    assert [json.loads(line).get("arch_id") for line in path.read_text().splitlines()] == [None, "a", None, "c"]
    assert TruthLog(path, Fingerprint("recipe")).get("c", 0) == replace(RESULT, accuracy=0.25)


def test_log_remembers_how_long_former_processes_took(tmp_path: Path) -> None:
    path = tmp_path / "trainings.jsonl"
    log = TruthLog(path, Fingerprint("recipe"))
    for name, seconds in (("a", 2.5), ("b", 1.25)):
        log.add(name, 0, RESULT, seconds)
    assert log.earlier == 0
    assert TruthLog(path, Fingerprint("recipe")).earlier == 3.75
    assert TruthLog(path, Fingerprint("another recipe")).earlier == 0


def line_of(path: Path, number: int) -> dict[str, Any]:
    line: dict[str, Any] = json.loads(path.read_text().splitlines()[number])
    return line


def test_every_flipped_bit_of_a_log_is_found(tmp_path: Path) -> None:
    path = tmp_path / "trainings.jsonl"
    log = TruthLog(path, Fingerprint("recipe"))
    for name in "ab":
        log.add(name, 0, RESULT, 1.0)
    content = path.read_bytes()
    for place in range(len(content) - 1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 7]) + content[place + 1 :])
        with pytest.raises(UserError, match=r"trainings\.jsonl: line \d: .*delete the file"):
            TruthLog(path, Fingerprint("recipe"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("accuracy", 17.0),
        ("accuracy", 17),
        ("accuracy", -0.1),
        ("accuracy", "0.5"),
        ("accuracy", True),
        ("diverged_at", -1),
        ("parameters", 0),
        ("macs", 2.5),
        ("more", 1),
    ],
)
def test_a_value_out_of_range_is_found_though_its_checksum_is_right(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "trainings.jsonl"
    TruthLog(path, Fingerprint("recipe")).add("a", 0, RESULT, 1.0)
    line = line_of(path, 1)
    del line["checksum"]
    line["result"][key] = value
    path.write_text(f"{path.read_text().splitlines()[0]}\n{sealed_line(line)}\n")
    with pytest.raises(UserError, match=rf"trainings\.jsonl: line 2: result\.{key}: found "):
        TruthLog(path, Fingerprint("recipe"))


def test_a_second_result_of_a_training_is_found(tmp_path: Path) -> None:
    path = tmp_path / "trainings.jsonl"
    TruthLog(path, Fingerprint("recipe")).add("a", 0, RESULT, 1.0)
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    with pytest.raises(UserError, match="line 3: a second result of a, seed 0"):
        TruthLog(path, Fingerprint("recipe"))


def test_a_result_that_its_job_cannot_have_is_named(tmp_path: Path) -> None:
    job = job_of()
    costs = cost_columns(SPACE, ARCH, NetworkSize(4, 1, 5, 2), 8)
    right = StandAloneResult(accuracy=3 / len(SPLITS.test), diverged_at=None, **costs)
    problem = partial(result_problem, job, SPACE, SPACE.format(ARCH), SPLITS)
    assert problem(right) == problem(replace(right, accuracy=None, diverged_at=7)) == ""
    assert "is not a share of" in problem(replace(right, accuracy=0.123))
    assert "neither or both" in problem(replace(right, accuracy=None))
    assert "neither or both" in problem(replace(right, diverged_at=3))
    assert "does not have" in problem(replace(right, accuracy=None, diverged_at=8))
    assert "which differ" in problem(replace(right, macs=right.macs + 1))
    log = TruthLog(tmp_path / "trainings.jsonl", Fingerprint("recipe"))
    log.add("a", 0, replace(right, accuracy=0.123), 1.0)
    log.check("b", 0, problem)
    with pytest.raises(UserError, match=r"trainings\.jsonl: a, seed 0: an accuracy of 0\.123"):
        log.check("a", 0, problem)


def test_lines_of_an_earlier_version_are_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "trainings.jsonl"
    old = {"fingerprint": "recipe", "arch_id": "a", "seed": 0, "result": vars(RESULT), "seconds": 1.0}
    path.write_text(json.dumps(old) + "\n")
    log = TruthLog(path, Fingerprint("recipe"))
    assert log.get("a", 0) is None and "written by another version of the project" in caplog.text
    log.add("b", 0, RESULT, 1.0)
    assert TruthLog(path, Fingerprint("recipe")).get("b", 0) == RESULT


def test_results_of_other_code_are_repeated_with_a_message(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "trainings.jsonl"
    mine, other = (Fingerprint("recipe", code={"supernet/x.py": (text, text)}) for text in "ab")
    TruthLog(path, other).add("a", 0, RESULT, 1.0)
    log = TruthLog(path, mine)
    assert log.get("a", 0) is None and "other code of supernet/x.py" in caplog.text
    log.add("a", 0, replace(RESULT, accuracy=0.25), 1.0)
    assert TruthLog(path, mine).get("a", 0) == replace(RESULT, accuracy=0.25)
    assert TruthLog(path, other).get("a", 0) == RESULT
