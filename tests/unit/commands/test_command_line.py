"""The command `supernet`: its table of subcommands, its help, and the program that records name."""

import ast
import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from checkouts import ROOT

import supernet
from supernet.__main__ import COMMANDS
from supernet.provenance.closure import Closure


def command(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run `python -m supernet` with this checkout's package."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "supernet", *arguments]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)


def test_help_lists_every_command() -> None:
    shown = command("--help")
    assert shown.returncode == 0
    for name, one in COMMANDS.items():
        assert f"  {name:<11}{one.help}\n" in shown.stdout


def test_every_module_of_the_package_is_a_command() -> None:
    modules = {path.stem for path in (ROOT / "supernet" / "commands").glob("*.py")} - {"__init__"}
    assert {one.module for one in COMMANDS.values()} == {f"supernet.commands.{name}" for name in modules}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_its_name_and_its_description(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    module = importlib.import_module(COMMANDS[name].module)
    with pytest.raises(SystemExit) as stopped:
        module.main(["--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: supernet {name} ")
    assert str(module.__doc__ or "").splitlines()[0] in shown


def test_version_is_that_of_the_project() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert command("--version").stdout == f"supernet {version}\n"


def test_a_wrong_command_line_is_a_user_error() -> None:
    wrong = command("explian")
    assert (
        wrong.returncode == 2 and "no command 'explian'; did you mean 'explain'? expected one of run," in wrong.stderr
    )
    far = command("zzz")
    assert far.returncode == 2 and "did you mean" not in far.stderr and "expected one of run," in far.stderr
    assert command().returncode == command("--nothing").returncode == 2


def test_only_the_chosen_command_is_imported() -> None:
    code = (
        "import sys, supernet.__main__; sys.argv[1:] = ['plan', '--help']\n"
        "try: supernet.__main__.main()\n"
        "except SystemExit: print([name for name in sys.modules if name.startswith('supernet.commands.')])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.endswith("['supernet.commands.plan']\n"), ran.stderr


def test_the_console_script_records_the_module_of_its_command(tmp_path: Path) -> None:
    """A script in `.venv/bin` starts the command; the record names the module, whatever `sys.argv[0]` is."""
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]["supernet"]
    module, function = entry.split(":")
    stub = tmp_path / "supernet_stub.py"
    stub.write_text(
        "import pathlib, sys, types\nfrom supernet.commands import unpack\nfrom supernet.io.atomic import write_text\n"
        "unpack.unpack = lambda path, folders, limits: write_text(pathlib.Path('out.txt'), 'x') or "
        "types.SimpleNamespace(manifest=types.SimpleNamespace(study='s', results=(), omitted={}))\n"
        f"from {module} import {function}\nsys.exit({function}())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = [sys.executable, str(stub), "unpack", "a.tar.zst"]
    ran = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    record = json.loads((tmp_path / "out.txt.prov.json").read_text(encoding="utf-8"))
    assert record["made"]["program"] == "supernet/commands/unpack.py"


def test_a_package_without_its_checkout_says_so(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "supernet", tmp_path / "supernet", ignore=shutil.ignore_patterns("__pycache__"))
    words = [sys.executable, "-m", "supernet", "plan"]
    ran = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith(f"error: {tmp_path.resolve()}: no Snakefile beside the package; expected")


def test_the_api_is_imported_at_its_first_use() -> None:
    code = (
        "import sys, supernet; print(sorted({'torch', 'pandas', 'numpy'} & set(sys.modules)))\n"
        "supernet.__version__, supernet.spaces.load, supernet.Results, supernet.Benchmark; "
        "print('torch' in sys.modules)\n"
        "from supernet import TrainedSupernet; print(TrainedSupernet.__module__, 'torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.splitlines() == ["[]", "False", "supernet.training.trained True"], ran.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        supernet.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_the_api_puts_no_module_into_records() -> None:
    assert list(Closure(ROOT).files([ROOT / "supernet" / "__init__.py"])) == ["supernet/__init__.py"]


def test_the_types_of_the_api_are_those_of_the_module() -> None:
    stub = ast.parse((ROOT / "supernet" / "__init__.pyi").read_text(encoding="utf-8"))
    declared = {alias.name for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    declared |= {
        node.target.id for node in stub.body if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    assert declared == set(supernet.__all__) and all(hasattr(supernet, name) for name in declared)
