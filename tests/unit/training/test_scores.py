"""Scores that a run should have, those that are there already, and the programs that compute and take over."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checkouts import ROOT
from hypothesis import given
from hypothesis import strategies as st

from supernet.config.jobs import Ahead, ScoringJob, scoring_job
from supernet.config.study import Run, Scoring, Study, load_study
from supernet.training.scores import MOST, batches, diverged, rows, wanted

SPACE = "nasbench201"
KEYS = st.sets(
    st.tuples(st.sampled_from("abcd"), st.sampled_from(["batch", "tracked"]), st.sampled_from(["scoring", "test"]))
)


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(ROOT / "tests" / "studies" / "smoke.yaml")


@given(KEYS)
def test_batches_compute_what_is_missing_once_and_nothing_else(missing: set[tuple[str, str, str]]) -> None:
    computed = [
        (arch_id, one.bn_mode, split) for one in batches(missing) for arch_id in one.arch_ids for split in one.splits
    ]
    assert Counter(computed) == Counter(missing)


def test_no_batch_has_more_architectures_than_a_killed_job_may_lose(study: Study) -> None:
    names = [str(number) for number in range(2 * MOST + 1)]
    found = list(batches(wanted(scoring_job(study, SPACE, "baseline", 0), names)))
    assert [len(one.arch_ids) for one in found] == [MOST, MOST, 1] * 2
    assert [name for one in found[:3] for name in one.arch_ids] == names


def test_a_whole_pool_takes_one_batch_per_mode(study: Study) -> None:
    job = scoring_job(study, SPACE, "batch_norm=tracking", 0)
    found = list(batches(wanted(job, ["a", "b"])))
    assert [(one.bn_mode, one.splits, one.arch_ids) for one in found] == [
        (bn_mode, ("scoring", "test"), ("a", "b")) for bn_mode in ("batch", "tracked", "recalibrated")
    ]


def test_rows_are_in_the_order_of_the_pool_and_a_diverged_run_has_no_scores(study: Study) -> None:
    job = scoring_job(study, SPACE, "baseline", 0)
    keys = wanted(job, ["b", "a"])
    assert keys[:4] == [("b", mode, split) for mode in ("batch", "recalibrated") for split in ("scoring", "test")]
    table = pd.DataFrame(rows(keys, diverged))
    assert list(table) == ["arch_id", "bn_mode", "split", "accuracy", "loss"]
    assert len(table) == 8 and table[["accuracy", "loss"]].isna().all(axis=None)
    with pytest.raises(KeyError):
        rows(keys, {}.get)


class Programs:
    """A training of a few steps and its scoring, by their programs, in the folder of a study."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.folder, self.study = folder, study
        run = study.run(SPACE, "baseline", 0)
        (folder / "run.json").write_text(run.model_dump_json())
        self.call("data", "--name", "digits", "--output", "results/digits.safetensors")
        self.pool(4)

    def call(self, program: str, *options: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        # The program itself says whether it has imported torch.
        code = (
            "import runpy, sys; sys.argv = sys.argv[1:]\n"
            "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
            "finally: open('torch', 'w').write(str('torch' in sys.modules))"
        )
        command = [sys.executable, "-P", "-c", code, str(ROOT / "scripts" / f"{program}.py"), *options]
        result = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr

    def pool(self, size: int) -> None:
        options = ["--space", SPACE, "--size", str(size), "--study-seed", "0", "--output", "results/pool.parquet"]
        self.call("pool", *options)

    def train(self, *options: str) -> None:
        self.call(
            "train", "--config", "@run.json", "--data", "results/digits.safetensors", "--task", "t",
            "--state", "state", "--curve", "results/curve.parquet", "--weights", "results/weights.safetensors",
            "--summary", "results/run.json", "--timing", "results/timing.json", "--store", "results/store", *options,
        )  # fmt: skip

    def score(self, scoring: Scoring | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Return the scores and the timing of scripts/score.py."""
        run = Run.model_validate_json((self.folder / "run.json").read_text())
        job = ScoringJob(run=run, scoring=scoring or self.study.scoring)
        (self.folder / "scoring.json").write_text(job.model_dump_json())
        self.call(
            "score", "--config", "@scoring.json", "--data", "results/digits.safetensors", "--task", "t",
            "--pool", "results/pool.parquet", "--weights", "results/weights.safetensors",
            "--summary", "results/run.json", "--store", "results/store", "--scores", "results/scores.parquet",
            "--timing", "results/scores.timing.json",
        )  # fmt: skip
        timing = json.loads((self.folder / "results" / "scores.timing.json").read_text())
        return pd.read_parquet(self.folder / "results" / "scores.parquet"), timing

    @property
    def imported_torch(self) -> bool:
        return (self.folder / "torch").read_text() == "True"


@pytest.fixture
def programs(tmp_path: Path, study: Study) -> Programs:
    return Programs(tmp_path, study)


def counts(timing: dict[str, Any]) -> tuple[int, int]:
    return timing["computed"], timing["taken_over"]


def test_scores_are_computed_once(programs: Programs, study: Study) -> None:
    ahead = Ahead(scoring=study.scoring, pools="results/{pool}.parquet", per_seed=False)
    # The pool of this run does not exist, so that its training scores nothing.
    programs.train("--ahead", ahead.model_dump_json())
    assert not (programs.folder / "results" / "store" / "scores").exists()
    first, timing = programs.score()
    assert counts(timing) == (4 * 2 * 2, 0) and programs.imported_torch

    again, timing = programs.score()
    assert counts(timing) == (0, 16) and not programs.imported_torch
    pd.testing.assert_frame_equal(again, first)

    # A larger pool, and then another mode, compute what is new.
    programs.pool(6)
    larger, timing = programs.score()
    assert counts(timing) == (8, 16)
    both = larger.merge(first, on=["arch_id", "bn_mode", "split"], suffixes=("", "_before"))
    assert len(both) == 16 and (both["loss"] == both["loss_before"]).all()
    _, timing = programs.score(study.scoring.model_copy(update={"bn_modes": ("batch",), "splits": ("scoring",)}))
    assert counts(timing) == (0, 6)

    # Another way to measure a score is another score.
    _, timing = programs.score(study.scoring.model_copy(update={"batch_size": 100}))
    assert counts(timing) == (24, 0)


def test_a_training_scores_its_pool_at_once_and_other_weights_are_scored_anew(programs: Programs, study: Study) -> None:
    ahead = Ahead(scoring=study.scoring, pools="results/pool.parquet", per_seed=False)
    programs.train("--ahead", ahead.model_dump_json())
    ours, timing = programs.score()
    assert counts(timing) == (0, 16) and not programs.imported_torch
    parts = sorted((programs.folder / "results" / "store" / "scores").rglob("*.parquet"))
    assert len(parts) == 2, "one per batch-norm mode"
    pd.testing.assert_frame_equal(
        pd.concat(map(pd.read_parquet, parts)).sort_values(["arch_id", "bn_mode", "split"], ignore_index=True),
        ours.sort_values(["arch_id", "bn_mode", "split"], ignore_index=True),
    )

    # A damaged part is not used.
    part = parts[0]
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    _, timing = programs.score()
    assert counts(timing) == (8, 8)

    run = study.run(SPACE, "baseline", 0)
    other = run.model_copy(update={"setting": run.setting.model_copy(update={"epochs": 1})})
    (programs.folder / "run.json").write_text(other.model_dump_json())
    (programs.folder / "results" / "weights.safetensors").unlink()
    programs.train()
    weights = programs.folder / "results" / "weights.safetensors"
    assert weights.exists()
    _, timing = programs.score()
    assert counts(timing) == (16, 0), "weights of another training"
