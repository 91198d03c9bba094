"""The log reader, the command line, and the final message of `supernet run`."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest

from supernet.errors import UserError
from supernet.launcher.log_reader import LogReader
from supernet.launcher.options import parse
from supernet.launcher.success import success_message
from supernet.launcher.workflow import Workflow
from supernet.paper.load import SpaceFacts

REPORT = """Job stats:
job      count
-----  -------
one          3
all          1
total        4

Select jobs to execute...
[Tue Nov 24 04:58:27 2026]
Job 1: Training run 0
Reason: Missing output files: out/0.txt
[Tue Nov 24 04:58:27 2026]
rule one:
    output: out/1.txt
    jobid: 2
    wildcards: i=1
"""


def _read(reader: LogReader, lines: Sequence[str], now: float = 0.0) -> None:
    for line in lines:
        reader.read(line, now)


def test_workflow_counts_jobs() -> None:
    workflow = Workflow()
    reader = LogReader(workflow)
    _read(reader, REPORT.splitlines())
    assert (workflow.done, workflow.total, workflow.counts) == (0, 4, {"one": 3, "all": 1})
    assert [job.message for job in workflow.running.values()] == ["Training run 0", "one"]
    assert workflow.eta(5.0, []) == (None, True)
    finished = ("[Tue Nov 24 04:58:37 2026]", "Finished jobid: 2 (Rule: one)", "1 of 4 steps (25%) done")
    _read(reader, finished, now=10.0)
    assert (workflow.done, list(workflow.running)) == (1, ["1"])
    # Two jobs of 10 s are left, 10 s of them are spent, and two jobs run at once: 5 s.
    assert workflow.eta(10.0, []) == (5.0, False)
    assert workflow.messages == []


def test_workflow_keeps_what_a_failed_job_said() -> None:
    said = [
        "error: table.csv: no such file", "RuleException:", 'CalledProcessError in file "S", line 3:',
        "Command 'set -e; x' died with <Signals.SIGKILL: 9>.", "[Tue Nov 24 04:58:37 2026]",
        "Error in rule one:", "    message: None", "    jobid: 1",
        "    log: a.log, b.log (check log file(s) for error details)",
        "Shutting down, this might take some time.",
    ]  # fmt: skip
    workflow = Workflow()
    _read(LogReader(workflow), [*REPORT.splitlines(), "", *said])
    (failure,) = workflow.failures
    assert failure.output == ("error: table.csv: no such file",)
    assert failure.logs == ("a.log", "b.log")
    assert str(failure) == "Training run 0 (rule one, died with SIGKILL)"


STUDY = """
study: mini
title: A test
data: {name: digits}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 2}
    baseline: {}
