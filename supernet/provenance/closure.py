"""Which project modules a program is made of, and hashes of them that cosmetic edits leave alone."""

import ast
import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

PACKAGE = "supernet"
ROOT = Path(__file__).resolve().parents[2]
"""The checkout: the folder that has the package and the programs."""
_FORMAT = 2


@dataclass(frozen=True)
class Source:
    """What is known of one Python file."""

    sha256: str
    code: str
    """SHA-256 of its normalised syntax tree: without comments, docstrings and formatting."""
    imports: tuple[str, ...]
    """Dotted names of the package that it may import; those of values as well, which are no modules."""
    torch: bool
    """Whether loading it imports torch."""


class Closure:
    """Finds what programs import, statically, in one checkout; knowledge of unchanged files is kept in a cache file."""

    def __init__(self, root: Path = ROOT, cache: Path | None = None) -> None:
        """`cache` is by default beside Python's own compiled files, and goes with them."""
        self._root = root
        self._cache = root / PACKAGE / "__pycache__" / "closure.json" if cache is None else cache
        self._known = _load(self._cache)
        self._learnt = False
        self._resolved: dict[str, list[str]] = {}

    def files(self, roots: Iterable[Path], torch: bool = True) -> dict[str, Source]:
        """The Python files, and all project modules that they import directly or not, by path in the checkout.

        Imports inside functions count. A name that is only computed when the program runs is not seen: give modules
        that are loaded as `roots`. A file outside of the checkout is known by its name alone. With `torch=False`,
        modules that import torch are left out, and modules that only these import: for programs that never load them.
        """
        found: dict[str, Source] = {}
        todo = [(self.name(path), path) for path in roots]
        while todo:
            name, path = todo.pop()
            if name not in found and (torch or not self.source(name, path).torch):
                found[name] = self.source(name, path)
                todo += [(module, self._root / module) for module in self._modules(found[name].imports)]
        self._save()
        return dict(sorted(found.items()))

    def source(self, name: str, path: Path | None = None) -> Source:
        """Hashes and imports of one file, by its path in the checkout; SyntaxError if it is no Python."""
        path = self._root / name if path is None else path
        status = path.stat()
        signature = [status.st_size, status.st_mtime_ns, status.st_ino]
        entry = self._known.get(name)
        if entry is None or entry["signature"] != signature:
            entry = {"signature": signature, **asdict(_read(path, _package_of(name)))}
            self._known[name], self._learnt = entry, True
        return Source(entry["sha256"], entry["code"], tuple(entry["imports"]), entry["torch"])

    def name(self, path: Path) -> str:
        """Path in the checkout; outside of it the file's name."""
        resolved = path.resolve()
        return resolved.relative_to(self._root).as_posix() if resolved.is_relative_to(self._root) else path.name

    def _modules(self, names: Iterable[str]) -> Iterator[str]:
        """Files of dotted names; importing `a.b.c` runs the packages `a` and `a.b` as well."""
        parts = [name.split(".") for name in names]
        for stem in {"/".join(one[: end + 1]) for one in parts for end in range(len(one))}:
            if stem not in self._resolved:
                candidates = (f"{stem}.py", f"{stem}/__init__.py")
                self._resolved[stem] = [name for name in candidates if os.path.isfile(f"{self._root}/{name}")]
            yield from self._resolved[stem]

    def _save(self) -> None:
        if not self._learnt:
            return
        # Like Python's compiled files: where the checkout cannot be written to, each process reads the code anew.
        with contextlib.suppress(OSError):
            self._cache.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._cache.parent, prefix=".closure-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump({"format": _FORMAT, "files": self._known}, stream)
            os.replace(name, self._cache)
            self._learnt = False


def _package_of(name: str) -> str:
    """Dotted name of the package that a module is in; empty for a program."""
    parts = Path(name).parent.parts
    return ".".join(parts) if parts[:1] == (PACKAGE,) else ""


def _digest(tree: ast.Module) -> str:
    """Return the SHA-256 of a normalised syntax tree; it may differ between versions of Python."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not _is_text(one)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(node: ast.stmt) -> bool:
    """A docstring, or a string after a field or a constant: documentation, which does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _read(path: Path, package: str) -> Source:
    content = path.read_bytes()
    tree = ast.parse(content, filename=str(path))
    imports = tuple(sorted(set(_imports(tree, package))))
    return Source(hashlib.sha256(content).hexdigest(), _digest(tree), imports, _loads_torch(tree))


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = _absolute(node, package)
            names = [module, *(f"{module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def _loads_torch(tree: ast.Module) -> bool:
    """Whether a statement of the module itself, not of a function in it, imports torch."""
    modules = [node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    modules += [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    return any(module.split(".")[0] == "torch" for module in modules)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """The module that is imported from; a leading dot is the package itself, each further one the package above."""
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _load(cache: Path) -> dict[str, Any]:
    try:
        content = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Nothing is lost: it is only what the code would say again.
        return {}
    return dict(content["files"]) if isinstance(content, dict) and content.get("format") == _FORMAT else {}
