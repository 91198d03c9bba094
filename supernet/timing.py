"""How long a job took, as its timing file has it."""

from collections.abc import Mapping
from typing import Any


def worked(timing: Mapping[str, Any]) -> float:
    """Seconds of a job, with those of stopped processes that it went on from; KeyError if a number is missing."""
    return float(timing["total_seconds"]) + float(timing["earlier_seconds"])
