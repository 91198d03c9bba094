"""Writers of the official formats of published tables, written from the descriptions of the formats."""

import ast
import base64
import bz2
import copyreg
import io
import json
import pickle
import re
import struct
import tarfile
import types
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

_OLD_NAMES = MappingProxyType(
    {
        pd.DataFrame: ("pandas.core.frame", "DataFrame"),
        pd.Index: ("pandas.core.indexes.base", "Index"),
        pd.RangeIndex: ("pandas.core.indexes.range", "RangeIndex"),
    }
)


class _FrameWriter(pickle._Pickler):
    """Writes names of classes and functions without looking whether this version of pandas or NumPy has them there."""

    def save_global(self, obj: Any, name: str | None = None) -> None:
        module, called = _OLD_NAMES.get(obj, (obj.__module__, name or obj.__qualname__))
        self.save(module)
        self.save(called)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)

    def save_type(self, obj: Any) -> None:
        self.save_global(obj)

    dispatch: ClassVar[Any] = {**pickle._Pickler.dispatch, type: save_type, types.FunctionType: save_global}


class _Old:
    """An object that is pickled as a new object of a class, with a state."""

    def __init__(self, kind: type, state: Any) -> None:
        self.kind, self.state = kind, state

    # The pickler compares both.
    __class__ = property(lambda self: self.kind)  # type: ignore[assignment]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return copyreg.__newobj__, (self.kind,), self.state


class _Called:
    """An object that is pickled as the call of a function."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.call[0], self.call[1:]


def pickled_frame(columns: Mapping[str, Sequence[Any]], layout: str = "0.14.1") -> bytes:
    """Return the pickle of a data frame as pandas 1.0 wrote it; the first column has texts, the others numbers."""
    text, *numbers = columns
    index = partial(_Called, pd.core.indexes.base._new_Index)
    names = index(pd.Index, {"data": np.array(list(columns), dtype=object), "name": None})
    rows = index(pd.RangeIndex, {"name": None, "start": 0, "stop": len(columns[text]), "step": 1})
    texts = np.array([list(columns[text])], dtype=object)
    values = np.array([list(columns[name]) for name in numbers])
    blocks = [
        {"values": values, "mgr_locs": _Called(slice, 1, len(columns), 1)},
        {"values": texts, "mgr_locs": _Called(slice, 0, 1, 1)},
    ]
    content = {layout: {"axes": [names, rows], "blocks": blocks}}
    manager = _Old(pd.core.internals.managers.BlockManager, ([names, rows], [values, texts], [names, names], content))
    state = {"_data": manager, "_typ": "dataframe", "_metadata": [], "attrs": {}}
    file = io.BytesIO()
    _FrameWriter(file, protocol=5).dump(_Old(pd.DataFrame, state))
    return file.getvalue()


def crc32c(data: bytes) -> int:
    """Compute CRC-32C bit by bit: the reflected Castagnoli polynomial, inverted before and after (RFC 3720, B.4)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """Compute the masked checksum of TFRecord files."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32


def tfrecord(records: Iterable[bytes]) -> bytes:
    """Return the bytes of a TFRecord file."""
    parts = []
    for data in records:
        length = struct.pack("<Q", len(data))
        parts += [length, struct.pack("<I", masked(length)), data, struct.pack("<I", masked(data))]
    return b"".join(parts)


def nasbench101_record(
    module_hash: str,
    matrix: Sequence[Sequence[int]],
    operations: Sequence[str],
    parameters: int,
    valid: int,
    test: int,
    epochs: int = 108,
) -> bytes:
    """Return a record of NASBench-101, from the correct images of 9 984 in validation and test."""
    adjacency = "".join(str(bit) for row in matrix for bit in row)
    evaluations = [_evaluation(0, 998, 998), _evaluation(epochs / 2, 8000, 8000), _evaluation(epochs, valid, test)]
    message = b"".join(_delimited(1, evaluation) for evaluation in evaluations)
    message += b"\x10" + _varint(parameters) + _double(3, 1769.25)
    return json.dumps(
        [module_hash, epochs, adjacency, ",".join(operations), base64.b64encode(message).decode()]
    ).encode()


def nds_entry(genotype: Mapping[str, Any], error: float, **others: Any) -> dict[str, Any]:
    """Return an entry of an NDS file: one training of a genotype with its last test error in percent."""
    return {
        "job_id": 1,
        "rng_seed": 1,
        "net": {"genotype": dict(genotype), "width": 16, "depth": 20, "aux": False, "drop_prob": 0.0},
        "optim": {"base_lr": 0.1, "wd": 1e-4, "max_ep": 3},
        "params": 250_000,
        "flops": 40_000_000,
        "min_test_top1": error,
        "train_ep_loss": [float("nan"), 1.0, 0.5],
        "test_ep_top1": [90.0, 40.0, error],
        **others,
    }


def nds_zip(path: Path, files: Mapping[str, Any]) -> Path:
    """Write the archive of NDS with these JSON files; text and bytes are written unchanged."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("nds_data/", "")
        for name, content in files.items():
            archive.writestr(f"nds_data/{name}", content if isinstance(content, str | bytes) else json.dumps(content))
    return path


ONCENAS_COLUMNS = (
    "weights_index,architecture,flop,params,train_time10,train_acc10,valid_acc10,train_time50,train_acc50,valid_acc50,"
    "test_acc50,gpu_latency,rasp_latency,fpga_latency,mcu_latency"
)


