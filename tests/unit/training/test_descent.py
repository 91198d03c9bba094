"""One step of SGD: the sum of several losses, clipping, and the first loss that is not finite."""

import torch
from torch import nn

from supernet.training.descent import Descent, Hyperparameters

PLAIN = Hyperparameters(learning_rate=0.1, final_learning_rate=0.0, weight_decay=0.0, momentum=0.0, clip=1.0)


def test_gradients_of_all_losses_are_added_and_clipped() -> None:
    network = nn.Linear(2, 1, bias=False)
    before = network.weight.detach().clone()
    descent = Descent(network, PLAIN, seed=0)
    images = torch.tensor([[3.0, 0.0], [0.0, 4.0]])
    descent.step(0, 0.5, (network(image).sum() for image in images))
    # The gradient (3, 4) has norm 5, and is clipped to norm 1.
    torch.testing.assert_close(network.weight.detach(), before - 0.5 * torch.tensor([[0.6, 0.8]]))
    assert descent.diverged_at(1) is None


def test_the_first_loss_that_is_not_finite_is_noted() -> None:
    network = nn.Linear(1, 1)
    descent = Descent(network, PLAIN, seed=0)
    for step, loss in enumerate((1.0, float("inf"), 1.0, float("nan"))):
        descent.check(step, torch.tensor(loss))
    assert [descent.diverged_at(steps) for steps in (1, 2, 4)] == [None, 1, 1]
