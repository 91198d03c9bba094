"""Images, weights, checkpoints, records, JSON files and archives."""

import contextlib
import hashlib
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import zstandard
from PIL import Image
from safetensors.numpy import save

from fuzz.mutations import Draw, either, mutated, tree
from fuzz.target import Target
from supernet.commands import unpack
from supernet.data import image_files, images
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.provenance.record import digest, read_record, record_path
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint

FINGERPRINT = Fingerprint("{}")


def targets() -> list[Target]:
    """Return the targets of this module."""
    pixels, labels = np.zeros((3, 1, 4, 4), dtype=np.uint8), np.arange(3)
    arrays = {"images": pixels, "labels": labels}
    return [
        Target("images as arrays", _tensors(arrays, {}), image_files.read_arrays),
        Target("images in folders", either(mutated([_zip(), _tar()]), _archived), image_files.read_folders),
        Target("images of this project", _tensors(arrays, {"official_test": "1"}), images.load),
        Target("checkpoint", mutated([_checkpoint()]), _load_checkpoint, "state.safetensors"),
        Target("record", either(mutated([_record({})]), _records), _read_record),
        Target("JSON", mutated([b'{"status": "complete", "steps": [1, 2.5, null, "x"]}'], (b"[" * 9999,)), read_json),
        Target("archive", either(mutated([_deposit(_MEMBERS)]), _deposits), _unpack, "one.tar.zst"),
    ]


def _tensors(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> Draw:
    """Return a function that draws safetensors files with changed bytes, or with a changed head."""
    content = save(arrays, metadata)

    def draw(rng: random.Random) -> bytes:
        length = int.from_bytes(content[:8], "little")
        head = tree(json.loads(content[8 : 8 + length]), rng, ["F64", "BF16", [0, 4], [2**62, 4]])
        text = json.dumps(head).encode()
        return len(text).to_bytes(8, "little") + text + content[8 + length :]

    return either(mutated([content]), draw)


@cache
def _png(mode: str = "RGB", side: int = 4, form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, form)
    return stream.getvalue()


@cache
def _zip() -> bytes:
    return _zipped({"a/1.png": _png(), "a/2.png": _png(), "b/1.jpg": _png(form="JPEG")})


def _zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


@cache
def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("a/1.png", "b/1.png"):
            member = tarfile.TarInfo(name)
            member.size = len(_png())
            archive.addfile(member, io.BytesIO(_png()))
    return stream.getvalue()


def _archived(rng: random.Random) -> bytes:
    kinds = [_png(mode) for mode in ("RGB", "L", "P", "RGBA", "1", "I;16")] + [_png(form="JPEG"), _png("RGB", 3000)]
    names = ("a/1.png", "b/1.PNG", "1.png", "a/b/c.jpeg", "é/\u202e.png", "a\\1.png", "./a/1.png")
    contents = [mutated(kinds)(rng) if rng.random() < 0.7 else rng.choice(kinds) for _ in range(3)]
    return _zipped({rng.choice(names): content for content in contents})


@cache
def _checkpoint() -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder, "state.safetensors")
        Checkpoint(path, FINGERPRINT, 1.0).save({"network.a": torch.zeros(3)}, {"done": 3, "curve": []})
        return path.read_bytes()


def _load_checkpoint(path: Path) -> None:
    checkpoint = Checkpoint(path, FINGERPRINT, 1.0)
    if checkpoint.done and checkpoint.load() is None:
        raise AssertionError("steps are done, but the state is missing")
    checkpoint.discard()


def _record(changes: dict[str, Any]) -> bytes:
    made: dict[str, Any] = {"file": "results/one/metrics.parquet", "sha256": "0" * 64, "size": 1, "program": "x.py"}
    made |= {"modules": {}, "config": {}, "inputs": [], "python": "3.11", "packages": {}, "lock": None, "variables": {}}
    return _sealed({"format": 2, "made": {**made, **changes}, "circumstances": {}})


def _sealed(record: dict[str, Any]) -> bytes:
    record = {**record, "digest": _digest(record.get("made"))}
    return json.dumps({**record, "seal": _digest(record)}).encode()


def _digest(value: Any) -> str:
    try:
        return digest(value)
    except (ValueError, TypeError, RecursionError):
        return hashlib.sha256(b"").hexdigest()


def _records(rng: random.Random) -> bytes:
    record = json.loads(_record({}))
    return _sealed({key: tree(value, rng) for key, value in record.items() if key not in ("digest", "seal")})


def _read_record(path: Path) -> None:
    record = record_path(path)
    path.rename(record)
    try:
        read_record(path)
    finally:
        record.unlink()


_MEMBERS = (
    ("results/one/deposit/manifest.json", json.dumps({"format": 1, "study": "one", "files": {}}).encode()),
    ("results/one/tables/a.csv", b"1,2\n"),
)


Change = Callable[[tarfile.TarInfo], Any]


def _deposit(members: tuple[tuple[str, bytes], ...], change: Change = lambda member: None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            change(member)
            archive.addfile(member, io.BytesIO(content))
    return zstandard.ZstdCompressor(level=1).compress(stream.getvalue())


def _deposits(rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        plain = zstandard.ZstdDecompressor().decompress(_deposit(_MEMBERS), max_output_size=1 << 20)
        return zstandard.ZstdCompressor(level=1).compress(mutated([plain])(rng))
    (manifest, text), (name, content) = _MEMBERS
    changed = json.dumps(tree(json.loads(text), rng, [{name: {"size": 4}}, name])).encode()
    names = (name, "../x.csv", "/tmp/x.csv", "results/one/a.py", "results/two/x.csv", manifest, "a" * 300 + ".csv")
    kind = rng.choice((tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE))

    def change(member: tarfile.TarInfo) -> None:
        if member.name != manifest and rng.random() < 0.3:
            member.type, member.linkname = kind, "x"

    return _deposit(((manifest, changed), *((rng.choice(names), content) for _ in range(rng.randrange(3)))), change)


def _unpack(path: Path) -> None:
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        try:
            unpack.main([str(path)])
        except UserError:
            if any(Path(folder).iterdir()):
                raise AssertionError("refused, but files were written") from None
            raise
