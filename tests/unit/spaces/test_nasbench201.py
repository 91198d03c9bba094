"""NASBench-201: the encoding, the laws, and the edges that a network computes."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from counted import counted
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from tiny import BATCH_NORMS, random_images, supernet
from torch import Tensor, nn
from torch.nn import functional as F

from supernet.errors import UserError
from supernet.nn.norm import statistics
from supernet.spaces.counting import Cost
from supernet.spaces.nasbench201 import NASBench201
from supernet.spaces.nasbench201.encoding import EDGES, OPERATIONS, Cell, format_cell, live_plan, parse

SPACE = NASBench201()
CONVOLUTIONS = ("nor_conv_1x1", "nor_conv_3x3")
EVERY_CELL = [Cell(operations) for operations in itertools.product(OPERATIONS, repeat=len(EDGES))]
# The string of the query example in the benchmark's own documentation, and the edges that it names.
OFFICIAL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
OFFICIAL_EDGES = {
    (0, 1): "nor_conv_3x3",
    (0, 2): "nor_conv_3x3",
    (1, 2): "avg_pool_3x3",
    (0, 3): "skip_connect",
    (1, 3): "nor_conv_3x3",
    (2, 3): "skip_connect",
}
cells = st.builds(Cell, st.tuples(*[st.sampled_from(OPERATIONS)] * 6))


def test_all_cells_round_trip_through_different_texts() -> None:
    texts = [format_cell(cell) for cell in EVERY_CELL]
    assert len(set(texts)) == SPACE.size == 15_625
    assert list(map(parse, texts)) == EVERY_CELL


def test_official_text() -> None:
    cell = parse(OFFICIAL)
    assert dict(zip(EDGES, cell.operations, strict=True)) == OFFICIAL_EDGES
    assert SPACE.arch_id(cell) == SPACE.format(cell) == OFFICIAL


@given(cells)
def test_all_sources_give_the_same_cell(cell: Cell) -> None:
    for source in (cell, f" {format_cell(cell)}\n", list(cell.operations), np.array(cell.operations)):
        assert SPACE.parse(source) == cell


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "found node ''"),
        (OFFICIAL.rpartition("+")[0], "found 2 nodes"),
        (OFFICIAL.replace("avg_pool_3x3~1", "avg_pool_3x3~0"), "node 2 .* expected the sources 0 to 1"),
        (OFFICIAL.replace("|skip_connect~2", ""), "node 3 .* expected the sources 0 to 2"),
        (OFFICIAL.replace("avg_pool", "max_pool"), "found operation 'max_pool_3x3'; expected one of none, "),
        (OFFICIAL.replace("~0|+", "|+"), "expected .operation~source"),
        (["none"] * 5, "found 5 operations; expected 6"),
        ((4, 0, 3, 1, 4, 3), r"found numbers in \(4, 0, 3, 1, 4, 3\), .* decode\(numbers, 'nats'\) or .*'naslib'"),
        ([np.int64(4)] * 6, "found numbers"),
        (np.array([4, 0, 3, 1, 4, 3]), "found numbers"),
        (["none"] * 5 + [1], "found numbers"),
        (["none"] * 5 + [True], "found operation True"),
        (["none"] * 5 + [None], "found operation None"),
        (7, "found 7; expected an architecture string or six operations"),
        (None, "found None"),
    ],
)
def test_errors_say_what_was_found_and_expected(source: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"NASBench-201: .*{message}"):
        parse(source)


@given(st.one_of(st.text(), st.lists(st.one_of(st.integers(), st.text(), st.none()))))
def test_any_other_source_is_a_user_error_or_a_cell(source: Any) -> None:
    try:
        assert isinstance(parse(source), Cell)
    except UserError as error:
        assert str(error).startswith("NASBench-201: ")


def every_edge(network: nn.Module, images: Tensor, cell: Cell) -> Tensor:
    """Return the logits by the definition: all edges are computed, `none` gives zeros."""
    features = network.stem(images)
    for stage, stack in enumerate(network.stages):
        if stage:
            features = network.downsamples[stage - 1](features)
        for module in stack:
            nodes = [features]
            for target in (1, 2, 3):
                incoming = [number for number, edge in enumerate(EDGES) if edge[1] == target]
                nodes.append(sum(operate(module, n, cell.operations[n], nodes[EDGES[n][0]]) for n in incoming))
            features = nodes[3]
    return network.classifier(F.relu(network.last_norm(features)).mean((2, 3)))


def operate(module: nn.Module, number: int, operation: str, images: Tensor) -> Tensor:
    if operation == "none":
        return torch.zeros_like(images)
    if operation == "skip_connect":
        return images
    if operation == "avg_pool_3x3":
        ones = torch.ones_like(images)
        return F.avg_pool2d(images, 3, 1, 1) / F.avg_pool2d(ones, 3, 1, 1)
    return module.edges[number][operation](F.relu(images))


def degenerate_cells() -> list[Cell]:
    """Return the empty cell, and cells with convolutions of zeros or nodes without a path to the output."""
    zero_fed = [
        ("none", other, convolution, "none", "none", last)
        for other, convolution, last in itertools.product(
            ("none", "avg_pool_3x3"), CONVOLUTIONS, ("skip_connect", "nor_conv_3x3", "none")
        )
    ]
    deep = [("none", "none", "skip_connect", "none", "avg_pool_3x3", conv) for conv in CONVOLUTIONS]
    cut_off = [("nor_conv_3x3", "none", "nor_conv_1x1", "nor_conv_1x1", "none", "none")]
    return [Cell(("none",) * 6), *map(Cell, zero_fed), *map(Cell, deep), *map(Cell, cut_off)]


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
def test_live_plan_computes_what_all_edges_compute(batch_norm: str) -> None:
    network, images = supernet(SPACE, batch_norm), random_images(3)
    bn_mode: Any = "tracked" if "tracking" in batch_norm else "batch"
    archs = degenerate_cells() + SPACE.sample(np.random.default_rng(1), count=300)
    with statistics(network, bn_mode), torch.no_grad():
        for cell in archs:
            difference = (network(images, cell) - every_edge(network, images, cell)).abs().max()
            assert difference <= 1e-10, (cell, bn_mode)


@pytest.mark.parametrize("zero_in_zero_out", [False, True])
def test_live_plan_is_minimal(zero_in_zero_out: bool) -> None:
    for cell in EVERY_CELL:
        plan = live_plan(cell, zero_in_zero_out)
        planned = {number for edges in plan for number, _, _ in edges}
        assert planned == live_by_paths(cell, zero_in_zero_out)
        assert all(edge == (n, EDGES[n][0], cell.operations[n]) for n in planned for edge in plan_of(plan, n))


def plan_of(plan: Any, number: int) -> list[tuple[int, int, str]]:
    return [edge for edges in plan for edge in edges if edge[0] == number]


def live_by_paths(cell: Cell, zero_in_zero_out: bool) -> set[int]:
    """Return edges on a path without `none` to the output, from the input or a convolution that shifts zeros."""
    live = set()
    for path in ([(0, 1), (1, 2), (2, 3)], [(0, 1), (1, 3)], [(0, 2), (2, 3)], [(0, 3)]):
        for start in range(len(path)):
            numbers = [EDGES.index(edge) for edge in path[start:]]  # type: ignore[arg-type]
            operations = [cell.operations[n] for n in numbers]
            fed = start == 0 or (operations[0] in CONVOLUTIONS and not zero_in_zero_out)
            if fed and "none" not in operations:
                live.update(numbers)
    return live


def test_zero_fed_convolutions_matter_for_2140_cells() -> None:
    """So many architectures would change function if they were skipped in spite of affine norms."""
    assert sum(live_plan(cell, True) != live_plan(cell, False) for cell in EVERY_CELL) == 2_140


@pytest.mark.parametrize(
    ("source", "mega_parameters", "mega_flops"),
    [
        # Published costs for CIFAR-10: the largest and the smallest of the space, and one from a query's
        # output.
        (["nor_conv_3x3"] * 6, 1.531546, 220.11969),
        (["none"] * 6, 0.073306, 7.78305),
        (
            "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            0.802426,
            113.95137,
        ),
    ],
)
def test_benchmark_costs(source: Any, mega_parameters: float, mega_flops: float) -> None:
    """All convolutions of these are live. The benchmark counts the classifier's ten biases, we multiply-adds."""
    cell = SPACE.parse(source)
    cost = SPACE.cost(cell)
    assert cost == Cost(round(1e6 * mega_parameters), round(1e6 * mega_flops) - 10)
    assert cost == counted(SPACE.build_standalone(cell), 3, 32)


def test_fair_groups_use_each_operation_once_on_each_edge() -> None:
    groups = SPACE.fair_groups(np.random.default_rng(0), 50)
    assert len(groups) == 50
    for group in groups:
        for edge in range(len(EDGES)):
            assert sorted(cell.operations[edge] for cell in group) == sorted(OPERATIONS)
    # Permutations of different edges are independent: the operations of two edges do not move together.
    pairs = Counter((cell.operations[0], cell.operations[1]) for group in groups for cell in group)
    assert len(pairs) == len(OPERATIONS) ** 2


@pytest.mark.parametrize("law", SPACE.laws)
def test_laws_are_uniform(law: str) -> None:
    drawn = Counter(SPACE.sample(np.random.default_rng(3), law, count=10 * SPACE.size))
    counts = [drawn[cell] for cell in EVERY_CELL]
    assert sum(counts) == 10 * SPACE.size
    assert 0.001 < chisquare(counts).pvalue < 0.999


def test_unknown_law() -> None:
    with pytest.raises(UserError, match="nasbench201: found sampling law 'uniform'; this space has random_a"):
        SPACE.sample(np.random.default_rng(0), "uniform")
