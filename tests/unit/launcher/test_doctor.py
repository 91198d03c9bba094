"""`supernet doctor` on machines that are files: control groups, mounts, programs, packages, downloads."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from checkouts import ROOT

from supernet.launcher.doctor import downloads, limits, software, storage
from supernet.launcher.doctor.finding import State
from supernet.launcher.doctor.hardware import Accelerators, processor
from supernet.pipeline.plan import Plan


def _write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def _program(folder: Path, name: str, text: str = "") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{text}")
    (folder / name).chmod(0o755)
    return folder / name


@pytest.fixture(autouse=True)
def large_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of 64 cores and 256 GB without limits."""
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(48)), raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 2**26}[name])


V2 = {
    "proc/self/cgroup": "0::/slurm/job_7/step_0\n",
    "sys/fs/cgroup/slurm/job_7/step_0/cpu.max": "max 100000\n",
    "sys/fs/cgroup/slurm/job_7/cpu.max": "650000 100000\n",
    "sys/fs/cgroup/slurm/job_7/memory.max": f"{2 * 2**30}\n",
    "sys/fs/cgroup/slurm/memory.max": "max\n",
}
V1 = {
    "proc/self/cgroup": "4:cpu,cpuacct:/docker/x\n3:memory:/docker/x\n1:name=systemd:/\n",
    "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us": "150000\n",
    "sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "9223372036854771712\n",
}


@pytest.mark.parametrize(
    ("files", "environment", "found", "state"),
    [
        ({}, {}, "48 usable (machine 64, affinity 48)", State.OK),
        (V2, {}, "6 usable (machine 64, affinity 48, control group 6.5)", State.OK),
        (V2, {"SLURM_CPUS_PER_TASK": "4"}, "4 usable (machine 64, affinity 48, control group 6.5, SLURM 4)", State.OK),
        (V1, {}, "1 usable (machine 64, affinity 48, control group 1.5)", State.MISSING),
    ],
)
def test_cores_are_the_smallest_of_all_limits(
    files: dict[str, str], environment: dict[str, str], found: str, state: State, tmp_path: Path
) -> None:
    finding = limits.cores(_write(tmp_path, files), environment)
    assert (finding.found, finding.state) == (found, state)


@pytest.mark.parametrize(
    ("files", "environment", "found", "state"),
    [
        ({}, {}, "262144 MB usable (machine 262144 MB)", State.OK),
        (V1, {"SLURM_MEM_PER_NODE": "0"}, "262144 MB usable (machine 262144 MB)", State.OK),
        (V2, {}, "2048 MB usable (machine 262144 MB, control group 2048 MB)", State.MISSING),
        (V1, {"SLURM_MEM_PER_NODE": "8000"}, "8000 MB usable (machine 262144 MB, SLURM 8000 MB)", State.OK),
    ],
)
def test_memory_is_the_smallest_of_all_limits(
    files: dict[str, str], environment: dict[str, str], found: str, state: State, tmp_path: Path
) -> None:
    finding = limits.memory(_write(tmp_path, files), environment)
    assert (finding.found, finding.state) == (found, state)


@pytest.mark.parametrize(
    ("flags", "found", "state"),
    [
        ("fpu avx2 avx512f amx_tile amx_bf16", "x86_64 with AMX, AVX-512, AVX2", State.OK),
        ("fpu avx2", "x86_64 with AVX2", State.MISSING),
        ("fpu", "x86_64 with none of AMX, AVX-512, AVX2", State.MISSING),
    ],
)
def test_instruction_sets(
    flags: str, found: str, state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    _write(tmp_path, {"proc/cpuinfo": f"processor\t: 0\nflags\t\t: {flags}\n\nprocessor\t: 1\nflags\t\t: {flags}\n"})
    finding = processor(tmp_path)
    assert (finding.found, finding.state) == (found, state)


def test_the_file_system_is_the_innermost_mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = (
        "/dev/sda / ext4 rw 0 0\nserver:/home /home nfs4 rw 0 0\nx /home/a\\040b tmpfs rw 0 0\nx /homes lustre rw 0 0\n"
    )
    root = _write(tmp_path / "linux", {"proc/self/mounts": mounts})
    expected = {"/home/me/results": "nfs4", "/home/a b/c": "tmpfs", "/homes/me": "lustre", "/tmp": "ext4"}
    assert {path: storage.file_system(Path(path), root) for path in expected} == expected

    said = (
        "echo '/dev/disk3s1s1 on / (apfs, sealed, local)'; echo '//me@server/data on /Volumes/My Data (smbfs, nodev)'"
    )
    _program(tmp_path / "bin", "mount", said)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    macos = {"/Volumes/My Data/results": "smbfs", "/Users/me": "apfs"}
    assert {path: storage.file_system(Path(path), tmp_path / "macos") for path in macos} == macos


def test_folders_that_cannot_be_used_prevent_a_run(tmp_path: Path) -> None:
    root = _write(tmp_path / "root", {"proc/self/mounts": "server:/x / nfs rw 0 0\n"})
    later = storage.folder("results", tmp_path / "not" / "yet", root)
    assert later.state is State.MISSING and "a network file system" in later.cost
    assert not (tmp_path / "not").exists()
    (tmp_path / "file").touch()
    below = storage.folder("results", tmp_path / "file" / "results", root)
    assert below.state is State.FAILED and "Not a directory" in below.found


def test_a_clock_before_the_code_prevents_a_run(tmp_path: Path) -> None:
    (tmp_path / "Snakefile").touch()
    assert storage.clock(tmp_path / "Snakefile", time.time()).state is State.OK
    assert storage.clock(tmp_path / "Snakefile", time.time() - 3600).state is State.FAILED


def test_packages_are_compared_with_the_lock_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"numpy": "2.4.6", "torch": "2.14.1+cpu", "pandas": "3.0.0"}

    def version(name: str) -> str:
        if name == "rich":
            raise software.metadata.PackageNotFoundError
        return installed.get(name, "1.0")

    monkeypatch.setattr(software.metadata, "version", version)
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "numpy==2.4.6 \\\n    --hash=sha256:0\ntorch==2.14.1 ; sys_platform == 'linux' \\\npandas==3.0.1 \\\n"
    )
    absent, other = software.packages(lock)
    assert (absent.state, absent.found) == (State.FAILED, "not installed: rich")
    assert (other.state, other.found) == (State.MISSING, "pandas 3.0.0 (lock: 3.0.1)")


