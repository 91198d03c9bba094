"""The project of a wheel is unpacked once for each content."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from supernet.errors import UserError
from supernet.runtime import checkout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An installed package with two modules and two files of the project."""
    files = {"__init__.py": "", "a/b.py": "x = 1\n", "_project/Snakefile": "rule all:\n", "_project/scripts/c.py": ""}
    for name, text in files.items():
        (tmp_path / "supernet" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "supernet" / name).write_text(text)
    return tmp_path / "supernet"


def test_the_unpacked_project_has_the_package_and_the_other_files(package: Path, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        (folder,) = set(pool.map(lambda _: checkout.unpack(package, tmp_path / "cache"), range(8)))
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == {"Snakefile", "scripts/c.py", "supernet/__init__.py", "supernet/a/b.py", "unpacked.txt"}
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [folder.name]


def test_another_content_is_unpacked_beside(package: Path, tmp_path: Path) -> None:
    first = checkout.unpack(package, tmp_path / "cache")
    (package / "a" / "b.py").write_text("x = 2\n")
    second = checkout.unpack(package, tmp_path / "cache")
    assert first != second and (first / "supernet/a/b.py").read_text() == "x = 1\n"
    assert (second / "supernet/a/b.py").read_text() == "x = 2\n"


def test_folders_of_an_unpacked_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, here = tmp_path / "project", tmp_path / "here"
    project.mkdir()
    here.mkdir()
    (project / "Snakefile").touch()
    monkeypatch.setattr(checkout, "ROOT", project)
    monkeypatch.chdir(here)
    assert (checkout.clone(), checkout.working_folder(), checkout.config_file()) == (
        project, project, project / "config.yaml",
    )  # fmt: skip
    (project / "unpacked.txt").touch()
    assert (checkout.working_folder(), checkout.config_file()) == (here, project / "config.yaml")
    (here / "config.yaml").touch()
    assert checkout.config_file() == here / "config.yaml"
    with pytest.raises(UserError, match="clone the repository"):
        checkout.clone()
