"""Array types of the metrics, and checks of arrays that are passed in."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def vector(name: str, values: npt.ArrayLike) -> Floats:
    """Convert to float64 of shape (n,). ValueError for another shape, no values, or values that are not finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"{name}: expected one value per architecture, shape (n,), got shape {array.shape}")
    if not np.isfinite(array).all():
        first = int(np.flatnonzero(~np.isfinite(array))[0])
        raise ValueError(
            f"{name}: {array[first]} at index {first}, expected finite values; a diverged run is reported as "
            "diverged and never evaluated"
        )
    return array


def same_length(**arrays: npt.ArrayLike) -> list[Floats]:
    """Convert named arrays with `vector`; ValueError unless all have the same length."""
    vectors = {name: vector(name, values) for name, values in arrays.items()}
    if len({len(values) for values in vectors.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in vectors.items())
        raise ValueError(f"expected one value per architecture in each array, got lengths {lengths}")
    return list(vectors.values())


def fractions(name: str, values: npt.ArrayLike) -> Floats:
    """Convert accuracies with `vector`; ValueError for values outside 0..1."""
    array = vector(name, values)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(
            f"{name}: values from {array.min()} to {array.max()}, expected accuracies as fractions in 0..1; "
            "divide percent by 100"
        )
    return array


def scored_vectors(**arrays: npt.ArrayLike) -> list[Floats]:
    """Convert named arrays (n,) for a rank correlation, in the order given.

    Raises ValueError like `same_length`, for fewer than three architectures, and if `accuracy` or `truth` is outside
    0..1.
    """
    vectors = same_length(**arrays)
    if len(vectors[0]) < 3:
        raise ValueError(
            f"{len(vectors[0])} architectures, expected at least 3 for a rank correlation; enlarge the pool"
        )
    for name, values in zip(arrays, vectors, strict=True):
        if name in {"accuracy", "truth"}:
            fractions(name, values)
    return vectors
