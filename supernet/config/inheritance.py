"""Study files that extend another one: `extends: mini`, and then only the keys that differ.

The parent is a study of the same folder or of `workflow/studies`, by its name, or the path of a YAML file relative to
the file that names it. Parents may extend other files. `supernet.config.merging` has the rules of the merge; `study`
and `title` are not inherited. Errors name the file and line that wrote the value, which may be those of a parent.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from pathlib import Path
from typing import Any

import yaml

from supernet.config.merging import Leaf, Removed, Tree, merge, node_at, plain, tree
from supernet.config.validation import did_you_mean, shown
from supernet.config.yamlfile import Key, YamlFile
from supernet.errors import UserError
from supernet.runtime.checkout import checkout

EXTENDS = "extends"
"""The key that names the parent."""
OWN = ("study", "title")
"""Keys that a study never inherits: they say which study it is."""
MOST_FILES = 10
"""Files of a chain. Each is read within the limits of `supernet.config.yamlfile`, so that the chain is limited too."""
SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True)
class StudyFile:
    """A study file, merged with the files that it extends."""

    files: tuple[YamlFile, ...]
    """The file itself, then the one that it extends, and so on."""

    @classmethod
    def read(cls, path: Path, studies: Path | None = None) -> "StudyFile":
        """Read a study file and the files that it extends, which are not validated.

        `studies` is the folder of the studies that are known by name, by default `workflow/studies` of this checkout.
        Raises UserError as `YamlFile.read`, for a parent that does not exist, and for a chain that has a cycle or more
        than `MOST_FILES` files.
        """
        chain = [YamlFile.read(path)]
        while chain[-1].data.get(EXTENDS) is not None:
            parent = _parent(chain[-1], studies)
            _check_chain(chain, parent)
            chain.append(YamlFile.read(parent))
        return cls(tuple(chain))

    @classmethod
    def read_whole(cls, path: Path) -> "StudyFile":
        """Read a study file that must not extend another one; UserError if it does, without opening that one."""
        file = YamlFile.read(path)
        if file.data.get(EXTENDS) is not None:
            raise _error(file, "expected a study with all its values, as `supernet archive` writes it: leave it out")
        return cls((file,))

    @property
    def path(self) -> Path:
        """Path of the file itself."""
        return self.files[0].path

    @property
    def parent(self) -> "StudyFile | None":
        """The file that this one extends, merged with those that it extends; None if this one extends none."""
        return StudyFile(self.files[1:]) if len(self.files) > 1 else None

    @cached_property
    def data(self) -> dict[str, Any]:
        """The merged data, without `extends`."""
        found: dict[str, Any] = plain(self._tree)
        return found

    def text(self) -> str:
        """Return the merged study as a YAML file that extends none: the same data, without comments."""
        names = " extends ".join(one.path.name for one in self.files)
        head = f"# All values of a study that extends another one: {names}.\n"
        return head + yaml.safe_dump(
            self.data, sort_keys=False, allow_unicode=True, default_flow_style=None, width=100_000
        )

    def has(self, key: Key) -> bool:
        """Return whether one of the files writes the value of a key, which is otherwise a default."""
        node = node_at(self._tree, key)
        return not isinstance(node, Removed) and node.file.has(key)

    def place(self, key: Key) -> tuple[int, int]:
        """Return the position of a key, by which errors are sorted: number of the file in the chain, and line."""
        file = node_at(self._tree, key).file
        return self._number(file), file.line(key)

    def error(self, key: Key, message: str) -> UserError:
        """Return a UserError with file and line of a key, or of its nearest parent in the files."""
        node = node_at(self._tree, key)
        number = self._number(node.file)
        parent = self.files[number + 1].path if number + 1 < len(self.files) else None
        if isinstance(node, Removed):
            message += f"; null here removes the value of {parent}"
        elif parent and isinstance(node, Leaf) and node.value is None:
            message += f"; {parent} has nothing that null could remove here"
        elif parent and len(key) == 1 and key[0] in OWN and key[0] not in self.data:
            message += f"; it is not inherited from {parent}"
        error = node.file.error(key, message)
        return error if number == 0 else UserError(f"{error} (inherited by {self.path})")

    def _number(self, file: YamlFile) -> int:
        return next(number for number, one in enumerate(self.files) if one is file)

    @cached_property
    def _tree(self) -> Tree:
        return reduce(merge, reversed([_written(file, first=file is self.files[0]) for file in self.files]))


def _written(file: YamlFile, first: bool) -> Tree:
    """Return the tree of a file, without the keys that are not part of the merged study."""
    left_out = (EXTENDS,) if first else (EXTENDS, *OWN)
    return tree({name: value for name, value in file.data.items() if name not in left_out}, file)


def _parent(file: YamlFile, studies: Path | None) -> Path:
    """Return the path of the file that a file extends."""
    name = file.data[EXTENDS]
    if not isinstance(name, str) or not name:
        raise _error(file, "expected the name of a study, or the path of a YAML file")
    if name.endswith(SUFFIXES):
        path = file.path.parent / name
        if os.path.isfile(path):
            return path
        near = [str(Path(name).with_name(one.name)) for one in _files(path.parent, *SUFFIXES)]
        raise _error(file, f"{path}: no such file" + (f"; {did_you_mean(name, near)}" if near else ""))
    if os.path.basename(name) != name:
        raise _error(file, "expected the name of a study, or a path that ends in .yaml")
    folders = (file.path.parent, studies or checkout() / "workflow" / "studies")
    for folder in folders:
        if os.path.isfile(path := folder / f"{name}.yaml"):
            return path
    known = {path.stem for folder in folders for path in _files(folder, ".yaml") if path != file.path}
    raise _error(file, f"expected a study of this folder or of workflow/studies; {did_you_mean(name, sorted(known))}")


def _check_chain(chain: Sequence[YamlFile], parent: Path) -> None:
    paths = [*(one.path for one in chain), parent]
    if any(os.path.samefile(path, parent) for path in paths[:-1]):
        raise _error(chain[-1], f"the files extend each other in a circle: {' extends '.join(map(str, paths))}")
    if len(chain) == MOST_FILES:
        raise _error(chain[-1], f"{chain[0].path} is the start of a chain of more than {MOST_FILES} files")


def _files(folder: Path, *suffixes: str) -> list[Path]:
    found = (path for suffix in suffixes for path in folder.glob(f"*{suffix}"))
    return sorted(path for path in found if path.is_file())


def _error(file: YamlFile, message: str) -> UserError:
    return file.error((EXTENDS,), f"found {shown(file.data[EXTENDS])}; {message}")