def test_programs_in_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [one.found for one in software.programs()] == ["none", "none", "none"]
    for name in ("sbatch", "squeue", "scancel", "lualatex"):
        _program(tmp_path, name)
    slurm, latex, chromium = software.programs()
    assert (slurm.state, slurm.found) == (State.MISSING, "without sacct")
    assert (latex.state, chromium.state) == (State.OK, State.MISSING)


@pytest.mark.parametrize(
    ("answer", "states", "found"),
    [
        ({"cuda": ["H200"], "built": "13.0", "mps": False}, [State.OK, State.OK], "H200"),
        ({"cuda": [], "built": "13.0", "mps": False}, [State.OK, State.MISSING], "none visible"),
        ({"cuda": [], "built": None, "mps": False}, [State.OK, State.MISSING], "built without CUDA"),
        ({"cuda": [], "built": None, "mps": True}, [State.OK, State.MISSING], "does not use"),
    ],
)
def test_accelerators(answer: dict[str, object], states: list[State], found: str, tmp_path: Path) -> None:
    text = json.dumps({"version": "2.14.1", **answer})
    with Accelerators(str(_program(tmp_path, "python", f"echo '{text}'"))) as accelerators:
        findings = accelerators.findings("auto")
    assert [one.state for one in findings] == states
    assert found in findings[-1].found


def test_a_pytorch_that_fails_prevents_a_run(tmp_path: Path) -> None:
    python = _program(tmp_path, "python", "echo Traceback >&2; echo 'ImportError: libcudart.so' >&2; exit 1")
    with Accelerators(str(python)) as accelerators:
        (finding,) = accelerators.findings("auto")
    assert (finding.state, finding.found) == (State.FAILED, "ImportError: libcudart.so")


def test_a_gpu_is_needed_if_the_config_names_one(tmp_path: Path) -> None:
    answer = json.dumps({"version": "2.14.1", "cuda": [], "built": "13.0", "mps": False})
    with Accelerators(str(_program(tmp_path, "python", f"echo '{answer}'"))) as accelerators:
        gpu = accelerators.findings("cuda:1")[-1]
    assert gpu.state is State.FAILED and "device: cuda:1; expected auto or cpu" in gpu.cost


def test_downloads_of_the_study(tmp_path: Path) -> None:
    plan = Plan.load({"study": "cifar10", "resources": str(tmp_path)}, ROOT)
    states = {one.subject: one.state for one in downloads.sources(plan, hashes=False)}
    assert states["data cifar10"] is State.MISSING
    archive = tmp_path / "downloads" / "cifar10" / "cifar-10-python.tar.gz"
    archive.parent.mkdir(parents=True)

    def cifar10(size: int, hashes: bool) -> tuple[State, str]:
        archive.write_bytes(b"")
        os.truncate(archive, size)
        found = next(one for one in downloads.sources(plan, hashes) if "cifar-10" in one.subject)
        return found.state, found.found

    assert cifar10(170_498_071, hashes=False) == (State.OK, f"{archive} (size right, hash not checked: --hashes)")
    state, found = cifar10(170_498_071, hashes=True)
    assert state is State.FAILED and "expected" in found
    state, found = cifar10(1000, hashes=False)
    assert state is State.FAILED and found == "1000 bytes, expected 170498071"


def test_a_mirror_is_shown_without_its_password(tmp_path: Path) -> None:
    assert "secret" not in str(downloads.mirror("https://me:secret@host/files"))
    assert downloads.mirror("https://me:secret@host/files").state is State.OK
    assert downloads.mirror(str(tmp_path)).state is State.OK
    assert downloads.mirror(str(tmp_path / "none")).state is State.MISSING


def test_the_exit_code_says_whether_a_run_can_work(tmp_path: Path) -> None:
    def doctor(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "supernet", "doctor", *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)

    good = doctor("--state", str(tmp_path))
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout.endswith("\n`supernet run` can work.\n")
    (tmp_path / "file").touch()
    bad = doctor("--json", "--state", str(tmp_path / "file" / "state"))
    answer = json.loads(bad.stdout)
    assert (bad.returncode, answer["can_run"]) == (1, False)
    (failure,) = (one for one in answer["findings"] if one["state"] == "failed")
    assert str(tmp_path / "file") in failure["found"]
