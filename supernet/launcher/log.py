"""The log file that Snakemake writes to, which is also the lock of its study.

It is a file instead of a pipe: if `supernet run` is stopped or killed, Snakemake is not blocked, and the lock prevents
a second run of the study as long as any process of the first one exists.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from supernet.errors import UserError

GROUP = "supernet run: Snakemake's process group is"
"""Start of the line that `supernet run` writes to Snakemake's log; the number follows."""


@contextlib.contextmanager
def locked_log(path: Path) -> Iterator[TextIO]:
    """Open an empty log that only one run at a time can hold; raises UserError if another run holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.seek(0)
            group = next((line.split()[-1] for line in log if line.startswith(GROUP)), "unknown")
            raise UserError(
                f"{path}: a run of this study is in progress; follow it with `tail -f {path}`, wait for it, or "
                f"stop it with Ctrl-C where it was started (`kill -INT -- -{group}` if that program is gone)"
            ) from None
        except OSError:
            # A file system without locks: Snakemake's own lock still stops a second run.
            pass
        log.truncate(0)
        yield log
