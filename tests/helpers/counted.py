"""The cost of a network counted by torch: the reference for `Space.cost`."""

import copy
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from supernet.spaces.counting import Cost


def counted(network: nn.Module, in_channels: int, side: int, *arch: Any) -> Cost:
    """Return the number of parameter elements, and the multiply-adds that torch counts in a call on one image.

    `arch` is given for a path network, called as `net(images, arch)`. Raises RuntimeError if the network cannot be
    called on such an image.
    """
    # On the meta device nothing is computed, and layers use torch's functions.
    shadow = copy.deepcopy(network).to("meta").eval()
    # Two images, because a norm does not accept a single value per channel.
    images = torch.empty(2, in_channels, side, side, device="meta", dtype=next(shadow.parameters()).dtype)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        shadow(images, *arch)
    # torch counts a multiply-add as two operations.
    macs, rest = divmod(int(counter.get_total_flops()), 2 * len(images))
    assert rest == 0
    return Cost(sum(parameter.numel() for parameter in network.parameters()), macs)
