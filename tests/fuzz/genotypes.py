"""Published tables of DARTS genotypes in the forms of their sources."""

import io
import random
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from published_formats import nas_benchmark_pickle, oncenas_csv, swap_csv

from fuzz.mutations import Draw, either, mutated
from fuzz.tables import file_of, parquet
from fuzz.target import Target
from supernet import spaces
from supernet.published.readers import read
from supernet.spaces.darts.encoding import Cell, Genotype

SPACE = spaces.load("darts")
DRAWN: list[Genotype] = SPACE.sample(np.random.default_rng(0), count=3)
ALL_NODES = (2, 3, 4, 5)
TEXTS = [SPACE.format(Genotype(*(Cell(cell.edges, ALL_NODES) for cell in (one.normal, one.reduce)))) for one in DRAWN]
PAIRS = [(text, 97.5) for text in TEXTS]
TOKENS = (b"nan", b"1e999", b"-1", b"range(10**9)", b"[" * 3000, b"(" * 3000, b"'", b'"', b"\n", b"9" * 5000)


def targets() -> list[Target]:
    """Return the targets of this module."""
    csv = oncenas_csv([(text, 3.25, 79.5, 92.0, 92.25) for text in TEXTS])
    return [
        _reader("darts-oncenas545", "oncenas_csv", mutated([csv], TOKENS)),
        _reader("darts-swap1000", "swap_csv", mutated([swap_csv(PAIRS)], TOKENS)),
        _reader("darts-oncenas545", "mirror", either(parquet(_columns), _texts)),
        Target("pickle of genotypes_and_curves", mutated([nas_benchmark_pickle(PAIRS)], TOKENS), _read_genotypes),
        Target("array of genotypes_and_curves", mutated([_array()], TOKENS), _read_curves),
    ]


def _reader(table: str, form: str, draw: Draw) -> Target:
    return Target(f"{form} of {table}", draw, partial(read, table, "darts", "cifar10", form))


def _columns() -> Mapping[str, Any]:
    numbers = {"params": 3.25, "valid_acc50": 92.0, "test_acc50": 92.25}
    return {"genotype": TEXTS, **{name: [value] * len(TEXTS) for name, value in numbers.items()}}


def _texts(rng: random.Random) -> bytes:
    """Return a file with one changed genotype."""
    change = mutated([text.encode() for text in TEXTS], TOKENS)
    return file_of({**_columns(), "genotype": [*TEXTS[1:], change(rng).decode("utf-8", "replace")]})


def _array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.full((len(PAIRS), 600), 97.5))
    return stream.getvalue()


def _read_genotypes(path: Path) -> None:
    _read_both(genotypes=path.read_bytes(), curves=_array())


def _read_curves(path: Path) -> None:
    _read_both(genotypes=nas_benchmark_pickle(PAIRS), curves=path.read_bytes())


def _read_both(genotypes: bytes, curves: bytes) -> None:
    with TemporaryDirectory() as folder:
        paths = Path(folder, "214genotypes.pkl"), Path(folder, "curves.npy")
        for path, content in zip(paths, (genotypes, curves), strict=True):
            path.write_bytes(content)
        read("darts-214", "darts", "cifar10", "genotypes_and_curves", *paths)
