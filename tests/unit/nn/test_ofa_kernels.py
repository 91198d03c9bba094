"""OFA kernels: smaller kernels are the centre of the largest one, optionally transformed."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from tiny import BATCH_NORMS, SIZES, SPACES, random_images, supernet
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.nn.conv import Conv
from supernet.nn.factory import LayerFactory
from supernet.nn.norm import statistics
from supernet.nn.ofa_kernels import share_kernels
from supernet.spaces.base import Space

IMAGES = random_images(3)
LABELS = torch.tensor([0, 1, 4])

# Sizes in the names of small kernels, and in the names of their large kernels.
SIZES_IN_NAMES = {
    "nasbench101": (".conv1x1-bn-relu.conv.", ".conv3x3-bn-relu.conv."),
    "nasbench201": (".nor_conv_1x1.conv.", ".nor_conv_3x3.conv."),
    "darts": ("conv_3x3", "conv_5x5"),
    "macro": (".mb3_k3.depthwise.", ".mb6_k5.depthwise."),
}
# One architecture with a small and a large kernel on many positions.
MIXED: dict[str, Any] = {
    "nasbench101": "I3131O:11110/0001/001/01/1",
    "nasbench201": ["nor_conv_1x1", "nor_conv_3x3", "nor_conv_1x1", "nor_conv_1x1", "nor_conv_3x3", "nor_conv_1x1"],
    "darts": {
        "normal": [("sep_conv_3x3", 0), ("sep_conv_5x5", 0), ("dil_conv_3x3", 1), ("dil_conv_5x5", 2)] * 2,
        "reduce": [("dil_conv_3x3", 1), ("dil_conv_5x5", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 2)] * 2,
    },
    "macro": "21211212",
}


@pytest.fixture(params=SPACES.values(), ids=SPACES)
def space(request: pytest.FixtureRequest) -> Space[Any]:
    return request.param  # type: ignore[no-any-return]


def architectures(space: Space[Any], count: int) -> list[Any]:
    return [space.parse(MIXED[space.name]), *space.sample(np.random.default_rng(1), count=count)]


def larger(space: Space[Any], name: str) -> str | None:
    """Return the kernel that contains the small kernel of this name; None for every other tensor."""
    found = name.replace(*SIZES_IN_NAMES[space.name])
    kernel = name.endswith("depthwise.weight" if space.name in ("darts", "macro") else "conv.weight")
    return found if kernel and found != name else None


def matrix_name(small: str) -> str:
    return small.removesuffix("weight") + "source.matrix"


def made_random(network: nn.Module) -> nn.Module:
    """Set matrices that are not the identity."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("source.matrix"):
                parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return network


def plain_network(space: Space[Any], shared: nn.Module, batch_norm: str) -> nn.Module:
    """Build the super-net without the heuristic that computes the same function; its small kernels are made by hand."""
    plain, state = supernet(space, batch_norm), shared.state_dict()
    made = {}
    for name in plain.state_dict():
        if (source := larger(space, name)) is None:
            made[name] = state[name]
        else:
            # The first channels: in a chain, the small kernel has half as many.
            centre = state[source][: len(plain.state_dict()[name]), :, 1:-1, 1:-1]
            matrix = state.get(matrix_name(name), torch.eye(centre[0, 0].numel(), dtype=torch.float64))
            made[name] = torch.einsum("ij,ocj->oci", matrix, centre.flatten(2)).view_as(centre)
    plain.load_state_dict(made)
    return plain


def gradients(network: nn.Module, arch: Any) -> dict[str, Tensor]:
    network.zero_grad(set_to_none=True)
    F.cross_entropy(network(IMAGES, arch), LABELS).backward()
    return {name: p.grad for name, p in network.named_parameters() if p.grad is not None}


