"""The summary of a run is read only as that of the run that is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from checkouts import ROOT

from supernet.config.run_summary import read_summary
from supernet.config.study import Run, load_study
from supernet.errors import UserError


@pytest.fixture(scope="module")
def run() -> Run:
    return load_study(ROOT / "tests" / "studies" / "smoke.yaml").run("darts", "epochs=2", 0)


def write(folder: Path, content: Any) -> Path:
    path = folder / "run.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def summary(run: Run, **changes: Any) -> dict[str, Any]:
    return {"status": "complete", "diverged_at": None, "run": run.model_dump(mode="json") | changes}


def test_the_summary_of_the_run_is_returned(run: Run, tmp_path: Path) -> None:
    assert read_summary(write(tmp_path, summary(run)), run) == summary(run)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"space": "nasbench201"}, 'space "nasbench201"'),
        ({"seed": 1}, "seed 1"),
        ({"study_seed": 5}, "study_seed 5"),
        ({"setting": {"epochs": 9}}, 'setting {"epochs": 9}'),
    ],
)
def test_that_of_another_run_is_refused(run: Run, tmp_path: Path, changes: dict[str, Any], named: str) -> None:
    with pytest.raises(UserError, match=rf"run\.json: is the summary of another run, with {named}"):
        read_summary(write(tmp_path, summary(run, **changes)), run)


def test_a_key_that_did_not_exist_then_has_its_default(run: Run, tmp_path: Path) -> None:
    setting = run.setting.model_dump(mode="json")
    older = {name: value for name, value in setting.items() if name not in ("few_shot", "landmarks")}
    assert read_summary(write(tmp_path, summary(run, setting=older)), run)["status"] == "complete"
    changed = run.model_copy(update={"setting": run.setting.model_copy(update={"landmarks": "ranking"})})
    with pytest.raises(UserError, match="is the summary of another run"):
        read_summary(write(tmp_path, summary(run, setting=older)), changed)


@pytest.mark.parametrize("content", ["", "{half", "[]", "null", "{}", '{"run": []}', '{"run": {}}', "[" * 100_000])
def test_a_damaged_one_is_named(run: Run, tmp_path: Path, content: str) -> None:
    with pytest.raises(UserError, match=r"run\.json: expected JSON with the keys run, status and diverged_at"):
        read_summary(write(tmp_path, content), run)
