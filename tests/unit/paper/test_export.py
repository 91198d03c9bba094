"""Exports of a study: CSV files with their description, and event files that TensorBoard reads."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import fake_results
import numpy as np
import pandas as pd
import pytest

from supernet.config.study import load_study
from supernet.errors import UserError
from supernet.io.atomic import write_table
from supernet.paper.export import event_files
from supernet.paper.export.csv_folder import write_csv
from supernet.paper.export.event_files import write_events
from supernet.paper.export.tables import TABLES, finished
from supernet.paper.load import Results
from supernet.paper.summary import main_selection, run_values

RUN = ("nasbench201", "learning_rate=0.1", 0)
"""A run of `fake_results.DIVERGED`."""
TEXT = """
study: small
title: A study with every kind of result
data: {name: digits, test_portion: 0.25, scoring_portion: 0.25, crop_padding: 1, flip: false}
pool: {size: 12, seeds: 2, repeated: 12}
scoring: {bn_modes: [batch, tracked]}
metrics: {top: 3}
search: {architectures: 10, retrain: 2}
proxies: {names: [synflow], images: 16}
landscape: {grid: 3, images: 32, paths: 2}
features: {steps: 4, architectures: 3, batches: 2}
standalone: {architectures: 3, epochs: 1}
searches: {systems: {nasbench201: [random_search, spos]}, images: 900, batch_size: 32, scored_images: 64}
spaces:
  nasbench201:
    truth: {channels: 4, layers: 1, epochs: 1, batch_size: 64, train_portion: 0.5}
    baseline: {channels: 4, layers: 1, epochs: 3, batch_size: 64, train_portion: 0.5}
    seeds: [0, 1]
    sweep_seeds: [0]
    sweep: {learning_rate: [0.1], batch_norm: [tracking]}
"""


def small(folder: Path) -> Results:
    """Write a study and made-up results."""
    (folder / "small.yaml").write_text(TEXT)
    study = load_study(folder / "small.yaml")
    fake_results.write_results(study, folder / "results" / "small")
    found = Results.open(folder / "small.yaml", folder / "results" / "small")
    for name in study.pools():
        ids = pd.read_parquet(found.artifacts.pool(str(name)))["arch_id"]
        write_table(found.artifacts.proxies(str(name)).table, pd.DataFrame({"arch_id": ids, "synflow": 1.5}))
    return found


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return small(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def folder(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("csv") / "out"
    write_csv(results, folder, "ab12")
    return folder


@pytest.fixture(scope="module")
def events(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("tensorboard")
    folder = tmp_path_factory.mktemp("events") / "out"
    assert write_events(results, folder) == len(list(results.study.runs()))
    return folder


def accumulated(folder: Path) -> Any:
    """Return what TensorBoard reads from a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder)).Reload()


# CSV


def test_csv_files_have_all_rows_and_all_digits(results: Results, folder: Path) -> None:
    pd.testing.assert_frame_equal(
        pd.read_csv(folder / "metrics.csv", keep_default_na=False, na_values=[""]),
        results.metrics.replace("", np.nan),
        check_dtype=False,
    )
    curves = pd.read_csv(folder / "curves.csv")
    assert curves.query("space == 'nasbench201' and setting == 'baseline' and seed == 0")["loss"].tolist() == [
        2.0,
        1.5,
        1.25,
    ]
    scores = pd.read_csv(folder / "scores.csv")
    assert len(scores) == sum(len(results.scores(*run)) for run in results.study.runs())
    runs = pd.read_csv(folder / "runs.csv").set_index(["space", "setting", "seed"])
    assert len(runs) == len(list(results.study.runs()))
    lost = runs.loc[RUN]
    assert (lost["status"], lost["diverged_at"], lost["learning_rate"], lost["seconds"]) == ("diverged", 77, 0.1, 90.0)


def test_every_column_is_described(results: Results, folder: Path) -> None:
    package = json.loads((folder / "datapackage.json").read_text())
    assert (package["name"], package["root_digest"]) == ("small", "ab12")
    resources = {resource["path"]: resource for resource in package["resources"]}
    assert set(resources) == {path.name for path in folder.glob("*.csv")}
    for name, resource in resources.items():
        fields = resource["schema"]["fields"]
        table = pd.read_csv(folder / name, keep_default_na=False, na_values=[""])
        assert [field["name"] for field in fields] == list(table.columns)
        assert all(field["description"] for field in fields)
        for field in fields:
            numbers = table[field["name"]].dropna()
            if field["type"] in ("integer", "number") and len(numbers):
                assert pd.api.types.is_numeric_dtype(numbers), f"{name}: {field['name']}"
            if field.get("unit") == "fraction (0 to 1)":
                assert numbers.between(0, 1).all(), f"{name}: {field['name']}"


def test_a_study_with_every_section_has_every_table(folder: Path) -> None:
    assert {path.stem for path in folder.glob("*.csv")} == set(TABLES)


