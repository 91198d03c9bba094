"""Unusual architectures of each space, and outputs of a network for fixed images."""

from typing import Any

import numpy as np
import torch
from tiny import (
    random_images,
)
from torch import Tensor, nn

from supernet.nn.norm import statistics
from supernet.spaces.base import Space

SPECIAL: dict[str, list[Any]] = {
    "nasbench101": ["IO:1", "I3O:11/1", "I3131O:11110/0001/001/01/1"],
    "nasbench201": [["none"] * 6, ["none", "none", "nor_conv_3x3", "none", "none", "nor_conv_1x1"]],
    "darts": [
        {"normal": [(op, state)] * 2 + [("sep_conv_3x3", 1)] * 2 + [(op, 2)] * 2 + [("none", 0)] * 2,
         "reduce": [(op, state)] * 2 + [("none", 0)] * 2 + [(op, 3)] * 2 + [("skip_connect", 0)] * 2}
        for op, state in (("dil_conv_5x5", 0), ("skip_connect", 1), ("none", 1))
    ],
    "macro": ["00000000", "20001000", "02012100"],
}  # fmt: skip


IMAGES = random_images(3)


def architectures(space: Space[Any], count: int, seed: int = 0) -> list[Any]:
    special = [space.parse(source) for source in SPECIAL[space.name]]
    return special + space.sample(np.random.default_rng(seed), count=count)


def evaluated(network: nn.Module, arch: Any, bn_mode: Any, images: Tensor = IMAGES) -> Tensor:
    with torch.no_grad():
        if bn_mode == "recalibrated":
            with statistics(network, "recalibrating"):
                network(random_images(4, 1), arch)
                network(random_images(4, 2), arch)
        with statistics(network, bn_mode):
            logits: Tensor = network(images, arch)
    assert torch.isfinite(logits).all()
    return logits
