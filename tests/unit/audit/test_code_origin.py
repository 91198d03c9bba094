"""Records are compared with the code of the commit that they name, wherever the checkout is now."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from supernet.audit.code_origin import CodeOrigin, code_origins
from supernet.provenance.record import LOCK
from supernet.provenance.recorder import Recorder

PROGRAM, MODULE, OTHER = "scripts/measure.py", "supernet/ranking.py", "supernet/unused.py"


class Repository:
    """A git repository with a program and the module that it imports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write(PROGRAM, "from supernet import ranking\n")
        self.write(MODULE, "VALUE = 1\n")
        self.write(OTHER, "VALUE = 1\n")
        self.write("supernet/__init__.py", "")
        self.write(LOCK, "numpy==2\n")
        self.git("init", "--quiet")
        self.commit()

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def git(self, *arguments: str) -> str:
        identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
        ran = subprocess.run(
            ["git", *identity, *arguments], cwd=self.folder, capture_output=True, text=True, check=True
        )
        return ran.stdout.strip()

    def commit(self) -> str:
        self.git("add", ".")
        self.git("commit", "--quiet", "--allow-empty", "--message", "state")
        return self.git("rev-parse", "HEAD")

    def record(self) -> dict[str, Any]:
        """Return the record of a result that the program makes now."""
        content = self.folder.parent / "result.csv"
        content.write_text("numbers")
        return Recorder(self.folder / PROGRAM, self.folder).record(content, content)

    def origin(self, *records: dict[str, Any]) -> CodeOrigin:
        (found,) = code_origins(records, self.folder)
        return found


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "clone")


def test_earlier_code_is_that_of_its_commit(repository: Repository) -> None:
    record, first = repository.record(), repository.git("rev-parse", "HEAD")
    assert MODULE in record["made"]["modules"]
    repository.write(MODULE, "VALUE = 2\n")
    repository.write(LOCK, "numpy==3\n")
    assert repository.commit() != first
    found = repository.origin(record, record)
    assert found == CodeOrigin(first, 2, 0, True, ())
    assert str(found) == f"2 results made by the code of commit {first[:12]}, which this repository has"


def test_uncommitted_code_is_named(repository: Repository) -> None:
    clean, first = repository.record(), repository.git("rev-parse", "HEAD")
    repository.write(MODULE, "VALUE = 2\n")
    edited = repository.record()
    assert code_origins([clean, edited, clean], repository.folder) == [
        CodeOrigin(first, 2, 0, True, ()),
        CodeOrigin(first, 1, 1, True, (MODULE,)),
    ]
    said = str(repository.origin(edited))
    assert said.startswith(f"1 result not made by the code of commit {first[:12]}, which their records name: {MODULE}")


def test_an_edit_of_a_module_that_was_not_used_is_said_apart(repository: Repository) -> None:
    repository.write(OTHER, "VALUE = 2\n")
    found = repository.origin(repository.record())
    assert (found.edited, found.others) == (1, ())
    assert "which this repository has; 1 of them in a checkout with uncommitted edits, in files that" in str(found)


def test_an_edited_lock_file_is_named(repository: Repository) -> None:
    repository.write(LOCK, "numpy==3\n")
    assert repository.origin(repository.record()).others == (LOCK,)


def test_a_commit_that_has_other_code_is_found(repository: Repository) -> None:
    """A record can name any commit: no digest covers it."""
    record = repository.record()
    repository.write(MODULE, "VALUE = 2\n")
    record["circumstances"]["commit"] = repository.commit()
    assert repository.origin(record).others == (MODULE,)


@pytest.mark.parametrize("name", ["0" * 40, "HEAD", "--help", "HEAD\n"])
def test_a_commit_that_the_repository_does_not_have(repository: Repository, name: str) -> None:
    record = repository.record()
    record["circumstances"]["commit"] = name
    found = repository.origin(record)
    assert not found.is_known and "not compared, because this folder is not a clone with that commit" in str(found)


def test_results_made_without_git(repository: Repository) -> None:
    record = repository.record()
    record["circumstances"] |= {"commit": None, "dirty": None}
    assert "the records name no commit" in str(repository.origin(record))


def test_a_folder_without_git_has_no_commits(repository: Repository, tmp_path: Path) -> None:
    (found,) = code_origins([repository.record()], tmp_path)
    assert not found.is_known


def test_a_module_with_a_line_break_in_its_name_is_not_that_of_the_commit(repository: Repository) -> None:
    record = repository.record()
    name = f"{MODULE}\nHEAD:{MODULE}"
    record["made"]["modules"][name] = record["made"]["modules"][MODULE]
    record["circumstances"]["files"][name] = record["circumstances"]["files"][MODULE]
    assert repository.origin(record).others == (name,)


def test_another_version_of_python_may_hash_the_same_bytes_otherwise(repository: Repository) -> None:
    record = repository.record()
    record["made"]["modules"][MODULE] = "0" * 64
    assert repository.origin(record).others == (MODULE,)
    record["made"]["python"] = "3.1.0"
    assert repository.origin(record).others == ()
