"""The identity of a machine, from system files of a folder."""

from pathlib import Path

import pytest

from supernet.runtime.machine import available_cores, gpus, processor

CPU = """processor\t: 0
cpu family\t: 25
model\t\t: 1
model name\t: EPYC
stepping\t: 1
flags\t\t: fpu avx2

processor\t: 1
model name\t: another
"""


def with_cpu(root: Path, text: str) -> Path:
    (root / "proc").mkdir(exist_ok=True)
    (root / "proc" / "cpuinfo").write_text(text)
    return root


def test_machines_of_one_name_differ_in_their_instructions(tmp_path: Path) -> None:
    one = processor(with_cpu(tmp_path, CPU))
    assert one["name"] == "EPYC" and one["model"] == "1" and one["cpu family"] == "25"
    assert processor(with_cpu(tmp_path, CPU.replace("fpu avx2", "avx2 fpu"))) == one
    assert processor(with_cpu(tmp_path, CPU.replace("avx2", "avx2 avx512f"))) != one


def test_without_system_files_there_is_still_a_name(tmp_path: Path) -> None:
    assert processor(tmp_path)["name"]


def test_gpus_are_those_that_a_job_sees(tmp_path: Path) -> None:
    assert gpus(tmp_path, {}) == []
    for number, name in enumerate(("V100", "A100")):
        folder = tmp_path / "proc" / "driver" / "nvidia" / "gpus" / str(number)
        folder.mkdir(parents=True)
        (folder / "information").write_text(f"Model: \t\t {name}\nIRQ: 5\n")
    assert gpus(tmp_path, {}) == ["V100", "A100"]
    assert gpus(tmp_path, {"CUDA_VISIBLE_DEVICES": "1"}) == ["A100"]
    assert gpus(tmp_path, {"CUDA_VISIBLE_DEVICES": ""}) == []
    assert gpus(tmp_path, {"CUDA_VISIBLE_DEVICES": "0,-1,1"}) == ["V100"]
    assert gpus(tmp_path, {"CUDA_VISIBLE_DEVICES": "0,7,1"}) == ["V100"]
    assert gpus(tmp_path, {"CUDA_VISIBLE_DEVICES": "GPU-1234"}) == ["GPU-1234"]


def test_cores_are_those_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 2, 4}, raising=False)
    assert available_cores() == 3
