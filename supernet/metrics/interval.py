"""An estimate with its interval.

Separate from the metrics, so that programs that only print estimates do not import them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval, of the bootstrap or the jackknife; nan where undefined."""

    value: float
    low: float
    high: float
