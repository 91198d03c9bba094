"""A table as CSV (numbers), Markdown and LaTeX (text), whole or not at all."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from supernet.files import publish, write_text

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
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "\u00a0": "~",
}
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
    """Write stem.csv, stem.md and stem.tex, each atomically.

    The Markdown file is the caption file as well.
    """
    stem = Path(stem)
    write_csv(beside(stem, ".csv"), table.numbers)
    write_text(beside(stem, ".md"), markdown(table))
    write_text(beside(stem, ".tex"), latex(table, label=stem.name))


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