def test_an_unfinished_study_exports_what_it_has(tmp_path: Path) -> None:
    found = small(tmp_path)
    Path(found.artifacts.metrics).unlink()
    first, *others = finished(found)
    for run in others:
        Path(found.artifacts.run(*run).summary).unlink()
    names = write_csv(found, tmp_path / "out")
    assert "metrics" not in names and {"runs", "curves", "scores", "pools"} <= set(names)
    rows = pd.read_csv(tmp_path / "out" / "runs.csv")
    assert rows[["space", "setting", "seed"]].to_numpy().tolist() == [list(first)]


def test_a_study_without_results_is_an_error(results: Results, tmp_path: Path) -> None:
    empty = Results(results.study, tmp_path / "empty")
    with pytest.raises(UserError, match="has no results of the study small; make run makes them"):
        write_csv(empty, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_a_folder_of_the_export_is_replaced(results: Results, folder: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_csv(results, folder, "ab12")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds files that supernet export csv did not make"):
        write_csv(results, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


# TensorBoard


def test_tensorboard_reads_the_curve_of_each_run(results: Results, events: Path) -> None:
    for run in finished(results):
        found, curve = accumulated(events / str(run)), results.curve(*run)
        for name in ("loss", "accuracy", "learning_rate"):
            read = found.Scalars(f"training/{name}")
            assert [event.step for event in read] == curve["step"].tolist()
            np.testing.assert_array_equal([event.value for event in read], curve[name].to_numpy(np.float32))


def test_tensorboard_reads_metrics_and_scores(results: Results, events: Path) -> None:
    main = main_selection(results.study)
    for space in results.spaces:
        for metric in ("s_kdt", "accuracy", "final_mean"):
            for run in run_values(results, space, metric):
                found = accumulated(events / space / run.setting / f"seed{run.seed}")
                if run.diverged:
                    assert not [tag for tag in found.Tags()["scalars"] if tag.startswith(("metrics/", "all/"))]
                    assert found.Tags()["histograms"] == []
                    continue
                assert found.Scalars(f"metrics/{metric}")[-1].value == np.float32(run.value)
                scores = results.scores(space, run.setting, run.seed)
                chosen = scores[(scores["bn_mode"] == main.bn_mode) & (scores["split"] == main.split)]["accuracy"]
                histogram = found.Histograms(f"scores/{main.bn_mode}/{main.split}/accuracy")[0].histogram_value
                assert (histogram.num, histogram.min, histogram.max) == (len(chosen), chosen.min(), chosen.max())
                assert sum(histogram.bucket) == len(chosen) and histogram.sum == pytest.approx(chosen.sum())


def test_tensorboard_compares_hyperparameters(results: Results, events: Path) -> None:
    from tensorboard.plugins.hparams import metadata

    def content(folder: Path, tag: str) -> Any:
        plugin = accumulated(folder).SummaryMetadata(tag).plugin_data
        return plugin.content

    start = metadata.parse_session_start_info_plugin_data(
        content(events / "/".join(map(str, RUN[:2])) / "seed0", metadata.SESSION_START_INFO_TAG)
    )
    hparams = start.hparams
    assert hparams["learning_rate"].number_value == 0.1
    assert hparams["space"].string_value == "nasbench201" and hparams["seed"].number_value == 0
    assert hparams["dynamic_channels"].string_value == "none"  # the space lacks the factor
    end = metadata.parse_session_end_info_plugin_data(
        content(events / RUN[0] / RUN[1] / "seed0", metadata.SESSION_END_INFO_TAG)
    )
    assert end.status == 2  # failure: the run diverged
    experiment = metadata.parse_experiment_plugin_data(content(events, metadata.EXPERIMENT_TAG))
    assert {info.name for info in experiment.hparam_infos} >= {"space", "seed", "learning_rate", "batch_norm"}
    (rate,) = [info for info in experiment.hparam_infos if info.name == "learning_rate"]
    assert [value.number_value for value in rate.domain_discrete.values] == [0.025, 0.1]
    assert [info.name.tag for info in experiment.metric_infos][:2] == ["metrics/s_kdt", "metrics/kdt"]


def test_events_are_the_same_bytes_again(results: Results, events: Path, tmp_path: Path) -> None:
    write_events(results, tmp_path / "again")
    one = {path.relative_to(events): path.read_bytes() for path in events.rglob("*tfevents*")}
    assert {
        path.relative_to(tmp_path / "again"): path.read_bytes() for path in (tmp_path / "again").rglob("*tfevents*")
    } == one


def test_a_missing_tensorboard_is_named(results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard.summary.writer.record_writer", None)
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(UserError, match="run `pip install tensorboard`, or use supernet export csv"):
        event_files.write_events(results, tmp_path / "out")
    assert not (tmp_path / "out").exists()


# Command


def test_the_command_says_what_it_wrote(results: Results, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "supernet", "export", "csv"]
    command += ["--study", str(results.folder.parents[1] / "small.yaml"), "--results", str(results.folder.parent)]
    command += ["--output", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count = len(list(results.study.runs()))
    assert done.stdout.startswith(f"{tmp_path / 'out'}: runs, curves, scores, ")
    assert done.stdout.endswith(f"; {count} of {count} runs\n")
