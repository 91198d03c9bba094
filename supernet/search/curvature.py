"""The dominant eigenvalue of a Hessian, by Lanczos' method with Hessian-vector products."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor

from supernet.search.weights import Diverged


def dominant_eigenvalue(
    loss: Callable[[], Tensor], parameter: Tensor, start: npt.NDArray[np.float64], tolerance: float
) -> tuple[float, int]:
    """Return the largest eigenvalue of the Hessian of a loss by a parameter, and the number of products.

    `start` (n,) is the first vector. The eigenvalue is 0 if the loss has no curvature along `start`. Raises Diverged if
    a product is not finite.
    """
    (gradient,) = torch.autograd.grad(loss(), parameter, create_graph=True)
    products = 0

    def product(vector: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        nonlocal products
        products += 1
        direction = torch.from_numpy(np.ascontiguousarray(vector)).to(parameter).view_as(parameter)
        (along,) = torch.autograd.grad(gradient, parameter, direction, retain_graph=True)
        values: npt.NDArray[np.float64] = along.detach().double().cpu().numpy().ravel()
        if not np.isfinite(values).all():
            raise Diverged("the curvature of the loss is not finite")
        return values

    if not product(start).any():
        return 0.0, products
    operator = LinearOperator((len(start), len(start)), matvec=product, dtype=np.float64)
    values = eigsh(operator, k=1, which="LA", v0=start, tol=tolerance, return_eigenvectors=False)
    return float(values[0]), products
