"""Inputs whose time lies in the future, by the clock of this machine.

Snakemake deletes outputs that are older than an input of their job, and the next attempt ends in the same way.
"""

import os
import socket
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from supernet.errors import UserError

SKEW = 60.0
"""Seconds by which the clocks of machines that share files may differ: a job waits until the time has passed."""
_SHOWN = 3


def wait_for_clock(paths: Iterable[Path | str]) -> None:
    """Return once all files that exist are in the past; wait up to `SKEW` seconds for it.

    Raises UserError, which names the files, if one is further in the future.
    """
    now = time.time()
    ahead = {str(path): seconds for path in paths if (seconds := _modified(path) - now) > 0}
    far = sorted((path for path, seconds in ahead.items() if seconds > SKEW), key=lambda path: -ahead[path])
    if far:
        more = f", and {len(far) - _SHOWN} more" if len(far) > _SHOWN else ""
        raise UserError(
            f"{', '.join(far[:_SHOWN])}{more}: from the future, last changed {_text(now + ahead[far[0]])}, but the "
            f"clock of {socket.gethostname()} says {_text(now)}; expected inputs at most {SKEW:.0f} s ahead, because "
            "Snakemake deletes results that are older than their inputs. "
            f"Correct the clock, or the time of the file: touch {far[0]}"
        )
    if ahead:
        time.sleep(max(ahead.values()))


def _modified(path: Path | str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:  # reported by what reads it
        return 0.0


def _text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")
