"""Changes of configs in words: nested values, defaults, and the paths of keys in the study file."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from checkouts import ROOT

from supernet.audit.config_changes import SHOWN, config_changes, with_defaults
from supernet.audit.expected import expected, run_config
from supernet.pipeline.plan import Plan

MINI = Plan.load({"study": str(ROOT / "tests" / "studies" / "three-spaces" / "mini.yaml")}, ROOT)
STUDY = MINI.study.model_dump(mode="json")
Edit = Callable[[dict[str, Any]], object]


def config_of(path: str) -> dict[str, Any]:
    """The config of a result of the study `mini`."""
    return next(one.config for one in expected(MINI) if one.path == f"results/mini/{path}")


def changes(path: str, program: str, edit: Edit) -> str:
    """The changes since a result was made with an edited config."""
    old = json.loads(json.dumps(config_of(path)))
    edit(old)
    return config_changes(f"scripts/{program}.py", old, config_of(path), STUDY)


@pytest.mark.parametrize(
    ("path", "program", "edit", "said"),
    [
        (
            "runs/darts/baseline/seed0/curve.parquet",
            "train",
            lambda old: old["setting"].update(epochs=80),
            "spaces.darts.baseline.epochs: 80 → 90",
        ),
        (
            "drawn/darts.parquet",
            "pool",
            lambda old: old.update(size=80),
            "pool.size: 80 → 64",
        ),
        (
            "truth/darts/shard0.parquet",
            "truth",
            lambda old: (old.update(seeds=1), old["job"]["truth"].update(epochs=3)),
            "spaces.darts.truth.epochs: 3 → 8; pool.seeds: 1 → 2",
        ),
        (
            "search/darts/seed0.parquet",
            "search",
            lambda old: old["search"].update(retrain=5),
            "search.retrain: 5 → 2",
        ),
        (
            "figures/epochs.png",
            "figure",
            lambda old: old["study"]["spaces"]["darts"]["sweep"].update(epochs=[30, 60]),
            "spaces.darts.sweep.epochs: [30, 60] → [30, 90]",
        ),
        (
            "tables/spaces.csv",
            "table",
            lambda old: old["study"].update(landscape=None, title="A: b"),
            "title: A: b → Three scaled-down spaces on scikit-learn's digits, ground t…; "
            "landscape: null → {grid: 11, images: 256, paths: 4}",
        ),
        (
            "proxies/darts.parquet",
            "proxies",
            lambda old: (old["proxies"].update(names=[]), old.update(widths="doubled")),
            "protocol.nasbench101_widths: doubled → benchmark; proxies.names: [] → [synflow, jacov, naswot]",
        ),
    ],
)
def test_a_changed_value_is_named_as_in_the_study_file(path: str, program: str, edit: Edit, said: str) -> None:
    assert changes(path, program, edit) == said


def test_equal_configs_have_no_changes() -> None:
    for one in expected(MINI):
        assert config_changes("scripts/figure.py", copy.deepcopy(one.config), one.config, STUDY) == ""


def test_an_absent_key_has_the_default() -> None:
    run = "runs/darts/baseline/seed0/curve.parquet"
    # As in a record from before the factor existed.
    assert changes(run, "train", lambda old: old["setting"].pop("few_shot")) == ""
    assert changes(run, "train", lambda old: old["protocol"].clear()) == "protocol.bn_momentum: benchmark → 0.1"
    # A key without a default was not set.
    assert changes(run, "train", lambda old: old["setting"].pop("epochs")) == (
        "spaces.darts.baseline.epochs: not set → 90"
    )
    # In the sections of spaces, whose names are keys too.
    figure = "figures/epochs.png"
    assert changes(figure, "figure", lambda old: old["study"]["spaces"]["darts"].pop("cumulative")) == ""
    assert changes(figure, "figure", lambda old: old["study"]["spaces"]["darts"]["sweep"].pop("epochs")) == (
        "spaces.darts.sweep.epochs: not set → [30, 90]"
    )


def test_a_key_that_is_gone_is_named() -> None:
    said = changes("runs/darts/baseline/seed0/curve.parquet", "train", lambda old: old.update(gamma={"x": 1}))
    assert said == "gamma: {x: 1} → not set"


def test_a_key_that_two_values_of_the_study_could_be_keeps_its_own_name() -> None:
    # Channels of the ground truth and of the baseline are equal here.
    assert changes("proxies/darts.parquet", "proxies", lambda old: old.update(channels=4)) == "channels: 4 → 8"


def test_landmarks_have_another_key_for_their_number() -> None:
    new = {"space": "darts", "size": 30, "law": "uniform", "study_seed": 20, "landmarks": True, "run_seed": None}
    assert MINI.study.protocol.landmarks == 30
    assert config_changes("scripts/pool.py", {**new, "size": 12}, new, STUDY) == "protocol.landmarks: 12 → 30"


def test_many_changes_are_counted() -> None:
    def edit(old: dict[str, Any]) -> None:
        old["protocol"] = dict.fromkeys(old["protocol"], "other")

    said = changes("runs/darts/baseline/seed0/curve.parquet", "train", edit)
    assert said.count(" → ") == SHOWN
    assert said.endswith(f"; and {len(STUDY['protocol']) - SHOWN} more keys")


def test_a_section_that_a_config_has_twice_is_named_once() -> None:
    def edit(old: dict[str, Any]) -> None:
        old["run"]["data"]["flip"] = old["standalone"]["data"]["flip"] = True

    assert changes("analysis/landscape/darts.parquet", "landscape", edit) == "data.flip: true → false"


def test_a_recorded_config_gets_the_defaults_of_later_keys() -> None:
    plan = Plan.load({"study": "mini"}, ROOT)
    config = run_config(plan, *plan.runs[0])
    older = {**config, "setting": {name: value for name, value in config["setting"].items() if name != "few_shot"}}
    assert older != config and with_defaults("scripts/train.py", older) == config
    # Configs of other programs, and what is not a config of the program, stay as they are.
    assert with_defaults("scripts/pool.py", older) == older
    assert with_defaults("scripts/train.py", {"space": "darts"}) == {"space": "darts"}
