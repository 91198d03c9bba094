"""Settings and runs of random studies: names, and the JSON that decides whether a run is trained again."""

import copy
from typing import Any

import pytest
import yaml
from checkouts import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from supernet.config.factors import FACTORS, SPACES
from supernet.config.study import Run, Study
from supernet.nn.heuristics import VALUES

MINI = ROOT / "tests" / "studies" / "mini.yaml"
RATE = st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False)
FACTOR_VALUES = {
    "batch_norm": st.sampled_from(VALUES["batch_norm"]),
    "learning_rate": RATE | st.integers(1, 3),
    "epochs": st.integers(1, 10**5),
    "weight_decay": st.floats(min_value=0, allow_infinity=False, allow_nan=False) | st.just(-0.0),
    "path_sampling": st.sampled_from(["random_a", "fairnas"]),
    "layers": st.integers(1, 40).map(lambda third: 3 * third),
    "train_portion": st.floats(min_value=0.1, max_value=0.75),
    "batch_size": st.integers(2, 128),
    "channels": st.integers(4, 1000),
    "ofa_kernel": st.sampled_from(["none", "crop", "transform"]),
    "dropout": st.sampled_from(["none", "path-0.1", "global-0.2"]),
}
PORTION = {name: FACTOR_VALUES[name] for name in ("train_portion", "batch_size")}


def section(space: str) -> st.SearchStrategy[dict[str, Any]]:
    """The section of a space, with factors that it has."""
    own = {name: value for name, value in FACTOR_VALUES.items() if space in FACTORS[name].spaces}
    truth = {"channels": 8, "layers": 3, "epochs": 20, "train_portion": 0.75}
    # The baseline of a space may not fit the images of the study: portion and batch size are always given.
    others = {name: value for name, value in own.items() if name not in PORTION}
    lists = {name: st.lists(value, min_size=1, max_size=4, unique=True) for name, value in own.items()}
    return st.fixed_dictionaries(
        {
            "truth": st.just({key: value for key, value in truth.items() if key in own or key == "epochs"}),
            "baseline": st.fixed_dictionaries(PORTION, optional=others),
            "sweep": st.fixed_dictionaries({}, optional=lists),
        },
        optional={"seeds": st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3, unique=True)},
    )


@st.composite
def contents(draw: st.DrawFn) -> dict[str, Any]:
    """Studies as they are authored."""
    spaces = draw(st.lists(st.sampled_from(SPACES), min_size=1, unique=True))
    return {
        "study": "random",
        "title": "Random",
        "seed": draw(st.integers(0, 2**32 - 1)),
        "data": {"name": "digits", "scoring_portion": 0.25},
        "protocol": {
            "clip": draw(RATE),
            "bn_momentum": draw(st.sampled_from(["benchmark", "authors_code"]) | st.floats(0.001, 1)),
        },
        "spaces": {name: draw(section(name)) for name in spaces},
    }


@settings(max_examples=60, deadline=None)
@given(contents())
def test_setting_names(content: dict[str, Any]) -> None:
    study = Study.model_validate(content)
    for space, authored in content["spaces"].items():
        found = study.settings(space)
        baseline = found["baseline"]
        values = [(factor, value) for factor, listed in authored["sweep"].items() for value in listed]
        named = {study.setting_of(space, factor, value) for factor, value in values}
        assert named | {"baseline"} == set(found)
        # Each name means one setting, and each setting has one name.
        assert len(set(found.values())) == len(found)
        for factor, value in values:
            name = study.setting_of(space, factor, value)
            assert getattr(found[name], factor) == value
            assert found[name].model_copy(update={factor: getattr(baseline, factor)}) == baseline
            assert "/" not in name and not any(map(str.isspace, name)) and name not in (".", "..")
            if name != "baseline":
                head, _, tail = name.partition("=")
                assert (head, type(getattr(baseline, factor))(tail)) == (factor, value)


@settings(max_examples=40, deadline=None)
@given(contents())
def test_runs_as_json(content: dict[str, Any]) -> None:
    study = Study.model_validate(content)
    runs = [study.run(*names) for names in study.runs()]
    texts = [run.model_dump_json() for run in runs]
    assert [Run.model_validate_json(text) for text in texts] == runs
    assert len(set(texts)) == len(texts)
    for run, text in zip(runs, texts, strict=True):
        for other, other_text in zip(runs, texts, strict=True):
            assert (run == other) == (text == other_text)


@settings(max_examples=40, deadline=None)
@given(contents())
def test_a_study_is_stable_under_validation(content: dict[str, Any]) -> None:
    study = Study.model_validate(content)
    assert Study.model_validate(study) == study
    assert Study.model_validate(study.model_dump()) == study
    assert Study.model_validate_json(study.model_dump_json()) == study


@settings(max_examples=30, deadline=None)
@given(contents(), st.text("abc ", min_size=1), st.integers(5, 50), st.integers(1, 5), st.integers(100, 10**6))
def test_what_does_not_concern_a_run_leaves_its_json(
    content: dict[str, Any], title: str, size: int, top: int, resamples: int
) -> None:
    changed = copy.deepcopy(content) | {
        "title": f"x{title}",
        "pool": {"size": size, "seeds": 2, "repeated": 1, "shards": 2},
        "metrics": {"top": top, "threshold": 0.01, "resamples": resamples},
    }
    assert _jsons(Study.model_validate(changed)) == _jsons(Study.model_validate(content))


@settings(max_examples=30, deadline=None)
@given(contents())
def test_how_a_run_is_scored_leaves_its_json(content: dict[str, Any]) -> None:
    changed = content | {"scoring": {"bn_modes": ["batch", "tracked"], "batch_size": 100, "splits": ["scoring"]}}
    assert _jsons(Study.model_validate(changed)) == _jsons(Study.model_validate(content))


def _jsons(study: Study) -> dict[tuple[str, str, int], str]:
    return {names: study.run(*names).model_dump_json() for names in study.runs()}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("seed",), 21),
        (("data", "scoring_portion"), 0.2),
        (("protocol", "clip"), 4.0),
        (("spaces", "darts", "baseline", "epochs"), 151),
    ],
)
def test_what_concerns_a_run_changes_its_json(path: tuple[str, ...], value: Any) -> None:
    content = yaml.safe_load(MINI.read_text(encoding="utf-8"))
    before = _jsons(Study.model_validate(content))["darts", "baseline", 0]
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert _jsons(Study.model_validate(content))["darts", "baseline", 0] != before
