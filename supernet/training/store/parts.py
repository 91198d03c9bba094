"""Parts: small Parquet tables that a folder collects, each with the rows that one process has added.

A part is a result with a record. Its name is the start of the SHA-256 of its content, so it is never modified, and
processes on several machines can add parts at the same time. All parts of a folder are read as one table, whose rows
have a unique key.
"""

import hashlib
import logging
import os
import re
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supernet.config.artifacts import HASH_DIGITS
from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.io.parquet import parquet_bytes, read_arrow
from supernet.provenance.record import RecordError
from supernet.provenance.recorder import note_input, recording_apart
from supernet.runtime.leftovers import clear_ended
from supernet.training.store.intact import intact_record

_LOGGER = logging.getLogger(__name__)
PART_NAME = re.compile(rf"[0-9a-f]{{{HASH_DIGITS}}}\.parquet")

Key = tuple[Any, ...]
Values = tuple[Any, ...]
Record = Mapping[str, Any]


@dataclass(frozen=True)
class Columns:
    """Columns of parts, each name with its kind: `text`, `integers` or `numbers` (`supernet.io.parquet.KINDS`)."""

    keys: Mapping[str, str]
    """Together they identify a row; they have no nulls."""
    values: Mapping[str, str]
    """They may have nulls, which are None."""


@dataclass
class _Part:
    """What was found in one file; `rows` is None if it is not used."""

    signature: tuple[int, int, int]
    rows: Mapping[Key, Values] | None = None


@dataclass
class Parts:
    """The parts of a folder, which may not exist yet."""

    folder: Path
    columns: Columns
    unfit: Callable[[Record], str] = lambda record: ""
    """Returns why a part with this record is not used; an empty text if it is."""
    wrong: Callable[[Values], str] = lambda values: ""
    """Returns why a row cannot have these values; an empty text if it can."""
    _found: dict[str, _Part] = field(default_factory=dict)
    _rows: dict[Key, Values] = field(default_factory=dict)
    _origins: dict[Key, str] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)
    """Warnings that were logged: each is logged once."""

    def refresh(self) -> None:
        """Read the parts that were added to the folder since the last call.

        A part is not used if its record is missing or damaged or is of another file, if its content differs from its
        record or its name, if it is `unfit`, or if a row is `wrong`. A warning says why. If two parts have different
        values for a key, those of the first part by name are used, with a warning.
        """
        now = {path.name: path for path in self.folder.glob("*.parquet") if PART_NAME.fullmatch(path.name)}
        found = {name: part for name in sorted(now) if (part := self._read(now[name])) is not None}
        if found == self._found:
            return
        self._found, self._rows, self._origins = found, {}, {}
        for name, part in found.items():
            self._merge(name, part.rows or {})

    def get(self, *key: Any) -> Values | None:
        """Return the values of a key; None if no part has it."""
        return self._rows.get(key)

    def missing(self, wanted: Iterable[Key]) -> list[Key]:
        """Return the keys that no part has, in their order."""
        return [key for key in wanted if key not in self._rows]

    def origins(self, wanted: Iterable[Key]) -> list[Path]:
        """Return the parts from which the values of these keys are taken, by name; KeyError if one is missing."""
        return [self.folder / name for name in sorted({self._origins[key] for key in wanted})]

    def note_inputs(self, wanted: Iterable[Key]) -> None:
        """Note the parts from which the values of these keys are taken as inputs of the program, and no others."""
        for path in self.origins(wanted):
            note_input(path)

    def add(self, rows: Mapping[Key, Values], config: Any, inputs: Sequence[Path]) -> Path | None:
        """Add a part and read it; without rows no file is written.

        Its record names `config` and `inputs` instead of those of the program: what these rows depend on, and nothing
        that the program needs for other results. An intact part with the same content is kept. Without a recorder, as
        in a notebook, the part has no record and is not used.
        """
        if not rows:
            return None
        content = parquet_bytes(self._table(rows))
        path = self.folder / f"{hashlib.sha256(content).hexdigest()[:HASH_DIGITS]}.parquet"
        self.refresh()
        if (known := self._found.get(path.name)) is None or known.rows is None:
            clear_ended(self.folder)
            with recording_apart(config, inputs), publish(path) as temporary:
                temporary.write_bytes(content)
            self.refresh()
        return path

    def _table(self, rows: Mapping[Key, Values]) -> dict[str, tuple[str, list[Any]]]:
        kinds = {**self.columns.keys, **self.columns.values}
        cells = [(*key, *rows[key]) for key in sorted(rows)]
        return {name: (kind, [row[place] for row in cells]) for place, (name, kind) in enumerate(kinds.items())}

    def _read(self, path: Path) -> _Part | None:
        """Read a part, unless it was read before; None if it was removed a moment ago."""
        signature = (0, 0, 0)
        try:
            status = os.stat(path)
            signature = (status.st_size, status.st_mtime_ns, status.st_ino)
            known = self._found.get(path.name)
            if known is not None and known.signature == signature:
                return known
            if not stat.S_ISREG(status.st_mode):
                raise UserError(f"{path}: not a file")
            return _Part(signature, self._checked(path))
        except FileNotFoundError:
            return None
        except (UserError, OSError) as error:
            # An OSError has the path in its text.
            self._warn(f"{error}; this part is not used, and what only it has is made again: delete it with its record")
            return _Part(signature)

    def _checked(self, path: Path) -> dict[Key, Values]:
        """Return the rows of a part. Raises UserError if it is not valid."""
        record = part_record(path)
        if problem := self.unfit(record):
            raise UserError(f"{path}: {problem}")
        kinds = {**self.columns.keys, **self.columns.values}
        table = read_arrow(path, kinds)
        count = len(self.columns.keys)
        cells = zip(*(table[name].to_pylist() for name in kinds), strict=True)
        rows = {row[:count]: row[count:] for row in cells}
        if len(rows) < table.num_rows or any(value is None for key in rows for value in key):
            raise UserError(
                f"{path}: {', '.join(self.columns.keys)}: found a null or a row twice; expected unique keys"
            )
        for key, values in rows.items():
            if problem := self.wrong(values):
                raise UserError(f"{path}: {key}: {problem}")
        return rows

    def _merge(self, name: str, rows: Mapping[Key, Values]) -> None:
        different = [key for key, values in rows.items() if not _same(values, self._rows.get(key, values))]
        if different:
            first, path = different[0], self.folder / name
            found = f"has other values than {self._origins[first]} for {first} ({len(different)} such rows)"
            self._warn(f"{path}: {found}, which are not used: {rows[first]}; delete one of the parts")
        for key, values in rows.items():
            if key not in self._rows:
                self._rows[key], self._origins[key] = values, name

    def _warn(self, message: str) -> None:
        if message not in self._told:
            self._told.add(message)
            _LOGGER.warning("%s", message)


def part_record(path: Path) -> dict[str, Any]:
    """Return the record of a part. Raises RecordError unless the part has the content and the names in the record."""
    record = intact_record(path)
    name = record["made"]["sha256"][:HASH_DIGITS]
    if not path.name.startswith(name):
        raise RecordError(path, f"its content has the name {name}.parquet: it was renamed or edited")
    return record


def _same(one: Values, other: Values) -> bool:
    """Return whether values are equal; nan equals nan."""
    return all(a == b or (a != a and b != b) for a, b in zip(one, other, strict=True))
