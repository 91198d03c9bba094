"""CIFAR-10, CIFAR-100 and SVHN from small files in the official layout, read by torchvision, and downloaded."""

import hashlib
import importlib
import io
import json
import pickle
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import official_images as made
import pytest
from checkouts import ROOT
from http_server import Server, whole
from safetensors.numpy import load_file
from torchvision.datasets import CIFAR10, CIFAR100, SVHN

from supernet.config.datasets import DataSet
from supernet.data import official
from supernet.data.readers import read
from supernet.download.sources import load_sources
from supernet.download.trust import WrongHashError
from supernet.errors import UserError

BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(256, size=(120, 3, 32, 32), dtype=np.uint8)
LABELS = [*range(10)] * 12
META = made.names(label_names=["airplane", "automobile"])


def ten(**changes: bytes | None) -> dict[str, bytes]:
    """Return members of CIFAR-10 with 20 images per batch; None leaves one out."""
    members = {name: made.batch(PIXELS[20 * number :][:20], labels=LABELS[:20]) for number, name in enumerate(BATCHES)}
    found = {**members, "batches.meta": META, **changes}
    return {name: content for name, content in found.items() if content is not None}


def hundred(last: int = 99) -> dict[str, bytes]:
    """Return members of CIFAR-100 with 100 training and 20 test images; `last` is the last label of the latter."""
    coarse = [0] * 100
    return {
        "train": made.batch(PIXELS[:100], coarse_labels=coarse, fine_labels=[*range(100)]),
        "test": made.batch(PIXELS[100:], coarse_labels=coarse[:20], fine_labels=[*range(80, 99), last]),
        "meta": made.names(fine_label_names=["apple"], coarse_label_names=["fish"]),
    }


def written(folder: Path, monkeypatch: pytest.MonkeyPatch, kind: type[CIFAR10], members: Mapping[str, bytes]) -> Path:
    """Write an archive that torchvision's class accepts."""
    monkeypatch.setattr(official, kind.__name__, made.accepting_cifar(kind, members))
    return made.archive(folder / "archive.tar.gz", kind, members)


def svhn(folder: Path, monkeypatch: pytest.MonkeyPatch, labels: list[int]) -> tuple[Path, Path]:
    """Write SVHN with 20 training images and a test set with these labels, in different folders, as a mirror may."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    train = made.digits(folder / "a" / "train_32x32.mat", PIXELS[:20], [*range(1, 11)] * 2)
    test = made.digits(folder / "b" / "test_32x32.mat", PIXELS[20 : 20 + len(labels)], labels)
    monkeypatch.setattr(official, "SVHN", made.accepting_svhn(train, test))
    return train, test


def test_cifar_10_is_the_training_set_and_then_the_test_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = read("cifar10", "cifar10_python", written(tmp_path, monkeypatch, CIFAR10, ten()))
    # Channel, row and column as in the archive: red, green, blue, row by row.
    assert np.array_equal(pixels, PIXELS) and pixels.dtype == np.uint8
    assert labels.tolist() == LABELS and labels.dtype == np.int64


def test_cifar_100_has_its_fine_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = read("cifar100", "cifar100_python", written(tmp_path, monkeypatch, CIFAR100, hundred()))
    assert np.array_equal(pixels, PIXELS)
    assert labels.tolist() == [*range(100), *range(80, 100)]


def test_svhns_labels_are_the_digits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, labels = read("svhn", "svhn_matlab", *svhn(tmp_path, monkeypatch, [3, 10, 1]))
    assert np.array_equal(pixels, PIXELS[:23]) and pixels.dtype == np.uint8 and pixels.flags.c_contiguous
    assert labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0] * 2 + [3, 0, 1] and labels.dtype == np.int64


# Files that are not the official ones


class Evil:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
def test_a_member_that_is_not_the_official_one_is_not_loaded(kind: Any, tmp_path: Path) -> None:
    """The classes are torchvision's own, which accept only the official files."""
    members = ten() if kind is CIFAR10 else hundred()
    path = made.archive(tmp_path / "a.tar.gz", kind, members)
    form = {CIFAR10: "cifar10_python", CIFAR100: "cifar100_python"}[kind]
    with pytest.raises(UserError, match=r"a\.tar\.gz: its members: torchvision \S+ expects the MD5 of the official"):
        read("a", form, path)


