"""Super-net training heuristics, measured: spaces, networks, training, metrics, figures.

The public API is `__version__`, the package `spaces`, the classes `Benchmark` (published tables), `Results` (of a
study) and `TrainedSupernet`, and the function `evaluate` (of scores from any code base). Each is imported at its first
use: `import supernet` itself imports neither torch nor pandas. `__init__.pyi` has the types.
"""

import importlib
from typing import Any

__all__ = ["Benchmark", "Results", "TrainedSupernet", "__version__", "evaluate", "spaces"]
# Modules are given by name: import statements here would add them, some with torch, to every record.
_MEMBERS = (
    ("Benchmark", "supernet.published.benchmark"),
    ("Results", "supernet.paper.load"),
    ("TrainedSupernet", "supernet.training.trained"),
    ("evaluate", "supernet.metrics.own_scores.evaluation"),
)


def __getattr__(name: str) -> Any:
    """Import a member of the public API at its first use (PEP 562)."""
    if name == "spaces":
        return importlib.import_module("supernet.spaces")
    for known, module in _MEMBERS:
        if name == known:
            return getattr(importlib.import_module(module), name)
    if name == "__version__":
        return _version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public API and the names that are already imported."""
    return sorted({*globals(), *__all__})


def _version() -> str:
    """Return the version of the installed package, or `unknown` where the code runs without being installed."""
    # Imported here, because few processes ask for the version.
    from importlib import metadata

    try:
        return metadata.version("supernet")
    except metadata.PackageNotFoundError:
        return "unknown"
