"""A graph of boxes as a self-contained SVG picture; the same graph gives the same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from xml.etree import ElementTree

from supernet.audit.file_status import State
from supernet.audit.trace.boxes import Box, Graph
from supernet.audit.trace.layout import Layout, layout

WIDTH, LINE, PAD = 196, 15, 8
"""Width of a box, height of a line of text, and padding; in pixels, as the sizes below."""
ACROSS, DOWN, PASSING = 64, 18, 14
"""Space between columns, space between boxes of a column, height of the place of an arrow that passes a column."""
MARGIN, HEAD = 24, 64
CHARACTERS = 29
"""Characters per line that fit into a box at 11 pixels; longer text ends in `…`, and the tooltip has all of it."""
_LOOKS: Mapping[State | None, tuple[str, str, str]] = MappingProxyType(
    {
        # Border, fill and dashes: states differ without colour too, and the box names the state.
        None: ("#6e6e6e", "#f3f3f3", ""),
        State.INTACT: ("#0072b2", "#eaf3fa", ""),
        State.STALE: ("#b36b00", "#fff4df", "6 3"),
        State.UNEXPECTED: ("#a50026", "#fde3e3", "2 2"),
        State.BROKEN: ("#a50026", "#fde3e3", "2 2"),
    }
)
_FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
_INK, _SOFT = "#1b1b1b", "#595959"


def draw(graph: Graph, title: str, notes: Sequence[str]) -> str:
    """Return the SVG text of the picture, with a title and notes above the boxes."""
    placed = layout(len(graph.boxes), graph.arrows)
    tops, height = _tops(graph, placed)
    width = 2 * MARGIN + len(placed.columns) * (WIDTH + ACROSS) - ACROSS
    needed = max(width, 2 * MARGIN + 7 * max(map(len, (title, *notes))))
    top = HEAD + LINE * len(notes)
    root = ElementTree.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "width": str(needed),
            "height": str(top + height + MARGIN),
            "viewBox": f"0 0 {needed} {top + height + MARGIN}",
            "font-family": _FONT,
            "font-size": "11",
            "role": "img",
        },
    )
    ElementTree.SubElement(root, "title").text = title
    ElementTree.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    _text(root, MARGIN, MARGIN + 12, title, size=15, weight="bold")
    for number, note in enumerate(notes):
        _text(root, MARGIN, MARGIN + 34 + LINE * number, note, color=_SOFT)
    for route in placed.routes.values():
        _arrow(root, [_point(graph, placed, tops, at) for at in route], top)
    for column, members in enumerate(placed.columns):
        for row, member in enumerate(members):
            if member is not None:
                _box(root, graph.boxes[member], MARGIN + column * (WIDTH + ACROSS), top + tops[column][row])
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _tops(graph: Graph, placed: Layout) -> tuple[list[list[float]], float]:
    """Return the upper edge of each place, with columns centred vertically, and the height of the tallest column."""
    heights = [[_height(graph, number) for number in members] for members in placed.columns]
    totals = [sum(column) + DOWN * (len(column) - 1) for column in heights]
    highest = max(totals, default=0)
    tops = []
    for column, total in zip(heights, totals, strict=True):
        edge = (highest - total) / 2
        starts = []
        for one in column:
            starts.append(edge)
            edge += one + DOWN
        tops.append(starts)
    return tops, highest


def _height(graph: Graph, number: int | None) -> float:
    return PASSING if number is None else 2 * PAD + LINE * len(_lines(graph.boxes[number]))


def _lines(box: Box) -> list[str]:
    state = [] if box.state in (None, State.INTACT) else [box.state.name.lower()]
    return [box.title, *box.lines, *state]


def _point(
    graph: Graph, placed: Layout, tops: Sequence[Sequence[float]], at: tuple[int, int]
) -> tuple[float, float, float]:
    """Return left edge, right edge and vertical middle of a place."""
    column, row = at
    left = MARGIN + column * (WIDTH + ACROSS)
    return left, left + WIDTH, tops[column][row] + _height(graph, placed.columns[column][row]) / 2


def _arrow(root: ElementTree.Element, places: Sequence[tuple[float, float, float]], top: float) -> None:
    """Draw a line from the right edge of the first place, through those between, to the left edge of the last."""
    start, *between, end = places
    points = [(start[1], start[2])]
    points += [(x, middle) for left, right, middle in between for x in (left, right)]
    points.append((end[0] - 7, end[2]))
    path = f"M{points[0][0]:g} {points[0][1] + top:g}" + "".join(_curves(points, top))
    ElementTree.SubElement(root, "path", {"d": path, "fill": "none", "stroke": "#8a8a8a", "stroke-width": "1.2"})
    x, y = end[0], end[2] + top
    head = f"M{x - 1:g} {y:g}L{x - 8:g} {y - 4:g}L{x - 8:g} {y + 4:g}Z"
    ElementTree.SubElement(root, "path", {"d": head, "fill": "#8a8a8a"})


def _curves(points: Sequence[tuple[float, float]], top: float) -> Iterator[str]:
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (x0 + x1) / 2
        yield f"C{middle:g} {y0 + top:g} {middle:g} {y1 + top:g} {x1:g} {y1 + top:g}"


def _box(root: ElementTree.Element, box: Box, left: float, top: float) -> None:
    border, fill, dashes = _LOOKS[box.state]
    lines = _lines(box)
    group = ElementTree.SubElement(root, "g")
    ElementTree.SubElement(group, "title").text = "\n".join([*lines, *box.files])
    shape = {"x": f"{left:g}", "y": f"{top:g}", "width": str(WIDTH), "height": str(2 * PAD + LINE * len(lines))}
    look = {"rx": "5", "fill": fill, "stroke": border, "stroke-width": "1.4"}
    ElementTree.SubElement(group, "rect", shape | look | ({"stroke-dasharray": dashes} if dashes else {}))
    for number, line in enumerate(lines):
        short = line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1]}…"
        last = number == len(lines) - 1 and len(lines) > len(box.lines) + 1
        _text(
            group,
            left + PAD,
            top + PAD + 11 + LINE * number,
            short,
            weight="bold" if number == 0 or last else "normal",
            color=border if last else _INK if number < 2 else _SOFT,
        )


def _text(
    parent: ElementTree.Element,
    x: float,
    y: float,
    text: str,
    size: int = 11,
    weight: str = "normal",
    color: str = _INK,
) -> None:
    place = {"x": f"{x:g}", "y": f"{y:g}", "fill": color, "font-size": str(size), "font-weight": weight}
    ElementTree.SubElement(parent, "text", place).text = text