def oncenas_csv(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return the CSV file of OnceNAS-Bench; a row has genotype, parameters in millions, and three accuracies.

    These are the validation accuracies after 10 and 50 epochs, and the test accuracy after 50.
    """
    lines = [ONCENAS_COLUMNS]
    for number, (genotype, millions, valid10, valid50, test50) in enumerate(rows):
        text = genotype.replace("[2, 3, 4, 5]", "range(2, 6)")
        before = f'000-{number:02d},"{text}",536.55264,{millions!r},0:20:57,75.1,{valid10!r},1:44:56,86.7,'
        lines.append(f"{before}{valid50!r},{test50!r},29.3,250.44,489.66,406.42")
    return "\n".join([*lines, ""]).encode()


def swap_csv(rows: Iterable[tuple[str, float]]) -> bytes:
    """Return the CSV file of SWAP: lines with a genotype and an accuracy in percent, without a header."""
    return "".join(f'"{genotype}",{accuracy!r}\r\n' for genotype, accuracy in rows).encode()


def nas_benchmark_pickle(rows: Iterable[tuple[str, float]]) -> bytes:
    """Return the pickle of NAS-Benchmark, as older versions of NumPy wrote it: genotypes with their best accuracy."""
    listed = [(nas_benchmark_text(genotype), np.float64(best)) for genotype, best in rows]
    content = pickle.dumps(listed, protocol=3)
    for now, then in ((b"cnumpy._core.", b"cnumpy.core."), (b"f8q\x04\x89\x88\x87", b"f8q\x04K\x00K\x01\x87")):
        content = content.replace(now, then)
    return content


def nas_benchmark_text(genotype: str) -> str:
    """Return a genotype that concatenates all nodes, with one list of edges per node."""

    def by_node(match: "re.Match[str]") -> str:
        edges = ast.literal_eval(match[2])
        return f"{match[1]}={[edges[first : first + 2] for first in range(0, len(edges), 2)]}"

    text = re.sub(r"(normal|reduce)=(\[\(.*?\)\])", by_node, genotype)
    return "GENOTYPE=" + text.replace("[2, 3, 4, 5]", "range(2, 6)")


def nats_state(text: str, index: int, accuracies: Mapping[tuple[str, int], Mapping[str, float]]) -> dict[str, Any]:
    """Return the results of one architecture at 200 epochs in the format of NATS-Bench.

    `accuracies` maps (data set, seed) to the last accuracy, in percent, on each set such as `ori-test`.
    """
    seeds: dict[str, list[int]] = {}
    for name, seed in accuracies:
        seeds.setdefault(name, []).append(seed)
    results = {key: _nats_result(key, sets, text) for key, sets in accuracies.items()}
    return {
        "arch_index": index,
        "arch_str": text,
        "all_results": results,
        "dataset_seed": seeds,
        "clear_net_done": True,
    }


def nats_tar(path: Path, strings: Sequence[str], states: Mapping[int, Any]) -> Path:
    """Write the archive `NATS-tss-…-simple.tar`: one compressed pickle per architecture, and one with all strings.

    A state of type bytes is written as the pickle.
    """
    folder = "NATS-tss-v1_0-3ffb9-simple"
    members = {f"{index:06d}": state if isinstance(state, bytes) else {"200": state} for index, state in states.items()}
    with tarfile.open(path, "w") as archive:
        for name, value in {**members, "meta": {"meta_archs": list(strings)}}.items():
            content = bz2.compress(value if isinstance(value, bytes) else pickle.dumps(value, protocol=4))
            member = tarfile.TarInfo(f"{folder}/{name}.pickle.pbz2")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def _nats_result(key: tuple[str, int], sets: Mapping[str, float], text: str) -> dict[str, Any]:
    epochs = 200

    def curve(last: float) -> dict[int, Any]:
        # NumPy numbers, as in some of the official files.
        return {epoch: np.float64(last if epoch == epochs - 1 else last / 2) for epoch in range(epochs)}

    def by_set(values: Mapping[str, float]) -> dict[str, Any]:
        return {f"{name}@{epoch}": value for name, last in values.items() for epoch, value in curve(last).items()}

    dataset, seed = key
    return {
        "name": f"{dataset}-{seed}",
        "net_state_dict": None,
        "train_acc1es": curve(99.9),
        "train_acc5es": curve(100.0),
        "train_losses": curve(0.1),
        "train_times": curve(7.0),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": text, "class_num": 10},
        "params": 1.531546,
        "flop": 220.11969,
        "seed": seed,
        "epochs": epochs,
        "latency": [0.02],
        "eval_names": list(sets),
        "eval_acc1es": by_set(sets),
        "eval_times": by_set(dict.fromkeys(sets, 1.0)),
        "eval_losses": by_set(dict.fromkeys(sets, 0.5)),
    }


def _evaluation(epoch: float, valid: int, test: int) -> bytes:
    # The benchmark stores single-precision accuracies in double-precision fields.
    accuracies = [float(np.float32(correct / 9984)) for correct in (9984, valid, test)]
    fields = [_double(number, value) for number, value in enumerate((epoch, 60.0, *accuracies), start=1)]
    return b"".join(fields) + _delimited(6, b"model.ckpt")


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + struct.pack("<d", value)


def _delimited(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
