"""Settings from common practice to the baseline, and the figure of their cumulative effect."""

from pathlib import Path
from typing import Any

import fake_results
import pandas as pd
import pytest
import yaml
from checkouts import ROOT

from supernet.config.artifacts import Artifacts
from supernet.config.study import Study, load_study
from supernet.errors import UserError
from supernet.metrics.study_effects import effect_rows
from supernet.paper import catalogue
from supernet.paper.load import Results

FILE = ROOT / "tests" / "studies" / "mini.yaml"
START = {"batch_norm": "none", "weight_decay": 0, "epochs": 50}


def written(folder: Path, space: str = "nasbench101", **cumulative: Any) -> Study:
    """Study `mini` with these values of common practice in one space."""
    content = yaml.safe_load(FILE.read_text())
    content["spaces"][space]["cumulative"] = cumulative
    path = folder / "mini.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return load_study(path)


def test_each_step_brings_one_factor_to_the_baseline(tmp_path: Path) -> None:
    study = written(tmp_path, **START)
    settings, steps = study.settings("nasbench101"), study.cumulative("nasbench101")
    baseline = settings["baseline"]
    assert [factor for factor, _ in steps] == [*START, ""] and steps[-1] == ("", "baseline")
    way = [settings[name] for _, name in steps]
    assert all(getattr(way[0], name) == value for name, value in START.items())
    for (factor, _), one, other in zip(steps, way, way[1:], strict=False):
        changed = [name for name in type(one).model_fields if getattr(one, name) != getattr(other, name)]
        assert changed == [factor] and getattr(other, factor) == getattr(baseline, factor)


def test_a_step_that_is_swept_is_trained_once(tmp_path: Path) -> None:
    study = written(tmp_path, **START)
    assert [name for _, name in study.cumulative("nasbench101")] == [
        "cumulative=0", "cumulative=1", "epochs=50", "baseline",
    ]  # fmt: skip
    runs = list(study.runs())
    assert len(runs) == len(set(runs)) == len(list(load_study(FILE).runs())) + 2


def test_steps_are_no_effects_of_one_factor(tmp_path: Path) -> None:
    study = written(tmp_path, **START)
    folder = fake_results.write_results(study, tmp_path / "results", frozenset())
    effects = pd.DataFrame(effect_rows(study, Artifacts(str(folder))))
    assert set(effects.loc[effects["space"] == "nasbench101", "setting"]) == {
        name for name in study.settings("nasbench101") if name.partition("=")[0] not in ("baseline", "cumulative")
    }


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ({"epochs": 150}, r"mini\.yaml:\d+: spaces\.nasbench101\.cumulative\.epochs: .*is also the value of"),
        ({"op_placement": "node"}, "nasbench101 does not have this factor"),
        ({"momentum": 0.9}, "unknown factor"),
        ({"layers": 4}, r"cumulative\.layers"),
        ({"dynamic_channels": "constant-2"}, "a sub-space has other architectures"),
        ({"wsbn": "per_input", "batch_norm": "none"}, r"cumulative.*after 0 steps"),
    ],
)
def test_a_start_that_does_not_lead_to_the_baseline_is_an_error(
    start: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        written(tmp_path, **start)


def test_the_figure_follows_the_steps(tmp_path: Path) -> None:
    study = written(tmp_path, **START)
    results = Results(study, fake_results.write_results(study, tmp_path / "results", frozenset()))
    catalogue.make_figure("cumulative", results, tmp_path / "cumulative")
    drawn = pd.read_csv(tmp_path / "cumulative.csv")
    means = drawn[(drawn["kind"] == "mean") & (drawn["metric"] == "s_kdt")]
    assert list(means["setting"]) == [name for _, name in study.cumulative("nasbench101")]
    assert list(means["label"]) == [
        "common practice", "+ batch norm affine", "+ weight decay 0.001", "+ epochs 150",
    ]  # fmt: skip
    caption = (tmp_path / "cumulative.md").read_text()
    assert "NASBench-101: batch norm none, weight decay 0, epochs 50." in caption
    assert "NASBench-201, DARTS" in caption  # missing values are reported


def test_a_study_without_steps_has_no_such_figure() -> None:
    study = load_study(FILE)
    assert "cumulative" not in catalogue.figure_names(study)
    assert all(not study.cumulative(space) for space in study.spaces)
