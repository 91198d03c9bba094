"""Stochastic gradient descent with momentum, without torch's compiler."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Literal

import torch
from torch import Tensor


class SGD:
    """A subset of `torch.optim.SGD(foreach=True)` with the same names and the same bits.

    Every optimiser of torch imports torch's compiler when it is constructed: 1.2 s and 150 MB per job, for code
    that is not used here. `untouched` says what happens to parameters without a gradient. They `rest`: they keep their
    values and their momentum, as with torch since 2.0. Or they `decay`: after its first gradient, a parameter without
    one has a gradient of zeros, so that its momentum and its weight decay move it. That is torch before 2.0, whose
    `zero_grad` fills gradients with zeros.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        momentum: float,
        weight_decay: float,
        untouched: Literal["rest", "decay"] = "rest",
    ) -> None:
        self.untouched = untouched
        self.defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        self.param_groups: list[dict[str, Any]] = [{**self.defaults, "params": list(parameters)}]
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        """Set all gradients to None."""
        for parameter in self.param_groups[0]["params"]:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Set w to w - lr m, with m = momentum m + (gradient + weight_decay w); in the first step, m is the bracket."""
        group = self.param_groups[0]
        moving = [parameter for parameter in group["params"] if parameter.grad is not None]
        gradients = [parameter.grad for parameter in moving]
        if self.untouched == "decay":
            others = [one for one in group["params"] if one.grad is None and "momentum_buffer" in self.state[one]]
            moving, gradients = [*moving, *others], [*gradients, *map(torch.zeros_like, others)]
        if not moving:
            return
        if group["weight_decay"]:
            gradients = list(torch._foreach_add(gradients, moving, alpha=group["weight_decay"]))
        # A buffer also says that a parameter has had a gradient.
        if group["momentum"] or self.untouched == "decay":
            gradients = self._with_momentum(moving, gradients, group["momentum"])
        torch._foreach_add_(moving, gradients, alpha=-group["lr"])

    def _with_momentum(self, touched: list[Tensor], gradients: list[Tensor], momentum: float) -> list[Tensor]:
        known = [place for place, parameter in enumerate(touched) if "momentum_buffer" in self.state[parameter]]
        if known:
            buffers = [self.state[touched[place]]["momentum_buffer"] for place in known]
            torch._foreach_mul_(buffers, momentum)
            torch._foreach_add_(buffers, [gradients[place] for place in known])
        for parameter, gradient in zip(touched, gradients, strict=True):
            if "momentum_buffer" not in self.state[parameter]:
                self.state[parameter]["momentum_buffer"] = gradient.detach().clone()
        return [self.state[parameter]["momentum_buffer"] for parameter in touched]
