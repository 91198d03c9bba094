"""The programs of Snakemake's executors."""

from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.runtime.executors import check_executor


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def _install(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def test_each_missing_program_is_named_once(programs: Path) -> None:
    _install(programs, "squeue", "scancel")
    with pytest.raises(UserError, match=r"^executor slurm: sbatch, sacct not found in PATH; .*login node") as error:
        check_executor("slurm")
    assert "\n" not in str(error.value)
    with pytest.raises(UserError, match=r"^executor cluster-generic: qsub not found"):
        check_executor("cluster-generic", ["qsub -q 'a queue'", "qsub --cancel"])


def test_an_executor_with_its_programs_passes(programs: Path) -> None:
    _install(programs, "sbatch", "squeue", "scancel", "sacct", "qsub")
    check_executor("slurm")
    check_executor("cluster-generic", ["qsub -q {resources.queue}", ""])
    check_executor("local")
    check_executor("kubernetes")
