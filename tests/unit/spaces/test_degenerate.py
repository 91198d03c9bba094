"""Degenerate architectures: no convolution lies on a path through a cell."""

from typing import Any

import pytest

from supernet import spaces
from supernet.spaces.nasbench201.encoding import EDGES


@pytest.mark.parametrize(
    ("name", "encoding", "degenerate"),
    [
        ("nasbench201", [0] * len(EDGES), True),
        ("nasbench201", [1, 1, 1, 1, 1, 1], True),
        ("nasbench201", [1, 1, 1, 3, 1, 1], False),
        # The only convolution leads to a node that leads nowhere.
        ("nasbench201", [3, 0, 0, 1, 0, 0], True),
        # The only convolution is fed by zeros.
        ("nasbench201", [0, 0, 0, 1, 3, 0], True),
        # Convolutions that halve the resolution only.
        ("macro", "00000000", True),
        ("macro", "00010000", False),
        ("nasbench101", "IO:1", True),
        ("nasbench101", "IMO:11/1", True),
        ("nasbench101", "IM1O:110/01/1", False),
    ],
)
def test_degenerate_architectures(name: str, encoding: Any, degenerate: bool) -> None:
    space = spaces.load(name)
    arch = space.parse(encoding) if isinstance(encoding, str) else space.decode(encoding, "nats")
    assert space.degenerate(arch) is degenerate


def test_degenerate_genotypes() -> None:
    space = spaces.load("darts")
    skips = [("skip_connect", 0), ("skip_connect", 1)] * 4
    mixed = [("sep_conv_3x3", 0), *skips[1:]]
    unheard = [("sep_conv_3x3", 0), ("skip_connect", 1), ("none", 2), ("skip_connect", 0), *skips[4:]]
    for cell, expected in ((skips, True), (mixed, False), (unheard, True)):
        assert space.degenerate(space.parse({"normal": cell, "reduce": skips})) is expected
        assert space.degenerate(space.parse({"normal": skips, "reduce": cell})) is expected
