"""A damaged record, or a file of another kind in the place of a file, affects only the verdicts that depend on it."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from laboratory import CHAIN, CSV, FOUND, METRICS, POOL, TABLE, Laboratory

from supernet.audit.file_status import Audit, State
from supernet.audit.hash_cache import HashCache
from supernet.provenance.closure import Closure
from supernet.provenance.hashes import digests
from supernet.provenance.record import MAX_BYTES, MAX_DEPTH, RecordError, digest, read_record, record_path

NOT_JSON = "record damaged: it is not JSON"
UNREADABLE = "record damaged: it cannot be read: "
TEXTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", NOT_JSON),
    "cut off": (b'{"format": 2, "made": {', NOT_JSON),
    "NUL": (b"\0" * 100, NOT_JSON),
    "NaN": (b'{"format": 2, "made": NaN}', NOT_JSON),
    "infinity": (b'{"format": 2, "made": -Infinity}', NOT_JSON),
    "a number beyond all floats": (b'{"format": 2, "made": 1e999, "seal": "x"}', NOT_JSON),
    "a number of many digits": (b'{"format": 2, "made": ' + b"1" * 5_000 + b"}", NOT_JSON),
    "lone surrogate": (b'{"format": 2, "made": "\\ud800", "seal": "x"}', NOT_JSON),
    "UTF-8 with a byte order mark": (b"\xef\xbb\xbf{}", NOT_JSON),
    "UTF-16": ('{"format": 2}'.encode("utf-16"), NOT_JSON),
    "Latin-1": ('{"format": "ü"}'.encode("latin-1"), NOT_JSON),
    "a key twice": (b'{"format": 2, "format": 2}', NOT_JSON),
    "nested lists": (b"[" * 100_000, NOT_JSON),
    "nested objects": (b'{"a":' * 100_000, NOT_JSON),
    "nested below the limit of Python": (
        b'{"format": 2, "made": ' + b"[" * 300 + b"]" * 300 + b"}",
        f"record damaged: nested more than {MAX_DEPTH} times",
    ),
    "a list": (b"[]", "record of another kind: expected format 2"),
    "null": (b"null", "record of another kind"),
    "a text": (b'"record"', "record of another kind"),
    "no format": (b"{}", "record of another kind"),
    "format true": (b'{"format": true}', "record of another kind"),
    "format 2.0": (b'{"format": 2.0}', "record of another kind"),
    "a later format": (b'{"format": 3}', "record of another kind"),
    "an older format": (b'{"format": 1}', "record of format 1, made by an older version"),
    "no seal": (b'{"format": 2, "made": {}}', "record edited: its seal does not match"),
    "a wrong seal": (b'{"format": 2, "made": {}, "seal": 1}', "record edited: its seal does not match"),
    "many lists": (b"[" + b"[]," * 500_000 + b"[]]", "record damaged: more than 400000 commas"),
    "too large": (b" " * (MAX_BYTES + 1), f"{UNREADABLE}more than {MAX_BYTES} bytes"),
}
"""Contents of a record, and the problem that is reported."""


def only_what_depends(lab: Laboratory, name: str, problem: str) -> None:
    """Check that a damaged file of the chain is named, that its consumers are broken, and that no other file is."""
    audit = lab.audit()
    assert audit.status(name).state is State.BROKEN
    assert problem in audit.status(name).cause
    broken = {one for one in CHAIN if audit.status(one).state is State.BROKEN}
    assert broken == {METRICS, CSV, FOUND}


@pytest.mark.parametrize("form", TEXTS)
def test_every_form_of_a_damaged_record_is_named(lab: Laboratory, form: str) -> None:
    content, problem = TEXTS[form]
    record_path(METRICS).write_bytes(content)
    only_what_depends(lab, METRICS, f"{METRICS}: {problem}")
    with pytest.raises(RecordError):
        read_record(METRICS)


def folder(path: Path) -> None:
    path.mkdir()


def itself(path: Path) -> None:
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(os.path.relpath(path))


PLACES: dict[str, Callable[[Path], None]] = {
    "a folder": folder,
    "a link to itself": itself,
    "a device": device,
    "a FIFO": os.mkfifo,
    "a socket": listening,
}


@pytest.mark.parametrize("kind", PLACES)
def test_something_else_in_the_place_of_a_record_is_named(lab: Laboratory, kind: str) -> None:
    record_path(METRICS).unlink()
    PLACES[kind](record_path(METRICS))
    only_what_depends(lab, METRICS, UNREADABLE)


@pytest.mark.parametrize("kind", PLACES)
def test_something_else_in_the_place_of_a_file_is_named(lab: Laboratory, kind: str) -> None:
    os.remove(METRICS)
    PLACES[kind](Path(METRICS))
    only_what_depends(lab, METRICS, f"{METRICS}: ")


@pytest.mark.parametrize("kind", PLACES)
def test_a_forged_record_does_not_make_the_audit_open_it(lab: Laboratory, kind: str) -> None:
    """The record has the size of what is in the place of the file, and the hash of an empty file."""
    os.remove(METRICS)
    PLACES[kind](Path(METRICS))
    size = 0 if kind == "a link to itself" else os.path.getsize(METRICS)
    forge(lab, METRICS, size=size, sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    only_what_depends(lab, METRICS, f"{METRICS}: ")


def test_a_file_without_permission_is_named(lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root can read all files, so reading fails as for other users."""

    def refuse(path: Path, algorithms: list[str]) -> dict[str, str]:
        if path == Path(METRICS):
            raise PermissionError(13, "Permission denied", str(path))
        return digests(path, algorithms)

    monkeypatch.setattr("supernet.audit.hash_cache.digests", refuse)
    only_what_depends(lab, METRICS, f"{METRICS}: it cannot be read: Permission denied")


