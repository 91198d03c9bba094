"""Printed names of architectures: short, and different for different architectures."""

import itertools
from typing import Any

import numpy as np
import pytest

from supernet import spaces
from supernet.paper import names
from supernet.paper.names import architecture_names


def test_cells_that_start_alike_have_different_names() -> None:
    cells = [
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|none~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|",
    ]
    assert list(architecture_names("nasbench201", cells).values()) == ["333100", "333000"]


@pytest.mark.parametrize("space", ["nasbench101", "nasbench201", "darts"])
def test_names_are_short_and_unambiguous(space: str) -> None:
    known = spaces.load(space)
    drawn = {known.arch_id(arch): known.format(arch) for arch in known.sample(np.random.default_rng(0), count=300)}
    found = architecture_names(space, drawn.values())
    assert len(set(found.values())) == len(drawn)
    assert max(map(len, found.values())) == (6 if space == "nasbench201" else 8)
    assert architecture_names(space, [None, float("nan")]) == {}


def test_a_name_is_longer_where_the_start_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alike:
        parse = staticmethod(str)

        def arch_id(self, arch: Any) -> str:
            return f"0123456789{arch}"

    monkeypatch.setattr(names, "load", lambda space: Alike())
    assert architecture_names("darts", ["a", "b"]) == {"a": "0123456789a", "b": "0123456789b"}
    assert architecture_names("darts", ["a"]) == {"a": "01234567"}


def test_no_two_cells_of_nasbench201_share_a_name() -> None:
    space = spaces.load("nasbench201")
    cells = [space.format(space.chosen(choices)) for choices in itertools.product(range(5), repeat=6)]
    assert len(set(architecture_names("nasbench201", cells).values())) == 15_625