"""
VALUES = {
    "accuracy": (0.5, 0.7),
    "kdt": (0.2, 0.4),
    "s_kdt": (0.4, 0.6),
    "p_surpass": (0.8, 0.9),
    "final_mean": (0.9, 0.92),
}
"""Metrics of seeds 0 and 1; seed 2 has diverged."""
REFERENCES = {"seed": 0.85, "parameters": 0.3, "macs": 0.35, "live_macs": 0.4}


def _interval(value: float) -> dict[str, float]:
    return {"estimate": value, "low": value - 0.1, "high": value + 0.1, "n": 40}


def _write_results(folder: Path) -> None:
    run = {"space": "nasbench201", "setting": "baseline", "bn_mode": "batch", "split": "scoring", "score": "accuracy"}
    rows = [
        {**run, "seed": seed, "metric": metric, "status": "complete", **_interval(value)}
        for metric, pair in VALUES.items()
        for seed, value in enumerate(pair)
    ]
    rows += [{**run, "seed": 2, "metric": metric, "status": "diverged", **_interval(math.nan)} for metric in VALUES]
    references = [
        {"space": "nasbench201", "pool": "nasbench201", "name": name, "metric": "s_kdt", **_interval(value)}
        for name, value in REFERENCES.items()
    ]
    facts = {field.name: 0 for field in fields(SpaceFacts)}
    shown = {"quantile": "pool", "pool": 40, "truth_mean": 0.9, "truth_max": 0.95}
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(folder / "metrics.parquet")
    pd.DataFrame(references).to_parquet(folder / "references.parquet")
    (folder / "spaces.json").write_text(json.dumps({"nasbench201": facts | shown}))


def test_conclusion_has_the_table_and_the_paths(tmp_path: Path) -> None:
    _write_results(tmp_path / "results" / "mini")
    (tmp_path / "workflow" / "studies").mkdir(parents=True)
    (tmp_path / "workflow" / "studies" / "mini.yaml").write_text(STUDY)
    (tmp_path / "results" / "mini" / "tables").mkdir()
    (tmp_path / "results" / "mini" / "tables" / "spaces.csv").write_text("")
    text = success_message(Workflow(nothing_to_do=True), parse(["--cores", "2"], tmp_path), 3.0)
    cells = dict(re.split(r" {2,}", line.strip()) for line in text.splitlines() if re.search(r"\S {2,}\S", line))
    assert cells == {
        "seeds": "2 (1 diverged)",
        "super-net accuracy": "60.0 %",
        "KdT": "0.30 [0.20, 0.40]",
        "S-KdT": "0.50 [0.40, 0.60]",
        "by parameters alone": "0.30 [0.20, 0.40]",
        "by multiply-adds": "0.35 [0.25, 0.45]",
        "by live multiply-adds": "0.40 [0.30, 0.50]",
        "ceiling of any score": "0.85 [0.75, 0.95]",
        "P>R": "0.850 (rank in pool)",
        "final performance": "91.0 %",
        "truth, mean and best": "90.0 %, 95.0 %",
        "tables:": "results/mini/tables/ (1 file)",
        "log:": "state/mini/run.log",
    }


CONFIGS = {
    b"study: mini\nresults:\n\tresults\n": ":3: not valid YAML: found character that cannot start any token",
    b"- study\n": ":1: found a list; expected a mapping of keys to values",
    b"study: caf\xe9\n": ":1: found the byte 0xe9; expected UTF-8 text",
    b"study: mini\nstudy: midi\n": r":2: study: duplicate key \(first in line 1\)",
}


@pytest.mark.parametrize(("content", "message"), CONFIGS.items())
def test_a_config_that_cannot_be_read_is_an_error(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "config.yaml").write_bytes(content)
    with pytest.raises(UserError, match=f"config.yaml{message}"):
        parse([], tmp_path)


def test_command_line(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("study: midi\nresults: elsewhere\n")
    options = parse(["--cores", "3", "a.pdf", "--", "--forcerun", "plot"], tmp_path)
    assert options.folder == Path("elsewhere", "midi")
    assert options.command()[3:] == [
        "a.pdf", "--cores", "3", "--rerun-triggers", "mtime", "params", "input", "--rerun-incomplete",
        "--config", "study=midi", "--nocolor", "--forcerun", "plot",
    ]  # fmt: skip
    big = str(tmp_path / "big")
    command = parse(["--study", "cifar10", "--results", big], tmp_path).command()
    assert command[-4:] == ["--config", "study=cifar10", f"results={big}", "--nocolor"]


def test_all_values_of_config_are_merged(tmp_path: Path) -> None:
    theirs = ["-n", "--config", "device=cpu", "state=there", "--quiet", "--config=results=here", "-C", "study=midi"]
    options = parse(["--", *theirs], tmp_path)
    assert (options.study, options.state, options.folder) == ("midi", Path("there/midi"), Path("here/midi"))
    command = options.command()
    assert command.count("--config") == 1 and command[-3:] == ["--nocolor", "-n", "--quiet"]
    given = {"study=midi", "device=cpu", "state=there", "results=here"}
    assert set(command[command.index("--config") + 1 : command.index("--nocolor")]) == given
    # The study of the command line stays if `--config` has other keys.
    assert "study=smoke" in parse(["--study", "smoke", "--", "--config", "device=cpu"], tmp_path).command()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--study", "a", "--", "--config", "study=b"],
            "study: found --study a and, after --, --config study=b; give one",
        ),
        (["--", "--config", "device=cpu", "figures"], "--config: found 'figures'; expected KEY=VALUE"),
        (["--study", "007"], "study: found '007'; 007 is a number to YAML or Snakemake"),
        (["--results", "2024"], "results: found '2024'; 2024 is a number to YAML or Snakemake"),
        (["--results", "file/below"], "file/below/mini: .*file is not a folder: move it away"),
        (["--", "--config", "state=file"], "file/mini: .*file is not a folder: move it away"),
    ],
)
def test_a_command_line_that_cannot_run_is_refused(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=message):
        parse(arguments, tmp_path)


def test_the_folders_of_config_yaml_are_those_of_the_display(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "config.yaml").write_text("study: my/own.yaml\nresults: ~/results\nstate: elsewhere\n")
    options = parse([], tmp_path)
    assert options.study == "own" and options.log == Path("elsewhere/own/run.log")
    assert options.folder == tmp_path / "home/results/own"


def test_a_path_is_not_the_name_of_a_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"study '\.\./mini': expected the name of a file in workflow/studies"):
        parse(["--study", "../mini"], tmp_path)


def test_files_to_make_again_join_those_of_the_user(tmp_path: Path) -> None:
    assert parse(["--", "all"], tmp_path).command(again=["a", "b"])[-5:] == ["--forcerun", "a", "b", "--nocolor", "all"]
    for theirs in (["--forcerun", "train"], ["-R", "train"], ["--forcerun=train"]):
        command = parse(["--", "-n", *theirs, "--quiet"], tmp_path).command(again=["a"])
        assert command[-6:] == ["--nocolor", "-n", theirs[0].partition("=")[0], "a", "train", "--quiet"]
    assert parse(["b.pdf"], tmp_path).command(["a.pdf"])[3:5] == ["a.pdf", "--cores"]


@pytest.mark.parametrize(("theirs", "starts"), [([], True), (["-n"], False), (["--unlock"], False), (["-p"], True)])
def test_a_dry_run_starts_no_job(tmp_path: Path, theirs: list[str], starts: bool) -> None:
    assert parse(["--", *theirs], tmp_path).starts_jobs is starts
