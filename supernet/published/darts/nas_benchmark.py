"""DARTS trained by Yang et al. (2020): a pickle with 214 genotypes and a NumPy array of their accuracies by epoch.

The pickle is a list of pairs: a text such as `GENOTYPE=Genotype(normal=[[edge, edge], …], …)`, with two edges per node,
and the best accuracy of any epoch. The array (genotypes, epochs) has test accuracies in percent. The ground truth is
that of the last epoch: the best one is chosen by test accuracy. Source: antoyang/NAS-Benchmark, notebooks in `Plots`.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from supernet.errors import UserError
from supernet.io.unpickling import GENOTYPES, load
from supernet.published.darts.facts import facts
from supernet.published.darts.trainings import Trainings
from supernet.published.parsed import ParsedTable
from supernet.published.schema import Floats
from supernet.spaces.darts.encoding import fields

_PREFIX = "GENOTYPE="


def read(genotypes: Path, curves: Path, table: str) -> ParsedTable:
    """Read both files.

    Raises UserError if one does not have the expected form, if the best accuracy of a genotype is not that of its row
    in the array, or if a genotype is invalid.
    """
    known = facts(table)
    pairs = _pairs(genotypes)
    accuracies = _curves(curves, (len(pairs), known.epochs))
    trainings = Trainings(genotypes)
    for number, (pair, curve) in enumerate(zip(pairs, accuracies, strict=True)):
        try:
            text, best = _pair(pair)
            if best != curve.max():
                raise UserError(f"found the best accuracy {best}, but {curve.max()} in {curves}")
            trainings.add(_flat(text), float(curve[-1]))
        except UserError as error:
            raise UserError(
                f"{genotypes}: entry {number} (from 0): {error}; delete both files and fetch them again"
            ) from error
    return ParsedTable(trainings.rows(), known.truth, known.epochs, trainings.entries)


def _pairs(path: Path) -> Sequence[Any]:
    found = load(path.read_bytes(), GENOTYPES, name=str(path))
    if not isinstance(found, list) or not found:
        raise UserError(f"{path}: found no list of genotypes; delete the file and fetch it again")
    return found


def _pair(value: Any) -> tuple[str, float]:
    """Return the genotype and the best accuracy of an entry of the pickle."""
    if not isinstance(value, tuple) or len(value) != 2:
        raise UserError("found no pair; expected a genotype and its best accuracy")
    text, best = value
    if not isinstance(text, str) or not text.startswith(_PREFIX) or not isinstance(best, float):
        raise UserError(f"found {value!r}; expected a text that starts with {_PREFIX}, and its best accuracy")
    return text.removeprefix(_PREFIX), float(best)


def _flat(text: str) -> dict[str, Any]:
    """Return the fields of a genotype with its edges in one list per cell; they are in one list per node."""
    found = fields(text)
    for cell in ("normal", "reduce"):
        nodes = found.get(cell)
        if not isinstance(nodes, list) or not all(isinstance(node, list) for node in nodes):
            raise UserError(f"found {nodes!r} as the cell {cell}; expected a list of edges per node")
        found[cell] = [edge for node in nodes for edge in node]
    return found


def _curves(path: Path, shape: tuple[int, int]) -> Floats:
    """Return the accuracies by epoch.

    The header is compared and not parsed: `numpy.load` can unpickle, and evaluates the header of a damaged file.
    """
    header = io.BytesIO()
    npy.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    found, start = path.read_bytes(), len(header.getvalue())
    if found[:start] != header.getvalue() or len(found) != start + 8 * shape[0] * shape[1]:
        raise UserError(
            f"{path}: found another file than a NumPy array of {shape[0]} x {shape[1]} numbers in double precision; "
            "delete it and fetch it again"
        )
    return np.frombuffer(found, "<f8", offset=start).reshape(shape)
