"""Rounding of published accuracies to exact fractions of images.

Published files have accuracies in single precision, as percentages, or as means with unknown order of summation. Exact
fractions make equal results equal numbers, so that ties are preserved and the forms of a table agree in all bits.
"""

import numpy as np
import numpy.typing as npt

from supernet.published.schema import Floats

# In single precision, a count of 150 000 has an error of up to .006 (NASBench-201: 25 000 images, up to three runs).
_TOLERANCE = 0.02


def exact(accuracies: npt.ArrayLike, images: int) -> Floats:
    """Return accuracies as exact fractions of `images`; numbers that are not such fractions are unchanged.

    For means, `images` is the number of images of all runs, or a common multiple.
    """
    given = np.asarray(accuracies, dtype=np.float64)
    with np.errstate(invalid="ignore", over="ignore"):  # huge numbers stay as they are; the table refuses them
        counts = np.round(given * images)
        near = np.abs(given * images - counts) < _TOLERANCE
    return np.where(near, counts / images, given)
