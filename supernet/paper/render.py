"""Writes tables as CSV, Markdown, LaTeX and HTML, and captions as Markdown, each file atomically."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from pathlib import Path

import pandas as pd

from supernet.io.atomic import publish, write_text
from supernet.provenance.recorder import announce_inputs

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
    # After `\\` at the end of a row, LaTeX reads `[` as extra space and `*` as part of `\\*`.
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
# Colons and `@`, because the report shows captions as reStructuredText, where `javascript:…` and `a@b` are links and
# `::` starts a block.
_MARKDOWN = re.compile(r"([\\`*_|<>\[\]@]|:(?=\S|$))")
_ESCAPED = re.compile(r"\\(.)")
DIGEST_LENGTH = 16
"""Characters of the digest of the inputs in notes: 64 bits make collisions negligible; records have the inputs."""
_NOTES_START, _NOTES_END = "<details><summary>Notes</summary>", "</details>"
"""Lines around the notes of a Markdown file; workflow/report/*.rst look for them."""


@dataclass(frozen=True)
class Caption:
    """Text of at most three sentences, and notes: one paragraph each for definitions, digests and limitations.

    Markdown and HTML show the notes folded, LaTeX in small print below the table. Empty notes are dropped.
    """

    text: str
    notes: tuple[str, ...]

    @classmethod
    def of(cls, text: str, notes: Iterable[str]) -> "Caption":
        """Return a caption with the notes that are not empty."""
        return cls(text, tuple(note for note in notes if note))


@dataclass(frozen=True)
class Table:
    """Formatted text and the numbers behind it.

    `text` holds strings; a line break in a cell starts a second line. `numbers` is written to CSV at full
    precision. Consecutive rows with the same value in the column `group` form one block. `widths` gives columns
    of running text a LaTeX width.
    """

    text: pd.DataFrame
    numbers: pd.DataFrame
    caption: Caption
    group: str | None = None
    left: frozenset[str] = frozenset()
    widths: Mapping[str, str] = field(default_factory=dict)


def write(table: Table, stem: Path | str) -> None:
    """Write stem.csv, stem.md, stem.tex and stem.html, each atomically.

    The Markdown file starts with the caption (`read_caption`); reports show the HTML file.
    """
    stem, table = Path(stem), replace(table, caption=with_digest(table.caption))
    write_csv(append_suffix(stem, ".csv"), table.numbers)
    write_text(append_suffix(stem, ".md"), markdown(table))
    write_text(append_suffix(stem, ".tex"), latex(table, label=stem.name))
    write_text(append_suffix(stem, ".html"), html(table, title=stem.name))


def append_suffix(stem: Path, suffix: str) -> Path:
    """Return the stem with a suffix appended; unlike `with_suffix`, keeps a dot in the stem's name."""
    return stem.parent / (stem.name + suffix)


def write_csv(path: Path, numbers: pd.DataFrame) -> None:
    """Write numbers atomically at full precision: the shortest text that reads back as the same float.

    Raises ValueError for a table without columns, whose file no reader of CSV accepts.
    """
    if numbers.columns.empty:
        raise ValueError(f"{path}: no columns to write")
    with publish(path) as temporary:
        numbers.to_csv(temporary, index=False, lineterminator="\n")


def write_caption(path: Path, caption: Caption) -> None:
    """Write a caption as a Markdown file, atomically."""
    write_text(path, "\n".join(_captioned(caption, [])) + "\n")


def read_caption(path: Path) -> Caption:
    """Read the caption of a Markdown file that `write` or `write_caption` made, as plain text without escapes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    notes = lines[lines.index(_NOTES_START) + 1 : -1] if _NOTES_START in lines else []
    return Caption.of(_plain(lines[0]), map(_plain, notes))


def with_digest(caption: Caption) -> Caption:
    """Return the caption with a note that identifies all files that the program has read to make its results.

    Everything must have been read before.
    """
    found = announce_inputs()
    if found is None:
        return caption
    digest, without = found
    lacking = f", {without} of which have no provenance record" if without else ""
    return Caption(caption.text, (*caption.notes, f"Digest of the inputs{lacking}: {digest[:DIGEST_LENGTH]}."))


def escape_latex(text: str) -> str:
    """Escape the special characters of LaTeX and replace the Unicode characters of tables by commands."""
    return "".join(_LATEX.get(character, character) for character in text)


def escape_markdown(text: str) -> str:
    """Escape the special characters of Markdown; line breaks become `<br>`."""
    return _MARKDOWN.sub(r"\\\1", text).replace("\n", "<br>")


def markdown(table: Table) -> str:
    """Return the caption, a pipe table and the folded notes."""
    columns = [str(column) for column in table.text.columns]
    rules = [":---" if _is_left(table, column) else "---:" for column in columns]
    lines = [_pipes([escape_markdown(column) for column in columns]), _pipes(rules)]
    previous = None
    for row in _rows(table.text):
        cells = [escape_markdown(cell) for cell in row]
        if table.group is not None:
            position = columns.index(table.group)
            repeated, previous = row[position] == previous, row[position]
            cells[position] = "" if repeated else f"**{cells[position]}**"
        lines.append(_pipes(cells))
    return "\n".join(_captioned(table.caption, lines)) + "\n"


def latex(table: Table, label: str) -> str:
    """Return a `table*` for the booktabs package with `\\label{tab:LABEL}` and the notes below the table."""
    body = table.text if table.group is None else table.text.drop(columns=table.group)
    columns = [str(column) for column in body.columns]
    layout = "".join(_layout(table, column) for column in columns)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table*}[t]",
        r"\centering",
        rf"\caption{{{escape_latex(table.caption.text)}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9.:-]', '-', label)}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{@{{}}{layout}@{{}}}}",
        r"\toprule",
        _ampersands(columns),
        *_latex_rows(table, body),
        r"\bottomrule",
        r"\end{tabular}",
        *_latex_notes(table.caption),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def html(table: Table, title: str) -> str:
    """Return a self-contained page with the caption, the table and the folded notes.

    The element `<table>` has no inline style, so that the site can include it (`table_element`).
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
        f"<p>{_html(table.caption.text)}</p>",
        f"<table><thead><tr>{header}</tr></thead><tbody>",
        *(f"<tr>{row}</tr>" for row in rows),
        "</tbody></table>",
        _NOTES_START,
        *(f"<p>{_html(note)}</p>" for note in table.caption.notes),
        _NOTES_END,
        "</body></html>",
    ]
    return "\n".join(lines) + "\n"


def table_element(page: str) -> str:
    """Return the element `<table>` of a page of `html`; raises ValueError if there is not exactly one."""
    start, end = "<table>", "</table>"
    if page.count(start) != 1 or page.count(end) != 1:
        raise ValueError(f"table_element: {page.count(start)} tables in the page, expected one")
    return page[page.index(start) : page.index(end) + len(end)]


def _captioned(caption: Caption, body: list[str]) -> list[str]:
    """Lines of a Markdown file: the caption in the first line, the body, and the notes inside `<details>`."""
    folded = [line for note in caption.notes for line in (escape_markdown(note), "")]
    return [escape_markdown(caption.text), "", *([*body, ""] if body else []), _NOTES_START, "", *folded, _NOTES_END]


def _plain(line: str) -> str:
    return _ESCAPED.sub(r"\1", line.replace("<br>", " "))


def _latex_notes(caption: Caption) -> list[str]:
    """One paragraph in small print, in the size that the table has set."""
    text = " ".join(escape_latex(note) for note in caption.notes)
    return [rf"\par\smallskip\raggedright\textit{{Notes.}} {text}\par"] if text else []


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
    """Format a cell; a column of numbers is sorted by the leading number of each cell."""
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
