"""The log that Snakemake writes to, which is also the lock of its study.

A file and not a pipe: a front program that is stopped or killed cannot block Snakemake, and the lock keeps a
second run of the study away while anything of the first is alive.
"""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from supernet.errors import UserError

GROUP = "front program: Snakemake's process group is"
"""The line of the front program in Snakemake's log; followed by the number."""


@contextlib.contextmanager
def locked_log(path: Path) -> Iterator[TextIO]:
    """An empty log that only one run at a time can have; raises UserError if another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.seek(0)
            group = next((line.split()[-1] for line in log if line.startswith(GROUP)), "unknown")
            raise UserError(
                f"{path}: a run of this study is at work; follow it with `tail -f {path}`, wait for it, or "
                f"stop it with Ctrl-C where it was started (`kill -INT -- -{group}` if that program is gone)"
            ) from None
        except OSError:
            # A file system without locks: Snakemake's own still stops a second run, with a longer message.
            pass
        log.truncate(0)
        yield log
