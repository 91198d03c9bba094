"""Read a user's images as bytes, from files of arrays or from an archive with one folder per class."""

import io
import tokenize
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from supernet.data.jpegs import BROKEN_IMAGE, Bytes, Labels
from supernet.errors import UserError
from supernet.io.archives import read_member, read_members
from supernet.io.tensors import open_foreign

_SUFFIXES = (".png", ".jpg", ".jpeg")
_LARGEST_IMAGE = 40_000_000
_MODES = ("L", "RGB")
_PNG = b"\x89PNG\r\n\x1a\n"
"""The first bytes of a PNG file; byte 24 is its number of bits per channel (PNG specification, IHDR)."""
_BROKEN_ARRAY = (
    ValueError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    OverflowError,
    MemoryError,
    RecursionError,
)
"""Errors of NumPy for the head of a damaged array file, which is Python's text of a dictionary."""
_LARGEST_SIDE = 2048
_LARGEST_SET = 4 * 10**9
"""Bytes of all unpacked images."""


def read_arrays(path: Path) -> tuple[Bytes, Labels]:
    """Read pixels (N, C, H, W) and labels (N,) of a safetensors file with `images` (bytes) and `labels` (integers).

    Their order is kept, so that an official test set can be last. Raises UserError if a tensor is missing or wrong.
    """
    with open_foreign(path, "numpy") as file:
        found = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    images, labels = found.get("images"), found.get("labels")
    if images is None or labels is None:
        raise UserError(f"{path}: found {', '.join(sorted(found)) or 'nothing'}; expected `images` and `labels`")
    return _checked(path, images, labels, "(N, C, H, W)")


def read_npz(path: Path) -> tuple[Bytes, Labels]:
    """Read the same from NumPy's archive of arrays, in which `images` has the channels last: (N, H, W, C).

    Nothing is unpickled. Raises UserError if an array is missing, wrong, or one of Python objects.
    """
    images, labels = (_array(path, f"{name}.npy") for name in ("images", "labels"))
    images, labels = _checked(path, images, labels, "(N, H, W, C)")
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)), labels


def _array(path: Path, member: str) -> np.ndarray[Any, Any]:
    """Read an array as a view of its bytes: NumPy's own reader allocates what the header says before it reads."""
    stream = io.BytesIO(content := read_member(path, member, _LARGEST_SET))
    try:
        if (version := np.lib.format.read_magic(stream)) != (1, 0):
            raise ValueError(f"version {version}")
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        return np.frombuffer(content, dtype, offset=stream.tell()).reshape(shape, order="F" if fortran else "C")
    except _BROKEN_ARRAY as error:
        raise UserError(f"{path}: {member}: not an array of numbers, or a damaged one ({error})") from error


def _checked(path: Path, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], axes: str) -> tuple[Bytes, Labels]:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise UserError(f"{path}: images: found {images.dtype} of shape {images.shape}; expected uint8 {axes}")
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"{path}: labels: found {labels.dtype} of shape {labels.shape}; expected whole numbers ({len(images)},)"
        )
    return images, labels.astype(np.int64)


def read_folders(path: Path) -> tuple[Bytes, Labels]:
    """Read the same from a zip or tar archive of PNG or JPEG images; the folder of an image is its class.

    Classes are numbered in the order of their folders' names; images are sorted by class and name. Backslashes separate
    folders, as in archives of Windows, and an image is turned as its EXIF data say. Other files are ignored. Raises
    UserError with the member that is in no folder, occurs twice, is not an image of 8 bits per channel, or differs in
    size or mode.
    """
    found: dict[tuple[str, str], Bytes] = {}
    members: dict[PurePosixPath, str] = {}
    shape: tuple[int, ...] | None = None
    for member, content in read_members(path, _is_image, _LARGEST_IMAGE):
        place = _place(member)
        name, folder = str(place), str(place.parent)
        if place in members:
            raise UserError(
                f"{path}: {member}: found the image twice, also as {members[place]}; expected each image once"
            )
        members[place] = member
        pixels = _decoded(content, f"{path}: {name}")
        shape = shape or pixels.shape
        if pixels.shape != shape:
            raise UserError(f"{path}: {name}: found (C, H, W) {pixels.shape}; expected {shape}, as the image before it")
        if not folder.strip("."):
            raise UserError(f"{path}: {name}: is in no folder; expected one folder for each class")
        found[folder, name] = pixels
        if len(found) * pixels.nbytes > _LARGEST_SET:
            raise UserError(f"{path}: the images have more than {_LARGEST_SET} bytes; expected smaller or fewer images")
    if not found:
        raise UserError(f"{path}: no image in it; expected files that end with {', '.join(_SUFFIXES)}")
    order = sorted(found)
    classes = sorted({folder for folder, _ in order})
    labels = np.array([classes.index(folder) for folder, _ in order], dtype=np.int64)
    return np.stack([found[key] for key in order]), labels


def _is_image(name: str) -> bool:
    # Some systems put hidden files with the names of images beside them.
    hidden = any(part.startswith((".", "__MACOSX")) for part in _place(name).parts)
    return name.lower().endswith(_SUFFIXES) and not hidden


def _place(member: str) -> PurePosixPath:
    """Return the path of a member: equal for `./a/b`, `a/b` and `a\\b`, and for composed and decomposed letters."""
    return PurePosixPath(unicodedata.normalize("NFC", member.replace("\\", "/")))


def _decoded(content: bytes, where: str) -> Bytes:
    """Decode a grey or RGB image of 8 bits per channel to (C, H, W) bytes, turned as its EXIF data say."""
    if content[:8] == _PNG and content[24:25] == b"\x10":
        raise UserError(f"{where}: found an image of 16 bits per channel; expected 8: convert it")
    try:
        with Image.open(io.BytesIO(content), formats=["PNG", "JPEG"]) as image:
            if image.mode not in _MODES:
                raise UserError(f"{where}: found an image of mode {image.mode}; expected L (grey) or RGB")
            if max(image.size) > _LARGEST_SIDE:
                raise UserError(f"{where}: found {image.size} pixels; expected up to {_LARGEST_SIDE} a side")
            if getattr(image, "is_animated", False) and image.format == "PNG":
                raise UserError(f"{where}: found an animation; expected an image: save one of its frames")
            pixels = np.asarray(ImageOps.exif_transpose(image))
    except BROKEN_IMAGE as error:
        raise UserError(f"{where}: not a PNG or JPEG image, or a damaged one ({error})") from error
    return pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)
