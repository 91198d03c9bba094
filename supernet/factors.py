"""The 14 training heuristics of the paper, and methods beyond it: names, groups, and which spaces have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SPACES = ("nasbench101", "nasbench201", "darts")

BEYOND: Literal["beyond the paper"] = "beyond the paper"
"""The group of what is not among the paper's 14 heuristics."""

Group = Literal["hyper-parameters", "sampling", "low fidelity", "implementation", "beyond the paper"]
Scale = Literal["log", "linear", "category"]


@dataclass(frozen=True)
class Factor:
    """One heuristic (paper, Sec. 3; or of later work, in the group `BEYOND`), and the spaces that have it."""

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
    # Zhao, Wang, Tian, Fonseca, Guo: "Few-shot Neural Architecture Search", ICML 2021.
    Factor("few_shot", BEYOND, "Few-shot",
           "super-net split by one operation on the way", "category"),
    # Yu, Ranftl, Salzmann: "Landmark Regularization", CVPR 2021.
    Factor("landmarks", BEYOND, "Landmarks",
           "ranking loss on architectures of known accuracy", "category"),
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
    """The factors that a space has, in the order of the paper's table, those beyond the paper last."""
    return tuple(factor for factor in _FACTORS if space in factor.spaces)


def of_the_paper() -> tuple[Factor, ...]:
    """The paper's 14 heuristics."""
    return tuple(factor for factor in _FACTORS if factor.group != BEYOND)


def beyond_the_paper() -> tuple[Factor, ...]:
    """Training methods of later work, factors like the 14 but never counted among them."""
    return tuple(factor for factor in _FACTORS if factor.group == BEYOND)
