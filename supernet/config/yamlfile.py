"""YAML files with the line of each key, so that errors can name file, line, key and value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml

from supernet.errors import UserError

Key = tuple[str | int, ...]
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


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
        that is not text, an alias inside its own anchor, a tag on a mapping or list, or a number that YAML 1.1 and 1.2
        read differently (010, 1:30).
        """
        try:
            root = yaml.compose(_text(path), Loader=yaml.SafeLoader)
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
        try:
            value = self._constructor.construct_object(node)
        except ValueError as error:  # 2024-13-45, or an integer of thousands of digits
            raise _error_at(self._path, node, key, f"cannot be read: {error}") from error
        if node.tag in _NUMBERS and re.fullmatch(r"[-+]?0[0-9_]+|.*:.*", node.value):
            message = f"found {node.value}; YAML reads this as {value}: write that, or use quotes"
            raise _error_at(self._path, node, key, message)
        return value


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
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
    else:
        return
    if node.tag not in _COLLECTIONS:
        raise _error_at(path, node, key, f"found the tag {node.tag}; tags are not supported")
    for name, child in children:
        _check_node(path, child, (*key, name), (*parents, node))


def _check_keys(path: Path, node: yaml.MappingNode, key: Key) -> None:
    seen: dict[str, int] = {}
    for name, _ in node.value:
        if name.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
            found = name.value if isinstance(name, yaml.ScalarNode) else _kind(name)
            raise _error_at(path, name, key, f"found the key {found}, which is not text: put it in quotes")
        if name.value in seen:
            first = seen[name.value]
            raise _error_at(path, name, (*key, name.value), f"duplicate key (first in line {first})")
        seen[name.value] = _line(name)


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.CollectionNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
    return "a single value"


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _error_at(path: Path, node: yaml.Node, key: Key, message: str) -> UserError:
    where = f"{'.'.join(map(str, key))}: " if key else ""
    return UserError(f"{path}:{_line(node)}: {where}{message}")
