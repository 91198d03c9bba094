"""The controller of ENAS: an LSTM that samples choices one after the other, and REINFORCE.

Sources: Zoph & Le 2017; Pham et al. 2018.
"""

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

_RANGE = 0.1
"""Initial parameters are uniform between -_RANGE and _RANGE (ENAS)."""


class Controller(nn.Module):
    """A distribution over rows of choices; choice i has `sizes[i]` values and depends on the choices before it.

    Logits are `tanh` · tanh(logits / `temperature`). The LSTM has 4h(2h + 2) parameters; each choice has an embedding
    of its values and a linear layer.
    """

    def __init__(self, sizes: Sequence[int], hidden: int, temperature: float, tanh: float, seed: int) -> None:
        super().__init__()
        self.hidden, self.temperature, self.tanh = hidden, temperature, tanh
        self.lstm = nn.LSTMCell(hidden, hidden)
        self.start = nn.Parameter(torch.empty(1, hidden))
        self.embeddings = nn.ModuleList(nn.Embedding(size, hidden) for size in sizes)
        self.heads = nn.ModuleList(nn.Linear(hidden, size) for size in sizes)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-_RANGE, _RANGE, generator=generator)

    def sample(self, rng: np.random.Generator) -> tuple[tuple[int, ...], Tensor, Tensor]:
        """Sample choices; return them, their log-probability (), and the sum of the entropies of the choices ()."""
        return self._walk(len(self.heads), lambda number, log: int(np.searchsorted(_cumulated(log), rng.random())))

    def log_probability(self, choices: Sequence[int]) -> Tensor:
        """Compute the log-probability () of given choices."""
        return self._walk(len(self.heads), lambda number, log: choices[number])[1]

    def _walk(self, length: int, choose: Callable[[int, Tensor], int]) -> tuple[tuple[int, ...], Tensor, Tensor]:
        value = self.start
        state = (torch.zeros_like(value), torch.zeros_like(value))
        choices, chosen, entropies = [], [], []
        for number in range(length):
            state = self.lstm(value, state)
            logits = self.tanh * torch.tanh(self.heads[number](state[0])[0] / self.temperature)
            log = torch.log_softmax(logits, dim=-1)
            choice = min(choose(number, log.detach()), len(log) - 1)
            choices.append(choice)
            chosen.append(log[choice])
            entropies.append(-(log.exp() * log).sum())
            value = self.embeddings[number](torch.tensor([choice], device=value.device))
        return tuple(choices), torch.stack(chosen).sum(), torch.stack(entropies).sum()


def reinforce(log_probability: Tensor, reward: float, baseline: float) -> Tensor:
    """Compute the loss whose gradient is that of REINFORCE with a baseline."""
    return -log_probability * (reward - baseline)


def _cumulated(log: Tensor) -> npt.NDArray[np.float64]:
    return np.cumsum(log.double().exp().cpu().numpy())
