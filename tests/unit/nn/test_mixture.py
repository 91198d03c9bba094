"""Relaxed super-nets: equal to a path at one-hot weights; gradients agree with finite differences."""

from typing import Any

import numpy as np
import pytest
import torch
from tiny import SIZES, SPACES, random_images, supernet
from torch import Tensor

from supernet.nn.mixture import Mixture, with_bypass
from supernet.nn.norm import Norm, statistics
from supernet.spaces.darts.encoding import NODES, Cell, Genotype, position
from supernet.spaces.nasbench201.encoding import OPERATIONS

RELAXED = [SPACES["nasbench201"], SPACES["darts"]]
SHAPES = {"nasbench201": (1, 6, 5), "darts": (2, 14, 8)}


def one_hot(space: Any, arch: Any) -> Tensor:
    """The weights at which a mixture is a path: 2 where a DARTS node has an edge twice."""
    weights = torch.zeros(SHAPES[space.name], dtype=torch.float64)
    if space.name == "nasbench201":
        for number, operation in enumerate(arch.operations):
            weights[0, number, OPERATIONS.index(operation)] = 1
        return weights
    for kind, cell in enumerate((arch.normal, arch.reduce)):
        for number, (operation, state) in enumerate(cell.edges):
            weights[kind, position(number // 2, state), space.operations.index(operation)] += 1
    return weights


def whole(space: Any, arch: Any) -> Any:
    """The architecture; in DARTS with all nodes concatenated, as in a relaxed cell."""
    if space.name != "darts":
        return arch
    return Genotype(*(Cell.build(cell.edges, range(2, 2 + NODES)) for cell in (arch.normal, arch.reduce)))


def sampled(space: Any, count: int) -> list[Any]:
    return [whole(space, arch) for arch in space.sample(np.random.default_rng(3), count=count)]


def random_weights(space: Any, seed: int = 0) -> Tensor:
    return torch.rand(SHAPES[space.name], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("space", RELAXED, ids=lambda space: space.name)
@pytest.mark.parametrize("batch_norm", ["affine+tracking", "none"])
@pytest.mark.parametrize(
    "heuristics",
    [
        *({}, {"op_placement": "node"}, {"ofa_kernel": "transform"}),
        *({"cell_norms": "plain", "pooling_norms": True}, {"op_placement": "node", "pooling_norms": True}),
    ],
    ids=str,
)
def test_one_hot_is_the_path(space: Any, batch_norm: str, heuristics: dict[str, Any]) -> None:
    network, images = supernet(space, batch_norm, **heuristics), random_images(4)
    with torch.no_grad(), statistics(network, "tracked" if "tracking" in batch_norm else "batch"):
        for arch in sampled(space, 6):
            weights = one_hot(space, arch)
            path = network(images, arch)
            torch.testing.assert_close(network.mix(images, Mixture(weights)), path)
            # What has no weight need not be computed.
            torch.testing.assert_close(network.mix(images, Mixture(weights, weights.numpy() > 0)), path)


@pytest.mark.parametrize("space", RELAXED, ids=lambda space: space.name)
@pytest.mark.parametrize("heuristics", [{}, {"cell_norms": "plain", "pooling_norms": True}], ids=str)
def test_one_hot_trains_the_path(space: Any, heuristics: dict[str, Any]) -> None:
    network, images = supernet(space, "affine", **heuristics), random_images(4)
    arch = sampled(space, 1)[0]
    found = []
    for logits in (network(images, arch), network.mix(images, Mixture(one_hot(space, arch)))):
        network.zero_grad()
        logits.square().sum().backward()
        found.append({name: value.grad.clone() for name, value in network.named_parameters() if value.grad is not None})
    path, mixture = found
    for name, gradient in mixture.items():
        torch.testing.assert_close(gradient, path.get(name, torch.zeros_like(gradient)))


@pytest.mark.parametrize("tracking", ["", "+tracking"])
@pytest.mark.parametrize("space", RELAXED, ids=lambda space: space.name)
def test_plain_norms_of_cells_have_no_scales_and_shifts(space: Any, tracking: str) -> None:
    own, plain = (supernet(space, f"affine{tracking}", cell_norms=kind) for kind in ("batch_norm", "plain"))
    kept, left = dict(own.named_parameters()), dict(plain.named_parameters())
    cells = {name for name in kept if "norm" in name and name.split(".")[0] in {"cells", "stages"}}
    # Stem, down-blocks and the last norm keep theirs, as in the codes of DARTS and AutoDL-Projects.
    assert cells and set(kept) - set(left) == cells
    assert {"stem.norm.weight", "stem.norm.bias"} <= set(left)
    assert all(torch.equal(value, kept[name]) for name, value in left.items() if "norm" not in name)
    assert set(dict(own.named_buffers())) == set(dict(plain.named_buffers()))


def test_poolings_of_darts_can_have_norms() -> None:
    space = SPACES["darts"]
    plain, normed = (supernet(space, "affine", pooling_norms=on) for on in (False, True))
    # The same parameters; norms of both poolings on the 14 edges of each cell have none.
    assert plain.state_dict().keys() == normed.state_dict().keys()
    added = [name for name, module in normed.named_modules() if isinstance(module, Norm) and "pool" in name]
    assert len(added) == 2 * 14 * len(normed.cells)  # type: ignore[arg-type]
    # Pooled values have mean 0 and variance 1, up to the epsilon of the norm.
    cell = normed.cells[0]  # type: ignore[index]
    images = 100 * torch.rand(4, 3 * SIZES["darts"].channels, 8, 8, dtype=torch.float64)
    seen: list[Tensor] = []
    cell.operations["node0_from0_avg_pool_3x3"].register_forward_hook(lambda _, __, value: seen.append(value))
    weights = torch.zeros(2, 14, 8, dtype=torch.float64)
    weights[..., space.operations.index("avg_pool_3x3")] = 1
    cell.mix(images, images, Mixture(weights, weights.numpy() > 0), (1, 1))
    mean, variance = seen[0].mean((0, 2, 3)), seen[0].var((0, 2, 3), correction=0)
    torch.testing.assert_close(mean, torch.zeros_like(mean), atol=1e-5, rtol=0)
    torch.testing.assert_close(variance, torch.ones_like(variance), atol=0.01, rtol=0)


@pytest.mark.parametrize("name", ["nasbench101", "macro"])
def test_norms_of_mixtures_need_a_relaxation(name: str) -> None:
    for options in ({"cell_norms": "plain"}, {"pooling_norms": True}):
        with pytest.raises(ValueError, match="has no relaxation"):
            SPACES[name].build_supernet(8, SIZES[name].layers, **options)


@pytest.mark.parametrize("partial", [1, 2])
@pytest.mark.parametrize("space", RELAXED, ids=lambda space: space.name)
def test_gradients_against_finite_differences(space: Any, partial: int) -> None:
    torch.manual_seed(0)
    network = space.build_supernet(4, 1 if space.name == "nasbench201" else 3, 3, 2, partial_channels=partial).double()
    images, weights = random_images(3, size=4), random_weights(space).requires_grad_()
    edges = random_weights(space, 1)[..., 0].requires_grad_()

    def value(operations: Tensor, positions: Tensor) -> Tensor:
        return network.mix(images, Mixture(operations, positions=positions)).square().mean()

    gradients = torch.autograd.grad(value(weights, edges), [weights, edges])
    rng = torch.Generator().manual_seed(2)
    for _ in range(3):
        steps = [torch.randn(x.shape, generator=rng, dtype=torch.float64) * 1e-6 for x in (weights, edges)]
        with torch.no_grad():
            high = value(weights + steps[0], edges + steps[1])
            low = value(weights - steps[0], edges - steps[1])
        slope = sum((g * step).sum() for g, step in zip(gradients, steps, strict=True))
        torch.testing.assert_close((high - low) / 2, slope, rtol=1e-4, atol=1e-12)


@pytest.mark.parametrize("space", RELAXED, ids=lambda space: space.name)
def test_what_is_not_computed_counts_as_zero(space: Any) -> None:
    network, images = supernet(space, "none"), random_images(4)
    weights = random_weights(space)
    computed = np.ones(weights.shape, bool)
    computed[:, :, 2:] = False
    masked = weights.clone()
    masked[:, :, 2:] = 0
    with torch.no_grad():
        torch.testing.assert_close(
            network.mix(images, Mixture(weights, computed)), network.mix(images, Mixture(masked))
        )


def test_bypass_keeps_the_other_channels_and_shuffles() -> None:
    images = torch.arange(8.0).view(1, 8, 1, 1).expand(1, 8, 2, 2)
    mixed = images[:, :2] + 100
    found = with_bypass(mixed, images, 4)
    assert found[0, :, 0, 0].tolist() == [100, 2, 4, 6, 101, 3, 5, 7]
    assert with_bypass(mixed[:, :, :1, :1], images, 4).shape == (1, 8, 1, 1)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_partial_channels_have_no_path(space: Any) -> None:
    if space.relaxation is None:
        with pytest.raises(ValueError, match="no relaxation"):
            space.build_supernet(4, SIZES[space.name].layers, partial_channels=2)
        return
    with pytest.raises(ValueError, match="does not divide 4"):
        space.build_supernet(4, 3, partial_channels=3)
    network = space.build_supernet(4, 3, 5, 2, partial_channels=2)
    with pytest.raises(ValueError, match="whole paths"):
        network(random_images(2).float(), sampled(space, 1)[0])
