"""The default of each factor in each space, and the values that it is swept with.

`BASELINES[space][factor]` is used if a study file gives no value; `SWEEPS[space][factor]` has the values of `paper`.
Values that spaces share are here. A space's own values are the class attributes `baseline` and `grid` in
`supernet/spaces/{space}/__init__.py`: the default weight decay of NASBench-201 is `"weight_decay"` in
`NASBench201.baseline`. Methods beyond the paper are off in every baseline; their values are at their `Factor`.

Source: the ranges in the public code of the paper's first author (kcyu2014/nas-landmarkreg, kcyu2014/eval-nas); the
baselines are recalled with low confidence. They are defaults of a study file, never printed as published.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from supernet.config.factors import PATH_LAWS, SPACES, Factor, factors_of
from supernet.nn.heuristics import VALUES
from supernet.spaces import KINDS

_BASELINE: Mapping[str, Any] = MappingProxyType(
    {
        "batch_norm": "affine",
        "learning_rate": 0.025,
        "path_sampling": "random_a",
        "ofa_kernel": "none",
        "wsbn": "none",
        "dropout": "none",
        "op_placement": "edge",
    }
)
"""Defaults that spaces share; `baseline` of a space adds to these and overrides them."""

_GRID: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "learning_rate": (0.005, 0.01, 0.025, 0.05, 0.1, 0.15),
        "epochs": (100, 200, 300, 400),
        "weight_decay": (0.0, 1e-4, 3e-4, 5e-4, 1e-3, 3e-3),
        "train_portion": (0.25, 0.5, 0.75, 0.9),
        "batch_size": (64, 128, 256, 512),
        **VALUES,
    }
)
"""Swept values that spaces share; `grid` of a space adds to these and overrides them."""


def _baseline(space: str, factor: Factor) -> Any:
    # A factor beyond the paper has the same values in every space; the first one changes nothing.
    return factor.values[0] if factor.values else {**_BASELINE, **KINDS[space].baseline}[factor.name]


def _grid(space: str, factor: Factor) -> tuple[Any, ...]:
    return factor.values or {**_GRID, "path_sampling": PATH_LAWS[space], **KINDS[space].grid}[factor.name]


BASELINES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        space: MappingProxyType({factor.name: _baseline(space, factor) for factor in factors_of(space)})
        for space in SPACES
    }
)
"""Default by space and factor."""

SWEEPS: Mapping[str, Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {space: MappingProxyType({factor.name: _grid(space, factor) for factor in factors_of(space)}) for space in SPACES}
)
"""Swept values by space and factor: what `paper` means in a study file."""
