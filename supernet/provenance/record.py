"""Provenance records: the file `X.prov.json` beside each result X, its path, its format and the checks of a reader.

A record is a JSON object with these keys, whose types are in `supernet.provenance.schema`:

- `format`: `FORMAT`.
- `made`: the name of the result (`supernet.provenance.folders`), its SHA-256, and what it depends on: program, hashes
  of modules, config, inputs, versions of packages.
- `digest`: SHA-256 of `made`. A record names the digests of the records of its inputs, so that records are chained.
- `circumstances`: when, where and in which environment the program ran; they do not affect the result.
- `seal`: SHA-256 of all of the above.

Records are written by `supernet.provenance.recorder`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from supernet.errors import UserError
from supernet.provenance.regular import read_regular

SUFFIX = ".prov.json"
FORMAT = 2
LOCK = "envs/requirements.lock"
"""The lock file of the environment, in the checkout; records have its SHA-256."""
MAX_BYTES = 8 << 20
"""Larger files are not read as records; the record of metrics.parquet has about 1 kB per run."""

MAX_COMMAS = 400_000
"""More are not parsed: it would take seconds and a gigabyte. The record of metrics.parquet has about 12 per run."""
MAX_DEPTH = 100
"""Deepest nesting of a record; that of the project's records is below 10."""


class RecordError(UserError):
    """A result has no record, or one that is damaged; `problem` is the message without the path of the result."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.problem = problem


class MissingRecordError(RecordError):
    """A result has no record."""


class OlderRecordError(RecordError):
    """The record of a result was made by an older version, with another format."""


def record_path(path: Path | str) -> Path:
    """Return the path of the record of a result."""
    return Path(f"{path}{SUFFIX}")


def read_record(path: Path | str) -> dict[str, Any]:
    """Read and check the record of the result at `path`.

    Raises RecordError if the record is missing, damaged, edited, incomplete or of another format. Whether the result
    has the content and the name that its record names is checked by `supernet.audit`.
    """
    try:
        content = read_regular(record_path(path), MAX_BYTES)
        if content.count(b",") > MAX_COMMAS:
            raise RecordError(path, f"record damaged: more than {MAX_COMMAS} commas")
        text = content.decode("utf-8")
        record = json.loads(text, parse_constant=_refused, object_pairs_hook=_without_duplicates)
        # Python reads forms that JSON does not have (lone surrogates, numbers beyond all floats); they have no digest.
        problem = _problem(path, record)
    except FileNotFoundError:
        raise MissingRecordError(path, "record missing") from None
    except OSError as error:
        raise RecordError(path, f"record damaged: it cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise RecordError(path, "record damaged: it is not JSON") from None
    if problem:
        raise RecordError(path, problem)
    checked: dict[str, Any] = record
    return checked


def _problem(path: Path | str, record: Any) -> str:
    """Return what is wrong with the content of a record, or an empty text. Raises OlderRecordError."""
    # Imported here: it takes longer than all other imports of the programs that read no record.
    from supernet.provenance import schema

    if _depth(record) > MAX_DEPTH:
        return f"record damaged: nested more than {MAX_DEPTH} times"
    found = record.get("format") if isinstance(record, dict) else None
    if type(found) is int and 0 < found < FORMAT:
        raise OlderRecordError(path, f"record of format {found}, made by an older version: make the result again")
    if type(found) is not int or found != FORMAT:
        return f"record of another kind: expected format {FORMAT}"
    if digest({key: value for key, value in record.items() if key != "seal"}) != record.get("seal"):
        return "record edited: its seal does not match"
    if digest(record.get("made")) != record.get("digest"):
        return "record edited: its digest does not match"
    problem = schema.check(record)
    return f"record damaged: {problem}" if problem else ""


def _depth(value: Any) -> int:
    """Return how often objects and lists are nested in a JSON value."""
    depth, level = 0, [value]
    while level := [one for item in level if isinstance(item, dict | list) for one in _items(item)]:
        depth += 1
    return depth


def _items(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _refused(constant: str) -> NoReturn:
    raise ValueError(f"found {constant}, which JSON does not have")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of a record; ValueError if a key occurs twice, because readers differ in which they take."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def record_digest(path: Path | str) -> str | None:
    """Return the digest of the record of a result; None if it has none, or one of an older version.

    RecordError if the record is damaged.
    """
    try:
        return str(read_record(path)["digest"])
    except (MissingRecordError, OlderRecordError):
        return None


def root_digest(records: Iterable[Mapping[str, Any]]) -> str:
    """Return the root digest of results: SHA-256 of the digests of their records, by name of the file.

    A record's digest covers the file's name, content, config, code and inputs. The root digest therefore covers all
    files of which it is given the records, and everything that they were made from.
    """
    return digest({record["made"]["file"]: record["digest"] for record in records})


def inputs_digest(inputs: Iterable[Mapping[str, Any]]) -> str:
    """Return the digest of `made.inputs` of a record: it covers what the file was made from, back to the downloads."""
    return digest(list(inputs))


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value in canonical form: sorted keys, no spaces, UTF-8. NaN raises ValueError."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
