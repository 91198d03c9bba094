"""Traps of the authors' code that live in networks and scoring: each is off unless asked for, and acts where it is."""

from typing import Any

import numpy as np
import pytest
import torch
from test_train import SPLITS, run_of
from tiny import SPACES, random_images

from supernet.build import build_supernet, evaluator
from supernet.nn.drawing import generator_for
from supernet.nn.dropout import Dropout
from supernet.nn.norm import norms
from supernet.spaces.base import NetworkSize
from supernet.spaces.nasbench101.encoding import stack_widths
from supernet.study import Protocol, Run

SPACE = SPACES["nasbench101"]
ARCH = SPACE.sample(np.random.default_rng(3))


def test_the_authors_widths_are_the_benchmarks_behind_a_stem_of_half_the_channels() -> None:
    assert stack_widths(128) == stack_widths(64, doubled=True) == [128, 256, 512]
    network = SPACE.build_standalone(ARCH, channels=8, layers=6, doubled=True).network
    assert network.stem.conv.weight.shape[0] == 8
    assert network.classifier.in_features == 64
    inputs = [(cell.c_in, cell.c_out) for stack in network.stacks for cell in stack]
    assert inputs == [(8, 16), (16, 16), (16, 32), (32, 32), (32, 64), (64, 64)]


@pytest.mark.parametrize("layers", [3, 6])
def test_doubled_widths_cost_what_is_counted(layers: int) -> None:
    from torch.utils.flop_counter import FlopCounterMode

    for arch in SPACE.sample(np.random.default_rng(4), count=6):
        network = SPACE.build_standalone(arch, channels=8, layers=layers, doubled=True)
        cost = SPACE.cost(arch, NetworkSize(8, layers, 10, 3, doubled=True), 8)
        assert cost.parameters == sum(parameter.numel() for parameter in network.parameters())
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, 8, 8))
        assert cost.macs == counter.get_total_flops() // 2


def test_doubled_widths_reach_super_nets_of_a_study() -> None:
    usual, doubled = (
        build_supernet(run_of("nasbench101", protocol=protocol), SPACE, SPLITS)
        for protocol in ({}, {"nasbench101_widths": "doubled"})
    )
    assert doubled.classifier.in_features == 2 * usual.classifier.in_features
    # Another space has no such widths, so that one study can have both.
    for name in ("nasbench201", "darts"):
        pair = [
            build_supernet(run_of(name, protocol=protocol), SPACES[name], SPLITS).state_dict()
            for protocol in ({}, {"nasbench101_widths": "doubled"})
        ]
        assert {key: value.shape for key, value in pair[0].items()} == {
            key: value.shape for key, value in pair[1].items()
        }


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("nasbench101", "benchmark", 0.003),
        ("nasbench101", "authors_code", 0.997),
        ("nasbench201", "benchmark", 0.1),
        ("nasbench201", "authors_code", 0.1),
        ("darts", 0.25, 0.25),
    ],
)
def test_momentum_of_running_statistics(name: str, value: Any, expected: float) -> None:
    run = run_of(name, protocol={"bn_momentum": value}, batch_norm="affine+tracking")
    network = build_supernet(run, SPACES[name], SPLITS)
    assert {layer.momentum for layer in norms(network)} == {expected}


@pytest.mark.parametrize("value", ["ours", 0, 1.5, None])
def test_a_wrong_momentum_is_one_error(value: Any) -> None:
    with pytest.raises(ValueError, match="1 validation error") as caught:
        Protocol.model_validate({"bn_momentum": value})
    assert "`benchmark`, `authors_code`, or a number" in str(caught.value)


def scores(run: Run, archs: list[Any]) -> list[tuple[float, float]]:
    """Accuracy and loss of architectures with a super-net as it was initialised."""
    network = build_supernet(run, SPACES[run.space], SPLITS)
    scorer = evaluator(run, SPLITS)
    return [scorer.evaluate(network, arch, "batch", "test") for arch in archs]


def test_drop_path_at_evaluation_is_theirs_and_a_function_of_seed_and_architecture() -> None:
    archs = SPACES["nasbench201"].sample(np.random.default_rng(5), count=4)
    theirs = {"dropout_at_evaluation": True}
    off = scores(run_of("nasbench201", dropout="path-0.2"), archs)
    on = scores(run_of("nasbench201", dropout="path-0.2", protocol=theirs), archs)
    assert on != off
    assert on == scores(run_of("nasbench201", dropout="path-0.2", protocol=theirs), archs)
    # Not of what was scored before.
    assert on[::-1] == scores(run_of("nasbench201", dropout="path-0.2", protocol=theirs), archs[::-1])
    assert on != scores(run_of("nasbench201", dropout="path-0.2", protocol=theirs, seed=1), archs)
    # Without drop-path there is nothing to keep on; dropout before the classifier is off as ever.
    for dropout in ("none", "global-0.2"):
        assert scores(run_of("nasbench201", dropout=dropout, protocol=theirs), archs) == scores(
            run_of("nasbench201", dropout=dropout), archs
        )


def test_drop_path_at_evaluation_drops_as_often_as_in_training() -> None:
    layer = Dropout(0.4, 0.0, cells=1, at_evaluation=True).eval()
    generator = generator_for(layer, torch.device("cpu"))
    assert generator is not None and generator_for(layer, torch.device("cpu")) is generator
    generator.manual_seed(0)
    kept = layer.drop_cell(torch.ones(20_000, 1, 1, 1), 1)
    assert (kept == 0).double().mean() == pytest.approx(0.4, abs=0.015)
    assert kept.max() == pytest.approx(1 / 0.6)
    quiet = Dropout(0.4, 0.0, cells=1).eval()
    images = random_images(3)
    assert torch.equal(quiet.drop_cell(images, 1), images)
