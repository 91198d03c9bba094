"""Speeds from timing files of finished jobs, and the seconds of jobs that follow from them."""

from pathlib import Path
from typing import Any

import pytest
from checkouts import ROOT

from supernet.config.artifacts import RunName
from supernet.io.atomic import write_json
from supernet.pipeline.plan import Plan
from supernet.pipeline.speed import Speed, Speeds, measured_speeds, this_host
from supernet.pipeline.workload import Part, Workload, standalone_part, training_work

ONE, TWO = RunName("darts", "baseline", 0), RunName("darts", "epochs=2", 0)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return Plan.load({"study": str(ROOT / "tests" / "studies" / "smoke.yaml")}, ROOT)


def finish(path: str, **timing: Any) -> None:
    write_json(Path(path), {"device": "cpu", "host": this_host(), **timing}, record=False)


def here(plan: Plan) -> Speeds:
    found = measured_speeds(plan, this_host())
    assert found is not None
    return found


def test_without_a_finished_job_there_are_no_speeds(plan: Plan) -> None:
    assert measured_speeds(plan, this_host()) is None and measured_speeds(plan, None) is None


def test_phases_of_super_nets_are_told_apart(plan: Plan) -> None:
    training, scoring = training_work(plan, ONE).parts
    finish(plan.artifacts.run(*ONE).timing, train_seconds=8, score_seconds=3, earlier_seconds=20, total_seconds=13)
    found = here(plan)
    assert found.by_key == {
        ("training", "darts"): Speed(0, pytest.approx(28 / training.macs)),
        ("scoring", "darts"): Speed(0, pytest.approx(3 / scoring.macs)),
    }
    assert found.start == 2
    assert found.seconds(training_work(plan, ONE)) == pytest.approx(2 + 28 + 3)
    assert found.source == f"1 finished super-net of this study on {this_host()} (cpu)"


def test_times_without_phases_follow_the_work(plan: Plan) -> None:
    for run in (ONE, TWO):
        # As older versions wrote it, without phases.
        finish(plan.artifacts.run(*run).timing, total_seconds=100.0, earlier_seconds=20.0)
    found = here(plan)
    one, two = (training_work(plan, run) for run in (ONE, TWO))
    assert found.seconds(one) + found.seconds(two) == pytest.approx(240)
    # Twice the epochs, the same scores.
    assert 1 < found.seconds(two) / found.seconds(one) < 2


def test_a_training_that_diverged_counts_the_passes_that_it_made(plan: Plan) -> None:
    training, _ = training_work(plan, ONE).parts
    done = {"passes": training.passes / 3, "train_seconds": 4, "score_seconds": 0.01, "total_seconds": 5}
    finish(plan.artifacts.run(*ONE).timing, **done)
    assert here(plan).by_key == {("training", "darts"): Speed(0, pytest.approx(4 / (training.macs / 3)))}


def test_ground_truth_has_its_own_speed(plan: Plan) -> None:
    finish(plan.artifacts.truth("darts", 1).timing, train_seconds=10, earlier_seconds=5, total_seconds=12)
    part = standalone_part(plan, "darts", plan.trainings_in("darts", 1))
    found = here(plan)
    assert found.by_key == {("stand-alone", "darts"): Speed(0, pytest.approx(15 / part.macs))}
    assert found.source.startswith("1 finished ground-truth job of this study")
    done = {"train_seconds": 15, "total_seconds": 17, "trainings": 3, "taken_over": 2}
    finish(plan.artifacts.truth("darts", 1).timing, **done)
    assert here(plan).by_key == {("stand-alone", "darts"): Speed(0, pytest.approx(15 / (part.macs * 3 / 5)))}
    finish(plan.artifacts.truth("darts", 1).timing, total_seconds=1, trainings=0, taken_over=5)
    assert measured_speeds(plan, this_host()) is None, "it took everything over"


def test_a_job_that_only_scores_has_no_training(plan: Plan) -> None:
    _, scoring = training_work(plan, ONE).parts
    path = plan.artifacts.run(*ONE).scores_timing
    finish(path, score_seconds=3, total_seconds=5, computed=4, taken_over=0)
    assert here(plan).by_key == {("scoring", "darts"): Speed(0, pytest.approx(3 / scoring.macs))}
    # Some of the scores were there already.
    finish(path, score_seconds=3, total_seconds=5, computed=4, taken_over=2)
    assert measured_speeds(plan, this_host()) is None


def test_jobs_of_other_machines_are_told_apart(plan: Plan) -> None:
    finish(plan.artifacts.run(*ONE).timing, total_seconds=9, train_seconds=5, host="another", device="cuda:0")
    assert measured_speeds(plan, this_host()) is None
    found = measured_speeds(plan, None)
    assert found is not None and found.on_gpu and found.source.endswith("on another (cuda:0)")
    finish(plan.artifacts.run(*TWO).timing, total_seconds=9, train_seconds=5)
    both = measured_speeds(plan, None)
    assert both is not None and not both.on_gpu
    assert here(plan).source == f"1 finished super-net of this study on {this_host()} (cpu)"


def test_a_space_without_a_finished_job_has_the_mean_of_the_others() -> None:
    speeds = Speeds({("training", "a"): Speed(1.0, 2.0), ("training", "b"): Speed(3.0, 4.0)}, 10.0, "here")
    assert speeds.seconds(Workload((Part("training", "c", 5, 7),), seconds=100)) == 10 + 100 + 2 * 5 + 3 * 7
    # Without a job of the kind, those of other kinds.
    assert speeds.seconds(Workload((Part("stand-alone", "a", 5, 7),))) == 10 + 2 * 5 + 3 * 7
    assert speeds.lacks([Part("training", space, 1, 1) for space in "acac"]) == [("training", "c")]


def test_speeds_are_completed_by_others() -> None:
    one = Speeds({("training", "a"): Speed(1, 1)}, 2.0, "one", ("cpu",))
    other = Speeds({("training", "a"): Speed(9, 9), ("scoring", "a"): Speed(3, 3)}, 7.0, "other", ("cpu",))
    both = one.completed(other)
    assert both.by_key == {("training", "a"): Speed(1, 1), ("scoring", "a"): Speed(3, 3)}
    assert (both.start, both.source, both.devices) == (2.0, "one; the rest from other", ("cpu",))
