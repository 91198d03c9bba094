"""Zero-cost proxies: scores of initialised networks without training.

Larger is better. All values are finite, so that every architecture of a pool has a rank; each docstring gives the value
of a network without a path, or of one that maps all images to the same features. Batch norm uses the statistics of the
batch, as in training, and tracks nothing: the network does not change.
"""

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from supernet.data.images import Splits
from supernet.errors import UserError
from supernet.nn.norm import norms, statistics

Floats = npt.NDArray[np.float64]
JACOV_EPSILON = 1e-5
"""Added to the eigenvalues in jacov, as in the authors' code."""
SINGULAR = -1.0
"""naswot if two images have the same signs: below all other scores, which are logs of positive whole numbers."""
_RELUS = (torch.ops.aten.relu.default, torch.ops.aten.relu_.default)
# Without batch norm the sums of a deep network can overflow a double; a power of two scales them exactly.
_SMALL = 2.0**-300


def synflow(network: nn.Module, shape: tuple[int, int, int]) -> float:
    """Compute the log of the sum over all weights θ of |θ · dR/dθ|, for images of `shape` (C, H, W).

    Tanaka et al., "Pruning neural networks without any data by iteratively conserving synaptic flow" (NeurIPS 2020);
    summed over a network by Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS" (ICLR 2021). R is the sum of
    the logits of one image of ones with all parameters at their absolute values. As in the latter's code, batch norm is
    replaced by the identity, and the sum is over kernels of convolutions and linear layers, without biases. The sum is
    in double precision; the log changes no rank. A network without a path has the log of the smallest double, -744.4.
    """
    absolute = copy.deepcopy(network).double()
    with torch.no_grad():
        for parameter in absolute.parameters():
            parameter.abs_()
    for layer in norms(absolute):
        layer.batch_norm = _unchanged
    weights = [parameter for parameter in absolute.parameters() if parameter.dim() > 1]
    ones = torch.full((1, *shape), _SMALL, dtype=torch.float64, device=weights[0].device)
    with statistics(absolute, "batch"):
        flow = _SMALL * absolute(ones).sum()
        gradients = torch.autograd.grad(flow, weights, allow_unused=True, materialize_grads=True)
    total = math.fsum(
        float((weight.detach() * gradient).sum()) for weight, gradient in zip(weights, gradients, strict=True)
    )
    return math.log(total) - 2 * math.log(_SMALL) if total > 0 else math.log(math.ulp(0.0))


def jacov(network: nn.Module, images: Tensor) -> float:
    """Measure how little the gradients at different images (N, C, H, W) correlate: -Σ (log(v + k) + 1 / (v + k)).

    v are the eigenvalues of the (N, N) correlation matrix of the gradients of the summed logits with respect to each
    image, k is `JACOV_EPSILON`. Mellor et al., "Neural Architecture Search without Training", first version (arXiv
    2006.04647v1); `jacob_cov` of Abdelfattah et al. As in their code, gradients go through the statistics of the batch.
    Gradients without variance correlate with each other and with no others: a network without a path has the value of
    equal gradients, which is the lowest, about -1e5 (N - 1). If N is C·H·W or more, one eigenvalue is zero for any
    network and the others are small: use fewer images than an image has values.
    """
    points = images.detach().clone().requires_grad_()
    with statistics(network, "batch"):
        logits = network(points).sum()
        gradient = torch.autograd.grad(logits, points, allow_unused=True, materialize_grads=True)[0]
    eigenvalues = np.linalg.eigvalsh(_correlation(gradient.flatten(1).cpu().double().numpy()))
    # Negative eigenvalues of a correlation matrix come from rounding.
    shifted = np.maximum(eigenvalues, 0) + JACOV_EPSILON
    return -float(np.sum(np.log(shifted) + 1 / shifted))


def naswot(network: nn.Module, images: Tensor) -> float:
    """Measure how well the signs of ReLUs separate images (N, C, H, W): the log-determinant of an (N, N) kernel.

    The kernel of two images is the number of ReLU units, over all layers, that are on for both or off for both. Mellor
    et al., "Neural Architecture Search without Training" (ICML 2021). All ReLUs of the executed path count, each once;
    if several convolutions read the same ReLU of a node, the authors' networks have one ReLU for each. The kernel holds
    whole numbers, so its determinant is at least one, or zero: then the score is `SINGULAR`.
    """
    with torch.no_grad(), statistics(network, "batch"), _Agreement() as agreement:
        network(images)
    kernel = agreement.kernel
    if kernel is None or np.linalg.matrix_rank(kernel, hermitian=True) < len(kernel):
        return SINGULAR
    return float(np.linalg.slogdet(kernel)[1])


def first_images(splits: Splits, count: int) -> Tensor:
    """Return the first `count` training images, normalised, (count, C, H, W). Raises UserError if there are fewer."""
    if count > len(splits.train):
        raise UserError(f"proxies.images {count}: there are {len(splits.train)} training images; use fewer")
    return splits.normalise(splits.train.pixels[:count])


def proxies(network: nn.Module, images: Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """Compute the proxies of these names for one network, called as `network(images)`."""
    c, height, width = images.shape[1:]
    measures: Mapping[str, Callable[[], float]] = {
        "synflow": lambda: synflow(network, (c, height, width)),
        "jacov": lambda: jacov(network, images),
        "naswot": lambda: naswot(network, images),
    }
    return {name: measures[name]() for name in names}


def _unchanged(images: Tensor, *_: object) -> Tensor:
    """Replace a batch norm, which refuses one image of one pixel, by a copy: layers overwrite outputs of norms."""
    return images.clone()


def _correlation(rows: Floats) -> Floats:
    """Correlate the rows of (N, D) values: (N, N). Constant rows correlate with each other only."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    # The rounding error of the mean of equal numbers is not variance.
    constant = np.ptp(rows, axis=1) == 0
    centred[constant] = 0
    lengths = np.where(constant, 1.0, np.sqrt((centred**2).sum(axis=1)))
    unit = centred / lengths[:, None]
    correlation: Floats = unit @ unit.T + np.outer(constant, constant)
    return correlation


class _Agreement(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sums over all executed ReLUs the number of units that are on for both or off for both of two images.

    It intercepts operators instead of modules, because the networks call ReLU as a function.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernel: Floats | None = None

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in _RELUS:
            self._add(result)
        return result

    def _add(self, activated: Tensor) -> None:
        # A product of signs counts agreements minus disagreements; float32 is exact for whole numbers of 24 bits.
        exact = torch.float32 if activated[0].numel() <= 2**24 else torch.float64
        signs = (activated > 0).flatten(1).to(exact).mul_(2).sub_(1)
        agreeing = ((signs @ signs.T).double().cpu().numpy() + signs.shape[1]) / 2
        self.kernel = agreeing if self.kernel is None else self.kernel + agreeing