def forge(lab: Laboratory, name: str, **made: Any) -> None:
    """Change the record of a file and compute digest and seal again."""
    record = lab.record(name)
    edited = {**record, "made": {**record["made"], **made}}
    edited["digest"] = digest(edited["made"])
    del edited["seal"]
    lab.write_record(name, {**edited, "seal": digest(edited)})


WRONG: dict[str, Any] = {
    "file": "results/../metrics.parquet",
    "sha256": "0" * 63,
    "size": -1,
    "program": None,
    "modules": {"a.py": 1},
    "inputs": [{"file": "results/a", "kind": "other", "sha256": "0" * 64, "size": 0}],
    "python": 3.11,
    "packages": ["numpy"],
    "lock": "",
    "variables": None,
    "more": 1,
}


@pytest.mark.parametrize("key", WRONG)
def test_a_value_of_a_wrong_type_is_named_by_its_key(lab: Laboratory, key: str) -> None:
    forge(lab, METRICS, **{key: WRONG[key]})
    only_what_depends(lab, METRICS, f"{METRICS}: record damaged: made.{key}")


OUTSIDE = (
    "results/../../etc/passwd",
    "results//etc/passwd",
    "results/./a",
    "results/a\0b",
    "elsewhere/passwd",
    "downloads/passwd",
)


@pytest.mark.parametrize("name", OUTSIDE)
def test_an_input_outside_the_folders_is_refused(lab: Laboratory, name: str) -> None:
    entry = {**lab.record(METRICS)["made"]["inputs"][0], "file": name}
    forge(lab, METRICS, inputs=[entry])
    only_what_depends(lab, METRICS, f"{METRICS}: ")


@pytest.mark.parametrize("kind", PLACES)
def test_an_input_that_is_not_a_file_is_refused(lab: Laboratory, kind: str) -> None:
    planted = Path("results/s/planted")
    PLACES[kind](planted)
    size = 0 if kind == "a link to itself" else os.path.getsize(planted)
    entry = {"file": str(planted), "kind": "source", "sha256": "0" * 64, "size": size}
    record = {**entry, "kind": "result", "record": None}
    forge(lab, METRICS, inputs=[record])
    only_what_depends(lab, METRICS, f"{METRICS}: input {planted} ")


