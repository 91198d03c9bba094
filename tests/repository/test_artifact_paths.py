"""Only config/artifacts.py spells the path of a result: no other module, program or rule has a part of one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkouts import ROOT

from supernet.config.artifacts import CHECKPOINT, Artifacts

OWNER = ROOT / "supernet" / "config" / "artifacts.py"
PYTHON = [path for folder in ("supernet", "scripts") for path in sorted((ROOT / folder).rglob("*.py"))]
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]

PATHS = Artifacts("results/x")
FILES = {Path(path).name for path in (*PATHS.run().files, *PATHS.measured)} | {".timing.json", CHECKPOINT}
FOLDERS = {
    "runs",
    "rescored",
    "drawn",
    "pools",
    "truth",
    "proxies",
    "search",
    "systems",
    "analysis",
    "tables",
    "figures",
}
SPELLED = re.compile(
    "|".join(
        [
            *(re.escape(name) for name in sorted(FILES)),
            r"(^|/)(seed|shard|part)\{",
            rf"\}}/({'|'.join(sorted(FOLDERS))})(/|$)",
            rf"^({'|'.join(sorted(FOLDERS))})/",
        ]
    )
)
ELSEWHERE = {
    "supernet/config/pool_name.py": {"seed"},  # The name of a pool.
    "supernet/site/build.py": {"runs/"},  # Pages of the site.
    "supernet/site/grid.py": {"runs/"},
}


def constants(path: Path) -> Iterator[str]:
    """Yield the strings of a module with `{` in place of values; docstrings and messages with spaces are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in texts | inner:
            yield node.value
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            # `folder / "runs"`
            yield f"{{}}/{node.right.value}"


def spelled_in_python(path: Path) -> list[str]:
    allowed = ELSEWHERE.get(path.relative_to(ROOT).as_posix(), set())
    found = [text for text in constants(path) if " " not in text and SPELLED.search(text)]
    return [text for text in found if not any(SPELLED.search(text)[0].startswith(one) for one in allowed)]


def spelled_in_rules(text: str) -> list[str]:
    code = "\n".join(line.partition("#")[0] for line in text.splitlines())
    strings = re.findall(r"\"([^\"\n]*)\"|'([^'\n]*)'", code)
    return [one for pair in strings for one in pair if one and SPELLED.search(one)]


def test_no_module_or_program_spells_the_path_of_a_result() -> None:
    found = {path.relative_to(ROOT).as_posix(): spelled_in_python(path) for path in PYTHON if path != OWNER}
    assert {name: texts for name, texts in found.items() if texts} == {}


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_no_rule_spells_the_path_of_a_result(path: Path) -> None:
    assert spelled_in_rules(path.read_text(encoding="utf-8")) == []


def test_the_check_finds_paths(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    for code in (
        'open(f"{folder}/runs/{run}")',
        'x = folder / "runs" / space / setting',
        'x = f"{space}/{setting}/seed{seed}"',
        'x = "results/x/scores.parquet"',
        'x = f"{stem}.timing.json"',
        'x = f"truth/{pool}/shard{shard}"',
    ):
        path.write_text(code)
        assert [text for text in constants(path) if SPELLED.search(text)], code
        assert spelled_in_rules(f"rule x:\n    input: {code}") or "/ " in code, code
    assert spelled_in_rules("rule x:\n    # {x}/runs/y is a comment\n    input: ARTIFACTS.run().scores") == []
