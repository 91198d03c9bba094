"""Encodings of NATS-Bench, NASLib and others: inverse functions, and facts that those projects publish."""

import hashlib
from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supernet import spaces
from supernet.errors import UserError
from supernet.spaces.darts.encoding import NONE, OPERATIONS, Cell, Genotype
from supernet.spaces.nasbench201.encoding import OPERATIONS as OPERATIONS_201
from supernet.spaces.nasbench201.encoding import Cell as Cell201

NASBENCH101, NASBENCH201, DARTS = (spaces.load(name) for name in ("nasbench101", "nasbench201", "darts"))
# Three architectures that the authors check (D-X-Y/AutoDL-Projects, exps/NATS-Bench/tss-collect.py).
NUMBERED = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    9: "|avg_pool_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|",
    123: "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|none~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    # The cell with the best test accuracy on CIFAR-10 (94.37 %; Dong & Yang 2020, Tab. 5).
    6111: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
}
FIELDS = namedtuple("FIELDS", "normal normal_concat reduce reduce_concat")

cells_201 = st.builds(Cell201, st.tuples(*[st.sampled_from(OPERATIONS_201)] * 6))
seeds = st.integers(0, 2**32 - 1)


@st.composite
def genotypes(draw: st.DrawFn, operations: tuple[str, ...] = OPERATIONS) -> Genotype:
    """Genotypes that concatenate all nodes."""

    def cell() -> Cell:
        edges = [(draw(st.sampled_from(operations)), draw(st.integers(0, 1 + edge // 2))) for edge in range(8)]
        return Cell.build(edges, (2, 3, 4, 5))

    return Genotype(cell(), cell())


def arrays(value: Any) -> Any:
    """Return the value with NumPy arrays instead of its innermost sequences of integers."""
    if isinstance(value, dict):
        return {key: arrays(one) for key, one in value.items()}
    if isinstance(value, list | tuple) and value and all(isinstance(one, int) for one in value):
        return np.array(value)
    return [arrays(one) for one in value] if isinstance(value, list | tuple) else value


@given(cells_201)
def test_nasbench201_conventions_are_inverse(cell: Cell201) -> None:
    for name in NASBENCH201.conventions:
        encoded = NASBENCH201.encode(cell, name)
        for source in (encoded, arrays(encoded), np.array(encoded)):
            assert NASBENCH201.decode(source, name) == cell


def test_nasbench201_conventions_are_onto() -> None:
    """All encodings of all cells differ, and there are as many as tuples of six operations."""
    cells = [NASBENCH201.architecture(number) for number in range(NASBENCH201.size)]
    for name in NASBENCH201.conventions:
        assert len({NASBENCH201.encode(cell, name) for cell in cells}) == 5**6


@settings(max_examples=50)
@given(seeds)
def test_nasbench101_conventions_are_inverse(seed: int) -> None:
    for cell in NASBENCH101.sample(np.random.default_rng(seed), "random_nas", count=5):
        for name in NASBENCH101.conventions:
            encoded = NASBENCH101.encode(cell, name)
            assert NASBENCH101.decode(encoded, name) == cell == NASBENCH101.decode(arrays(encoded), name)


@settings(max_examples=50)
@given(genotypes(tuple(operation for operation in OPERATIONS if operation != NONE)))
def test_darts_conventions_are_inverse(genotype: Genotype) -> None:
    for name in DARTS.conventions:
        encoded = DARTS.encode(genotype, name)
        assert DARTS.decode(encoded, name) == genotype == DARTS.decode(arrays(encoded), name)
    assert DARTS.decode(FIELDS(**DARTS.encode(genotype, "genotype")), "genotype") == genotype


@settings(max_examples=20)
@given(genotypes())
def test_darts_bananas_has_the_operation_none(genotype: Genotype) -> None:
    assert DARTS.decode(DARTS.encode(genotype, "bananas"), "bananas") == genotype


def test_the_tuple_of_naslib_is_another_cell_than_that_of_nats() -> None:
    """Worked out by hand from `EDGE_LIST` and `OP_NAMES_NB201` of automl/NASLib."""
    cell = NASBENCH201.parse(NUMBERED[0])
    assert NASBENCH201.encode(cell, "nats") == (4, 2, 1, 2, 1, 1)
    assert NASBENCH201.encode(cell, "naslib") == (4, 3, 3, 0, 0, 0)
    assert NASBENCH201.encode(cell, "nats_matrix") == ((0, 0, 0, 0), (4, 0, 0, 0), (2, 1, 0, 0), (2, 1, 1, 0))
    assert NASBENCH201.format(NASBENCH201.decode((4, 0, 3, 1, 4, 3), "nats")) == (
        "|avg_pool_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
    )
    assert NASBENCH201.format(NASBENCH201.decode((4, 0, 3, 1, 4, 3), "naslib")) == (
        "|avg_pool_3x3~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_1x1~2|"
    )


@pytest.mark.parametrize(("number", "text"), NUMBERED.items())
def test_numbers_are_those_of_nats_bench(number: int, text: str) -> None:
    assert NASBENCH201.format(NASBENCH201.architecture(number)) == text
    assert NASBENCH201.index(NASBENCH201.parse(text)) == number
    assert NASBENCH201.architecture(np.int64(number)) == NASBENCH201.parse(text)


def test_all_numbers_are_pinned() -> None:
    """The digest of a table whose order was compared with the published one, so that no Python changes the order."""
    texts = [NASBENCH201.format(NASBENCH201.architecture(number)) for number in range(15_625)]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()
    assert digest == "83abc799e45cf34e9d2163654668ab998b9a54d01c39e72ca1f71f2cdf356d84"


def test_the_tuple_of_naslib_of_a_nasbench101_cell() -> None:
    """Worked out by hand: seven rows, with the output last; numbers of input, 3x3 convolution, pooling and output."""
    rows = ["0110000", "0000001", "0000001", *["0000000"] * 4]
    expected = (*map(int, "".join(rows)), 0, 4, 2, 4, 4, 4, 1)
    cell = NASBENCH101.parse("I3MO:110/01/1")
    assert NASBENCH101.encode(cell, "naslib") == expected
    assert NASBENCH101.decode(expected, "naslib") == cell
    # The tuple of the four vertices alone, which `convert_spec_to_tuple` gives for such a matrix.
    assert NASBENCH101.decode((*map(int, "0110000100010000"), 0, 4, 2, 1), "naslib") == cell


def test_compact_genotypes_number_the_operations_differently() -> None:
    """NASLib counts from the first operation after `none`, BANANAS from `none`."""
    edges = [("sep_conv_3x3", 0), ("max_pool_3x3", 1)] * 4
    genotype = DARTS.parse(
        {"normal": edges, "reduce": edges, "normal_concat": range(2, 6), "reduce_concat": range(2, 6)}
    )
    assert DARTS.encode(genotype, "naslib")[0][:2] == ((0, 3), (1, 0))
    assert DARTS.encode(genotype, "bananas")[0][:2] == ((0, 4), (1, 1))


@pytest.mark.parametrize(
    ("space", "convention", "source", "message"),
    [
        (NASBENCH201, "naslib", (0, 1, 2, 3, 4), r"found \(0, 1, 2, 3, 4\); expected 6 integers"),
        (NASBENCH201, "naslib", (0, 1, 2, 3, 4, 5), "found 5 at position 5; expected an integer from 0 to 4"),
        (NASBENCH201, "nats", (-1, 1, 2, 3, 4, 4), "found -1 at position 0"),
        (NASBENCH201, "nats", (True, 1, 2, 3, 4, 4), "found True at position 0"),
        (NASBENCH201, "nats", np.array([0.0, 1, 2, 3, 4, 4]), "found 0.0 at position 0"),
        (NASBENCH201, "nats", "041434", "expected 6 integers"),
        (NASBENCH201, "nats_matrix", [[0, 1, 0, 0], *[[0] * 4] * 3], "row 0: found 1 at position 1"),
        (NASBENCH201, "nats_matrix", [0] * 16, "expected 4 rows of 4 integers"),
        (NASBENCH201, "nas", (0,) * 6, "found the convention 'nas'; expected one of nats, nats_matrix, naslib"),
        (NASBENCH101, "naslib", (0,) * 55, "expected a tuple of one of the lengths 6, 12, 20, 30, 42, 56"),
        (NASBENCH101, "naslib", (*[0, 2, 0, 0], 0, 1), "found 2 at position 1; expected an integer from 0 to 1"),
        (NASBENCH101, "nasbench", {"matrix": [[0, 1], [0, 0]]}, "expected a mapping with matrix and ops"),
        (DARTS, "naslib", ((), ()), r"found the cell \[\]; expected 8 pairs"),
        (
            DARTS,
            "naslib",
            (((2, 0), *[(0, 0)] * 7),) * 2,
            "edge 0: found 2 at position 0; expected an integer from 0 to 1",
        ),
        (
            DARTS,
            "naslib",
            (((0, 7), *[(0, 0)] * 7),) * 2,
            "edge 0: found 7 at position 1; expected an integer from 0 to 6",
        ),
        (DARTS, "bananas", 3, "found 3; expected a pair of cells"),
    ],
)
def test_invalid_encodings_are_refused(space: Any, convention: str, source: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        space.decode(source, convention)


def test_architectures_that_an_encoding_lacks_are_refused() -> None:
    edges = [("none", 0), ("max_pool_3x3", 1)] * 4
    loose = DARTS.parse({"normal": edges, "reduce": edges, "normal_concat": [5], "reduce_concat": [5]})
    with pytest.raises(UserError, match=r"concatenates the states \[5\]"):
        DARTS.encode(loose, "naslib")
    whole = DARTS.parse({"normal": edges, "reduce": edges, "normal_concat": range(2, 6), "reduce_concat": range(2, 6)})
    with pytest.raises(UserError, match="has no operation 'none'"):
        DARTS.encode(whole, "naslib")


@pytest.mark.parametrize("number", [-1, 15_625, True, 1.0, "6111", None])
def test_numbers_outside_the_benchmark_are_refused(number: Any) -> None:
    with pytest.raises(UserError, match="expected an integer from 0 to 15624"):
        NASBENCH201.architecture(number)


@pytest.mark.parametrize("space", [NASBENCH101, DARTS], ids=lambda space: str(space.name))
def test_other_benchmarks_have_no_numbers(space: Any) -> None:
    arch = space.sample(np.random.default_rng(0))
    for call in (lambda: space.index(arch), lambda: space.architecture(0)):
        with pytest.raises(UserError, match="does not number the architectures"):
            call()


@pytest.mark.parametrize("space", [NASBENCH101, NASBENCH201, DARTS], ids=lambda space: str(space.name))
def test_choices_outside_their_sizes_are_refused(space: Any) -> None:
    made = list(space.choices_of(space.sample(np.random.default_rng(0))))
    assert space.chosen(np.array(made)) == space.chosen(made)
    for wrong in (-1, space.choices[-1], 0.5):
        with pytest.raises(UserError, match=f"found {wrong} at position {len(made) - 1}"):
            space.chosen([*made[:-1], wrong])


def test_numpy_integers_give_the_identifier_of_integers() -> None:
    """A NumPy integer is printed differently, and the identifier of a genotype is a hash of its text."""
    edges = [("sep_conv_3x3", 0), ("max_pool_3x3", 1)] * 4
    concat = [2, 3, 4, 5]
    whole = {"normal": edges, "normal_concat": concat, "reduce": edges, "reduce_concat": concat}
    other = [(operation, np.int64(state)) for operation, state in edges]
    same = {"normal": other, "normal_concat": np.array(concat), "reduce": other, "reduce_concat": concat}
    assert DARTS.arch_id(DARTS.parse(same)) == DARTS.arch_id(DARTS.parse(whole))
    matrix = [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    operations = ["input", "conv3x3-bn-relu", "output"]
    assert NASBENCH101.parse((np.array(matrix), operations)) == NASBENCH101.parse((matrix, operations))
