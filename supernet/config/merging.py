"""The merge of a study file with the file that it extends, as trees that know which file wrote each value.

Mappings are merged key by key; values and lists replace what the parent has. A null removes what the parent has, so
that the key has its default; where the parent has nothing, a null remains a null and is validated like any other value.
The merge of values is associative. The order of keys is not: see `in_order`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from supernet.config.yamlfile import Key, YamlFile


@dataclass(frozen=True, slots=True)
class Leaf:
    """A single value or a list, which is never merged."""

    value: Any
    file: YamlFile
    """The file that wrote the value."""


@dataclass(frozen=True, slots=True)
class Removed:
    """The place of a key whose value in a parent was removed by a null."""

    file: YamlFile


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping."""

    children: Mapping[str, "Tree"]
    file: YamlFile
    """The last file of the chain that wrote the mapping or a part of it."""
    whole: bool = False
    """Whether it replaced something that is not a mapping, so that nothing of a parent can be merged into it."""


Tree: TypeAlias = Leaf | Removed | Branch


def tree(value: Any, file: YamlFile) -> Tree:
    """Return the tree of a value that a file has written."""
    if isinstance(value, dict):
        return Branch({name: tree(child, file) for name, child in value.items()}, file)
    return Leaf(value, file)


def merge(parent: Tree | None, child: Tree) -> Tree:
    """Return what `child` makes of `parent`, which is None if the parent does not have the key."""
    if isinstance(child, Branch):
        if child.whole or parent is None:
            return child
        if not isinstance(parent, Branch):
            return Branch(child.children, child.file, whole=True)
        known, written = parent.children, child.children
        children = {
            name: merge(known.get(name), written[name]) if name in written else known[name]
            for name in in_order(known, written)
        }
        return Branch(children, child.file, parent.whole)
    if _is_null(child) and parent is not None and not _is_null(parent):
        return Removed(child.file)
    return child


def in_order(known: Iterable[str], written: Iterable[str]) -> list[str]:
    """Return the keys of a parent and its child in the order of the merged mapping.

    The keys that the child writes have the child's order. Each other key follows the key that it follows in the parent,
    and comes first if it is the first there. New keys at the end of the child therefore come last.
    """
    followers: dict[str | None, list[str]] = {None: [], **{name: [] for name in written}}
    last: str | None = None
    for name in known:
        if name in followers:
            last = name
        else:
            followers[last].append(name)
    return [each for name, others in followers.items() for each in ([] if name is None else [name]) + others]


def plain(node: Tree) -> Any:
    """Return the value of a tree, without the keys that were removed."""
    if isinstance(node, Branch):
        return {name: plain(child) for name, child in node.children.items() if not isinstance(child, Removed)}
    assert isinstance(node, Leaf), "a removed key has no value"
    return node.value


def node_at(root: Tree, key: Key) -> Tree:
    """Return the node of a key, or the nearest one above it."""
    for part in key:
        if not isinstance(root, Branch) or part not in root.children:
            break
        root = root.children[str(part)]
    return root


def _is_null(node: Tree) -> bool:
    return isinstance(node, Leaf) and node.value is None
