"""Writes the site: all pages into a new folder that replaces the old one."""

import json
import logging
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from supernet.config.artifacts import Artifacts, Drawn, Kind
from supernet.errors import UserError
from supernet.io.atomic import write_text
from supernet.io.folders import replaced
from supernet.paper import captions
from supernet.paper.catalogue import figure_names, heading, on_request, section, table_names
from supernet.paper.costs import costs, total_sentence
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, count, listed
from supernet.paper.render import Caption, read_caption, table_element
from supernet.site.grid import Grid, grid, run_page
from supernet.site.libraries import versions, write_libraries
from supernet.site.plots import plot
from supernet.site.runs import Run, measured, overview, runs

INPUTS: tuple[Kind, ...] = (
    "metrics",
    "run_timings",
    "truth_timings",
    "proxy_timings",
    "search_timings",
    "system_timings",
    "analysis_timings",
)
"""Inputs in addition to all tables, figures and summaries of runs."""
_ABOVE = Artifacts("../../..")
"""Results of the study as the page of a setting links to them."""
LONGEST = 5_000
"""Rows of the longest table that a page has, with an interactive plot; longer tables are only CSV files."""
_LOG = logging.getLogger(__name__)
_MARK = ".supernet-site"
_STATIC = ("site.css", "site.js")


@dataclass(frozen=True)
class Item:
    """A table or figure on its page: caption, numbers and their rows, the printed table (`body`) or its plot's data."""

    name: str
    title: str
    section: str
    caption: Caption
    numbers: Grid | None
    """None if the table has more than `LONGEST` rows."""
    rows: str
    files: tuple[Path, ...]
    body: str = ""
    plot: str = ""


@dataclass(frozen=True)
class Site:
    """The site of a study; its tables and figures must exist."""

    results: Results
    root_digest: str | None = None
    """Root digest of the results; None if a result or its record is missing."""

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All finished runs of the study."""
        return tuple(runs(self.results))

    @cached_property
    def pages(self) -> frozenset[tuple[str, str]]:
        """The (space, setting) pairs that have a page."""
        return frozenset((run.space, run.setting) for run in self.runs)

    def write(self, folder: Path) -> None:
        """Write the site to a folder, replacing an older site.

        Raises UserError if an artifact is missing or the folder contains other files.
        """
        with replaced(folder, _MARK, "scripts/site.py") as temporary:
            self._fill(temporary)
        _LOG.info("site of study %s, %d runs, written to %s", self.results.study.study, len(self.runs), folder)

    def _fill(self, folder: Path) -> None:
        write_libraries(folder / "assets")
        for name in _STATIC:
            write_text(folder / "assets" / name, (Path(__file__).parent / "static" / name).read_text(encoding="utf-8"))
        tables, figures = self._tables(), self._figures()
        for kind, items in (("tables", tables), ("figures", figures)):
            for item in items:
                for file in item.files:
                    (folder / kind).mkdir(exist_ok=True)
                    shutil.copyfile(file, folder / kind / file.name)
        self._page(folder, "tables.html", "Tables", items=tables)
        self._page(folder, "figures.html", "Figures", items=figures)
        self._page(folder, "runs.html", "Runs", **self._overview())
        for space, setting in sorted(self.pages):
            self._setting(folder, space, setting)
        facts = {"tables": tables, "figures": figures, "total": total_sentence(costs(self.results))}
        self._page(folder, "index.html", self.results.study.study, **facts, **self._facts())

    def _page(self, folder: Path, path: str, title: str, **values: Any) -> None:
        up = "../" * path.count("/")
        template = "setting.html" if path.startswith("runs/") else path
        text = _environment().get_template(template).render(
            title=title, up=up, study=self.results.study, here=path, versions=versions(), **values
        )  # fmt: skip
        write_text(folder / path, text)

    def _facts(self) -> dict[str, Any]:
        study = self.results.study
        return {
            "spaces": listed(study.spaces),
            "expected": sum(1 for _ in study.runs()),
            "finished": len(self.runs),
            "diverged": sum(run.summary["status"] == "diverged" for run in self.runs),
            "pool": captions.pool_sizes(study),
            "study_text": captions.study_sentence(self.results),
            "root": self.root_digest,
            "config": json.dumps(study.model_dump(mode="json"), indent=2),
        }

    @property
    def _left_out(self) -> frozenset[str]:
        """Tables and figures that the target `all` does not make; they may be missing."""
        return on_request(self.results.study)

    def _tables(self) -> list[Item]:
        names = (name for name in table_names(self.results.study) if name not in self._left_out)
        return [self._item("tables", name, self.results.artifacts.table(name)) for name in names]

    def _figures(self) -> list[Item]:
        names = (name for name in figure_names(self.results.study) if name not in self._left_out)
        return [self._item("figures", name, self.results.artifacts.figure(name)) for name in names]

    def _item(self, kind: str, name: str, found: Drawn) -> Item:
        files = tuple(Path(path) for path in found.files)
        lacking = [file.name for file in files if not file.exists()]
        if lacking:
            raise UserError(f"{files[0].parent}: lacks {', '.join(lacking)}; make them with `snakemake {kind}`")
        numbers = pd.read_csv(f"{found.stem}.csv")
        page = Path(f"{found.stem}.html").read_text(encoding="utf-8") if kind == "tables" else ""
        # A browser takes seconds for each of tables and plots that are longer.
        short = len(numbers) <= LONGEST
        drawn = plot(name, numbers, self._link) if kind == "figures" and short else None
        return Item(
            name=name,
            title=heading(name)[:1].upper() + heading(name)[1:],
            section=section(name),
            caption=read_caption(Path(f"{found.stem}.md")),
            numbers=grid(numbers, self.pages) if short else None,
            rows=count(len(numbers)),
            files=files,
            body=table_element(page) if page else "",
            plot="" if drawn is None else _script(drawn),
        )

    def _link(self, space: str, setting: str, seed: int | None) -> str:
        return run_page(space, setting, seed) if (space, setting) in self.pages else ""

    def _overview(self) -> dict[str, Any]:
        table = overview(self.results, self.runs)
        spaces = [space for space in SPACE_NAMES if (table["space"] == space).any()]
        grids = {space: grid(table[table["space"] == space], self.pages, hidden=("space",)) for space in spaces}
        return {"grids": grids, "names": SPACE_NAMES, "scores_text": captions.scores_sentence(self.results)}

    def _setting(self, folder: Path, space: str, setting: str) -> None:
        own = [run for run in self.runs if (run.space, run.setting) == (space, setting)]
        shown = [(run, grid(measured(self.results, run), frozenset())) for run in own]
        baseline = self.results.study.settings(space)["baseline"].model_dump(mode="json")
        changed = {
            key: (value, baseline[key])
            for key, value in own[0].summary["run"]["setting"].items()
            if value != baseline.get(key)
        }
        where = f"{SPACE_NAMES[space]}, {setting}"
        folders = {run.seed: _ABOVE.run(space, setting, run.seed).path for run in own}
        self._page(folder, f"runs/{space}/{setting}.html", where, shown=shown, changed=changed, folders=folders)


def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("supernet.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _script(value: Any) -> str:
    """JSON that is safe inside a `<script>` element."""
    return json.dumps(value, allow_nan=False).replace("<", "\\u003c")
