"""Torch's functions instead of the fast kernels: equal results up to rounding, and no fast code runs."""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from tiny import SPACES
from torch import Tensor
from trainings import SPLITS, run_of, state, trainer_of

from supernet.config.study import Evaluation
from supernet.errors import UserError
from supernet.nn import fast, reuse
from supernet.nn.factory import LayerFactory
from supernet.nn.fast.switch import FAST, REFERENCE
from supernet.runtime.kernels import VARIABLE
from supernet.training.evaluator import Evaluator

FOLDER = Path(fast.__path__[0])
# Parameters of the factors with which each space calls most of the fast code.
FACTORS = {"nasbench101": {"batch_norm": "affine"}, "nasbench201": {"batch_norm": "none"}, "darts": {}, "macro": {}}
FASTER = {
    "nasbench101": {"convolution", "batchnorm", "maxpooling", "layout"},
    "nasbench201": {"convolution", "batchnorm", "pooling", "sums", "reuse"},
    "darts": {"convolution", "batchnorm", "maxpooling", "pooling", "layout", "sums", "depthwise", "depthwise_matrices"},
    "macro": {"convolution", "batchnorm", "layout", "sums", "depthwise", "depthwise_matrices", "reuse"},
}


@contextmanager
def counted(calls: Counter[str]) -> Iterator[None]:
    """Count the calls into each module of fast code, and into values that are kept for several architectures."""

    def profile(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        fast_code = path.parent == FOLDER and path.stem not in ("reference", "switch")
        kept = path == Path(str(reuse.__file__)) and frame.f_code.co_qualname == "Reuse._value"
        if event == "call" and (fast_code or kept):
            calls[path.stem] += 1

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def trained_and_scored(space: str) -> tuple[dict[str, Tensor], Tensor, Counter[str]]:
    """Weights after the first epoch, accuracies and losses of 10 architectures, calls of fast code."""
    calls: Counter[str] = Counter()
    run = run_of(space, learning_rate=0.01, **FACTORS[space])
    with counted(calls):
        trainer = trainer_of(run)
        trainer.run(until=3)
        evaluator = Evaluator(SPLITS, Evaluation(), run.protocol.channels_last)
        archs = SPACES[space].sample(np.random.default_rng(0), count=10)
        scores = evaluator.evaluate_many(trainer.network.eval(), archs, "batch", ["scoring"])
    return state(trainer), torch.tensor(scores), calls


@pytest.mark.parametrize("space", SPACES)
def test_the_switch_changes_rounding_alone(space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights agree to 1e-4, and scores to 1e-3, after three steps in float32: rounding, amplified by training."""
    monkeypatch.delenv(VARIABLE, raising=False)
    weights, scores, calls = trained_and_scored(space)
    assert FASTER[space] <= calls.keys()
    monkeypatch.setenv(VARIABLE, "1")
    reference, reference_scores, reference_calls = trained_and_scored(space)
    assert not reference_calls
    assert weights.keys() == reference.keys()
    for name, value in weights.items():
        torch.testing.assert_close(value, reference[name], rtol=1e-4, atol=1e-4, msg=name)
    torch.testing.assert_close(scores[..., 1], reference_scores[..., 1], rtol=1e-3, atol=1e-3)
    # One image of the scoring split may change sides.
    assert (scores[..., 0] - reference_scores[..., 0]).abs().max() <= 1 / len(SPLITS.scoring.labels) + 1e-6


def test_the_variable_decides_when_a_network_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, kernels in ((None, FAST), ("", FAST), ("0", FAST), ("1", REFERENCE)):
        if value is None:
            monkeypatch.delenv(VARIABLE, raising=False)
        else:
            monkeypatch.setenv(VARIABLE, value)
        assert LayerFactory().kernels == kernels
    monkeypatch.setenv(VARIABLE, "yes")
    with pytest.raises(UserError, match="SUPERNET_REFERENCE_KERNELS: found 'yes'; expected 0 or 1"):
        LayerFactory()
