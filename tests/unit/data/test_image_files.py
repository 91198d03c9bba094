"""Images of the user: array files, and archives with one folder per class, as other programs write them."""

import importlib.util
import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from checkouts import ROOT
from mirror import mirror
from PIL import Image
from safetensors.numpy import load_file, save_file

from supernet.config.datasets import DataSet
from supernet.data.image_files import read_arrays, read_folders, read_npz
from supernet.errors import UserError
from supernet.provenance.hashes import digests

__all__ = ["mirror"]

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (4, 6, 6)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8)


def encoded(pixels: Any, kind: str = "PNG", mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    image = Image.fromarray(pixels) if mode is None else Image.frombytes(mode, pixels.shape[1::-1], pixels.tobytes())
    image.save(buffer, kind)
    return buffer.getvalue()


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
def test_classes_are_folders_by_name_and_the_order_of_the_archive_does_not_matter(
    pack: Any, images: Any, tmp_path: Path
) -> None:
    members = {
        "set/dog/b.png": encoded(images[3]),
        "set/cat/z.PNG": encoded(images[1]),
        "set/dog/a.png": encoded(images[2]),
        "set/cat/.z.png": b"a hidden file of some system",
        "__MACOSX/set/cat/z.png": b"another",
        "set/readme.txt": b"words",
        "set/cat/a.png": encoded(images[0]),
    }
    pixels, labels = read_folders(pack(tmp_path / "set", members))
    assert pixels.dtype == np.uint8 and labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(pixels, images[:, None] if images is GREY else images.transpose(0, 3, 1, 2))


def test_jpegs_are_decoded(tmp_path: Path) -> None:
    flat = np.full((8, 8, 3), (200, 100, 50), dtype=np.uint8)
    pixels, _ = read_folders(zipped(tmp_path / "a.zip", {"one/a.jpeg": encoded(flat, "JPEG")}))
    # JPEG is lossy, but changes a constant image very little.
    assert np.abs(pixels[0].astype(int) - flat.transpose(2, 0, 1)).max() <= 3


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a.png": encoded(GREY[0])}, "a.png: is in no folder; expected one folder for each class"),
        ({"one/a.txt": b""}, "no image in it; expected files that end with .png, .jpg, .jpeg"),
        (
            {"one/a.png": encoded(GREY[0]), "one/b.png": encoded(COLOUR[0])},
            r"one/b.png: found .* \(3, 6, 6\); expected",
        ),
        ({"one/a.png": b"\x89PNG\r\n\x1a\nnot"}, "one/a.png: not a PNG or JPEG image, or a damaged one"),
        ({"one/a.png": encoded(COLOUR[0])[:-30]}, "one/a.png: not a PNG or JPEG image, or a damaged one"),
        ({"one/a.png": encoded(np.zeros((2, 2, 4), np.uint8))}, "one/a.png: found an image of mode RGBA; expected L"),
        ({"../one/a.png": encoded(GREY[0])}, "has a path that leads out of the archive"),
    ],
)
def test_folders_that_are_wrong(members: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_folders(zipped(tmp_path / "a.zip", members))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_backslashes_separate_folders(pack: Any, tmp_path: Path) -> None:
    """Some programs of Windows write them."""
    members = {"set\\dog\\a.png": encoded(GREY[1]), "set\\cat\\a.png": encoded(GREY[0]), "set\\.x\\a.png": b"hidden"}
    pixels, labels = read_folders(pack(tmp_path / "set", members))
    assert labels.tolist() == [0, 1] and np.array_equal(pixels, GREY[:2, None])


@pytest.mark.parametrize("other", ["./cat/a.png", "cat//a.png", "cat\\a.png", "cat/./a.png"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_image_that_occurs_twice_is_refused(pack: Any, other: str, tmp_path: Path) -> None:
    members = {"cat/a.png": encoded(GREY[0]), other: encoded(GREY[1])}
    with pytest.raises(UserError, match=r"found the image twice, also as cat/a\.png; expected each image once"):
        read_folders(pack(tmp_path / "set", members))


def test_an_equal_name_in_two_unicode_forms_is_one_class(tmp_path: Path) -> None:
    """As in an archive of macOS beside one of another system."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    members = {f"{composed}/a.png": encoded(GREY[0]), f"{decomposed}/b.png": encoded(GREY[1])}
    assert read_folders(zipped(tmp_path / "set.zip", members))[1].tolist() == [0, 0]
    members[f"{decomposed}/a.png"] = encoded(GREY[1])
    with pytest.raises(UserError, match="found the image twice"):
        read_folders(zipped(tmp_path / "set.zip", members))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_is_turned_as_its_exif_data_say(kind: str, tmp_path: Path) -> None:
    """Orientation 6: the camera was turned, and the image is shown a quarter turn clockwise."""
    flat = np.zeros((8, 16, 3), np.uint8)
    flat[:, 8:] = 255
    turned, buffer = Image.Exif(), io.BytesIO()
    turned[0x0112] = 6
    Image.fromarray(flat).save(buffer, kind, exif=turned)
    (pixels,), _ = read_folders(zipped(tmp_path / "a.zip", {"one/a.jpg": buffer.getvalue()}))
    assert pixels.shape == (3, 16, 8) and np.abs(pixels.astype(int) - np.rot90(flat, -1).transpose(2, 0, 1)).max() <= 3


def sixteen_bits() -> bytes:
    """Return a colour PNG of 16 bits per channel, which Pillow reads as 8 bits without a word."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\0" + bytes(range(12)) for _ in range(2)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def animated() -> bytes:
    buffer = io.BytesIO()
    first, second = (Image.fromarray(one) for one in COLOUR[:2])
    first.save(buffer, "PNG", save_all=True, append_images=[second])
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (encoded(np.zeros((6, 6), np.uint16)), "found an image of 16 bits per channel; expected 8"),
        (sixteen_bits(), "found an image of 16 bits per channel; expected 8"),
        (encoded(np.zeros((6, 6, 4), np.uint8), mode="CMYK", kind="JPEG"), "found an image of mode CMYK; expected L"),
        (encoded(np.zeros((6, 6), np.uint8), mode="P"), "found an image of mode P; expected L"),
        (encoded(np.zeros((6, 6, 2), np.uint8), mode="LA"), "found an image of mode LA; expected L"),
        (animated(), "found an animation; expected an image"),
    ],
    ids=["16-bit grey", "16-bit colour", "CMYK", "palette", "grey with alpha", "animation"],
)
def test_images_of_other_forms_are_named(content: bytes, message: str, tmp_path: Path) -> None:
    members = {"one/a.png": encoded(COLOUR[0]), "one/b.png": content}
    with pytest.raises(UserError, match=f"one/b.png: {message}"):
        read_folders(zipped(tmp_path / "a.zip", members))


def test_arrays_keep_their_order(tmp_path: Path) -> None:
    labels = np.array([1, 0, 1, 2], dtype=np.int32)
    save_file({"images": GREY[:, None], "labels": labels}, tmp_path / "a.safetensors")
    pixels, found = read_arrays(tmp_path / "a.safetensors")
    assert np.array_equal(pixels, GREY[:, None]) and found.dtype == np.int64 and found.tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"labels": np.zeros(4, np.int64)}, "found labels; expected `images` and `labels`"),
        ({"images": GREY, "labels": np.zeros(4, np.int64)}, r"images: found uint8 of shape \(4, 6, 6\); expected"),
        ({"images": GREY[:, None] / 255, "labels": np.zeros(4, np.int64)}, "images: found float64 of shape"),
        ({"images": GREY[:, None], "labels": np.zeros(3, np.int64)}, r"labels: found int64 of shape \(3,\); expected"),
        ({"images": GREY[:, None], "labels": np.zeros(4)}, "labels: found float64 of shape"),
    ],
)
def test_arrays_that_are_wrong(arrays: dict[str, Any], message: str, tmp_path: Path) -> None:
    save_file(arrays, tmp_path / "a.safetensors")
    with pytest.raises(UserError, match=message):
        read_arrays(tmp_path / "a.safetensors")


