"""Inputs from the future."""

import os
import time
from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.provenance.clock import SKEW, wait_for_clock
from supernet.provenance.closure import ROOT
from supernet.provenance.recorder import Recorder, note_input, recording


def changed(path: Path, ahead: float) -> Path:
    path.write_text("input")
    moment = time.time() + ahead
    os.utime(path, (moment, moment))
    return path


def test_files_far_in_the_future_are_an_error_that_names_them_furthest_first(tmp_path: Path) -> None:
    paths = [changed(tmp_path / f"{number}", SKEW + 60 * number) for number in range(1, 6)]
    with pytest.raises(
        UserError, match=rf"{paths[4]}, {paths[3]}, {paths[2]}, and 2 more: from the future.*touch {paths[4]}"
    ):
        wait_for_clock(paths)
    for path in paths:
        path.touch()
    wait_for_clock([*paths, tmp_path / "missing"])


def test_a_difference_between_clocks_is_waited_for(tmp_path: Path) -> None:
    path = changed(tmp_path / "images", 0.3)
    wait_for_clock([path])
    assert path.stat().st_mtime <= time.time()


def test_a_program_does_not_read_an_input_from_the_future(tmp_path: Path) -> None:
    path = changed(tmp_path / "images", 10_800)
    with recording(Recorder(ROOT / "scripts" / "train.py")), pytest.raises(UserError, match="from the future"):
        note_input(path)
