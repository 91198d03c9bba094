"""DARTS trained by NDS: JSON lists in `data.zip` with one entry per training, which has a genotype and an error curve.

`DARTS_fix-w-d.json` has networks of one width and depth, `DARTS.json` of many. The ground truth is 100 minus the last
test error, in percent. The states that a cell concatenates are those of the genotype. Parameters, multiply-adds
(`flops`), width and depth are those of the trained network. Sources: Radosavovic et al. 2019; notebooks of
facebookresearch/nds; microsoft/nni, which reads the same file, for the folder in the archive.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernet.errors import UserError
from supernet.io.archives import read_member
from supernet.published.darts.trainings import Network, Trainings
from supernet.published.parsed import ParsedTable

_FOLDER = "nds_data"
_MAX_BYTES = 4 * 10**9
"""Largest accepted size of one JSON file in bytes; the actual size is not published."""
_GENOTYPE = ("normal", "normal_concat", "reduce", "reduce_concat")
_FILLER = re.compile(r"[\s,]*")


@dataclass(frozen=True)
class _Entry:
    """One entry of the file."""

    genotype: dict[str, Any]
    accuracy: float
    epochs: int
    parameters: int
    macs: int
    width: int
    depth: int

    @property
    def network(self) -> Network:
        """The trained network."""
        return Network(self.parameters, self.macs, self.width, self.depth)


def read(path: Path, name: str) -> ParsedTable:
    """Read one JSON file of the archive, such as `DARTS.json`.

    Equal genotypes are put together as in `supernet.published.darts.trainings`. Raises UserError with the number of an
    entry that is not a training of DARTS.
    """
    where = f"{path}: {name}"
    trainings = Trainings(path)
    entries = []
    for number, value in enumerate(_listed(_text(path, name), where)):
        try:
            entry = _entry(value)
            trainings.add(entry.genotype, entry.accuracy, network=entry.network)
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, UserError) as error:
            raise UserError(
                f"{where}: entry {number} (from 0) is not a training of DARTS ({error!r}); expected genotype, width "
                "and depth in net, params, flops and test_ep_top1: delete the file and fetch it again"
            ) from error
        entries.append(entry)
    epochs = {entry.epochs for entry in entries}
    return ParsedTable(trainings.rows(), _truth(entries), epochs.pop() if len(epochs) == 1 else None, trainings.entries)


def _truth(entries: list[_Entry]) -> str:
    sizes = {what: {getattr(entry, what) for entry in entries} for what in ("width", "depth")}
    ranges = ", ".join(
        f"{what} {min(values)}" if len(values) == 1 else f"{what} {min(values)} to {max(values)}"
        for what, values in sizes.items()
    )
    epochs = [entry.epochs for entry in entries]
    last = f"{min(epochs)}" if min(epochs) == max(epochs) else f"{min(epochs)} to {max(epochs)}"
    return f"test accuracy after the last of {last} epochs, trained by NDS (Radosavovic et al. 2019), {ranges}"


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
        accuracy=100 - float(errors[-1]),
        epochs=len(errors),
        parameters=int(value["params"]),
        macs=int(value["flops"]),
        width=int(net["width"]),
        depth=int(net["depth"]),
    )