def test_a_file_that_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file({"images": GREY[:, None], "labels": np.zeros(4, np.int64)}, file)
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(UserError, match="not a safetensors file, or a damaged one"):
        read_arrays(file)


def npz(path: Path, **arrays: Any) -> Path:
    np.savez_compressed(path, **arrays)
    return path


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_numpys_archive_have_their_channels_last(order: Any, tmp_path: Path) -> None:
    colours = np.random.default_rng(0).integers(256, size=(4, 6, 6, 3), dtype=np.uint8)
    images = np.array(colours, order=order)
    pixels, labels = read_npz(npz(tmp_path / "a.npz", images=images, labels=np.arange(4, dtype=np.uint8)))
    assert np.array_equal(pixels, colours.transpose(0, 3, 1, 2)) and pixels.flags.c_contiguous
    assert labels.tolist() == [0, 1, 2, 3] and labels.dtype == np.int64


def header(shape: str, data: bytes = b"", dtype: str = "|u1") -> bytes:
    """Return an array file whose header says what it says."""
    text = f"{{'descr': {dtype!r}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"labels.npy": header("(1,)", b"0")}, "no member 'images.npy'"),
        ({"images.npy": header("(1, 1, 1, 1)", b"0")}, "no member 'labels.npy'"),
        ({"images.npy": header("(10**12,)")}, "images.npy: not an array of numbers, or a damaged one"),
        ({"images.npy": header("(1000000000000,)")}, "images.npy: not an array of numbers, or a damaged one"),
        ({"images.npy": header("(2, 2)", b"012")}, "images.npy: not an array of numbers, or a damaged one"),
        ({"images.npy": b"\x93NUMPY\x03\x00"}, r"damaged one \(version \(3, 0\)\)"),
        ({"images.npy": header("(2, 2", b"0123")}, "images.npy: not an array of numbers, or a damaged one"),
        ({"images.npy": b"x"}, "images.npy: not an array of numbers, or a damaged one"),
        (
            {"images.npy": header("(1,)", b"12345678", "|O")},
            r"images.npy: not an array of numbers, .*cannot create an OBJECT array",
        ),
        (
            {"images.npy": header("(1, 2)", b"12"), "labels.npy": header("(1,)", b"0")},
            r"images: found uint8 of shape \(1, 2\); expected uint8 \(N, H, W, C\)",
        ),
        (
            {"images.npy": header("(1, 1, 1, 1)", b"1"), "labels.npy": header("(1,)", b"12345678", "<f8")},
            "labels: found float64",
        ),
    ],
)
def test_an_archive_of_numpy_that_is_wrong(members: dict[str, bytes], message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=message):
        read_npz(zipped(tmp_path / "a.npz", members))


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    path = npz(tmp_path / "a.npz", images=np.array([{"a": 1}], dtype=object), labels=np.zeros(1, np.int64))
    with pytest.raises(UserError, match=r"images\.npy: not an array of numbers"):
        read_npz(path)


