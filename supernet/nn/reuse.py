"""Reuse of values that several architectures have in common on the same images while they are scored."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

Keep = Callable[[Hashable, Callable[[], Tensor]], Tensor]
"""`keep(key, compute)` returns the value of that key, and computes it if it is not stored."""


class Reuse:
    """Values that super-nets have computed on one batch of images; the least recently used is evicted.

    Paths that begin with the same operations share the values of these operations. A key must identify all that a
    value depends on, except the images and the network's weights, which must not change meanwhile. A stored value has
    the same bits as one computed again. Most is saved in the first cell, because later cells depend on all of it.
    """

    def __init__(self, capacity: int = 2**28) -> None:
        """`capacity` is in bytes."""
        self._values: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._capacity, self._size = capacity, 0

    def of(self, owner: object) -> Keep:
        """Return the `keep` of one network, with separate keys."""

        def keep(key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
            return self._value((id(owner), key), compute)

        return keep

    def _value(self, key: Hashable, compute: Callable[[], Tensor]) -> Tensor:
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = self._values[key] = compute()
        self._size += value.nbytes
        while self._size > self._capacity and len(self._values) > 1:
            _, dropped = self._values.popitem(last=False)
            self._size -= dropped.nbytes
        return value


def compute_anew(_: Hashable, compute: Callable[[], Tensor]) -> Tensor:
    """Compute the value: a `keep` that stores nothing."""
    return compute()


def keeping(reuse: Reuse | None, owner: object) -> Keep:
    """Return the `keep` of a network, which stores nothing if `reuse` is None."""
    return compute_anew if reuse is None else reuse.of(owner)
