"""DARTS: the encoding, the law of random genotypes, and the edges that a network computes."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare
from tiny import BATCH_NORMS, random_images, supernet
from torch import Tensor, nn
from torch.nn import functional as F

from supernet import spaces
from supernet.errors import UserError
from supernet.nn.norm import statistics
from supernet.spaces.darts import Darts
from supernet.spaces.darts.encoding import NODES, OPERATIONS, Cell, Genotype, live_edges, loose_ends, parse
from supernet.spaces.darts.sampling import random_a

SPACE = Darts()
SLOTS = [2 + number // 2 for number in range(2 * NODES)]
# The genotype DARTS_V2 of Liu et al. (2019), as their code base writes it.
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], "
    "normal_concat=range(2, 6), reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), "
    "('max_pool_3x3', 1), ('max_pool_3x3', 0), ('skip_connect', 2), ('skip_connect', 2), "
    "('max_pool_3x3', 1)], reduce_concat=range(2, 6))"
)

edge_lists = st.tuples(*[st.tuples(st.sampled_from(OPERATIONS), st.integers(0, slots - 1)) for slots in SLOTS]).map(
    list
)
concats = st.none() | st.sets(st.integers(2, 5), min_size=1)
cells = st.builds(Cell.build, edge_lists, concats)
genotypes = st.builds(Genotype, cells, cells)


@given(genotypes)
def test_all_sources_give_the_same_genotype(genotype: Genotype) -> None:
    fields = {
        f"{name}{suffix}": list(map(list, value)) if suffix == "" else list(value)
        for name, cell in (("normal", genotype.normal), ("reduce", genotype.reduce))
        for suffix, value in (("", cell.edges), ("_concat", cell.concat))
    }
    for source in (genotype, SPACE.format(genotype), f" {SPACE.format(genotype)}\n", fields):
        assert SPACE.parse(source) == genotype


@given(edge_lists, edge_lists, st.lists(st.booleans(), min_size=NODES, max_size=NODES))
def test_the_order_of_the_two_edges_of_a_node_does_not_count(
    normal: list[Any], reduce: list[Any], swaps: list[bool]
) -> None:
    swapped = list(normal)
    for node, swap in enumerate(swaps):
        if swap:
            swapped[2 * node : 2 * node + 2] = swapped[2 * node : 2 * node + 2][::-1]
    first, second = (Genotype(Cell.build(edges), Cell.build(reduce)) for edges in (normal, swapped))
    assert first == second
    assert SPACE.arch_id(first) == SPACE.arch_id(second)


@given(genotypes, genotypes)
def test_id_tells_genotypes_apart_by_both_cells(one: Genotype, two: Genotype) -> None:
    for other in (two, Genotype(one.normal, two.reduce), Genotype(two.normal, one.reduce)):
        assert (SPACE.arch_id(one) == SPACE.arch_id(other)) == (one == other)


def test_range_is_a_list_of_states() -> None:
    listed = DARTS_V2.replace("range(2, 6)", "[5, 4, 3, 2]")
    assert parse(DARTS_V2) == parse(listed)
    assert parse(DARTS_V2).normal.concat == (2, 3, 4, 5)
    assert SPACE.format(parse(DARTS_V2)).count("_concat=[2, 3, 4, 5]") == 2


@given(edge_lists)
def test_without_concat_a_cell_ends_in_its_loose_ends(edges: list[tuple[str, int]]) -> None:
    fed = {state for _, state in edges}
    assert Cell.build(edges).concat == loose_ends(edges) == tuple(s for s in (2, 3, 4, 5) if s not in fed)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dil_conv_3x3", "dil_conv_7x7", "edge 7: found 'dil_conv_7x7'; expected one of none, "),
        ("('sep_conv_3x3', 0)", "('sep_conv_3x3', 2)", "edge 0: found input 2; expected 0 to 1"),
        ("('sep_conv_3x3', 0)", "('sep_conv_3x3', -1)", "edge 0: found input -1; expected 0 to 1"),
        ("('sep_conv_3x3', 0)", "('sep_conv_3x3', True)", "edge 0: found input True; expected 0 to 1"),
        ("('sep_conv_3x3', 0)", "('sep_conv_3x3',)", "edge 0: found .* expected an operation and its input"),
        ("('sep_conv_3x3', 0)", "7", "edge 0: found 7; expected an operation and its input state"),
        ("('sep_conv_3x3', 0), ", "", "found 7 edges in a cell; expected 8"),
        ("range(2, 6)", "range(1, 5)", r"found concat range\(1, 5\); expected distinct states from 2 to 5"),
        ("range(2, 6)", "[2, 2]", r"found concat \[2, 2\]"),
        ("range(2, 6)", "[]", r"found concat \[\]"),
        ("range(2, 6)", "5", "found 5 as the concat of a cell; expected a list"),
        ("range(2, 6)", "'2345'", "found '2345' as the concat"),
        ("range(2, 6)", "[2, 'x']", "found concat"),
        ("range(2, 6)", "range('a')", "is not a genotype"),
        ("range(2, 6)", "range(10**9)", "is not a genotype"),
        ("range(2, 6)", "range(1000000000)", r"found concat range\(0, 1000000000\)"),
        ("range(2, 6)", "len([2])", "is not a genotype"),
        ("reduce=", "r" + "[" * 3_000, "is not a genotype"),
        ("range(2, 6)", "-" * 5_000 + "1", "is not a genotype"),
        ("normal_concat", "concat", r"expected Genotype\(normal="),
        ("Genotype(", "Genotype(**{}, ", r"expected Genotype\(normal="),
        ("Genotype(", "Genotype([], ", "not a call with keywords"),
        ("Genotype(", "", "is not a genotype"),
    ],
)
def test_errors_say_what_was_found_and_expected(old: str, new: str, message: str) -> None:
    assert old in DARTS_V2
    with pytest.raises(UserError, match=f"DARTS: .*{message}"):
        parse(DARTS_V2.replace(old, new, 1))


@pytest.mark.parametrize("source", [None, 7, {}, {"normal": []}, {"normal": None, "reduce": None}, [[], []]])
def test_other_sources_are_user_errors(source: Any) -> None:
    with pytest.raises(UserError, match=r"DARTS: found .*; expected"):
        parse(source)


def test_benchmark_parameters() -> None:
    """DARTS_V2 at 36 channels, 20 cells: the 3.349342 M that the DARTS code base logs, and a sum by hand."""
    network = SPACE.build_standalone(parse(DARTS_V2))
    assert sum(parameter.numel() for parameter in network.parameters()) == darts_v2_parameters() == 3_349_342
    assert SPACE.cost(parse(DARTS_V2)).parameters == 3_349_342


def darts_v2_parameters() -> int:
    """Separable convolutions C(k² + C) + 2C, twice in `sep_conv`; projections c·C + 2C; stem; linear."""
    total = 3 * 9 * 108 + 2 * 108
    before, last, channels = 108, 108, 36
    for cell in range(20):
        reduction = cell in (6, 13)
        channels *= 2 if reduction else 1
        total += (before + last) * channels + 4 * channels
        if not reduction:
            total += 5 * 2 * (channels * (9 + channels) + 2 * channels)  # five sep_conv_3x3
            total += channels * (9 + channels) + 2 * channels  # one dil_conv_3x3
        # The reduction cell has pooling, and skips between nodes: no weights.
        before, last = last, 4 * channels
    return total + last * 10 + 10


def every_edge(network: nn.Module, images: Tensor, genotype: Genotype) -> Tensor:
    """Return the logits by the definition: all edges are computed, `none` gives zeros."""
    before = last = network.stem(images)
    blocks: list[tuple[int, ...]] = [(0,), (0,)]
    for module in network.cells:
        cell = genotype.reduce if module.reduction else genotype.normal
        states = [module.project0(F.relu(before), blocks[-2]), module.project1(F.relu(last), blocks[-1])]
        for number in range(0, 2 * NODES, 2):
            pair = cell.edges[number : number + 2]
            states.append(sum(operate(module, number // 2, op, states, state) for op, state in pair))
        before, last = last, torch.cat([states[state] for state in cell.concat], 1)
        blocks.append(tuple(state - 2 for state in cell.concat))
    width = last.shape[1] // len(blocks[-1])
    columns = torch.cat([torch.arange(block * width, (block + 1) * width) for block in blocks[-1]])
    return F.linear(last.mean((2, 3)), network.classifier.weight[:, columns], network.classifier.bias)


def operate(module: nn.Module, node: int, operation: str, states: list[Tensor], state: int) -> Tensor:
    images, stride = states[state], 2 if module.reduction and state < 2 else 1
    if operation == "none":
        return torch.zeros_like(images)[:, :, ::stride, ::stride]
    if operation == "max_pool_3x3":
        return F.max_pool2d(images, 3, stride, 1)
    if operation == "avg_pool_3x3":
        ones = torch.ones_like(images)
        return F.avg_pool2d(images, 3, stride, 1) / F.avg_pool2d(ones, 3, stride, 1)
    if operation == "skip_connect" and stride == 1:
        return images
    return module.operations[f"node{node}_from{state}_{operation}"](F.relu(images))


def degenerate_genotypes() -> list[Genotype]:
    """Return cells of zeros, and with convolutions and poolings of zeros."""
    nothing = [("none", 0)] * 8
    lists = [nothing]
    for operation in OPERATIONS[1:]:
        lists.append([("none", 0), ("none", 1), (operation, 2), ("none", 0), (operation, 3), *nothing[:3]])
        lists.append([("none", 0), ("none", 1), (operation, 2), (operation, 2), *nothing[:3], (operation, 3)])
    return [Genotype(Cell.build(a), Cell.build(b)) for a, b in itertools.pairwise([*lists, nothing])]


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
def test_live_edges_compute_what_all_edges_compute(batch_norm: str) -> None:
    network, images = supernet(SPACE, batch_norm), random_images(2)
    bn_mode: Any = "tracked" if "tracking" in batch_norm else "batch"
    archs = degenerate_genotypes() + SPACE.sample(np.random.default_rng(1), count=30)
    with statistics(network, bn_mode), torch.no_grad():
        for arch in archs:
            difference = (network(images, arch) - every_edge(network, images, arch)).abs().max()
            assert difference <= 1e-10, (arch, bn_mode)


@given(cells, st.booleans())
def test_live_edges_have_operations_and_are_not_fed_by_zeros(cell: Cell, zero_in_zero_out: bool) -> None:
    live = {number for edges in live_edges(cell, zero_in_zero_out) for number, _, _ in edges}
    for number, (operation, state) in enumerate(cell.edges):
        fed = state < 2 or bool(live & {2 * (state - 2), 2 * (state - 2) + 1})
        shifts = "conv" in operation and not zero_in_zero_out
        assert (number in live) == (operation != "none" and (fed or shifts))


@pytest.mark.parametrize("node", [0, 1])
def test_each_unordered_pair_of_edges_has_the_same_number_of_draws(node: int) -> None:
    """Exact: all equally likely pairs of integers that the generator can return for a node are tried."""
    choices = [(operation, state) for state in range(2 + node) for operation in OPERATIONS]

    class Script:
        """Returns the answers at a node of the first cell, and 0 elsewhere."""

        def __init__(self, *answers: int) -> None:
            self.answers = [*[0] * (2 * node), *answers]

        def integers(self, bound: int) -> int:
            answer = self.answers.pop(0) if self.answers else 0
            assert 0 <= answer < bound
            return answer

    drawn: Counter[tuple[tuple[str, int], ...]] = Counter()
    for row, column in itertools.product(range(len(choices)), range(len(choices) + 1)):
        (genotype,) = random_a(Script(row, column), 1, "loose_ends")  # type: ignore[arg-type]
        drawn[tuple(sorted(genotype.normal.edges[2 * node : 2 * node + 2]))] += 1
    pairs = itertools.combinations_with_replacement(sorted(choices), 2)
    assert drawn == Counter(dict.fromkeys(pairs, 2))


def test_a_space_of_all_nodes_draws_the_same_edges_and_concatenates_all() -> None:
    whole, draws = Darts("all"), [np.random.default_rng(3) for _ in range(4)]
    ends, whole_ones = (one.sample(rng, count=40) for one, rng in zip((SPACE, whole), draws[:2], strict=True))
    groups, all_groups = (one.fair_groups(rng, 5) for one, rng in zip((SPACE, whole), draws[2:], strict=True))
    pairs = [*zip(ends, whole_ones, strict=True)]
    pairs += [pair for two in zip(groups, all_groups, strict=True) for pair in zip(*two, strict=True)]
    choices = [SPACE.choices_of(arch) for arch in ends]
    pairs += [(SPACE.chosen(one), whole.chosen(one)) for one in choices]
    weights = np.random.default_rng(4).random((2, 14, 8))
    pairs.append((SPACE.discretised(weights), whole.discretised(weights)))
    for end, every in pairs:
        for mine, other in ((end.normal, every.normal), (end.reduce, every.reduce)):
            assert mine.edges == other.edges
            assert mine.concat == loose_ends(mine.edges) and other.concat == (2, 3, 4, 5)
        same = end == every
        assert SPACE.draws(end) and whole.draws(every)
        assert SPACE.draws(every) is whole.draws(end) is same
    for space, archs in ((spaces.load("darts", "all"), whole_ones), (spaces.load("darts"), ends)):
        assert space.undrawn([space.format(arch) for arch in archs]) == []


def test_random_genotypes_are_uniform() -> None:
    """Each node's unordered pair of edges is uniform in both cells; the loose ends are concatenated."""
    drawn = SPACE.sample(np.random.default_rng(5), count=6_000)
    for node in range(NODES):
        choices = list(itertools.product(range(2 + node), range(len(OPERATIONS))))
        pairs = list(itertools.combinations_with_replacement(choices, 2))
        for cells_drawn in ([g.normal for g in drawn], [g.reduce for g in drawn]):
            counts = Counter(
                tuple((state, OPERATIONS.index(op)) for op, state in cell.edges[2 * node : 2 * node + 2])
                for cell in cells_drawn
            )
            observed = [counts[pair] for pair in pairs]
            assert sum(observed) == len(drawn)
            assert 0.001 < chisquare(observed).pvalue < 0.999
    assert all(cell.concat == loose_ends(cell.edges) for g in drawn for cell in (g.normal, g.reduce))


def inputs(cell: Cell) -> tuple[int, ...]:
    return tuple(state for _, state in cell.edges)


def test_fair_groups_use_each_operation_once_on_each_edge() -> None:
    groups = SPACE.fair_groups(np.random.default_rng(0), 20)
    assert any(inputs(group[0].normal) != inputs(group[0].reduce) for group in groups)
    for group in groups:
        assert len(group) == len(OPERATIONS)
        assert len({inputs(genotype.normal) + inputs(genotype.reduce) for genotype in group}) == 1
        assert len({(genotype.normal.concat, genotype.reduce.concat) for genotype in group}) == 1
        for cells_of_group in ([g.normal for g in group], [g.reduce for g in group]):
            for node in range(NODES):
                pairs = [cell.edges[2 * node : 2 * node + 2] for cell in cells_of_group]
                (first, second) = {tuple(state for _, state in pair) for pair in pairs}.pop()
                # Two edges from one input differ only in their order, which does not count.
                by_input = Counter((state, op) for pair in pairs for op, state in pair)
                times = 2 if first == second else 1
                assert by_input == Counter({(s, op): times for s in (first, second) for op in OPERATIONS})
