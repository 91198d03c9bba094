"""Removes results from the store: what no study uses, or whole entries, while no job runs that could use them.

A killed removal leaves nothing that counts as a result: a folder gets a temporary name before its files are deleted,
and a part is deleted before its record.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from supernet.config.artifacts import STORE, Artifacts, EntryName
from supernet.errors import UserError
from supernet.io.folders import files_below, temporary_folder
from supernet.provenance.record import record_path
from supernet.runtime.lock import LockTiming, sole_writer_of, unreleased
from supernet.training.store.entries import Amount, Entry, Inventory, Item
from supernet.training.store.usage import Usage


@dataclass(frozen=True)
class Removal:
    """What is removed of one entry."""

    entry: Entry
    items: tuple[Item, ...]

    @property
    def folder(self) -> bool:
        """Whether the folder is removed with them, because nothing else is in it."""
        return len(self.items) == len(self.entry.items) and not self.entry.others

    @property
    def files(self) -> tuple[Path, ...]:
        """The removed files."""
        return self.entry.files if self.folder else tuple(path for item in self.items for path in item.files)


@dataclass(frozen=True)
class Plan:
    """Everything that is removed at once."""

    removals: tuple[Removal, ...]
    left: tuple[Path, ...] = ()
    """Files and folders that ended processes have left."""

    @property
    def amount(self) -> Amount:
        """How much it is."""
        folders = [path for path in self.left if path.is_dir() and not path.is_symlink()]
        left = [*(set(self.left) - set(folders)), *(path for one in folders for path in files_below(one))]
        return Amount.of([*(path for one in self.removals for path in one.files), *left])


def unused(found: Inventory, used: Usage) -> Plan:
    """Plan to remove what no study uses, except damaged and unknown files, and super-nets that have such files.

    Raises UserError if the record of a study cannot be read, because what the study uses is then not known.
    """
    if used.problems:
        more = f" (and {len(used.problems) - 1} more)" if len(used.problems) > 1 else ""
        raise UserError(
            f"{used.problems[0]}{more}; nothing was removed, because it is not known what this result was made from: "
            "make it again, or delete it with its record"
        )
    removals = (Removal(entry, _unused(entry, used)) for entry in found.entries)
    return Plan(tuple(one for one in removals if one.items or one.folder), found.left)


def _unused(entry: Entry, used: Usage) -> tuple[Item, ...]:
    intact = (item for item in entry.items if not item.problem and not item.others)
    return tuple(item for item in intact if not used.of_item(entry, item))


def named(found: Inventory, names: Sequence[str], store: Path) -> Plan:
    """Plan to remove entries, or single items of them.

    An entry is named by the path of its folder, by kind, space and digest, or by the start of its digest; an item by
    its path, or by the name of its entry and of its file or folder. Raises UserError if a name fits nothing or several
    entries, and if the store does not know all files that would be removed.
    """
    items: dict[EntryName, dict[Path, Item]] = {}
    for name in names:
        entry, chosen = _named(found, name, store)
        items.setdefault(entry.name, {}).update((item.path, item) for item in chosen)
    entries = {entry.name: entry for entry in found.entries}
    return Plan(tuple(Removal(entries[name], tuple(chosen.values())) for name, chosen in items.items()))


def _named(found: Inventory, name: str, store: Path) -> tuple[Entry, tuple[Item, ...]]:
    fits = [(entry, entry.items, entry.others) for entry in found.entries if _fits(entry, name)]
    fits += [(entry, (item,), item.others) for entry in found.entries for item in entry.items if _is(item, entry, name)]
    if not fits:
        raise UserError(
            f"{name}: no such entry in {store}; expected the path of its folder, its kind, space and digest, or the "
            "start of its digest: `supernet store` lists them"
        )
    if len(fits) > 1:
        raise UserError(f"{name}: found {', '.join(str(entry.name) for entry, *_ in fits)}; write more of the digest")
    [(entry, items, others)] = fits
    if others:
        raise UserError(f"{others[0]}: not a file of the store; move it away before its folder is removed")
    return entry, items


def _fits(entry: Entry, name: str) -> bool:
    *place, digest = name.rstrip("/").split("/")
    # The start of a digest alone, or after kind and space.
    start = bool(digest) and place in ([], list(entry.name[:2])) and entry.name.digest.startswith(digest)
    return start or _leads_to(entry.folder, name)


def _is(item: Item, entry: Entry, name: str) -> bool:
    return name.rstrip("/") == f"{entry.name}/{item.path.name}" or _leads_to(item.path, name)


def _leads_to(path: Path, name: str) -> bool:
    return os.path.abspath(path) == os.path.abspath(name)


@contextlib.contextmanager
def without_jobs(results: Path) -> Iterator[None]:
    """Hold the locks of all studies below a folder of results, and those of their jobs.

    Locks and claims of ended processes are taken over. Raises UserError if a process that may still run holds one; the
    error names the process. It may take three minutes to find this out about a process on another machine.
    """
    studies = sorted(results.glob(Artifacts("*").locks))
    locks = dict.fromkeys(path for study in studies for path in (study / "workflow", *unreleased(study)))
    with contextlib.ExitStack() as held:
        try:
            # Claims are not held: their folders may be removed.
            with sole_writer_of(unreleased(results / STORE), LockTiming(wait=0)):
                pass
            held.enter_context(sole_writer_of(locks, LockTiming(wait=0)))
        except UserError as error:
            raise UserError(f"nothing was removed, because jobs may use the store: {error}") from error
        yield


def remove(plan: Plan, results: Path, plan_again: Callable[[], Plan]) -> None:
    """Carry out a plan, while no job runs.

    Raises UserError if `plan_again` gives another plan, because the store or a study has changed, and if a file cannot
    be removed.
    """
    with without_jobs(results):
        if plan_again() != plan:
            raise UserError("nothing was removed: the store or a study has changed since the question; start again")
        for one in plan.removals:
            for path in [one.entry.folder] if one.folder else [item.path for item in one.items]:
                _remove(path)
        for path in plan.left:
            _delete(path)


def _remove(path: Path) -> None:
    """Remove a folder, or a part and then its record."""
    if not path.is_dir():
        _delete(path)
        _delete(record_path(path))
        return
    try:
        with temporary_folder(path) as temporary:
            path.rename(temporary / path.name)
    except OSError as error:
        raise UserError(f"{path}: cannot be removed: {error.strerror}; change its permissions") from error
    if temporary.exists():
        raise UserError(f"{temporary}: cannot be removed; change its permissions, and delete it")


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot be removed: {error.strerror}; change its permissions") from error
