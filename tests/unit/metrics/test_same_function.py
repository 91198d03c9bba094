"""Averaged scores of architectures that compute the same function."""

import numpy as np
import pandas as pd
import pytest
from checkouts import ROOT

from supernet import spaces
from supernet.config.study import Study
from supernet.metrics.same_function import SameFunction
from supernet.pipeline.plan import Plan

CELLS = (
    # The second edge of the first two cells passes its input on; in the third it has weights.
    "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
    "|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|none~1|skip_connect~2|",
    "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|",
)


def study(**metrics: str) -> Study:
    found = Plan.load({"study": "mini"}, ROOT).study
    return found.model_copy(update={"metrics": found.metrics.model_copy(update=metrics)})


def test_architectures_of_one_function_get_their_mean() -> None:
    same = SameFunction.of(study(same_function="averaged"), "nasbench201", pd.Series(CELLS))
    np.testing.assert_allclose(same.scores(np.array([0.2, 0.3, 0.9, 0.7])), [0.4, 0.4, 0.9, 0.4])


def test_by_default_every_architecture_keeps_its_score() -> None:
    values = np.array([0.2, 0.3, 0.9, 0.7])
    assert SameFunction.of(study(), "nasbench201", pd.Series(CELLS)).scores(values) is values


@pytest.mark.parametrize("name", ["nasbench101", "darts"])
def test_spaces_whose_identifiers_are_functions_have_nothing_to_average(name: str) -> None:
    space = spaces.load(name)
    encodings = [space.format(arch) for arch in space.sample(np.random.default_rng(0), count=3)]
    assert SameFunction.of(study(same_function="averaged"), name, pd.Series(encodings)).groups is None


def test_averages_are_those_of_pandas_on_random_cells() -> None:
    space, rng = spaces.load("nasbench201"), np.random.default_rng(1)
    cells = space.sample(rng, count=400)
    scores = pd.Series(rng.random(400))
    expected = scores.groupby([space.function_of(cell) for cell in cells]).transform("mean")
    same = SameFunction.of(study(same_function="averaged"), "nasbench201", pd.Series(map(space.format, cells)))
    np.testing.assert_allclose(same.scores(scores.to_numpy()), expected)
    assert expected.nunique() < 400
