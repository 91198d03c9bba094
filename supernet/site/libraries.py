"""The two JavaScript libraries of the site, from the pinned Python packages that contain them."""

import base64
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from supernet.errors import UserError
from supernet.io.atomic import write_text

_PLOTLY = ("plotly", "plotly/package_data/plotly.min.js")
_TABLES = ("itables", "itables/html/dt_bundle.js")
_TABLES_STYLE = ("itables", "itables/html/dt_bundle.css")


def write_libraries(folder: Path) -> None:
    """Write plotly.min.js, datatables.js and datatables.css; raises UserError if a package is not installed.

    DataTables is a JavaScript module, which browsers do not load from file:// addresses. It is therefore embedded in
    a script that imports it from memory; `window.tables` is the promise of the module.
    """
    write_text(folder / "plotly.min.js", _text(*_PLOTLY))
    module = base64.b64encode(_text(*_TABLES).encode()).decode()
    write_text(folder / "datatables.js", f'window.tables = import("data:text/javascript;base64,{module}");\n')
    write_text(folder / "datatables.css", _text(*_TABLES_STYLE))


def versions() -> str:
    """Return the names and versions of the libraries, for the footer of the pages."""
    return ", ".join(f"{name} {_distribution(name).version}" for name in ("plotly", "itables"))


def _text(package: str, path: str) -> str:
    file = Path(str(_distribution(package).locate_file(path)))
    if not file.exists():
        raise UserError(f"{file}: missing in package {package}; install the version in envs/requirements.lock")
    return file.read_text(encoding="utf-8")


def _distribution(package: str) -> Distribution:
    try:
        return distribution(package)
    except PackageNotFoundError:
        raise UserError(
            f"package {package} is not installed but required by the site; install envs/requirements.lock"
        ) from None
