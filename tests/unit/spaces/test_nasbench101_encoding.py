"""NASBench-101: the encoding against the published benchmark, the sampling laws against enumeration."""

import itertools
import pickle
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabelling import labellings, permuted
from scipy.stats import chisquare

from supernet.errors import UserError
from supernet.spaces.nasbench101 import NASBench101
from supernet.spaces.nasbench101.encoding import (
    CONV3X3,
    INPUT,
    MAX_EDGES,
    MAXPOOL3X3,
    OPERATIONS,
    OUTPUT,
    Cell,
    cells_per_stack,
    format_cell,
    module_hash,
    parse,
    prune,
    vertex_channels,
)
from supernet.spaces.nasbench101.sampling import fair_group, number_of_cells, random_a, random_nas

Law = Callable[..., list[Cell]]

# Unique cells by number of vertices; they add up to the 423 624 of Ying et al. (2019), Sec. 2.
UNIQUE_CELLS = {2: 1, 3: 6, 4: 84, 5: 2441, 6: 62010, 7: 359082}
# Rows of the published table: text, module hash, trainable parameters.
PUBLISHED = [
    ("I1O:11/1", "09fc2d10bdd6225e167a6f81a22a3f06", 2_793_866),
    ("I33O:111/01/1", "03d84046b0ce567b2b59e85903aa2f5f", 6_406_538),
    ("IM33O:1111/111/10/1", "001ea832563f8d635ef7d0af25926274", 6_843_402),
    ("I33M3O:10110/1001/100/11/1", "00040b38293651f17fb665401c671bbb", 3_984_576),
    ("IMMMMMO:100000/10101/1001/001/10/1", "01da1025a8b3a7c0b848adccef93c5a5", 227_274),
    ("I33333O:110101/00100/1000/100/10/1", "012534f1e7781c0ac3ef57bfcc4dff91", 49_979_274),
    ("I3M331O:100110/10000/1001/010/10/1", "00005c142e6f48ac74fdcf73e3439874", 8_555_530),
]


def matrices(vertices: int) -> Iterator[list[list[int]]]:
    """Return all upper triangular 0/1 matrices of a size."""
    pairs = list(itertools.combinations(range(vertices), 2))
    for bits in itertools.product((0, 1), repeat=len(pairs)):
        matrix = [[0] * vertices for _ in range(vertices)]
        for (i, j), bit in zip(pairs, bits, strict=True):
            matrix[i][j] = bit
        yield matrix


def encodings(vertices: int) -> Iterator[tuple[list[list[int]], tuple[str, ...]]]:
    for matrix in matrices(vertices):
        for interior in itertools.product(OPERATIONS, repeat=vertices - 2):
            yield matrix, (INPUT, *interior, OUTPUT)


