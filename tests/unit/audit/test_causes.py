"""Causes of jobs in words: missing results, changed configs and inputs, jobs before them, and Snakemake's own words."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from supernet.audit.causes import MISSING, Cause, Causes
from supernet.audit.dry_run import PlannedJob
from supernet.audit.hash_cache import HashCache
from supernet.io.atomic import publish
from supernet.provenance.folders import Folders
from supernet.provenance.record import record_path
from supernet.provenance.recorder import Recorder, note_config, note_input, recording

STUDY = {"seed": 0, "pool": {"size": 80}, "spaces": {"darts": {"baseline": {"epochs": 90}}}}
POOL, SCORES, METRICS, TABLE = (
    f"results/s/{name}" for name in ("drawn/darts.parquet", "scores.parquet", "metrics.parquet", "tables/a.csv")
)
STYLE = "supernet/paper/style.py"
CONFIGS: Mapping[str, Mapping[str, Any]] = {
    POOL: {"space": "darts", "size": 80},
    SCORES: {"space": "darts", "setting": {"epochs": 90}},
    METRICS: {"seed": 0},
    TABLE: {"table": "a"},
}
INPUTS = {POOL: (), SCORES: (POOL,), METRICS: (SCORES,), TABLE: (METRICS, STYLE)}
RULES = {POOL: "pool", SCORES: "train", METRICS: "metrics", TABLE: "table_a"}
PROGRAMS = {POOL: "pool", SCORES: "train", METRICS: "metrics", TABLE: "table"}


@pytest.fixture(autouse=True)
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four results, each made from the one before, and a module that the last one imports."""
    monkeypatch.chdir(tmp_path)
    for path in (f"scripts/{name}.py" for name in PROGRAMS.values()):
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text("from supernet.paper import style\n")
    Path(STYLE).parent.mkdir(parents=True)
    for path in ("supernet/__init__.py", "supernet/paper/__init__.py", STYLE):
        Path(path).write_text("COLOUR = 1\n")
        aged(path, 100)
    for age, path in enumerate(CONFIGS):
        make(path)
        aged(path, 50 - age)


def make(path: str, **changes: Any) -> None:
    """Make a result by a program that notes its config, with changes, and its inputs."""
    with recording(Recorder(Path(f"scripts/{PROGRAMS[path]}.py").absolute(), Path.cwd())):
        note_config({**CONFIGS[path], **changes})
        for one in INPUTS[path]:
            if one != STYLE:
                note_input(one)
        with publish(path) as temporary:
            temporary.write_text(path)


def aged(path: str, seconds: float) -> None:
    """Make a file as old as this, in seconds before one moment."""
    os.utime(path, (1_700_000_000 - seconds,) * 2)


def job(path: str, reason: str = "", inputs: tuple[str, ...] | None = None) -> PlannedJob:
    return PlannedJob(RULES[path], {}, INPUTS[path] if inputs is None else inputs, (path,), reason)


def cause(one: PlannedJob, *others: PlannedJob) -> Cause:
    """The cause of a job among other jobs."""
    causes = Causes((one, *others), CONFIGS, STUDY, Folders(checkout=os.curdir), HashCache(None))
    return causes.of(one)


def remove(path: str) -> None:
    Path(path).unlink()
    record_path(path).unlink()


def test_a_missing_result_is_not_made_yet() -> None:
    remove(METRICS)
    assert cause(job(METRICS)) == Cause(MISSING, origins=("metrics not made yet",))


def test_a_file_that_a_result_lacks_is_named() -> None:
    both = PlannedJob("metrics", {}, (SCORES,), (METRICS, "results/s/references.parquet"), "")
    assert cause(both) == Cause("it lacks references.parquet", origins=("metrics incomplete",))


def test_a_changed_config_is_named_before_everything_else() -> None:
    make(POOL, size=64)
    make(SCORES, setting={"epochs": 30})
    assert cause(job(POOL)).text == "pool.size: 64 → 80"
    remove(POOL)  # its record is gone too
    assert cause(job(POOL)).text == MISSING
    assert cause(job(SCORES), job(POOL)).text == "spaces.darts.baseline.epochs: 30 → 90"


