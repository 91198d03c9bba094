"""How torch computes in every program: deterministically, on the given threads, in float32."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from checkouts import ROOT

from supernet.runtime.kernels import VARIABLE
from supernet.training.device import configure, fingerprint


@pytest.fixture
def configured() -> Iterator[torch.device]:
    threads = torch.get_num_threads()
    yield configure(1, "cpu")
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def test_an_operation_that_is_not_deterministic_is_an_error(configured: torch.device) -> None:
    values = torch.zeros(4, device=configured)
    with pytest.raises(RuntimeError, match="does not have a deterministic implementation"):
        values.put_(torch.tensor([1, 1]), torch.tensor([1.0, 2.0]), accumulate=False)


def test_freed_memory_is_used_again() -> None:
    """Counts, in a separate process, the pages that the system hands out while tensors of 8 MB are created and freed.

    The first rounds are not counted: until then memory is new, or freed in pieces that do not fit the next tensor.
    """
    program = """
import resource, sys, torch
from supernet.runtime.kernels import VARIABLE
from supernet.training.device import configure
if sys.argv[1] == "configured":
    configure(1, "cpu")
for number in range(60):
    if number == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    a, b, c, d, e = (torch.ones(2**21) for _ in range(5))
    del a, b, c, d, e
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    faults = {}
    for which in ("configured", "plain"):
        command = [sys.executable, "-c", program, which]
        faults[which] = int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert faults["configured"] < faults["plain"] / 10, faults


def test_matrix_products_are_of_float32(configured: torch.device) -> None:
    assert not torch.backends.cuda.matmul.allow_tf32 and not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark, "kernels are not chosen by their time"
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_the_fingerprint_says_what_decides_the_bits(configured: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    plain = f"torch {torch.__version__}, cpu, 1 threads"
    assert fingerprint(configured) == plain
    monkeypatch.setenv(VARIABLE, "0")
    assert fingerprint(configured) == plain
    monkeypatch.setenv(VARIABLE, "1")
    assert fingerprint(configured) == f"{plain}, reference kernels"


def test_every_program_with_a_device_is_configured() -> None:
    """Only `Session` configures torch; rules pass the device to the programs that use it, and to no others."""
    rules = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    shells = re.split(r"^ *shell:\n", rules, flags=re.MULTILINE)[1:]
    given = {name for shell in shells for name in re.findall(r"\{START\} (\w+)", shell) if "--device" in shell}
    users = {path.stem for path in (ROOT / "scripts").glob("*.py") if "session.open_session" in path.read_text("utf-8")}
    assert given == users and len(given) >= 7


def test_the_benchmark_of_its_cost_runs() -> None:
    command = [sys.executable, "-m", "benchmarks.programs.deterministic", "--quick"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    lines = ran.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["nasbench101", "nasbench201", "darts"], ran.stderr
    # On a CPU all kernels that are used are deterministic: the switch only makes sure of it.
    assert all(line.endswith("weights the same") for line in lines)
