"""What the store has: one folder per recipe, the results in it, and files that do not belong there."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from supernet.config.artifacts import LOCKS, RECIPE, EntryName, entry_name
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.io.folders import files_below
from supernet.io.parquet import opened
from supernet.io.writers import leftovers
from supernet.provenance.folders import is_at
from supernet.provenance.record import SUFFIX, RecordError, read_record, record_path
from supernet.training.store.parts import PART_NAME, intact_record

WHOLE = frozenset({"supernets"})
"""Kinds whose folders have one training in several files; folders of the other kinds have independent parts."""


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
    """A result in the store with its record, or a record that a killed process has left alone."""

    path: Path
    files: tuple[Path, ...]
    """The result and its record, as far as they exist."""
    rows: int = 0
    """Rows of a part."""
    inputs: frozenset[str] = frozenset()
    """SHA-256 of the files that it was made from."""
    problem: str = ""
    """Why the result is not valid, with its path."""


@dataclass(frozen=True)
class Entry:
    """A folder of the store."""

    name: EntryName
    folder: Path
    items: tuple[Item, ...] = ()
    others: tuple[Path, ...] = ()
    """Files that the store does not know."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """What differs from the defaults; empty if recipe.json is missing or damaged."""

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of the store in the folder, except locks."""
        return (*(path for item in self.items for path in item.files), self.folder / RECIPE)

    @property
    def results(self) -> tuple[Item, ...]:
        """The results: all items except records without a file."""
        return tuple(item for item in self.items if item.path in item.files)

    @property
    def whole(self) -> bool:
        """Whether its results are used and removed together."""
        return self.name.kind in WHOLE

    @property
    def problems(self) -> tuple[str, ...]:
        """What is damaged or unknown, as `path: why`."""
        unknown = (f"{path}: {_unknown(path)}" for path in self.others)
        return (*(item.problem for item in self.items if item.problem), *unknown)


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
        unknown = (f"{path}: {_unknown(path)}" for path in self.others)
        return (*(problem for entry in self.entries for problem in entry.problems), *unknown)


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
    return "a process is writing it, or it is not a file of the store" if hidden else "not a file of the store"


def _entry(name: EntryName, folder: Path, paths: list[Path]) -> Entry:
    own = {path for path in paths if path.parent == folder and path.name != RECIPE}
    others = [path for path in paths if path.parent != folder and folder / LOCKS not in path.parents]
    items = []
    for subject in sorted({Path(str(path).removesuffix(SUFFIX)) for path in own}):
        files = tuple(path for path in (subject, record_path(subject)) if path in own)
        if name.kind in WHOLE and record_path(subject) in own:
            items.append(_item(subject, files, whole=True))
        elif name.kind not in WHOLE and PART_NAME.fullmatch(subject.name):
            items.append(_item(subject, files, whole=False))
        else:
            others += files
    return Entry(name, folder, tuple(items), tuple(sorted(others)), _recipe(folder / RECIPE))


def _item(path: Path, files: tuple[Path, ...], *, whole: bool) -> Item:
    if path not in files:
        return Item(path, files)
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Item(path, files, problem=f"{path}: not a file")
        made = (_recorded(path) if whole else intact_record(path))["made"]
        inputs = frozenset(one["sha256"] for one in made["inputs"])
        return Item(path, files, 0 if whole else _rows(path), inputs)
    except (UserError, OSError) as error:
        # An OSError has the path in its text.
        return Item(path, files, problem=str(error))


def _recorded(path: Path) -> dict[str, Any]:
    record = read_record(path)
    made = record["made"]
    if not is_at(made["file"], path):
        raise RecordError(path, f"its record is of {made['file']}: the file was moved or exchanged")
    if made["size"] != path.stat().st_size:
        raise RecordError(path, "its size differs from its record: it was changed after it was made")
    return record


def _rows(path: Path) -> int:
    with opened(path) as file:
        rows: int = file.metadata.num_rows
        return rows


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
