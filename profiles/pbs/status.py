"""Print the state of a PBS job as Snakemake names it: running, success or failed. Usage: status.py JOB"""

import json
import subprocess
import sys


def status(answer: str, job: str) -> str:
    """Return the state from the output of `qstat -x -f -F json`; -x includes ended jobs."""
    found = next(iter(json.loads(answer)["Jobs"].values()))
    if found["job_state"] not in ("F", "X"):
        return "running"
    # A job that was deleted before it started has no exit status.
    return "success" if found.get("Exit_status") == 0 else "failed"


def main() -> None:
    job = sys.argv[1]
    command = ["qstat", "-x", "-f", "-F", "json", job]
    result = subprocess.run(command, capture_output=True, text=True)
    # If the server does not answer, the job counts as running until the next check.
    print("running" if result.returncode else status(result.stdout, job))


if __name__ == "__main__":
    main()
