"""Super-nets of all spaces against stand-alone networks with the same weights."""

import copy
import itertools
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from counted import counted
from networks import IMAGES, architectures, evaluated
from tiny import (
    BATCH_NORMS,
    SIZES,
    SPACES,
    Origins,
    copy_weights,
    origins,
    random_images,
    shared_gradients,
    small_splits,
    standalone,
    supernet,
)
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.config.study import Data
from supernet.data.images import Augmenter
from supernet.errors import UserError
from supernet.nn.norm import statistics
from supernet.spaces import load
from supernet.spaces.base import Space
from supernet.spaces.macro.encoding import BLOCKS
from supernet.spaces.nasbench101.encoding import vertex_channels
from supernet.training.path_sampling import epoch_paths, passes_per_step
from supernet.training.trainer import Recipe, Trainer

LABELS = torch.tensor([0, 1, 4])

# Architectures that share weights within themselves, or have parts that nothing reaches.


@pytest.fixture(params=SPACES.values(), ids=SPACES)
def space(request: pytest.FixtureRequest) -> Space[Any]:
    return request.param  # type: ignore[no-any-return]


def same_weights(space: Space[Any], shared: nn.Module, arch: Any, batch_norm: str) -> tuple[nn.Module, Origins]:
    own = standalone(space, arch, batch_norm)
    sources = origins(space, shared, own, arch)
    copy_weights(shared, own, sources)
    return own, sources


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
def test_restricted_supernet_is_the_standalone_network(space: Space[Any], batch_norm: str) -> None:
    """50 random architectures with the norms of stand-alone networks, 13 with others, and the special ones."""
    shared = supernet(space, batch_norm).eval()
    for arch in architectures(space, 50 if batch_norm == "affine+tracking" else 13, BATCH_NORMS.index(batch_norm)):
        own, _ = same_weights(space, shared, arch, batch_norm)
        own.eval()
        for bn_mode in ("batch", "tracked" if "tracking" in batch_norm else "recalibrated"):
            torch.testing.assert_close(
                evaluated(shared, arch, bn_mode), evaluated(own, arch, bn_mode), rtol=0, atol=1e-10
            )


def vertices_by_definition(module: nn.Module, images: Tensor, cell: Any, channels: list[int]) -> Tensor:
    """Compute a NASBench-101 cell as its paper describes it (Sec. 2.2), with the super-net's modules."""

    def first(tensor: Tensor, count: int) -> Tensor:
        return torch.stack([tensor[:, channel] for channel in range(count)], dim=1)

    last = cell.vertices - 1
    values = {0: images}
    for vertex in range(1, last):
        total = torch.zeros(())
        for source in range(vertex):
            if cell.matrix[source][vertex]:
                total = total + (
                    module.vertices[vertex - 1].project(images, channels[vertex])
                    if source == 0
                    else first(values[source], channels[vertex])
                )
        operation = cell.operations[vertex]
        values[vertex] = (
            F.max_pool2d(total, 3, 1, 1)
            if operation == "maxpool3x3"
            else module.vertices[vertex - 1].operations[operation](total, channels[vertex])
        )
    ends = [values[vertex] for vertex in range(1, last) if cell.matrix[vertex][last]]
    result = torch.cat(ends, 1) if ends else torch.zeros(())
    return result + module.project(images) if cell.matrix[0][last] else result


def test_nasbench101_cells_follow_their_definition() -> None:
    shared = supernet(SPACES["nasbench101"]).eval()
    archs = architectures(SPACES["nasbench101"], 40)
    features = random_images(2, in_channels=7)
    sliced = 0
    with torch.no_grad():
        for cell in archs:
            channels = vertex_channels(7, 7, cell.matrix)
            last = cell.vertices - 1
            pairs = itertools.combinations(range(1, last), 2)
            sliced += any(cell.matrix[u][v] and channels[u] > channels[v] for u, v in pairs)
            expected = vertices_by_definition(shared.stacks[0][0], features, cell, channels)
            torch.testing.assert_close(shared.stacks[0][0](features, cell), expected, rtol=0, atol=1e-12)
    assert sliced > 0


