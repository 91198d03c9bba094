"""The state of a PBS job in Snakemake's words: running, success or failed. Usage: status.py JOB"""

import json
import subprocess
import sys


def status(answer: str, job: str) -> str:
    """From what `qstat -x -f -F json` says; -x, so that ended jobs are told of as well."""
    found = next(iter(json.loads(answer)["Jobs"].values()))
    if found["job_state"] not in ("F", "X"):
        return "running"
    # No exit status: deleted before it started.
    return "success" if found.get("Exit_status") == 0 else "failed"


def main() -> None:
    job = sys.argv[1]
    command = ["qstat", "-x", "-f", "-F", "json", job]
    result = subprocess.run(command, capture_output=True, text=True)
    # A server that does not answer now will later: the job counts as running until then.
    print("running" if result.returncode else status(result.stdout, job))


if __name__ == "__main__":
    main()
