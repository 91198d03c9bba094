"""The page of answers: its files exist and have the names that it gives."""

import ast
import re
from pathlib import Path

import pytest
from checkouts import ROOT

PAGE = (ROOT / "docs" / "develop" / "where.md").read_text(encoding="utf-8")
ANSWERS = re.findall(r"^\| .+ \| `([^`]+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)


def names(path: Path) -> set[str]:
    """Names that a Python file defines, imports, takes as an argument, or has as a key."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name) | ast.alias(name=name):
                found.add(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Constant(value=str(name)):
                found.add(name)
    return found


def test_all_questions_have_an_answer() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| question ")]
    assert len(rows) == len(ANSWERS)
    assert sum(not row.startswith("| …") for row in rows) >= 20


@pytest.mark.parametrize(("file", "name"), ANSWERS)
def test_the_file_has_the_name(file: str, name: str) -> None:
    path = ROOT / file
    assert path.is_file()
    if path.suffix == ".py":
        assert name in names(path)
    else:
        assert re.search(rf"^(#+ )?{re.escape(name)}\b", path.read_text(encoding="utf-8"), re.MULTILINE)
