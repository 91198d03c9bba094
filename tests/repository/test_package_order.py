"""The structure of the code: order of packages, no circular imports, small functions, docstrings.

Each check is a function of a folder, so that a second test can show that it fails on a copy with a mistake.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from supernet.provenance.closure import PACKAGE, ROOT

ORDER = (
    ("errors", "rng"),
    ("provenance",),
    ("io",),
    ("runtime",),
    ("nn",),
    ("spaces",),
    ("config",),
    ("data",),
    ("download",),
    ("published",),
    ("pools",),
    ("training",),
    ("metrics", "pipeline"),
    ("analysis",),
    ("paper",),
    ("search", "audit", "site"),
    ("launcher",),
)
"""Packages from the bottom up; one imports only those of earlier lines. Packages that are not listed are on top."""
LEVELS = {name: level for level, names in enumerate(ORDER) for name in names}
TOP = len(ORDER)
MOST_ENTRIES = 24
"""Modules and packages side by side in the package."""
MOST_LINES = 50
LEAST_DOCUMENTED = 0.95
SUPPRESSED = "noqa: " + "E402"
"""A comment that hides an import below other code; written so that this file does not contain it."""


def modules(root: Path) -> dict[str, Path]:
    """Files of all modules of the package, by dotted name; a package has the name of its folder."""
    files = sorted((root / PACKAGE).rglob("*.py"))
    return {".".join(file.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): file for file in files}


def imported(file: Path, known: dict[str, Path]) -> Iterator[str]:
    """Modules of the package that a module imports, at its top level or in a function; relative imports fail."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: line {node.lineno}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from names & set(known)
            # Names that are not modules are defined by the module that they are imported from.
            if names - set(known) and node.module in known:
                yield str(node.module)


def imports(root: Path) -> dict[str, set[str]]:
    known = modules(root)
    return {name: set(imported(file, known)) for name, file in known.items()}


def level(module: str) -> int:
    parts = module.split(".")
    return LEVELS.get(parts[1], TOP) if len(parts) > 1 else TOP


def against_order(root: Path) -> list[str]:
    """Imports from a module to a package on the same or a higher level, other than its own package."""
    found = []
    for module, targets in imports(root).items():
        for target in sorted(targets):
            same = module.split(".")[1:2] == target.split(".")[1:2] or level(module) == level(target) == TOP
            if not same and level(target) >= level(module):
                found.append(f"{module} imports {target}")
    return found


def circular(root: Path) -> list[str]:
    """The modules of one cycle of imports, in its order; empty if there is none."""
    try:
        TopologicalSorter(imports(root)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def entries(root: Path) -> list[str]:
    """Names of modules and packages; a stub (`.pyi`) belongs to its module."""
    return sorted({path.stem for path in (root / PACKAGE).iterdir()} - {"__pycache__"})


def sources(root: Path, *folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((root / folder).rglob("*.py"))


def suppressed(root: Path) -> list[str]:
    code = sources(root, PACKAGE, "scripts", "benchmarks", "tests", "docs", "profiles", "slurm", "workflow")
    return [str(file) for file in code if SUPPRESSED in file.read_text(encoding="utf-8")]


def long_functions(root: Path) -> list[str]:
    return [
        f"{file}: {node.name}"
        for file in sources(root, PACKAGE, "scripts", "benchmarks")
        for node in ast.walk(ast.parse(file.read_bytes()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or node.lineno) - node.lineno >= MOST_LINES
    ]


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    """Public classes, functions and methods; not those inside functions."""
    for node in body:
        definition = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        if definition and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def documented(root: Path) -> float:
    """Proportion of public classes, functions and methods of the package that have a docstring."""
    found = [node for file in sources(root, PACKAGE) for node in public(ast.parse(file.read_bytes()).body)]
    return sum(ast.get_docstring(node) is not None for node in found) / len(found)


def test_all_packages_are_in_the_order() -> None:
    """A package that is renamed must not leave the order unnoticed."""
    assert set(LEVELS) <= set(entries(ROOT))


def test_imports_follow_the_order_of_packages() -> None:
    assert against_order(ROOT) == []


def test_no_imports_are_circular() -> None:
    assert circular(ROOT) == []


def test_the_package_has_few_entries_side_by_side() -> None:
    assert len(entries(ROOT)) <= MOST_ENTRIES


def test_no_import_below_other_code_is_hidden_from_the_linter() -> None:
    assert suppressed(ROOT) == []


def test_no_function_is_long() -> None:
    assert long_functions(ROOT) == []


def test_public_functions_and_classes_have_docstrings() -> None:
    assert documented(ROOT) >= LEAST_DOCUMENTED


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A sound package with three modules."""
    write(tmp_path, "supernet/__init__.py", "")
    write(tmp_path, "supernet/errors.py", '"""Errors."""\n')
    write(tmp_path, "supernet/io/atomic.py", "from supernet import errors\n")
    write(tmp_path, "supernet/io/parquet.py", "def read():\n    'Read.'\n    from supernet.io.atomic import write\n")
    for check in (against_order, circular, suppressed, long_functions):
        assert check(tmp_path) == [], check.__name__
    assert documented(tmp_path) == 1
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("import supernet.io.atomic", "supernet.io.atomic"),
        ("from supernet.io import atomic", "supernet.io.atomic"),
        ("from supernet.io.atomic import write", "supernet.io.atomic"),
        ("def f():\n    from supernet.io.atomic import write", "supernet.io.atomic"),
        ("import supernet", "supernet"),
    ],
)
def test_an_import_against_the_order_is_found(small: Path, text: str, target: str) -> None:
    write(small, "supernet/rng.py", text)
    assert against_order(small) == [f"supernet.rng imports {target}"]


def test_an_import_between_packages_of_one_level_is_found(small: Path) -> None:
    write(small, "supernet/site/build.py", "")
    write(small, "supernet/audit/explain.py", "from supernet.site.build import build")
    assert against_order(small) == ["supernet.audit.explain imports supernet.site.build"]


def test_packages_that_are_not_listed_import_all_others(small: Path) -> None:
    write(small, "supernet/commands/run.py", "import supernet\nfrom supernet.io import atomic")
    assert against_order(small) == []


@pytest.mark.parametrize("text", ["from supernet.io import parquet", "def f():\n    import supernet.io.parquet"])
def test_circular_imports_are_found_also_in_functions(small: Path, text: str) -> None:
    write(small, "supernet/io/atomic.py", text)
    assert set(circular(small)) == {"supernet.io.atomic", "supernet.io.parquet"}


def test_relative_imports_fail(small: Path) -> None:
    write(small, "supernet/io/atomic.py", "from . import parquet")
    with pytest.raises(AssertionError, match="line 1: relative import"):
        imports(small)


def test_a_hidden_import_a_long_function_and_a_missing_docstring_are_found(small: Path) -> None:
    write(small, "scripts/a.py", f"import os  # {SUPPRESSED}\n")
    write(small, "benchmarks/b.py", "def f():\n" + "    x = 1\n" * MOST_LINES)
    write(small, "supernet/io/atomic.py", "class A:\n    def f(self):\n        'Do it.'\n")
    assert suppressed(small) == [str(small / "scripts" / "a.py")]
    assert long_functions(small) == [f"{small / 'benchmarks' / 'b.py'}: f"]
    assert documented(small) == pytest.approx(2 / 3)


def test_entries_are_modules_and_packages(small: Path) -> None:
    write(small, "supernet/__pycache__/closure.json", "{}")
    write(small, "supernet/__init__.pyi", "")
    assert entries(small) == ["__init__", "errors", "io"]
