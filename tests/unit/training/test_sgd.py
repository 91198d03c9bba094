"""The optimiser: the same bits as torch's, without its compiler."""

import subprocess
import sys
from typing import Literal

import pytest
import torch
from checkouts import ROOT
from torch import nn

from supernet.training.sgd import SGD


def parameters() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    shapes = [(3,), (4, 2), (8, 3, 3, 3), (1,)]
    made = [torch.randn(shape, generator=generator) for shape in shapes]
    made[2] = made[2].contiguous(memory_format=torch.channels_last)
    return [nn.Parameter(value) for value in made]


@pytest.mark.parametrize("untouched", ["rest", "decay"])
@pytest.mark.parametrize("weight_decay", [0.0, 5e-4])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_steps_are_torch_s_to_the_bit(
    momentum: float, weight_decay: float, untouched: Literal["rest", "decay"]
) -> None:
    """Paths come and go: at each step other parameters have a gradient, at one of them none has."""
    ours, theirs = parameters(), parameters()
    own = SGD(ours, 0.1, momentum, weight_decay, untouched)
    reference = torch.optim.SGD(theirs, 0.1, momentum, weight_decay=weight_decay, foreach=True)
    generator = torch.Generator().manual_seed(1)
    for step, touched in enumerate([(0, 1), (1, 2), (), (0, 1, 2, 3), (3,), (0, 2)]):
        own.param_groups[0]["lr"] = reference.param_groups[0]["lr"] = 0.1 / (1 + step)
        own.zero_grad()
        # Filled with zeros, as torch did before 2.0, or None.
        reference.zero_grad(set_to_none=untouched == "rest")
        for place in touched:
            gradient = torch.randn(ours[place].shape, generator=generator)
            ours[place].grad, theirs[place].grad = gradient.clone(), gradient.clone()
        own.step()
        reference.step()
        for one, other in zip(ours, theirs, strict=True):
            assert torch.equal(one, other)
            buffer = reference.state.get(other, {}).get("momentum_buffer")
            if not momentum and untouched == "decay":
                continue  # Ours has a buffer, which says that the parameter has had a gradient.
            assert (buffer is None) is ("momentum_buffer" not in own.state[one])
            assert buffer is None or torch.equal(own.state[one]["momentum_buffer"], buffer)


def test_a_momentum_is_not_a_gradient() -> None:
    """Without weight decay the first momentum is the gradient's value, and stays when that one is changed."""
    parameter = nn.Parameter(torch.ones(2))
    own = SGD([parameter], 0.1, 0.9, 0.0)
    parameter.grad = torch.ones(2)
    own.step()
    parameter.grad.fill_(7)
    assert own.state[parameter]["momentum_buffer"].tolist() == [1, 1]


def test_a_training_imports_no_compiler() -> None:
    program = """
import sys
import supernet.training.run
from benchmarks.harness.bench import QUICK, Bench, random_splits
from supernet.training.device import configure
configure(1, "cpu")
Bench("nasbench201", QUICK, random_splits(200, 20)).trainer.run(until=2)
print(sorted({name.split(".")[1] for name in sys.modules if name.startswith(("torch._dynamo", "torch._inductor"))}))
"""
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
