"""Pickles that hold data, and pickles that would run code."""

import os
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from supernet.errors import UserError
from supernet.io.unpickling import CIFAR, NATS, load

PYTHON2 = (
    b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85q\x05"
    b"U\x01bq\x06\x87q\x07Rq\x08(K\x01K\x02K\x03\x86q\tcnumpy\ndtype\nq\nU\x02u1q\x0bK\x00K\x01\x87q\x0cRq\r"
    b"(K\x03U\x01|q\x0eNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0fb\x89U\x06\x00\x01\x02\xfd\xfe\xfftb"
    b"U\x06labelsq\x10]q\x11(K\x06K\x09eu."
)
"""Python 2's pickle of {"data": a (2, 3) array of bytes, "labels": [6, 9]}, made as CIFAR-10's batches are."""


class Evil:
    """Runs a command when it is unpickled without restrictions."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self._path}",)


def test_what_python_2_wrote() -> None:
    content = load(PYTHON2, CIFAR)
    assert set(content) == {b"data", b"labels"} and content[b"labels"] == [6, 9]
    assert content[b"data"].dtype == np.uint8
    assert content[b"data"].tolist() == [[0, 1, 2], [253, 254, 255]]


def aged(content: bytes) -> bytes:
    """Return a pickle as written by NumPy before version 2, with the old name of a module, with or without frames."""
    old = content.replace(b"cnumpy._core.", b"cnumpy.core.")
    old = old.replace(b"\x16numpy._core.multiarray", b"\x15numpy.core.multiarray")
    return old[:3] + struct.pack("<Q", len(old) - 11) + old[11:] if old[2:3] == b"\x95" else old


@pytest.mark.parametrize("protocol", range(2, 5))
@pytest.mark.parametrize("age", [bytes, aged])
def test_arrays_of_all_ages(protocol: int, age: Callable[[bytes], bytes]) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    content = age(pickle.dumps({"data": array, "name": b"bytes"}, protocol))
    assert (b"numpy._core" in content) == (age is bytes)
    loaded = load(content, CIFAR)
    np.testing.assert_array_equal(loaded["data"], array)
    assert loaded["name"] == b"bytes"


@pytest.mark.parametrize("age", [bytes, aged])
def test_what_nats_bench_writes(age: Callable[[bytes], bytes]) -> None:
    """Protocol 4, in its `pickle_save`; the number of parameters is a mean, so NumPy's."""
    results = OrderedDict({"200": {"all_results": {("cifar10", 777): {"params": np.float64(1.53), "flop": 2.5}}}})
    loaded = load(age(pickle.dumps(results, 4)), NATS)
    assert loaded == results and isinstance(loaded, OrderedDict)
    assert isinstance(loaded["200"]["all_results"]["cifar10", 777]["params"], np.float64)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("allowed", [CIFAR, NATS, frozenset()])
def test_nothing_is_run(tmp_path: Path, protocol: int, allowed: frozenset[tuple[str, str]]) -> None:
    evil = pickle.dumps(Evil(tmp_path / "run"), protocol)
    with pytest.raises(UserError, match=r"^batch: refers to (posix|os)\.system, which is not expected there"):
        load(evil, allowed, name="batch")
    assert not (tmp_path / "run").exists()
    pickle.loads(evil)
    assert (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("numpy", "load"),
        ("numpy", "ndarray.tofile"),
        ("numpy.core.multiarray", "scalar"),
        ("copy_reg", "_reconstructor"),
    ],
)
def test_neighbours_of_what_is_allowed_are_not(module: str, name: str) -> None:
    spelled = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93."
    for content in (spelled, f"c{module}\n{name}\n.".encode()):
        with pytest.raises(UserError, match=f"refers to {module}.{name}"):
            load(content, CIFAR)


@pytest.mark.parametrize("code", [b"\x82\xf1", b"\x83\xf1\0", b"\x84\xf1\0\0\0"])
def test_extension_codes_are_no_way_around(code: bytes) -> None:
    with pytest.raises(UserError, match=r"refers to the extension 241"):
        load(b"\x80\x02" + code + b".", CIFAR)


DTYPE = b"cnumpy\ndtype\n(S'f8'\ntR"
STATE = b"(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb"
HOSTILE = {
    "state of a dtype": (DTYPE + b"(I3\nS'<'\nN(S'a'\ntNI-1\nI-1\nI0\ntb.", "state of a dtype"),
    "state that is not a tuple": (DTYPE + b"]b.", "parts do not fit"),
    "dtype of objects with another name": (b"cnumpy\ndtype\n(S'O'\ntR.", "dtype that is not one of numbers"),
    "dtype of text": (b"cnumpy\ndtype\n(S'S99999999'\ntR.", "dtype that is not one of numbers"),
    "number without its bytes": (
        b"cnumpy.core.multiarray\nscalar\n(" + DTYPE + STATE + b"S'abc'\ntR.",
        "number without its dtype or bytes",
    ),
    "key that contains itself many times": (b"}I1\n" + b"2\x86" * 60 + b"I1\ns.", "a key that is not plain"),
    "deep key": (b"}I1\n" + b"\x85" * 500_000 + b"I1\ns.", "a key that is not plain"),
    "key that is a list": (b"}]I1\ns.", "a key that is not plain"),
    "memo": (b"]r\xff\xff\xff\x7f" + b"j\xff\xff\xff\x6f.", "parts do not fit"),
    "sizes": (b"\x8d" + b"\xff" * 8 + b".", "it is cut"),
    "integer": (b"\x8b\xff\xff\xff\x7f.", "an integer of 2147483647 bytes"),
    "digits": (b"L" + b"9" * 900 + b"L\n.", "an integer of many digits"),
    "another opcode": (b"]\x92.", "the opcode 0x92 is not one of plain data"),
    "pop below a mark": (b"](0.", "nothing on the stack|it is cut"),
    "new object of data": (b"])\x81.", "parts do not fit"),
    "call of data": (b"]()R.", "it is cut"),
    "half of a character": (b"V\\ud800\nI1\n\x86\x8c\x03\xed\xa0\x80.", "can't decode"),
}


@pytest.mark.parametrize(("content", "message"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_pickles_are_errors(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=rf"^batch: not a pickle, or a damaged one \(byte \d+: .*({message})"):
        load(content, NATS, name="batch")


def test_endless_pickles_are_refused() -> None:
    with pytest.raises(UserError, match="has more than 600000 opcodes"):
        load(b"]" * 600_001, NATS)


def test_an_array_is_never_larger_than_its_bytes() -> None:
    content = pickle.dumps(np.arange(6, dtype=np.uint8), 2).replace(b"K\x06\x85", b"J\xff\xff\xff\x7f\x85")
    with pytest.raises(UserError, match="cannot reshape array of size 6"):
        load(content, CIFAR)


def test_objects_outside_the_pickle_are_refused() -> None:
    with pytest.raises(UserError, match=r"refers to an object outside the pickle \('7'\)"):
        load(b"P7\n.", CIFAR)


def test_a_cut_pickle_is_an_error_at_every_length() -> None:
    for length in range(len(PYTHON2)):
        with pytest.raises(UserError, match="not a pickle, or a damaged one"):
            load(PYTHON2[:length], CIFAR)


def test_another_file_is_not_a_pickle() -> None:
    with pytest.raises(UserError, match=r"^a page: not a pickle"):
        load(b"<html>sign in</html>", CIFAR, name="a page")
