"""The studies of the project: valid, consistent with each other, and planned as intended."""

from pathlib import Path

import pytest
from checkouts import ROOT

from supernet.config.factors import factors_of
from supernet.config.jobs import truth_job
from supernet.config.study import load_study
from supernet.pipeline.plan import Plan

STUDIES = ROOT / "workflow" / "studies"


def test_the_jpeg_study_is_the_baselines_of_the_other_one_on_other_images() -> None:
    official, jpeg = (load_study(STUDIES / f"{name}.yaml") for name in ("cifar10", "cifar10-jpeg"))
    assert jpeg.data == official.data.model_copy(update={"name": "cifar10-jpeg"})
    for key in ("protocol", "pool", "scoring", "metrics", "search", "proxies", "seed"):
        assert getattr(official, key) == getattr(jpeg, key), key
    assert list(jpeg.spaces) == ["nasbench101", "nasbench201", "darts"]
    for space, study in jpeg.spaces.items():
        assert study == official.spaces[space].model_copy(update={"sweep": {}, "sweep_seeds": None}), space
        assert list(jpeg.settings(space)) == ["baseline"]
    assert jpeg.searches is not None and official.searches is not None
    assert jpeg.searches.model_copy(update={"systems": official.searches.systems}) == official.searches
    assert jpeg.searches.systems == {
        "nasbench201": ("random_search", "spos", "enas", "darts_1st", "darts_2nd", "gdas", "gaea")
    }


def test_midi_takes_the_runs_and_the_ground_truth_of_mini_over() -> None:
    mini, midi = (load_study(STUDIES / f"{name}.yaml") for name in ("mini", "midi"))
    assert mini.pool == midi.pool and list(mini.spaces) == list(midi.spaces)
    for space in mini.spaces:
        assert truth_job(mini, space) == truth_job(midi, space)
    shared = {run for run in mini.runs() if mini.run(*run) == midi.run(*run)}
    assert shared == set(mini.runs())


def test_midi_sweeps_all_factors_in_the_order_of_their_table_with_three_seeds() -> None:
    midi = load_study(STUDIES / "midi.yaml")
    for space in midi.spaces:
        assert list(midi.spaces[space].sweep) == [factor.name for factor in factors_of(space)]
        assert {midi.seeds(space, setting) for setting in midi.settings(space)} == {(0, 1, 2)}
        assert midi.cumulative(space) != []
    assert midi.searches is not None and not midi.searches.in_all


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg"])
def test_ground_truth_is_published(name: str, tmp_path: Path) -> None:
    plan = Plan.load({"study": name, "resources": str(tmp_path)}, ROOT)
    tables = {"nasbench101": "nasbench101", "nasbench201": "nasbench201", "darts": "darts-oncenas545"}
    assert {space: plan.tables(space) for space in plan.study.spaces} == {
        space: [f"{tmp_path}/tables/{table}.parquet"] for space, table in tables.items()
    }


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg"])
def test_every_space_has_three_seeds(name: str) -> None:
    study = load_study(STUDIES / f"{name}.yaml")
    assert {len(study.seeds(space, "baseline")) for space in study.spaces} == {3}
