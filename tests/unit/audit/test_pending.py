"""Which runs would be trained and why, after edits of a results folder; compared with Snakemake's summary."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkouts import copy_checkout

from supernet.audit.expected import run_config
from supernet.audit.file_status import Audit
from supernet.audit.hash_cache import HashCache
from supernet.audit.pending import (
    BROKEN,
    CONFIG,
    INPUT,
    MISSING,
    RESUMED,
    STALE,
    Pending,
    measured_rate,
    others,
    pending,
    read_summary,
)
from supernet.config.artifacts import RunName, checkpoint
from supernet.errors import UserError
from supernet.io.atomic import publish, write_json
from supernet.pipeline.estimate import run_work
from supernet.pipeline.plan import Plan
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
        write_json(
            Path(plan.artifacts.run(*run).timing), {"total_seconds": 100.0, "earlier_seconds": 20.0, "device": "cuda:0"}
        )


def write(path: Path | str, text: str) -> None:
    with publish(path) as temporary:
        temporary.write_text(text)


def found(plan: Plan, *waits: str) -> dict[RunName, Pending]:
    """Return the output for the two runs; `waits` are the files that Snakemake would make."""
    known = {path: ("train", False) for run in plan.runs for path in files(plan, run)}
    summary = {**known, DRAWN: ("pool", False), **dict.fromkeys(waits, ("train", True))}
    waiting = pending(plan, summary, Audit({}, HashCache(None), plan.root), measured_rate(plan))
    return {one.run: one for one in waiting if one.run in (RUN, OTHER)}


def files(plan: Plan, run: RunName) -> tuple[str, ...]:
    return plan.artifacts.run(*run).training


def test_finished_runs_are_not_mentioned(plan: Plan) -> None:
    assert found(plan) == {}


def test_a_run_that_is_missing_is_not_trained_yet_or_begun(plan: Plan) -> None:
    for path in files(plan, RUN):
        Path(path).unlink()
        record_path(path).unlink()
    assert found(plan, *files(plan, RUN))[RUN].reason == MISSING
    write_json(Path(checkpoint(plan.state, *RUN)), {}, record=False)
    assert found(plan, *files(plan, RUN))[RUN].reason == RESUMED


def test_what_a_run_lacks_is_named(plan: Plan) -> None:
    weights = plan.artifacts.run(*RUN).weights
    Path(weights).unlink()
    one = found(plan, weights)[RUN]
    assert (one.reason, one.detail) == (MISSING, "it lacks weights.safetensors")
    # Nothing else needs it, so Snakemake does not make it.
    one = found(plan)[RUN]
    assert (one.reason, one.detail) == (BROKEN, "missing")


def test_the_changed_config_is_named(plan: Plan) -> None:
    train(plan, RUN, seed=5)
    one = found(plan, *files(plan, RUN))[RUN]
    assert (one.reason, one.detail) == (CONFIG, "seed: was 5, is 0")


def test_the_input_that_is_made_again_is_named(plan: Plan) -> None:
    one = found(plan, DRAWN, *files(plan, RUN))[RUN]
    assert (one.reason, one.detail) == (INPUT, DRAWN)
    one = found(plan, *files(plan, RUN))[RUN]
    assert (one.reason, one.detail) == (INPUT, "")


def test_an_edit_of_code_is_reported_and_trains_nothing(plan: Plan) -> None:
    code = plan.root / "supernet" / "training" / "trainer.py"
    code.write_text(f"{code.read_text()}\nEDITED = True\n")
    for one in found(plan).values():
        assert (one.reason, one.detail) == (STALE, "code changed: supernet/training/trainer.py")


def test_a_tampered_run_is_broken(plan: Plan) -> None:
    Path(plan.artifacts.run(*RUN).weights).write_text("forged")
    assert found(plan)[RUN].reason == BROKEN


def test_times_are_in_proportion_to_the_work(plan: Plan) -> None:
    rate = measured_rate(plan)
    assert rate.source == "2 finished super-nets of this study, on cuda:0"
    one, two = (
        run_work(plan.study.run("darts", name, 0), plan.study.scoring, plan.study.pool.size).macs
        for name in ("baseline", "epochs=2")
    )
    assert rate.seconds("darts", one) + rate.seconds("darts", two) == pytest.approx(240)
    assert rate.seconds("darts", two) / rate.seconds("darts", one) == pytest.approx(two / one)
    # A space without a finished run uses the rate of the others.
    assert rate.seconds("nasbench201", one) == pytest.approx(rate.seconds("darts", one))


def test_without_a_finished_run_the_assumed_gpu_is_the_rate(plan: Plan) -> None:
    for run in (RUN, OTHER):
        Path(plan.artifacts.run(*run).timing).unlink()
    rate = measured_rate(plan)
    assert "3 teraflop/s" in rate.source
    assert rate.seconds("darts", 3e12) == pytest.approx(2.0)


def test_the_summary_is_read_by_its_columns() -> None:
    head = "output_file\tdate\trule\tlog-file(s)\tstatus\tplan"
    rows = ["a/b\t-\ttrain\t-\tmissing\tupdate pending", "figures/c.png\tnow\tfigure_c\tlog\tok\tno update"]
    summary = read_summary("\n".join(["Building DAG", head, *rows]))
    assert summary == {"a/b": ("train", True), "figures/c.png": ("figure_c", False)}
    waits = {"x": ("figure_a", True), "y": ("figure_b", True), "z": ("metrics", True), **summary}
    assert others(waits) == {"figures": 2, "metrics": 1}
    with pytest.raises(UserError, match="found no line with the columns output_file, date"):
        read_summary("nothing")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return copy_checkout(tmp_path / "clone with space")


def program(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "supernet", "plan", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)


def test_the_program_asks_snakemake(checkout: Path) -> None:
    result = program(checkout, "--study", "tests/studies/smoke.yaml")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Study smoke: 22 of 22 super-nets would be trained, about ")
    assert "Not trained yet (22):" in result.stdout
    assert "darts/epochs=2/seed0" not in result.stdout
    assert "a GPU that sustains 3 teraflop/s" in result.stdout
    assert not (checkout / "results").exists()
    every = program(checkout, "--study", "tests/studies/smoke.yaml", "--all")
    assert "darts/epochs=2/seed0" in every.stdout


def test_the_program_relays_what_snakemake_says(checkout: Path) -> None:
    (checkout / "config.yaml").write_text(json.dumps({"study": "mini", "device": "cpu"}) + "\n", encoding="utf-8")
    (checkout / "Snakefile").write_text("rule a:\n    output: 1/0\n", encoding="utf-8")
    result = program(checkout)
    assert result.returncode == 2
    assert "error: snakemake --summary failed:" in result.stderr
    assert "ZeroDivisionError" in result.stderr
