"""What the store has: one folder per recipe, the results in it, and files that do not belong there."""

import os
import stat
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from supernet.config.artifacts import LOCKS, EntryName, RunFolder, StoreFolder, entry_name, is_digest
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.io.folders import files_below
from supernet.io.parquet import opened
from supernet.io.writers import leftovers
from supernet.provenance.folders import is_at
from supernet.provenance.record import SUFFIX, RecordError, read_record, record_path
from supernet.training.store.parts import PART_NAME, part_record

SUPERNETS = "supernets"
"""The kind whose folders have super-nets, each in a folder of several files; those of other kinds have parts."""


@dataclass(frozen=True)
class Amount:
    """How much some files are."""

    files: int
    size: int
    """Bytes; content that has several of these names, by hard links, is counted once."""
    linked: int
    """Bytes of content that has further names elsewhere: it stays on the disk if these files are removed."""

    @classmethod
    def of(cls, paths: Iterable[Path]) -> Self:
        """Return the amount of the files that exist, without following links."""
        names, status = dict[tuple[int, int], int](), dict[tuple[int, int], os.stat_result]()
        for path in paths:
            try:
                found = path.lstat()
            except FileNotFoundError:
                continue
            inode = (found.st_dev, found.st_ino)
            names[inode], status[inode] = names.get(inode, 0) + 1, found
        linked = sum(one.st_size for inode, one in status.items() if one.st_nlink > names[inode])
        return cls(sum(names.values()), sum(one.st_size for one in status.values()), linked)

    @property
    def freed(self) -> int:
        """Bytes that are free once these files are removed."""
        return self.size - self.linked


@dataclass(frozen=True)
class Item:
    """What is used and removed together: a part with its record, or the folder of a super-net."""

    path: Path
    results: tuple[Path, ...]
    """The part, or the files of the super-net; they need not exist."""
    files: tuple[Path, ...]
    """Those that exist, and their records: each result before its record."""
    complete: bool
    """Whether all of it exists. A process that was killed while it added or removed a result may leave less."""
    rows: int = 0
    """Rows of a part."""
    inputs: frozenset[str] = frozenset()
    """SHA-256 of the files that a part was made from."""
    problem: str = ""
    """Why a result is not valid, with its path."""
    others: tuple[Path, ...] = ()
    """Files in the folder that the store does not know."""


@dataclass(frozen=True)
class Entry:
    """A folder of the store, with the results of one recipe."""

    name: EntryName
    folder: Path
    items: tuple[Item, ...] = ()
    alone: tuple[Path, ...] = ()
    """Files that the store does not know, in none of the items."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the defaults; empty if recipe.json is missing or damaged."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the store knows in the folder, except locks; recipe.json may not exist."""
        return (*(path for item in self.items for path in item.files), _recipe_file(self.folder))

    @property
    def complete(self) -> tuple[Item, ...]:
        """The items of which all exists."""
        return tuple(item for item in self.items if item.complete)

    @property
    def others(self) -> tuple[Path, ...]:
        """Files that the store does not know."""
        return (*self.alone, *(path for item in self.items for path in item.others))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is damaged or unknown, as `path: why`."""
        return (*(item.problem for item in self.items if item.problem), *map(_unknown, self.others))


@dataclass(frozen=True)
class Inventory:
    """Everything in the store."""

    entries: tuple[Entry, ...]
    """By kind, space and digest."""
    others: tuple[Path, ...]
    """Files that are in none of the entries."""
    left: tuple[Path, ...]
    """Temporary files and folders of ended processes."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is damaged or unknown, as `path: why`."""
        return (*(problem for entry in self.entries for problem in entry.problems), *map(_unknown, self.others))


def inventory(store: Path) -> Inventory:
    """Return what a store has, which need not exist. The content of parts is compared with their records.

    Of super-nets, whose files are large, only the sizes are compared. Raises UserError for a folder that cannot be
    read.
    """
    left = frozenset(leftovers(store))
    entries: dict[EntryName, list[Path]] = {}
    others = []
    for path in sorted(files_below(store, left_out=lambda path: path in left)):
        relative = path.relative_to(store)
        name = entry_name(relative.as_posix())
        if name is None or len(relative.parts) == len(name):
            others.append(path)
        else:
            entries.setdefault(name, []).append(path)
    found = (_entry(name, store / str(name), paths) for name, paths in sorted(entries.items()))
    return Inventory(tuple(found), tuple(others), tuple(sorted(left)))


def _unknown(path: Path) -> str:
    hidden = path.name.startswith(".")
    return f"{path}: {'a process is writing it, or it is ' if hidden else ''}not a file of the store"


