"""The root digest: it covers all results of a study; equal records give equal digests, anywhere."""

import os
import shutil
from pathlib import Path

import fake_results
import pytest
from laboratory import CHAIN, CSV, METRICS, SCORES, TABLE, WEIGHTS, Laboratory

from supernet.config.study import Study, load_study
from supernet.io.atomic import publish
from supernet.provenance.record import read_record, root_digest
from supernet.provenance.recorder import note_input
from supernet.site.start import start_page

STUDY = """
study: one
title: One space
data: {name: digits, scoring_portion: 0.25}
pool: {size: 12}
scoring: {bn_modes: [batch]}
search: {architectures: 10, retrain: 2}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 2, train_portion: 0.75}
    baseline: {channels: 8, layers: 1, epochs: 4, train_portion: 0.75}
    sweep: {epochs: [2, 4]}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    path = tmp_path_factory.mktemp("study") / "one.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return load_study(path)


def root() -> str:
    return root_digest(map(read_record, CHAIN))


@pytest.mark.parametrize("name", [TABLE, WEIGHTS, SCORES, METRICS, CSV])
def test_another_content_of_any_result_gives_another_digest(lab: Laboratory, name: str) -> None:
    before = root()
    lab.make(name, [], content="forged")
    assert root() != before


def test_it_depends_on_the_config_and_not_on_times_or_comments(lab: Laboratory) -> None:
    lab.make_all()
    before = root()
    lab.replace("supernet/layers.py", "# channels", "# widths")
    lab.make_all()
    assert root() == before
    with lab.program({"made": "otherwise"}):
        lab.publish(CSV, Path(CSV).read_text())
    assert root() != before


def test_it_does_not_depend_on_the_name_of_the_checkout(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.make_all()
    before = root()
    other = tmp_path / "deep" / "another checkout"
    other.mkdir(parents=True)
    monkeypatch.chdir(other)
    Laboratory(other).make_all()
    assert root() == before


def test_it_does_not_depend_on_the_folders_of_results_and_resources(
    lab: Laboratory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = made_from(lab, TABLE, CSV)
    resources, results = tmp_path / "shared", tmp_path / "scratch" / "made"
    moved = resources / "tables" / Path(TABLE).name
    shutil.copytree(Path(TABLE).parent, moved.parent)
    monkeypatch.setenv("SUPERNET_RESULTS", str(results))
    monkeypatch.setenv("SUPERNET_RESOURCES", os.path.relpath(resources))
    assert made_from(lab, str(moved), str(results / CSV.removeprefix("results/"))) == before


def made_from(lab: Laboratory, source: str, target: str) -> str:
    """Return the digest of the record of a result that is made from another one."""
    with lab.program():
        note_input(source)
        with publish(target) as temporary:
            temporary.write_text("numbers")
    return str(read_record(target)["digest"])


def test_the_report_shows_it(study: Study, tmp_path: Path) -> None:
    folder = fake_results.write_results(study, tmp_path)
    assert ":Root digest: abc, which covers all results" in start_page(study, folder, "abc")
    assert ":Root digest: none, because a result or its provenance record is missing." in start_page(
        study, folder, None
    )
