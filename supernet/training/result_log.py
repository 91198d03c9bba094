"""The log of a job that makes many trainings, one after the other: a killed job repeats at most one of them."""

import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from supernet.errors import UserError
from supernet.io.sealed import is_there, sealed_line, unsealed_line
from supernet.provenance.recorder import note_resumption
from supernet.training.fingerprint import Fingerprint

_Key = TypeVar("_Key", bound=tuple[str | int, ...])
_Result = TypeVar("_Result")

_LOGGER = logging.getLogger(__name__)
_LARGEST = 1 << 28
"""Bytes of a log: more than a hundred thousand results."""
_OLD = "written by another version of the project"


class ResultLog(ABC, Generic[_Key, _Result]):
    """Results of finished trainings, one JSON line each.

    Each process that adds results writes a line with its fingerprint first. Lines after one with another fingerprint
    are kept but not used, and a truncated last line is dropped. Each line has a checksum. A subclass knows the keys of
    a line.
    """

    def __init__(self, path: Path, fingerprint: Fingerprint) -> None:
        """Read the lines of the file, if there is one. Raises UserError if a line is damaged."""
        self.path, self.fingerprint = path, fingerprint
        self._known: dict[_Key, _Result] = {}
        self._opened = False
        self.earlier = 0.0
        """Seconds of the trainings that were in the file when it was opened."""
        try:
            there = is_there(path, _LARGEST)
        except ValueError as error:
            raise self._damaged(str(error)) from error
        if there:
            self._cut_torn_line()
            self._read(path.read_bytes().splitlines())

    def result_of(self, key: _Key) -> _Result | None:
        """Return the result of a training, or None if it has not finished."""
        return self._known.get(key)

    def check_result(self, key: _Key, problem_of: Callable[[_Result], str]) -> None:
        """Raise UserError if the file has the result of a training, and it has a problem."""
        if (result := self.result_of(key)) is not None and (problem := problem_of(result)):
            raise self._damaged(f"{self._named(key)}: {problem}")

    def append(self, key: _Key, result: _Result, seconds: float) -> None:
        """Append a result and the seconds of its training, and sync the file to the disk."""
        lines: list[dict[str, Any]] = [] if self._opened else [{"fingerprint": self.fingerprint.note()}]
        lines.append({**self._record(key, result), "seconds": round(seconds, 3)})
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as stream:
            stream.write("".join(f"{sealed_line(line)}\n" for line in lines).encode())
            stream.flush()
            os.fsync(stream.fileno())
        self._known[key], self._opened = result, True

    def discard(self) -> None:
        """Delete the file, once its results are written."""
        self.path.unlink(missing_ok=True)

    @abstractmethod
    def _record(self, key: _Key, result: _Result) -> dict[str, Any]:
        """Return the line of a result as JSON values, without its seconds."""

    @abstractmethod
    def _entry(self, record: dict[str, Any]) -> tuple[_Key, _Result, float]:
        """Return key, result and seconds of a line. Raises ValueError if a value is out of range."""

    @abstractmethod
    def _named(self, key: _Key) -> str:
        """Return a training in words."""

    def _cut_torn_line(self) -> None:
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            os.truncate(self.path, len(whole))

    def _read(self, lines: list[bytes]) -> None:
        difference, others = _OLD, dict[str, None]()
        for number, line in enumerate(lines, start=1):
            try:
                if line.startswith(b'{"fingerprint": "'):  # written before lines had a checksum
                    others[_OLD] = None
                    continue
                record = unsealed_line(line)
                if "fingerprint" in record:
                    difference = self.fingerprint.difference(record["fingerprint"])
                elif difference:
                    others[difference] = None
                else:
                    self._keep(*self._entry(record))
            except ValueError as error:
                raise self._damaged(f"line {number}: {_first(error)}") from error
        for other in others:
            _LOGGER.warning("%s: found results %s; they are not used", self.path, other)
        if self._known:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            note_resumption({"state": self.path.name, "done": len(self._known), "time": now})

    def _keep(self, key: _Key, result: _Result, seconds: float) -> None:
        if key in self._known:
            raise ValueError(f"a second result of {self._named(key)}")
        self._known[key] = result
        self.earlier += seconds

    def _damaged(self, problem: str) -> UserError:
        return UserError(f"{self.path}: {problem}; delete the file to repeat its trainings")


def _first(error: ValueError) -> str:
    """Return the first finding of a validation, or the text of another error."""
    if not isinstance(error, ValidationError):
        return str(error)
    one = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, one['loc']))}: found {one['input']!r}; {one['msg']}"
