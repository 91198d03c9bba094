"""Well-formed archives, and archives that an attacker would make."""

import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.io.archives import read_member, read_members

MEMBERS = {"a/one": b"1" * 1000, "a/two": b"2" * 2000, "b/three": b"3" * 3000}
Maker = Callable[[Path], Path]


def zipped(members: dict[str, bytes]) -> Maker:
    def make(folder: Path) -> Path:
        with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.mkdir("a")
            for name, content in members.items():
                archive.writestr(name, content)
        return folder / "a.zip"

    return make


def tarred(members: dict[str, bytes], mode: str = "") -> Maker:
    def make(folder: Path) -> Path:
        with tarfile.open(folder / "a.tar", f"w:{mode}") as archive:
            archive.addfile(directory("a"))
            for name, content in members.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return folder / "a.tar"

    return make


def directory(name: str) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = tarfile.DIRTYPE
    return member


def every_kind(members: dict[str, bytes]) -> list[Maker]:
    return [zipped(members), tarred(members), tarred(members, "gz"), tarred(members, "xz")]


@pytest.mark.parametrize("make", every_kind(MEMBERS))
def test_members_are_read(tmp_path: Path, make: Maker) -> None:
    archive = make(tmp_path)
    for name, content in MEMBERS.items():
        assert read_member(archive, name, 3000) == content
    odd = read_members(archive, lambda name: name != "a/two", 3000)
    assert list(odd) == [("a/one", MEMBERS["a/one"]), ("b/three", MEMBERS["b/three"])]


@pytest.mark.parametrize("make", every_kind(MEMBERS))
@pytest.mark.parametrize("name", ["a/four", "one", "a"])
def test_what_is_not_there_is_an_error(tmp_path: Path, make: Maker, name: str) -> None:
    archive = make(tmp_path)
    with pytest.raises(UserError, match=f"{archive}: no member '{name}'"):
        read_member(archive, name, 3000)


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "..", "..\\evil", "\\evil", "C:/evil", "c:evil"]
)
@pytest.mark.parametrize("kind", range(3))
def test_paths_that_lead_out_are_refused(tmp_path: Path, name: str, kind: int) -> None:
    archive = every_kind({"a/one": b"1", name: b"evil", "a/two": b"2"})[kind](tmp_path)
    with pytest.raises(UserError, match="has a path that leads out of the archive") as caught:
        read_member(archive, "a/two", 10)
    assert str(archive) in str(caught.value) and repr(name) in str(caught.value)


def test_dots_in_names_are_no_paths(tmp_path: Path) -> None:
    assert read_member(tarred({"./a..b/..c": b"fine"})(tmp_path), "./a..b/..c", 10) == b"fine"


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_tar_are_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("a/evil")
    member.type, member.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.addfile(member)
    with pytest.raises(UserError, match="member 'a/evil' is a link or a device"):
        read_member(tmp_path / "a.tar", "a/evil", 10)


def test_links_in_zip_are_refused(tmp_path: Path) -> None:
    member = zipfile.ZipInfo("a/evil")
    member.create_system, member.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(UserError, match="member 'a/evil' is a link or a device"):
        read_member(tmp_path / "a.zip", "a/evil", 100)


BOMB = {"bomb": b"\0" * 20_000_000, "small": b"1"}


@pytest.mark.parametrize("make", every_kind(BOMB)[:3])
def test_bombs_are_not_unpacked(tmp_path: Path, make: Maker) -> None:
    archive = make(tmp_path)
    with pytest.raises(UserError, match="member 'bomb' unpacks to 20000000 bytes, more than the 1000000"):
        read_member(archive, "bomb", 1_000_000)


def test_a_bomb_on_the_way_is_refused_where_it_has_to_be_unpacked(tmp_path: Path) -> None:
    assert read_member(zipped(BOMB)(tmp_path), "small", 1_000_000) == b"1"
    with pytest.raises(UserError, match="member 'bomb' unpacks to"):
        read_member(tarred(BOMB, "gz")(tmp_path), "small", 1_000_000)


def test_a_bomb_that_declares_a_small_size_is_refused_in_little_memory(tmp_path: Path) -> None:
    """A zip file has the size of a member twice, before it and in the directory at the end."""
    archive = zipped({"bomb": b"\0" * 30_000_000})(tmp_path)
    content = archive.read_bytes()
    assert content.count(struct.pack("<I", 30_000_000)) == 2
    archive.write_bytes(content.replace(struct.pack("<I", 30_000_000), struct.pack("<I", 10)))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match="damaged"):
            read_member(archive, "bomb", 1000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unbounded_methods_are_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        archive.writestr("a", "1")
    with pytest.raises(UserError, match="member 'a' is compressed by an unusual method"):
        read_member(tmp_path / "a.zip", "a", 10)


def test_what_is_encrypted_is_refused(tmp_path: Path) -> None:
    archive = zipped({"secret": b"1"})(tmp_path)
    content = bytearray(archive.read_bytes())
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(UserError, match="member 'secret' is encrypted"):
        read_member(archive, "secret", 10)


@pytest.mark.parametrize("make", every_kind({"a/one": bytes(range(256)) * 100}))
def test_a_cut_archive_is_damaged(tmp_path: Path, make: Maker) -> None:
    archive = make(tmp_path)
    archive.write_bytes(archive.read_bytes()[: archive.stat().st_size // 3])
    with pytest.raises(UserError, match=f"{archive}: not a zip or tar archive, or a damaged one"):
        read_member(archive, "a/one", 100_000)


def test_another_file_is_not_an_archive(tmp_path: Path) -> None:
    (tmp_path / "page.zip").write_bytes(b"<html>sign in</html>" * 100)
    with pytest.raises(UserError, match=r"page\.zip: not a zip or tar archive"):
        read_member(tmp_path / "page.zip", "a", 10)
    with pytest.raises(UserError, match=r"nothing\.zip: .*No such file"):
        read_member(tmp_path / "nothing.zip", "a", 10)


def test_an_error_of_the_reader_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mine"):
        for _ in read_members(zipped(MEMBERS)(tmp_path), lambda name: True, 3000):
            raise OSError("mine")
