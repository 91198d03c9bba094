"""References of the step benchmarks: plain and usual networks compute the same as ours; the ceiling is complete."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from benchmarks.harness.bench import QUICK, Bench, drawn, random_splits
from benchmarks.programs.heuristics import VARIANTS
from benchmarks.references.ceiling import Ceiling, Operation, operations
from benchmarks.references.plain import strip
from benchmarks.references.usual import UsualNetwork, copy_weights
from supernet import spaces
from supernet.config.baselines import BASELINES, SWEEPS

# Heuristics that change what one step computes; the others change how many there are, or how large.
IN_A_STEP = ("batch_norm", "dynamic_channels", "ofa_kernel", "wsbn", "dropout", "op_placement")


@pytest.mark.parametrize("name", list(VARIANTS))
def test_a_plain_network_computes_the_same_bits(name: str) -> None:
    space = spaces.load(name)
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        networks.append(space.build_supernet(8, 3, batch_norm=str(BASELINES[name]["batch_norm"])))
    ours, plain = networks[0], strip(networks[1])
    images, labels = torch.rand(6, 3, 16, 16, generator=torch.Generator().manual_seed(1)), torch.arange(6)
    for arch in space.sample(np.random.default_rng(2), count=8):
        gradients = []
        for network in (ours, plain):
            network.train().zero_grad()
            F.cross_entropy(network(images, arch), labels).backward()
            gradients.append({key: value.grad for key, value in network.named_parameters() if value.grad is not None})
        assert len(gradients[0]) > 3 and gradients[0].keys() == gradients[1].keys()
        for key, gradient in gradients[0].items():
            assert torch.equal(gradient, gradients[1][key]), key


def test_a_network_that_tracks_cannot_be_stripped() -> None:
    with pytest.raises(ValueError, match="does not track"):
        strip(spaces.load("nasbench201").build_supernet(4, 1))


@pytest.mark.parametrize("name", list(VARIANTS))
def test_every_heuristic_of_a_step_is_measured(name: str) -> None:
    measured = {variant.partition("=")[0] for variant in VARIANTS[name]}
    assert measured == {factor for factor in IN_A_STEP if factor in SWEEPS[name]}


def test_the_usual_way_computes_the_same() -> None:
    """Logits and gradients, in double precision, so that only the order of sums differs."""
    torch.manual_seed(0)
    space = spaces.load("nasbench201")
    ours = space.build_supernet(4, 2, batch_norm="affine").double()
    usual = UsualNetwork(4, 2, 10).double()
    copy_weights(ours, usual)
    images, labels = torch.rand(6, 3, 16, 16, dtype=torch.float64), torch.arange(6)
    # No path at all; edges that no output sees.
    named = (
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|none~1|none~2|",
    )
    for arch in [*map(space.parse, named), *space.sample(np.random.default_rng(2), count=10)]:
        outputs, stems = [], []
        for network in (ours, usual):
            network.train().zero_grad()
            logits = network(images, arch)
            F.cross_entropy(logits, labels).backward()
            outputs.append(logits.detach())
            # The usual way executes a path that no gradient passes, and gives zeros.
            weight = next(iter(network.stem.parameters()))
            stems.append(torch.zeros_like(weight) if weight.grad is None else weight.grad.clone())
        torch.testing.assert_close(*outputs, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(*stems, rtol=1e-7, atol=1e-12)
        assert outputs[0].std() > 0


def test_weights_of_another_size_are_not_copied() -> None:
    ours = spaces.load("nasbench201").build_supernet(4, 2, batch_norm="affine")
    with pytest.raises(RuntimeError, match="expected"):
        copy_weights(ours, UsualNetwork(4, 1, 10))


@pytest.fixture(scope="module")
def plain() -> dict[str, Bench]:
    splits = random_splits(60, 20)
    return {name: Bench(name, QUICK, splits, plain=True) for name in VARIANTS}


@pytest.mark.parametrize("name", list(VARIANTS))
def test_the_ceiling_counts_all_convolutions_of_a_path(plain: dict[str, Bench], name: str) -> None:
    bench = plain[name]
    for (arch,) in drawn(bench, 12):
        found = operations(bench, arch)  # refuses another number of multiply-adds than the space's cost
        convolutions = sum(number for one, number in found.items() if one.kind == "conv")
        assert convolutions >= 1 and {"batch_norm", "relu"} <= {one.kind for one in found} | {"relu"}


def test_operations_of_a_known_architecture(plain: dict[str, Bench]) -> None:
    """Convolutions of 3 x 3 on all edges and three cells per stage: 54 of them, stem, and two down-blocks of three."""
    bench = plain["nasbench201"]
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    found = operations(bench, bench.space.parse(text))
    kinds = Counter[str]()
    for one, number in found.items():
        kinds[one.kind] += number
    # Nodes 0, 1 and 2 of nine cells share a ReLU each; down-blocks have two each, and there is the last one.
    assert kinds == {"conv": 54 + 1 + 6, "batch_norm": 54 + 1 + 4 + 1, "relu": 27 + 4 + 1, "avg_pool": 2}
    assert found[Operation("conv", (4, 32, 32), (4, 3, 1, 1, False, True))] == 18
    assert found[Operation("conv", (3, 32, 32), (4, 3, 1, 1, False, False))] == 1


def test_a_convolution_that_is_missed_is_an_error(plain: dict[str, Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    bench = plain["darts"]
    ((arch,),) = drawn(bench, 1)
    more = bench.macs(arch) + 1
    monkeypatch.setattr(bench, "macs", lambda arch: more)
    with pytest.raises(RuntimeError, match="multiply-adds; expected"):
        operations(bench, arch)


def test_the_ceiling_is_the_sum_of_the_fastest_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    ceiling = Ceiling(2, 1)
    times = iter([5.0, 3.0, 4.0, 9.0, 7.0, 1.0])
    monkeypatch.setattr("benchmarks.references.ceiling.seconds", lambda task: next(times))
    # Each of both formats: torch's function and the layer; then a ReLU in both formats.
    dense, relu = Operation("conv", (4, 8, 8), (4, 3, 1, 1, False, True)), Operation("relu", (4, 8, 8), ())
    found = Counter({dense: 2, relu: 3})
    assert ceiling.seconds(found) == 2 * 3.0 + 3 * 1.0
    # Known by now.
    assert ceiling.seconds(found) == 9.0
