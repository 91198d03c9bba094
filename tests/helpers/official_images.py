"""Small files in the layout of CIFAR's official archives and of SVHN's, and classes of torchvision that accept them.

The real archives are too large for tests. Their layout is that of torchvision's readers; the pickles have the bytes
that Python 2 wrote. torchvision checks the MD5 of each file against a list of its class: `accepting_*` return
subclasses with the MD5 of the small files, in which nothing else is replaced.
"""

import hashlib
import io
import struct
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.io import savemat
from torchvision.datasets import CIFAR10, SVHN

Pixels = npt.NDArray[np.uint8]


def batch(pixels: Pixels, **labels: Sequence[int]) -> bytes:
    """Return Python 2's pickle of a dictionary with `data` (N, 3072) and lists of labels, as CIFAR's batches are."""
    data = pixels.reshape(len(pixels), -1)
    shape = b"".join(b"M" + struct.pack("<H", side) for side in data.shape)
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01" + shape + b"\x86cnumpy\n"
        b"dtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
        b"T" + struct.pack("<i", data.size) + data.tobytes() + b"tb"
    )
    lists = b"".join(
        _text(name) + b"](" + b"".join(b"K" + bytes([one]) for one in values) + b"e" for name, values in labels.items()
    )
    return b"\x80\x02}(" + _text("data") + array + lists + b"u."


def names(**lists: Sequence[str]) -> bytes:
    """Return Python 2's pickle of lists of names, as the file of classes is."""
    texts = (_text(name) + b"](" + b"".join(map(_text, values)) + b"e" for name, values in lists.items())
    return b"\x80\x02}(" + b"".join(texts) + b"u."


def _text(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode()


def archive(path: Path, kind: type[CIFAR10], members: Mapping[str, bytes]) -> Path:
    """Write an archive like that of `kind`, with a page that readers ignore, as the official ones have."""
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, content in {**members, "readme.html": b"<html></html>"}.items():
            member = tarfile.TarInfo(f"{kind.base_folder}/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def digits(path: Path, pixels: Pixels, labels: Sequence[int]) -> Path:
    """Write pixels (N, 3, 32, 32) and labels, of which 10 is the digit 0, as a MATLAB file of SVHN."""
    savemat(path, {"X": pixels.transpose(2, 3, 1, 0), "y": np.array(labels, np.uint8)[:, None]}, do_compression=True)
    return path


def accepting_cifar(kind: type[CIFAR10], members: Mapping[str, bytes]) -> Any:
    """Return `kind` with the MD5 of these members; those that are missing keep theirs."""
    known = {name: hashlib.md5(content).hexdigest() for name, content in members.items()}
    lists = {
        key: [[name, known.get(name, md5)] for name, md5 in getattr(kind, key)] for key in ("train_list", "test_list")
    }
    meta = {**kind.meta, "md5": known.get(kind.meta["filename"], kind.meta["md5"])}
    return type(kind.__name__, (kind,), {**lists, "meta": meta})


def accepting_svhn(train: Path, test: Path) -> Any:
    """Return SVHN with the MD5 of these files."""
    found = {
        split: [*SVHN.split_list[split][:2], hashlib.md5(path.read_bytes()).hexdigest()]
        for split, path in (("train", train), ("test", test))
    }
    return type("SVHN", (SVHN,), {"split_list": found})
