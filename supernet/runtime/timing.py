"""How long a job took, as its timing file has it."""

from collections.abc import Mapping
from typing import Any


def worked(timing: Mapping[str, Any]) -> float:
    """Seconds of a job, with those of stopped processes that it went on from; KeyError without a number.

    Files of before these were counted have the seconds since the job was resumed alone.
    """
    return float(timing["total_seconds"]) + float(timing.get("earlier_seconds", 0))
