"""Published tables in the forms of their sources, tables and pools of this project, and pickles."""

import io
import json
import pickle
import random
import zipfile
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from published_formats import nasbench101_record, nats_state, nats_tar, nds_entry, pickled_frame, tfrecord
from table_metadata import about

from fuzz.mutations import Draw, either, mutated, odd, tree
from fuzz.target import Target
from supernet import spaces
from supernet.io.parquet import read_table
from supernet.io.unpickling import CIFAR, NATS, load
from supernet.pools.draw import draw_published
from supernet.pools.file import best_of, read_arch_ids, read_pool, read_truths
from supernet.published.readers import read
from supernet.published.schema import RUNS, tabulate, write
from supernet.published.table import PublishedTable

SPACE = spaces.load("nasbench201")
ARCHS = SPACE.sample(np.random.default_rng(0), count=6)
TEXTS = list(dict.fromkeys(SPACE.format(arch) for arch in ARCHS))
PERCENT = {"valid_acc": 80.0, "test_acc": 90.0}


def targets() -> list[Target]:
    """Return the targets of this module."""
    return [*_published(), *_own(), *_pickles()]


def _reader(table: str, space: str, form: str, draw: Draw) -> Target:
    return Target(f"{form} of {table}", draw, partial(read, table, space, "cifar10", form))


def _published() -> list[Target]:
    csv = "file id,arch str,cfg name,C,N,train accuracy,validation accuracy,test accuracy\n"
    csv += "".join(f"{n},{text},infer.tiny,16,5,88.9,81.9,81.5\n" for n, text in enumerate(TEXTS))
    macro = {chain: {"test_acc": [89.0, 88.0, 89.5], "params": 9} for chain in ("02012100", "00000000")}
    macro_file = either(mutated([_dumped(macro)]), _json(macro))
    tokens = (b"nan", b"inf", b"-1", b"101", b"1e999", b",", b'"', b"\n", b"9" * 5000)
    return [
        _reader("nasbench201", "nasbench201", "nasgraph_csv", mutated([csv.encode()], tokens)),
        _reader("nasbench201", "nasbench201", "mirror", parquet(_edges)),
        Target("mirror_runs of nasbench201", parquet(_runs), _read_runs),
        _reader("nasbench201-12epochs", "nasbench201", "mini_frame", mutated([pickled_frame(_short())], tokens)),
        _reader("nasbench201-12epochs", "nasbench201", "mirror_12epochs", parquet(_short_mirror)),
        _reader("nasbench201", "nasbench201", "nats", either(mutated([_nats(_state())]), _nats_trees)),
        _reader("nasbench101", "nasbench101", "mirror", parquet(_cells)),
        _reader("nasbench101", "nasbench101", "tfrecord", either(mutated([tfrecord(_records())]), _tfrecords)),
        _reader("darts-nds", "darts", "nds_json", either(mutated([_nds(json.dumps([_training()] * 2))]), _trainings)),
        _reader("macro", "macro", "macro_json", macro_file),
        _reader("macro", "macro", "mirror", parquet(_chains)),
    ]


def _own() -> list[Target]:
    return [
        Target("table of this project", _own_table, _use_table),
        Target("pool", parquet(_pool_columns), _use_pool),
    ]


def _pickles() -> list[Target]:
    array = {b"data": np.arange(12, dtype=np.uint8).reshape(3, 4), b"labels": [1, 2, 3]}
    opcodes = [bytes([code]) for code in range(256)]
    seeds = [pickle.dumps(array, protocol) for protocol in range(5)]
    states = [pickle.dumps({"200": _state(2)}, protocol) for protocol in range(5)]

    def of(content: bytes, allowed: Any) -> Any:
        return load(content, allowed, name="a file")

    return [
        Target("pickle of CIFAR-10", mutated(seeds, opcodes), lambda path: of(path.read_bytes(), CIFAR)),
        Target("pickle of NATS-Bench", mutated(states, opcodes), lambda path: of(path.read_bytes(), NATS)),
    ]


# Columns of tables in Parquet


def _edges() -> Mapping[str, Any]:
    edges = [f"op_e{source}{target}" for source, target in ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))]
    accuracies = {name: [80.0, 90.0, 91.5] for name in ("cifar10_test_acc", "cifar10valid_valid_acc")}
    return {**{edge: [0, 1, position % 5] for position, edge in enumerate(edges)}, **accuracies}