def logits(network: nn.Module, arch: Any, bn_mode: Any = "batch") -> Tensor:
    with torch.no_grad(), statistics(network, bn_mode):
        value: Tensor = network(IMAGES, arch)
    assert torch.isfinite(value).all()
    return value


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("kind", ["crop", "transform"])
def test_function_and_gradients_are_those_of_kernels_made_by_hand(
    space: Space[Any], kind: str, batch_norm: str
) -> None:
    """Outputs and gradients of random architectures; the gradients of small kernels by the chain rule."""
    shared = made_random(supernet(space, batch_norm, ofa_kernel=kind))
    plain = plain_network(space, shared, batch_norm)
    small = 0
    for arch in architectures(space, 4):
        for bn_mode in ("batch", "tracked") if "tracking" in batch_norm else ("batch",):
            torch.testing.assert_close(logits(shared, arch, bn_mode), logits(plain, arch, bn_mode), rtol=0, atol=1e-10)
        found, own = gradients(shared, arch), gradients(plain, arch)
        expected = {name: gradient for name, gradient in own.items() if larger(space, name) is None}
        state = shared.state_dict()
        for name, gradient in own.items():
            if (source := larger(space, name)) is None:
                continue
            small += 1
            total = expected.get(source, torch.zeros_like(state[source])).clone()
            count = len(gradient)
            centre, flat = state[source][:count, :, 1:-1, 1:-1].flatten(2), gradient.flatten(2)
            if kind == "transform":
                expected[matrix_name(name)] = torch.einsum("oci,ocj->ij", flat, centre)
                flat = torch.einsum("ij,oci->ocj", state[matrix_name(name)], flat)
            total[:count, :, 1:-1, 1:-1] += flat.view_as(gradient)
            expected[source] = total
        assert found.keys() == expected.keys()
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-8, atol=1e-11, msg=name)
    assert small > 7


