"""A number with its interval, apart from the metrics: who only shows one needs no scipy, half a second of each job."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % bootstrap percentile interval; nan where undefined."""

    value: float
    low: float
    high: float
