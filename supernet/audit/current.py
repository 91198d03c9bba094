"""What has changed since a result was made: code, lock file, Python, packages, kernels."""

import platform
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from supernet.audit.hash_cache import HashCache
from supernet.provenance.closure import Closure
from supernet.provenance.installed import Installed
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
        self._installed = Installed()

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
        packages = made["packages"].items()
        others = [f"{name} {old}, now {now}" for name, old in packages if (now := self._installed.other(name, old))]
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
