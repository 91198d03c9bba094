"""Mutations of valid files: of bytes, of the parts of a text, and of the values of a JSON-like tree."""

import random
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

Draw: TypeAlias = Callable[[random.Random], bytes]
"""Draws the content of a file."""

_BYTES = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\n",
    b"0",
    b"9",
    b"-",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    bytes(8),
)
TEXTS = (
    "",
    " ",
    "\n",
    "0",
    "-1",
    "1e308",
    "nan",
    "Infinity",
    "é",
    "\u202e",
    "9" * 30,
    "9" * 5000,
    "a" * 70_000,
    "{",
    "[",
    "../x",
)
NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63), 2**64, 10**40, 0.0, -0.5, 1.5, 100.0, 1e308, float("nan"), float("inf"))


def mutated(seeds: Sequence[bytes], tokens: Sequence[bytes] = ()) -> Callable[[random.Random], bytes]:
    """Return a function that draws a seed and changes it in one to four places."""

    def draw(rng: random.Random) -> bytes:
        content = rng.choice(seeds)
        for _ in range(rng.choice((1, 1, 2, 4))):
            content = _changed(content, rng, seeds, tokens)
        return content

    return draw


def either(*draws: Callable[[random.Random], bytes]) -> Callable[[random.Random], bytes]:
    """Return a function that draws with one of several functions."""
    return lambda rng: rng.choice(draws)(rng)


def tree(value: Any, rng: random.Random, extra: Sequence[Any] = ()) -> Any:
    """Return a copy of a tree of dictionaries, lists and values in which one to three nodes are changed."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        value = _grafted(value, rng, extra)
    return value


def odd(rng: random.Random, extra: Sequence[Any] = ()) -> Any:
    """Return a value that a program may not expect."""
    kind = rng.randrange(7)
    if kind == 0 and extra:
        return rng.choice(extra)
    if kind <= 2:
        return rng.choice(NUMBERS)
    if kind == 3:
        return rng.choice(TEXTS)
    return rng.choice((None, True, False, [], {}, [None], [[]], {"a": 1}, [0] * 100, "x"))


def _grafted(value: Any, rng: random.Random, extra: Sequence[Any]) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.85:
        key = rng.choice(list(value))
        changed = {**value, key: _grafted(value[key], rng, extra)}
        if rng.random() < 0.1:
            del changed[key]
        elif rng.random() < 0.1:
            changed[rng.choice(TEXTS)] = odd(rng, extra)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.85:
        position = rng.randrange(len(value))
        part = [] if rng.random() < 0.1 else [_grafted(value[position], rng, extra)] * rng.choice((1, 1, 1, 2))
        return [*value[:position], *part, *value[position + 1 :]]
    return odd(rng, extra)


def _changed(content: bytes, rng: random.Random, seeds: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    start = rng.randrange(len(content) + 1)
    end = min(len(content), start + rng.choice((1, 1, 2, 4, 8, 64, 1000)))
    kind = rng.randrange(9)
    if kind == 0 and start < len(content):
        return content[:start] + bytes([content[start] ^ 1 << rng.randrange(8)]) + content[start + 1 :]
    if kind == 1:
        return content[:start] + rng.choice(_BYTES) + content[end:]
    if kind == 2:
        return content[:start] + content[end:]
    if kind == 3:
        return content[:start] + content[start:end] * rng.choice((2, 3, 50)) + content[end:]
    if kind == 4:
        return content[:start] + rng.randbytes(end - start) + content[end:]
    if kind == 5:
        return content[:start]
    if kind == 6:
        other = rng.choice(seeds)
        return content[:start] + other[rng.randrange(len(other) + 1) :]
    return content[:start] + rng.choice(tokens or _BYTES) + content[rng.choice((start, end)) :]