@pytest.mark.parametrize("batch_norm", ["affine+tracking", "none"])
def test_gradients_reach_exactly_the_active_path(space: Space[Any], batch_norm: str) -> None:
    """Gradients are the stand-alone ones at their places, zero beside them in the same tensor, else None."""
    shared = supernet(space, batch_norm)
    for arch in architectures(space, 6):
        own, sources = same_weights(space, shared, arch, batch_norm)
        for network in (shared, own):
            network.zero_grad(set_to_none=True)
            F.cross_entropy(network(IMAGES, arch), LABELS).backward()
        expected = shared_gradients(own, shared, sources)
        found = {name: p.grad for name, p in shared.named_parameters() if p.grad is not None}
        assert found.keys() == expected.keys()
        for name, gradient in found.items():
            torch.testing.assert_close(gradient, expected[name], rtol=1e-9, atol=1e-12)


def test_training_tracks_the_statistics_of_the_active_path_alone(space: Space[Any]) -> None:
    shared = supernet(space)
    fresh = copy.deepcopy(shared.state_dict())
    for arch in architectures(space, 3):
        shared.load_state_dict(fresh)
        own, sources = same_weights(space, shared, arch, "affine+tracking")
        for network in (shared, own):
            network(IMAGES, arch)
        # Two equal edges of a DARTS node update one statistic twice, their stand-alone ones once each.
        repeated = {name for name, times in Counter(s for s, _ in sources.values()).items() if times > 1}
        expected = {name: value.clone() for name, value in fresh.items()}
        for name, value in own.state_dict().items():
            source, places = sources[name]
            expected[source].view(-1)[places.flatten()] = value.flatten()
        for name, value in shared.state_dict().items():
            if name not in repeated and not torch.equal(value, expected[name]):
                torch.testing.assert_close(value, expected[name], rtol=1e-9, atol=1e-12)


def test_cost_of_a_path_is_that_of_its_standalone_network(space: Space[Any]) -> None:
    """Multiply-adds grow neither with the operations that are left out nor with the shared widths."""
    shared, channels, side = supernet(space), *IMAGES.shape[1:3]
    archs = architectures(space, 3)[-3:]
    costs = [counted(standalone(space, arch), channels, side, arch).macs for arch in archs]
    assert [counted(shared, channels, side, arch).macs for arch in archs] == costs
    assert len(set(costs)) > 2