@pytest.mark.benchmarks
def test_the_first_images_of_cifar_10(mirror: Path) -> None:
    """Labels of the first ten images of data_batch_1, and the first pixel of the first one, as published."""
    pixels, labels = read_npz(mirror / "datasets" / "cifar10-first4000.npz")
    assert pixels.shape == (4_000, 3, 32, 32) and np.array_equal(np.unique(labels), np.arange(10))
    assert labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    assert pixels[0, :, 0, 0].tolist() == [59, 62, 63]


@pytest.fixture
def program() -> ModuleType:
    spec = importlib.util.spec_from_file_location("data_program", ROOT / "scripts" / "data.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(folder: Path, form: str = "folders") -> list[str]:
    """Return the arguments of the program for a data set `mine` of two classes in the folder of downloads."""
    archive = zipped(folder / "mine.zip", {f"{'ab'[n % 2]}/{n}.png": encoded(GREY[n]) for n in range(4)})
    (folder / "sources.yaml").write_text(
        f"""
files:
  mine:
    path: mine.zip
    title: Mine
    licence: CC0-1.0
    source: here
    manual: made by a test
    hash: {{sha256: {digests(archive, ["sha256"])["sha256"]}}}
    size: {archive.stat().st_size}
tables: {{}}
datasets:
  mine: {{title: Mine, forms: {{{form}: mine}}}}
""",
        encoding="utf-8",
    )
    names = {"sources": "sources.yaml", "downloads": ".", "lock": "lock.json", "output": "mine.safetensors"}
    return ["--name", "mine", "--mirror", "", *(f"--{name}={folder / path}" for name, path in names.items())]


def test_a_data_set_is_a_line_of_two_tables(
    program: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(program, "DATASETS", {"mine": DataSet("Mine", 6, 0, 4, 1, classes=2)})
    program.main(arguments(tmp_path))
    made = load_file(tmp_path / "mine.safetensors")
    assert np.array_equal(made["images"], GREY[[0, 2, 1, 3]][:, None]) and made["labels"].tolist() == [0, 0, 1, 1]
    assert "4 images of (1, 6, 6), 2 classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("facts", "form", "message"),
    [
        (
            DataSet("Mine", 6, 0, 5, 1, classes=2),
            "folders",
            r"\(4, 1, 6, 6\); supernet/config/datasets.py says \(5, 1, 6, 6\)",
        ),
        (
            DataSet("Mine", 6, 0, 4, 1, classes=3),
            "folders",
            "found the labels 0, 1; supernet/config/datasets.py says 0 to 2",
        ),
        (DataSet("Mine", 6, 2, 4, 1, classes=2), "folders", "a separate test set needs the form `arrays`"),
        (
            DataSet("Mine", 6, 0, 4, 1, classes=2),
            "folder",
            "datasets: mine: forms: found 'folder'; did you mean 'folders'",
        ),
    ],
)
def test_a_data_set_that_is_not_what_the_tables_say(
    program: ModuleType, facts: DataSet, form: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "DATASETS", {"mine": facts})
    with pytest.raises(UserError, match=message):
        program.main(arguments(tmp_path, form))
    assert not (tmp_path / "mine.safetensors").exists()
