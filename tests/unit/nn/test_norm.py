"""Batch norm with each kind of statistics, and convolutions, against their definitions."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny import SPACES, random_images, randomised, small_splits, supernet
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.config.study import Scoring
from supernet.nn.conv import BlockConv, Conv
from supernet.nn.norm import Norm, norms, statistics, tracks
from supernet.training.evaluator import Evaluator

CHANNELS, EPS = 6, 1e-5
Moments = tuple[Tensor, Tensor]


def make(affine: bool = True, tracking: bool = True, momentum: float = 0.1) -> Norm:
    return randomised(Norm(CHANNELS, affine, tracking, momentum).double(), seed=4)  # type: ignore[return-value]


def images(channels: int, seed: int = 0) -> Tensor:
    return 2 * random_images(5, seed, channels, 3) + 1


def moments(batch: Tensor, unbiased: bool) -> Moments:
    """Return mean and variance (c,) over images and pixels."""
    values = batch.transpose(0, 1).flatten(1)
    mean = values.sum(1) / values.shape[1]
    squares = (values - mean[:, None]).square().sum(1)
    return mean, squares / (values.shape[1] - unbiased)


def normalised(batch: Tensor, found: Moments, norm: Norm) -> Tensor:
    c = batch.shape[1]
    mean, var = (value[:c, None, None] for value in found)
    result = (batch - mean) / torch.sqrt(var + EPS)
    if norm.weight is not None and norm.bias is not None:
        result = result * norm.weight[:c, None, None] + norm.bias[:c, None, None]
    return result


def running(norm: Norm) -> Moments:
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean.clone(), norm.running_var.clone()


@pytest.mark.parametrize("channels", [CHANNELS, 4, 1])
@pytest.mark.parametrize("affine", [True, False])
def test_each_kind_of_statistics(channels: int, affine: bool) -> None:
    norm, batch = make(affine), images(channels)
    before = running(norm)
    calibration = [images(channels, seed) for seed in (1, 2, 3)]
    with statistics(norm, "recalibrating"):
        for other in calibration:
            norm(other)
    each = [moments(other, unbiased=True) for other in calibration]
    expected = {
        "batch": moments(batch, unbiased=False),
        "tracked": before,
        "recalibrated": (sum(mean for mean, _ in each) / 3, sum(var for _, var in each) / 3),
    }
    for kind, found in expected.items():
        with statistics(norm, kind):  # type: ignore[arg-type]
            torch.testing.assert_close(norm(batch), normalised(batch, found, norm), rtol=0, atol=1e-10)
    # An evaluation changes no tracked statistics.
    torch.testing.assert_close(running(norm), before, rtol=0, atol=0)


@pytest.mark.parametrize("channels", [CHANNELS, 4])
def test_training_normalises_by_the_batch_and_tracks_the_first_channels(channels: int) -> None:
    norm, batch = make(momentum=0.25), images(channels)
    before, found = running(norm), moments(batch, unbiased=True)
    result = norm(batch)
    torch.testing.assert_close(result, normalised(batch, moments(batch, unbiased=False), norm), atol=1e-10, rtol=0)
    for now, old, new in zip(running(norm), before, found, strict=True):
        torch.testing.assert_close(now[:channels], 0.75 * old[:channels] + 0.25 * new)
        torch.testing.assert_close(now[channels:], old[channels:], rtol=0, atol=0)


def test_training_ignores_the_kind_of_evaluation() -> None:
    norm, batch = make(), images(CHANNELS)
    expected = norm(batch)
    norm.statistics = "tracked"
    torch.testing.assert_close(norm(batch), expected, rtol=0, atol=0)


def test_recalibration_starts_anew_each_time() -> None:
    norm, batch = make(), images(CHANNELS)
    for seed in (1, 2):
        with statistics(norm, "recalibrating"):
            norm(images(CHANNELS, seed))
    found = moments(images(CHANNELS, 2), unbiased=True)
    with statistics(norm, "recalibrated"):
        torch.testing.assert_close(norm(batch), normalised(batch, found, norm), rtol=0, atol=1e-10)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["batch", "tracked", "recalibrating", "recalibrated"])
def test_modes_are_restored(kind: Any, training: bool) -> None:
    network = nn.Sequential(make(), nn.ReLU(), make()).train(training)
    network[2].statistics = "tracked"
    with pytest.raises(KeyError), statistics(network, kind):
        assert not network.training
        assert {layer.statistics for layer in norms(network)} == {kind}
        raise KeyError
    assert [module.training for module in network.modules()] == [training] * 4
    assert [layer.statistics for layer in norms(network)] == ["batch", "tracked"]


def test_tracked_without_tracking_is_an_error() -> None:
    network = nn.Sequential(make(), make(tracking=False)).train()
    assert not tracks(network) and tracks(network[0])
    with pytest.raises(ValueError, match="built without tracking"), statistics(network, "tracked"):
        pass
    assert network.training
    assert [layer.statistics for layer in norms(network)] == ["batch", "batch"]


def test_collected_statistics_are_not_part_of_the_weights() -> None:
    assert set(make().state_dict()) == {"weight", "bias", "running_mean", "running_var"}
    assert set(make(affine=False, tracking=False).state_dict()) == set()


def test_evaluator_recalibrates_on_its_training_batches() -> None:
    """Scores with `recalibrated` against a network with the mean of its batches' statistics."""
    space = SPACES["nasbench201"]
    arch = space.parse(["nor_conv_3x3", "none", "skip_connect", "nor_conv_1x1", "none", "nor_conv_3x3"])
    network, splits = supernet(space).float(), small_splits()
    scoring = Scoring(bn_modes=("recalibrated",), batch_size=10, recalibration_batches=2)
    accuracy, loss = Evaluator(splits, scoring, channels_last=False).evaluate(network, arch, "recalibrated", "test")

    collected: dict[Norm, list[Moments]] = {norm: [] for norm in norms(network)}

    def note(norm: Any, arguments: tuple[Tensor]) -> None:
        collected[norm].append(moments(arguments[0], unbiased=True))

    hooks = [norm.register_forward_pre_hook(note) for norm in norms(network)]
    with torch.no_grad(), statistics(network, "batch"):
        for part in splits.train.pixels[:20].split(10):
            network(splits.normalise(part), arch)
        for hook in hooks:
            hook.remove()
        for norm, found in collected.items():
            if found:
                for buffer, values in zip((norm.running_mean, norm.running_var), zip(*found, strict=True), strict=True):
                    buffer.copy_(torch.stack(values).mean(0))  # type: ignore[union-attr]
        with statistics(network, "tracked"):
            logits = network(splits.normalise(splits.test.pixels), arch)
    assert loss == pytest.approx(float(F.cross_entropy(logits, splits.test.labels)), rel=1e-4)
    assert accuracy == float((logits.argmax(1) == splits.test.labels).double().mean())


