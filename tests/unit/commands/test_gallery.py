"""The gallery: images of a study's figures, small enough to be kept in the repository."""

import subprocess
import sys
from pathlib import Path

import fake_results
import numpy as np
import pytest
from checkouts import ROOT
from PIL import Image, ImageColor

from supernet.config.study import load_study
from supernet.paper import catalogue, style
from supernet.paper.load import Results

STUDY = ROOT / "tests" / "studies" / "mini.yaml"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    study = load_study(STUDY)
    found = Results(study, fake_results.write_results(study, tmp_path_factory.mktemp("results")))
    for name in catalogue.figure_names(study):
        catalogue.make_figure(name, found, found.folder / "figures" / name)
    return found


def gallery(results: Path, docs: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "supernet", "gallery", "--study-file", str(STUDY)]
    return subprocess.run(
        [*command, "--results", str(results), "--docs", str(docs)], capture_output=True, text=True, check=False
    )


def test_every_figure_is_there_with_its_caption_and_no_old_one(results: Results, tmp_path: Path) -> None:
    old = tmp_path / "images" / "gallery" / "old.png"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"")
    made = gallery(results.folder, tmp_path)
    assert made.returncode == 0, made.stderr
    names = catalogue.figure_names(results.study)
    assert {path.stem for path in old.parent.iterdir()} == set(names)
    text = (tmp_path / "use" / "gallery.md").read_text()
    for name in names:
        caption = (results.folder / "figures" / f"{name}.md").read_text().strip()
        assert f"(../images/gallery/{name}.png)" in text and caption in text
    assert not list(tmp_path.rglob("*.prov.json"))  # a page of the docs is not a result


def test_pictures_are_smaller_and_show_the_same(results: Results, tmp_path: Path) -> None:
    assert gallery(results.folder, tmp_path).returncode == 0
    for path in (tmp_path / "images" / "gallery").iterdir():
        whole, small = Image.open(results.folder / "figures" / path.name), Image.open(path)
        assert small.width <= 900 and small.width / small.height == pytest.approx(whole.width / whole.height, rel=0.01)
        assert path.stat().st_size < (results.folder / "figures" / path.name).stat().st_size
        # Both as thumbnails: the mean difference is that of rounding colours.
        one, other = (picture.convert("L").resize((32, 32)) for picture in (whole, small))
        difference = sum(abs(a - b) for a, b in zip(one.tobytes(), other.tobytes(), strict=True)) / 32**2
        assert difference < 3


def test_the_colours_of_the_spaces_stay(results: Results, tmp_path: Path) -> None:
    assert gallery(results.folder, tmp_path).returncode == 0
    for name in ("effects", "learning_rate", "accuracy_vs_final"):
        picture = Image.open(tmp_path / "images" / "gallery" / f"{name}.png").convert("RGB")
        found = np.array([color for _, color in picture.getcolors(maxcolors=1_000) or []])
        for color in (style.BAND, *(style.LOOKS[space].color for space in results.study.spaces)):
            wanted = np.array(ImageColor.getrgb(color))
            assert np.abs(found - wanted).max(axis=1).min() <= 12, (name, color)


def test_a_missing_figure_is_named(tmp_path: Path) -> None:
    made = gallery(tmp_path, tmp_path / "docs")
    assert made.returncode == 2 and "lacks accuracy_vs_final, batch_norm" in made.stderr
