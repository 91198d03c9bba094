"""The config of the workflow."""

import pytest
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


def test_a_wrong_kernel_variable_stops_before_any_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "true")
    with pytest.raises(UserError, match="SUPERNET_REFERENCE_KERNELS: found 'true'; expected 0 or 1"):
        Plan.load({"study": "mini"}, ROOT)
    monkeypatch.setenv(VARIABLE, "1")
    assert Plan.load({"study": "mini"}, ROOT).reference_kernels
