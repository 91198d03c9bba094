"""Which studies use what is in the store, as far as the records in their folders say.

A study is each folder beside the store. It uses a file of the store if one of its records names the file as an input,
and scores if one of its runs has the weights from which they were computed.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supernet.config.artifacts import OTHERS, STORE, Artifacts, RunFolder, run_name, wildcards
from supernet.io.folders import files_below
from supernet.provenance.folders import RESULTS
from supernet.provenance.record import SUFFIX, RecordError, read_record, record_path
from supernet.training.store.entries import Entry, Item

_INPUT = f"{RESULTS}/{STORE}/"
"""Start of the names that records have for files of the store, wherever the folder of results is."""

_MADE = (".parquet", ".safetensors")
"""Endings of results that may be made from the store."""


@dataclass
class Usage:
    """What the records in the folders of all studies say."""

    files: dict[str, set[str]] = field(default_factory=dict)
    """Studies that were made from a file of the store, by its path in the store."""
    weights: dict[str, set[str]] = field(default_factory=dict)
    """Studies that have a super-net with these weights, by their SHA-256."""
    problems: list[str] = field(default_factory=list)
    """Results whose records cannot be read, as `path: why`: what they use is not known."""
    unfinished: list[str] = field(default_factory=list)
    """Studies whose ground truth or metrics are not made yet: they may use more than their records say."""

    def of_item(self, entry: Entry, item: Item) -> set[str]:
        """Return the studies that use an item of an entry."""
        names = (f"{entry.name}/{path.relative_to(entry.folder).as_posix()}" for path in item.results)
        found = (*(self.files.get(name, ()) for name in names), *(self.weights.get(one, ()) for one in item.inputs))
        return set[str]().union(*found)

    def of(self, entry: Entry) -> dict[str, int]:
        """Return the studies that use an entry, by name, with the number of its complete items that they use."""
        counts: dict[str, int] = {}
        for item in entry.complete:
            for study in self.of_item(entry, item):
                counts[study] = counts.get(study, 0) + 1
        return dict(sorted(counts.items()))


def usage(results: Path) -> Usage:
    """Read all records of all studies below the folder `results`. Raises UserError for a folder that cannot be read."""
    found = Usage()
    studies: dict[str, list[Path]] = {}
    for path in files_below(results, left_out=lambda path: _left_out(path, results)):
        studies.setdefault(path.relative_to(results).parts[0], []).append(path)
    for study, paths in sorted(studies.items()):
        _read(found, study, paths)
        if _is_unfinished(Artifacts(str(results / study)), paths):
            found.unfinished.append(study)
    return found


def _left_out(path: Path, results: Path) -> bool:
    parts = path.relative_to(results).parts
    return parts == (STORE,) or path.name.startswith(".") or (len(parts) == 2 and parts[1] in OTHERS)


def _read(found: Usage, study: str, paths: Iterable[Path]) -> None:
    known = set(paths)
    for path in sorted(known):
        if path.name.endswith(SUFFIX):
            subject = str(path).removesuffix(SUFFIX)
            try:
                _note(found, study, subject, read_record(subject)["made"])
            except RecordError as error:
                found.problems.append(str(error))
        elif record_path(path) not in known and _needs_record(str(path)):
            found.problems.append(f"{path}: record missing")


def _note(found: Usage, study: str, path: str, made: Mapping[str, Any]) -> None:
    for one in made["inputs"]:
        if one["file"].startswith(_INPUT):
            found.files.setdefault(one["file"].removeprefix(_INPUT), set()).add(study)
    if run_name(path) is not None and path == RunFolder(os.path.dirname(path)).weights:
        found.weights.setdefault(made["sha256"], set()).add(study)


def _needs_record(path: str) -> bool:
    """Return whether a file may be made from the store: a table or the weights of a training, search or run."""
    return path.endswith(_MADE) and wildcards(path) is not None


def _is_unfinished(artifacts: Artifacts, paths: Iterable[Path]) -> bool:
    """Return whether a pool has no ground truth yet, or an older one, or a study with results has no metrics."""
    names = set(map(str, paths))
    drawn = [name for name in names if name == artifacts.drawn_pool(Path(name).stem)]
    runs = any(run_name(name) is not None for name in names)
    return (runs and artifacts.metrics not in names) or any(_is_newer(one, artifacts) for one in drawn)


def _is_newer(drawn: str, artifacts: Artifacts) -> bool:
    try:
        return os.stat(artifacts.pool(Path(drawn).stem)).st_mtime_ns < os.stat(drawn).st_mtime_ns
    except FileNotFoundError:
        return os.path.exists(drawn)
