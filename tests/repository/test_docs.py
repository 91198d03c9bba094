"""Documents match the project: links, paths, targets, commands and examples."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from checkouts import ROOT, copy_checkout

from supernet.config.study import load_study
from supernet.paper import catalogue

PAGES = sorted(
    path.relative_to(ROOT)
    for pattern in (
        "*.md",
        "docs/**/*.md",
        *(f"{folder}/README.md" for folder in ("benchmarks", "resources", "results", "tests")),
    )
    for path in ROOT.glob(pattern)
)
README = Path("README.md")
TUTORIAL = Path("docs/start/tutorial.md")
WRITTEN = [page for page in PAGES if page.parts[:2] != ("docs", "reference")]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROJECT_PATH = re.compile(r"(?:supernet|scripts|workflow|tests|docs|envs|slurm|benchmarks)/[\w./-]*")


def text(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def fences(page: Path, language: str) -> list[str]:
    """Return the contents of the fenced blocks in a language."""
    return [content for name, content in FENCE.findall(text(page)) if name == language]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return FENCE.sub("", text(page))


def spans(page: Path) -> list[str]:
    """Return the inline code of a page."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def code(page: Path) -> str:
    """Return all code of a page, inline and fenced."""
    return "\n".join([*spans(page), *(content for _, content in FENCE.findall(text(page)))])


def anchors(page: Path) -> set[str]:
    """Return the fragments of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: Path) -> list[str]:
    """Return the targets of a page's links and images that are not addresses."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [target for target in found if not re.match(r"[a-z]+:", target)]


def snakemake_commands() -> list[str]:
    pages = [page for page in WRITTEN if page != TUTORIAL]  # another test runs its commands
    lines = [line for page in pages for block in fences(page, "sh") for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith(".venv/bin/snakemake ")})


def program_options() -> dict[str, set[str]]:
    """Return the programs that commands on all pages start, with the long options that they use."""
    found: dict[str, set[str]] = {}
    for page in WRITTEN:
        for block in fences(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                line = line.replace(".venv/bin/supernet ", ".venv/bin/python -m supernet ")
                started = r"(scripts/\w+\.py|-m benchmarks\.[\w.]+|-m supernet \w+)"
                if match := re.search(rf"\.venv/bin/python\S* \S*?{started}(.*)", line):
                    options = re.findall(r"(?<=\s)--[a-z-]+", match[2])
                    found.setdefault(match[1], set()).update(options)
    return found


PROGRAMS = program_options()


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout for the workflow, so that the real one is not locked."""
    return copy_checkout(tmp_path_factory.mktemp("docs"))


def test_pages_were_found() -> None:
    assert {README, Path("CHANGELOG.md"), Path("docs/index.md"), Path("docs/reference/study.md")} <= set(PAGES)
    assert links(README) and len(snakemake_commands()) >= 3


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_relative_links_resolve(page: Path) -> None:
    for link in links(page):
        target, _, fragment = link.partition("#")
        file = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert file.exists(), f"{page}: {link}: no such file"
        if fragment:
            assert fragment in anchors(file.relative_to(ROOT)), f"{page}: {link}: no such heading"


def test_the_index_links_every_page() -> None:
    index = Path("docs/index.md")
    linked = {((ROOT / index).parent / link).resolve().relative_to(ROOT) for link in links(index)}
    assert {page for page in PAGES if page.parts[0] == "docs"} - {index} <= linked


@pytest.mark.parametrize("page", WRITTEN, ids=str)
def test_project_paths_exist(page: Path) -> None:
    for span in spans(page):
        if PROJECT_PATH.fullmatch(span) and "NAME" not in span:
            assert (ROOT / span).exists(), f"{page}: {span}"


def test_pages_named_in_code_and_configs_exist() -> None:
    folders = ("supernet", "scripts", "workflow", "slurm", "profiles", "envs", "benchmarks", "tests/studies")
    files = [ROOT / "config.yaml", ROOT / "Makefile", *(file for name in folders for file in (ROOT / name).rglob("*"))]
    named = {
        page
        for file in files
        if file.is_file() and file.suffix in (".py", ".smk", ".yaml", ".in", "")
        for page in re.findall(r"docs/[\w./-]+\.md", file.read_text(encoding="utf-8"))
    }
    assert len(named) > 5 and {page for page in named if not (ROOT / page).exists()} == set()


def test_architecture_lists_every_package() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (?:\*\*T\*\*)? ?\|", text(Path("docs/develop/architecture.md")), re.MULTILINE)
    packages = {path.parent.name for path in (ROOT / "supernet").glob("*/__init__.py")}
    assert packages <= set(rows) and len(rows) == len(set(rows))


@pytest.mark.parametrize("page", WRITTEN, ids=str)
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    variables = set(re.findall(r"^([A-Z_]+) \?=", makefile, re.MULTILINE))
    for target, arguments in re.findall(r"\bmake ([a-z][a-z-]*)((?: [A-Z_]+=\S+)*)", code(page)):
        assert target in targets, f"{page}: make {target}"
        assert set(re.findall(r"([A-Z_]+)=", arguments)) <= variables, f"{page}: make {target}{arguments}"


@pytest.mark.parametrize("command", snakemake_commands())
def test_snakemake_commands_plan_jobs(command: str, checkout: Path) -> None:
    program, *arguments = shlex.split(command)
    assert program == ".venv/bin/snakemake"
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", *arguments], cwd=checkout, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert "Job stats:" in result.stdout + result.stderr


def test_programs_were_found() -> None:
    assert {f"-m supernet {name}" for name in ("audit", "explain", "trace", "unpack")} <= set(PROGRAMS)
    assert {"--row"} == PROGRAMS["-m supernet explain"] and "--archive" in PROGRAMS["-m supernet audit"]


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_programs_have_the_options_that_commands_give_them(name: str) -> None:
    told = subprocess.run([sys.executable, *shlex.split(name), "--help"], cwd=ROOT, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    assert PROGRAMS[name] <= set(re.findall(r"--[a-z-]+", told.stdout))


def test_the_readme_names_every_table_and_figure_of_mini() -> None:
    study = load_study(ROOT / "workflow" / "studies" / "mini.yaml")
    rows = {line.split("`")[1]: line for line in text(README).splitlines() if line.startswith("| `results/mini/")}
    for folder, names in (("tables", catalogue.table_names(study)), ("figures", catalogue.figure_names(study))):
        named = set(re.findall(r"`(\w+)`", rows[f"results/mini/{folder}/"]))
        assert named == set(names) - set(study.factors()), folder


def test_python_example_of_the_readme_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = fences(README, "python")
    exec(compile(example, str(README), "exec"), {"__name__": "example"})
    printed = capsys.readouterr().out
    assert printed.startswith("|") and printed.count("torch.Size([4, 10])") == 2


def test_programs_run_by_hand_as_documented(tmp_path: Path) -> None:
    block = next(block for block in fences(Path("docs/use/how-to.md"), "sh") if "scripts/pool.py" in block)
    script = block.replace("/tmp/byhand", str(tmp_path)).replace(".venv/bin/python", shlex.quote(sys.executable))
    subprocess.run(["bash", "-euc", script], cwd=ROOT, check=True, capture_output=True)
    for name in ("digits.safetensors", "pool.parquet", "run.json"):
        assert (tmp_path / name).stat().st_size > 0
