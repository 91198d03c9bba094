"""The cost of a network by torch itself: the reference for `Space.cost`."""

import copy
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from supernet.spaces.counting import Cost


def counted(network: nn.Module, in_channels: int, side: int, *arch: Any) -> Cost:
    """Elements of the parameters, and multiply-adds that torch sees in a call on one image.

    `arch` is given for a path network, called as `net(images, arch)`. RuntimeError where it takes no such image.
    """
    # On the meta device nothing is computed, and layers take their plain way.
    shadow = copy.deepcopy(network).to("meta").eval()
    # Two images, because a norm refuses a batch of one value for each channel.
    images = torch.empty(2, in_channels, side, side, device="meta", dtype=next(shadow.parameters()).dtype)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(images, *arch)
    # torch counts a multiply-add as two operations.
    macs, rest = divmod(int(counter.get_total_flops()), 2 * len(images))
    assert rest == 0
    return Cost(sum(parameter.numel() for parameter in network.parameters()), macs)
