"""Check of files by their published hash, or by the hash that their first use recorded in a lock file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.download.locking import exclusive
from supernet.download.sources import File
from supernet.errors import UserError
from supernet.io.atomic import read_json, write_json
from supernet.provenance.hashes import digests

_FIRST_USE = "sha256"


class WrongHashError(UserError):
    """A file does not have the expected hash."""


class UnreadableError(WrongHashError):
    """A file without a known hash is not what its reader expects."""


@dataclass(frozen=True)
class Identity:
    """The hash that identified a file, and whether this was its first use."""

    algorithm: str
    digest: str
    first_use: bool


@dataclass(frozen=True)
class Trust:
    """Expected hashes of one file: those of the sources, else that of the lock file, else none."""

    file: File
    lock: Path
    expected: Mapping[str, str]

    @classmethod
    def load(cls, file: File, lock: Path) -> "Trust":
        """Load the expected hashes of a file; UserError if the lock file is invalid."""
        if file.hash.given:
            return cls(file, lock, file.hash.given)
        entry = _read(lock).get(file.path)
        return cls(file, lock, {} if entry is None else {_FIRST_USE: entry[_FIRST_USE]})

    def check(self, path: Path, origin: str) -> Identity:
        """Return the identity of the file at `path`, which came from `origin`; WrongHashError if a hash differs."""
        found = digests(path, self.expected or [_FIRST_USE])
        for algorithm, expected in self.expected.items():
            if found[algorithm] != expected:
                raise WrongHashError(
                    f"{self.file.path} from {origin}: found {algorithm} {found[algorithm]}, expected {expected}"
                    f"{self._advice()}"
                )
        algorithm, digest = next(iter(found.items()))
        return Identity(algorithm, digest, first_use=not self.expected)

    def remember(self, identity: Identity, size: int, origin: str) -> None:
        """Write the hash of a first use to the lock file; WrongHashError if another process wrote a different one."""
        with exclusive(self.lock.with_name(f".{self.lock.name}.lock")):
            entries = _read(self.lock)
            entry = {_FIRST_USE: identity.digest, "size": size, "origin": origin}
            if entries.setdefault(self.file.path, entry)[_FIRST_USE] != identity.digest:
                raise WrongHashError(
                    f"{self.file.path} from {origin}: another process has recorded a different hash in the meantime"
                )
            write_json(self.lock, entries, record=False)

    def _advice(self) -> str:
        if self.file.hash.given:
            return ""
        return f", as recorded at its first use; if the new file is right, delete {self.file.path!r} from {self.lock}"


def _read(lock: Path) -> dict[str, dict[str, Any]]:
    """Read the entries of the lock file by path; empty if it does not exist. UserError if it is invalid."""
    if not lock.exists():
        return {}
    try:
        entries = read_json(lock)
        valid = all(len(entry[_FIRST_USE]) == 64 for entry in entries.values())
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{lock}: not a lock file of downloads ({error}); restore it, or delete it") from error
    if not valid:
        raise UserError(f"{lock}: a hash in it does not have 64 digits; restore it, or delete it")
    return dict(entries)
