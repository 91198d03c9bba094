"""The project modules that a program imports, and hashes of their code.

The hash of a module is that of its syntax tree without docstrings. Comments, docstrings and formatting do not change
it, so that editing them makes no result stale.
"""

import ast
import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from supernet.provenance.regular import read_regular

PACKAGE = "supernet"
ROOT = Path(__file__).resolve().parents[2]
"""The checkout: the folder with the package and the programs."""
_FORMAT = 4
_LARGEST = 64 << 20
"""Bytes of the largest cache that is read."""


@dataclass(frozen=True)
class Source:
    """Hashes and imports of one Python file."""

    sha256: str
    code: str
    """SHA-256 of the normalised syntax tree: without comments, docstrings and formatting."""
    imports: tuple[str, ...]
    """Dotted names inside the package that it imports; names of values are included, although they are not modules."""
    torch: bool
    """Whether loading it imports torch."""


class Closure:
    """Finds the imports of programs by static analysis of one checkout.

    Every file is read and hashed; the analysis of a file whose SHA-256 is known is taken from a cache.
    """

    def __init__(self, root: Path = ROOT, cache: Path | None = None, *, cached: bool = True) -> None:
        """Read the cache file `cache`; by default it is in `__pycache__`, beside Python's compiled files.

        With `cached=False`, all code is parsed, and no cache is read or written.
        """
        self._root, self._cached = root, cached
        self._cache = root / PACKAGE / "__pycache__" / "closure.json" if cache is None else cache
        self._known = _load(self._cache) if cached else {}
        self._changed = False
        self._resolved: dict[str, list[str]] = {}
        self._sources: dict[str, Source] = {}

    def files(self, roots: Iterable[Path], torch: bool = True) -> dict[str, Source]:
        """Return the Python files `roots` and all project modules that they import, by path in the checkout.

        Imports are followed recursively and include those inside functions. A module name that is computed at run time
        is not found: pass modules that are already loaded as `roots`. Files outside the checkout are listed by name.
        With `torch=False`, modules that import torch are left out, as are modules that only these import.
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
        """Return hashes and imports of the file `name` of the checkout; SyntaxError if it is not valid Python."""
        if name not in self._sources:
            content = (self._root / name if path is None else path).read_bytes()
            source = self._known.get(name)
            if source is None or source.sha256 != hashlib.sha256(content).hexdigest():
                source = analyse(content, name)
                self._known[name], self._changed = source, True
            self._sources[name] = source
        return self._sources[name]

    def name(self, path: Path) -> str:
        """Return the path relative to the checkout, or the name of a file outside the checkout."""
        resolved = path.resolve()
        return resolved.relative_to(self._root).as_posix() if resolved.is_relative_to(self._root) else path.name

    def _modules(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the files of dotted names; importing `a.b.c` also runs the packages `a` and `a.b`."""
        parts = [name.split(".") for name in names]
        for stem in {"/".join(one[: end + 1]) for one in parts for end in range(len(one))}:
            if stem not in self._resolved:
                candidates = (f"{stem}.py", f"{stem}/__init__.py")
                self._resolved[stem] = [name for name in candidates if os.path.isfile(f"{self._root}/{name}")]
            yield from self._resolved[stem]

    def _save(self) -> None:
        if not (self._changed and self._cached):
            return
        # As with Python's compiled files, each process parses the code again if the checkout is read-only.
        with contextlib.suppress(OSError):
            self._cache.parent.mkdir(exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._cache.parent, prefix=".closure-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                files = {name: asdict(source) for name, source in self._known.items()}
                json.dump({"format": _FORMAT, "files": files}, stream)
            os.replace(name, self._cache)
            self._changed = False


def _package_of(name: str) -> str:
    """Return the dotted name of the package of a module; empty for a program."""
    parts = Path(name).parent.parts
    return ".".join(parts) if parts[:1] == (PACKAGE,) else ""


def _digest(tree: ast.Module) -> str:
    """Return the SHA-256 of a normalised syntax tree; it may differ between versions of Python."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [one for one in node.body if not _is_text(one)]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _is_text(node: ast.stmt) -> bool:
    """Return whether a statement is a string: a docstring, or the documentation of a field or constant."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def analyse(content: bytes, name: str) -> Source:
    """Return hashes and imports of the content of the file `name` of a checkout, without a cache.

    Raises SyntaxError if it is not valid Python.
    """
    tree = ast.parse(content, filename=name)
    imports = tuple(sorted(set(_imports(tree, _package_of(name)))))
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
    """Whether a statement of the module itself, not of a function in it, imports torch, or torchvision, which does."""
    modules = [node.module for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    modules += [alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names]
    return any(module.split(".")[0] in ("torch", "torchvision") for module in modules)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute name of the module of a `from` import.

    One leading dot is the package itself, each further dot the next package above it.
    """
    if not node.level:
        return node.module or ""
    above = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*above, *([node.module] if node.module else [])])


def _load(cache: Path) -> dict[str, Source]:
    """Return the content of a cache file; nothing if it is damaged, since all of it can be computed again."""
    try:
        content = json.loads(read_regular(cache, _LARGEST))
        files = content["files"] if content["format"] == _FORMAT else {}
        return {name: Source(**{**entry, "imports": tuple(entry["imports"])}) for name, entry in files.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
