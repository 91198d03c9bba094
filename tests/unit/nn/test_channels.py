"""Dynamic channels of NASBench-101: the weights for c of C channels, in both versions."""

from typing import Any

import numpy as np
import pytest
import torch
from tiny import SIZES, SPACES, random_images, randomised
from torch import Tensor, nn
from torch.nn import functional as F
from trainings import run_of, same_bits, state, trainer_of

from supernet.nn.channels import DynamicConvNormReLU
from supernet.nn.choice import averages
from supernet.nn.conv import Conv
from supernet.nn.drawing import generator_for
from supernet.nn.norm import Norm, norms, statistics
from supernet.spaces.nasbench101.encoding import vertex_channels

SPACE, SIZE = SPACES["nasbench101"], SIZES["nasbench101"]
KINDS = ("fixed-v1", "fixed-v2", "shuffled-v1", "shuffled-v2", "interpolation-v1", "interpolation-v2")
ARCHS = SPACE.sample(np.random.default_rng(5), count=30)


def network(dynamic_channels: str, seed: int = 0, batch_norm: str = "affine") -> nn.Module:
    """Build a small super-net in double precision with random norms; weights are equal for every kind."""
    torch.manual_seed(seed)
    plain = SPACE.build_supernet(SIZE.channels, SIZE.layers, SIZE.num_classes, SIZE.in_channels, batch_norm=batch_norm)
    torch.manual_seed(seed)
    made = SPACE.build_supernet(
        SIZE.channels, SIZE.layers, SIZE.num_classes, SIZE.in_channels, batch_norm=batch_norm,
        dynamic_channels=dynamic_channels,
    )  # fmt: skip
    made.load_state_dict(plain.state_dict(), strict=not dynamic_channels.startswith("shuffled"))
    return randomised(made.double(), seed)


def outputs(net: nn.Module, arch: Any, images: Tensor) -> Tensor:
    with torch.no_grad(), statistics(net, "batch"):
        return net(images, arch)


def narrow(arch: Any) -> bool:
    """Return whether the vertices of a cell have fewer channels than the cell."""
    return any(c < SIZE.channels for c in vertex_channels(SIZE.channels, SIZE.channels, arch.matrix)[1:-1])


def layer(kind: str, version: str, c_in: int = 7, c_out: int = 5) -> DynamicConvNormReLU:
    torch.manual_seed(3)
    made = DynamicConvNormReLU(Conv(c_in, c_out, 3), Norm(c_out, True, False, 0.1), kind, version).double().eval()
    nn.init.normal_(made.norm.weight)
    nn.init.normal_(made.norm.bias)
    return made


@pytest.mark.parametrize(("channels", "count"), [(7, 3), (7, 7), (8, 4), (5, 1), (128, 43)])
def test_averages_are_those_of_adaptive_pooling(channels: int, count: int) -> None:
    values = torch.randn(2, 3, channels)
    expected = F.adaptive_avg_pool1d(values, count)
    torch.testing.assert_close(values @ averages(channels, count).T, expected)


def test_all_kinds_agree_where_every_vertex_has_all_channels() -> None:
    whole = [arch for arch in ARCHS if not narrow(arch)][:5]
    assert whole
    images = random_images(4)
    for arch in whole:
        expected = outputs(network("fixed-v2"), arch, images)
        for kind in KINDS:
            torch.testing.assert_close(outputs(network(kind), arch, images), expected)


def test_kinds_differ_where_vertices_are_narrow_but_for_the_versions_of_fixed() -> None:
    arch = next(arch for arch in ARCHS if narrow(arch))
    images = random_images(4)
    found = {kind: outputs(network(kind), arch, images) for kind in KINDS}
    torch.testing.assert_close(found["fixed-v1"], found["fixed-v2"])
    distinct = [value for kind, value in found.items() if kind != "fixed-v1"]
    for number, one in enumerate(distinct):
        assert all(not torch.allclose(one, other) for other in distinct[:number])


def test_interpolated_kernel_and_norm_are_averages() -> None:
    made, images = layer("interpolation", "v2"), torch.randn(2, 4, 6, 6, dtype=torch.float64)
    planes = made.conv.weight.permute(2, 3, 0, 1).flatten(0, 1)
    kernel = F.adaptive_avg_pool2d(planes, (3, 4)).unflatten(0, (3, 3)).permute(2, 3, 0, 1)
    scale, shift = (F.adaptive_avg_pool1d(values[None], 3)[0] for values in (made.norm.weight, made.norm.bias))
    expected = F.relu(F.batch_norm(F.conv2d(images, kernel, padding=1), None, None, scale, shift, True))
    torch.testing.assert_close(made(images, 3), expected)


