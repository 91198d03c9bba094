"""Check the language of documents, docstrings, comments and messages: `python docs/lint/prose.py [FILE …]`.

proselint matches the patterns. This program gives it our rules (`prose.toml`) and the parts of a file that are prose:
Markdown without code; comments and strings of at least three words in Python; comments in YAML and Snakemake files.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from proselint.checks import __register__ as proselint_checks
from proselint.registry.checks import Check, types
from proselint.registry.checks.engine import Fast, RegexOptions
from proselint.tools import LintFile

ROOT = Path(__file__).resolve().parents[2]
RULES = Path(__file__).with_name("prose.toml")
SUFFIXES = (".md", ".py", ".smk", ".yaml")
GENERATED = ("docs/use/gallery.md",)
"""Pages whose text comes from results."""


@dataclass(frozen=True)
class Rules:
    """Checks of one kind of file."""

    checks: tuple[Check, ...]

    @classmethod
    def load(cls, path: Path = RULES, code: bool = False) -> "Rules":
        """Read the rule file; with `code`, leave out the rules that are for Markdown alone."""
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        ours = [
            Check(
                check_type=types.ExistenceSimple(
                    spaced(rule["pattern"]), tuple(map(spaced, rule.get("exceptions", ())))
                ),
                engine=Fast(opts=RegexOptions(case_insensitive=True)),
                path="supernet",
                message=f"'{{}}': {rule['advice']}",
            )
            for rule in found["rule"]
            if rule.get("code", True) or not code
        ]
        theirs = [check for check in proselint_checks if any(map(check.matches_partial, found["proselint"]))]
        return cls((*ours, *theirs))

    def problems(self, text: str) -> Iterator[tuple[int, str]]:
        """Yield (line from 1, message) pairs for a text."""
        # LintFile puts a line break before the text, so that its second line is our first.
        prepared = LintFile("text", text)
        for check in self.checks:
            for found in check.check_with_flags(prepared.content):
                yield prepared.content.count("\n", 0, found.span[0] + 1), " ".join(found.message.split())


def spaced(pattern: str) -> str:
    """Return a pattern whose spaces match any white space, so that it finds phrases across lines."""
    return pattern.replace(" ", r"\s+")


def blank(match: re.Match[str]) -> str:
    """Replace a match by its line breaks, so that line numbers stay."""
    return "\n" * match[0].count("\n") if "\n" in match[0] else "`"


def markdown(text: str) -> str:
    """Return Markdown without code blocks, inline code, link targets and HTML comments."""
    text = re.sub(r"^```.*?^```$|<!--.*?-->", blank, text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"`[^`\n]+`", "`", text)
    return re.sub(r"\]\([^)\s]+\)", "]", text)


def python(text: str) -> str:
    """Return the comments and strings of three words or more of a Python file, each on its line."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0]] += token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value.split()) > 2:
            for number, line in enumerate(node.value.split("\n"), node.lineno):
                if number < len(lines):
                    lines[number] += " " + re.sub(r"`[^`\n]+`", "`", line)
    return "\n".join(lines[1:])


def comments(text: str) -> str:
    """Return the comments of a YAML or Snakemake file, each on its line."""
    found = (re.search(r"(?:^|\s)#\s?(.*)$", line) for line in text.split("\n"))
    return "\n".join(re.sub(r"`[^`\n]+`", "`", match[1]) if match else "" for match in found)


def check(path: Path, of_markdown: Rules, of_code: Rules) -> list[str]:
    """Return the problems of one file as `path:line: message` lines."""
    text = path.read_text(encoding="utf-8")
    is_markdown = path.suffix == ".md"
    prose = markdown(text) if is_markdown else python(text) if path.suffix == ".py" else comments(text)
    found = sorted(set((of_markdown if is_markdown else of_code).problems(prose)))
    return [f"{path}:{line}: {message}" for line, message in found]


def tracked() -> list[Path]:
    """Return the files of the repository that have prose; those of `tests/` are left out."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    return [
        ROOT / name
        for name in listed
        if name.endswith(SUFFIXES) and not name.startswith("tests/") and name not in GENERATED
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0, or 1 if a file has a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="*", help="(default: all tracked files)")
    options = parser.parse_args(arguments)
    rules = Rules.load(), Rules.load(code=True)
    problems = [problem for path in options.files or tracked() for problem in check(path, *rules)]
    print("\n".join(problems), end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