def _short() -> Mapping[str, Any]:
    return {"cellstr": TEXTS, **{name: [80.0] * len(TEXTS) for name in ("cifar10-test", "cifar10-val")}}


def _short_mirror() -> Mapping[str, Any]:
    accuracies = ("cifar10_test_acc_12", "cifar10_valid_acc_12")
    return {"arch_str": TEXTS, **{name: [80.0] * len(TEXTS) for name in accuracies}}


def _runs() -> Mapping[str, Any]:
    texts = [
        SPACE.format(SPACE.decode(operations, "nats")) for operations in zip(*list(_edges().values())[:6], strict=True)
    ]
    return {"arch_str": texts, "seed_a": [79.0, 90.5, 91.5], "seed_b": [81.0, 89.5, 91.5]}


def _read_runs(path: Path) -> None:
    with TemporaryDirectory() as folder:
        means = Path(folder) / "means.parquet"
        means.write_bytes(file_of(_edges()))
        read("nasbench201", "nasbench201", "cifar10", "mirror_runs", means, path)


def _cells() -> Mapping[str, Any]:
    counts = {f"{split}_correct_{run}": [8000, 9000] for split in ("valid", "test") for run in range(3)}
    return {
        "module_hash": [bytes(range(16)), bytes(16)],
        "num_vertices": [2, 3],
        "adjacency_upper_bits": [1, 5],
        "operations": ["IO", "I3O"],
        "trainable_parameters": [1, 2],
        **counts,
        "sampled_full": [True, False],
    }


def _chains() -> Mapping[str, Any]:
    return {"arch": ["02012100", "00000000"], **{f"test_acc_{run}": [89.0, 1.0] for run in range(3)}, "params": [5, 6]}


def _pool_columns() -> Mapping[str, Any]:
    ids = [SPACE.arch_id(SPACE.parse(text)) for text in TEXTS]
    return {"arch_id": ids, "encoding": TEXTS, "truth": [0.9] * len(TEXTS), "truth_seed0": [0.9] * len(TEXTS)}


def parquet(columns: Callable[[], Mapping[str, Any]]) -> Draw:
    """Return a function that draws files with changed bytes, or with changed columns."""
    return either(mutated([file_of(dict(columns()))]), lambda rng: file_of(_changed_columns(dict(columns()), rng)))


def _changed_columns(columns: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    name = rng.choice(list(columns))
    kind = rng.randrange(5)
    if kind == 0:
        del columns[name]
    elif kind == 1:
        columns[name] = [odd(rng) for _ in columns[name]]
    elif kind == 2:
        columns[name] = [rng.choice((None, *columns[name])) for _ in columns[name]]
    elif kind == 3:
        columns[name] = [columns[name][0]] * len(columns[name])
    else:
        position = rng.randrange(len(columns[name]))
        columns[name] = [*columns[name][:position], odd(rng), *columns[name][position + 1 :]]
    return columns


def file_of(columns: Mapping[str, Any], metadata: Mapping[Any, Any] | None = None) -> bytes:
    arrays = {}
    for name, values in columns.items():
        try:
            arrays[name] = pa.array(values)
            pq.write_table(pa.table({name: arrays[name]}), io.BytesIO())
        except (pa.ArrowException, OverflowError, ValueError, TypeError):
            arrays[name] = pa.array([repr(value)[:100] for value in values])
    stream = io.BytesIO()
    table = pa.table(arrays)
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, stream)
    return stream.getvalue()


# Published formats


def _state(epochs: int = 200) -> dict[str, Any]:
    """Return results of an architecture; the library reads all 200 epochs."""
    keys = [(name, seed) for name in ("cifar10", "cifar10-valid") for seed in (777, 888)]
    state = nats_state(TEXTS[0], 0, {key: {"ori-test": 90.0, "x-valid": 80.0} for key in keys})
    for result in state["all_results"].values():
        for name in ("train_acc1es", "train_acc5es", "train_losses", "train_times"):
            result[name] = {key: result[name][key] for key in (0, *range(200 - epochs, 200))}
    return state


