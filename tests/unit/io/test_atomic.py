"""Files are complete or absent."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from supernet.errors import UserError
from supernet.io.atomic import publish, read_json, write_json, write_table, write_text


@pytest.fixture
def open_umask() -> Iterator[None]:
    former = os.umask(0o027)
    yield
    os.umask(former)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_published_file_appears_whole_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "table.parquet"
    with publish(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        # Beside it, because a rename is atomic within a file system alone.
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert names(path.parent) == ["table.parquet"]


@pytest.mark.parametrize(("name", "suffix"), [("figure.pdf", ".pdf"), ("x.prov.json", ".json"), ("a", "")])
def test_temporary_name_is_hidden_and_keeps_the_suffix(tmp_path: Path, name: str, suffix: str) -> None:
    with publish(tmp_path / name) as temporary:
        assert temporary.suffix == suffix
        assert temporary.name.startswith(".")
    assert names(tmp_path) == [name]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_error_keeps_the_old_file_and_leaves_nothing_behind(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "table.csv"
    write_text(path, "old")
    with pytest.raises(error), publish(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["table.csv"]


def test_error_without_an_old_file_leaves_none(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), publish(tmp_path / "table.csv") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert names(tmp_path) == []


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old and long")
    with path.open() as reader:
        write_text(path, "new")
        assert reader.read() == "old and long"
    assert path.read_text() == "new"


def test_permissions_follow_the_umask(tmp_path: Path, open_umask: None) -> None:
    write_text(tmp_path / "a.txt", "x")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
    assert os.umask(0o027) == 0o027


def test_text_is_utf8_with_the_lines_that_were_given(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "τ\nβ\n")
    assert (tmp_path / "a.txt").read_bytes() == "τ\nβ\n".encode()


def test_json_is_sorted_and_comes_back(tmp_path: Path) -> None:
    value = {"b": [1, 2.5, None], "a": {"z": "τ", "y": True}}
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value
    text = (tmp_path / "a.json").read_text()
    assert text.endswith("}\n") and text.index('"a"') < text.index('"b"')


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [1, float("-inf")]])
def test_json_has_no_nan(tmp_path: Path, value: object) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert names(tmp_path) == []


def test_table_comes_back_and_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    table = pd.DataFrame({"arch_id": ["a", "b"], "truth": [0.5, None]}, index=[7, 8])
    for name in ("one.parquet", "two.parquet"):
        write_table(tmp_path / name, table)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "one.parquet"), table.reset_index(drop=True))
    assert (tmp_path / "one.parquet").read_bytes() == (tmp_path / "two.parquet").read_bytes()


def test_the_error_of_a_full_disk_names_the_file_and_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "curve.parquet"
    # The kernel's own full disk.
    said = r"curve\.parquet: not written.*No space left on device.*free some space"
    with pytest.raises(UserError, match=said), publish(path) as temporary:
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        temporary.write_text("content")
    assert names(tmp_path) == []


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), publish(tmp_path / "curve.parquet"):
        tmp_path.read_text()
