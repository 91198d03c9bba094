"""The state of an optimiser as named tensors, for checkpoints."""

import torch
from torch import Tensor

from supernet.training.sgd import SGD


def state_tensors(optimizer: torch.optim.Optimizer | SGD, name: str) -> dict[str, Tensor]:
    """Return the tensors of a state, named after the index of their parameter."""
    return {
        f"{name}.{number}.{key}": value
        for number, parameter in enumerate(_parameters(optimizer))
        for key, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }


def load_state_tensors(optimizer: torch.optim.Optimizer | SGD, name: str, tensors: dict[str, Tensor]) -> None:
    """Load the result of `state_tensors` into an optimiser without a state. Raises ValueError for another shape."""
    parameters = _parameters(optimizer)
    prefix = f"{name}."
    for full, value in tensors.items():
        if not full.startswith(prefix):
            continue
        number, key = full.removeprefix(prefix).split(".")
        parameter = parameters[int(number)]
        if value.dim() and value.shape != parameter.shape:
            raise ValueError(f"tensor {full} has another shape than its parameter")
        # A buffer keeps the parameter's memory format: with other strides torch could choose other kernels.
        kept = torch.empty_like(parameter).copy_(value).detach() if value.shape == parameter.shape else value
        optimizer.state[parameter][key] = kept


def _parameters(optimizer: torch.optim.Optimizer | SGD) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
