"""Provenance records: code, inputs, no secrets; and the closure of a program's imports."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from laboratory import CSV, DOWNLOAD, METRICS, POOL, SETTING, TABLE, WEIGHTS, Laboratory

from supernet.audit.file_status import State
from supernet.errors import UserError
from supernet.io.atomic import publish, write_json, write_table, write_text
from supernet.io.folders import replaced
from supernet.provenance.closure import ROOT, Closure
from supernet.provenance.record import (
    MissingRecordError,
    RecordError,
    digest,
    read_record,
    record_digest,
    record_path,
)
from supernet.provenance.recorder import Recorder, commit, note_input, recording


def sha256(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


class TestRecord:
    def test_it_says_what_was_made_from_what(self, lab: Laboratory) -> None:
        made = lab.record(METRICS)["made"]
        assert (made["sha256"], made["size"]) == (sha256(METRICS), os.path.getsize(METRICS))
        pool = next(one for one in made["inputs"] if one["file"] == POOL)
        assert pool["sha256"] == sha256(POOL)
        assert pool["record"] == lab.record(POOL)["digest"]
        assert lab.record(WEIGHTS)["made"]["config"] == SETTING
        assert lab.record(TABLE)["made"]["inputs"] == [
            {
                "file": DOWNLOAD,
                "kind": "download",
                "sha256": sha256(DOWNLOAD),
                "size": os.path.getsize(DOWNLOAD),
                "pinned": lab.pinned,
            }
        ]

    def test_it_has_program_modules_lock_and_versions(self, lab: Laboratory) -> None:
        record = lab.record(METRICS)
        made = record["made"]
        code = ["scripts/program.py", "supernet/__init__.py", "supernet/layers.py", "supernet/train.py"]
        assert (made["program"], list(made["modules"])) == (code[0], code)
        assert record["circumstances"]["files"] == {name: sha256(name) for name in code}
        assert made["lock"] == sha256("envs/requirements.lock")
        assert made["packages"]["pandas"] == pd.__version__

    def test_digest_and_seal_are_hashes_of_canonical_json(self, lab: Laboratory) -> None:
        record = lab.record(METRICS)
        canonical = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": False}
        made = json.dumps(record["made"], **canonical)
        assert record["digest"] == hashlib.sha256(made.encode()).hexdigest()
        seal = record.pop("seal")
        assert seal == hashlib.sha256(json.dumps(record, **canonical).encode()).hexdigest()
        # RFC 8785 writes this value with the same bytes.
        assert digest({"b": [1, "τ"], "a": None}) == hashlib.sha256('{"a":null,"b":[1,"τ"]}'.encode()).hexdigest()

    def test_only_allowed_variables_are_written(self, lab: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("API_TOKEN", "hunter2")
        monkeypatch.setenv("SUPERNET_MIRROR", "https://user:hunter2@example.org")
        monkeypatch.setenv("SLURM_JOB_ID", "4711")
        monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
        lab.make(METRICS, [POOL])
        environment = lab.record(METRICS)["circumstances"]["environment"]
        assert environment["SLURM_JOB_ID"] == "4711" and environment["SLURM_RESTART_COUNT"] == "1"
        assert "hunter2" not in record_path(METRICS).read_text()

    def test_the_code_is_that_of_the_start(self, lab: Laboratory) -> None:
        """An edit of a module during a long training does not affect that training."""
        before = sha256("supernet/layers.py")
        with lab.program(SETTING):
            lab.replace("supernet/layers.py", "width = 8", "width = 9")
            lab.publish(WEIGHTS, "weights")
        assert lab.record(WEIGHTS)["circumstances"]["files"]["supernet/layers.py"] == before

    def test_an_input_has_the_hash_that_it_had_when_it_was_read(self, lab: Laboratory) -> None:
        before = sha256(POOL)
        with lab.program():
            note_input(Path(POOL))
            lab.write(POOL, "another pool")
            lab.publish(METRICS, "numbers")
        assert lab.record(METRICS)["made"]["inputs"][0]["sha256"] == before

    def test_a_failed_result_leaves_file_and_record_as_they_were(self, lab: Laboratory) -> None:
        before = record_path(METRICS).read_bytes(), Path(METRICS).read_bytes()
        with pytest.raises(RuntimeError), lab.program(), publish(METRICS) as temporary:
            temporary.write_text("half")
            raise RuntimeError
        assert (record_path(METRICS).read_bytes(), Path(METRICS).read_bytes()) == before

    def test_all_writers_record_results_and_nothing_else(self, lab: Laboratory) -> None:
        with lab.program():
            write_text("a.txt", "x")
            write_json("b.json", {})
            write_table("c.parquet", pd.DataFrame({"n": [1]}))
            write_json("d.json", {}, record=False)
        assert sorted(path.name for path in Path().glob("*.prov.json")) == [
            "a.txt.prov.json",
            "b.json.prov.json",
            "c.parquet.prov.json",
        ]

    def test_files_of_a_folder_that_is_replaced_are_named_by_its_final_place(self, lab: Laboratory) -> None:
        with lab.program(), replaced(Path("results/s/site"), ".mark", "program") as temporary:
            write_text(temporary / "runs" / "a.html", "x")
        assert lab.record("results/s/site/runs/a.html")["made"]["file"] == "results/s/site/runs/a.html"
        assert lab.status("results/s/site/runs/a.html").state is State.INTACT

    def test_without_a_program_there_is_no_record(self, tmp_path: Path) -> None:
        write_text(note_input(tmp_path) / "a.txt", "x")
        assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]

    def test_a_missing_input_fails_as_reading_it_does(self, lab: Laboratory) -> None:
        with pytest.raises(FileNotFoundError), recording(Recorder(lab.root / "scripts/program.py", lab.root)):
            note_input(Path("nowhere"))

    def test_an_input_without_a_record_is_noted_without_a_digest(self, lab: Laboratory) -> None:
        record_path(POOL).unlink()
        lab.make(METRICS, [POOL])
        assert lab.record(METRICS)["made"]["inputs"][0]["record"] is None

    def test_an_input_with_a_damaged_record_is_refused(self, lab: Laboratory) -> None:
        record_path(POOL).write_text("{half")
        with pytest.raises(UserError, match=rf"{POOL}: record damaged: it is not JSON"):
            lab.make(METRICS, [POOL])


class TestReadRecord:
    def test_a_sound_record_is_returned_whole(self, lab: Laboratory) -> None:
        assert read_record(METRICS) == lab.record(METRICS)
        assert record_digest(METRICS) == lab.record(METRICS)["digest"]

    def test_a_missing_record_is_a_separate_error_without_a_digest(self, tmp_path: Path) -> None:
        with pytest.raises(MissingRecordError) as caught:
            read_record(tmp_path / "a")
        assert caught.value.problem == "record missing"
        assert record_digest(tmp_path / "a") is None

    @pytest.mark.parametrize(
        ("changes", "problem"),
        [
            ({"format": 3}, "record of another kind: expected format 2"),
            ({"circumstances": {}}, "record edited: its seal does not match"),
            ({"made": {"sha256": "a"}}, "record edited: its digest does not match"),
            ({"made": {"sha256": "a"}, "digest": digest({"sha256": "a"})}, "record damaged: made.file: Field required"),
            ({"made": "text", "digest": digest("text")}, "record damaged: made: Input should be a valid dictionary"),
        ],
    )
    def test_the_problem_of_a_damaged_record_is_named(
        self, lab: Laboratory, changes: dict[str, object], problem: str
    ) -> None:
        record = {**lab.record(METRICS), **changes}
        seal = record.pop("seal")
        # Edits of the circumstances are found by the seal, all others although the seal was made again.
        record["seal"] = seal if "circumstances" in changes else digest(record)
        record_path(METRICS).write_text(json.dumps(record))
        for read in (read_record, record_digest):
            with pytest.raises(RecordError, match=f"{METRICS}: {problem}"):
                read(METRICS)
        assert lab.status(METRICS).cause.startswith(f"{METRICS}: {problem}")

    @pytest.mark.parametrize(
        "text",
        [
            '{"format": 2, "made": NaN, "seal": "x"}',
            '{"format": 2, "made": "\\ud800", "seal": "x"}',
            "[" * 100_000,
            '{"format": 2, "made": ' + "[" * 100_000,
        ],
        ids=["NaN", "lone surrogate", "nested", "nested in made"],
    )
    def test_forms_that_json_does_not_have_are_named(self, lab: Laboratory, text: str) -> None:
        record_path(METRICS).write_text(text)
        with pytest.raises(RecordError, match=f"{METRICS}: record damaged: it is not JSON"):
            read_record(METRICS)
        assert lab.status(METRICS).state is State.BROKEN

    def test_a_record_without_its_main_part_is_named(self, lab: Laboratory) -> None:
        record = {"format": 2, "digest": digest(None)}
        record_path(METRICS).write_text(json.dumps({**record, "seal": digest(record)}))
        with pytest.raises(RecordError, match=f"{METRICS}: record damaged: made: Field required"):
            read_record(METRICS)

    def test_a_record_of_an_older_version_is_no_error_for_programs(self, lab: Laboratory) -> None:
        """Results of an older version can be used; the audit says that they have no record that it can check."""
        record_path(POOL).write_text('{"format": 1}')
        lab.make(METRICS, [POOL])
        assert lab.record(METRICS)["made"]["inputs"][0]["record"] is None
        problem = "record of format 1, made by an older version: make the result again"
        assert lab.status(METRICS).cause == f"{POOL}: {problem}"

    def test_a_result_with_the_record_of_another_is_refused(self, lab: Laboratory) -> None:
        os.replace(record_path(POOL), record_path(METRICS))
        with pytest.raises(RecordError, match=f"{METRICS}: its record is of {POOL}: the file was moved or exchanged"):
            lab.make(CSV, [METRICS])


class TestClosure:
    def test_it_holds_all_modules_that_python_itself_loads(self) -> None:
        """The independent reference: what the interpreter has loaded after importing the program."""
        for program in ("metrics", "figure", "pool", "audit"):
            code = (
                f"import sys; sys.path.insert(0, 'scripts'); import {program}; "
                "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'supernet'))"
            )
            command = [sys.executable, "-c", code]
            result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            loaded = {Path(line).relative_to(ROOT).as_posix() for line in result.stdout.split()}
            found = set(Closure().files([ROOT / f"scripts/{program}.py"]))
            assert loaded and loaded <= found

    def test_imports_in_functions_relative_and_circular_ones_count(self, tmp_path: Path) -> None:
        lab = Laboratory(tmp_path)
        lab.write("supernet/nn/__init__.py", "")
        lab.write("supernet/nn/ops.py", "from . import norm\nfrom ..layers import width\n")
        lab.write("supernet/nn/norm.py", "import supernet.nn.ops\n")
        lab.write("supernet/unused.py", "")
        lab.write("scripts/program.py", "def main():\n    import supernet.nn.ops\n")
        assert list(Closure(tmp_path).files([tmp_path / "scripts/program.py"])) == [
            "scripts/program.py",
            "supernet/__init__.py",
            "supernet/layers.py",
            "supernet/nn/__init__.py",
            "supernet/nn/norm.py",
            "supernet/nn/ops.py",
        ]

    def test_modules_that_import_torch_are_left_out_with_all_that_only_they_import(self, tmp_path: Path) -> None:
        lab = Laboratory(tmp_path)
        lab.write("supernet/network.py", "import torch.nn as nn\nimport supernet.conv\n")
        lab.write("supernet/conv.py", "")
        lab.write("supernet/spaces.py", "def build():\n    import torch\n    from supernet import network\n")
        lab.write("scripts/program.py", "import supernet.spaces\n")
        closure, program = Closure(tmp_path), [tmp_path / "scripts/program.py"]
        drawn = {"scripts/program.py", "supernet/__init__.py", "supernet/spaces.py"}
        assert set(closure.files(program, torch=False)) == drawn
        assert set(closure.files(program)) == drawn | {"supernet/network.py", "supernet/conv.py"}

    def test_an_edit_is_seen_through_the_cache(self, tmp_path: Path) -> None:
        lab = Laboratory(tmp_path)
        program = tmp_path / "scripts/program.py"
        before = Closure(tmp_path).files([program])
        assert (tmp_path / "supernet/__pycache__/closure.json").exists()
        lab.replace("supernet/layers.py", "8", "9")
        after = Closure(tmp_path).files([program])
        assert {name for name in before if before[name] != after[name]} == {"supernet/layers.py"}

    def test_an_edit_of_the_same_size_and_time_is_seen_through_the_cache(self, tmp_path: Path) -> None:
        lab = Laboratory(tmp_path)
        program, layers = tmp_path / "scripts/program.py", tmp_path / "supernet/layers.py"
        before, status = Closure(tmp_path).files([program]), layers.stat()
        with layers.open("r+") as file:
            text = file.read()
            file.seek(0)
            file.write(text.replace("8", "9"))
        os.utime(layers, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert (status.st_size, status.st_ino) == (layers.stat().st_size, layers.stat().st_ino)
        after = Closure(lab.root).files([program])
        assert {name for name in before if before[name] != after[name]} == {"supernet/layers.py"}

    def test_a_damaged_cache_is_written_again(self, tmp_path: Path) -> None:
        lab = Laboratory(tmp_path)
        lab.write("supernet/__pycache__/closure.json", "{half")
        assert "supernet/train.py" in Closure(tmp_path).files([tmp_path / "scripts/program.py"])
        assert json.loads((tmp_path / "supernet/__pycache__/closure.json").read_text())["files"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x = 1", "x=1  # one", True),
        ("def f():\n    'Docs.'\n    return 1", "def f():\n    return 1", True),
        ("class A:\n    x: int\n    'Of the field.'", "class A:\n    x: int", True),
        ("x = 'text'", "x = 'other'", False),
        ("f('text')", "f()", False),
        ("x = 1", "x = 1.0", False),
        ("if a:\n    b()", "if a:\n    b()\n    c()", False),
    ],
)
def test_the_hash_of_code_depends_only_on_code_that_runs(tmp_path: Path, one: str, other: str, same: bool) -> None:
    (tmp_path / "one.py").write_text(one)
    (tmp_path / "other.py").write_text(other)
    closure = Closure(tmp_path, tmp_path / "cache.json")
    assert (closure.source("one.py").code == closure.source("other.py").code) is same


class TestCommit:
    def git(self, folder: Path, *arguments: str) -> str:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    def test_commit_and_whether_tracked_files_differ(self, tmp_path: Path) -> None:
        assert commit(tmp_path) == {"commit": None, "dirty": None}
        self.git(tmp_path, "init", "--quiet")
        (tmp_path / "a").write_text("1")
        self.git(tmp_path, "add", "a")
        self.git(tmp_path, "commit", "--quiet", "--message", "first")
        head = self.git(tmp_path, "rev-parse", "HEAD")
        (tmp_path / "untracked").write_text("1")
        assert commit(tmp_path) == {"commit": head, "dirty": False}
        (tmp_path / "a").write_text("2")
        assert commit(tmp_path) == {"commit": head, "dirty": True}
