"""Images, weights, checkpoints, records, JSON files and archives."""

import contextlib
import hashlib
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import zstandard
from attacks.execution import command
from attacks.study import STUDY_FILE, make_study
from PIL import Image
from safetensors.numpy import save

from fuzz.mutations import Draw, either, mutated, tree
from fuzz.target import Target
from supernet.commands import archive, unpack
from supernet.data import image_files, images
from supernet.errors import UserError
from supernet.io.atomic import read_json
from supernet.provenance.record import FORMAT, digest, read_record, record_path
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint

FINGERPRINT = Fingerprint("{}")


def targets() -> list[Target]:
    """Return the targets of this module."""
    pixels, labels = np.zeros((3, 1, 4, 4), dtype=np.uint8), np.arange(3)
    arrays = {"images": pixels, "labels": labels}
    return [
        Target("images as arrays", _tensors(arrays, {}), image_files.read_arrays),
        Target("images of NumPy", _npz(pixels.transpose(0, 2, 3, 1), labels), image_files.read_npz),
        Target("images in folders", either(mutated([_zip(), _tar()]), _archived), image_files.read_folders),
        Target("images of this project", _tensors(arrays, {"official_test": "1"}), images.load),
        Target("checkpoint", mutated([_checkpoint()]), _load_checkpoint, "state.safetensors"),
        Target("record", either(mutated([valid_record()]), _records), _read_record),
        Target("JSON", mutated([b'{"status": "complete", "steps": [1, 2.5, null, "x"]}'], (b"[" * 9999,)), read_json),
        Target("archive", either(_changed_archive, _archives), _unpack, "one.tar.zst"),
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


def _npz(images: np.ndarray, labels: np.ndarray) -> Draw:
    """Return a function that draws NumPy's archives in which one of the arrays has changed bytes."""
    members = {f"{name}.npy": _npy(array) for name, array in (("images", images), ("labels", labels))}
    draws = {name: mutated([content]) for name, content in members.items()}

    def draw(rng: random.Random) -> bytes:
        name = rng.choice(list(members))
        return _zipped({**members, name: draws[name](rng)})

    return draw


def _npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@cache
def _zip() -> bytes:
    return _zipped({"a/1.png": _png(), "a/2.png": _png(), "b/1.jpg": _png(form="JPEG")})


def _zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in members.items():
            written.writestr(name, content)
    return stream.getvalue()


@cache
def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as written:
        for name in ("a/1.png", "b/1.png"):
            member = tarfile.TarInfo(name)
            member.size = len(_png())
            written.addfile(member, io.BytesIO(_png()))
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


@cache
def valid_record() -> bytes:
    """Return a record that is read without an error, with inputs of every kind."""
    zeros, time = "0" * 64, "2026-01-01T00:00:00+00:00"
    result = {"file": "results/one/pools/x.parquet", "kind": "result", "sha256": zeros, "size": 3, "record": zeros}
    pinned = {"path": "x.csv", "algorithm": "sha256", "digest": zeros}
    download = {"file": "resources/downloads/x.csv", "kind": "download", "sha256": zeros, "size": 3, "pinned": pinned}
    made = {
        "file": "results/one/metrics.parquet", "sha256": zeros, "size": 1, "program": "scripts/metrics.py",
        "modules": {"supernet/rng.py": zeros}, "config": {"seed": 0}, "inputs": [download, result], "python": "3.11.7",
        "packages": {"numpy": "2.0.0"}, "lock": zeros, "variables": {},
    }  # fmt: skip
    circumstances = {
        "started": time, "ended": time, "host": "here", "system": "Linux", "environment": {},
        "files": {"supernet/rng.py": zeros}, "commit": "0" * 40, "dirty": False,
    }  # fmt: skip
    return _sealed({"format": FORMAT, "made": made, "circumstances": circumstances})


def _sealed(record: dict[str, Any]) -> bytes:
    record = {**record, "digest": _digest(record.get("made"))}
    return json.dumps({**record, "seal": _digest(record)}).encode()


def _digest(value: Any) -> str:
    try:
        return digest(value)
    except (ValueError, TypeError, RecursionError):
        return hashlib.sha256(b"").hexdigest()


def _records(rng: random.Random) -> bytes:
    record = json.loads(valid_record())
    return _sealed({key: tree(value, rng) for key, value in record.items() if key not in ("digest", "seal")})


def _read_record(path: Path) -> None:
    record = record_path(path)
    path.rename(record)
    try:
        read_record(path)
    finally:
        record.unlink()


@cache
def _members() -> tuple[tuple[str, bytes], ...]:
    """Return name and content of the members of a valid archive of a small study."""
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        make_study()
        command(archive.main, "--study", STUDY_FILE)
        (packed,) = Path().glob("*.tar.zst")
        with tarfile.open(fileobj=io.BytesIO(_plain(packed.read_bytes()))) as members:
            return tuple((one.name, members.extractfile(one).read()) for one in members)  # type: ignore[union-attr]


def _plain(packed: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed)) as reader:
        return reader.read()


Change = Callable[[tarfile.TarInfo], Any]


def _packed(members: Iterable[tuple[str, bytes]], change: Change = lambda member: None) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as written:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            change(member)
            written.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def _compressed(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(content)


@cache
def valid_archive() -> bytes:
    """Return an archive that is unpacked without an error."""
    return _compressed(_packed(_members()))


def _changed_archive(rng: random.Random) -> bytes:
    return mutated([valid_archive()])(rng)


def _archives(rng: random.Random) -> bytes:
    """Draw an archive with changed bytes, a changed JSON member, or members of another name, kind or number."""
    members = list(_members())
    kind = rng.randrange(4)
    if kind == 0:
        return _compressed(mutated([_packed(members)])(rng))
    if kind == 1:
        places = [place for place, (name, _) in enumerate(members) if name.endswith(".json")]
        manifests = [place for place in places if members[place][0].endswith("manifest.json")]
        place = rng.choice(manifests if rng.random() < 0.5 else places)
        name, content = members[place]
        try:
            changed = tree(json.loads(content), rng, [name, {name: {"size": 4}}, members[0][0]])
        except ValueError:  # made-up content
            changed = {}
        members[place] = (name, json.dumps(changed).encode())
        return _compressed(_packed(members))
    if kind == 2:
        names = ("../x.csv", "/tmp/x.csv", "results/one/a.py", "results/two/x.csv", members[0][0], "a" * 300 + ".csv")
        place = rng.randrange(len(members))
        members[place] = (rng.choice(names), members[place][1])
        if rng.random() < 0.5:
            del members[rng.randrange(len(members))]
        return _compressed(_packed(members))
    chosen = rng.randrange(len(members))
    form = rng.choice((tarfile.SYMTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE))

    def change(member: tarfile.TarInfo) -> None:
        if member.name == members[chosen][0]:
            member.type, member.linkname = form, "x"

    return _compressed(_packed(members, change))


def _unpack(path: Path) -> None:
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        try:
            unpack.main([str(path)])
        except UserError:
            if any(Path(folder).iterdir()):
                raise AssertionError("refused, but files were written") from None
            raise
