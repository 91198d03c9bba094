"""Which results were made otherwise than their job would make them now, by their records."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from supernet.audit.dry_run import PlannedJob
from supernet.audit.hash_cache import HashCache
from supernet.audit.outdated import Comparison, Outdated, lines, started_with
from supernet.io.atomic import publish
from supernet.provenance.folders import Folders
from supernet.provenance.record import record_path
from supernet.provenance.recorder import Recorder, note_config, note_input, recording

STUDY = {"seed": 0, "spaces": {"darts": {"baseline": {"epochs": 90}}}}
IMAGES = "resources/data/digits.safetensors"
PART = "results/store/truth/darts/0123456789abcdef/0123456789abcdef.parquet"
RUNS = ("results/s/runs/darts/baseline/seed0", "results/s/runs/darts/dropout=0.1/seed0")
WEIGHTS, CURVES, SCORES = (
    [f"{run}/{name}" for run in RUNS] for name in ("weights.safetensors", "curve.parquet", "scores.parquet")
)
METRICS, TABLE = "results/s/metrics.parquet", "results/s/tables/a.csv"
CONFIGS: Mapping[str, Mapping[str, Any]] = {
    IMAGES: {"dataset": "digits"},
    **{path: {"space": "darts", "setting": {"epochs": 90}} for path in (*WEIGHTS, *CURVES, *SCORES)},
    METRICS: {"seed": 0},
    TABLE: {"table": "a"},
}
JOBS = {
    IMAGES: PlannedJob("data", {}, (), (IMAGES,), ""),
    **{
        path: PlannedJob("train", {}, (IMAGES,), (path, curve), "") for path, curve in zip(WEIGHTS, CURVES, strict=True)
    },
    **{
        path: PlannedJob("score", {}, (IMAGES, weights), (path,), "")
        for path, weights in zip(SCORES, WEIGHTS, strict=True)
    },
    METRICS: PlannedJob("metrics", {}, (IMAGES, *SCORES), (METRICS,), ""),
    TABLE: PlannedJob("table_a", {}, (METRICS, IMAGES), (TABLE,), ""),
}
PROGRAMS = {"table_a": "table"}


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All results; the programs of scores and of the table have read less than their jobs declare."""
    monkeypatch.chdir(tmp_path)
    for name in ("data", "train", "score", "metrics", "table"):
        Path("scripts").mkdir(exist_ok=True)
        Path(f"scripts/{name}.py").write_text("")
    make(PART, JOBS[IMAGES], ())
    make(IMAGES, JOBS[IMAGES], ())
    for path, curve in zip(WEIGHTS, CURVES, strict=True):
        make(path, JOBS[path], (IMAGES, PART))
        make(curve, JOBS[path], (IMAGES, PART))
    for path, weights in zip(SCORES, WEIGHTS, strict=True):
        make(path, JOBS[path], (weights,))
    make(METRICS, JOBS[METRICS], (IMAGES, *SCORES))
    make(TABLE, JOBS[TABLE], (METRICS,))
    for age, path in enumerate(reversed(CONFIGS)):
        os.utime(path, (1_700_000_000 - age,) * 2)


def make(path: str, job: PlannedJob, inputs: tuple[str, ...], **changes: Any) -> None:
    program = PROGRAMS.get(job.rule, job.rule)
    with recording(Recorder(Path(f"scripts/{program}.py").absolute(), Path.cwd())):
        note_config({**CONFIGS.get(path, {}), **changes})
        for one in inputs:
            note_input(one)
        with publish(path) as temporary:
            temporary.write_text(path)


def found(jobs: Mapping[str, PlannedJob] = JOBS) -> dict[str, str]:
    """The causes of the outdated jobs, by their first output."""
    return {one.job.outputs[0]: one.cause for one in comparison().outdated(jobs.values())}


def comparison() -> Comparison:
    return Comparison(CONFIGS, STUDY, Folders(checkout=os.curdir), HashCache(None))


def remove(path: str) -> None:
    Path(path).unlink()
    record_path(path).unlink()


def test_results_of_the_same_jobs_are_not_outdated() -> None:
    assert found() == {}


def test_missing_results_and_inputs_are_no_difference() -> None:
    os.remove(IMAGES)
    os.remove(WEIGHTS[0])
    remove(TABLE)
    assert found() == {}


def test_a_changed_config_is_named_with_its_key() -> None:
    make(SCORES[0], JOBS[SCORES[0]], (), setting={"epochs": 30})
    assert found()[SCORES[0]] == "spaces.darts.baseline.epochs: 30 → 90"


def test_a_program_that_reads_all_its_inputs_has_read_the_added_ones() -> None:
    more = PlannedJob("metrics", {}, (IMAGES, *SCORES, "new.parquet"), (METRICS,), "")
    assert found({METRICS: more}) == {METRICS: "made without new.parquet"}
    # A table need not read all that it may read, and the score of a diverged run has not read the weights.
    assert found({TABLE: PlannedJob("table_a", {}, (METRICS, "new.parquet"), (TABLE,), "")}) == {}


def test_a_file_that_is_no_input_any_more_is_named() -> None:
    less = PlannedJob("metrics", {}, (IMAGES, SCORES[0]), (METRICS,), "")
    assert found({METRICS: less}) == {METRICS: f"made with {SCORES[1]}"}


def test_another_content_of_an_input_is_found_whatever_its_time() -> None:
    before = os.stat(IMAGES)
    Path(IMAGES).write_text("others")
    os.utime(IMAGES, ns=(before.st_atime_ns, before.st_mtime_ns))
    cause = f"made with another content of {IMAGES}"
    assert found() == {WEIGHTS[0]: cause, WEIGHTS[1]: cause, METRICS: cause}


def test_a_damaged_record_is_left_to_the_audit() -> None:
    record_path(METRICS).write_text("{")
    assert found() == {}


def test_equal_causes_are_one_line() -> None:
    jobs = [JOBS[WEIGHTS[0]], JOBS[WEIGHTS[1]], JOBS[METRICS]]
    assert list(lines([*(Outdated(job, "a: 1 → 2") for job in jobs), Outdated(JOBS[TABLE], "b: 1 → 2")])) == [
        "  2 super-nets, metrics: a: 1 → 2",
        "  1 table: b: 1 → 2",
    ]


class TestMissingImages:
    """A dry run lists every job if the images are missing; which of them would start with the same images?"""

    def started(self, *outdated: str) -> set[str]:
        found = [Outdated(JOBS[path], "why") for path in outdated]
        return {job.outputs[0] for job in started_with([IMAGES], list(JOBS.values()), found)}

    @pytest.fixture(autouse=True)
    def unpacked(self, made: None) -> None:
        for path in (IMAGES, *WEIGHTS):
            os.remove(path)
        record_path(WEIGHTS[1]).unlink()
        for path in (CURVES[1], SCORES[1]):
            remove(path)

    def test_a_new_run_is_trained_and_no_other(self) -> None:
        assert self.started(METRICS) == {IMAGES, WEIGHTS[1], SCORES[1], METRICS, TABLE}

    def test_scores_that_are_made_again_need_their_weights(self) -> None:
        assert self.started(SCORES[0]) == set(JOBS)

    def test_a_missing_table_is_drawn(self) -> None:
        for path in (SCORES[1], CURVES[1]):
            Path(path).write_text("made")
        os.remove(TABLE)
        assert self.started() == {IMAGES, TABLE}
        Path(TABLE).write_text("older")
        os.utime(TABLE, (1_500_000_000,) * 2)
        # Metrics are made by a job of the dry run, so their time is not compared.
        assert self.started() == {IMAGES}
