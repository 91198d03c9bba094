"""Encoder, predictor and decoder of architectures (Luo et al. 2018)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Autoencoder(nn.Module):
    """Maps rows of choices to embeddings and back, and embeddings to scores between 0 and 1.

    An embedding (B, L, h) is the output of an LSTM that reads the L choices. The predictor sees the mean over L; the
    decoder is an LSTM with attention to the embedding.
    """

    def __init__(self, sizes: Sequence[int], hidden: int, seed: int) -> None:
        super().__init__()
        self.sizes, self.hidden = tuple(sizes), hidden
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embeddings = nn.ModuleList(nn.Embedding(size, hidden) for size in sizes)
            self.encoder = nn.LSTM(hidden, hidden, batch_first=True)
            self.predictor = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid())
            self.decoder = nn.LSTMCell(2 * hidden, hidden)
            self.heads = nn.ModuleList(nn.Linear(2 * hidden, size) for size in sizes)
            self.start = nn.Parameter(0.1 * torch.randn(hidden))

    def encode(self, choices: Tensor) -> Tensor:
        """Map choices (B, L) int64 to embeddings (B, L, h), each vector of norm 1."""
        values = torch.stack([layer(choices[:, place]) for place, layer in enumerate(self.embeddings)], dim=1)
        return F.normalize(self.encoder(values)[0], dim=-1)

    def predict(self, embedding: Tensor) -> Tensor:
        """Map embeddings (B, L, h) to scores (B,)."""
        scores: Tensor = self.predictor(embedding.mean(1))[:, 0]
        return scores

    def decode(self, embedding: Tensor, choices: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map embeddings (B, L, h) to the most likely choices (B, L) and the mean negative log-likelihood.

        With `choices` (B, L), each step sees the given choices before it, and the likelihood is that of `choices`.
        """
        batch = len(embedding)
        state = embedding.mean(1), torch.zeros(batch, self.hidden, device=embedding.device)
        value, made, losses = self.start.expand(batch, -1), [], []
        for place, head in enumerate(self.heads):
            attention = torch.softmax((embedding @ state[0][:, :, None])[:, :, 0], dim=-1)
            context = (attention[:, :, None] * embedding).sum(1)
            state = self.decoder(torch.cat([value, context], dim=-1), state)
            logits = head(torch.cat([state[0], embedding[:, place]], dim=-1))
            best = logits.argmax(-1)
            target = best if choices is None else choices[:, place]
            losses.append(F.cross_entropy(logits, target))
            made.append(best)
            value = self.embeddings[place](target)
        return torch.stack(made, dim=1), torch.stack(losses).mean()


def fit(
    model: Autoencoder, choices: Tensor, scores: Tensor, epochs: int, learning_rate: float, trade_off: float
) -> None:
    """Train on choices (B, L) and scores (B,), which are rescaled to 0 to 1; each step uses all of them."""
    spread = float(scores.max() - scores.min())
    targets = (scores - scores.min()) / spread if spread else torch.full_like(scores, 0.5)
    adam = torch.optim.Adam(model.parameters(), learning_rate)
    for _ in range(epochs):
        embedding = model.encode(choices)
        predicted = F.mse_loss(model.predict(embedding), targets)
        loss = trade_off * predicted + (1 - trade_off) * model.decode(embedding, choices)[1]
        adam.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        adam.step()


def improved(model: Autoencoder, embedding: Tensor, step: float) -> Tensor:
    """Move embeddings (B, L, h) along the gradient of their predicted score, by a step of this length."""
    moved = embedding.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(model.predict(moved).sum(), moved)
    length = gradient.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None]
    result: Tensor = moved.detach() + step * gradient / length
    return result