def test_channels_last_changes_rounding_alone(space: Space[Any]) -> None:
    shared = supernet(space).float().eval()
    last = copy.deepcopy(shared).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    images = random_images(4).float()
    reordered = images.contiguous(memory_format=torch.channels_last)
    for arch in architectures(space, 6):
        # By `batch`, a constant channel would blow rounding up by 1/sqrt(eps) = 316.
        plain = evaluated(shared, arch, "tracked", images)
        torch.testing.assert_close(evaluated(last, arch, "tracked", reordered), plain, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("law", ["random_a", "random_nas"])
def test_paths_are_one_architecture_a_step(law: str) -> None:
    groups = epoch_paths(SPACES["nasbench101"], law, seed=1, epoch=2, steps=7)
    assert [len(group) for group in groups] == [1] * 7
    assert groups == epoch_paths(SPACES["nasbench101"], law, seed=1, epoch=2, steps=7)
    assert groups != epoch_paths(SPACES["nasbench101"], law, seed=1, epoch=3, steps=7)
    assert groups != epoch_paths(SPACES["nasbench101"], law, seed=2, epoch=2, steps=7)
    assert passes_per_step(SPACES["nasbench101"], law) == 1
    # The same architectures, three per step.
    triples = epoch_paths(SPACES["nasbench101"], law, seed=1, epoch=2, steps=2, random_paths=3)
    assert [len(triple) for triple in triples] == [passes_per_step(SPACES["nasbench101"], law, 3)] * 2
    assert [(arch,) for triple in triples for arch in triple] == groups[:6]


def test_groups_by_weights_use_operations_with_more_weights_more_often(space: Space[Any]) -> None:
    groups = epoch_paths(space, "fairnas_by_weights", seed=1, epoch=2, steps=5)
    expected = Counter(space.operations)
    for rank, name in enumerate(space.weighted_operations):
        expected[name] = 3 + 2 * rank
    for group in groups:
        assert len(group) == passes_per_step(space, "fairnas_by_weights") == expected.total()
        assert len({topology(space.name, arch) for arch in group}) == 1
        found: dict[int, Counter[str]] = {}
        for arch in group:
            for place, operation in enumerate(operations_of(space, arch)):
                found.setdefault(place, Counter())[operation] += 1
        # Two edges of a DARTS node from one state have no order: there, only their sum is known.
        both = sum(found.values(), Counter[str]())
        assert both == Counter({name: count * len(found) for name, count in expected.items()})
        if space.name != "darts":
            assert all(one == expected for one in found.values())


def operations_of(space: Space[Any], arch: Any) -> list[str]:
    """Return the operation of each position."""
    return [operation for _, (_, _, operation) in positions(space, arch)]


def test_weighted_operations_are_sorted_by_their_weights(space: Space[Any]) -> None:
    shared = space.build_supernet(channels=16, layers=None if space.name == "macro" else 3, num_classes=10)
    (arch, *_) = space.fair_groups(np.random.default_rng(0), 1)[0]
    prefix = positions(space, arch)[0][0].replace(f"cells.{SIZES['darts'].layers - 1}.", "cells.2.")
    sizes = Counter[str]()
    for name, parameter in shared.named_parameters():
        # Where the shape changes, an identity or a skip connection has weights; elsewhere it has none.
        if name.startswith(prefix) and not re.search("identity|skip", name):
            sizes[name.removeprefix(prefix).partition(".")[0]] += parameter.numel()
    assert [name for name, _ in sizes.most_common()][::-1] == list(space.weighted_operations)


def test_fairnas_paths_are_groups_of_one_topology(space: Space[Any]) -> None:
    groups = epoch_paths(space, "fairnas", seed=1, epoch=2, steps=7)
    assert [len(group) for group in groups] == [passes_per_step(space, "fairnas")] * 7
    assert passes_per_step(space, "fairnas") == len(space.operations)
    assert groups == epoch_paths(space, "fairnas", seed=1, epoch=2, steps=7)
    for group in groups:
        assert len({topology(space.name, arch) for arch in group}) == 1


def topology(name: str, arch: Any) -> Any:
    if name == "nasbench101":
        return arch.matrix
    if name == "darts":
        return tuple((*(state for _, state in cell.edges), cell.concat) for cell in (arch.normal, arch.reduce))
    return None


# (state an edge leaves, state it enters, operation)
Position = tuple[int, int, str]


def positions(space: Space[Any], arch: Any) -> list[tuple[str, Position]]:
    """Return the positions of an architecture with the prefix of their operations in the super-net's last cell."""
    if space.name == "nasbench101":
        names = enumerate(arch.operations[1:-1])
        return [(f"stacks.2.0.vertices.{vertex}.operations.", (0, 1, op)) for vertex, op in names]
    if space.name == "nasbench201":
        edges = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
        named = enumerate(zip(edges, arch.operations, strict=True))
        return [(f"stages.2.0.edges.{n}.", (source, target, op)) for n, ((source, target), op) in named]
    if space.name == "macro":
        return [(f"layers.{n}.operations.", (n, n + 1, op)) for n, op in enumerate(arch.operations)]
    return [
        (f"cells.{SIZES['darts'].layers - 1}.operations.node{n // 2}_from{state}_", (state, 2 + n // 2, op))
        for n, (op, state) in enumerate(arch.normal.edges)
    ]


def alive(found: list[Position], inputs: set[int], outputs: set[int], shifts: bool) -> list[bool]:
    """Return whether each edge carries more than zeros to an output (`shifts`: convolutions of zeros do)."""
    fed, used, carries = set(inputs), set(outputs), []
    for source, target, operation in found:
        carries.append(operation != "none" and (source in fed or (shifts and "conv" in operation)))
        if carries[-1]:
            fed.add(target)
    for source, target, operation in reversed(found):
        if operation != "none" and target in used:
            used.add(source)
    return [carry and target in used for carry, (_, target, _) in zip(carries, found, strict=True)]


@pytest.mark.parametrize("batch_norm", ["affine+tracking", "none"])
def test_fairnas_updates_each_operation_once_unless_its_edge_is_dead(space: Space[Any], batch_norm: str) -> None:
    """Each operation of each position is in one model of a group; an edge that `none` cuts off there has no
    gradient.

    NASBench-101 and chains have no `none`: every operation of every position is updated exactly once. Elsewhere an
    operation is updated exactly once if its edge is alive in its model, else not at all: then the super-net's
    function does not depend on it. Two edges of a DARTS node from the same state share their operations,
    which are updated once for each.
    """
    shared = supernet(space, batch_norm)
    dead = 0
    for group in space.fair_groups(np.random.default_rng(0), 3):
        found, expected = Counter[str](), Counter[str]()
        for arch in group:
            shared.zero_grad(set_to_none=True)
            F.cross_entropy(shared(IMAGES, arch), LABELS).backward()
            updated = [name for name, parameter in shared.named_parameters() if parameter.grad is not None]
            named = positions(space, arch)
            inputs, outputs = ends(space, arch)
            lives = alive([position for _, position in named], inputs, outputs, batch_norm != "none")
            for (prefix, (_, _, operation)), live in zip(named, lives, strict=True):
                if "conv" in operation or operation in BLOCKS:
                    module = f"{prefix}{operation}."
                    found[module] += any(name.startswith(module) for name in updated)
                    expected[module] += live
                    dead += not live
        # Where one of two edges that share an operation is alive, the gradient is there for both.
        assert all(found[m] == times for m, times in expected.items() if expected_once(space, m, group))
        assert all((found[m] > 0) == (times > 0) for m, times in expected.items())
    assert (dead > 0) == (space.name in ("nasbench201", "darts"))


def ends(space: Space[Any], arch: Any) -> tuple[set[int], set[int]]:
    """Return the states of the last cell that are its inputs, and the states that its output uses."""
    if space.name == "darts":
        return {0, 1}, set(arch.normal.concat)
    return {0}, {{"nasbench101": 1, "nasbench201": 3, "macro": 8}[space.name]}


def expected_once(space: Space[Any], module: str, group: tuple[Any, ...]) -> bool:
    """Return whether only one edge has the operation."""
    prefixes = [prefix for prefix, _ in positions(space, group[0])]
    return sum(module.startswith(prefix) for prefix in prefixes) == 1


@pytest.mark.parametrize("mean", [False, True])
def test_fairnas_step_adds_or_averages_the_gradients_of_its_models(space: Space[Any], mean: bool) -> None:
    """One step by the trainer against SGD by hand: the group's gradient, weight decay, one step."""
    splits = small_splits()
    (group,) = space.fair_groups(np.random.default_rng(3), 1)
    recipe = Recipe(
        0.1,
        0.001,
        0.01,
        0.9,
        1e6,
        steps=1,
        steps_per_epoch=1,
        batch_size=8,
        passes_per_step=len(group),
        mean_gradient=mean,
    )
    augmenter = Augmenter(splits.train, splits, Data(name="digits"), channels_last=False)
    network = supernet(space).float()
    reference = copy.deepcopy(network).train()
    trained = Trainer(network, recipe, augmenter, lambda *_: [group], seed=0).run()
    assert (trained.passes, trained.steps) == (len(group), 1)

    images, labels = augmenter.epoch(0, 0, 8).batch(0)
    losses = [F.cross_entropy(reference(images, arch), labels) for arch in group]
    assert trained.curve[0]["loss"] == pytest.approx(
        sum(map(float, torch.stack(losses).detach())) / len(group), rel=1e-5
    )
    (torch.stack(losses).mean() if mean else torch.stack(losses).sum()).backward()
    for (name, found), before in zip(network.named_parameters(), reference.parameters(), strict=True):
        expected = before.detach()
        if before.grad is not None:
            expected = expected - 0.1 * (before.grad + 0.01 * expected)
        torch.testing.assert_close(found.detach(), expected, rtol=1e-4, atol=1e-6, msg=name)


def test_one_cell_fewer_or_unknown_names_are_errors() -> None:
    with pytest.raises(UserError, match="found 4 layers; expected a multiple of 3"):
        SPACES["nasbench101"].build_supernet(channels=4, layers=4)
    with pytest.raises(UserError, match="found space 'enas'; expected one of nasbench101, nasbench201, darts, macro"):
        load("enas")
    with pytest.raises(UserError, match="found 7 layers; expected 8: each of the eight layers is a choice"):
        SPACES["macro"].build_supernet(channels=4, layers=7)
    with pytest.raises(ValueError, match="batch_norm: found 'affine\\+wsbn'; expected affine\\+tracking"):
        SPACES["darts"].build_supernet(channels=4, layers=3, batch_norm="affine+wsbn")


def test_standalone_is_called_with_images_alone(space: Space[Any]) -> None:
    shared, size = supernet(space).eval(), SIZES[space.name]
    for arch in architectures(space, 2):
        network = space.build_standalone(arch, size.channels, size.layers, size.num_classes, size.in_channels)
        own, _ = same_weights(space, shared, arch, "affine+tracking")
        network.double().network.load_state_dict(own.state_dict())
        with statistics(network, "tracked"), torch.no_grad():
            torch.testing.assert_close(network(IMAGES), evaluated(shared, arch, "tracked"), rtol=0, atol=1e-10)
