"""YAML files with the line of each key, so that errors can name file, line, key and value.

The nodes are composed here from the parser's events, because PyYAML's composer recurses (deep nesting ends the process
with a segmentation fault) and does not limit the aliases that a small file can multiply.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from supernet.errors import UserError

Key = tuple[str | int, ...]
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_INTEGER, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
_MAX_BYTES = 10_000_000
_MAX_DEPTH = 50
_MAX_NODES = 300_000
"""Values, keys and collections of a file, where the content of an anchor counts at each of its aliases."""
_MAX_INTEGER = 2**63
_UNREADABLE = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""Errors of PyYAML's constructor for a value that does not fit its tag, such as 2024-13-45 or `!!int ""`."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change how a terminal or a page shows the text around them, and halves of characters."""


@dataclass(frozen=True)
class YamlFile:
    """A parsed YAML file: its data, and the line (from 1) of each key path."""

    path: Path
    data: dict[str, Any]
    lines: dict[Key, int]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Parse a file.

        Raises UserError if it is missing, not UTF-8, not YAML or not a mapping, or if it has a duplicate key, a key
        that is not text, an alias inside its own anchor, a tag on a mapping or list, a number that YAML 1.1 and 1.2
        read differently (010, 1:30), control characters, or more bytes, levels or values than the limits above.
        """
        try:
            root = _Composer(path).compose(_text(path))
            if not isinstance(root, yaml.MappingNode):
                found = "nothing" if root is None else _kind(root)
                raise UserError(f"{path}:1: found {found}; expected a mapping of keys to values")
            _check_node(path, root, (), ())
            reader = _Reader(path)
            return cls(path, reader.read(root, ()), reader.lines)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = 1 if mark is None else mark.line + 1
            raise UserError(f"{path}:{line}: not valid YAML: {error.problem}") from error
        except yaml.YAMLError as error:
            raise UserError(f"{path}: not valid YAML: {error}") from error

    def has(self, key: Key) -> bool:
        """Return whether the file has a key."""
        return key in self.lines

    def place(self, key: Key) -> tuple[int, int]:
        """Return the position of a key, by which errors are sorted: 0, the number of this file, and the line."""
        return 0, self.line(key)

    def line(self, key: Sequence[str | int]) -> int:
        """Return the line of a key, or of its nearest parent in the file."""
        known = tuple(key)
        while known and known not in self.lines:
            known = known[:-1]
        return self.lines[known]

    def error(self, key: Sequence[str | int], message: str) -> UserError:
        """Return a UserError with the line of a key, or of its nearest parent in the file."""
        return UserError(f"{self.path}:{self.line(key)}: {'.'.join(map(str, key))}: {message}")


class _Reader:
    """Converts nodes to data and keeps the line of every key; a merged key has the line on which it is written."""

    def __init__(self, path: Path) -> None:
        self.lines: dict[Key, int] = {}
        self._path = path
        self._constructor = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node, key: Key) -> Any:
        self.lines.setdefault(key, _line(node))
        if isinstance(node, yaml.MappingNode):
            self._constructor.flatten_mapping(node)
            # As in YAML, the keys of the mapping itself come after the merged ones and replace them.
            pairs = {name.value: (name, value) for name, value in node.value}
            self.lines |= {(*key, name): _line(at) for name, (at, _) in pairs.items()}
            return {name: self.read(value, (*key, name)) for name, (_, value) in pairs.items()}
        if isinstance(node, yaml.SequenceNode):
            return [self.read(value, (*key, position)) for position, value in enumerate(node.value)]
        return self._scalar(node, key)

    def _scalar(self, node: yaml.Node, key: Key) -> Any:
        text = node.value
        if node.tag == _INTEGER and _is_plain_integer(text):
            return int(text)
        if found := _CONTROLS.search(text):
            message = f"found the character U+{ord(found[0]):04X} ({_character_name(found[0])}); expected plain text"
            raise _error_at(self._path, node, key, message)
        try:
            value = self._constructor.construct_object(node)
        except _UNREADABLE as error:
            raise _error_at(self._path, node, key, f"cannot be read: {error}") from error
        if isinstance(value, int) and abs(value) >= _MAX_INTEGER:
            raise _error_at(self._path, node, key, "cannot be read: the integer has more than 64 bits")
        if node.tag in (_INTEGER, _FLOAT) and re.fullmatch(r"[-+]?0[0-9_]+|.*:.*", text):
            message = f"found {text}; YAML reads this as {value}: write that, or use quotes"
            raise _error_at(self._path, node, key, message)
        return value


class _Composer:
    """Composes the events of a YAML text to nodes, without recursion and within limits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._resolver: Any = yaml.resolver.Resolver()
        self._root: yaml.Node | None = None
        self._open: list[tuple[yaml.CollectionNode, str | None, int]] = []
        """Collections that have not ended, each with its anchor and the count of nodes before it."""
        self._anchors: dict[str, tuple[yaml.Node, int]] = {}
        """Node and number of nodes of each anchor; 1 inside the anchor's own content."""
        self._count = 0
        self._documents = 0

    def compose(self, text: str) -> yaml.Node | None:
        """Return the root node; None for an empty file. Raises UserError beyond a limit, and YAMLError."""
        for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            if isinstance(event, yaml.ScalarEvent):
                self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                self._start(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.DocumentStartEvent):
                self._documents += 1
                if self._documents > 1:
                    raise self._refused(event, "found a second document; expected one")
        return self._root

    def _scalar(self, event: Any) -> None:
        tag = event.tag
        if event.implicit[0] and _is_plain_integer(event.value):
            tag = _INTEGER
        elif tag is None or tag == "!":
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        self._add(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark), event, 1)

    def _start(self, event: Any) -> None:
        kind = yaml.SequenceNode if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingNode
        tag = event.tag
        if tag is None or tag == "!":
            tag = self._resolver.resolve(kind, None, event.implicit)
        node = kind(tag, [], event.start_mark, event.end_mark)
        before = self._count
        self._add(node, event, 1)
        self._open.append((node, event.anchor, before))
        if len(self._open) > _MAX_DEPTH:
            raise self._refused(event, f"nested more than {_MAX_DEPTH} levels deep; a study has about six")

    def _end(self) -> None:
        node, anchor, before = self._open.pop()
        if isinstance(node, yaml.MappingNode):
            node.value = list(zip(node.value[::2], node.value[1::2], strict=True))
        if anchor is not None:
            self._anchors[anchor] = (node, self._count - before)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise self._refused(event, f"found the alias *{event.anchor}; no anchor of this name comes before it")
        node, count = self._anchors[event.anchor]
        self._put(node, event, count)

    def _add(self, node: yaml.Node, event: Any, count: int) -> None:
        if event.anchor is not None:
            if event.anchor in self._anchors:
                raise self._refused(event, f"found a second anchor &{event.anchor}; expected different names")
            self._anchors[event.anchor] = (node, 1)
        self._put(node, event, count)

    def _put(self, node: yaml.Node, event: Any, count: int) -> None:
        self._count += count
        if self._count > _MAX_NODES:
            raise self._refused(event, f"has more than {_MAX_NODES} values, with those that aliases repeat")
        if self._open:
            self._open[-1][0].value.append(node)
        else:
            self._root = node

    def _refused(self, event: Any, what: str) -> UserError:
        return UserError(f"{self._path}:{event.start_mark.line + 1}: {what}")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MAX_BYTES + 1)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:  # ValueError: a path with a null character
        raise UserError(f"{path}: cannot be read: {getattr(error, 'strerror', error)}") from error
    if len(content) > _MAX_BYTES:
        raise UserError(f"{path}: has more than {_MAX_BYTES} bytes; expected a file that people write")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        found = f"found the byte 0x{content[error.start]:02x}"
        raise UserError(f"{path}:{line}: {found}; expected UTF-8 text: save the file as UTF-8") from error


