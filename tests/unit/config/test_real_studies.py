"""The studies on CIFAR-10: valid, consistent with each other, and planned as intended."""

from pathlib import Path

import pytest
import yaml
from checkouts import ROOT

from supernet.config.study import load_study
from supernet.pipeline.plan import Plan

STUDIES = ROOT / "workflow" / "studies"


def test_the_jpeg_study_is_the_other_one_on_other_images() -> None:
    official, jpeg = (yaml.safe_load((STUDIES / f"{name}.yaml").read_text()) for name in ("cifar10", "cifar10-jpeg"))
    for key in ("protocol", "pool", "scoring", "metrics", "search", "seed"):
        assert official[key] == jpeg[key], key
    assert official["data"] | {"name": "cifar10-jpeg"} == jpeg["data"]
    for space, study in jpeg["spaces"].items():
        kept = {key: official["spaces"][space][key] for key in study}
        assert kept == study, space


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg"])
def test_ground_truth_is_published(name: str, tmp_path: Path) -> None:
    plan = Plan.load({"study": name, "resources": str(tmp_path)}, ROOT)
    for space in plan.study.spaces:
        # Only DARTS may be trained here, and it is as long as its table is missing.
        expected = [] if space == "darts" else [f"{tmp_path}/tables/{space}.parquet"]
        assert plan.tables(space) == expected
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "darts.parquet").write_bytes(b"")
    assert all(
        Plan.load({"study": name, "resources": str(tmp_path)}, ROOT).tables(space) for space in plan.study.spaces
    )


@pytest.mark.parametrize("name", ["cifar10", "cifar10-jpeg"])
def test_every_space_has_three_seeds(name: str) -> None:
    study = load_study(STUDIES / f"{name}.yaml")
    assert {len(study.seeds(space, "baseline")) for space in study.spaces} == {3}
