"""The duration of a job, from its timing file."""

from collections.abc import Mapping
from typing import Any


def training_of(timing: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the timing of the training of a super-net, also if another job has made it for the store."""
    found = timing.get("training", timing)
    return found if isinstance(found, Mapping) else timing


def job_seconds(timing: Mapping[str, Any]) -> float:
    """Return the seconds of a job, including the stopped processes that it resumed from.

    Older files lack the seconds of stopped processes. Raises KeyError if the file has no seconds.
    """
    return float(timing["total_seconds"]) + float(timing.get("earlier_seconds", 0))