@pytest.mark.parametrize("side", [3, 6, 12])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 2)])
def test_steps_of_depthwise_kernels_against_plain_convolutions(stride: int, dilation: int, side: int) -> None:
    """7 to 5 to 3: the kernel of 3 is made from the transformed one of 5, in whatever order they are given."""
    torch.manual_seed(0)
    convs = {k: Conv(4, 4, k, stride, dilation, depthwise=True).double() for k in (3, 7, 5)}
    share_kernels(list(convs.values()), transform=True)
    owner = made_random(nn.ModuleList(convs.values()).double())
    assert [tuple(p.shape) for p in owner.parameters()] == [(9, 9), (4, 1, 7, 7), (25, 25)]
    images = random_images(2, in_channels=4, size=side)
    kernel = convs[7].weight
    for k in (7, 5, 3):
        if k < 7:
            inner = kernel[:, :, 1:-1, 1:-1].reshape(-1, k * k)
            kernel = torch.stack([convs[k].source.matrix @ values for values in inner]).view(4, 1, k, k)
        expected = F.conv2d(images, kernel, None, stride, dilation * (k - 1) // 2, dilation, 4)
        torch.testing.assert_close(convs[k](images), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("c_out", [5, 3])
@pytest.mark.parametrize("c_in", [4, 2])
def test_cropped_1x1_is_a_1x1_convolution_to_the_bit(c_in: int, c_out: int) -> None:
    torch.manual_seed(0)
    large, small = Conv(4, 5, 3), Conv(4, 5, 1)
    share_kernels([small, large], transform=False)
    images = torch.randn(3, c_in, 6, 6)
    expected = F.conv2d(images, large.weight[:c_out, :c_in, 1:2, 1:2].contiguous())
    assert torch.equal(small(images, c_out), expected)
    assert torch.equal(large(images, c_out), F.conv2d(images, large.weight[:c_out, :c_in], padding=1))


def test_nasbench201_edge_is_a_1x1_convolution_to_the_bit() -> None:
    space = SPACES["nasbench201"]
    shared = supernet(space, "none", ofa_kernel="crop").float()
    edge = shared.stages[1][0].edges[3]
    images = torch.randn(3, 8, 6, 6)
    expected = F.conv2d(images, edge["nor_conv_3x3"].conv.weight[:, :, 1:2, 1:2].contiguous())
    assert torch.equal(edge["nor_conv_1x1"].conv(images), expected)


def test_transform_starts_as_the_crop_and_is_its_own_where_changed(space: Space[Any]) -> None:
    crop, transform = (supernet(space, ofa_kernel=kind) for kind in ("crop", "transform"))
    arch = space.parse(MIXED[space.name])
    torch.testing.assert_close(logits(transform, arch), logits(crop, arch), rtol=0, atol=1e-12)
    for other in space.sample(np.random.default_rng(0), count=4):
        torch.testing.assert_close(logits(transform, other), logits(crop, other), rtol=0, atol=1e-12)
    made_random(transform)
    # By tracked statistics: those of the batch take away a factor, which is all that the step from 3 to 1 has.
    assert not torch.allclose(logits(transform, arch, "tracked"), logits(crop, arch, "tracked"), atol=1e-3)


def test_a_change_of_the_large_kernel_reaches_the_small_operation_through_its_centre(space: Space[Any]) -> None:
    shared = supernet(space, ofa_kernel="crop")
    arch, small_only = space.parse(MIXED[space.name]), small_kernels(space)
    before = {a: logits(shared, a) for a in (arch, small_only)}
    add_to_large(space, shared, centre=False)
    assert not torch.allclose(logits(shared, arch), before[arch], atol=1e-3)
    assert torch.equal(logits(shared, small_only), before[small_only])
    add_to_large(space, shared, centre=True)
    assert not torch.allclose(logits(shared, small_only), before[small_only], atol=1e-3)


def small_kernels(space: Space[Any]) -> Any:
    """Return an architecture whose operations all have the small kernel."""
    if space.name == "nasbench101":
        return space.parse("I1111O:11110/0001/001/01/1")
    if space.name == "nasbench201":
        return space.parse(["nor_conv_1x1"] * 6)
    if space.name == "macro":
        return space.parse("11111111")
    edges = [("sep_conv_3x3", 0), ("dil_conv_3x3", 1)] * 4
    return space.parse({"normal": edges, "reduce": edges})


def add_to_large(space: Space[Any], network: nn.Module, centre: bool) -> None:
    """Add noise to the centre or to the rim of each kernel from which others are cropped."""
    large = {source for name in supernet(space).state_dict() if (source := larger(space, name))}
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name in large:
                noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                mask = torch.ones_like(noise)
                mask[:, :, 1:-1, 1:-1] = 0
                parameter.add_(noise * (1 - mask if centre else mask))


def test_small_kernels_are_gone_and_all_other_weights_start_with_the_same_bits(space: Space[Any]) -> None:
    """A large kernel and everything beside the kernels is drawn as without the heuristic, which leaves no trace."""
    plain = supernet(space).state_dict()
    small = {name for name in plain if larger(space, name)}
    assert len(small) == {"nasbench101": 3 * 5, "nasbench201": 3 * 6, "darts": 5 * 14 * 3, "macro": 8}[space.name]
    assert not any("source" in name for name in plain)
    for kind in ("crop", "transform"):
        state = supernet(space, ofa_kernel=kind).state_dict()
        matrices = {matrix_name(name) for name in small} if kind == "transform" else set()
        assert state.keys() == plain.keys() - small | matrices
        assert all(torch.equal(value, plain[name]) for name, value in state.items() if name not in matrices)
        # A tensor under two names could not be saved.
        assert len({value.data_ptr() for value in state.values()}) == len(state)


def test_off_draws_the_weights_of_plain_convolutions_in_turn_and_nothing_else(space: Space[Any]) -> None:
    """He initialisation by fan-out, each kernel of each size in the order in which networks are built."""
    size = SIZES[space.name]
    torch.manual_seed(5)
    network = space.build_supernet(size.channels, size.layers, size.num_classes, size.in_channels)
    names = [name for name, value in network.state_dict().items() if value.ndim == 4]
    torch.manual_seed(5)
    for name in sorted(names, key=built):
        value = network.get_parameter(name)
        fan_out = value[0, 0].numel() * (1 if "depthwise" in name else len(value))
        assert torch.equal(value, torch.empty_like(value).normal_(std=(2 / fan_out) ** 0.5)), name
    assert torch.equal(network.classifier.weight, nn.Linear(network.classifier.in_features, size.num_classes).weight)


def built(name: str) -> tuple[int, int]:
    """NASBench-201 builds a down-block before the stage after it; the rest is built in order."""
    kind, number = name.split(".")[:2]
    return {"downsamples": lambda: (1 + int(number), 0), "stages": lambda: (int(number), 1)}.get(kind, lambda: (0, 0))()


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_parameters_that_are_saved_and_added(space: Space[Any]) -> None:
    # NASBench-101: 5 vertices, widths 7, 14, 28; NASBench-201: 6 edges, widths 4, 8, 16: a 1x1 kernel each.
    # DARTS: 14 pairs of node and state, widths 4, 8, 8, 16, 16: three depthwise 3x3 kernels each.
    # Chains: a depthwise 3x3 kernel of thrice the layer's input channels, which are 3, 2 x 6, 3 x 12 and 2 x 24.
    saved = {"nasbench101": 5 * (49 + 196 + 784), "nasbench201": 6 * (16 + 64 + 256), "darts": 14 * 27 * 52}
    saved["macro"] = 27 * (3 + 2 * 6 + 3 * 12 + 2 * 24)
    added = {"nasbench101": 15, "nasbench201": 18, "darts": 5 * 14 * 3 * 81, "macro": 8 * 81}
    plain = parameters(supernet(space))
    assert parameters(supernet(space, ofa_kernel="crop")) == plain - saved[space.name]
    assert parameters(supernet(space, ofa_kernel="transform")) == plain - saved[space.name] + added[space.name]


def test_a_copy_shares_its_own_kernels(space: Space[Any]) -> None:
    shared, arch = supernet(space, ofa_kernel="crop"), small_kernels(space)
    copied, before = copy.deepcopy(shared), logits(shared, arch)
    add_to_large(space, copied, centre=True)
    assert torch.equal(logits(shared, arch), before)
    assert not torch.allclose(logits(copied, arch), before, atol=1e-3)


def test_a_network_of_one_architecture_shares_no_kernel(space: Space[Any]) -> None:
    # Two equal edges or two sizes at a node have separate kernels in a stand-alone network.
    for arch in architectures(space, 2):
        plain, shared = (
            space.network(factory, arch, SIZES[space.name])
            for factory in (LayerFactory(), LayerFactory(ofa_kernel="crop"))
        )
        assert plain.state_dict().keys() == shared.state_dict().keys()


def test_channels_last_in_single_precision_changes_rounding_alone(space: Space[Any]) -> None:
    shared = made_random(supernet(space, ofa_kernel="transform")).float().eval()
    last = copy.deepcopy(shared).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    arch, images = space.parse(MIXED[space.name]), IMAGES.float()
    with torch.no_grad(), statistics(shared, "tracked"), statistics(last, "tracked"):
        plain, reordered = shared(images, arch), last(images.contiguous(memory_format=torch.channels_last), arch)
    torch.testing.assert_close(reordered, plain, rtol=1e-4, atol=1e-4)


def test_unknown_values_and_kernels_that_do_not_fit_are_errors() -> None:
    with pytest.raises(ValueError, match="ofa_kernel: found 'pad'; expected none, crop or transform"):
        SPACES["darts"].build_supernet(channels=4, layers=3, ofa_kernel="pad")
    with pytest.raises(ValueError, match="a kernel of 3 is not the centre of one of 3"):
        share_kernels([Conv(4, 4, 3), Conv(4, 4, 3)], transform=False)
    with pytest.raises(ValueError, match="a kernel of 2 is not the centre of one of 3"):
        share_kernels([Conv(4, 4, 2), Conv(4, 4, 3)], transform=False)
    for other in (Conv(4, 5, 1), Conv(5, 4, 1), Conv(4, 4, 1, depthwise=True)):
        with pytest.raises(
            ValueError, match="must be all depthwise, the smaller ones with as many channels or fewer, or all dense"
        ):
            share_kernels([other, Conv(4, 4, 3)], transform=False)
    with pytest.raises(ValueError, match="the smaller ones with as many channels or fewer"):
        share_kernels([Conv(6, 6, 3, depthwise=True), Conv(4, 4, 5, depthwise=True)], transform=False)