def _nats(state: Any, strings: Any = (TEXTS[0],)) -> bytes:
    with TemporaryDirectory() as folder:
        return nats_tar(Path(folder, "a.tar"), strings, {0: state}).read_bytes()


def _nats_trees(rng: random.Random) -> bytes:
    state = _state()
    if rng.random() < 0.2:
        return _nats(pickle.dumps(tree({"200": state}, rng, ["/etc/passwd"]), 4))
    key = rng.choice(list(state["all_results"]))
    if rng.random() < 0.7:
        state["all_results"][key] = tree(state["all_results"][key], rng, ["/etc/passwd", {}, {0: 1.0}, np.float64(1)])
    else:
        state = tree(state, rng, ["/etc/passwd", {"cifar10": [777]}])
    return _nats(state, (rng.choice((TEXTS[0], "x", "")),))


def _records() -> list[bytes]:
    cell = ("00", [[0, 1], [0, 0]], ["input", "output"])
    return [nasbench101_record(*cell, parameters=5, valid=8000 + run, test=9000 + run) for run in range(3)]


def _tfrecords(rng: random.Random) -> bytes:
    records = _records()
    position = rng.randrange(len(records))
    changed = json.loads(records[position])
    draw = rng.random()
    if draw < 0.4:
        records[position] = mutated([records[position]])(rng)
    else:
        records[position] = json.dumps(tree(changed, rng, ["01", "input,output", "AAAA"])).encode()
    return tfrecord(records)


def _training() -> dict[str, Any]:
    edges = [["sep_conv_3x3", 0], ["skip_connect", 1]] * 4
    genotype = {"normal": edges, "normal_concat": [2, 3, 4, 5], "reduce": edges, "reduce_concat": [2, 3, 4, 5]}
    return nds_entry(genotype, 5.0)


@cache
def _nds(text: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nds_data/DARTS_fix-w-d.json", text)
    return stream.getvalue()


def _trainings(rng: random.Random) -> bytes:
    text = json.dumps(tree([_training()] * 2, rng, [["sep_conv_3x3", 9], [6]]))
    if rng.random() < 0.3:
        tokens = (b"[" * 5000, b'{"a":' * 5000, b"1e999", b"9" * 5000)
        text = mutated([text.encode()], tokens)(rng).decode("utf-8", "replace")
    return _nds(text)


def _json(value: Any) -> Draw:
    return lambda rng: _dumped(tree(value, rng))


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


# Own tables


def _own_table(rng: random.Random) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "a.parquet")
        ids = [SPACE.arch_id(SPACE.parse(text)) for text in TEXTS]
        note = about(space="nasbench201", rows=len(ids), uniform_rows=len(ids))
        write(path, tabulate(path, ids, TEXTS, [0.9] * len(ids)), note)
        content = path.read_bytes()
        if rng.random() < 0.5:
            return mutated([content])(rng)
        table = pq.read_table(path)
    metadata = table.schema.metadata
    if rng.random() < 0.3:
        metadata = {**metadata, b"supernet": _dumped(tree(json.loads(metadata[b"supernet"]), rng))}
    return file_of(_changed_columns(table.to_pydict(), rng), metadata)


def _use_table(path: Path) -> None:
    table = PublishedTable.load(path)
    pool = draw_published(table, SPACE, 2, np.random.default_rng(0))
    rows = table.take(table.rows(pool["arch_id"]))
    known = rows[["test_acc", *RUNS]].to_numpy(dtype=np.float64)
    assert ((known[:, 0] >= 0) & (known[:, 0] <= 1)).all(), "a test accuracy that is not a fraction"


def _use_pool(path: Path) -> None:
    read_arch_ids(path)
    pool = read_pool(path, SPACE)
    assert len({arch_id for arch_id, _ in pool}) == len(pool), "an architecture twice"
    assert all(SPACE.arch_id(arch) == arch_id for arch_id, arch in pool), "identifiers of other architectures"
    truths = [truth for _, truth in read_truths(path, SPACE)]
    assert all(np.isnan(truth) or 0 <= truth <= 1 for truth in truths), "a ground truth that is not a fraction"
    best_of(path, SPACE)
    assert isinstance(read_table(path, "arch_id", "encoding", "truth"), pd.DataFrame)
