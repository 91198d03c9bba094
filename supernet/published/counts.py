"""Accuracies are counts of correct images.

Published files hold them in single precision, as percentages, or as means that were added in some order. Counted again,
equal results are equal numbers: ties stay ties, and the forms of a table agree to the last bit.
"""

import numpy as np
import numpy.typing as npt

from supernet.published.schema import Floats

# Single precision is off by up to .006 in a count of 150 000 (NASBench-201: 25 000 images, up to three runs).
_TOLERANCE = 0.02


def exact(accuracies: npt.ArrayLike, images: int) -> Floats:
    """Accuracies as exact fractions of `images`; a number that is no such fraction stays as it is.

    `images` counts those of all runs of a mean; a common multiple will do.
    """
    given = np.asarray(accuracies, dtype=np.float64)
    counts = np.round(given * images)
    return np.where(np.abs(given * images - counts) < _TOLERANCE, counts / images, given)
