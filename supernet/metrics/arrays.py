"""Array types of the metrics, and checks of arrays that are passed in."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def vector(name: str, values: npt.ArrayLike) -> Floats:
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
    vectors = {name: vector(name, values) for name, values in arrays.items()}
    if len({len(vector) for vector in vectors.values()}) > 1:
        lengths = ", ".join(f"{name} {len(vector)}" for name, vector in vectors.items())
        raise ValueError(f"expected one value per architecture in each array, got lengths {lengths}")
    return list(vectors.values())


def fractions(name: str, values: npt.ArrayLike) -> Floats:
    array = vector(name, values)
    if array.min() < 0 or array.max() > 1:
        raise ValueError(
            f"{name}: values from {array.min()} to {array.max()}, expected accuracies as fractions in 0..1; "
            "divide percent by 100"
        )
    return array


def scored_vectors(**arrays: npt.ArrayLike) -> list[Floats]:
    vectors = same_length(**arrays)
    if len(vectors[0]) < 3:
        raise ValueError(
            f"{len(vectors[0])} architectures, expected at least 3 for a rank correlation; enlarge the pool"
        )
    for name, vector in zip(arrays, vectors, strict=True):
        if name in {"accuracy", "truth"}:
            fractions(name, vector)
    return vectors
