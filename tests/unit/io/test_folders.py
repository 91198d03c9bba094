"""All files below a folder, also in linked folders."""

import os
from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.io.folders import files_below


def names(folder: Path, *left_out: str) -> list[str]:
    found = files_below(folder, left_out=lambda path: path.name in left_out)
    return sorted(path.relative_to(folder).as_posix() for path in found)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("below/a/1", "below/a/.hidden", "below/b/c/2", "elsewhere/3"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    return tmp_path / "below"


def test_files_of_all_folders_are_found_and_what_is_left_out_is_not_entered(folder: Path) -> None:
    assert names(folder) == ["a/.hidden", "a/1", "b/c/2"]
    assert names(folder, "c", ".hidden") == ["a/1"]
    assert names(folder / "missing") == []


def test_linked_folders_are_entered_once_and_links_to_nothing_are_files(folder: Path) -> None:
    (folder / "linked").symlink_to(folder.parent / "elsewhere")
    (folder / "a" / "circle").symlink_to(folder)
    (folder / "a" / "nothing").symlink_to("missing")
    (folder / "a" / "itself").symlink_to("itself")
    assert names(folder) == ["a/.hidden", "a/1", "a/itself", "a/nothing", "b/c/2", "linked/3"]


def test_a_folder_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listdir = os.listdir

    def refused(path: Path) -> list[str]:
        if Path(path) == folder / "b":
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    # Root may read everything.
    monkeypatch.setattr(os, "listdir", refused)
    with pytest.raises(UserError, match=f"{folder}/b: this folder cannot be read: Permission denied; change"):
        names(folder)
