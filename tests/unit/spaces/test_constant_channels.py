"""Constant-channel sub-spaces of NASBench-101: cells, sampling laws, and a super-net without slices."""

from collections import Counter

import numpy as np
import pytest
import torch
from scipy import stats
from tiny import random_images, randomised

from supernet import spaces
from supernet.errors import UserError
from supernet.nn.channels import DynamicConvNormReLU
from supernet.nn.conv import Conv
from supernet.published.nasbench101.cells import cells
from supernet.spaces.base import NetworkSize
from supernet.spaces.nasbench101 import NASBench101, sampling
from supernet.spaces.nasbench101.constant import OUTPUTS, ConstantChannels
from supernet.spaces.nasbench101.encoding import output_vertices, output_vertices_of, vertex_channels

SPACE = NASBench101()
SIZE = NetworkSize(channels=8, layers=3, num_classes=5, in_channels=2)


@pytest.mark.parametrize("vertices", [3, 4, 5])
def test_counts_are_those_of_an_enumeration(vertices: int) -> None:
    found = Counter(output_vertices(cell.matrix) for cell in cells(vertices))
    assert sampling.number_of_cells(vertices) == found.total()
    for outputs in range(vertices - 1):
        assert sampling.number_of_cells(vertices, outputs) == found[outputs]


def test_the_space_has_423624_cells_and_the_subspaces_their_part() -> None:
    assert sampling.number_of_cells() == 423_624
    # 1 is the cell without vertices; no cell has five.
    assert sum(sampling.number_of_cells(outputs=outputs) for outputs in range(6)) == 423_624
    assert [spaces.load(f"nasbench101-constant-{k}").size for k in OUTPUTS] == [120_933, 201_441, 10_467]


@pytest.mark.parametrize("outputs", [1, 2])
def test_random_a_is_uniform_over_the_subspace(outputs: int) -> None:
    ids = [SPACE.arch_id(cell) for cell in cells(4) if output_vertices(cell.matrix) == outputs]
    drawn = sampling.random_a(np.random.default_rng(0), 40 * len(ids), 4, outputs)
    counts = Counter(map(SPACE.arch_id, drawn))
    assert set(counts) == set(ids)
    assert stats.chisquare([counts[one] for one in ids]).pvalue > 1e-3


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_all_laws_stay_in_the_subspace(outputs: int) -> None:
    space, rng = spaces.load(f"nasbench101-constant-{outputs}"), np.random.default_rng(1)
    archs = space.sample(rng, "random_a", count=50) + space.sample(rng, "random_nas", count=50)
    archs += [arch for group in space.fair_groups(rng, 20) for arch in group]
    assert {output_vertices(arch.matrix) for arch in archs} == {outputs}
    assert all(space.holds(space.format(arch)) for arch in archs)
    assert {output_vertices_of(space.format(arch)) for arch in SPACE.sample(rng, count=200)} == {1, 2, 3, 4}


def test_random_nas_is_the_law_of_the_space_under_a_condition() -> None:
    drawn = sampling.random_nas(np.random.default_rng(2), 4_000)
    expected = [cell for cell in drawn if output_vertices(cell.matrix) == 2]
    assert sampling.random_nas(np.random.default_rng(2), len(expected), outputs=2) == expected


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_no_weight_is_sliced(outputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network = SPACE.build_supernet(*_size(), batch_norm="affine", dynamic_channels=f"constant-{outputs}")
    assert not any(isinstance(module, DynamicConvNormReLU) for module in network.modules())
    used: list[bool] = []
    plain = Conv.forward

    def forward(self: Conv, images: torch.Tensor, c_out: int | None = None) -> torch.Tensor:
        used.append(images.shape[1] == self.weight.shape[1] and c_out in (None, self.weight.shape[0]))
        return plain(self, images, c_out)  # type: ignore[arg-type]

    monkeypatch.setattr(Conv, "forward", forward)
    for arch in spaces.load(f"nasbench101-constant-{outputs}").sample(np.random.default_rng(3), count=20):
        network(random_images(2).float(), arch)
    assert used and all(used)


@pytest.mark.parametrize("outputs", OUTPUTS)
def test_it_computes_what_the_sliced_super_net_does_with_the_same_weights(outputs: int) -> None:
    arch = spaces.load(f"nasbench101-constant-{outputs}").sample(np.random.default_rng(4))
    narrow = randomised(SPACE.build_supernet(*_size(), dynamic_channels=f"constant-{outputs}").double()).eval()
    wide = SPACE.build_supernet(*_size()).double().eval()
    with torch.no_grad():
        for name, values in wide.state_dict().items():
            if values.dim():
                values[tuple(map(slice, narrow.state_dict()[name].shape))] = narrow.state_dict()[name]
    assert sum(p.numel() for p in narrow.parameters()) <= sum(p.numel() for p in wide.parameters())
    images = random_images(4)
    torch.testing.assert_close(narrow(images, arch), wide(images, arch))
    assert {vertex_channels(8, 8, arch.matrix)[v] for v in range(1, arch.vertices - 1)} == {8 // outputs}


def test_what_does_not_belong_is_an_error() -> None:
    network = SPACE.build_supernet(*_size(), dynamic_channels="constant-2")
    drawn = SPACE.sample(np.random.default_rng(5), count=50)
    stranger = next(arch for arch in drawn if output_vertices(arch.matrix) == 1)
    with pytest.raises(ValueError, match="expected 2 output vertices"):
        network(random_images(2).float(), stranger)
    with pytest.raises(ValueError, match="6 channels cannot be shared equally by 4"):
        SPACE.build_supernet(6, 3, dynamic_channels="constant-4")
    with pytest.raises(UserError, match="found 3 output vertices"):
        ConstantChannels(3)
    for name in ("nasbench201", "darts"):
        with pytest.raises(ValueError, match="lacks this factor"):
            spaces.load(name).build_supernet(4, 3, dynamic_channels="constant-2")


def _size() -> tuple[int, int, int, int]:
    return SIZE.channels, SIZE.layers, SIZE.num_classes, SIZE.in_channels
