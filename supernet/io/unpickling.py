"""Pickles of others through an allow-list: a pickle may name what it is made of, and nothing else is looked up."""

import io
import pickle
from typing import IO, Any, Literal, NoReturn

from supernet.errors import UserError

Global = tuple[str, str]
"""Module and name, as a pickle spells them."""
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
"""Arrays of NumPy before version 2 (as in the official archive, written by Python 2) and since; Python 3's bytes."""

NATS: frozenset[Global] = frozenset(
    {
        ("collections", "OrderedDict"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "scalar"),
        ("numpy._core.multiarray", "scalar"),
    }
)
"""What NATS-Bench's files without weights are made of besides built-in types: ordered dictionaries, NumPy's numbers."""


def load(
    source: bytes | IO[bytes],
    allowed: frozenset[Global],
    *,
    name: str = "pickle",
    encoding: Literal["bytes", "latin1", "ASCII"] = "bytes",
) -> Any:
    """The object in a pickle that refers to no other functions and classes than `allowed`.

    Args:
        source: the pickle, or a binary stream that stands at its beginning.
        allowed: the globals that it may name, each as (module, name).
        name: what is read, for messages: archive and member.
        encoding: how strings of Python 2 are decoded; `bytes` leaves them as bytes, also as keys of dictionaries.

    Raises UserError that names the global which is not allowed; also if the pickle is damaged. What is made of allowed
    globals may still be large: limit the size of `source`.
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
        raise self._refused(f"refers to an object outside of it ({pid!r})")

    def _refused(self, what: str) -> UserError:
        return UserError(
            f"{self._name}: {what}, which is not expected there; it was not loaded: fetch the file from its official "
            "source"
        )
