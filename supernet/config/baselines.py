"""Baseline and swept values of every factor: the paper's grids, and what goes beyond the paper.

Source: bracketed by the values in kcyu2014/nas-landmarkreg and kcyu2014/eval-nas, the public code of the
paper's first author; the baselines are recalled with low confidence. They are defaults of a study file, never
printed as published. The methods beyond the paper are off in every baseline; their values are in
`supernet.config.setting`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from supernet.config.factors import PATH_LAWS, SPACES, Factor, factors_of
from supernet.spaces import KINDS

BATCH_NORMS = ("affine+tracking", "affine", "tracking", "none")

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
"""What spaces share; a space has the others, and its own values of these, in its class."""

_GRID: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        "batch_norm": BATCH_NORMS,
        "learning_rate": (0.005, 0.01, 0.025, 0.05, 0.1, 0.15),
        "epochs": (100, 200, 300, 400),
        "weight_decay": (0.0, 1e-4, 3e-4, 5e-4, 1e-3, 3e-3),
        "train_portion": (0.25, 0.5, 0.75, 0.9),
        "batch_size": (64, 128, 256, 512),
        "dynamic_channels": (
            "fixed-v2", "fixed-v1", "shuffled-v2", "shuffled-v1", "interpolation-v2", "interpolation-v1",
            "constant-1", "constant-2", "constant-4",
        ),
        "ofa_kernel": ("none", "crop", "transform"),
        "wsbn": ("none", "per_input"),
        "dropout": ("none", "path-0.1", "path-0.2", "global-0.1", "global-0.2"),
        "op_placement": ("node", "edge"),
    }
)  # fmt: skip


def _baseline(space: str, factor: Factor) -> Any:
    # A factor beyond the paper has the same values in every space, the one that changes nothing first.
    return factor.values[0] if factor.values else {**_BASELINE, **KINDS[space].baseline}[factor.name]


def _grid(space: str, factor: Factor) -> tuple[Any, ...]:
    return factor.values or {**_GRID, "path_sampling": PATH_LAWS[space], **KINDS[space].grid}[factor.name]


BASELINES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        space: MappingProxyType({factor.name: _baseline(space, factor) for factor in factors_of(space)})
        for space in SPACES
    }
)
"""Space, factor, value of the baseline."""

SWEEPS: Mapping[str, Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {space: MappingProxyType({factor.name: _grid(space, factor) for factor in factors_of(space)}) for space in SPACES}
)
"""Space, factor, values that `paper` stands for in a study file."""
