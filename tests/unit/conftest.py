"""Fixtures that unit tests of several packages share."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from laboratory import Laboratory


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Laboratory":
    """A small pipeline whose files are all made, in the current folder."""
    from laboratory import Laboratory

    monkeypatch.chdir(tmp_path)
    made = Laboratory(tmp_path)
    made.make_all()
    return made
