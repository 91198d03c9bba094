"""Files in the results of a study that the study does not list: planted ones, and those of an earlier version of it."""

import os
from collections.abc import Iterable, Iterator

from supernet.config.artifacts import OTHERS
from supernet.provenance.record import SUFFIX


class Listing:
    """The results that a study lists, and the files that its folder has."""

    def __init__(self, folder: str, listed: Iterable[str]) -> None:
        """Take the folder of the results of the study, and the paths of all results that the study can have."""
        self._folder = os.path.join(os.path.normpath(folder), "")
        self._listed = frozenset(map(os.path.normpath, listed))

    def is_unlisted(self, path: str) -> bool:
        """Return whether a path is in the folder, but not that of a result; logs, site and crate are left out."""
        path = os.path.normpath(path)
        within = path.startswith(self._folder) and path[len(self._folder) :].split(os.sep)[0] not in OTHERS
        return within and path not in self._listed

    def unexpected(self) -> list[str]:
        """Return the existing files that are not listed, sorted; a record without a file is listed as that file."""
        return sorted(set(self._walk(self._folder.rstrip(os.sep))))

    def _walk(self, folder: str) -> Iterator[str]:
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            return
        except OSError:  # Not readable, so that its content is unknown.
            yield folder
            return
        for entry in entries:
            subject = entry.path.removesuffix(SUFFIX)
            if not self.is_unlisted(subject):
                continue
            below = os.path.join(entry.path, "")
            if entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and self._leads_to_results(below)):
                yield from self._walk(entry.path)
            else:
                yield subject

    def _leads_to_results(self, folder: str) -> bool:
        """Return whether listed results are below a linked folder, which may be on another disk."""
        return any(path.startswith(folder) for path in self._listed) and os.path.isdir(folder)
