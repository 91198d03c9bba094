"""The config of the workflow."""

from pathlib import Path

import pytest
import yaml
from checkouts import ROOT
from pydantic import ValidationError

from supernet.errors import UserError
from supernet.pipeline.plan import Plan, WorkflowConfig
from supernet.runtime.kernels import VARIABLE


@pytest.mark.parametrize(("written", "read"), [(True, True), (False, False), ("true", True), ("false", False)])
def test_reference_kernels_as_in_the_file_and_on_the_command_line(written: object, read: bool) -> None:
    config = WorkflowConfig.model_validate({"study": "mini", "reference_kernels": written})
    assert config.reference_kernels is read
    assert WorkflowConfig.model_validate({"study": "mini"}).reference_kernels is False


@pytest.mark.parametrize("written", [1, "1", "yes", None])
def test_other_values_of_reference_kernels_are_errors(written: object) -> None:
    with pytest.raises(ValidationError, match="reference_kernels"):
        WorkflowConfig.model_validate({"study": "mini", "reference_kernels": written})


def test_audits_need_no_folder_for_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    config = {"study": "mini", "state": str(tmp_path / "state")}
    with pytest.raises(UserError, match="state is not a folder: move it away"):
        Plan.load(config, ROOT)
    assert Plan.load(config, ROOT, trains=False).study.study == "mini"


def test_a_wrong_kernel_variable_stops_before_any_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "true")
    with pytest.raises(UserError, match="SUPERNET_REFERENCE_KERNELS: found 'true'; expected 0 or 1"):
        Plan.load({"study": "mini"}, ROOT)
    monkeypatch.setenv(VARIABLE, "1")
    assert Plan.load({"study": "mini"}, ROOT).reference_kernels


@pytest.mark.parametrize(
    ("batch_norms", "measured"),
    [
        (["affine", "none"], ["baseline"]),
        (["affine", "tracking"], ["baseline", "batch_norm=tracking"]),
        (["affine+tracking", "none"], ["baseline"]),
    ],
)
def test_features_are_measured_on_the_baseline_and_on_another_run_that_tracks(
    batch_norms: list[str], measured: list[str], tmp_path: Path
) -> None:
    study = yaml.safe_load((ROOT / "tests/studies/mini.yaml").read_text())
    space = study["spaces"]["nasbench201"]
    space["baseline"]["batch_norm"], space["sweep"]["batch_norm"] = batch_norms[0], batch_norms
    (file := tmp_path / "mini.yaml").write_text(yaml.safe_dump(study))
    runs = Plan.load({"study": str(file)}, ROOT).first_runs("nasbench201")
    assert [run.setting for run in runs] == measured
