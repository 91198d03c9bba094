"""NASBench-201: its authors' archive `NATS-tss-v1_0-3ffb9-simple.tar`, read with their library `nats_bench`.

The archive has one compressed pickle per architecture, and `meta.pickle.pbz2` with the strings of all architectures.
The library would unpickle arbitrary objects. Here the pickles are read with an allow-list, and the library gets the
dictionaries that it would have unpickled, and interprets the numbers. Source: D-X-Y/NATS-Bench, version 1.8.
"""

import bz2
import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from supernet import spaces
from supernet.errors import UserError
from supernet.io.archives import read_members
from supernet.io.unpickling import NATS, load
from supernet.published.counts import exact
from supernet.published.nasbench201.facts import EPOCHS, Dataset, dataset
from supernet.published.parsed import ParsedTable
from supernet.published.schema import tabulate
from supernet.runtime.progress import Progress

_SEEDS = (777, 888, 999)
_HP = str(EPOCHS)
_ARCHIVE = "NATS-tss-v1_0-3ffb9-simple.tar"
_META = "meta.pickle.pbz2"
MAX_BYTES = 50 * 10**6
"""Largest accepted size of one pickle in bytes, packed or unpacked; one of 200 epochs has less than ten million."""
_UNEXPECTED = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RecursionError,
    MemoryError,
)
"""Errors of the library for results that are not those of NATS-Bench."""
_BATCH = 100
"""Number of architectures per object of the library, whose constructor copies the list of all strings."""


@dataclass(frozen=True)
class _Result:
    """Results of one architecture: accuracies in percent, NaN for a seed that was not run."""

    test: float
    runs: tuple[float, ...]
    valid: float
    parameters: int


def read(path: Path, dataset_name: str) -> ParsedTable:
    """Read one data set; runs 0 to 2 are those of the seeds 777, 888 and 999.

    Raises UserError if `nats_bench` is not installed, if an architecture or a result is missing in the archive, and if
    a pickle refers to anything but plain data.
    """
    facts, space, topology = dataset(dataset_name), spaces.load("nasbench201"), _library()
    strings = _strings(path)
    found: dict[int, _Result] = {}
    with Progress(path.name, "reading", len(strings), None) as progress:
        for infos in _batches(path, facts):
            content = {"meta_archs": strings, "arch2infos": infos, "evaluated_indexes": list(infos)}
            with _interpreted(path, infos):
                api = topology(content, verbose=False)
            for index in infos:
                with _interpreted(path, [index]):
                    found[index] = _result(api, path, index, facts)
            progress.update(len(found))
    if missing := set(range(len(strings))) - set(found):
        raise UserError(
            f"{path}: {len(missing)} of {len(strings)} architectures are missing, the first is number {min(missing)}; "
            "the archive is incomplete: fetch it again"
        )
    results = [found[index] for index in range(len(strings))]
    texts = [space.format(space.parse(text)) for text in strings]
    rows = tabulate(
        path,
        texts,
        texts,
        exact(np.array([result.test for result in results]) / 100, facts.test_images),
        valid_acc=exact(np.array([result.valid for result in results]) / 100, facts.valid_images),
        runs=exact(np.array([result.runs for result in results]) / 100, facts.test_images),
        parameters=[result.parameters for result in results],
    )
    return ParsedTable(rows, facts.truth, EPOCHS, len(rows))


def _strings(path: Path) -> list[str]:
    """Return the strings of all architectures, by number."""
    for name, content in read_members(path, lambda name: PurePosixPath(name).name == _META, MAX_BYTES):
        meta = _unpickled(path, name, content)
        if not isinstance(meta, Mapping) or "meta_archs" not in meta:
            raise UserError(f"{path}: {name} has no `meta_archs`; expected the list of all architectures")
        strings = meta["meta_archs"]
        if not isinstance(strings, list) or not all(isinstance(text, str) for text in strings):
            raise UserError(f"{path}: {name}: `meta_archs` is not a list of texts; expected all architectures")
        return strings
    raise UserError(f"{path}: no {_META} in this archive; expected {_ARCHIVE}")


