"""What has changed since a result was made: code, lock file, Python, packages, kernels."""

import platform
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from supernet.audit.hash_cache import HashCache
from supernet.provenance.closure import Closure
from supernet.provenance.record import LOCK
from supernet.runtime.kernels import VARIABLE

KERNELS_MODULE = "supernet/nn/fast/switch.py"
"""A record that has this module is of a program that builds networks."""


class Current:
    """The code and the environment of the auditing process."""

    def __init__(self, root: Path, hashes: HashCache, kernels: bool | None) -> None:
        """Compare with the checkout `root`; None for `kernels` (whether jobs use reference kernels) ignores it.

        Code is parsed again, not taken from the cache of its analysis, if `hashes` has no cache either.
        """
        self._root, self._hashes, self._kernels = root, hashes, kernels
        self._closure = Closure(root, cached=hashes.cached)
        self._codes: dict[str, tuple[str, str] | None] = {}
        self._versions: dict[str, str | None] = {}

    def changes(self, record: Mapping[str, Any]) -> Iterator[str]:
        """Yield a sentence per kind of change."""
        made, files = record["made"], record["circumstances"]["files"]
        now = platform.python_version()
        # The hash of a syntax tree can differ between versions of Python; that of identical bytes does not.
        by_bytes = made["python"].split(".")[:2] != now.split(".")[:2]
        changed = [
            name for name, code in made["modules"].items() if not self._same_code(name, code, by_bytes and files[name])
        ]
        if changed:
            yield f"code changed: {', '.join(changed)}"
        if made["lock"] != self._lock:
            yield f"environment changed: {LOCK}"
        if made["python"] != now:
            yield f"environment changed: Python {made['python']}, now {now}"
        others = [one for name, version in made["packages"].items() if (one := self._other(name, version))]
        if others:
            yield f"environment changed: {', '.join(others)}"
        used = made["variables"].get(VARIABLE) == "1"
        if self._kernels not in (None, used) and KERNELS_MODULE in made["modules"]:
            yield f"environment changed: {VARIABLE} was {used:d}, is {self._kernels:d}"

    def _same_code(self, name: str, code: str, sha256: str | bool) -> bool:
        if name not in self._codes:
            try:
                source = self._closure.source(name)
                self._codes[name] = source.sha256, source.code
            except (OSError, SyntaxError, ValueError):
                self._codes[name] = None
        now = self._codes[name]
        return now is not None and (now[1] == code or now[0] == sha256)

    @cached_property
    def _lock(self) -> str | None:
        lock = self._root / LOCK
        return self._hashes.digest(str(lock)) if lock.exists() else None

    def _other(self, name: str, version: str) -> str:
        """Return how a package differs from the installed one; empty if it does not differ or is not installed."""
        now = self._installed(name)
        # The version of a module may have a local part (2.6.0+cpu) that its distribution lacks. The distribution may be
        # a post-release (2026.10.19.post1), which has the code of the release.
        same = now is None or now in (version, version.partition("+")[0]) or now.partition(".post")[0] == version
        return "" if same else f"{name} {version}, now {now}"

    def _installed(self, name: str) -> str | None:
        if name not in self._versions:
            self._versions[name] = self._version(name)
        return self._versions[name]

    def _version(self, name: str) -> str | None:
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
