"""What the next run would do, after edits of a results folder; and the output of `supernet plan`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkouts import copy_checkout

from supernet.audit.causes import MISSING, Cause, Causes
from supernet.audit.dry_run import PlannedJob, read_jobs
from supernet.audit.expected import expected, run_config
from supernet.audit.file_status import Audit
from supernet.audit.hash_cache import HashCache
from supernet.audit.pending import BROKEN, RESUMED, STALE, UNTRAINED, Kept, Pending, kept, pending, seconds
from supernet.config.artifacts import RunName, checkpoint
from supernet.io.atomic import publish, write_json
from supernet.pipeline.plan import Plan
from supernet.pipeline.speed import Speed, Speeds
from supernet.provenance.record import record_path
from supernet.provenance.recorder import Recorder, note_config, note_input, recording

DRAWN = "results/smoke/drawn/darts.parquet"
RUN, OTHER = RunName("darts", "baseline", 0), RunName("darts", "epochs=2", 0)


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """A checkout in which two runs of the smoke study are finished."""
    folder = copy_checkout(tmp_path)
    monkeypatch.chdir(folder)
    made = Plan.load({"study": "tests/studies/smoke.yaml"}, folder)
    with recording(Recorder(folder / "scripts" / "pool.py", folder)):
        note_config(made.pool_choice("darts"))
        write(DRAWN, "pool")
    for run in (RUN, OTHER):
        train(made, run)
    return made


def train(plan: Plan, run: RunName, **changes: Any) -> None:
    config = {**run_config(plan, *run), **changes}
    with recording(Recorder(plan.root / "scripts" / "train.py", plan.root)):
        note_config(config)
        note_input(DRAWN)
        for path in files(plan, run):
            write(path, path)


def write(path: Path | str, text: str) -> None:
    with publish(path) as temporary:
        temporary.write_text(text)


def files(plan: Plan, run: RunName) -> tuple[str, ...]:
    return plan.artifacts.run(*run).training


def training(plan: Plan, run: RunName) -> PlannedJob:
    """The job that trains a run, as Snakemake lists it."""
    wildcards = {"space": run.space, "setting": run.setting, "seed": str(run.seed)}
    return PlannedJob("train", wildcards, (DRAWN,), files(plan, run), "")


def found(plan: Plan, *jobs: PlannedJob) -> list[Pending]:
    configs = {one.path: one.config for one in expected(plan)}
    causes = Causes(jobs, configs, plan.study.model_dump(mode="json"), plan.folders, HashCache(None))
    return pending(plan, jobs, causes)


def left(plan: Plan, *jobs: PlannedJob) -> dict[RunName, Kept]:
    """The two runs, if they are stale or broken."""
    runs = kept(plan, found(plan, *jobs), Audit({}, HashCache(None), plan.root))
    return {one.run: one for one in runs if one.run in (RUN, OTHER)}


def remove(plan: Plan, run: RunName) -> None:
    for path in files(plan, run):
        Path(path).unlink()
        record_path(path).unlink()


def test_finished_runs_are_not_mentioned(plan: Plan) -> None:
    assert left(plan) == {}


def test_a_run_that_is_missing_is_not_trained_yet_or_begun(plan: Plan) -> None:
    remove(plan, RUN)
    (one,) = found(plan, training(plan, RUN))
    assert one.run == RUN and one.cause.text == UNTRAINED
    assert left(plan, training(plan, RUN)) == {}
    write_json(Path(checkpoint(plan.state, *RUN)), {}, record=False)
    (one,) = found(plan, training(plan, RUN))
    assert one.cause.text == RESUMED


def test_what_a_run_lacks_is_named(plan: Plan) -> None:
    Path(plan.artifacts.run(*RUN).weights).unlink()
    (one,) = found(plan, training(plan, RUN))
    assert one.cause.text == "it lacks weights.safetensors"
    # If nothing else needs it, Snakemake does not make it.
    assert left(plan) == {RUN: Kept(RUN, BROKEN, "missing")}


def test_the_changed_config_and_the_input_that_is_made_again_are_named(plan: Plan) -> None:
    train(plan, RUN, study_seed=5)
    with recording(Recorder(plan.root / "scripts" / "pool.py", plan.root)):
        note_config({**plan.pool_choice("darts"), "size": 9})
        write(DRAWN, "another pool")
    pool = PlannedJob("pool", {"pool": "darts"}, (), (DRAWN,), "")
    first, second, third = found(plan, pool, training(plan, RUN), training(plan, OTHER))
    assert first.cause.text == "pool.size: 9 → 6" and first.work is None
    assert second.cause.text == "seed: 5 → 0"
    assert third.cause == Cause("inputs made again (pool.size: 9 → 6)", DRAWN, ("pool.size: 9 → 6",))


def test_stand_alone_trainings_are_counted(plan: Plan) -> None:
    # Six architectures, four of which are trained twice, in two jobs; four landmarks once.
    assert [plan.trainings_in("darts", shard) for shard in (0, 1)] == [5, 5]
    assert [plan.trainings_in("nasbench201-landmarks", shard) for shard in (0, 1)] == [2, 2]
    outputs = plan.artifacts.truth("darts", 1).files
    (one,) = found(plan, PlannedJob("truth", {"pool": "darts", "shard": "1"}, (DRAWN,), outputs, ""))
    assert one.trainings == 5 and one.cause.text == MISSING
    assert one.work is not None
    (part,) = one.work.parts
    # 674 training images, half of 898: three batches of 128, one epoch.
    assert (part.kind, part.space, part.passes) == ("stand-alone", "darts", 5 * 3)


def test_an_edit_of_code_is_reported_and_trains_nothing(plan: Plan) -> None:
    code = plan.root / "supernet" / "training" / "trainer.py"
    code.write_text(f"{code.read_text()}\nEDITED = True\n")
    assert left(plan) == {run: Kept(run, STALE, "code changed: supernet/training/trainer.py") for run in (RUN, OTHER)}


def test_a_tampered_run_is_broken(plan: Plan) -> None:
    Path(plan.artifacts.run(*RUN).weights).write_text("forged")
    assert left(plan)[RUN].reason == BROKEN


def test_jobs_have_the_seconds_of_their_work_or_of_their_last_run(plan: Plan) -> None:
    metrics = PlannedJob("metrics", {}, (), (plan.artifacts.metrics,), "")
    table = PlannedJob("table_costs", {}, (), plan.artifacts.table("costs").files, "")
    jobs = found(plan, training(plan, RUN), metrics, table)
    for path, taken in (
        (plan.artifacts.benchmark("metrics"), "2.5"),
        (plan.artifacts.benchmark("table", "costs"), "3"),
    ):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(f"s\th:m:s\tmax_rss\n{taken}\t0:00:02\t99\n")
    others = {plan.artifacts.metrics: 2.5, f"{plan.artifacts.table('costs').stem}.csv": 3.0}
    assert seconds(plan, jobs, None) == others
    speeds = Speeds({("training", "darts"): Speed(1.0, 0.0), ("scoring", "darts"): Speed(0.0, 0.0)}, 10.0, "here")
    # One epoch of three batches, and ten seconds besides.
    assert seconds(plan, jobs, speeds) == {files(plan, RUN)[0]: pytest.approx(13), **others}
    Path(plan.artifacts.benchmark("metrics")).unlink()
    assert plan.artifacts.metrics not in seconds(plan, jobs, speeds)


def test_jobs_are_read_from_the_lines_of_the_logger() -> None:
    said = {"rule": "all", "wildcards": {}, "input": ["./a/b"], "output": [], "reason": "x"}
    lines = [json.dumps(said), json.dumps({**said, "rule": "b", "output": ["c//d"]})]
    assert read_jobs(lines) == [PlannedJob("b", {}, ("a/b",), ("c/d",), "x")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path / "clone with space")


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "supernet", "plan", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_the_program_asks_snakemake(checkout: Path) -> None:
    result = program(checkout, "--study", "tests/studies/smoke.yaml", "--no-calibration")
    assert result.returncode == 0, result.stderr
    # Ten trainings of each of three pools and of the sub-space, four of landmarks.
    first, *rest = result.stdout.splitlines()
    assert first == "Study smoke: 22 of 22 super-nets and 44 of 44 stand-alone networks would be trained."
    assert "22 super-nets: not trained yet" in rest
    assert "44 stand-alone networks of the ground truth in 10 jobs: not made yet" in rest
    assert rest[-1].startswith("No time can be estimated: no job of this study is finished on this machine")
    assert "  3 loss landscapes: nasbench101, nasbench201, darts" in rest
    assert "darts/epochs=2/seed0" not in result.stdout
    assert "teraflop" not in result.stdout
    assert not (checkout / "results").exists()
    every = program(checkout, "--study", "tests/studies/smoke.yaml", "--all", "--no-calibration")
    assert "darts/epochs=2/seed0" in every.stdout and "(--all)" not in every.stdout


def test_the_program_relays_what_snakemake_says(checkout: Path) -> None:
    (checkout / "config.yaml").write_text(json.dumps({"study": "mini", "device": "cpu"}) + "\n", encoding="utf-8")
    (checkout / "Snakefile").write_text("rule a:\n    output: 1/0\n", encoding="utf-8")
    result = program(checkout)
    assert result.returncode == 2
    assert "error: snakemake --dry-run failed:" in result.stderr
    assert "ZeroDivisionError" in result.stderr