def test_a_long_chain_of_records_is_followed(lab: Laboratory) -> None:
    """Longer than Python's stack."""
    names = [f"results/s/chain/{number}" for number in range(1200)]
    record = lab.record(CSV)
    before: list[dict[str, Any]] = []
    for name in names:
        lab.write(name, "x")
        sha256 = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
        made = {**record["made"], "file": name, "sha256": sha256, "size": 1, "inputs": before}
        whole = {**record, "made": made, "digest": digest(made)}
        del whole["seal"]
        record_path(name).write_text(json.dumps({**whole, "seal": digest(whole)}))
        before = [{"file": name, "kind": "result", "sha256": sha256, "size": 1, "record": whole["digest"]}]
    assert lab.status(names[-1]).state is State.INTACT
    os.remove(names[0])
    assert lab.status(names[-1]).cause == f"{names[1]}: input {names[0]} is missing"


def test_a_circle_of_records_is_named(lab: Laboratory) -> None:
    entry = next(one for one in lab.record(CSV)["made"]["inputs"] if one["file"] == METRICS)
    own = {**entry, "file": CSV, "sha256": lab.record(CSV)["made"]["sha256"], "size": lab.record(CSV)["made"]["size"]}
    forge(lab, METRICS, inputs=[own])
    assert lab.status(CSV).state is lab.status(METRICS).state is State.BROKEN
    assert lab.status(TABLE).state is lab.status(POOL).state is State.INTACT


class TestCaches:
    @pytest.mark.parametrize(
        "text",
        [
            *("", "{half", "[]", "null", "[" * 100_000, "\ud800", '{"format": 2}', '{"format": 2, "files": []}'),
            *('{"format": 2, "files": {"a": 1, "b": null}}', '{"format": 1, "files": {"a": [1]}}'),
        ],
    )
    def test_a_damaged_cache_of_hashes_is_not_used(self, lab: Laboratory, tmp_path: Path, text: str) -> None:
        cache = tmp_path / "hashes.json"
        cache.write_bytes(text.encode("utf-8", "surrogatepass"))
        assert lab.status(CSV, cache=cache).state is State.INTACT

    def test_a_cache_that_cannot_be_written_does_not_stop_the_audit(self, lab: Laboratory, tmp_path: Path) -> None:
        (tmp_path / "state").write_text("a file in the place of the folder")
        hashes = HashCache(tmp_path / "state" / "hashes.json")
        assert Audit({}, hashes, lab.root).status(CSV).state is State.INTACT
        hashes.save()

    def test_a_forged_analysis_of_code_is_used_only_with_a_cache(self, lab: Laboratory, tmp_path: Path) -> None:
        lab.replace("supernet/layers.py", "width = 8", "width = 9")
        Closure(lab.root).files([lab.root / "scripts" / "program.py"])
        cache = lab.root / "supernet" / "__pycache__" / "closure.json"
        content = json.loads(cache.read_text())
        content["files"]["supernet/layers.py"]["code"] = lab.record(CSV)["made"]["modules"]["supernet/layers.py"]
        cache.write_text(json.dumps(content))
        assert lab.status(CSV, cache=tmp_path / "hashes.json").state is State.INTACT
        assert lab.status(TABLE).cause == f"{TABLE}: code changed: supernet/layers.py"

    @pytest.mark.parametrize("text", ["", "[]", '{"format": 3, "files": [1]}', '{"format": 3, "files": {"a": {}}}'])
    def test_a_damaged_analysis_of_code_is_made_again(self, lab: Laboratory, text: str) -> None:
        cache = lab.root / "supernet" / "__pycache__" / "closure.json"
        cache.write_text(text)
        assert "supernet/layers.py" in Closure(lab.root).files([lab.root / "scripts" / "program.py"])
        assert "supernet/layers.py" in json.loads(cache.read_text())["files"]

    def test_file_hashes_in_the_circumstances_do_not_hide_an_edit(self, lab: Laboratory) -> None:
        """They have no digest: only the seal would change."""
        lab.replace("supernet/layers.py", "width = 8", "width = 9")
        record = lab.record(TABLE)
        lab.make_all()
        now = lab.record(TABLE)["circumstances"]["files"]
        edited = {**record, "circumstances": {**record["circumstances"], "files": now}}
        del edited["seal"]
        lab.write_record(TABLE, {**edited, "seal": digest(edited)})
        assert lab.status(TABLE).cause == f"{TABLE}: code changed: supernet/layers.py"
