"""Results made with other code, packages or Python differ from those that this process would make."""

import copy
from pathlib import Path
from typing import Any

import pytest

from supernet.io.atomic import write_json
from supernet.provenance.closure import ROOT
from supernet.provenance.record import read_record
from supernet.provenance.recorder import Recorder, recording
from supernet.training.store.sameness import made_otherwise


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    monkeypatch.chdir(tmp_path)
    return Recorder(ROOT / "scripts" / "score.py")


@pytest.fixture
def record(recorder: Recorder) -> dict[str, Any]:
    with recording(recorder):
        write_json("a.json", {})
    return read_record("a.json")


def test_a_result_of_the_same_program_is_the_same(recorder: Recorder, record: dict[str, Any]) -> None:
    with recording(recorder):
        assert made_otherwise(record) == ""
    # That of a program which has more code is, too.
    with recording(Recorder(ROOT / "scripts" / "train.py")):
        assert made_otherwise(record) == ""


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("modules", {"supernet/training/evaluator.py": "0" * 64}, "other code of supernet/training/evaluator.py"),
        ("modules", {"supernet/of_another_program.py": "0" * 64}, ""),
        ("lock", "0" * 64, "another envs/requirements.lock"),
        ("python", "3.9.1", "Python 3.9.1"),
        ("packages", {"numpy": "0.1"}, "numpy 0.1"),
        ("packages", {"no_such_package": "0.1"}, ""),
        ("variables", {"SUPERNET_REFERENCE_KERNELS": "1"}, "environment variables"),
    ],
)
def test_what_differs_is_named(recorder: Recorder, record: dict[str, Any], key: str, value: Any, message: str) -> None:
    other = copy.deepcopy(record)
    other["made"][key] = value
    with recording(recorder):
        found = made_otherwise(other)
    assert message in found and bool(found) == bool(message)
