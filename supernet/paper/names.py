"""Printed names of spaces and metrics, and formats of values and numbers, shared by tables, figures and captions."""

import math
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from supernet.spaces import KINDS

SPACE_NAMES = MappingProxyType({space: kind.title for space, kind in KINDS.items()})
METRIC_NAMES = MappingProxyType(
    {
        "accuracy": "Super-net accuracy",
        "kdt": "KdT",
        "s_kdt": "S-KdT",
        "p_surpass": "P>R",
        "final_mean": "Final performance",
    }
)
_VALUE_NAMES = MappingProxyType({"random_a": "Random-A", "random_nas": "Random-NAS", "fairnas": "FairNAS"})
BN_MODE_NAMES = MappingProxyType(
    {
        "batch": "batch-norm statistics of each scored batch",
        "tracked": "batch-norm statistics tracked in training",
        "recalibrated": "batch-norm statistics re-estimated for each architecture",
    }
)
PROXY_NAMES = MappingProxyType({"synflow": "synflow", "jacov": "jacov", "naswot": "NASWOT"})
ABSENT = "\u2013"
"""A dash in place of a missing number."""


def value_name(value: Any) -> str:
    """Format a factor's value: `Random-A`, `0.025`, `affine+tracking`."""
    if isinstance(value, str):
        return _VALUE_NAMES.get(value, value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def percent(fraction: float, digits: int = 1) -> str:
    """Format a fraction in percent without the sign: `94.3`; a dash for nan."""
    return number(100 * fraction, digits)


def significant_percent(fraction: float) -> str:
    """Format a threshold or noise in percent with two significant digits and the sign: `0.1 %`; a dash for nan."""
    return ABSENT if math.isnan(fraction) else f"{100 * fraction:.2g} %"


def number(value: float, digits: int) -> str:
    """Format a number with fixed decimals and a typographic minus sign; a dash for nan."""
    return ABSENT if math.isnan(value) else f"{value:.{digits}f}".replace("-", "\u2212")


def count(value: int) -> str:
    """Format an integer with non-breaking spaces between thousands: `423 624`."""
    return f"{value:,}".replace(",", "\u00a0")


def listed(spaces: Iterable[str]) -> str:
    """Join the printed names of spaces with commas."""
    return ", ".join(SPACE_NAMES[space] for space in spaces)
