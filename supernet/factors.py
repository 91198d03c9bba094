"""The 14 training heuristics of the paper: their names, their groups, and which spaces have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SPACES = ("nasbench101", "nasbench201", "darts")

Group = Literal["hyper-parameters", "sampling", "low fidelity", "implementation"]
Scale = Literal["log", "linear", "category"]


@dataclass(frozen=True)
class Factor:
    """One heuristic (paper, Sec. 3), and the spaces that have it."""

    name: str
    group: Group
    label: str
    meaning: str
    scale: Scale
    spaces: tuple[str, ...] = SPACES


_FACTORS = (
    Factor("batch_norm", "hyper-parameters", "Batch norm",
           "learnable scale and shift (affine), running statistics (tracking)", "category"),
    Factor("learning_rate", "hyper-parameters", "Learning rate",
           "initial rate of SGD, annealed by a cosine", "log"),
    Factor("epochs", "hyper-parameters", "Epochs",
           "passes over the training images", "linear"),
    Factor("weight_decay", "hyper-parameters", "Weight decay",
           "L2 penalty in SGD", "log"),
    Factor("path_sampling", "sampling", "Path sampling",
           "which architecture each mini-batch trains", "category"),
    Factor("layers", "low fidelity", "Layers",
           "cells of the super-net (per stage in NASBench-201)", "linear"),
    Factor("train_portion", "low fidelity", "Train portion",
           "share of the training set that is trained on", "linear"),
    Factor("batch_size", "low fidelity", "Batch size",
           "images of a mini-batch", "log"),
    Factor("channels", "low fidelity", "Channels",
           "channels of the first cell", "log"),
    Factor("dynamic_channels", "implementation", "Dynamic channels",
           "how one weight serves several channel counts", "category", ("nasbench101",)),
    Factor("ofa_kernel", "implementation", "OFA kernel",
           "small kernels cropped from the largest one", "category"),
    Factor("wsbn", "implementation", "WSBN",
           "one batch norm for each input configuration", "category", ("nasbench101", "darts")),
    Factor("dropout", "implementation", "Dropout",
           "path and global dropout in training", "category"),
    Factor("op_placement", "implementation", "Op placement",
           "operations owned by a node or by an edge", "category", ("nasbench201", "darts")),
)  # fmt: skip

PATH_LAWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nasbench101": ("random_a", "random_nas", "fairnas"),
        "nasbench201": ("random_a", "random_nas", "fairnas"),
        "darts": ("random_a", "fairnas"),
    }
)
"""Laws of `path_sampling` that each space has."""

LAYER_MULTIPLES: Mapping[str, int] = MappingProxyType({"nasbench101": 3, "nasbench201": 1, "darts": 1})
"""`layers` is a multiple of this: NASBench-101 counts the cells of its three stacks together."""

ABSENT: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "dynamic_channels": MappingProxyType(
            {
                "nasbench201": "all operations of a cell have its width",
                "darts": "all operations of a cell have its width",
            }
        ),
        "wsbn": MappingProxyType({"nasbench201": "an operation on an edge has one input: nothing to specialise"}),
        "op_placement": MappingProxyType({"nasbench101": "the space itself has its operations on vertices"}),
    }
)
"""Why a space lacks a factor: factor, space, reason."""

FACTORS: Mapping[str, Factor] = MappingProxyType({factor.name: factor for factor in _FACTORS})


def factors_of(space: str) -> tuple[Factor, ...]:
    """The factors that a space has, in the order of the paper's table."""
    return tuple(factor for factor in _FACTORS if space in factor.spaces)
