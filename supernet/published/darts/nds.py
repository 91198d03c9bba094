"""DARTS trained by NDS: JSON lists in `data.zip` with one entry per training, which has a genotype and an error curve.

`DARTS_fix-w-d.json` has networks of one width and depth, `DARTS.json` of many. The ground truth is 100 minus the last
test error, in percent. The states that a cell concatenates are those of the genotype. Sources: Radosavovic et al. 2019;
notebooks of facebookresearch/nds; microsoft/nni, which reads the same file, for the folder in the archive.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from supernet import spaces
from supernet.errors import UserError
from supernet.io.archives import read_member
from supernet.published.counts import exact
from supernet.published.parsed import ParsedTable
from supernet.published.schema import RUNS, tabulate

_FOLDER = "nds_data"
_MAX_BYTES = 4 * 10**9
"""Largest accepted size of one JSON file in bytes; the actual size is not published."""
_IMAGES = 10_000
_GENOTYPE = ("normal", "normal_concat", "reduce", "reduce_concat")
_FILLER = re.compile(r"[\s,]*")


@dataclass
class _Trained:
    """The trainings of one architecture."""

    encoding: str
    accuracies: list[float] = field(default_factory=list)
    parameters: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class _Entry:
    """One entry of the file."""

    genotype: dict[str, Any]
    accuracy: float
    parameters: int
    epochs: int
    width: int
    depth: int


def read(path: Path, name: str) -> ParsedTable:
    """Read one JSON file of the archive, such as `DARTS.json`.

    Genotypes that differ only in the order of the two edges of a node are one architecture: its accuracy is the mean,
    its runs are the first three, and its number of parameters is unknown if the entries differ. Raises UserError with
    the number of an entry that is not a training of DARTS.
    """
    space = spaces.load("darts")
    where = f"{path}: {name}"
    found: dict[str, _Trained] = {}
    entries = []
    for number, value in enumerate(_listed(_text(path, name), where)):
        try:
            entry = _entry(value)
            arch = space.parse(entry.genotype)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, UserError) as error:
            raise UserError(
                f"{where}: entry {number} (from 0) is not a training of DARTS ({error!r}); expected net.genotype, "
                "params and test_ep_top1: delete the file and fetch it again"
            ) from error
        trained = found.setdefault(space.arch_id(arch), _Trained(space.format(arch)))
        trained.accuracies.append(entry.accuracy)
        trained.parameters.add(entry.parameters)
        entries.append(entry)
    if not entries:
        raise UserError(f"{where}: found no training; delete the file and fetch it again")
    epochs = {entry.epochs for entry in entries}
    return ParsedTable(_rows(path, found), _truth(entries), epochs.pop() if len(epochs) == 1 else None, len(entries))


def _rows(path: Path, found: dict[str, _Trained]) -> pd.DataFrame:
    """Return rows in the schema, one per architecture."""
    runs = np.full((len(found), len(RUNS)), np.nan)
    for row, trained in enumerate(found.values()):
        first = trained.accuracies[: len(RUNS)]
        runs[row, : len(first)] = first
    known = [next(iter(one.parameters)) if len(one.parameters) == 1 else None for one in found.values()]
    return tabulate(
        path,
        list(found),
        [trained.encoding for trained in found.values()],
        [float(np.mean(trained.accuracies)) for trained in found.values()],
        runs=runs,
        parameters=known,
    )


def _truth(entries: list[_Entry]) -> str:
    sizes = {what: {getattr(entry, what) for entry in entries} for what in ("width", "depth")}
    ranges = ", ".join(
        f"{what} {min(values)}" if len(values) == 1 else f"{what} {min(values)} to {max(values)}"
        for what, values in sizes.items()
    )
    return f"test accuracy after the last epoch of one run, {ranges}"


def _text(path: Path, name: str) -> str:
    content = read_member(path, f"{_FOLDER}/{name}", _MAX_BYTES)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: {name}: not UTF-8 text ({error}); delete the file and fetch it again") from error


def _listed(text: str, where: str) -> Iterator[Any]:
    """Yield the items of a JSON list, parsed one at a time, because an entry has curves of thousands of numbers."""
    decoder = json.JSONDecoder()
    position = _skip(text, 0)
    if not text.startswith("[", position):
        raise UserError(f"{where}: found no JSON list; expected one entry per training")
    position = _skip(text, position + 1)
    while not text.startswith("]", position):
        try:
            item, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{where}: not valid JSON: {error}; delete the file and fetch it again") from error
        yield item
        position = _skip(text, position)


def _skip(text: str, position: int) -> int:
    """Return the position after spaces and commas."""
    filler = _FILLER.match(text, position)
    return position if filler is None else filler.end()


def _entry(value: Any) -> _Entry:
    net, errors = value["net"], value["test_ep_top1"]
    return _Entry(
        genotype={key: net["genotype"][key] for key in _GENOTYPE},
        accuracy=float(exact((100 - float(errors[-1])) / 100, _IMAGES)),
        parameters=int(value["params"]),
        epochs=len(errors),
        width=int(net["width"]),
        depth=int(net["depth"]),
    )
