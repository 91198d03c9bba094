"""The prose linter: each rule finds its example, code is left out, lines are those of the file."""

import subprocess
import sys
import tomllib
from pathlib import Path

from checkouts import ROOT

LINT = ROOT / "docs" / "lint"


def problems(*files: Path) -> list[str]:
    """Lines that the linter prints for some files."""
    command = [sys.executable, str(LINT / "prose.py"), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == (1 if done.stdout else 0), done.stderr
    return done.stdout.splitlines()


def test_each_rule_finds_its_example(tmp_path: Path) -> None:
    rules = tomllib.loads((LINT / "prose.toml").read_text(encoding="utf-8"))["rule"]
    page = tmp_path / "page.md"
    page.write_text("\n\n".join(rule["example"] for rule in rules) + "\n", encoding="utf-8")
    found = problems(page)
    for number, rule in enumerate(rules):
        matching = [line for line in found if line.startswith(f"{page}:{2 * number + 1}: ")]
        assert any(rule["advice"] in line for line in matching), (rule["example"], found)


def test_plain_english_and_code_of_a_page_pass(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "There is no such file, and it is no longer needed.\n\n```sh\necho of its own\n```\n\nSay `of its own`.\n"
        "[Metrics](is-no-page.md) are per seed.\n<!-- of its own -->\n",
        encoding="utf-8",
    )
    assert problems(page) == []


def test_a_phrase_across_lines_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nA super-net of its\nown.\n", encoding="utf-8")
    (found,) = problems(page)
    assert found.startswith(f"{page}:3: 'of its own'")


def test_docstrings_comments_and_messages_of_python_are_checked(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text(
        '"""A module.\n\nIt has a stream of its own.\n"""\n\nof_its_own = "its own"  # this is no comment\n'
        'MESSAGE = f"{of_its_own}: the table is at hand"\n',
        encoding="utf-8",
    )
    assert [int(line.split(":")[1]) for line in problems(module)] == [3, 6, 7]


def test_comments_of_yaml_are_checked_and_values_are_not(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    file.write_text("a: of its own\nb: 1  # this is no study\n", encoding="utf-8")
    (found,) = problems(file)
    assert found.startswith(f"{file}:2: ")
