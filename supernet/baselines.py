"""Baseline and swept values of every factor: the paper's grids, and what goes beyond the paper.

Source: bracketed by the values in kcyu2014/nas-landmarkreg and kcyu2014/eval-nas, the public code of the
paper's first author; the baselines are recalled with low confidence. They are defaults of a study file, never
printed as published. The methods beyond the paper are off in every baseline; their values stand in `supernet.setting`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from supernet.factors import PATH_LAWS, SPACES, factors_of

BATCH_NORMS = ("affine+tracking", "affine", "tracking", "none")
_RATES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15)
_DECAYS = (0.0, 1e-4, 3e-4, 5e-4, 1e-3, 3e-3)
_EPOCHS = (100, 200, 300, 400)
_PORTIONS = (0.25, 0.5, 0.75, 0.9)
_BATCHES = (64, 128, 256, 512)
_DROPOUTS = ("none", "path-0.1", "path-0.2", "global-0.1", "global-0.2")
_CHANNELS = (
    "fixed-v2", "fixed-v1", "shuffled-v2", "shuffled-v1", "interpolation-v2", "interpolation-v1",
    "constant-1", "constant-2", "constant-4",
)  # fmt: skip
_KERNELS = ("none", "crop", "transform")
_WSBN = ("none", "per_input")
_PLACEMENTS = ("node", "edge")

_BASELINES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "nasbench101": MappingProxyType(
            {
                "batch_norm": "affine",
                "learning_rate": 0.025,
                "epochs": 400,
                "weight_decay": 1e-3,
                "path_sampling": "random_a",
                "layers": 9,
                "train_portion": 0.75,
                "batch_size": 256,
                "channels": 128,
                "dynamic_channels": "fixed-v2",
                "ofa_kernel": "none",
                "wsbn": "none",
                "dropout": "none",
            }
        ),
        "nasbench201": MappingProxyType(
            {
                "batch_norm": "affine",
                "learning_rate": 0.025,
                "epochs": 1000,
                "weight_decay": 3e-3,
                "path_sampling": "random_a",
                "layers": 5,
                "train_portion": 0.9,
                "batch_size": 128,
                "channels": 16,
                "ofa_kernel": "none",
                "dropout": "none",
                "op_placement": "edge",
            }
        ),
        "darts": MappingProxyType(
            {
                "batch_norm": "none",
                "learning_rate": 0.025,
                "epochs": 400,
                "weight_decay": 0.0,
                "path_sampling": "random_a",
                "layers": 12,
                "train_portion": 0.9,
                "batch_size": 256,
                "channels": 36,
                "ofa_kernel": "none",
                "wsbn": "none",
                "dropout": "none",
                "op_placement": "edge",
            }
        ),
    }
)

_SWEEPS: Mapping[str, Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "nasbench101": MappingProxyType(
            {
                "batch_norm": BATCH_NORMS,
                "learning_rate": _RATES,
                "epochs": _EPOCHS,
                "weight_decay": _DECAYS,
                "path_sampling": PATH_LAWS["nasbench101"],
                "layers": (9, 6, 3),
                "train_portion": _PORTIONS,
                "batch_size": _BATCHES,
                "channels": (128, 64, 32),
                "dynamic_channels": _CHANNELS,
                "ofa_kernel": _KERNELS,
                "wsbn": _WSBN,
                "dropout": _DROPOUTS,
            }
        ),
        "nasbench201": MappingProxyType(
            {
                "batch_norm": BATCH_NORMS,
                "learning_rate": _RATES,
                "epochs": (100, 400, 700, 1000, 1500),
                "weight_decay": (*_DECAYS, 5e-3),
                "path_sampling": PATH_LAWS["nasbench201"],
                "layers": (5, 3, 1),
                "train_portion": _PORTIONS,
                "batch_size": _BATCHES,
                "channels": (16, 8, 4),
                "ofa_kernel": _KERNELS,
                "dropout": _DROPOUTS,
                "op_placement": _PLACEMENTS,
            }
        ),
        "darts": MappingProxyType(
            {
                "batch_norm": BATCH_NORMS,
                "learning_rate": _RATES,
                "epochs": _EPOCHS,
                "weight_decay": _DECAYS,
                "path_sampling": PATH_LAWS["darts"],
                "layers": (12, 8, 4),
                "train_portion": _PORTIONS,
                "batch_size": _BATCHES,
                "channels": (36, 16, 8),
                "ofa_kernel": _KERNELS,
                "wsbn": _WSBN,
                "dropout": _DROPOUTS,
                "op_placement": _PLACEMENTS,
            }
        ),
    }
)

BASELINES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        space: MappingProxyType(
            {
                factor.name: factor.values[0] if factor.values else _BASELINES[space][factor.name]
                for factor in factors_of(space)
            }
        )
        for space in SPACES
    }
)
"""Space, factor, value of the baseline."""

SWEEPS: Mapping[str, Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        space: MappingProxyType(
            {factor.name: factor.values or _SWEEPS[space][factor.name] for factor in factors_of(space)}
        )
        for space in SPACES
    }
)
"""Space, factor, values that `paper` stands for in a study file."""
