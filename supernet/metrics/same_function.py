"""One score per function: the mean over the architectures of a pool that compute it with different shared weights."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from supernet import spaces
from supernet.config.study import Study
from supernet.metrics.arrays import Floats
from supernet.metrics.subsets import functions


@dataclass(frozen=True)
class SameFunction:
    """Groups of architectures whose scores are averaged; None leaves every score as it is.

    Beyond the paper. Stand-alone networks of equal functions differ by their seeds only, but a super-net gives them
    different paths. The differences between the scores of these paths say nothing about the function.
    """

    groups: npt.NDArray[np.int64] | None

    @classmethod
    def of(cls, study: Study, space: str, encodings: "pd.Series[str]") -> Self:
        """Return the groups of a pool (n,) of a space, by name, if the study averages (`metrics.same_function`)."""
        averaged = study.metrics.same_function == "averaged"
        names = functions(spaces.load(space), encodings.tolist()) if averaged else None
        return cls(None if names is None else np.unique(names, return_inverse=True)[1])

    def scores(self, values: Floats) -> Floats:
        """Return scores (n,): for each architecture the mean over its group."""
        if self.groups is None:
            return values
        sums = np.bincount(self.groups, weights=values)
        return np.asarray((sums / np.bincount(self.groups))[self.groups])