def test_interpolated_features_are_averages_of_all_outputs() -> None:
    made, images = layer("interpolation", "v1"), torch.randn(2, 4, 6, 6, dtype=torch.float64)
    convolved = F.conv2d(images, made.conv.weight[:, :4], padding=1)
    full = F.relu(F.batch_norm(convolved, None, None, made.norm.weight, made.norm.bias, True))
    expected = F.adaptive_avg_pool1d(full.flatten(2).transpose(1, 2).flatten(0, 1), 3)
    expected = expected.unflatten(0, (2, 36)).transpose(1, 2).unflatten(2, (6, 6))
    torch.testing.assert_close(made(images, 3), expected)


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_shuffled_channels_are_others_in_each_pass_and_one_for_good_at_evaluation(version: str) -> None:
    made, images = layer("shuffled", version), torch.randn(2, 4, 6, 6, dtype=torch.float64)
    chosen = made.outputs.order[:3]
    rows = made.inputs.order[:4] if version == "v2" else torch.arange(4)
    convolved = F.conv2d(images, made.conv.weight[:, rows], padding=1)
    full = F.relu(F.batch_norm(convolved, None, None, made.norm.weight, made.norm.bias, True))
    torch.testing.assert_close(made(images, 3), full[:, chosen])
    torch.testing.assert_close(made(images, 3), made(images, 3))
    made.train()
    with pytest.raises(ValueError, match="Channels without a generator"):
        made(images, 3)
    generator = generator_for(made, torch.device("cpu"))
    assert generator is not None
    generator.manual_seed(1)
    first, second = made(images, 3), made(images, 3)
    assert not torch.allclose(first, second)
    generator.manual_seed(1)
    torch.testing.assert_close(made(images, 3), first)


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_has_gradients_where_it_has_weights(kind: str) -> None:
    net, images = network(kind).train(), random_images(4)
    generator = generator_for(net, torch.device("cpu"))
    if generator is not None:
        generator.manual_seed(0)
    for arch in ARCHS[:10]:
        net.zero_grad()
        net(images, arch).square().sum().backward()
        touched = {name for name, parameter in net.named_parameters() if parameter.grad is not None}
        reference = network("fixed-v2").train()
        reference(images, arch).square().sum().backward()
        assert touched == {name for name, parameter in reference.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("kind", KINDS)
def test_recalibrated_statistics_are_those_of_the_architecture(kind: str) -> None:
    """Recalibrated on one batch, the network computes the same on that batch as with the batch's statistics."""
    net, images = network(kind), random_images(6)
    arch = next(arch for arch in ARCHS if narrow(arch))
    expected = outputs(net, arch, images)
    with torch.no_grad():
        with statistics(net, "recalibrating"):
            net(images, arch)
        with statistics(net, "recalibrated"):
            found = net(images, arch)
    # The unbiased variance of few values differs from the batch's.
    count = 6 * 2 * 2
    torch.testing.assert_close(found, expected, rtol=3 / count, atol=3 / count * float(expected.abs().max()))


def test_a_step_that_is_done_again_draws_the_same() -> None:
    run = run_of("nasbench101", dynamic_channels="shuffled-v2", batch_norm="affine")
    first, again = trainer_of(run), trainer_of(run)
    first.run()
    again.run()
    assert same_bits(state(first), state(again))
    other = trainer_of(run_of("nasbench101", seed=1, dynamic_channels="shuffled-v2", batch_norm="affine"))
    other.run()
    assert not same_bits(state(first), state(other))


def test_the_usual_kind_is_the_plain_network() -> None:
    names = [name for name, _ in network("fixed-v2").named_modules()]
    plain = SPACE.build_supernet(SIZE.channels, SIZE.layers, SIZE.num_classes, SIZE.in_channels, batch_norm="affine")
    assert names == [name for name, _ in plain.named_modules()]
    assert len(norms(network("interpolation-v2"))) == len(norms(plain))


def test_what_does_not_go_together() -> None:
    for values, message in (
        ({"dynamic_channels": "shuffled-v2", "batch_norm": "affine+tracking"}, "no channel has separate statistics"),
        ({"dynamic_channels": "fixed-v1", "wsbn": "per_input"}, "dynamic_channels: .* with wsbn or ofa_kernel"),
        ({"dynamic_channels": "fixed-v1", "ofa_kernel": "crop"}, "dynamic_channels: .* with wsbn or ofa_kernel"),
        ({"dynamic_channels": "middle-v2"}, "dynamic_channels: found 'middle-v2'; expected"),
    ):
        with pytest.raises(ValueError, match=message):
            SPACE.build_supernet(channels=4, layers=3, **values)
    for name in ("nasbench201", "darts"):
        with pytest.raises(ValueError, match=r"dynamic_channels: found 'fixed-v1'; .* lacks this factor"):
            SPACES[name].build_supernet(channels=4, layers=3, dynamic_channels="fixed-v1")
