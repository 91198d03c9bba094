"""The message after a workflow that failed."""

import os
import signal
import sys
from pathlib import Path

from supernet.launcher.messages import RERUN_HINT
from supernet.launcher.options import Options
from supernet.launcher.workflow import Workflow

_TAIL = 20
"""Number of lines shown of a failed job's log."""


def failure_message(workflow: Workflow, code: int, options: Options) -> str:
    """Return the reason and a remedy: from the failed jobs, else the messages of the Snakefile and of Snakemake."""
    text = failed_jobs(workflow, options.root)
    if not text:
        return "\n".join(_without_a_job(workflow, code, options))
    return "\n".join([*text, f"Snakemake's full log: {options.log}"])


def failed_jobs(workflow: Workflow, root: Path) -> list[str]:
    """Return lines about the jobs that failed, with the end of the first one's logs; empty if none failed.

    Paths of logs are relative to `root`.
    """
    failures = [failure for failure in workflow.failures if not failure.restarted]
    if not failures:
        return []
    first, *others = failures
    text = [f"FAILED: {first}", *(f"  {line}" for line in first.output)]
    for log in first.logs:
        text += _tail(root, log)
    text += [f"also failed: {other}" for other in others]
    return [*text, "", f"To do: correct the cause, then {RERUN_HINT}"]


def _without_a_job(workflow: Workflow, code: int, options: Options) -> list[str]:
    text = workflow.messages[-2 * _TAIL :]
    if code > 128:
        text.append(f"Snakemake was ended by signal {code - 128} ({signal.Signals(code - 128).name}); {RERUN_HINT}")
    if any(line.startswith("LockException") for line in workflow.messages):
        python = os.path.relpath(sys.executable, options.root)
        unlock = f"{python} -m supernet run --study {options.study} -- --unlock"
        text.append(f"If no other Snakemake runs in this folder, remove its lock: {unlock}")
    return text or [f"Snakemake failed with exit code {code}; see {options.log}"]


def _tail(root: Path, log: str) -> list[str]:
    path = root / log
    if not path.is_file():
        return [f"log: {log} (not written: the job failed before)"]
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        f"log: {log}, its last {min(len(lines), _TAIL)} lines:",
        *(f"  | {line}" for line in lines[-_TAIL:]),
    ]
