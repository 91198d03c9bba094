"""Loading of third-party pickles with an allow-list of classes and functions, so that they cannot run other code."""

import io
import pickle
from typing import IO, Any, Literal, NoReturn

from supernet.errors import UserError

Global = tuple[str, str]
"""Module and name of a class or function, as written in a pickle."""
_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    ImportError,
    IndexError,
    KeyError,
    TypeError,
    ValueError,
    OverflowError,
)

CIFAR10: frozenset[Global] = frozenset(
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


def load(
    source: bytes | IO[bytes],
    allowed: frozenset[Global],
    *,
    name: str = "pickle",
    encoding: Literal["bytes", "latin1", "ASCII"] = "bytes",
) -> Any:
    """Load a pickle that refers to no functions and classes other than `allowed`.

    Args:
        source: the pickle, or a binary stream at its start.
        allowed: functions and classes, each as (module, name).
        name: archive and member, for messages.
        encoding: for strings of Python 2; `bytes` keeps them as bytes, including keys of dictionaries.

    Raises UserError if the pickle is damaged or refers to another function or class. Allowed objects can still be
    large: limit the size of `source`.
    """
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        return _Unpickler(stream, allowed, name, encoding).load()
    except _BROKEN as error:
        raise UserError(f"{name}: not a pickle, or a damaged one ({error}); fetch the file again") from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: IO[bytes], allowed: frozenset[Global], name: str, encoding: str) -> None:
        super().__init__(stream, encoding=encoding)
        self._allowed, self._name = allowed, name

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in self._allowed:
            raise self._refused(f"refers to {module}.{name}")
        return super().find_class(module, name)

    def persistent_load(self, pid: Any, /) -> NoReturn:
        raise self._refused(f"refers to an object outside the pickle ({pid!r})")

    def _refused(self, what: str) -> UserError:
        return UserError(
            f"{self._name}: {what}, which is not expected there; it was not loaded: fetch the file from its official "
            "source"
        )
