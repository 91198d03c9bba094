"""Names of files in records: `results/mini/metrics.parquet`, wherever the folder of results is.

The first part of a name is a folder of the workflow, not its path: `results`, `resources` or `checkout`. Records have
no paths, so they do not depend on the machine, on the user, or on the name of the checkout.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Self

from supernet.provenance.closure import ROOT

RESULTS, RESOURCES, CHECKOUT = "results", "resources", "checkout"
ELSEWHERE = "elsewhere"
"""First part of the name of a file outside these folders; the second part is its name without a folder."""
RESULTS_VARIABLE, RESOURCES_VARIABLE = "SUPERNET_RESULTS", "SUPERNET_RESOURCES"
"""Environment variables in which the workflow passes its folders to programs."""
_CANDIDATES = {
    "result": (RESULTS, RESOURCES, CHECKOUT),
    "download": (RESOURCES, CHECKOUT),
    "source": (CHECKOUT,),
}
"""Folders in which files of a kind may be; the longest path that contains a file names it, the first of equal ones."""


@dataclass(frozen=True)
class Folders:
    """The folders of a workflow: paths, absolute or relative to the current folder."""

    results: str = RESULTS
    """Folder of the results of all studies."""
    resources: str = RESOURCES
    """Folder of data sets and published tables."""
    checkout: str = str(ROOT)
    """Folder with the package and the workflow."""

    @classmethod
    def of_environment(cls, checkout: Path = ROOT, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the folders that the workflow has set for its jobs, by default `results` and `resources`."""
        results = environment.get(RESULTS_VARIABLE) or RESULTS
        return cls(results, environment.get(RESOURCES_VARIABLE) or RESOURCES, str(checkout))

    def name(self, path: Path | str, kind: str = "result") -> str:
        """Return the name of a file in records; `kind` is that of an input: `result`, `download` or `source`."""
        absolute = os.path.abspath(path)
        found = [
            (len(folder), label, folder)
            for label in _CANDIDATES[kind]
            if absolute.startswith(folder := os.path.join(os.path.abspath(self._all[label]), ""))
        ]
        if not found:
            return f"{ELSEWHERE}/{os.path.basename(absolute)}"
        length, label, _ = max(found, key=lambda one: one[0])
        return f"{label}/{absolute[length:]}"

    def path(self, name: str) -> str | None:
        """Return the path of the file with this name; None for a file elsewhere, or a name that leads out."""
        label, _, rest = name.partition("/")
        if label not in self._all or not is_plain(rest):
            return None
        return os.path.normpath(os.path.join(self._all[label], rest))

    @property
    def _all(self) -> dict[str, str]:
        return {RESULTS: self.results, RESOURCES: self.resources, CHECKOUT: self.checkout}


def is_plain(path: str) -> bool:
    """Return whether a path is relative, normalised, and does not lead out of its folder."""
    return "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def is_at(name: str, path: Path | str) -> bool:
    """Return whether `path` may be the file with this name: it ends with all of the name but its first part."""
    parts = PurePosixPath(os.path.abspath(path)).parts
    own = name.split("/")[1:]
    return bool(own) and list(parts[-len(own) :]) == own