def test_a_pickle_that_would_run_code_is_refused_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if torchvision accepts its MD5."""
    evil = pickle.dumps(Evil(tmp_path / "ran"))
    path = written(tmp_path, monkeypatch, CIFAR10, ten(data_batch_2=evil))
    with pytest.raises(UserError, match="data_batch_2: refers to"):
        read("cifar10", "cifar10_python", path)
    assert not (tmp_path / "ran").exists()
    pickle.loads(evil)
    assert (tmp_path / "ran").exists(), "the pickle would have run"


def test_a_file_of_svhn_that_is_not_the_official_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = svhn(tmp_path, monkeypatch, [1])
    made.digits(test, PIXELS[:1], [2])
    with pytest.raises(UserError, match=r"test_32x32\.mat: torchvision \S+ expects the MD5 of the official files"):
        read("svhn", "svhn_matlab", train, test)


@pytest.mark.parametrize("missing", ["data_batch_3", "test_batch", "batches.meta"])
def test_a_member_that_is_missing(missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, monkeypatch, CIFAR10, ten(**{missing: None}))
    with pytest.raises(UserError, match=f"no member 'cifar-10-batches-py/{missing}'"):
        read("cifar10", "cifar10_python", path)


def test_labels_of_no_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ten_of_ten = ten(test_batch=made.batch(PIXELS[:2], labels=[0, 10]))
    with pytest.raises(UserError, match=r"archive\.tar\.gz: found labels from 0 to 10; expected 0 to 9"):
        read("cifar10", "cifar10_python", written(tmp_path, monkeypatch, CIFAR10, ten_of_ten))
    with pytest.raises(UserError, match="found labels from 0 to 100; expected 0 to 99"):
        read("cifar100", "cifar100_python", written(tmp_path, monkeypatch, CIFAR100, hundred(last=100)))
    with pytest.raises(UserError, match=r"test_32x32\.mat: found labels from 0 to 11; expected 0 to 9"):
        read("svhn", "svhn_matlab", *svhn(tmp_path, monkeypatch, [11, 1]))


def test_a_member_that_leads_out_of_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, monkeypatch, CIFAR10, ten())
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo("cifar-10-batches-py/../../outside")
        tar.addfile(member, io.BytesIO())
    with pytest.raises(UserError, match="has a path that leads out of the archive"):
        read("cifar10", "cifar10_python", path)


# Downloads


@pytest.fixture
def program() -> ModuleType:
    return importlib.import_module("scripts.data")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        yield server


def arguments(folder: Path, name: str, form: str, bodies: Mapping[str, tuple[str, bytes]]) -> list[str]:
    """Return the arguments of the program for files of (address, expected content), by their names."""
    files = {
        file: {
            "path": f"{name}/{file}", "title": name, "licence": "none", "source": "a test", "urls": [url],
            "hash": {"md5": hashlib.md5(body).hexdigest()}, "size": len(body),
        }
        for file, (url, body) in bodies.items()
    }  # fmt: skip
    datasets = {name: {"title": name, "forms": {form: list(files)}}}
    (folder / "sources.yaml").write_text(json.dumps({"files": files, "tables": {}, "datasets": datasets}))
    paths = {"sources": "sources.yaml", "downloads": "downloads", "lock": "lock.json", "output": "out.safetensors"}
    return ["--name", name, "--mirror", "", *(f"--{key}={folder / path}" for key, path in paths.items())]


def test_an_interrupted_download_is_resumed_and_read(
    program: ModuleType, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = written(tmp_path, monkeypatch, CIFAR100, hundred()).read_bytes()
    url = server.serve("/cifar-100-python.tar.gz", whole(body, cut=len(body) // 2), whole(body))
    monkeypatch.setattr(program, "DATASETS", {"cifar100": DataSet("CIFAR-100", 32, 20, 120, 3, classes=100)})
    program.main(arguments(tmp_path, "cifar100", "cifar100_python", {"cifar-100-python.tar.gz": (url, body)}))
    first, second = server.headers("/cifar-100-python.tar.gz")
    assert "Range" not in first and second["Range"] == f"bytes={len(body) // 2}-"
    assert np.array_equal(load_file(tmp_path / "out.safetensors")["images"], PIXELS)


def test_two_files_of_a_data_set_are_downloaded_and_read(
    program: ModuleType, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = svhn(tmp_path, monkeypatch, [3, 10, 1])
    bodies = {path.name: (server.serve(f"/{path.name}", whole(path.read_bytes())), path.read_bytes()) for path in files}
    monkeypatch.setattr(program, "DATASETS", {"svhn": DataSet("SVHN", 32, 3, 23, 3)})
    program.main(arguments(tmp_path, "svhn", "svhn_matlab", bodies))
    written = load_file(tmp_path / "out.safetensors")
    assert np.array_equal(written["images"], PIXELS[:23]) and written["labels"].tolist()[-3:] == [3, 0, 1]


def test_an_archive_that_was_tampered_with_is_not_opened(
    program: ModuleType, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchvision would accept the members: the hash of the archive is checked before."""
    body = written(tmp_path, monkeypatch, CIFAR10, ten()).read_bytes()
    url = server.serve("/a", whole(body))
    monkeypatch.setattr(official, "read_members", lambda *_: pytest.fail("opened"))
    with pytest.raises(WrongHashError, match="expected"):
        program.main(arguments(tmp_path, "cifar10", "cifar10_python", {"a": (url, body[:-1] + b"x")}))
    assert not (tmp_path / "out.safetensors").exists()


# Torch


def test_only_the_official_files_need_torch(tmp_path: Path) -> None:
    """The program that makes the files of images imports torch if torchvision reads, and not otherwise."""
    code = (
        "import runpy, sys\n"
        "sys.argv = ['data.py', '--name', 'digits', '--output', sys.argv[1]]\n"
        "runpy.run_path('scripts/data.py', run_name='data')['main'](sys.argv[1:])\n"
        "assert not {'torch', 'torchvision'} & {*sys.modules}\n"
        "from supernet.data import official\n"
        "assert {'torch', 'torchvision'} <= {*sys.modules}\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "digits.safetensors")]
    subprocess.run(command, cwd=ROOT, check=True)


def test_a_missing_torchvision_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import supernet.data

    monkeypatch.delattr(supernet.data, "official")
    monkeypatch.delitem(sys.modules, "supernet.data.official")
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(UserError, match="read by torchvision, which cannot be imported"):
        read("cifar10", "cifar10_python", tmp_path)


def test_addresses_names_and_md5_are_torchvision_s() -> None:
    """They are those in the classes that read the files."""
    known = {
        "cifar10": (CIFAR10.url, CIFAR10.filename, CIFAR10.tgz_md5),
        "cifar100": (CIFAR100.url, CIFAR100.filename, CIFAR100.tgz_md5),
        "svhn-train": tuple(SVHN.split_list["train"]),
        "svhn-test": tuple(SVHN.split_list["test"]),
    }
    sources = load_sources(ROOT / "workflow" / "sources.yaml")
    for name, found in known.items():
        file = sources.file(name)
        assert (*file.urls, file.name, file.hash.md5) == found
