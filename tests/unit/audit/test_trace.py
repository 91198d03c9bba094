"""The picture of a lineage: one box per file, arrows from left to right, no overlapping boxes."""

import re
from itertools import combinations
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from laboratory import CSV, FOUND, METRICS, POOL, Laboratory

from supernet.audit.file_status import State
from supernet.audit.lineage import lineage
from supernet.audit.trace.boxes import Graph, graph
from supernet.audit.trace.layout import crossings, layout
from supernet.audit.trace.svg import draw
from supernet.errors import UserError
from supernet.provenance.folders import Folders

SVG = "{http://www.w3.org/2000/svg}"


def traced(lab: Laboratory, target: str) -> Graph:
    nodes, audit = lineage(target, Folders()), lab.audit()
    return graph(nodes, {path: audit.status(path) for path, node in nodes.items() if node.kind == "result"})


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    """Draw boxes, and arrows from lower to higher numbers, so that there is no cycle."""
    count = draw(st.integers(1, 12))
    pairs = list(combinations(range(count), 2))
    return count, draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []


@given(graphs())
def test_every_arrow_goes_right_and_overlaps_nothing(made: tuple[int, list[tuple[int, int]]]) -> None:
    count, arrows = made
    placed = layout(count, arrows)
    where = {
        number: (column, row)
        for column, members in enumerate(placed.columns)
        for row, number in enumerate(members)
        if number is not None
    }
    assert set(where) == set(range(count))
    assert set(placed.routes) == set(arrows)
    passed = [place for route in placed.routes.values() for place in route[1:-1]]
    assert len(passed) == len(set(passed))
    for (source, target), route in placed.routes.items():
        assert (route[0], route[-1]) == (where[source], where[target])
        assert [column for column, _ in route] == list(range(where[source][0], where[target][0] + 1))
        assert all(placed.columns[column][row] is None for column, row in route[1:-1])


def test_sorting_takes_crossings_away() -> None:
    # Two bundles that cross if the boxes are in the order of their numbers.
    arrows = [(0, 5), (1, 4), (2, 3), (0, 4)]
    placed = layout(6, arrows)
    layers = [[number for number in column if number is not None] for column in placed.columns]
    assert crossings([[0, 1, 2], [3, 4, 5]], arrows) == 4
    assert crossings(layers, arrows) == 0


def test_a_cycle_is_refused() -> None:
    with pytest.raises(UserError, match="cycle"):
        layout(2, [(0, 1), (1, 0)])


def test_each_file_is_in_one_box_and_arrows_that_follow_are_left_out(lab: Laboratory) -> None:
    found = traced(lab, FOUND)
    files = [path for box in found.boxes for path in box.files]
    assert sorted(files) == sorted(lineage(FOUND, Folders()))
    place = {path: number for number, box in enumerate(found.boxes) for path in box.files}
    # metrics.parquet read the pool, which the scores that it read were made from as well.
    assert POOL in lineage(FOUND, Folders())[METRICS].inputs
    assert (place[POOL], place[METRICS]) not in found.arrows
    assert (place[METRICS], place[FOUND]) in found.arrows


def test_a_box_is_as_bad_as_its_worst_file_and_says_so(lab: Laboratory) -> None:
    assert {box.state for box in traced(lab, CSV).boxes} == {State.INTACT, None}
    lab.replace(POOL, "a", "b")
    states = {path: box.state for box in traced(lab, CSV).boxes for path in box.files}
    assert states[POOL] is State.BROKEN
    picture = draw(traced(lab, CSV), "title", [])
    assert "broken" in [element.text for element in ElementTree.fromstring(picture).iter(f"{SVG}text")]


def test_the_picture_is_whole(lab: Laboratory) -> None:
    found = traced(lab, FOUND)
    picture = draw(found, "Where <it> comes from", ["a note", "x" * 300])
    assert draw(traced(lab, FOUND), "Where <it> comes from", ["a note", "x" * 300]) == picture
    root = ElementTree.fromstring(picture)
    assert root.find(f"{SVG}title").text == "Where <it> comes from"  # type: ignore[union-attr]
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = [
        tuple(float(group.find(f"{SVG}rect").attrib[key]) for key in ("x", "y", "width", "height"))  # type: ignore[union-attr]
        for group in root.iter(f"{SVG}g")
    ]
    assert len(boxes) == len(found.boxes)
    for left, top, wide, high in boxes:
        assert left >= 0 and left + wide <= width and top >= 0 and top + high <= height
    for a, b in combinations(boxes, 2):
        apart = a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]
        assert apart, (a, b)
    # The tooltips have every path in full.
    tips = "\n".join(element.text or "" for element in root.iter(f"{SVG}title"))
    assert all(path in tips for path in lineage(FOUND, Folders()))
    assert not re.search(r"(href|url\()", picture)