@pytest.mark.parametrize("size", [(8, 8), (7, 8), (1, 5), (2, 3), (9, 9)])
@pytest.mark.parametrize(("kernel", "dilation"), [(3, 2), (5, 2), (1, 1), (1, 2), (3, 1)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("channels", [6, 4])
@pytest.mark.parametrize("depthwise", [True, False])
def test_convolutions_are_the_plain_ones(
    size: tuple[int, int], kernel: int, dilation: int, stride: int, channels: int, depthwise: bool
) -> None:
    """Some are computed on the even pixels or as matrix products: same values and gradients."""
    torch.manual_seed(0)
    conv = Conv(6, 6, kernel, stride, dilation, depthwise).double()
    batch = torch.randn(3, channels, *size, dtype=torch.float64, requires_grad=True)
    groups, padding = channels if depthwise else 1, dilation * (kernel - 1) // 2
    weight = conv.weight[:channels] if depthwise else conv.weight[:, :channels]
    expected = F.conv2d(batch, weight, None, stride, padding, dilation, groups)
    found = conv(batch)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    up = torch.randn_like(expected)
    for mine, plain in zip(
        torch.autograd.grad(found, (batch, conv.weight), up),
        torch.autograd.grad(expected, (batch, conv.weight), up),
        strict=True,
    ):
        torch.testing.assert_close(mine, plain, rtol=0, atol=1e-12)


def test_convolutions_follow_the_precision_of_their_input() -> None:
    """Cached tensors fix neither the type nor whether gradients are computed."""
    conv = Conv(3, 3, 5, dilation=2, depthwise=True)
    batch = random_images(2, in_channels=3)
    with torch.inference_mode():
        single = conv(batch.float())
    conv.double()(batch).sum().backward()
    assert conv.weight.grad is not None and conv.weight.grad.abs().min() > 0
    torch.testing.assert_close(single.double(), conv(batch).detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_convolutions_keep_the_resolution_over_the_stride(stride: int, dilation: int, kernel: int) -> None:
    batch = random_images(2, in_channels=3, size=9)
    for depthwise in (False, True):
        conv = Conv(3, 3, kernel, stride, dilation, depthwise).double()
        assert conv(batch).shape == (2, 3, -(-9 // stride), -(-9 // stride))


def test_sliced_convolutions_use_the_first_channels() -> None:
    batch = random_images(2, in_channels=3)
    dense, depthwise = Conv(5, 6, 3).double(), Conv(5, 5, 3, depthwise=True).double()
    torch.testing.assert_close(dense(batch, 4), F.conv2d(batch, dense.weight[:4, :3], padding=1))
    torch.testing.assert_close(dense(batch), F.conv2d(batch, dense.weight[:, :3], padding=1))
    torch.testing.assert_close(depthwise(batch), F.conv2d(batch, depthwise.weight[:3], padding=1, groups=3))


def test_block_convolution_is_the_full_one_on_zeros() -> None:
    """A block that is absent counts as zeros: the slices of the kernel go to the right blocks."""
    conv = BlockConv(4, 3, 7).double()
    for present in [(0,), (3,), (1, 2), (0, 1, 3), (0, 1, 2, 3)]:
        blocks = random_images(2, in_channels=3 * len(present))
        full = torch.zeros(2, 12, 8, 8, dtype=torch.float64)
        for position, block in enumerate(present):
            full[:, 3 * block : 3 * block + 3] = blocks[:, 3 * position : 3 * position + 3]
        torch.testing.assert_close(conv(blocks, present), F.conv2d(full, conv.weight))


@pytest.mark.parametrize(
    ("make_conv", "fan_out"),
    [
        (lambda: Conv(64, 128, 3), 128 * 9),
        (lambda: Conv(512, 512, 5, depthwise=True), 25),
        (lambda: BlockConv(4, 64, 128), 128),
    ],
)
def test_initial_weights_are_he_normal_by_fan_out(make_conv: Callable[[], Any], fan_out: int) -> None:
    torch.manual_seed(0)
    weight = make_conv().weight.detach()
    assert float(weight.mean()) == pytest.approx(0, abs=4 * (2 / fan_out / weight.numel()) ** 0.5)
    assert float(weight.std()) == pytest.approx((2 / fan_out) ** 0.5, rel=0.03)


def test_depthwise_convolutions_keep_their_channels() -> None:
    with pytest.raises(ValueError, match="keeps its channels, got 3 and 4"):
        Conv(3, 4, 3, depthwise=True)


def test_a_norm_that_is_always_tracked_uses_its_statistics_instead_of_the_batch() -> None:
    plain, batch = make(), images(CHANNELS)
    always = Norm(CHANNELS, True, True, 0.1, always_tracked=True).double()
    always.load_state_dict(plain.state_dict())
    before = running(always)
    with statistics(always, "batch"):
        torch.testing.assert_close(always(batch), normalised(batch, before, always), rtol=0, atol=1e-10)
    torch.testing.assert_close(running(always), before, rtol=0, atol=0)
    # Training and re-calibration are those of every norm.
    assert torch.equal(always.train()(batch), plain.train()(batch))
    for norm in (always, plain):
        with statistics(norm, "recalibrating"):
            norm(images(CHANNELS, 1))
    with statistics(always, "recalibrated"), statistics(plain, "recalibrated"):
        assert torch.equal(always(batch), plain(batch))


STEM = {"stem.norm"}
CELL_TO_OUTPUT = {f"stacks.{stack}.0.project.norm" for stack in range(3)}
CELL_INPUTS = {f"cells.{cell}.project{which}.norm" for cell in range(5) for which in (0, 1)}


@pytest.mark.parametrize(
    ("name", "placement", "outer"),
    [
        ("nasbench101", "node", STEM | CELL_TO_OUTPUT),
        ("darts", "edge", STEM | CELL_INPUTS),
        # There the authors' cell passes the flags on.
        ("darts", "node", STEM),
        ("nasbench201", "edge", set()),
        ("macro", "node", set()),
    ],
)
@pytest.mark.parametrize("batch_norm", ["none", "affine", "tracking"])
def test_norms_outside_the_operations(name: str, placement: str, outer: set[str], batch_norm: str) -> None:
    space = SPACES[name]
    placed = {} if "op_placement" in space.lacks else {"op_placement": placement}
    network = supernet(space, batch_norm, outer_norms="affine+tracking", **placed)
    plain = supernet(space, batch_norm, **placed)
    found = {label: layer for label, layer in network.named_modules() if isinstance(layer, Norm)}
    assert {label for label, layer in found.items() if layer.always_tracked} == outer
    for label, layer in found.items():
        whole = label in outer
        assert (layer.weight is not None) == (whole or batch_norm == "affine"), label
        assert (layer.running_mean is not None) == (whole or batch_norm == "tracking"), label
    assert tracks(network) is tracks(plain) is (batch_norm == "tracking")
    assert network.state_dict().keys() >= plain.state_dict().keys()
