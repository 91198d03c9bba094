"""The analytic cost of networks against torch's count and sums by hand.

Published costs are in test_nasbench101_encoding.py, test_nasbench201.py, test_darts.py and test_published_tables.py.
"""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from counted import counted
from tiny import SIZES, SPACES, standalone

from supernet.errors import UserError
from supernet.nn.mixture import Mixture
from supernet.spaces.base import NetworkSize, Space
from supernet.spaces.counting import Cost, conv, conv_norm, depthwise, linear, norm

# Channels, layers and resolutions to draw from: odd and even widths, each number of cells with its own reductions.
DRAWN: dict[str, tuple[list[int], list[int], list[int]]] = {
    "nasbench101": ([5, 6, 16, 31], [3, 6], [2, 3, 4, 5, 7, 8, 13, 16, 27, 32]),
    "nasbench201": ([1, 3, 8, 16], [1, 2, 5], [4, 8, 12, 20, 32]),
    "darts": ([1, 2, 3, 7, 12], [1, 2, 3, 4, 5, 8], [1, 2, 3, 4, 6, 7, 8, 12, 16, 32]),
    "macro": ([1, 3, 8], [8], [1, 2, 3, 5, 7, 8, 12, 16, 32]),
}
COUNT = {"nasbench101": 25, "nasbench201": 25, "darts": 25, "macro": 25}


@pytest.fixture(params=SPACES.values(), ids=SPACES)
def space(request: pytest.FixtureRequest) -> Space[Any]:
    return request.param  # type: ignore[no-any-return]


def built(space: Space[Any], arch: Any, size: NetworkSize) -> torch.nn.Module:
    with torch.device("meta"):
        return space.build_standalone(arch, size.channels, size.layers, size.num_classes, size.in_channels)


def by_torch(space: Space[Any], arch: Any, size: NetworkSize, image: int) -> Cost | None:
    """Return torch's count; None if the network cannot be called on such images."""
    network = built(space, arch, size)
    try:
        return counted(network, size.in_channels, image)
    except RuntimeError:
        return None


def by_us(space: Space[Any], arch: Any, size: NetworkSize, image: int) -> Cost | None:
    """Return our count; None if the cost is refused."""
    try:
        return space.cost(arch, size, image)
    except UserError:
        return None


def test_cost_is_that_of_the_network_that_is_built(space: Space[Any]) -> None:
    """Random architectures at random sizes; images that the network does not take have no cost."""
    rng = np.random.default_rng(20201106)
    channels, layers, images = DRAWN[space.name]
    found = []
    for arch in space.sample(rng, count=COUNT[space.name]):
        size = NetworkSize(
            int(rng.choice(channels)), int(rng.choice(layers)), int(rng.integers(2, 12)), int(rng.integers(1, 4))
        )
        image = int(rng.choice(images))
        found.append(by_us(space, arch, size, image))
        assert found[-1] == by_torch(space, arch, size, image), (space.format(arch), size, image)
    costs = [cost for cost in found if cost is not None]
    assert len(costs) >= COUNT[space.name] // 2
    assert (len(costs) < len(found)) == (space.name in ("nasbench101", "darts"))


def test_convolutions_of_zeros_have_no_multiply_adds_without_affine_and_tracking(space: Space[Any]) -> None:
    """Networks whose norms have no shift leave them out; their parameters stay, those of norms excepted."""
    skipping, size = 0, SIZES[space.name]
    for arch in space.sample(np.random.default_rng(5), count=30):
        whole, cost = space.cost(arch, size, 8), space.cost(arch, size, 8, zero_in_zero_out=True)
        assert cost.parameters == whole.parameters
        assert cost.macs == counted(standalone(space, arch, "none"), size.in_channels, 8, arch).macs
        skipping += cost.macs < whole.macs
    assert (skipping > 0) == (space.name in ("nasbench201", "darts"))


def test_cost_at_the_benchmark_size_is_the_default(space: Space[Any]) -> None:
    size = NetworkSize(space.channels, space.layers, num_classes=10, in_channels=3)
    for arch in space.sample(np.random.default_rng(3), count=2):
        with torch.device("meta"):
            network = space.build_standalone(arch)
        assert space.cost(arch) == space.cost(arch, size, 32) == counted(network, 3, 32)


@pytest.mark.parametrize(("image", "message"), [(1, "expected 2 x 2 or more"), (3, "1 x 1 pixels"), (0, "0 pixels")])
def test_nasbench101_images_must_survive_two_poolings(image: int, message: str) -> None:
    space = SPACES["nasbench101"]
    with pytest.raises(UserError, match=message):
        space.cost(space.parse("IO:1"), image=image)


@pytest.mark.parametrize(("image", "found"), [(5, "5 x 5"), (6, "3 x 3"), (31, "31 x 31")])
def test_nasbench201_images_are_halved_twice(image: int, found: str) -> None:
    space = SPACES["nasbench201"]
    with pytest.raises(UserError, match=f"found {found} pixels, .* a multiple of 4"):
        space.cost(space.parse(["skip_connect"] * 6), image=image)


@pytest.mark.parametrize("name", ["nasbench201", "darts", "macro"])
def test_images_have_pixels(name: str) -> None:
    space = SPACES[name]
    with pytest.raises(UserError, match=f"{name}: found images of -4 pixels a side"):
        space.cost(space.sample(np.random.default_rng(0)), image=-4)


