"""Three figures are compared with stored images, with a tolerance.

After an intended change, look at the new image, whose path is in the failure, and replace the stored one.
"""

import shutil
from pathlib import Path

import fake_results
import numpy as np
import pytest
from checkouts import ROOT
from matplotlib.testing.compare import compare_images
from PIL import Image

from supernet.config.study import load_study
from supernet.paper import catalogue
from supernet.paper.load import Results

HERE = Path(__file__).parent
FIGURES = ("effects", "learning_rate", "paradigms")
TOLERANCE = 2.0
"""Root mean square of the difference of pixels, of 255: another rasteriser moves edges by less, a lost line is more."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    study = load_study(ROOT / "tests" / "studies" / "mini.yaml")
    return Results(study, fake_results.write_results(study, tmp_path_factory.mktemp("results")))


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_looks_as_before(name: str, results: Results, tmp_path: Path) -> None:
    catalogue.make_figure(name, results, tmp_path / name)
    # The comparison writes its pictures to the same folder.
    shutil.copy(HERE / "images" / f"{name}.png", tmp_path / "expected.png")
    found = compare_images(str(tmp_path / "expected.png"), str(tmp_path / f"{name}.png"), TOLERANCE)
    assert found is None, found


@pytest.mark.parametrize("name", FIGURES)
def test_a_lost_line_is_seen(name: str, tmp_path: Path) -> None:
    """A line across the image, three pixels wide, exceeds the tolerance."""
    shutil.copy(HERE / "images" / f"{name}.png", tmp_path / "expected.png")
    picture = np.array(Image.open(tmp_path / "expected.png").convert("RGB"))
    middle = picture.shape[0] // 2
    picture[middle : middle + 3] = 0
    Image.fromarray(picture).save(tmp_path / "other.png")
    assert compare_images(str(tmp_path / "expected.png"), str(tmp_path / "other.png"), TOLERANCE) is not None
