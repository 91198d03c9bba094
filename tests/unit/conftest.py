"""Fixtures that unit tests of several packages share."""

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from laboratory import Laboratory


@pytest.fixture(scope="session")
def made_lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small pipeline whose files are all made; tests change copies of it."""
    from laboratory import Laboratory

    folder = tmp_path_factory.mktemp("lab")
    with contextlib.chdir(folder):
        Laboratory(folder).make_all()
    return folder


@pytest.fixture
def lab(made_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Laboratory":
    """A small pipeline whose files are all made, in the current folder."""
    from laboratory import Laboratory

    shutil.copytree(made_lab, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Laboratory(tmp_path)
