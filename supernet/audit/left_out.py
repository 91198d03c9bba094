"""Files that were left out of the archive from which the results of a study come: weights and resources."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path

from supernet.audit.deposit.limits import MAX_MANIFEST_BYTES
from supernet.audit.deposit.manifest import MANIFEST, Manifest, Omitted
from supernet.audit.expected import may_take_over
from supernet.audit.hash_cache import HashCache
from supernet.config.artifacts import DEPOSIT, RunFolder, is_stored_supernet
from supernet.errors import UserError
from supernet.pipeline.plan import Plan
from supernet.provenance.folders import RESOURCES
from supernet.provenance.regular import read_regular


class FilesLeftOut(HashCache):
    """Hashes of the files of a study. Those of a file that was left out of its archive come from the manifest.

    A file that exists is always hashed.
    """

    def __init__(self, path: Path | None, entries: Callable[[], Mapping[str, Omitted]]) -> None:
        """Take the path of the cache, and a function that returns the files that may be missing, by path."""
        super().__init__(path)
        self._find = entries

    @cached_property
    def _entries(self) -> Mapping[str, Omitted]:
        return self._find()

    def _entry(self, path: str) -> Omitted | None:
        return None if os.path.lexists(path) else self._entries.get(os.path.normpath(path))

    def is_left_out(self, path: str) -> bool:
        return self._entry(path) is not None

    def exists(self, path: str) -> bool:
        return super().exists(path) or self.is_left_out(path)

    def size(self, path: str) -> int:
        entry = self._entry(path)
        return super().size(path) if entry is None else entry.size

    def digest(self, path: str, algorithm: str = "sha256") -> str:
        entry = self._entry(path)
        # "unknown" equals no digest.
        return super().digest(path, algorithm) if entry is None else entry.digests.get(algorithm, "unknown")


def may_be_left_out(plan: Plan, known: Iterable[str]) -> Callable[[str], bool]:
    """Return a function that says whether an archive of a study may lack a result, given by its path.

    It may lack weights, those of the store from which its runs were taken included, and of the `known` results those in
    the folder of resources.
    """
    weights = {plan.artifacts.run(*run).weights for run in plan.runs}
    resources = (path for path in known if not path.startswith(f"{plan.results}/"))
    listed = set(map(os.path.normpath, (*weights, *resources)))
    is_shared = may_take_over(plan)

    def is_allowed(path: str) -> bool:
        stored = is_stored_supernet(path) and path == RunFolder(os.path.dirname(path)).weights
        return os.path.normpath(path) in listed or (stored and is_shared(path))

    return is_allowed


def files_of(plan: Plan, known: Iterable[str], cache: Path | None) -> FilesLeftOut:
    """Return the hashes of the files of a study, `known` of which are its results; `cache` as for `HashCache`."""
    return FilesLeftOut(cache, partial(_entries, plan, tuple(known)))


def _entries(plan: Plan, known: Iterable[str]) -> dict[str, Omitted]:
    """Return what the manifest in the results of a study says about files that it may lack; empty without a manifest.

    Raises UserError if the manifest is damaged.
    """
    path = Path(plan.results, DEPOSIT, MANIFEST)
    try:
        content = read_regular(path, MAX_MANIFEST_BYTES)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}; expected the manifest of an archive") from None
    allowed = may_be_left_out(plan, known)
    found = {}
    for name, entry in Manifest.read(content, str(path)).omitted.items():
        place = plan.folders.path(name)
        # The manifest does not vouch for other files: if they are missing, they are broken.
        download = entry.kind == "download" and name.startswith(f"{RESOURCES}/")
        if place is not None and (download or allowed(place)):
            found[place] = entry
    return found
