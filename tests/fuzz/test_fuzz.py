"""The first inputs of every fuzzer; `make fuzz` runs 10 000 of each."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.execution import SECONDS, run, run_apart
from fuzz.files import valid_archive, valid_record
from fuzz.report import line
from fuzz.target import Target, all_targets
from supernet import spaces
from supernet.errors import UserError

INPUTS = 40
KEYS = st.sampled_from(["matrix", "operations", "normal", "reduce"])
TARGETS = {target.name: target for target in all_targets()}


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_read_or_refused(name: str, tmp_path: Path) -> None:
    report = run(TARGETS[name], range(INPUTS), 0, tmp_path)
    assert report.faults == {} and report.slowest <= SECONDS
    assert report.outcomes["UserError"] > 0, "inputs that are all valid test nothing"


@pytest.mark.parametrize(("name", "content"), [("record", valid_record), ("archive", valid_archive)])
def test_inputs_begin_as_valid_files(name: str, content: Callable[[], bytes], tmp_path: Path) -> None:
    path = tmp_path / TARGETS[name].file
    path.write_bytes(content())
    TARGETS[name].read(path)


@pytest.mark.parametrize("name", spaces.KINDS)
@settings(max_examples=30, deadline=None)
@given(
    source=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda parts: (
            st.lists(parts) | st.dictionaries(st.sampled_from(["matrix", "operations", "normal", "reduce"]), parts)
        ),
        max_leaves=20,
    )
)
def test_any_value_is_an_architecture_or_refused(name: str, source: object) -> None:
    space = spaces.load(name)
    try:
        arch = space.parse(source)
    except UserError:
        return
    assert space.parse(space.format(arch)) == arch


def faulty(path: Path) -> None:
    content = path.read_bytes()[0]
    if content == 1:
        raise KeyError("a fault")
    if content == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if content == 3:
        raise UserError("refused")


def test_faults_are_found_in_a_process_of_its_own() -> None:
    report = run_apart(Target("a fault", lambda rng: bytes([rng.randrange(4)]), faulty), 12, 0)
    assert report.inputs == 12 and not report.right
    assert {fault.partition(":")[0] for fault in report.faults} == {"KeyError", "process ended"}
    assert sum(report.outcomes.values()) == 12 and report.outcomes["UserError"] and report.outcomes["read"]
    assert "a fault" in line(report)