def _batches(path: Path, facts: Dataset) -> Iterator[dict[int, dict[str, Any]]]:
    """Yield results by number of the architecture, in the format of the library, `_BATCH` architectures at a time."""
    batch: dict[int, dict[str, Any]] = {}
    for name, content in read_members(path, lambda name: _number(name) is not None, MAX_BYTES):
        index = _number(name)
        assert index is not None, "wanted"
        batch[index] = _kept(_unpickled(path, name, content), path, index, facts)
        if len(batch) == _BATCH:
            yield batch
            batch = {}
    if batch:
        yield batch


def _number(name: str) -> int | None:
    """Return the number of the architecture of a member; None for other members."""
    match = re.fullmatch(r"(\d{6})\.pickle\.pbz2", PurePosixPath(name).name)
    return None if match is None else int(match[1])


def _unpickled(path: Path, name: str, content: bytes) -> Any:
    """Decompress and unpickle a member."""
    decompressor = bz2.BZ2Decompressor()
    try:
        unpacked = decompressor.decompress(content, max_length=MAX_BYTES)
    except OSError as error:
        raise UserError(f"{path}: {name} cannot be unpacked ({error}); fetch the archive again") from error
    if not decompressor.eof:
        raise UserError(f"{path}: {name} is cut, or unpacks to more than {MAX_BYTES} bytes; fetch the archive again")
    return load(unpacked, NATS, name=f"{path}: {name}")


@contextmanager
def _interpreted(path: Path, indices: Iterable[int]) -> Iterator[None]:
    """Turn the errors of the library about results of these architectures into UserError."""
    try:
        yield
    except _UNEXPECTED as error:
        first = min(indices, default=0)
        raise UserError(
            f"{path}: the results of architecture {first} are not those of NATS-Bench ({type(error).__name__}: "
            f"{str(error)[:200]}); fetch the archive again"
        ) from error


def _library() -> Any:
    """Return the class of the library for this space."""
    try:
        return importlib.import_module("nats_bench.api_topology").NATStopology
    except ModuleNotFoundError as error:
        raise UserError(
            "nats_bench is not installed, and the form `nats` of NASBench-201 is read with it; "
            "install nats_bench==1.8, or fetch another form"
        ) from error


def _kept(infos: Mapping[str, Any], path: Path, index: int, facts: Dataset) -> dict[str, Any]:
    """Return the needed part of the results of an architecture, because the library copies its input."""
    names = {facts.nats_name, facts.nats_valid}
    try:
        state = infos[_HP]
        seeds = {name: seeds for name, seeds in state["dataset_seed"].items() if name in names}
        results = {key: result for key, result in state["all_results"].items() if key[0] in names}
        # The library reads a text in place of a result as the name of a file, which it would unpickle.
        if not all(isinstance(result, dict) for result in results.values()):
            raise TypeError("found a result that is not a dictionary")
    except (LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(
            f"{path}: architecture {index} has no results of {EPOCHS} epochs ({error!r}); fetch the archive again"
        ) from error
    return {_HP: {**state, "dataset_seed": seeds, "all_results": results}}


def _result(api: Any, path: Path, index: int, facts: Dataset) -> _Result:
    results = api.arch2infos_dict[index][_HP]
    missing = {facts.nats_name, facts.nats_valid} - set(results.get_dataset_names())
    if missing:
        raise UserError(f"{path}: architecture {index} has no results on {missing.pop()}; fetch the archive again")
    seeds = results.get_dataset_seeds(facts.nats_name)
    if not set(seeds) <= set(_SEEDS):
        raise UserError(f"{path}: architecture {index}: found the seeds {seeds}; expected some of {_SEEDS}")
    return _Result(
        test=_accuracy(api, index, facts.nats_name, "test", False),
        runs=tuple(
            _accuracy(api, index, facts.nats_name, "test", seed) if seed in seeds else float("nan") for seed in _SEEDS
        ),
        valid=_accuracy(api, index, facts.nats_valid, "valid", False),
        # In millions.
        parameters=round(results.get_compute_costs(facts.nats_name)["params"] * 1e6),
    )


def _accuracy(api: Any, index: int, dataset_name: str, split: str, seed: int | bool) -> float:
    """Return the accuracy after the last epoch in percent: of one seed, or the mean over all for False."""
    return float(api.get_more_info(index, dataset_name, hp=_HP, is_random=seed)[f"{split}-accuracy"])
