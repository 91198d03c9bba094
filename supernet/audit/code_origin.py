"""Whether the code that made results is that of the commit which their records name.

An audit compares results with the code of the checkout, and calls them stale after an edit. A published archive remains
while the code changes. If the repository has the commit of a record, the code in the record is compared with the files
of that commit.
"""

import hashlib
import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from supernet.audit.committed_files import committed_files
from supernet.provenance.closure import ROOT, analyse
from supernet.provenance.folders import CHECKOUT
from supernet.provenance.record import LOCK

SHOWN = 3
"""Files named per commit; further ones are counted."""


@dataclass(frozen=True)
class CodeOrigin:
    """Results whose records name the same commit, with the same outcome of the comparison with it."""

    commit: str | None
    """None if the records name no commit."""
    results: int
    edited: int
    """Number of these results that were made while tracked files of the checkout differed from the commit."""
    is_known: bool
    """Whether the repository has the commit."""
    others: tuple[str, ...]
    """Files whose content in the records is not that of the commit; empty if it was not compared."""

    def __str__(self) -> str:
        made = f"{self.results} result{'s' * (self.results != 1)}"
        if self.commit is None:
            return f"{made} made outside a git repository: the records name no commit, and the code was not compared"
        edits = f"; {self.edited} of them in a checkout with uncommitted edits" if self.edited else ""
        name = f"commit {self.commit[:12]}"
        if not self.is_known:
            return f"{made} made by {name}{edits}; not compared, because this folder is not a clone with that commit"
        if self.others:
            more = f" and {len(self.others) - SHOWN} more" if len(self.others) > SHOWN else ""
            named = f"{', '.join(self.others[:SHOWN])}{more}"
            return f"{made} not made by the code of {name}, which their records name: {named} differ{edits}"
        edits += ", in files that these results do not depend on" if edits else ""
        return f"{made} made by the code of {name}, which this repository has{edits}"


class _Claim(NamedTuple):
    """What a record says about a file of the checkout: the hash of its code, or of its bytes, or both."""

    name: str
    code: str | None
    sha256: str | None


class _File:
    """A file of a commit, with its hashes."""

    def __init__(self, name: str, content: bytes) -> None:
        self._name, self._content = name, content

    def fits(self, claim: _Claim) -> bool:
        """Return whether the file has one of the hashes that a record gives."""
        return claim.sha256 == self._sha256 if claim.code is None else claim.code == self._code or self._same(claim)

    def _same(self, claim: _Claim) -> bool:
        return claim.sha256 is not None and claim.sha256 == self._sha256

    @cached_property
    def _sha256(self) -> str:
        return hashlib.sha256(self._content).hexdigest()

    @cached_property
    def _code(self) -> str | None:
        try:
            return analyse(self._content, self._name).code
        except (SyntaxError, ValueError):  # A record may name a file that is not code.
            return None


def code_origins(records: Iterable[Mapping[str, Any]], root: Path = ROOT) -> list[CodeOrigin]:
    """Compare the code in records with the commits that they name, in the repository at `root`.

    Compared are the modules, the lock file and the other files of the checkout that a record has. Returns one entry per
    commit and outcome, that of the most results first.
    """
    by_commit: dict[str | None, list[Mapping[str, Any]]] = {}
    for record in records:
        by_commit.setdefault(record["circumstances"]["commit"], []).append(record)
    found = [one for commit, group in by_commit.items() for one in _of_commit(root, commit, group)]
    return sorted(found, key=lambda one: -one.results)


def _of_commit(root: Path, commit: str | None, records: Sequence[Mapping[str, Any]]) -> Iterator[CodeOrigin]:
    claims = [tuple(_claims(record)) for record in records]
    names = {claim.name for own in claims for claim in own}
    contents = None if commit is None else committed_files(root, commit, sorted(names))
    if contents is None:
        yield CodeOrigin(commit, len(records), _edited(records), False, ())
        return
    files = {name: _File(name, content) for name, content in contents.items()}
    wrong = {
        claim: claim.name
        for own in claims
        for claim in own
        if claim.name not in files or not files[claim.name].fits(claim)
    }
    pairs = list(zip(records, claims, strict=True))
    for differs in (False, True):
        group = [record for record, own in pairs if any(claim in wrong for claim in own) == differs]
        if group:
            others = tuple(sorted(set(wrong.values()))) if differs else ()
            yield CodeOrigin(commit, len(group), _edited(group), True, others)


def _claims(record: Mapping[str, Any]) -> Iterator[_Claim]:
    """Yield what a record says about files of the checkout."""
    made, files = record["made"], record["circumstances"]["files"]
    # The hash of a syntax tree can differ between versions of Python; that of identical bytes does not.
    by_bytes = made["python"].split(".")[:2] != platform.python_version().split(".")[:2]
    for name, code in made["modules"].items():
        yield _Claim(name, code, files[name] if by_bytes else None)
    if made["lock"] is not None:
        yield _Claim(LOCK, None, made["lock"])
    for one in made["inputs"]:
        label, _, name = one["file"].partition("/")
        if one["kind"] == "source" and label == CHECKOUT:
            yield _Claim(name, None, one["sha256"])


def _edited(records: Iterable[Mapping[str, Any]]) -> int:
    return sum(bool(record["circumstances"]["dirty"]) for record in records)
