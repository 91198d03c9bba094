"""Small networks, images and weights, and the map from stand-alone weights to those of a super-net."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from supernet.config.study import Data
from supernet.data.images import Images, Splits, split
from supernet.nn.norm import norms
from supernet.spaces.base import NetworkSize, Space
from supernet.spaces.darts import Darts
from supernet.spaces.macro import Macro
from supernet.spaces.nasbench101 import NASBench101
from supernet.spaces.nasbench201 import NASBench201

BATCH_NORMS = ("affine+tracking", "affine", "tracking", "none")
SPACES: dict[str, Space[Any]] = {space.name: space for space in (NASBench101(), NASBench201(), Darts(), Macro())}
# The smallest number of cells with every kind of cell: DARTS needs a cell after a normal and each reduction cell.
SIZES = {
    # Seven channels, so that vertices that split them differ in width.
    "nasbench101": NetworkSize(7, 3, 5, 2),
    "nasbench201": NetworkSize(4, 1, 5, 2),
    "darts": NetworkSize(4, 5, 5, 2),
    "macro": NetworkSize(3, 8, 5, 2),
}


class Observer(TorchFunctionMode):
    """Records the names of torch's functions that are called while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.seen.append(function.__name__)
        return function(*args, **(kwargs or {}))


def supernet(space: Space[Any], batch_norm: str = "affine+tracking", seed: int = 0, **heuristics: Any) -> nn.Module:
    """Build a small super-net in double precision with random norms."""
    size = SIZES[space.name]
    torch.manual_seed(seed)
    network = space.build_supernet(
        size.channels, size.layers, size.num_classes, size.in_channels, batch_norm=batch_norm, **heuristics
    )
    return randomised(network.double(), seed)


def standalone(space: Space[Any], arch: Any, batch_norm: str = "affine+tracking") -> nn.Module:
    """Build the small path network of one architecture in double precision, called as `net(images, arch)`."""
    from supernet.nn.factory import LayerFactory

    return space.network(LayerFactory(batch_norm, space.bn_momentum), arch, SIZES[space.name]).double()


def randomised(network: nn.Module, seed: int = 0) -> nn.Module:
    """Set random scales, shifts and tracked statistics, because their initial values would hide mistakes."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for layer in norms(network):
            if layer.weight is not None and layer.bias is not None:
                layer.weight.copy_(torch.randn(layer.channels, generator=generator))
                layer.bias.copy_(torch.randn(layer.channels, generator=generator))
            if layer.running_mean is not None and layer.running_var is not None:
                layer.running_mean.copy_(torch.randn(layer.channels, generator=generator))
                layer.running_var.copy_(torch.rand(layer.channels, generator=generator) + 0.5)
    return network


def random_images(count: int, seed: int = 0, in_channels: int = 2, size: int = 8) -> Tensor:
    """Draw normal values (count, in_channels, size, size) in double precision."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, in_channels, size, size, generator=generator, dtype=torch.float64)


def raw_images(count: int, seed: int = 0, in_channels: int = 2, height: int = 8, width: int = 8) -> Images:
    """Draw random bytes with learnable labels: classes differ in brightness."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(count) % 5
    noise = rng.integers(0, 100, size=(count, in_channels, height, width))
    pixels = torch.from_numpy((noise + 30 * labels[:, None, None, None]).astype(np.uint8))
    return Images(pixels, torch.from_numpy(labels))


def small_splits(count: int = 80, crop_padding: int = 2) -> Splits:
    """Return splits of `raw_images` with study seed 0."""
    return split(raw_images(count), Data(name="digits", crop_padding=crop_padding), 0)


Origins = dict[str, tuple[str, Tensor]]


def origins(space: Space[Any], shared: nn.Module, own: nn.Module, arch: Any) -> Origins:
    """Return, per tensor of a stand-alone network, the super-net's tensor and the flat positions in it."""
    found, state = {}, shared.state_dict()
    for name, tensor in own.state_dict().items():
        source = _darts_name(name, arch) if space.name == "darts" else name
        positions = torch.arange(state[source].numel()).view(state[source].shape)
        if space.name == "darts" and (blocks := _darts_blocks(name, arch)):
            width = tensor.shape[1] // len(blocks)
            positions = torch.cat([positions[:, b * width : (b + 1) * width] for b in blocks], dim=1)
        # NASBench-101 uses the first channels.
        positions = positions[tuple(slice(length) for length in tensor.shape)]
        assert positions.shape == tensor.shape, name
        found[name] = (source, positions)
    return found


def copy_weights(shared: nn.Module, own: nn.Module, sources: Origins) -> None:
    """Copy the super-net's weights and statistics to the stand-alone network."""
    state = shared.state_dict()
    own.load_state_dict({name: state[source].flatten()[places] for name, (source, places) in sources.items()})


def shared_gradients(own: nn.Module, shared: nn.Module, sources: Origins) -> dict[str, Tensor]:
    """Return the expected gradients of a super-net: stand-alone gradients at their positions, added where shared."""
    parameters, found = dict(shared.named_parameters()), {}
    for name, parameter in own.named_parameters():
        if parameter.grad is not None:
            source, places = sources[name]
            total = found.setdefault(source, torch.zeros_like(parameters[source]))
            total.view(-1).index_add_(0, places.flatten(), parameter.grad.flatten())
    return found


def _darts_name(name: str, arch: Any) -> str:
    head, _, rest = name.partition(".operations.edge")
    if not rest:
        return name
    number = int(rest[0])
    cell = _darts_cell(int(head.split(".")[1]), arch)
    state = cell.edges[number][1]
    return f"{head}.operations.node{number // 2}_from{state}_{rest.removeprefix(f'{number}_')}"


def _darts_cell(index: int, arch: Any) -> Any:
    cells = SIZES["darts"].layers
    return arch.reduce if index in {cells // 3, 2 * cells // 3} else arch.normal


def _darts_blocks(name: str, arch: Any) -> list[int]:
    """Return the blocks of columns of a weight that a stand-alone network has; empty if it has all columns."""
    parts, cells = name.split("."), SIZES["darts"].layers
    if name == "classifier.weight":
        source = cells - 1
    elif name.startswith("cells.") and parts[2].startswith("project") and parts[3] in {"conv", "even", "odd"}:
        source = int(parts[1]) - (2 if parts[2] == "project0" else 1)
    else:
        return []
    return [] if source < 0 else [state - 2 for state in _darts_cell(source, arch).concat]
