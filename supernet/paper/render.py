"""A table as CSV (numbers), Markdown, LaTeX and HTML (text), whole or not at all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import pandas as pd

from supernet.io.atomic import publish, write_text

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    # After a row's `\\`, a bracket would be read as the extra space and a star as `\\*`.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "\u00d7": r"$\times$",
    "\u2212": r"$-$",
    "\u2013": "--",
    "τ": r"$\tau$",
    "‡": r"$\ddagger$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "\u00a0": "~",
}
_HTML_STYLE = (
    "body{font:14px/1.45 system-ui,sans-serif;color:#1b1b1b;background:#fff;margin:1rem}"
    "p{max-width:50rem}table{border-collapse:collapse;border-block:2px solid #1b1b1b}"
    "th{border-bottom:1px solid #1b1b1b;text-align:left}th,td{padding:.2rem .6rem;vertical-align:top}"
    ".number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
)
_NUMBER = ' class="number"'
_LEADING_NUMBER = re.compile(r"[-\u2212]?\d[\d\u00a0]*(\.\d+)?")
_MARKDOWN = re.compile(r"([\\`*_|<>\[\]])")


@dataclass(frozen=True)
class Table:
    """Formatted text and the numbers behind it.

    `text` holds strings, a line break within a cell starting a second line; `numbers` goes to CSV at full
    precision. `group` names the column whose equal neighbours form one block of rows; `widths` gives columns
    of running text a LaTeX width.
    """

    text: pd.DataFrame
    numbers: pd.DataFrame
    caption: str
    notes: tuple[str, ...] = ()
    group: str | None = None
    left: frozenset[str] = frozenset()
    widths: Mapping[str, str] = field(default_factory=dict)


def write(table: Table, stem: Path | str) -> None:
    """Write stem.csv, stem.md, stem.tex and stem.html, each atomically.

    The first line of the Markdown file is the caption; the HTML file is what reports show.
    """
    stem = Path(stem)
    write_csv(beside(stem, ".csv"), table.numbers)
    write_text(beside(stem, ".md"), markdown(table))
    write_text(beside(stem, ".tex"), latex(table, label=stem.name))
    write_text(beside(stem, ".html"), html(table, title=stem.name))


def beside(stem: Path, suffix: str) -> Path:
    """The stem with a suffix added; unlike `with_suffix`, a dot in the stem's own name stays."""
    return stem.parent / (stem.name + suffix)


def write_csv(path: Path, numbers: pd.DataFrame) -> None:
    """Write numbers at full precision (the shortest text that reads back as the same float), atomically."""
    with publish(path) as temporary:
        numbers.to_csv(temporary, index=False, lineterminator="\n")


def escape_latex(text: str) -> str:
    """Text with LaTeX's special characters and the Unicode signs that we use made printable."""
    return "".join(_LATEX.get(character, character) for character in text)


def escape_markdown(text: str) -> str:
    """Text with Markdown's special characters escaped; line breaks become `<br>`."""
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", "<br>")


def markdown(table: Table) -> str:
    """Caption, pipe table and notes."""
    columns = [str(column) for column in table.text.columns]
    rules = [":---" if _is_left(table, column) else "---:" for column in columns]
    lines = [
        escape_markdown(table.caption),
        "",
        _pipes([escape_markdown(column) for column in columns]),
        _pipes(rules),
    ]
    previous = None
    for row in _rows(table.text):
        cells = [escape_markdown(cell) for cell in row]
        if table.group is not None:
            position = columns.index(table.group)
            repeated, previous = row[position] == previous, row[position]
            cells[position] = "" if repeated else f"**{cells[position]}**"
        lines.append(_pipes(cells))
    notes = [line for note in table.notes if note for line in ("", escape_markdown(note))]
    return "\n".join([*lines, *notes]) + "\n"


def latex(table: Table, label: str) -> str:
    """A `table*` for the booktabs package, with `\\label{tab:…}`."""
    body = table.text if table.group is None else table.text.drop(columns=table.group)
    columns = [str(column) for column in body.columns]
    layout = "".join(_layout(table, column) for column in columns)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table*}[t]",
        r"\centering",
        rf"\caption{{{escape_latex(table.caption)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9.:-]', '-', label)}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{@{{}}{layout}@{{}}}}",
        r"\toprule",
        _ampersands(columns),
        *_latex_rows(table, body),
        r"\bottomrule",
        r"\end{tabular}",
        *(rf"\par\smallskip\raggedright {escape_latex(note)}\par" for note in table.notes if note),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def html(table: Table, title: str) -> str:
    """A page of its own that needs no other file: caption, table and notes.

    Between `<table>` and `</table>` it has no style, so that a site can take the element over (`table_element`).
    """
    columns = [str(column) for column in table.text.columns]
    left = [_is_left(table, column) for column in columns]
    header = "".join(
        f'<th scope="col"{"" if side else _NUMBER}>{_html(column)}</th>'
        for column, side in zip(columns, left, strict=True)
    )
    rows = ["".join(map(_html_cell, row, left)) for row in _rows(table.text)]
    lines = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_html(title)}</title>',
        f"<style>{_HTML_STYLE}</style></head><body>",
        f"<p>{_html(table.caption)}</p>",
        f"<table><thead><tr>{header}</tr></thead><tbody>",
        *(f"<tr>{row}</tr>" for row in rows),
        "</tbody></table>",
        *(f"<p>{_html(note)}</p>" for note in table.notes if note),
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def table_element(page: str) -> str:
    """The element `<table>` of a page of `html`; raises ValueError if there is not exactly one."""
    start, end = "<table>", "</table>"
    if page.count(start) != 1 or page.count(end) != 1:
        raise ValueError(f"table_element: {page.count(start)} tables in the page, expected one")
    return page[page.index(start) : page.index(end) + len(end)]


def _latex_rows(table: Table, body: pd.DataFrame) -> list[str]:
    groups = [""] * len(body) if table.group is None else [str(name) for name in table.text[table.group]]
    lines: list[str] = []
    previous = None
    for group, row in zip(groups, _rows(body), strict=True):
        if group != previous:
            lines.append(r"\midrule")
            if group:
                lines.append(rf"\multicolumn{{{len(row)}}}{{@{{}}l}}{{\textit{{{escape_latex(group)}}}}} \\")
        previous = group
        parts = [cell.split("\n") for cell in row]
        for line in range(max(len(part) for part in parts)):
            lines.append(_ampersands([part[line] if line < len(part) else "" for part in parts]))
    return lines


def _html_cell(text: str, left: bool) -> str:
    """A cell; what a column of numbers is sorted by is the number that a cell begins with."""
    if left:
        return f"<td>{_html(text)}</td>"
    found = _LEADING_NUMBER.match(text)
    order = found.group().replace("\u2212", "-").replace("\u00a0", "") if found else ""
    return f'<td{_NUMBER} data-order="{order}">{_html(text)}</td>'


def _html(text: str) -> str:
    return escape(text).replace("\n", "<br>")


def _rows(frame: pd.DataFrame) -> list[list[str]]:
    return [[str(cell) for cell in row] for row in frame.itertuples(index=False)]


def _is_left(table: Table, column: str) -> bool:
    return column == table.group or column in table.left or column in table.widths


def _layout(table: Table, column: str) -> str:
    if column in table.widths:
        return rf"p{{{table.widths[column]}}}"
    return "l" if _is_left(table, column) else "r"


def _pipes(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ampersands(cells: list[str]) -> str:
    return " & ".join(escape_latex(cell) for cell in cells) + r" \\"
