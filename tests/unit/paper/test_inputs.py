"""Tables and figures: the artifacts that they declare are those that they read; their modules are all they import."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import fake_results
import pytest
from checkouts import ROOT

from supernet.config.study import Features, Landscape
from supernet.paper import catalogue, inputs
from supernet.paper.costs import table_runs
from supernet.paper.load import Results
from supernet.pipeline.files import StudyFiles
from supernet.pipeline.plan import Plan
from supernet.provenance.closure import Closure
from supernet.provenance.recorder import UNRECORDED, Recorder, recording
from supernet.site.sources import MODULE

PAPER = ROOT / "supernet" / "paper"
MODULES = sorted(path for kind in ("tables", "figures") for path in (PAPER / kind).glob("*.py"))
MADE = [path for path in MODULES if "def make(" in path.read_text()]


class Log:
    """Takes the place of a recorder, and keeps the paths of results that are read."""

    def __init__(self) -> None:
        self.paths: set[str] = set()

    def read(self, path: Path | str, kind: str, pinned: Any) -> None:
        if kind == "result":
            self.paths.add(str(path))

    def announce(self) -> None:
        return None

    def record(self, path: Path | str, content: Path) -> dict[str, Any]:
        return {}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> StudyFiles:
    """The mini study of the tests with landscapes and features, and made-up results."""
    folder = tmp_path_factory.mktemp("results")
    plan = Plan.load({"study": str(ROOT / "tests/studies/mini.yaml"), "results": str(folder)}, ROOT)
    scoring = plan.study.scoring.model_copy(update={"bn_modes": ("batch",)})
    study = plan.study.model_copy(update={"landscape": Landscape(), "features": Features(), "scoring": scoring})
    fake_results.write_results(study, Path(plan.results))
    return StudyFiles(Plan(plan.config, study, plan.study_file, plan.root))


def one_name_per_module(names: Sequence[str], module: Callable[[str], Path]) -> list[str]:
    return list({module(name): name for name in names}.values())


def read_by(make: Callable[[str, Results, Path], None], name: str, files: StudyFiles, tmp_path: Path) -> set[str]:
    """Return the results that a table or figure reads."""
    results = Results(files.plan.study, Path(files.plan.results), ROOT / "docs" / "published.csv")
    log = Log()
    with recording(cast(Recorder, log)):
        make(name, results, tmp_path / name)
    return log.paths


@pytest.mark.parametrize("kind", ["table", "figure"])
def test_a_declaration_names_what_is_read_and_nothing_else(files: StudyFiles, kind: str, tmp_path: Path) -> None:
    names = {"table": catalogue.table_names, "figure": catalogue.figure_names}[kind](files.plan.study)
    module = {"table": catalogue.table_module, "figure": catalogue.figure_module}[kind]
    make = {"table": catalogue.make_table, "figure": catalogue.make_figure}[kind]
    for name in one_name_per_module(names, module):
        read = read_by(make, name, files, tmp_path)
        assert read <= set(inputs.artifacts(files, name, module(name))), name
        for one in inputs.declared(module(name)):
            there = {path for path in files.of((one,), table_runs(files.plan.study, name)) if Path(path).exists()}
            assert not there or read & there, f"{name} declares {one} and reads none of it"


@pytest.mark.parametrize("path", MADE, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_declaration_in_the_text_is_that_of_the_module(path: Path) -> None:
    module = importlib.import_module(f"supernet.paper.{path.parent.name}.{path.stem}")
    assert inputs.declared(path) == module.INPUTS


def test_a_module_without_a_declaration_or_with_an_unknown_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "new.py"
    for text in ("X = 1\n", "INPUTS: tuple[Kind, ...] = ('metrix',)\n", "INPUTS: tuple[Kind, ...] = 'metrics'\n"):
        path.write_text(text)
        inputs.declared.cache_clear()
        with pytest.raises(ValueError, match="INPUTS"):
            inputs.declared(path)


def test_systems_that_all_leaves_out_are_inputs_of_what_all_leaves_out() -> None:
    plan = Plan.load({"study": "midi"}, ROOT)
    assert plan.study.searches is not None and not plan.systems_in_all
    files = StudyFiles(plan)
    systems = set(files.systems)
    assert systems and systems <= set(
        inputs.artifacts(files, "search_systems", catalogue.table_module("search_systems"))
    )
    for name in ("verdicts", "costs"):
        assert not systems & set(inputs.artifacts(files, name, catalogue.table_module(name)))


class TestModules:
    closure = Closure()

    def of(self, path: Path) -> set[str]:
        return set(inputs.modules(self.closure, path))

    def test_what_all_figures_import_is_an_input_of_each_and_of_no_table(self) -> None:
        shared = "supernet/paper/style.py"
        assert {path.stem for path in MADE if shared in self.of(path)} == {
            path.stem for path in MADE if path.parent.name == "figures"
        } and not any(shared in self.of(path) for path in MADE if path.parent.name == "tables")

    @pytest.mark.parametrize("name", ["tables/verdicts", "figures/epochs"])
    def test_no_module_that_is_loaded_is_missing(self, name: str) -> None:
        """The independent reference: what the interpreter has loaded after importing the module."""
        code = (
            f"import sys, supernet.paper.{name.replace('/', '.')}; "
            "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'supernet'))"
        )
        result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        loaded = {Path(line).relative_to(ROOT).as_posix() for line in result.stdout.split()}
        assert loaded and loaded <= self.of(PAPER / f"{name}.py") | UNRECORDED

    def test_a_figure_is_an_input_of_itself_alone(self) -> None:
        for path in MADE:
            name = path.relative_to(ROOT).as_posix()
            users = {other.stem for other in MADE if name in self.of(other)}
            assert path.stem in users
            assert users == {path.stem} or path.stem in ("_sweep", "_group", "factor", "correlations")

    def test_a_module_further_down_is_an_input(self) -> None:
        assert "supernet/config/factors.py" in self.of(PAPER / "figures" / "epochs.py")
        assert "supernet/paper/figures/_sweep.py" in self.of(PAPER / "figures" / "epochs.py")

    @pytest.mark.parametrize("path", [*MADE, MODULE], ids=lambda path: path.stem)
    def test_training_code_is_not_an_input(self, path: Path) -> None:
        folders = ("training", "search", "analysis", "download", "launcher")
        found = self.of(path)
        assert path.relative_to(ROOT).as_posix() in found
        assert not [name for name in found if name.split("/")[1] in folders or "torch" in imports(ROOT / name)]


def imports(path: Path) -> set[str]:
    """Return the packages that a module imports when it is loaded."""
    lines = [line.split() for line in path.read_text().splitlines() if line.startswith(("import ", "from "))]
    return {line[1].split(".")[0] for line in lines}
