"""The files that the site is made by, as inputs of its rule."""

from pathlib import Path


def sources() -> list[str]:
    """Modules, templates and static files, relative to the project."""
    folder = Path(__file__).parent
    root = folder.parents[1]
    found = [path for path in folder.rglob("*") if path.suffix in (".py", ".html", ".css", ".js")]
    return sorted(str(path.relative_to(root)) for path in found)
