"""Reading of third-party pickles as plain data, without the module `pickle`.

Python's unpickler calls functions that a pickle names. An allow-list of functions is not enough: a crafted state of a
`numpy.dtype`, a deep tuple as the key of a dictionary, or a large index of the memo end the process or fill the memory.
This reader knows only the opcodes of plain data, keys of dictionaries are plain, and the few functions that pickles of
NumPy arrays and numbers name are replaced by constructors that check their arguments.

Source of the opcodes: the module `pickletools` of Python, which documents them.
"""

import re
import struct
from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from supernet.errors import UserError

Global = tuple[str, str]
"""Module and name of a class or function, as written in a pickle."""

CIFAR: frozenset[Global] = frozenset(
    {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("_codecs", "encode"),
    }
)
"""NumPy arrays, before version 2 (as in the official archive, written by Python 2) and since, and Python 3 bytes."""

NATS: frozenset[Global] = frozenset(
    {
        ("collections", "OrderedDict"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
    }
)
"""Types in the files of NATS-Bench without weights: ordered dictionaries and NumPy numbers, and built-in types."""

GENOTYPES: frozenset[Global] = NATS - {("collections", "OrderedDict")}
"""NumPy numbers beside built-in types: a list of genotypes with an accuracy each."""

PANDAS: frozenset[Global] = frozenset(
    {
        ("pandas.core.frame", "DataFrame"),
        ("pandas.core.internals.managers", "BlockManager"),
        ("pandas.core.indexes.base", "_new_Index"),
        ("pandas.core.indexes.base", "Index"),
        ("pandas.core.indexes.range", "RangeIndex"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy._core.numeric", "_frombuffer"),
        ("builtins", "slice"),
    }
)
"""Data frames of pandas 1.0, each a `Frame`: numbers and texts, with a range as the index."""

MAX_STEPS = 600_000
"""Largest accepted number of opcodes; a pickle of NATS-Bench has up to 300 000, of CIFAR-10 40 000, of CIFAR-100
200 000."""

_BROKEN = (ValueError, TypeError, IndexError, KeyError, OverflowError, struct.error)
_KEYS = (str, bytes, int, float, bool, type(None), np.generic)
_STOP = 0x2E
_LONGEST_LINE = 1000
_LARGEST_INTEGER = 32
"""Bytes."""
_DTYPE = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
_OBJECTS = "O8"
_DOUBLE = struct.Struct(">d")


def load(content: bytes, allowed: frozenset[Global], *, name: str = "pickle") -> Any:
    """Return the data of a pickle that refers to no functions and classes other than `allowed`.

    Args:
        content: the pickle.
        allowed: functions and classes, each as (module, name), from those of the sets in this module.
        name: archive and member, for messages.

    Strings of Python 2 are bytes, including keys of dictionaries. Arrays are views of `content`, and read-only. Raises
    UserError with `name` and the position if the pickle is damaged, too long (`MAX_STEPS`), or refers to anything else
    than plain data and `allowed`.
    """
    return _Reader(content, allowed, name).load()


class _DType:
    """Replaces a `numpy.dtype` of numbers."""

    def __init__(self, spec: Any, align: Any = False, copy: Any = False) -> None:
        text = spec.decode("ascii") if isinstance(spec, bytes) else spec
        if not isinstance(text, str) or not (_DTYPE.fullmatch(text) or text == _OBJECTS):
            raise ValueError("found a dtype that is not one of numbers")
        self.value = np.dtype(text)

    def build(self, state: Any) -> None:
        version, order, *rest = state
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if version not in (3, 4) or order not in ("<", ">", "|", "=") or rest[:5] != [None, None, None, -1, -1]:
            raise ValueError("found the state of a dtype that is not one of numbers")
        if order in "<>":
            self.value = np.dtype(order + self.value.str[1:])


class _Array:
    """Replaces an array until its state is read."""

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        if kind is not _ARRAY_TYPE:
            raise ValueError("found an array of another class than numpy.ndarray")
        self.places: list[int] = []
        """Keys of the memo whose value it is."""

    def build(self, state: Any) -> Any:
        version, shape, dtype, fortran, data = state
        if version == 1 and isinstance(dtype, _DType) and dtype.value.hasobject and isinstance(data, list):
            # Objects are plain data, in a list as the pickle has them.
            return data
        if version != 1 or not isinstance(data, bytes):
            raise ValueError("found the state of an array that is not one of numbers")
        return _from_bytes(data, dtype, shape, "F" if fortran else "C")


class Frame:
    """Replaces a data frame and its block manager: holds the state that the pickle gives it."""

    state: Any = None

    def build(self, state: Any) -> None:
        self.state = state


def _from_bytes(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    if not isinstance(data, bytes) or not isinstance(dtype, _DType) or order not in ("C", "F"):
        raise ValueError("found an array that is not one of numbers")
    if not isinstance(shape, tuple) or len(shape) > 8 or not all(type(side) is int and side >= 0 for side in shape):
        raise ValueError("found an array without a shape")
    # A view: data that the pickle refers to many times is not copied each time.
    return np.frombuffer(data, dtype.value).reshape(shape, order=order)


def _index(kind: Any, state: Any) -> Any:
    if not any(kind is known for known in _INDEX_TYPES) or not isinstance(state, dict):
        raise ValueError("found an index that is not one of names or a range")
    return state


def _slice(*bounds: Any) -> slice:
    if len(bounds) != 3 or not all(type(bound) is int for bound in bounds):
        raise ValueError("found a slice that is not one of integers")
    return slice(*bounds)


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, _DType) or not isinstance(data, bytes) or len(data) != dtype.value.itemsize:
        raise ValueError("found a NumPy number without its dtype or bytes")
    return np.frombuffer(data, dtype.value)[0]


def _encoded(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", b"latin1"):
        raise ValueError("found bytes in another encoding than Latin-1")
    return text.encode("latin1")


_ARRAY_TYPE = object()
_INDEX_TYPES = (object(), object())
_CONSTRUCTORS: Mapping[Global, Any] = MappingProxyType(
    {
        ("numpy", "ndarray"): _ARRAY_TYPE,
        ("numpy", "dtype"): _DType,
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy.core.multiarray", "scalar"): _scalar,
        ("numpy._core.multiarray", "scalar"): _scalar,
        ("_codecs", "encode"): _encoded,
        ("collections", "OrderedDict"): OrderedDict,
        ("pandas.core.frame", "DataFrame"): Frame,
        ("pandas.core.internals.managers", "BlockManager"): Frame,
        ("pandas.core.indexes.base", "_new_Index"): _index,
        ("pandas.core.indexes.base", "Index"): _INDEX_TYPES[0],
        ("pandas.core.indexes.range", "RangeIndex"): _INDEX_TYPES[1],
        ("numpy.core.numeric", "_frombuffer"): _from_bytes,
        ("numpy._core.numeric", "_frombuffer"): _from_bytes,
        ("builtins", "slice"): _slice,
    }
)
"""What is called in place of a function or class that a pickle names."""


class _Reader:
    """The stack machine of pickles, for opcodes of plain data."""

    def __init__(self, content: bytes, allowed: frozenset[Global], name: str) -> None:
        self._content, self._allowed, self._name = content, allowed, name
        self._position = 0
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._memo: dict[int, Any] = {}
        self._encoded = 0

    def load(self) -> Any:
        """Run the pickle and return its data."""
        try:
            for _ in range(MAX_STEPS):
                code = self._content[self._position]
                self._position += 1
                if code == _STOP:
                    return self._pop()
                act = _OPCODES.get(code)
                if act is None:
                    raise ValueError(f"the opcode 0x{code:02x} is not one of plain data")
                act(self)
        except _BROKEN as error:
            what = str(error) if isinstance(error, ValueError) else "it is cut, or its parts do not fit"
            raise UserError(
                f"{self._name}: not a pickle, or a damaged one (byte {self._position}: {what}); fetch the file again"
            ) from error
        raise UserError(f"{self._name}: has more than {MAX_STEPS} opcodes; it was not loaded: fetch the file again")

    def _refused(self, what: str) -> UserError:
        return UserError(
            f"{self._name}: {what}, which is not expected there; it was not loaded: fetch the file from its official "
            "source"
        )

    # Parts of the content.

    def _take(self, count: int) -> bytes:
        if not 0 <= count <= len(self._content) - self._position:
            raise IndexError("cut")
        start, self._position = self._position, self._position + count
        return self._content[start : self._position]

    def _number(self, size: int, signed: bool = False) -> int:
        return int.from_bytes(self._take(size), "little", signed=signed)

    def _line(self) -> bytes:
        end = self._content.index(b"\n", self._position, self._position + _LONGEST_LINE)
        line, self._position = self._content[self._position : end], end + 1
        return line

    # The stack.

    def _pop(self) -> Any:
        if len(self._stack) <= (self._marks[-1] if self._marks else 0):
            raise IndexError("nothing on the stack")
        return self._stack.pop()

    def _top(self, kind: type) -> Any:
        found = self._stack[-1]
        if not isinstance(found, kind):
            raise TypeError("another object on the stack")
        return found

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    # Opcodes. The first ones are most of a file of numbers, so that they do not call others.

    def _double(self) -> None:
        self._stack.append(_DOUBLE.unpack_from(self._content, self._position)[0])
        self._position += 8

    def _byte(self) -> None:
        self._stack.append(self._content[self._position])
        self._position += 1

    def _get_byte(self) -> None:
        self._stack.append(self._memo[self._content[self._position]])
        self._position += 1

    def _memoize(self) -> None:
        self._put(len(self._memo))

    def _global(self, module: Any, name: Any) -> None:
        if (module, name) not in self._allowed:
            raise self._refused(f"refers to {module}.{name}")
        self._stack.append(_CONSTRUCTORS[module, name])

    def _stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise TypeError("a name that is not text")
        self._global(module, name)

    def _outside(self, what: str) -> NoReturn:
        raise self._refused(f"refers to {what}")

    def _reduce(self) -> None:
        arguments, call = self._pop(), self._pop()
        functions = (known for known in _CONSTRUCTORS.values() if callable(known) and known is not Frame)
        if not isinstance(arguments, tuple) or not any(call is known for known in functions):
            raise TypeError("not a call")
        if call is OrderedDict and arguments:
            raise TypeError("an ordered dictionary with content")
        if call is _encoded:
            # A text that the pickle refers to many times would be encoded each time.
            self._encoded += len(arguments[0])
            if self._encoded > len(self._content):
                raise ValueError("more bytes than the pickle has")
        self._stack.append(call(*arguments))

    def _new_object(self) -> None:
        arguments, kind = self._pop(), self._pop()
        if kind is not Frame or arguments != ():
            raise TypeError("not a new data frame")
        self._stack.append(Frame())

    def _build(self) -> None:
        state, target = self._pop(), self._pop()
        if isinstance(target, Frame):
            if not isinstance(state, tuple | dict):
                raise TypeError("a state, but not of a data frame")
        elif not isinstance(state, tuple) or not isinstance(target, _DType | _Array):
            raise TypeError("a state, but not of an array")
        built = target.build(state)
        if isinstance(target, _Array):
            # The pickle may refer to the array later.
            for key in target.places:
                if self._memo[key] is target:
                    self._memo[key] = built
        self._stack.append(target if built is None else built)

    def _set_items(self, items: list[Any]) -> None:
        target = self._top(dict)
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            plain = isinstance(key, _KEYS) or (
                isinstance(key, tuple) and len(key) <= 8 and all(isinstance(part, _KEYS) for part in key)
            )
            if not plain:
                raise ValueError("a key that is not plain")
            target[key] = value

    def _set_item(self) -> None:
        value, key = self._pop(), self._pop()
        self._set_items([key, value])

    def _append(self) -> None:
        self._extend([self._pop()])

    def _extend(self, items: list[Any]) -> None:
        self._top(list).extend(items)

    def _put(self, key: int) -> None:
        top = self._memo[key] = self._stack[-1]
        if isinstance(top, _Array):
            top.places.append(key)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _tuple(self, count: int) -> None:
        items = [self._pop() for _ in range(count)]
        self._stack.append(tuple(reversed(items)))

    def _long(self, size: int) -> None:
        if size > _LARGEST_INTEGER:
            raise ValueError(f"an integer of {size} bytes")
        self._stack.append(self._number(size, signed=True))

    def _integer_line(self) -> None:
        line = self._line()
        if len(line) > 2 * _LARGEST_INTEGER:
            raise ValueError("an integer of many digits")
        self._stack.append({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line.rstrip(b"L")))

    def _string_line(self) -> None:
        line = self._line()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"') or b"\\" in line:
            raise ValueError("a string without quotes or with escapes")
        self._stack.append(line[1:-1])

    def _dictionary(self) -> None:
        items = self._since_mark()
        self._stack.append({})
        self._set_items(items)


_ACTIONS: Mapping[bytes, Callable[[_Reader], Any]] = MappingProxyType(
    {
        b"\x80": lambda r: r._take(1),  # PROTO
        b"\x95": lambda r: r._take(8),  # FRAME
        b"(": lambda r: r._marks.append(len(r._stack)),
        b"0": _Reader._pop,
        b"1": _Reader._since_mark,
        b"2": lambda r: r._push(r._stack[-1]),
        b"N": lambda r: r._push(None),
        b"\x88": lambda r: r._push(True),
        b"\x89": lambda r: r._push(False),
        b"I": _Reader._integer_line,
        b"L": _Reader._integer_line,
        b"J": lambda r: r._push(r._number(4, signed=True)),
        b"K": _Reader._byte,
        b"M": lambda r: r._push(r._number(2)),
        b"\x8a": lambda r: r._long(r._number(1)),
        b"\x8b": lambda r: r._long(r._number(4)),
        b"F": lambda r: r._push(float(r._line())),
        b"G": _Reader._double,
        b"S": _Reader._string_line,
        b"T": lambda r: r._push(r._take(r._number(4))),
        b"U": lambda r: r._push(r._take(r._number(1))),
        b"V": lambda r: r._push(r._line().decode("raw-unicode-escape")),
        b"X": lambda r: r._push(r._take(r._number(4)).decode("utf-8")),
        b"\x8c": lambda r: r._push(r._take(r._number(1)).decode("utf-8")),
        b"\x8d": lambda r: r._push(r._take(r._number(8)).decode("utf-8")),
        b"B": lambda r: r._push(r._take(r._number(4))),
        b"C": lambda r: r._push(r._take(r._number(1))),
        b"\x8e": lambda r: r._push(r._take(r._number(8))),
        b"\x96": lambda r: r._push(r._take(r._number(8))),  # BYTEARRAY8
        b"\x81": _Reader._new_object,
        b"]": lambda r: r._push([]),
        b"l": lambda r: r._push(r._since_mark()),
        b"a": _Reader._append,
        b"e": lambda r: r._extend(r._since_mark()),
        b")": lambda r: r._push(()),
        b"t": lambda r: r._push(tuple(r._since_mark())),
        b"\x85": lambda r: r._tuple(1),
        b"\x86": lambda r: r._tuple(2),
        b"\x87": lambda r: r._tuple(3),
        b"}": lambda r: r._push({}),
        b"d": _Reader._dictionary,
        b"s": _Reader._set_item,
        b"u": lambda r: r._set_items(r._since_mark()),
        b"g": lambda r: r._push(r._memo[int(r._line())]),
        b"h": _Reader._get_byte,
        b"j": lambda r: r._push(r._memo[r._number(4)]),
        b"p": lambda r: r._put(int(r._line())),
        b"q": lambda r: r._put(r._number(1)),
        b"r": lambda r: r._put(r._number(4)),
        b"\x94": _Reader._memoize,
        b"c": lambda r: r._global(r._line().decode("ascii"), r._line().decode("ascii")),
        b"\x93": _Reader._stack_global,
        b"R": _Reader._reduce,
        b"b": _Reader._build,
        b"P": lambda r: r._outside(f"an object outside the pickle ({r._line().decode('ascii')!r})"),
        b"Q": lambda r: r._outside("an object outside the pickle"),
        b"\x82": lambda r: r._outside(f"the extension {r._number(1)}"),
        b"\x83": lambda r: r._outside(f"the extension {r._number(2)}"),
        b"\x84": lambda r: r._outside(f"the extension {r._number(4)}"),
    }
)
_OPCODES: Mapping[int, Callable[[_Reader], Any]] = MappingProxyType({code[0]: act for code, act in _ACTIONS.items()})
"""What each opcode does, by its byte."""
