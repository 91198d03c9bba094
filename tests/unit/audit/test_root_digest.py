"""The root digest: in captions, in the report and on the site; equal results give equal digests."""

import json
import shutil
from pathlib import Path

import fake_results
import pandas as pd
import pytest

from supernet.config.study import Study, load_study
from supernet.io.atomic import write_table
from supernet.paper import catalogue
from supernet.paper.load import Results
from supernet.paper.render import read_caption
from supernet.provenance.closure import ROOT
from supernet.provenance.record import record_path, root_digest
from supernet.provenance.recorder import Recorder, note_config, note_input, recording
from supernet.site.build import Site
from supernet.site.start import start_page

STUDY = """
study: one
title: One space
data: {name: digits, scoring_portion: 0.25}
pool: {size: 12}
scoring: {bn_modes: [batch]}
search: {architectures: 10, retrain: 2}
landscape: {grid: 3, images: 32, paths: 2}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 2, train_portion: 0.75}
    baseline: {channels: 8, layers: 1, epochs: 4, train_portion: 0.75}
    sweep: {epochs: [2, 4]}
"""
WITHOUT_RESULTS = {"factors.md", "paradigms.md"}
"""What shows no results, and reads none."""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = tmp_path_factory.mktemp("study") / "one.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return load_study(path)


@pytest.fixture(scope="module")
def unrecorded(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fake_results.write_results(study, tmp_path_factory.mktemp("unrecorded"))


@pytest.fixture(scope="module")
def recorded(unrecorded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same results, metrics.parquet written by a program, with its record."""
    folder = tmp_path_factory.mktemp("recorded") / "one"
    shutil.copytree(unrecorded, folder)
    write_metrics(folder, {"study": "one"})
    return folder


@pytest.fixture(scope="module")
def captions(study: Study, recorded: Path) -> dict[str, str]:
    return draw(Results(study, recorded))


@pytest.fixture(scope="module")
def captions_without(study: Study, unrecorded: Path) -> dict[str, str]:
    return draw(Results(study, unrecorded))


def write_metrics(folder: Path, config: object) -> None:
    with recording(Recorder(ROOT / "scripts" / "metrics.py")):
        note_config(config)
        note_input(folder / "spaces.json")
        write_table(folder / "metrics.parquet", pd.read_parquet(folder / "metrics.parquet"))


def draw(results: Results) -> dict[str, str]:
    """All tables and figures, and the notes of their captions by file name."""
    study, folder = results.study, results.folder
    with recording(Recorder(ROOT / "scripts" / "table.py")):
        for name in catalogue.table_names(study):
            catalogue.make_table(name, results, folder / "tables" / name)
        for name in catalogue.figure_names(study):
            catalogue.make_figure(name, results, folder / "figures" / name)
    return {path.name: " ".join(read_caption(path).notes) for path in folder.glob("*s/*.md")}


def test_notes_have_its_start_and_records_have_all_of_it(recorded: Path, captions: dict[str, str]) -> None:
    root = root_digest(recorded)
    assert root is not None and len(root) == 64
    for name, text in captions.items():
        assert (f"Root digest {root[:16]}." in text) == (name not in WITHOUT_RESULTS), name
    assert {"landscape.md", "search.md", "epochs.md", "spaces.md"} <= captions.keys()
    for name in ("tables/epochs.csv", "figures/landscape.png"):
        made = json.loads(record_path(recorded / name).read_text(encoding="utf-8"))["made"]
        (metrics,) = (one for one in made["inputs"] if one["path"] == "../metrics.parquet")
        assert metrics["record"] == root


@pytest.mark.usefixtures("captions")
def test_report_and_site_have_all_of_it(study: Study, recorded: Path) -> None:
    Site(Results(study, recorded)).write(recorded / "site")
    root = root_digest(recorded)
    assert f"<code>{root}</code>" in (recorded / "site" / "index.html").read_text(encoding="utf-8")
    assert f":Root digest: {root}, which covers all" in start_page(study, recorded)


def test_results_without_a_record_say_so(study: Study, unrecorded: Path, captions_without: dict[str, str]) -> None:
    for name, text in captions_without.items():
        assert ("Root digest: none, because metrics.parquet has no provenance record." in text) == (
            name not in WITHOUT_RESULTS
        ), name
    Site(Results(study, unrecorded)).write(unrecorded / "site")
    assert "none, because metrics.parquet" in (unrecorded / "site" / "index.html").read_text(encoding="utf-8")
    assert ":Root digest: none, because metrics.parquet has no provenance record." in start_page(study, unrecorded)


@pytest.mark.usefixtures("captions", "captions_without")
def test_images_do_not_depend_on_it(recorded: Path, unrecorded: Path) -> None:
    for name in ("epochs.png", "epochs.pdf", "landscape.pdf", "epochs.csv"):
        assert (recorded / "figures" / name).read_bytes() == (unrecorded / "figures" / name).read_bytes(), name


def test_it_is_of_the_results_and_of_no_run_of_a_program(recorded: Path, tmp_path: Path) -> None:
    recorded = Path(shutil.copytree(recorded, tmp_path / "one"))
    # The fixture's record has fewer packages: this process has loaded more since.
    write_metrics(recorded, {"study": "one"})
    before = root_digest(recorded)
    write_metrics(recorded, {"study": "one"})
    assert root_digest(recorded) == before
    write_metrics(recorded, {"study": "other"})
    assert root_digest(recorded) != before