def test_an_edited_module_and_a_changed_input_are_named() -> None:
    Path(STYLE).write_text("COLOUR = 2\n")
    assert cause(job(TABLE)) == Cause(f"{STYLE} changed", origins=(f"{STYLE} changed",))
    Path(METRICS).write_text("other numbers")
    assert cause(job(TABLE)).text == f"{METRICS}, {STYLE} changed"
    make(TABLE, table="b")
    aged(TABLE, 1)
    Path(STYLE).write_text("COLOUR = 3\n")
    assert cause(job(TABLE)).text == f"table: b → a; {STYLE} changed"


def test_an_input_that_is_only_newer_is_said_to_be_so() -> None:
    os.utime(STYLE)
    assert cause(job(TABLE)).text == f"newer, with the same content: {STYLE}"
    Path("docs.csv").touch()
    assert cause(job(TABLE, inputs=("docs.csv",))).text == "newer: docs.csv"


def test_inputs_that_are_made_again_have_the_causes_of_their_jobs() -> None:
    make(POOL, size=64)
    aged(POOL, 50)
    jobs = [job(path) for path in CONFIGS]
    assert cause(jobs[1], *jobs) == Cause(
        "inputs made again (pool.size: 64 → 80)", POOL, origins=("pool.size: 64 → 80",)
    )
    # The same text further down, with other files: one group.
    assert cause(jobs[3], *jobs) == Cause(
        "inputs made again (pool.size: 64 → 80)", METRICS, origins=("pool.size: 64 → 80",)
    )
    # A change that reaches the table directly says more.
    Path(STYLE).write_text("COLOUR = 2\n")
    assert cause(jobs[3], *jobs).text == f"{STYLE} changed"


def test_several_causes_of_inputs_are_listed_and_counted() -> None:
    remove(SCORES)
    makers = [job(SCORES), *(PlannedJob(rule, {}, (), (f"results/s/{rule}",), "") for rule in "bcd")]
    table = job(METRICS, inputs=tuple(one.outputs[0] for one in makers))
    assert cause(table, *makers) == Cause(
        "inputs made again (super-nets not made yet; b not made yet; c not made yet; and 1 more)",
        f"{SCORES}, results/s/b, results/s/c, and 1 more",
        ("super-nets not made yet", "b not made yet", "c not made yet", "d not made yet"),
    )


def test_a_changed_list_of_inputs_is_compared_with_the_record() -> None:
    said = "Set of input files has changed since last execution"
    Path("new.parquet").touch()
    aged("new.parquet", 99)
    assert cause(job(METRICS, said, (SCORES, "new.parquet"))).text == "its list of inputs changed: new.parquet added"
    assert cause(job(METRICS, said, ())).text == f"its list of inputs changed: {SCORES} removed"
    # Modules are inputs of tables, and not of programs that train.
    assert cause(job(TABLE, said, (METRICS,))).text == "its list of inputs changed"


def test_other_causes_are_snakemakes() -> None:
    changed = cause(job(METRICS, "Params have changed since last execution: Union of exclusive params"))
    assert changed.text == "arguments of its program changed, and its config is the same"
    assert cause(job(METRICS, "Forced execution")).text == "Snakemake: Forced execution"


def test_without_a_record_the_files_tell() -> None:
    record_path(TABLE).unlink()
    Path(STYLE).write_text("COLOUR = 2\n")
    assert cause(job(TABLE)).text == f"newer: {STYLE}"
    aged(STYLE, 100)
    assert cause(job(TABLE, "Forced execution")).text == "Snakemake: Forced execution"


def test_the_checkout_may_be_elsewhere(tmp_path: Path) -> None:
    Path(STYLE).write_text("COLOUR = 2\n")
    absolute = job(TABLE, inputs=(METRICS, str(tmp_path / STYLE)))
    assert cause(absolute).text == f"{tmp_path / STYLE} changed"
