"""The versions of the installed packages, by the name of their module and without importing them."""

from collections.abc import Mapping
from functools import cached_property
from importlib import metadata


class Installed:
    """Looks up each version once."""

    def __init__(self) -> None:
        self._versions: dict[str, str | None] = {}

    def other(self, name: str, version: str) -> str:
        """Return the installed version of a module if it differs; an empty text if not, or if it is not installed."""
        now = self.version(name)
        # The version of a module may have a local part (2.6.0+cpu) that its distribution lacks. The distribution may be
        # a post-release (2026.10.19.post1), which has the code of the release.
        same = now is None or now in (version, version.partition("+")[0]) or now.partition(".post")[0] == version
        return "" if same else str(now)

    def version(self, name: str) -> str | None:
        """Return the version of a module's distribution; None if it is not installed."""
        if name not in self._versions:
            self._versions[name] = self._find(name)
        return self._versions[name]

    def _find(self, name: str) -> str | None:
        try:
            return metadata.version(name)
        except (metadata.PackageNotFoundError, ValueError):
            return self._distributions[name].version if name in self._distributions else None

    @cached_property
    def _distributions(self) -> Mapping[str, metadata.Distribution]:
        """The distribution of each top-level module; `metadata.packages_distributions` takes ten times as long."""
        found: dict[str, metadata.Distribution] = {}
        for one in metadata.distributions():
            lines = (one.read_text("top_level.txt") or one.read_text("RECORD") or "").splitlines()
            for name in {line.partition(",")[0].partition("/")[0].removesuffix(".py") for line in lines}:
                found.setdefault(name, one)
        return found
