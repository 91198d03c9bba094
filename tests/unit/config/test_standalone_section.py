"""The section `standalone`: its values, its mistakes, and studies that do not have it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT

from supernet.audit.expected import expected
from supernet.config.identity import standalone_identity
from supernet.config.jobs import standalone_job, standalone_values_job, truth_job
from supernet.config.study import Study, load_study
from supernet.errors import UserError
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.plan import Plan

SMOKE = ROOT / "tests" / "studies" / "smoke.yaml"
SECTION = {"architectures": 3, "ceiling": 4, "epochs": 1}


def written(folder: Path, section: dict[str, Any] | None, **others: Any) -> Path:
    """Write the smoke study with another section."""
    content = yaml.safe_load(SMOKE.read_text())
    del content["standalone"]
    content |= {} if section is None else {"standalone": section}
    path = folder / "smoke.yaml"
    path.write_text(yaml.safe_dump(content | others, sort_keys=False))
    return path


def study_of(folder: Path, section: dict[str, Any] | None) -> Study:
    return load_study(written(folder, section))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": None}, r"standalone\.epochs"),
        ({"architectures": 2}, r"standalone\.architectures: found 2"),
        ({"architectures": 5}, r"standalone\.ceiling: found 4; should be at least `architectures`, which is 5"),
        ({"architectures": 7, "ceiling": 8}, r"standalone\.architectures: found 7; the pool has 6 architectures"),
        ({"ceiling": 7}, r"standalone\.ceiling: found 7; the pool has 6 architectures: at most that many"),
        ({"seeds": 0}, r"standalone\.seeds: found 0"),
        ({"epoch": 1}, r"standalone\.epoch: .*epochs"),
        ({"epochs": 10**6}, r"standalone\.epochs: found 1000000; 1000000 is more than any study needs"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    section = {name: value for name, value in (SECTION | changes).items() if value is not None}
    with pytest.raises(UserError, match=message):
        study_of(tmp_path, section)


def test_the_default_is_more_than_a_small_pool_has(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"standalone: .*architectures: found 16|standalone\.architectures: found 16"):
        study_of(tmp_path, {"epochs": 1})


def test_values_are_those_of_the_sweep_without_the_baseline(tmp_path: Path) -> None:
    study = study_of(tmp_path, SECTION)
    assert study.standalone_values("nasbench201") == {
        "learning_rate": (0.1, 1e30), "batch_norm": ("affine+tracking", "tracking"),
    }  # fmt: skip
    # The others sweep neither: they have the ceiling only.
    assert study.standalone_values("darts") == study.standalone_values("nasbench101") == {}
    assert study.standalone_spaces() == ("nasbench101", "nasbench201", "darts")
    plan = Plan.load({"study": str(tmp_path / "smoke.yaml")}, ROOT)
    assert [plan.standalone_count(space) for space in study.spaces] == [4, 4 + 4 * 3, 4]
    content = yaml.safe_load((tmp_path / "smoke.yaml").read_text())
    content["spaces"]["nasbench201"]["sweep"] = {"batch_norm": ["affine"], "weight_decay": [0.0]}
    del content["features"], content["spaces"]["nasbench201"]["sweep"]["batch_norm"]
    (tmp_path / "smoke.yaml").write_text(yaml.safe_dump(content))
    assert load_study(tmp_path / "smoke.yaml").standalone_values("nasbench201") == {}


def test_networks_have_the_values_of_the_baseline_and_the_epochs_of_the_section(tmp_path: Path) -> None:
    content = yaml.safe_load(SMOKE.read_text())
    content["spaces"]["nasbench201"]["baseline"] |= {"channels": 8, "weight_decay": 0.01, "batch_norm": "tracking"}
    content["spaces"]["nasbench201"]["sweep"]["batch_norm"] = ["none", "tracking"]
    (tmp_path / "smoke.yaml").write_text(yaml.safe_dump(content))
    study = load_study(tmp_path / "smoke.yaml")
    job, baseline = standalone_values_job(study, "nasbench201"), study.spaces["nasbench201"].baseline
    for name in ("channels", "layers", "learning_rate", "weight_decay", "batch_size", "train_portion"):
        assert getattr(job.recipe.truth, name) == getattr(baseline, name), name
    assert (job.recipe.truth.epochs, job.batch_norm, job.split) == (1, "tracking", "scoring")
    assert (job.learning_rates, job.batch_norms) == ((0.1, 1e30), ("none",))
    # Other stand-alone trainings keep the recipe of the ground truth.
    assert standalone_job(study, "nasbench201") == truth_job(study, "nasbench201")


def test_a_study_without_the_section_has_no_such_jobs_and_the_same_trainings(tmp_path: Path) -> None:
    without = Plan.load({"study": str(written(tmp_path, None))}, ROOT)
    files = StudyFiles(without)
    assert without.study.standalone is None and without.study.standalone_spaces() == ()
    assert files.standalone == files.contrasts == without.contrasts == []
    assert not any("standalone" in one.path or "contrasts" in one.path for one in expected(without))
    with pytest.raises(UserError, match="no section `standalone`"):
        standalone_values_job(without.study, "darts")
    (tmp_path / "with").mkdir()
    having = Plan.load({"study": str(written(tmp_path / "with", SECTION))}, ROOT)
    assert having.metrics() == without.metrics()
    for run in without.runs:
        assert having.run(*map(str, run)) == without.run(*map(str, run))
        assert having.scoring(*map(str, run)) == without.scoring(*map(str, run))
    for space in without.study.spaces:
        assert having.truth(space) == without.truth(space) and "batch_norm" not in having.truth(space)
        assert having.landscape(space) == without.landscape(space)
        assert having.search(space, "0") == without.search(space, "0")
    more = {one.path for one in expected(having)} - {one.path for one in expected(without)}
    assert {path.removeprefix("results/smoke/").partition("/")[0] for path in more} == {
        "standalone", "contrasts.parquet", "tables", "figures",
    }  # fmt: skip


def test_names_of_the_store_are_as_before_the_section() -> None:
    """Computed before stand-alone trainings could have another batch norm: the folders of existing trainings."""
    study = load_study(SMOKE)
    found = {space: standalone_identity(truth_job(study, space)).digest for space in study.spaces}
    assert found == DIGESTS


DIGESTS = {"nasbench101": "d87a7a15b6ec9cc9", "nasbench201": "0e03f5dd80b422c0", "darts": "969e2a83b908688c"}


def test_null_removes_the_section_of_the_parent(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(written(tmp_path, SECTION).read_text().replace("study: smoke", "study: base"))
    (tmp_path / "child.yaml").write_text("study: child\ntitle: A child\nextends: base.yaml\nstandalone: null\n")
    (tmp_path / "other.yaml").write_text(
        "study: other\ntitle: Another child\nextends: base.yaml\nstandalone: {seeds: 2}\n"
    )
    assert load_study(tmp_path / "child.yaml").standalone is None
    inherited = load_study(tmp_path / "other.yaml").standalone
    assert inherited is not None and (inherited.seeds, inherited.architectures) == (2, 3)
