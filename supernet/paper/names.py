"""Printed names of spaces and metrics, and formats of values and numbers, shared by tables, figures and captions."""

import itertools
import math
from collections.abc import Iterable
from types import MappingProxyType
from typing import Any

from supernet.spaces import KINDS, load

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
_VALUE_NAMES = MappingProxyType(
    {
        "random_a": "Random-A",
        "random_nas": "Random-NAS",
        "fairnas": "FairNAS",
        "fairnas_by_weights": "FairNAS by weights",
    }
)
BN_MODE_NAMES = MappingProxyType(
    {
        "batch": "batch-norm statistics of each scored batch",
        "tracked": "batch-norm statistics tracked in training",
        "recalibrated": "batch-norm statistics re-estimated for each architecture",
    }
)
PROXY_NAMES = MappingProxyType({"synflow": "synflow", "jacov": "jacov", "naswot": "NASWOT"})
CEILING_NAMES = MappingProxyType({"seed": "seed-to-seed ceiling", "replicates": "ceiling of equal functions"})
_PREFIX = 8
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


def architecture_names(space: str, encodings: Iterable[object]) -> dict[str, str]:
    """Return a short and unambiguous name of each architecture by its encoding; null encodings are left out.

    In NASBench-201 the name is the operation numbers of the six edges. Elsewhere it is the start of the arch_id: eight
    characters, or as many more as distinguish these architectures.
    """
    known = load(space)
    archs = {text: known.parse(text) for text in encodings if isinstance(text, str)}
    if space == "nasbench201":
        return {text: "".join(map(str, known.choices_of(arch))) for text, arch in archs.items()}
    ids = {text: known.arch_id(arch) for text, arch in archs.items()}
    length = next(
        length
        for length in itertools.count(_PREFIX)
        if len({one[:length] for one in ids.values()}) == len({*ids.values()})
    )
    return {text: one[:length] for text, one in ids.items()}


def listed(spaces: Iterable[str]) -> str:
    """Join the printed names of spaces with commas."""
    return ", ".join(SPACE_NAMES[space] for space in spaces)