def labelled_cells(vertices: int) -> Iterator[Cell]:
    """Return all pruned cells with exactly that many vertices, with each labelling."""
    for matrix in matrices(vertices):
        pruned = prune(matrix, (INPUT, *[CONV3X3] * (vertices - 2), OUTPUT))
        if pruned is not None and len(pruned[0]) == vertices and sum(map(sum, matrix)) <= MAX_EDGES:
            for interior in itertools.product(OPERATIONS, repeat=vertices - 2):
                yield Cell(pruned[0], (INPUT, *interior, OUTPUT))


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[list[int]], tuple[str, ...]]:
    """Draw an encoding with 2 to 7 vertices, valid or not."""
    vertices = draw(st.integers(2, 7))
    matrix = [[0] * vertices for _ in range(vertices)]
    for i, j in itertools.combinations(range(vertices), 2):
        matrix[i][j] = draw(st.integers(0, 1))
    interior = draw(st.lists(st.sampled_from(OPERATIONS), min_size=vertices - 2, max_size=vertices - 2))
    return matrix, (INPUT, *interior, OUTPUT)


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Draw valid cells by construction: a chain with some vertices skipped and additional edges."""
    vertices = draw(st.integers(2, 7))
    pairs = list(itertools.combinations(range(vertices), 2))
    chain = {(i, i + 1) for i in range(vertices - 1)}
    extra = draw(st.sets(st.sampled_from(pairs), max_size=MAX_EDGES - len(chain)))
    edges = chain | extra
    for edge in draw(st.sets(st.sampled_from(sorted(chain)))):
        fewer = edges - {edge}
        if {i for i, _ in fewer} | {vertices - 1} == {j for _, j in fewer} | {0} == set(range(vertices)):
            edges = fewer
    matrix = [[int((i, j) in edges) for j in range(vertices)] for i in range(vertices)]
    interior = draw(st.lists(st.sampled_from(OPERATIONS), min_size=vertices - 2, max_size=vertices - 2))
    return Cell.build(matrix, (INPUT, *interior, OUTPUT))


def paths(matrix: Sequence[Sequence[int]], vertex: int = 0) -> list[list[int]]:
    """Return all paths from a vertex to the last one, by recursion."""
    if vertex == len(matrix) - 1:
        return [[vertex]]
    targets = [target for target, bit in enumerate(matrix[vertex]) if bit]
    return [[vertex, *rest] for target in targets for rest in paths(matrix, target)]


@given(graphs())
def test_prune_keeps_exactly_the_vertices_on_paths(graph: tuple[list[list[int]], tuple[str, ...]]) -> None:
    matrix, operations = graph
    kept = sorted({vertex for path in paths(matrix) for vertex in path})
    pruned = prune(matrix, operations)
    if not kept:
        assert pruned is None
        return
    expected = tuple(tuple(matrix[i][j] for j in kept) for i in kept), tuple(operations[i] for i in kept)
    assert pruned == expected
    assert prune(*expected) == expected


@given(cells())
def test_text_mapping_and_pair_round_trip(cell: Cell) -> None:
    assert parse(format_cell(cell)) == cell
    assert parse({"matrix": cell.matrix, "operations": cell.operations}) == cell
    assert parse((np.array(cell.matrix), list(cell.operations))) == cell
    assert parse(cell) is cell
    assert pickle.loads(pickle.dumps(cell)) == cell


@given(cells(), st.randoms(use_true_random=False))
def test_hash_and_labellings_do_not_depend_on_the_labelling(cell: Cell, random: Any) -> None:
    remaining, order = set(range(1, cell.vertices)), [0]
    while remaining:
        ready = [v for v in remaining if not any(cell.matrix[u][v] for u in remaining)]
        order.append(random.choice([v for v in ready if v != cell.vertices - 1] or ready))
        remaining.remove(order[-1])
    other = permuted(cell, order)
    assert other.operations == tuple(cell.operations[vertex] for vertex in order)
    assert module_hash(other) == module_hash(cell)
    assert labellings(other) == labellings(cell)
    assert permuted(other, np.argsort(order).tolist()) == cell


def test_format_is_the_documented_text() -> None:
    cell = Cell.build([[0, 1, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0]], [INPUT, CONV3X3, MAXPOOL3X3, OUTPUT])
    assert format_cell(cell) == "I3MO:110/01/1"
    assert (cell.vertices, cell.edges) == (4, 4)
    assert format_cell(parse("I3MO:101/10/0")) == "IO:1"


@pytest.mark.parametrize(("text", "digest", "count"), PUBLISHED)
def test_published_hashes_and_parameters(text: str, digest: str, count: int) -> None:
    assert module_hash(parse(text)) == digest
    assert NASBench101().cost(parse(text)).parameters == count


@pytest.mark.parametrize("layers", [0, -3, 4, 8])
def test_layers_must_divide_into_three_stacks(layers: int) -> None:
    assert [cells_per_stack(3 * cells) for cells in (1, 2, 3)] == [1, 2, 3]
    with pytest.raises(UserError, match=f"found {layers} layers; expected a multiple of 3"):
        cells_per_stack(layers)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("IO:1", [64, 128]),
        ("I3O:11/1", [64, 128, 128]),  # the input-to-output edge takes no share
        ("I333O:1110/001/01/1", [64, 43, 43, 42, 128]),  # the remainder goes to the first ones
        ("I33O:100/10/1", [64, 128, 128, 128]),
        ("I3333O:11100/0010/001/01/1", [64, 42, 43, 43, 42, 128]),  # vertex 1 feeds only a vertex of 42
        ("I3333O:10100/1010/001/01/1", [64, 43, 43, 43, 42, 128]),  # and here vertices of 43 and 42
    ],
)
def test_vertex_channels(text: str, expected: list[int]) -> None:
    assert vertex_channels(64, 128, parse(text).matrix) == expected


def test_vertex_channels_refuses_fewer_channels_than_shares() -> None:
    with pytest.raises(UserError, match="2 output channels cannot be shared by 3"):
        vertex_channels(2, 2, parse("I333O:1110/001/01/1").matrix)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("I3O:10/0", "there is no path from input to output"),
        ("I3O:11", "cannot read the text"),
        ("I3O:11/1/", "cannot read the text"),
        ("I5O:11/1", "cannot read the text"),
        ("I3O", "cannot read the text"),
        ("3IO:11/1", "start with 'input'"),
        ("IOO:11/1", "start with 'input'"),
        (
            "I333O:1111/111/11/1",
            "5 vertices and 10 edges after pruning; the space ends at 7 vertices and 9 edges",
        ),
        ("I333333O:1000000/100000/10000/1000/100/10/1", "8 vertices"),
        (([[0, 1], [1, 0]], [INPUT, OUTPUT]), "not upper triangular"),
        (([[0, 2], [0, 0]], [INPUT, OUTPUT]), "entries other than 0 and 1"),
        (([[0, 0.5], [0, 0]], [INPUT, OUTPUT]), "entries other than 0 and 1"),
        (([[0, 1]], [INPUT, OUTPUT]), "square"),
        (([[0, 1], [0, 0]], [INPUT, CONV3X3, OUTPUT]), "3 operations for 2 vertices"),
        (([[0, 1, 0], [0, 0, 1], [0, 0, 0]], [INPUT, "conv5x5", OUTPUT]), "conv3x3-bn-relu"),
        ((3, 4), "is not a graph"),
        ({"matrix": [[0, 1], [0, 0]]}, "exactly the keys"),
        (7, "cannot read 7"),
    ],
)
def test_errors_say_what_is_wrong(source: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        parse(source)


def test_constructor_refuses_what_is_not_pruned() -> None:
    with pytest.raises(UserError, match=r"use Cell\.build"):
        Cell(((0, 0, 1), (0, 0, 1), (0, 0, 0)), (INPUT, CONV3X3, OUTPUT))


def test_unique_cells_and_labellings_by_brute_force() -> None:
    for vertices in (2, 3, 4, 5):
        labelled = list(labelled_cells(vertices))
        digests = [module_hash(cell) for cell in labelled]
        members = Counter(digests)
        assert len(members) == UNIQUE_CELLS[vertices]
        for cell, digest in zip(labelled[::7], digests[::7], strict=True):
            assert labellings(cell) == members[digest]


def test_sampler_weighs_the_whole_space_as_the_published_count() -> None:
    """The weights of the sampler over all labelled cells add up to the number of unique cells of each size."""
    for vertices, expected in UNIQUE_CELLS.items():
        smaller = number_of_cells(vertices - 1) if vertices > 2 else 0
        assert number_of_cells(vertices) - smaller == expected
    assert number_of_cells() == sum(UNIQUE_CELLS.values()) == 423_624


def law_of_random_a(max_vertices: int) -> dict[str, float]:
    digests = {module_hash(cell) for size in range(2, max_vertices + 1) for cell in labelled_cells(size)}
    return dict.fromkeys(sorted(digests), 1 / len(digests))


def law_of_random_nas(vertices: int) -> dict[str, float]:
    pruned = [graph for graph in itertools.starmap(prune, encodings(vertices)) if graph is not None]
    counts = Counter(module_hash(Cell(*graph)) for graph in pruned)
    return {digest: counts[digest] / len(pruned) for digest in sorted(counts)}


def drawn_by(law: Law) -> Counter[str]:
    counts: Counter[str] = Counter()
    for cell, count in Counter(law(np.random.default_rng(20200304), 20_000, max_vertices=4)).items():
        counts[module_hash(cell)] += count
    return counts


def p_value(drawn: Counter[str], expected: dict[str, float]) -> float:
    assert set(drawn) <= set(expected)
    observed = [drawn[digest] for digest in expected]
    return float(chisquare(observed, drawn.total() * np.array(list(expected.values()))).pvalue)


def test_the_laws_on_four_vertices() -> None:
    uniform, encoded = law_of_random_a(4), law_of_random_nas(4)
    assert len(uniform) == 91
    by_random_a, by_random_nas = drawn_by(random_a), drawn_by(random_nas)
    assert p_value(by_random_a, uniform) > 0.01
    assert p_value(by_random_nas, encoded) > 0.01
    assert p_value(by_random_nas, uniform) < 1e-12
    assert p_value(by_random_a, encoded) < 1e-12


def test_random_a_draws_sizes_in_proportion_to_their_unique_cells() -> None:
    sizes = Counter(cell.vertices for cell in random_a(np.random.default_rng(1), 10_000))
    expected = np.array([sum(UNIQUE_CELLS[size] for size in (2, 3, 4, 5)), UNIQUE_CELLS[6], UNIQUE_CELLS[7]]) / 423_624
    observed = [sum(sizes[size] for size in (2, 3, 4, 5)), sizes[6], sizes[7]]
    assert chisquare(observed, 10_000 * expected).pvalue > 0.01


@pytest.mark.parametrize("law", [random_a, random_nas])
def test_draws_are_deterministic_and_extend(law: Law) -> None:
    long = law(np.random.default_rng(7), 2_000)
    assert law(np.random.default_rng(7), 150) == long[:150]
    assert law(np.random.default_rng(8), 150) != long[:150]
    assert law(np.random.default_rng(7), 0) == []
    assert all(Cell.build(cell.matrix, cell.operations) == cell for cell in long)


@pytest.mark.parametrize("law", [random_a, random_nas, fair_group])
def test_sampling_refuses_bad_arguments(law: Callable[..., Any]) -> None:
    for n, max_vertices in ((-1, 7), (1, 1), (1, 8)):
        with pytest.raises(UserError, match=f"n={n}, max_vertices={max_vertices}"):
            law(np.random.default_rng(0), n, max_vertices)


def test_fair_groups_use_every_operation_of_every_vertex_once() -> None:
    groups = fair_group(np.random.default_rng(3), 500)
    assert groups == fair_group(np.random.default_rng(3), 500)
    for group in groups:
        assert len({cell.matrix for cell in group}) == 1
        for used in list(zip(*(cell.operations for cell in group), strict=True))[1:-1]:
            assert sorted(used) == sorted(OPERATIONS)


def test_fair_groups_permute_vertices_independently() -> None:
    cells_of_four = [group for group in fair_group(np.random.default_rng(4), 4_000, 4) if group[0].vertices == 4]
    counts = Counter(tuple(cell.operations[1:-1] for cell in group) for group in cells_of_four)
    assert len(counts) == 36
    assert chisquare(list(counts.values())).pvalue > 0.01