def test_nasbench101_by_hand() -> None:
    """A cell that is one 1x1 projection with batch norm: stem, three stacks of three, head."""
    space = SPACES["nasbench101"]
    cell = space.parse("IO:1")
    stem, head = 3 * 9 * 8 + 16, 32 * 10 + 10
    narrow, middle, wide = 3 * (8 * 8 + 16), (8 * 16 + 32) + 2 * (16 * 16 + 32), (16 * 32 + 64) + 2 * (32 * 32 + 64)
    macs = 32**2 * (3 * 9 * 8 + 3 * 8 * 8) + 16**2 * (8 * 16 + 2 * 16 * 16) + 8**2 * (16 * 32 + 2 * 32 * 32) + 32 * 10
    assert space.cost(cell, NetworkSize(8, 9, 10, 3)) == Cost(stem + narrow + middle + wide + head, macs)
    smaller = (9 * 8 + 16) + 80 + (8 * 16 + 32) + (16 * 32 + 64) + (32 * 5 + 5)
    assert space.cost(cell, NetworkSize(8, 3, 5, 1)).parameters == smaller


def test_nasbench201_dead_edges_have_parameters_but_no_multiply_adds() -> None:
    """Node 1 has no way to the output, node 2 is fed by zeros alone: a convolution adds its shift to them."""
    space, size = SPACES["nasbench201"], NetworkSize(4, 1, 10, 3)
    bare = space.cost(space.parse(["none"] * 6), size, 8)
    weights, pixels = sum(9 * c * c + 2 * c for c in (4, 8, 16)), {4: 64, 8: 16, 16: 4}
    dead = space.parse(["nor_conv_3x3", "none", "none", "none", "none", "none"])
    assert space.cost(dead, size, 8) == bare + Cost(weights, 0)
    shifting = space.parse(["none", "none", "none", "none", "none", "nor_conv_3x3"])
    assert space.cost(shifting, size, 8) == bare + Cost(weights, sum(9 * c * c * n for c, n in pixels.items()))


def test_macro_by_hand() -> None:
    """The benchmark's tail has 1 280 channels for 32 of the stem; odd images are halved upwards three times."""
    space, size = SPACES["macro"], NetworkSize(2, 8, 10, 3)
    stem, tail = 3 * 9 * 2, 16 * 80
    down = 2 * 4 + 4 * 8 + 8 * 16
    norms = 2 * (2 + 4 + 8 + 16 + 80)
    bare = space.cost(space.parse("00000000"), size, 5)
    macs = 25 * stem + 9 * 2 * 4 + 4 * 4 * 8 + 1 * 8 * 16 + tail + 80 * 10
    assert bare == Cost(stem + down + tail + norms + 80 * 10 + 10, macs)
    # A block of the second layer: 4 channels on 3 x 3 pixels, 24 hidden ones.
    block = 4 * 24 + 25 * 24 + 24 * 4
    assert space.cost(space.parse("02000000"), size, 5) == bare + Cost(block + 2 * (24 + 24 + 4), 9 * block)
    with pytest.raises(UserError, match="macro: found 7 layers; expected 8: each of the eight layers is a choice"):
        space.cost(space.parse("00000000"), NetworkSize(2, 7, 10, 3))


def test_blocks_by_hand() -> None:
    assert conv(3, 5, 3, 7) == Cost(135, 135 * 49)
    assert conv(3, 5, 3, 7, stride=2) == Cost(135, 135 * 16)
    assert depthwise(6, 5, 8, stride=2) == Cost(150, 150 * 16)
    assert norm(6) == Cost(12, 0)
    assert linear(64, 10) == Cost(650, 640)
    assert conv_norm(3, 5, 1, 4) == conv(3, 5, 1, 4) + norm(5) == Cost(25, 240)
    assert Cost(2, 3) * 4 == Cost(8, 12)
    assert Cost(2, 3).idle() == Cost(2, 0)


def test_counting_does_without_torch(root: Any) -> None:
    program = (
        "import sys; import numpy as np; from supernet.spaces import load; "
        "spaces = [load(name) for name in ('nasbench101', 'nasbench201', 'darts', 'macro')]; "
        "print([s.cost(s.sample(np.random.default_rng(0))).macs > 0 for s in spaces], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout == "[True, True, True, True] False\n"


class Mixed(torch.nn.Module):
    """A relaxed super-net that computes some operations, called as `net(images)`."""

    def __init__(self, network: torch.nn.Module, computed: Any) -> None:
        super().__init__()
        self.network, self.computed = network, computed

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        weights = torch.empty(self.computed.shape, device=images.device)
        return self.network.mix(images, Mixture(weights, self.computed))  # type: ignore[operator,no-any-return]


@pytest.mark.parametrize("partial", [1, 2])
@pytest.mark.parametrize(
    ("name", "size", "image"),
    [
        ("nasbench201", NetworkSize(8, 2, 10, 3), 8),
        ("darts", NetworkSize(4, 5, 10, 3), 8),
        ("darts", NetworkSize(6, 3, 3, 1), 12),
    ],
)
def test_a_mixture_costs_the_sum_of_its_operations(name: str, size: NetworkSize, image: int, partial: int) -> None:
    space, rng = SPACES[name], np.random.default_rng(0)
    with torch.device("meta"):
        network = space.build_supernet(
            size.channels, size.layers, size.num_classes, size.in_channels, partial_channels=partial
        )
    others, operations = space.relaxed_macs(size, image, partial)
    assert space.relaxation is not None
    assert operations.shape == (*space.relaxation, len(space.operations))
    for share in (1.0, 0.5, 0.2):
        computed = rng.random(operations.shape) < share
        assert others + operations[computed].sum() == counted(Mixed(network, computed), size.in_channels, image).macs


def test_a_space_without_a_relaxation_has_no_mixtures() -> None:
    with pytest.raises(UserError, match="nasbench101: has no relaxation"):
        SPACES["nasbench101"].relaxed_macs(NetworkSize(8, 3, 10, 3))