def _check_node(path: Path, node: yaml.Node, key: Key, parents: tuple[yaml.Node, ...]) -> None:
    """Refuse nodes that would lose content, or recurse without end, when converted to data."""
    if any(node is parent for parent in parents):
        raise _error_at(path, node, key, "this anchor contains an alias of itself")
    children: list[tuple[str | int, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        _check_keys(path, node, key)
        children = [(name.value, value) for name, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = list(enumerate(node.value))
    if node.tag not in _COLLECTIONS:
        raise _error_at(path, node, key, f"found the tag {node.tag}; tags are not supported")
    for name, child in children:
        if not isinstance(child, yaml.ScalarNode):
            _check_node(path, child, (*key, name), (*parents, node))


def _check_keys(path: Path, node: yaml.MappingNode, key: Key) -> None:
    seen: dict[str, int] = {}
    for name, _ in node.value:
        if name.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
            found = name.value if isinstance(name, yaml.ScalarNode) else _kind(name)
            raise _error_at(path, name, key, f"found the key {found}, which is not text: put it in quotes")
        if found := _CONTROLS.search(name.value):
            message = f"found the character U+{ord(found[0]):04X} ({_character_name(found[0])}) in a key"
            raise _error_at(path, name, key, message)
        if name.value in seen:
            first = seen[name.value]
            raise _error_at(path, name, (*key, name.value), f"duplicate key (first in line {first})")
        seen[name.value] = _line(name)


def _character_name(character: str) -> str:
    return unicodedata.name(character, "control character")


def _is_plain_integer(text: str) -> bool:
    """Return whether a text is an integer that every version of YAML reads equally.

    Lists of seeds are long, and for these integers PyYAML's resolver and constructor would take most of the time.
    """
    return text.isdecimal() and text.isascii() and len(text) < 16 and (text[0] != "0" or text == "0")


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.CollectionNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    return "a single value"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _error_at(path: Path, node: yaml.Node, key: Key, message: str) -> UserError:
    where = f"{'.'.join(map(str, key))}: " if key else ""
    return UserError(f"{path}:{_line(node)}: {where}{message}")
