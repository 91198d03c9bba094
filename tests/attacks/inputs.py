"""Attacks on studies and on files of others: YAML, pickles, published tables, pools and images."""

import io
import pickle
import random
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from attacks.attack import Attack, Outcome, Target, Verdict
from attacks.mutations import CONTENTS
from attacks.study import STUDY, STUDY_FILE
from supernet import spaces
from supernet.config.study import load_study
from supernet.data.image_files import read_folders
from supernet.io.unpickling import CIFAR, NATS, load
from supernet.pools.file import read_truths
from supernet.published.readers import read

PICKLE, TABLE, POOL, IMAGES = "batch.pickle", "nasbench201.csv", "pool.parquet", "images.zip"
HEADER = "file id,arch str,cfg name,C,N,train accuracy,validation accuracy,test accuracy"
SPACE = spaces.load("nasbench201")
TEXTS = [SPACE.format(arch) for arch in SPACE.sample(np.random.default_rng(0), count=3)]
DTYPE = b"cnumpy\ndtype\n(S'f8'\ntR"


def attacks() -> list[Attack]:
    """Return the attacks of this module."""
    whole = Attack("nothing is changed", "S0", TARGET, lambda: None, Verdict.INTACT)
    hostile = [
        Attack(f"{file}: {name}", promise, TARGET, partial(_write, file, content), Verdict.REFUSED, file)
        for promise, file, contents in (
            ("S1", STUDY_FILE, _studies()),
            ("S2", PICKLE, _pickles()),
            ("S3", TABLE, _tables()),
            ("S4", POOL, _pools()),
            ("S5", IMAGES, _images()),
        )
        for name, content in contents
    ]
    return [whole, *hostile, *_noise()]


def _make() -> None:
    Path(STUDY_FILE).write_text(STUDY, encoding="utf-8")
    Path(PICKLE).write_bytes(pickle.dumps({"data": np.arange(6, dtype=np.uint8)}, 2))
    Path(TABLE).write_bytes(_csv("91.5"))
    Path(POOL).write_bytes(_pool(TEXTS, [0.9, 0.8, 0.7]))
    Path(IMAGES).write_bytes(_zip({"a/1.png": _png(4), "b/1.png": _png(4)}))


def _judge() -> Outcome:
    load_study(STUDY_FILE)
    load(Path(PICKLE).read_bytes(), CIFAR | NATS, name=PICKLE)
    read("nasbench201", "nasbench201", "cifar10", "nasgraph_csv", Path(TABLE))
    read_truths(Path(POOL), SPACE)
    read_folders(Path(IMAGES))
    return Outcome(Verdict.INTACT)


TARGET = Target("inputs", _make, _judge)


def _write(file: str, content: bytes) -> None:
    Path(file).write_bytes(content)


def _studies() -> Iterator[tuple[str, bytes]]:
    def titled(title: str) -> bytes:
        return STUDY.replace("title: One space", f"title: {title}").encode()

    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10))
    yield "aliases that multiply", bomb.encode()
    yield "lists that are nested deeply", b"study: " + b"[" * 100_000
    yield "mappings that are nested deeply", b"{a: " * 2000
    yield "a title that clears a terminal", titled('"\\e[2J"')
    yield "a title that reverses the text", titled('"\\u202e"')
    yield "a title of two lines", titled('"a\\nb"')
    yield "a name that leads out of the results", STUDY.replace("study: one", "study: ../one").encode()
    yield "a tag of Python", titled("!!python/object/apply:os.system [ls]")
    yield "a file that is not UTF-8", titled("caf") + b"\xe9"
    yield "a key twice", STUDY.encode() + b"study: two\n"
    yield "a study that extends itself", STUDY.encode() + b"extends: one\n"
    yield "a study that extends a device", STUDY.encode() + b"extends: /dev/zero\n"


def _pickles() -> Iterator[tuple[str, bytes]]:
    yield "a call", b"cos\nsystem\n(S'true'\ntR."
    yield "an extension", b"\x82\xf1."
    yield "an object outside", b"P7\n."
    yield "a state of a dtype", DTYPE + b"(I3\nS'<'\nN(S'a'\ntNI-1\nI-1\nI0\ntb."
    yield "a dtype of objects", b"cnumpy\ndtype\n(S'O'\ntR."
    yield "a key that contains itself many times", b"}I1\n" + b"2\x86" * 60 + b"I1\ns."
    yield "a deep key", b"}I1\n" + b"\x85" * 200_000 + b"I1\ns."
    yield "an entry of the memo that needs 34 GB", b"]r\xff\xff\xff\x7fj\xff\xff\xff\x6f."
    yield "many objects", b"]" * 600_001
    yield "an integer of 2 GB", b"\x8b\xff\xff\xff\x7f."
    array = pickle.dumps(np.arange(6), 2)
    yield "an array larger than its bytes", array.replace(b"K\x06\x85", b"J\xff\xff\xff\x7f\x85")


def _tables() -> Iterator[tuple[str, bytes]]:
    yield "a fraction in place of percent", _csv("0.915")
    yield "more than 100 percent", _csv("915")
    yield "less than 0 percent", _csv("-1")
    yield "no accuracy", _csv("nan")
    yield "an infinite accuracy", _csv("inf")
    yield "an architecture twice", _csv("91.5", texts=TEXTS[:1] * 2)
    yield "architectures of another space", _csv("91.5", texts=["IO:1"])
    yield "a sign-in page", b"<html>sign in to this network</html>"


def _pools() -> Iterator[tuple[str, bytes]]:
    yield "percent", _pool(TEXTS, [90.0, 80.0, 70.0])
    yield "an architecture twice", _pool([TEXTS[0]] * 2, [0.9, 0.9])
    yield "no architecture", _pool([], [])
    yield "architectures of another space", _pool(["IO:1"], [0.9])
    yield "accuracies that are text", _pool(TEXTS[:1], ["0.9"])


def _images() -> Iterator[tuple[str, bytes]]:
    yield "images of different sizes", _zip({"a/1.png": _png(4), "b/1.png": _png(5)})
    yield "an image that unpacks to 300 MB", _zip({"a/1.png": _png(10_000)})
    yield "a path that leads out", _zip({"../1.png": _png(4)})
    yield "a page as an image", _zip({"a/1.png": b"<html>"})


def _noise() -> Iterator[Attack]:
    """Yield generated changes of the checked formats; those of texts can be valid, so they are left to the fuzzers."""
    for file, promise in ((PICKLE, "S2"), (POOL, "S4"), (IMAGES, "S5")):
        for name in ("emptied", "filled with zeros", "filled with noise", "cut off"):
            yield Attack(f"{file}: {name}", promise, TARGET, partial(_changed, file, name), Verdict.REFUSED, file)


def _changed(file: str, name: str) -> None:
    path = Path(file)
    path.write_bytes(CONTENTS[name](path.read_bytes(), random.Random(1)))


def _csv(accuracy: str, texts: list[str] | None = None) -> bytes:
    rows = [f"{n},{text},infer.tiny,16,5,99.0,{accuracy},{accuracy}" for n, text in enumerate(texts or TEXTS)]
    return "\n".join([HEADER, *rows, ""]).encode()


def _pool(texts: list[str], truths: list[float] | list[str]) -> bytes:
    stream = io.BytesIO()
    pd.DataFrame({"arch_id": texts, "encoding": texts, "truth": truths}).to_parquet(stream, index=False)
    return stream.getvalue()


def _png(side: int) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side)).save(stream, "PNG")
    return stream.getvalue()


def _zip(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()
