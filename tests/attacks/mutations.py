"""Generated mutations of files and of JSON values; each is a function of a seed."""

import copy
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

Change = Callable[[bytes, random.Random], bytes]


def _flipped(content: bytes, rng: random.Random) -> bytes:
    position, bit = rng.randrange(len(content)), rng.randrange(8)
    return content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def _without_a_part(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.randint(1, 64) :]


def _repeated(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content))
    part = content[start : start + rng.randint(1, 64)]
    return content[:start] + part + content[start:]


CONTENTS: MappingProxyType[str, Change] = MappingProxyType(
    {
        "a bit flipped": _flipped,
        "cut off": _cut,
        "a part removed": _without_a_part,
        "a part repeated": _repeated,
        "emptied": lambda content, rng: b"",
        "extended": lambda content, rng: content + rng.randbytes(rng.randint(1, 64)),
        "filled with zeros": lambda content, rng: bytes(len(content)),
        "filled with noise": lambda content, rng: rng.randbytes(len(content)),
    }
)
"""Mutations of the content of a file; all give another content, if the file is not empty."""


def _link(path: Path) -> None:
    moved = path.rename(path.with_name(f"{path.name}.moved"))
    path.symlink_to(moved.name)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


PLACES: MappingProxyType[str, Callable[[Path], None]] = MappingProxyType(
    {
        "deleted": Path.unlink,
        "replaced by a folder": _folder,
        "replaced by a FIFO": _fifo,
        "replaced by a link to a device": _device,
        "replaced by a link to itself": _loop,
    }
)
"""Mutations that put something else in the place of a file."""
LINKED: MappingProxyType[str, Callable[[Path], None]] = MappingProxyType({"replaced by a link to its copy": _link})
"""A mutation that keeps the content."""


@dataclass(frozen=True)
class Mutation:
    """A mutation of one file: its name, and the function that applies it to the file in the current folder."""

    name: str
    apply: Callable[[], None]


def of_file(path: str, seed: int) -> Iterator[Mutation]:
    """Yield each mutation of CONTENTS and PLACES for a file; the name has the path."""
    for name, change in CONTENTS.items():
        yield Mutation(f"{path} {name}", changed(path, change, seed))
    for name, place in PLACES.items():
        yield Mutation(f"{path} {name}", lambda place=place: place(Path(path)))  # type: ignore[misc]


def changed(path: str, change: Change, seed: int) -> Callable[[], None]:
    """Return a function that changes the content of a file in the current folder."""

    def apply() -> None:
        content = Path(path).read_bytes()
        Path(path).write_bytes(change(content, random.Random(seed)))

    return apply


WRONG_VALUES: Sequence[Any] = (
    None,
    True,
    -1,
    1e308,
    10**40,
    "",
    "\x00",
    "\ud800",
    "../../../etc/passwd",
    "/dev/zero",
    "x" * 100_000,
    [],
    {},
    [[[[]]]],
    {"": {"": None}},
)
"""Values that no reader may take for granted not to meet in JSON."""
MISSING = object()
"""Marks a key that is removed."""


def of_json(value: Any, seed: int, count: int) -> Iterator[tuple[str, Any]]:
    """Yield `count` mutated copies of a JSON value, each with what is at which place, drawn from all places."""
    rng = random.Random(seed)
    places = [place for place in _places(value, ()) if place]
    for _ in range(count):
        place, other = rng.choice(places), rng.choice([MISSING, *WRONG_VALUES])
        text = "removed" if other is MISSING else f"is {repr(other)[:40]}"
        yield f"{'.'.join(map(str, place))} {text}", replaced(value, place, other)


def replaced(value: Any, place: Sequence[str | int], other: Any) -> Any:
    """Return a copy of a JSON value with another value at a place; `MISSING` removes it."""
    value = copy.deepcopy(value)
    parent = value
    for key in place[:-1]:
        parent = parent[key]
    if other is MISSING:
        del parent[place[-1]]
    else:
        parent[place[-1]] = other
    return value


def _places(value: Any, place: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    yield place
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _places(item, (*place, key))
