"""What identifies a training: config, inputs, code and environment, as the records of its results name them.

A saved state is continued only by the training that saved it. Otherwise the record of the result, which names the code
and the inputs of the last process, would not be true of the first part of the training.
"""

import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from supernet.provenance.closure import ROOT, analyse
from supernet.provenance.hashes import digests
from supernet.provenance.record import LOCK
from supernet.provenance.recorder import code_of_process, input_sha256, package_versions

_SHOWN = 3
"""Maximum number of differences that a message names; further ones are counted."""


@dataclass(frozen=True)
class Fingerprint:
    """Everything that the bits of a training depend on; all values are JSON."""

    config: str
    environment: Mapping[str, str] = field(default_factory=dict)
    """Device, threads, lock file and versions of Python and of packages."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each input, by its name."""
    code: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """SHA-256 and hash of the syntax tree (`supernet.provenance.closure`) of each module, by its path."""

    @classmethod
    def of_process(cls, config: str, device: str, inputs: Mapping[str, Path]) -> Self:
        """Return the fingerprint of a training in this process, whose inputs are results; all files are hashed.

        `device` is `supernet.training.device.fingerprint`.
        """
        lock = ROOT / LOCK
        environment = {
            "device": device,
            "Python": platform.python_version(),
            "lock file": digests(lock, ["sha256"])["sha256"] if lock.exists() else "",
            **package_versions(),
        }
        return cls(
            config,
            environment,
            {name: input_sha256(path) for name, path in inputs.items()},
            {name: (source.sha256, source.code) for name, source in code_of_process().items()},
        )

    def note(self) -> dict[str, Any]:
        """Return the fingerprint as JSON."""
        return asdict(self)

    def difference(self, saved: Any) -> str:
        """Return how the fingerprint of a saved state, the result of `note`, differs; an empty text if it does not."""
        try:
            found = list(self._differences(saved))
        except (AttributeError, KeyError, TypeError, ValueError):
            return "written by another version of the project"
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        return "of another training: " + ", ".join(found[:_SHOWN]) + more if found else ""

    def _differences(self, saved: Mapping[str, Any]) -> Iterator[str]:
        if saved["config"] != self.config:
            yield "other config"
        for name in {**self.inputs, **saved["inputs"]}:
            if self.inputs.get(name) != saved["inputs"].get(name):
                yield f"other {name}"
        # A process also has modules and packages that were loaded after its fingerprint was made.
        for name, (sha256, code) in saved["code"].items():
            if not self._has_code(name, sha256, code):
                yield f"other code of {name}"
        for name, value in saved["environment"].items():
            if self.environment.get(name) != value:
                yield f"other {name} ({value or 'none'}, now {self.environment.get(name) or 'none'})"

    def _has_code(self, name: str, sha256: str, code: str) -> bool:
        """Return whether a module is the same; its file is analysed again, because a cache can be wrong."""
        if self.code.get(name, [""])[0] == sha256:
            return True
        path = ROOT / name
        return path.is_file() and analyse(path.read_bytes(), name).code == code
