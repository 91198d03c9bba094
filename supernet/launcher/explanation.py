"""What is said of a workflow that failed."""

import os
import signal
import sys
from pathlib import Path

from supernet.launcher.options import Options
from supernet.launcher.wording import GO_ON
from supernet.launcher.workflow import Workflow

_TAIL = 20
"""Lines of a failed job's log that are shown."""


def explanation(workflow: Workflow, code: int, options: Options) -> str:
    """Why it failed and what to do, from the failed jobs; else what the Snakefile or Snakemake said."""
    if not workflow.failures:
        return "\n".join(_without_a_job(workflow, code, options))
    first, *others = workflow.failures
    text = [f"FAILED: {first}", *(f"  {line}" for line in first.said)]
    for log in first.logs:
        text += _tail(options.root, log)
    text += [f"also failed: {other}" for other in others]
    text += ["", f"To do: correct the cause, then {GO_ON}", f"All that Snakemake said: {options.log}"]
    return "\n".join(text)


def _without_a_job(workflow: Workflow, code: int, options: Options) -> list[str]:
    text = workflow.remarks[-2 * _TAIL :]
    if code > 128:
        text.append(f"Snakemake was ended by signal {code - 128} ({signal.Signals(code - 128).name}); {GO_ON}")
    if any(line.startswith("LockException") for line in workflow.remarks):
        python = os.path.relpath(sys.executable, options.root)
        unlock = f"{python} -m supernet run --study {options.study} -- --unlock"
        text.append(f"If no other Snakemake is at work here, remove the lock: {unlock}")
    return text or [f"Snakemake failed with exit code {code}; see {options.log}"]


def _tail(root: Path, log: str) -> list[str]:
    path = root / log
    if not path.is_file():
        return [f"log: {log} (the job did not get so far as to write it)"]
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [
        f"log: {log}, its last {min(len(lines), _TAIL)} lines:",
        *(f"  | {line}" for line in lines[-_TAIL:]),
    ]
