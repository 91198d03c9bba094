"""Values that architectures have in common on the same images, computed once while many are scored."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

from torch import Tensor

Keep = Callable[[Hashable, Callable[[], Tensor]], Tensor]
"""`keep(key, compute)`: the value of that key, computed unless it is known."""


class Reuse:
    """What super-nets computed on one batch of images, under keys that say how; the least recently used is dropped.

    Paths that begin with the same operations share the values of these operations. A key must name all that a value
    depends on besides the images and the network's weights, which must not change meanwhile. Values are those that
    would be computed again, to the bit. Worth most in the first cell: later ones follow from all of the first.
    """

    def __init__(self, capacity: int = 2**28) -> None:
        """`capacity` is in bytes."""
        self._values: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._capacity, self._size = capacity, 0

    def of(self, owner: object) -> Keep:
        """The `keep` of one network, whose keys are its own."""

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
    """The `keep` that keeps nothing."""
    return compute()


def keeping(reuse: Reuse | None, owner: object) -> Keep:
    """The `keep` of a network that may have nowhere to keep values."""
    return compute_anew if reuse is None else reuse.of(owner)
