"""The calibration of a machine: what is measured, the speeds that follow, and what is kept."""

import json
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from checkouts import ROOT

from supernet.errors import UserError
from supernet.pipeline import calibration
from supernet.pipeline.calibration import calibrated_speeds, case_of
from supernet.pipeline.plan import Plan
from supernet.pipeline.speed import Speed
from supernet.training.measurements import Calibration, Case, Measurement, Pass

MEASURED = Measurement(
    # A line: 2 ms, and 1 ns per multiply-add, of which a training pass has three times those of a forward pass.
    training=(Pass(images=64, macs=1e6, seconds=0.002 + 0.192), Pass(images=16, macs=1e6, seconds=0.002 + 0.048)),
    scoring=Pass(images=100, macs=1e6, seconds=0.05),
    standalone=(Pass(images=2, macs=1e6, seconds=0.012),),
)


class Machine:
    """Answers for the child process that would measure."""

    def __init__(self) -> None:
        self.asked: list[list[Case]] = []
        self.environment: dict[str, str] = {}

    def run(self, command: list[str], input: str, env: dict[str, str], **options: Any) -> SimpleNamespace:
        self.asked.append([Case.model_validate_json(json.dumps(one)) for one in json.loads(input)])
        self.environment = env
        assert command[1:4] == ["-P", "-m", "supernet.training.calibration"]
        found = Calibration(start=1.5, device="cpu", measurements=(MEASURED,) * len(self.asked[-1]))
        return SimpleNamespace(returncode=0, stdout=found.model_dump_json(), stderr="")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.chdir(tmp_path)
    found = Machine()
    monkeypatch.setattr(subprocess, "run", found.run)
    return found


def plan_of(edit: Any = None, **config: Any) -> Plan:
    study = yaml.safe_load((ROOT / "tests" / "studies" / "mini.yaml").read_text())
    if edit is not None:
        edit(study)
    Path("mini.yaml").write_text(yaml.safe_dump(study))
    return Plan.load({"study": "mini.yaml", **config}, ROOT)


def speeds(plan: Plan, *spaces: str) -> tuple[Any, list[str]]:
    """The speeds, and what was said."""
    said: list[str] = []
    return calibrated_speeds(plan, spaces, said.append), said


def test_speeds_are_lines_through_the_measurements(machine: Machine) -> None:
    found, said = speeds(plan_of(), "darts")
    assert found.by_key[("training", "darts")] == Speed(pytest.approx(0.002), pytest.approx(1e-9))
    assert found.by_key[("scoring", "darts")] == Speed(0.0, pytest.approx(5e-10))
    assert found.by_key[("stand-alone", "darts")] == Speed(pytest.approx(0.0), pytest.approx(2e-9))
    assert found.start == 1.5 and found.devices == ("cpu",)
    assert found.source.startswith("a calibration of this machine (")
    assert said == [
        "Measuring the speed of this machine for darts: some seconds, once (--no-calibration leaves it out)."
    ]


def test_noise_gives_no_negative_time(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = MEASURED.model_copy(
        update={"training": (Pass(images=64, macs=1e6, seconds=0.1), Pass(images=16, macs=1e6, seconds=0.2))}
    )
    monkeypatch.setitem(globals(), "MEASURED", fast)
    assert speeds(plan_of(), "darts")[0].by_key[("training", "darts")] == Speed(pytest.approx(0.1), 0.0)


def test_a_machine_is_measured_once(machine: Machine) -> None:
    first, _ = speeds(plan_of(), "darts", "nasbench201")
    again, said = speeds(plan_of(), "darts", "nasbench201")
    assert again == first and said == [] and len(machine.asked) == 1
    # Only what is new is measured.
    assert len(speeds(plan_of(), "darts", "nasbench101")[1]) == 1
    assert [case.run.space for case in machine.asked[1]] == ["nasbench101"]
    # Values that do not change the speed do not matter.
    speeds(plan_of(lambda study: study["spaces"]["darts"]["baseline"].update(epochs=30, learning_rate=0.5)), "darts")
    assert len(machine.asked) == 2


@pytest.mark.parametrize(
    "edit",
    [
        lambda study: study["spaces"]["darts"]["baseline"].update(channels=16),
        lambda study: study["spaces"]["darts"]["baseline"].update(op_placement="node"),
        lambda study: study["spaces"]["darts"]["truth"].update(layers=6),
        lambda study: study["spaces"]["darts"]["baseline"].update(batch_size=16),
        lambda study: study["data"].update(resolution=4),
    ],
)
def test_other_networks_are_measured_again(machine: Machine, edit: Any) -> None:
    speeds(plan_of(), "darts")
    assert len(speeds(plan_of(edit), "darts")[1]) == 1


def test_another_machine_is_measured_too(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    speeds(plan_of(), "darts")
    assert speeds(plan_of(reference_kernels=True), "darts")[1]
    assert machine.environment["SUPERNET_REFERENCE_KERNELS"] == "1"
    with monkeypatch.context() as other:
        other.setattr(calibration, "processor", lambda: {"name": "another"})
        assert speeds(plan_of(), "darts")[1]
    # What was measured here before is kept.
    assert not speeds(plan_of(), "darts")[1]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99, "machines": {}}', '{"format": 1, "machines": {"a": {}}}'])
def test_a_damaged_file_is_measured_again(machine: Machine, text: str) -> None:
    Path("state").mkdir()
    Path("state/speed.json").write_text(text)
    assert speeds(plan_of(), "darts")[1] and not speeds(plan_of(), "darts")[1]


def test_a_failure_is_an_error(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = SimpleNamespace(returncode=1, stdout="", stderr="Traceback\nImportError: no torch\n")
    monkeypatch.setattr(subprocess, "run", lambda *arguments, **options: failed)
    with pytest.raises(UserError, match="could not be measured: ImportError: no torch; use --no-calibration"):
        speeds(plan_of(), "darts")


def test_large_networks_are_measured_with_smaller_batches(machine: Machine) -> None:
    small = plan_of(lambda study: study["spaces"]["darts"]["baseline"].update(batch_size=32))
    large = Plan.load({"study": "paper"}, ROOT)
    case = case_of(small, "darts", gpu=False)
    assert case.batches == (32, 8) and case.standalone_batches == (64, 16) and case.scored_batch == 250
    assert (case.architectures, case.images) == (12, 2000)
    case = case_of(large, "nasbench101", gpu=False)
    assert case.batches == case.standalone_batches == (2,) and case.scored_batch < 10
    assert 3 <= case.architectures < 12 and 40 <= case.images < 100
    assert case_of(large, "nasbench101", gpu=True).batches[0] > 50


def test_methods_beyond_the_paper_are_left_out(machine: Machine) -> None:
    def edit(study: dict[str, Any]) -> None:
        study["spaces"]["darts"]["baseline"].update(few_shot="split", landmarks="ranking")
        study["protocol"]["landmarks"] = 4

    setting = case_of(plan_of(edit), "darts", gpu=False).run.setting
    assert (setting.few_shot, setting.landmarks) == ("none", "none")
