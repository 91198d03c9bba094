"""Files of a commit, read from the repository of a checkout without changing the checkout."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

_COMMIT = re.compile("[0-9a-f]{40}|[0-9a-f]{64}")
_SECONDS = 60
"""Limit of the time that git takes."""


def committed_files(root: Path, commit: str, names: Sequence[str]) -> dict[str, bytes] | None:
    """Return the content of the files `names` at a commit, without those that the commit does not have.

    Names are paths in the checkout `root`. None if `root` is not the top folder of a git repository that has the
    commit, or if git is not installed. Nothing is fetched. Commit and names may come from a forged record.
    """
    if not (root / ".git").exists() or not _COMMIT.fullmatch(commit):
        return None
    plain = [name for name in names if "\n" not in name]
    asked = "".join(f"{one}\n" for one in (f"{commit}^{{commit}}", *(f"{commit}:{name}" for name in plain)))
    environment = {**os.environ, "GIT_NO_LAZY_FETCH": "1"}
    command = ["git", "cat-file", "--batch"]
    try:
        ran = subprocess.run(
            command, cwd=root, env=environment, input=os.fsencode(asked), capture_output=True, timeout=_SECONDS
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    found = [] if ran.returncode else list(_objects(ran.stdout))
    if not found or found[0] is None:
        return None
    return {name: content for name, content in zip(plain, found[1:], strict=True) if content is not None}


def _objects(output: bytes) -> Iterator[bytes | None]:
    """Yield the content of each object that `git cat-file --batch` has printed; None for one that is missing."""
    start = 0
    while start < len(output):
        end = output.index(b"\n", start)
        header, start = output[start:end], end + 1
        if header.endswith(b" missing"):
            yield None
        else:
            size = int(header.rpartition(b" ")[2])
            yield output[start : start + size]
            start += size + 1
