"""Provenance records: the file `X.prov.json` beside each result X, its path, its format and the checks of a reader.

A record is a JSON object with these keys:

- `format`: `FORMAT`.
- `made`: what the result depends on (program, hashes of modules, config, inputs, versions of packages) and the SHA-256
  of the result itself.
- `digest`: SHA-256 of `made`. A record names the digests of the records of its inputs, so that records are chained.
- `circumstances`: when, where and in which environment the program ran; they do not affect the result.
- `seal`: SHA-256 of all of the above.

Records are written by `supernet.provenance.recorder`.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supernet.errors import UserError

SUFFIX = ".prov.json"
FORMAT = 1
LOCK = "envs/requirements.lock"
"""The lock file of the environment, in the checkout; records have its SHA-256."""
ROOT_FILE = "metrics.parquet"
"""The file of a study whose record is the root of the chain; tables and figures are made from it."""
_MADE = frozenset({"sha256", "size", "program", "modules", "config", "inputs", "python", "packages", "lock"})


class RecordError(UserError):
    """A result has no record, or one that is damaged; `problem` is the message without the path of the result."""

    def __init__(self, path: Path | str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.problem = problem


class MissingRecordError(RecordError):
    """A result has no record."""


def record_path(path: Path | str) -> Path:
    """Return the path of the record of a result."""
    return Path(f"{path}{SUFFIX}")


def read_record(path: Path | str) -> dict[str, Any]:
    """Read and check the record of the result at `path`.

    Raises RecordError if the record is missing, damaged, edited, incomplete or of another format. Whether the result
    has the content that its record names is checked by `supernet.audit`.
    """
    try:
        record = json.loads(record_path(path).read_text(encoding="utf-8"))
        # Python reads forms that JSON does not have (NaN, lone surrogates); they have no digest.
        problem = _problem(record)
    except FileNotFoundError:
        raise MissingRecordError(path, "record missing") from None
    except (ValueError, RecursionError):
        raise RecordError(path, "record damaged: it is not JSON") from None
    if problem:
        raise RecordError(path, problem)
    checked: dict[str, Any] = record
    return checked


def _problem(record: Any) -> str:
    """Return what is wrong with the content of a record, or an empty text."""
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return f"record of another kind: expected format {FORMAT}"
    if digest({key: value for key, value in record.items() if key != "seal"}) != record.get("seal"):
        return "record edited: its seal does not match"
    made = record.get("made")
    if digest(made) != record.get("digest"):
        return "record edited: its digest does not match"
    missing = sorted(_MADE - set(made) if isinstance(made, dict) else _MADE)
    return f"record incomplete: {', '.join(missing)} missing" if missing else ""


def record_digest(path: Path | str) -> str | None:
    """Return the digest of the record of a result; None without a record, RecordError if it is damaged."""
    try:
        return str(read_record(path)["digest"])
    except MissingRecordError:
        return None


def root_digest(folder: Path | str) -> str | None:
    """Return the root digest of the study in a results folder: the digest of the record of `ROOT_FILE`.

    Digests are chained: the root digest depends on everything that was measured, back to the downloads. The chain
    itself is checked by `supernet.audit`. None without a record, RecordError if the record is damaged.
    """
    return record_digest(Path(folder) / ROOT_FILE)


def input_path(path: str, entry: Mapping[str, Any]) -> str:
    """Return the path of an input, relative to the current folder like `path`, the result.

    `entry` is an element of `made.inputs` of the result's record; paths in it are relative to the folder of the result.
    """
    return os.path.normpath(os.path.join(os.path.dirname(path), entry["path"]))


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value in canonical form: sorted keys, no spaces, UTF-8. NaN raises ValueError."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
