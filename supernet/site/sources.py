"""The files that make the site, as inputs of its rule."""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent
MODULE = _FOLDER / "build.py"
"""The module that writes the site; it declares the artifacts that the site shows."""


def assets() -> list[str]:
    """Return templates and static files, relative to the checkout."""
    root = _FOLDER.parents[1]
    found = [path for path in _FOLDER.rglob("*") if path.suffix in (".html", ".css", ".js")]
    return sorted(str(path.relative_to(root)) for path in found)
