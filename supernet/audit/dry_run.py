"""The jobs that the next run of the workflow would start, as Snakemake's dry run lists them."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from supernet.errors import UserError
from supernet.runtime.checkout import checkout, config_file

TRIGGERS = ("mtime", "params", "input")
"""What makes Snakemake run a job again, as in profiles/default."""


@dataclass(frozen=True)
class PlannedJob:
    """A job of the next run: its rule, the values of its wildcards, its files, and why Snakemake would start it."""

    rule: str
    wildcards: Mapping[str, str]
    inputs: tuple[str, ...]
    """Normalised paths."""
    outputs: tuple[str, ...]
    """Normalised paths."""
    reason: str
    """Snakemake's own words."""


def dry_run(config: Sequence[str], targets: Sequence[str] = (), more: Sequence[str] = ()) -> list[PlannedJob]:
    """Return the jobs of a dry run of some targets, by default `all`.

    `config` are values for `--config`, as `key=value`, and `more` are other options, such as `--forceall`.
    Snakemake runs in the current folder, because paths of results are relative. Raises UserError with its message if it
    fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "jobs.jsonl")
        command = [*_command(config, file), *more, "--", *targets]
        found = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if found.returncode:
            raise UserError(f"snakemake --dry-run failed:\n{found.stderr.strip()}")
        # Without jobs the file is not written.
        return read_jobs(file.read_text(encoding="utf-8").splitlines() if file.exists() else ())


def read_jobs(lines: Iterable[str]) -> list[PlannedJob]:
    """Read the lines that `snakemake --logger supernet --logger-supernet-jobs FILE` writes.

    Jobs without outputs are left out: they only collect targets, as `all`.
    """
    jobs = []
    for line in lines:
        said = json.loads(line)
        if said["output"]:
            inputs, outputs = (tuple(map(os.path.normpath, said[key])) for key in ("input", "output"))
            jobs.append(PlannedJob(said["rule"], said["wildcards"], inputs, outputs, said["reason"]))
    return jobs


def _command(config: Sequence[str], file: Path) -> list[str]:
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(checkout() / "Snakefile")]
    command += ["--configfile", str(config_file()), "--dry-run", "--cores", "1", "--rerun-triggers", *TRIGGERS]
    # Snakemake then prints nothing else about the jobs; its errors still go to standard error.
    command += ["--logger", "supernet", "--logger-supernet-jobs", str(file)]
    return command + (["--config", *config] if config else [])