def _entry(name: EntryName, folder: Path, paths: list[Path]) -> Entry:
    """Return an entry with these files; those that belong to none of its items are unknown, except recipe and locks."""
    items = _supernets(folder, paths) if name.kind == SUPERNETS else _parts(folder, paths)
    known = {path for item in items for path in (*item.files, *item.others)} | {_recipe_file(folder)}
    alone = tuple(path for path in paths if path not in known and folder / LOCKS not in path.parents)
    return Entry(name, folder, tuple(items), alone, _recipe(_recipe_file(folder)))


def _parts(folder: Path, paths: Iterable[Path]) -> list[Item]:
    own = {path for path in paths if path.parent == folder}
    subjects = {Path(str(path).removesuffix(SUFFIX)) for path in own}
    return [_part(path, own) for path in sorted(subjects) if PART_NAME.fullmatch(path.name)]


def _part(path: Path, own: Container[Path]) -> Item:
    files = tuple(one for one in (path, record_path(path)) if one in own)
    if path not in own:
        return Item(path, (path,), files, complete=False)
    try:
        _expect_file(path)
        made = part_record(path)["made"]
        inputs = frozenset(one["sha256"] for one in made["inputs"])
        return Item(path, (path,), files, complete=True, rows=_rows(path), inputs=inputs)
    except (UserError, OSError) as error:
        # An OSError has the path in its text.
        return Item(path, (path,), files, complete=True, problem=str(error))


def _supernets(folder: Path, paths: Iterable[Path]) -> list[Item]:
    below: dict[Path, list[Path]] = {}
    for path in paths:
        if path.parent.parent == folder and is_digest(path.parent.name):
            below.setdefault(path.parent, []).append(path)
    return [_supernet(path, own) for path, own in sorted(below.items())]


def _supernet(path: Path, own: Collection[Path]) -> Item:
    results = tuple(map(Path, RunFolder(str(path)).training))
    files = tuple(file for result in results for file in (result, record_path(result)) if file in own)
    others = tuple(file for file in own if file not in files)
    problem = next(filter(None, (_problem(result) for result in results if result in own)), "")
    return Item(path, results, files, all(result in own for result in results), problem=problem, others=others)


def _problem(path: Path) -> str:
    """Return why a file of a super-net is not valid, with its path; an empty text if it is."""
    try:
        _expect_file(path)
        made = read_record(path)["made"]
        if not is_at(made["file"], path):
            raise RecordError(path, f"its record is of {made['file']}: the file was moved or exchanged")
        if made["size"] != path.stat().st_size:
            raise RecordError(path, "its size differs from its record: it was changed after it was made")
    except (UserError, OSError) as error:
        return str(error)
    return ""


def _expect_file(path: Path) -> None:
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise UserError(f"{path}: not a file")


def _rows(path: Path) -> int:
    with opened(path) as file:
        rows: int = file.metadata.num_rows
        return rows


def _recipe_file(folder: Path) -> Path:
    return Path(StoreFolder(str(folder)).recipe)


def _recipe(path: Path) -> Mapping[str, Any]:
    try:
        about = read_json(path)
    except (UserError, OSError):  # It is for people: the folder is listed without it.
        return {}
    chosen = about.get("differs_from_defaults") if isinstance(about, Mapping) else None
    return chosen if isinstance(chosen, Mapping) else {}


def chosen(entry: Entry) -> dict[str, Any]:
    """Return the values of an entry that differ from their defaults, by short dotted keys.

    The space is left out, and hashes of files, as these names are for people.
    """
    found = {}
    for key, value in _flat(entry.recipe, ""):
        for start in ("run.", "setting.", "truth."):
            key = key.removeprefix(start)
        if key != "space" and not (isinstance(value, str) and len(value) == 64):
            found[key] = value
    return found


def _flat(value: Mapping[str, Any], start: str) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        if isinstance(one, Mapping):
            yield from _flat(one, f"{start}{key}.")
        else:
            yield f"{start}{key}", one


def descriptions(entries: Iterable[Entry]) -> dict[EntryName, list[tuple[str, Any]]]:
    """Return keys and values of each entry that differ from their defaults.

    Those in which entries of the same kind and space differ come first, then those of the recipe or the setting.
    """
    values = {entry.name: chosen(entry) for entry in entries}
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for name, own in values.items():
        groups.setdefault(name[:2], []).append(own)
    found = {}
    for name, own in values.items():
        group = groups[name[:2]]
        same = {key for key, value in own.items() if all(key in one and one[key] == value for one in group)}
        found[name] = sorted(own.items(), key=lambda item: (item[0] in same, "." in item[0]))
    return found
