"""The ceiling of a training step: the total time of its operations when each runs alone.

A step of DARTS consists of depthwise convolutions, which no machine computes at the speed of a matrix product, and of
operations that move memory. Its ceiling is the sum, over all operations of the architecture, of the time that each
takes alone, forward and backward, in a tight loop:

- convolutions, dense and depthwise, with the map, channels, kernel, stride and dilation of the path;
- batch norms, ReLUs and poolings, which no implementation can omit. ReLUs count as often as they are computed: once for
  all convolutions that read the same state.

Each operation has the best time over several repeats of torch's function, in the faster of both memory formats. The
ceiling cannot be reached: every operation may have a different memory format than its neighbours at no cost, and finds
its operands in the cache, while a step keeps ten times more between its two passes than a cache holds. Torch's
functions are a fixed reference: a step can exceed the ceiling when a layer of the project is faster than torch's. With
`own`, the project's layers are also candidates, which shows how much of a step is spent outside its operations. Sums,
concatenations, slices, the classifier, the loss, clipping, the update, the batch of images and Python are not counted,
because they depend on the implementation.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from benchmarks.harness.bench import Bench, seconds
from supernet.nn.conv import Conv
from supernet.nn.fast.batchnorm import batch_norm
from supernet.nn.fast.maxpooling import max_pool
from supernet.nn.fast.pooling import average_pool

FORMATS = (torch.contiguous_format, torch.channels_last)
_RECORDED = ("conv2d", "batch_norm", "relu", "average_pool", "avg_pool2d", "halve", "max_pool", "max_pool2d")


@dataclass(frozen=True)
class Operation:
    """One operation of a path: its kind, and the shape (C, H, W) of its input per image."""

    kind: str
    """conv, batch_norm, relu, avg_pool or max_pool."""
    shape: tuple[int, int, int]
    arguments: tuple[Any, ...]
    """conv: c_out, kernel, stride, dilation, depthwise, whether the input needs a gradient. batch_norm: affine.
    Poolings: kernel, stride, padding, whether padding counts."""

    def macs(self) -> int:
        """Return the multiply-adds of a forward pass of one image; 0 unless it is a convolution."""
        if self.kind != "conv":
            return 0
        c_out, kernel, stride, _, depthwise, _ = self.arguments
        c_in, height, width = self.shape
        each = kernel * kernel * c_out * (1 if depthwise else c_in)
        return int(each * -(-height // stride) * -(-width // stride))


class _Recorder(TorchFunctionMode):
    """Records operations as torch's functions are called.

    Depthwise layers are recorded as layers and not by the functions that they call, which need not be convolutions.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[Operation] = Counter()
        self.inside = 0

    def enter(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        """Called before a depthwise layer."""
        assert isinstance(layer, Conv)
        images = inputs[0]
        arguments = (images.shape[1], layer.kernel, layer.stride, layer.dilation, True, images.requires_grad)
        self.found[Operation("conv", _shape(images), arguments)] += 1
        self.inside += 1

    def leave(self, *_: Any) -> None:
        """Called after a depthwise layer."""
        self.inside -= 1

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name, kwargs = getattr(function, "__name__", ""), kwargs or {}
        if not self.inside and name in _RECORDED:
            kind = "avg_pool" if name in ("average_pool", "halve") else name.removesuffix("2d")
            self.found[Operation(kind, _shape(args[0]), _arguments(name, args, kwargs))] += 1
        return function(*args, **kwargs)


def _arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    if name == "conv2d":
        images, weight, _, stride, *_ = (*args, None, 1)
        return weight.shape[0], weight.shape[2], stride, 1, False, images.requires_grad
    if name == "batch_norm":
        return (args[1] is not None,)
    if name == "relu":
        return ()
    if name in ("average_pool", "max_pool"):
        return 3, args[1], 1, name == "max_pool"
    if name == "halve":
        return 2, 2, 0, True
    given = dict(zip(("kernel_size", "stride", "padding"), args[1:4], strict=False)) | kwargs
    return given["kernel_size"], given["stride"], given.get("padding", 0), given.get("count_include_pad", True)


def operations(bench: Bench, arch: Any) -> Counter[Operation]:
    """Return the operations of a step on the path of an architecture, and how often each is computed.

    The bench must have a plain network, which calls torch's own functions. Raises RuntimeError if the convolutions
    differ from those that the space's cost counts.
    """
    recorder = _Recorder()
    hooks = []
    for layer in bench.network.modules():
        if isinstance(layer, Conv) and layer.depthwise:
            hooks += [layer.register_forward_pre_hook(recorder.enter), layer.register_forward_hook(recorder.leave)]
    images, _ = bench.epoch.batch(0)
    try:
        with recorder:
            bench.network(images, arch)
    finally:
        for hook in hooks:
            hook.remove()
    counted = sum(number * operation.macs() for operation, number in recorder.found.items())
    expected = bench.macs(arch) - classifier_macs(bench, arch)
    if counted != expected:
        raise RuntimeError(f"convolutions of {arch}: found {counted} multiply-adds; expected {expected}")
    return recorder.found


def classifier_macs(bench: Bench, arch: Any) -> int:
    """Return the multiply-adds of the classifier: the cost of one more class times the number of classes."""
    setting = bench.run.setting

    def cost(classes: int) -> int:
        size = bench.space.network_size(setting.channels, setting.layers, classes)
        return bench.space.cost(arch, size, 32, zero_in_zero_out=setting.batch_norm == "none").macs

    return 10 * (cost(11) - cost(10))


def _shape(images: Tensor) -> tuple[int, int, int]:
    c, height, width = images.shape[1:]
    return c, height, width


class Ceiling:
    """The best times of operations at one batch size, each measured once; with `own`, our layers are tried as well."""

    def __init__(self, batch_size: int, repeats: int, own: bool = True) -> None:
        self.batch_size, self.repeats, self.own = batch_size, repeats, own
        self._best: dict[Operation, float] = {}

    def seconds(self, found: Counter[Operation]) -> float:
        """Return the seconds of all operations of a step."""
        return sum(number * self.best(operation) for operation, number in found.items())

    def best(self, operation: Operation) -> float:
        """Return the seconds of one operation, forward and backward."""
        if operation not in self._best:
            self._best[operation] = min(self._time(task) for task in _ways(operation, self.batch_size, self.own))
        return self._best[operation]

    def _time(self, task: Callable[[], object]) -> float:
        task()
        return min(seconds(task) for _ in range(self.repeats))


def _ways(operation: Operation, batch_size: int, own: bool) -> Iterable[Callable[[], object]]:
    """Yield a forward and backward pass for each implementation and memory format."""
    for memory in FORMATS:
        images = torch.rand(batch_size, *operation.shape).contiguous(memory_format=memory)
        for compute, parameters in _computations(operation, own):
            wanted = operation.kind != "conv" or operation.arguments[-1]
            leaf = images.clone(memory_format=torch.preserve_format).requires_grad_(wanted)
            inputs = [value for value in (leaf, *parameters) if value.requires_grad]
            gradient = torch.rand_like(compute(leaf))
            yield lambda c=compute, x=leaf, i=inputs, g=gradient: torch.autograd.grad(c(x), i, g)  # type: ignore[misc]


def _normalised(norm: Callable[..., Tensor], scale: Tensor | None, shift: Tensor | None, images: Tensor) -> Tensor:
    return norm(images, None, None, scale, shift, True, 0.0, 1e-5)


def _computations(operation: Operation, own: bool) -> Iterable[tuple[Callable[[Tensor], Tensor], list[Tensor]]]:
    """Yield functions of the images with their parameters."""
    c_in = operation.shape[0]
    if operation.kind == "conv":
        c_out, kernel, stride, dilation, depthwise, _ = operation.arguments
        layer = Conv(c_in, c_out, kernel, stride, dilation, depthwise)
        weight, padding = layer.weight, layer.padding
        groups = c_in if depthwise else 1
        # oneDNN's backward pass of a strided 1x1 convolution with few channels is unsafe; our layer avoids it.
        safe = kernel > 1 or stride == 1
        if safe:
            yield lambda images: F.conv2d(images, weight, None, stride, padding, dilation, groups), [weight]
        if own or not safe:
            yield layer, [weight]
    elif operation.kind == "batch_norm":
        scale, shift = torch.ones(c_in, requires_grad=True), torch.zeros(c_in, requires_grad=True)
        affine = [scale, shift] if operation.arguments[0] else []
        for norm in (F.batch_norm, batch_norm) if own else (F.batch_norm,):
            yield partial(_normalised, norm, *affine or (None, None)), affine
    elif operation.kind == "relu":
        yield F.relu, []
    elif operation.kind == "max_pool":
        kernel, stride, padding, _ = operation.arguments
        if own and (kernel, padding) == (3, 1):
            yield lambda images: max_pool(images, stride), []
        yield lambda images: F.max_pool2d(images, kernel, stride, padding), []
    else:
        kernel, stride, padding, count_include_pad = operation.arguments
        if own and (kernel, padding, count_include_pad) == (3, 1, False):
            yield lambda images: average_pool(images, stride), []
        yield lambda images: F.avg_pool2d(images, kernel, stride, padding, False, count_include_pad), []
