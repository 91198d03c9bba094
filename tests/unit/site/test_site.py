"""The static site: its numbers, its links, and its pages in a real headless Chromium (`make test-deps`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import browser
import fake_results
import numpy as np
import pandas as pd
import pytest
from browser import Browser
from checkouts import ROOT

from supernet.config.study import load_study
from supernet.errors import UserError
from supernet.paper import catalogue, render
from supernet.paper.load import Results
from supernet.site.build import Site
from supernet.site.grid import Cell, grid, run_page
from supernet.site.plots import plot
from supernet.site.start import start_page

STUDY_FILE = ROOT / "tests" / "studies" / "mini.yaml"
PAGES = ("index.html", "tables.html", "figures.html", "runs.html", "runs/nasbench201/learning_rate=0.005.html")
NARROW, WIDE = 400, 1600
CAPTION = render.Caption.of("Caption.", ["Note."])
needs_browser = pytest.mark.skipif(browser.COMMAND is None, reason="no Chromium: run `make test-deps`")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Made-up results of study `mini` with all tables and figures; the path contains a space."""
    study = load_study(STUDY_FILE)
    folder = fake_results.write_results(study, tmp_path_factory.mktemp("with space"))
    found = Results(study, folder, ROOT / "docs" / "published.csv")
    for name in catalogue.table_names(study):
        catalogue.make_table(name, found, folder / "tables" / name)
    for name in catalogue.figure_names(study):
        catalogue.make_figure(name, found, folder / "figures" / name)
    return found


@pytest.fixture(scope="module")
def site(results: Results) -> Path:
    folder = results.folder / "site"
    Site(results).write(folder)
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser.chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


# Numbers ------------------------------------------------------------------------------------------------


def test_a_cell_shows_four_digits_and_sorts_by_all() -> None:
    table = pd.DataFrame(
        {"space": ["darts"], "setting": ["baseline"], "seed": [1], "mean": [-0.123456], "low": [np.nan]}
    )
    shown = grid(table, frozenset({("darts", "baseline")}))
    assert shown.numeric == (False, False, True, True, True)
    assert shown.rows[0] == (
        Cell("darts", "darts", href="runs.html#darts"),
        Cell("baseline", "baseline", href="runs/darts/baseline.html#seed1"),
        Cell("1", "1.0", number=True),
        Cell("\u22120.1235", "-0.123456", number=True),
        Cell("\u2013", "", number=True),
    )


def test_a_setting_without_runs_has_no_link() -> None:
    table = pd.DataFrame({"space": ["darts", "darts"], "setting": ["baseline", "epochs=2"]})
    rows = grid(table, frozenset({("darts", "baseline")}), hidden=("space",)).rows
    assert [cell.href for (cell,) in rows] == ["runs/darts/baseline.html", ""]


def test_addresses_of_runs_are_quoted() -> None:
    assert run_page("darts", "batch_norm=affine+tracking", 3) == "runs/darts/batch_norm%3Daffine%2Btracking.html#seed3"


def test_a_plot_has_the_numbers_of_the_figure(results: Results) -> None:
    drawn = pd.read_csv(results.folder / "figures" / "learning_rate.csv")
    made = plot("learning_rate", drawn, run_page)
    assert made is not None
    trace = next(one for one in made["data"] if one["name"] == "DARTS" and one["yaxis"] == "y2")
    own = drawn[(drawn["space"] == "darts") & (drawn["metric"] == "accuracy") & (drawn["kind"] == "mean")]
    assert trace["x"] == ["0.005", "0.025", "0.1"]
    assert trace["y"] == pytest.approx(100 * own["mean"].to_numpy())
    assert trace["error_y"]["array"] == pytest.approx(100 * (own["high"] - own["mean"]).to_numpy())
    assert trace["customdata"][0] == "runs/darts/learning_rate%3D0.005.html"
    json.dumps(made, allow_nan=False)


def test_a_figure_without_a_known_form_has_no_plot() -> None:
    assert plot("paradigms", pd.DataFrame({"panel": ["a"], "words": ["x"]}), run_page) is None
    empty = pd.DataFrame(columns=["space", "setting", "seed", "metric", "value", "final_mean"])
    assert plot("accuracy_vs_final", empty, run_page) is None


def test_a_printed_table_sorts_by_leading_numbers() -> None:
    text = pd.DataFrame({"Setting": ["a<b", "c"], "KdT": ["\u22120.12 ± 0.30\n[\u22120.2, 0.1]", "\u2013"]})
    element = render.table_element(render.html(render.Table(text, text, CAPTION, left=frozenset({"Setting"})), "t"))
    assert "<td>a&lt;b</td>" in element
    assert '<td class="number" data-order="-0.12">\u22120.12 ± 0.30<br>[\u22120.2, 0.1]</td>' in element
    assert '<td class="number" data-order="">\u2013</td>' in element
    with pytest.raises(ValueError, match="0 tables"):
        render.table_element("<p>none</p>")


def test_the_start_page_says_which_study_and_what_it_cost(results: Results) -> None:
    text = start_page(results.study, results.folder, None)
    runs = len(list(results.study.runs()))
    assert f":Super-nets: {runs}, one per space" in text
    assert f"The jobs of this study took {runs * 90 / 3600 + 3 * results.study.pool.shards:.2f} hours" in text


# Files --------------------------------------------------------------------------------------------------


def test_every_link_within_the_results_leads_to_a_file(site: Path) -> None:
    links = 0
    for file in site.rglob("*.html"):
        text = file.read_text(encoding="utf-8")
        for piece in text.split('href="')[1:] + text.split('src="')[1:]:
            address = urlsplit(piece.split('"')[0])
            if address.scheme == "data":
                continue
            assert not address.scheme and not address.netloc, f"{file}: {address} needs a network"
            target = file if not address.path else file.parent / unquote(address.path)
            assert target.resolve().exists(), f"{file}: {address.geturl()}"
            if address.fragment and target.suffix == ".html":
                assert f'id="{address.fragment}"' in target.read_text(encoding="utf-8"), f"{file}: {address.geturl()}"
            links += 1
    assert links > 500


def test_every_run_has_a_page_with_its_config_and_files(site: Path, results: Results) -> None:
    for space, setting, seed in results.study.runs():
        text = (site / "runs" / space / f"{setting}.html").read_text(encoding="utf-8")
        assert f'id="seed{seed}"' in text
        assert f"/seed{seed}/run.json" in text and f"/seed{seed}/scores.parquet" in text
    text = (site / "runs" / "nasbench201" / "learning_rate=0.1.html").read_text(encoding="utf-8")
    assert "diverged at step 77" in text
    assert "<code>learning_rate</code> is 0.1 (baseline: 0.025)" in text


def test_records_of_provenance_are_linked_where_they_exist(site: Path, results: Results, tmp_path: Path) -> None:
    path = "runs/darts/baseline.html"
    assert ".prov.json" not in (site / path).read_text(encoding="utf-8")
    record = results.folder / "runs" / "darts" / "baseline" / "seed0" / "scores.prov.json"
    record.write_text("{}")
    try:
        Site(results).write(tmp_path / "site")
    finally:
        record.unlink()
    assert "/seed0/scores.prov.json" in (tmp_path / "site" / path).read_text(encoding="utf-8")


def test_a_new_site_replaces_the_old_one_and_nothing_else(results: Results, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    Site(results).write(folder)
    (folder / "runs" / "darts" / "gone.html").write_text("of a setting that is no more")
    Site(results).write(folder)
    assert not (folder / "runs" / "darts" / "gone.html").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match=r"holds files that scripts/site\.py did not make"):
        Site(results).write(mine)
    assert (mine / "letter.txt").exists()


def test_a_long_table_of_numbers_is_a_file_only(
    results: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers of a figure with 15 625 architectures would make a page of megabytes."""
    lengths = {name: len(pd.read_csv(results.folder / "figures" / f"{name}.csv")) for name in ("search", "paradigms")}
    monkeypatch.setattr("supernet.site.build.LONGEST", lengths["search"] - 1)
    Site(results).write(tmp_path / "site")
    sections = (tmp_path / "site" / "figures.html").read_text().split("<section ")
    found = {name: next(text for text in sections if f'id="{name}"' in text) for name in lengths}
    assert f"{lengths['search']} rows, too many for a page: they are in the CSV file." in found["search"]
    assert "<table" not in found["search"] and 'class="plot"' not in found["search"]
    assert "search.csv" in found["search"] and "<table" in found["paradigms"]


def test_the_start_page_names_a_pool_that_is_everything(results: Results) -> None:
    whole = results.study.pool.model_copy(update={"size": "all"})
    text = start_page(results.study.model_copy(update={"pool": whole}), results.folder, None)
    assert ":Pool: every architecture of a published table that is a uniform sample of its space, scored" in text


def test_a_missing_figure_is_named(results: Results, tmp_path: Path) -> None:
    file = results.folder / "figures" / "epochs.png"
    kept = file.read_bytes()
    file.unlink()
    try:
        with pytest.raises(UserError, match=r"lacks epochs\.png; make them with `snakemake figures`"):
            Site(results).write(tmp_path / "site")
    finally:
        file.write_bytes(kept)
    assert not list(tmp_path.iterdir())


# In a browser -------------------------------------------------------------------------------------------


@needs_browser
@pytest.mark.browser
class TestBrowser:
    @pytest.mark.parametrize("width", [NARROW, WIDE])
    @pytest.mark.parametrize("path", PAGES)
    def test_pages_fit_and_report_no_error(self, page: Browser, site: Path, path: str, width: int) -> None:
        page.open(site / path, width)
        page.run("document.querySelectorAll('details').forEach(one => one.open = true)")
        page.wait("[...document.querySelectorAll('table')].every(one => one.classList.contains('dataTable'))")
        page.wait("[...document.querySelectorAll('.plot')].every(one => one.querySelector('.main-svg'))")
        assert page.run("document.documentElement.scrollWidth <= window.innerWidth")
        # A table that does not fit has a scroll bar that is visible, and whose region can be focused.
        scrolled = "e => e.scrollWidth > e.clientWidth && !/visible|hidden/.test(getComputedStyle(e).overflowX)"
        bars = f"[...document.querySelectorAll('main *')].filter({scrolled}).filter(e => e.tagName !== 'PRE')"
        assert page.run(f"{bars}.every(e => e.tabIndex === 0 && e.offsetHeight > e.clientHeight)")
        cut = "e => e.getBoundingClientRect().right > e.closest('.wide').getBoundingClientRect().right + 1"
        covered = "e => e.closest('.wide').scrollWidth > e.closest('.wide').clientWidth"
        assert page.run(f"[...document.querySelectorAll('.wide table')].filter({cut}).every({covered})")
        assert page.errors == []
        assert {urlsplit(address).scheme for address in page.requests_made} <= {"file", "data", "blob"}

    def test_errors_of_a_page_are_seen(self, page: Browser, tmp_path: Path) -> None:
        """Otherwise `no error` above would say nothing."""
        bad = tmp_path / "bad.html"
        bad.write_text("<!doctype html><img src='none.png'><script>console.error('one'); undefinedName()</script>")
        page.open(bad)
        page.wait("document.images[0].complete")
        text = " ".join(page.errors)
        assert "one" in text and "undefinedName" in text and "ERR_FILE_NOT_FOUND" in text

    def test_every_image_loads(self, page: Browser, site: Path, results: Results) -> None:
        page.open(site / "figures.html")
        page.run("[...document.images].forEach(one => one.loading = 'eager')")
        page.wait("[...document.images].every(one => one.complete)")
        widths = page.run("[...document.images].map(one => one.naturalWidth)")
        assert len(widths) == len(catalogue.figure_names(results.study)) and min(widths) >= 600

    def test_a_click_sorts(self, page: Browser, site: Path) -> None:
        page.open(site / "runs.html")
        page.wait("document.querySelectorAll('table.dataTable').length === 3")
        column = header(page, "#darts ~ * table", "accuracy")
        before = values(page, "#darts ~ * table", column)
        place = f"#darts ~ * thead th:nth-child({column + 1})"
        page.click(place)
        page.wait(f"document.querySelector('{place}').ariaSort === 'ascending'")
        assert values(page, "#darts ~ * table", column) == sorted(before) != before
        page.click(place)
        page.wait(f"document.querySelector('{place}').ariaSort === 'descending'")
        assert values(page, "#darts ~ * table", column) == sorted(before, reverse=True)

    def test_the_keyboard_reaches_headers_and_sorts(self, page: Browser, site: Path) -> None:
        page.open(site / "runs.html")
        page.wait("document.querySelectorAll('table.dataTable').length === 3")
        column = header(page, "#nasbench101 ~ * table", "s_kdt")
        seen = []
        for _ in range(30):
            page.press("Tab")
            seen.append(page.run("(document.activeElement.closest('th') ?? document.activeElement).textContent.trim()"))
            if seen[-1] == "s_kdt":
                break
        assert seen[0] == "Skip to the content" and seen[-1] == "s_kdt"
        page.press("Enter")
        page.wait(
            f"document.querySelector('#nasbench101 ~ * thead th:nth-child({column + 1})').ariaSort === 'ascending'"
        )
        found = values(page, "#nasbench101 ~ * table", column)
        assert found == sorted(found) and len(set(found)) > 2

    def test_a_details_element_opens_by_keyboard_and_its_table_sorts(self, page: Browser, site: Path) -> None:
        page.open(site / "tables.html")
        page.run("document.querySelector('#learning_rate ~ details.numbers summary').focus()")
        page.press("Enter")
        page.wait("document.querySelector('#learning_rate ~ details[open] table.dataTable')")

    def test_numbers_lead_to_their_runs(self, page: Browser, site: Path) -> None:
        page.open(site / "runs.html")
        page.wait("document.querySelectorAll('table.dataTable').length === 3")
        page.click("#darts ~ * a[href*='path_sampling']")
        page.wait("location.pathname.includes('/runs/darts/') && document.querySelector('h1')")
        assert page.run("document.querySelector('h1').textContent") == "DARTS, path_sampling=fairnas"
        assert page.run("location.hash") == "#seed0"

    def test_values_show_under_the_pointer_and_a_click_opens_the_runs(self, page: Browser, site: Path) -> None:
        page.open(site / "figures.html")
        page.click("#learning_rate ~ details.hover summary")
        page.wait("document.querySelector('#learning_rate ~ details .points path')")
        place = "document.querySelector('#learning_rate ~ details .plot')"
        page.run(f"{place}.scrollIntoView()")
        x, y = page.run(
            f"(() => {{ const box = {place}.querySelector('.points path').getBoundingClientRect();"
            " return [box.x + box.width / 2, box.y + box.height / 2]; })()"
        )
        page.move(x - 3, y)
        page.move(x, y)
        page.wait(f"{place}.querySelector('.hoverlayer .hovertext')")
        assert "setting: learning_rate=0.005" in page.run(f"{place}.querySelector('.hoverlayer').textContent")
        for kind in ("mousePressed", "mouseReleased"):
            page.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        page.wait("decodeURIComponent(location.pathname).endsWith('learning_rate=0.005.html')")


def header(page: Browser, table: str, name: str) -> int:
    """Return the position of a column."""
    names = page.run(f"[...document.querySelectorAll('{table} thead th')].map(one => one.textContent.trim())")
    position: int = names.index(name)
    return position


def values(page: Browser, table: str, column: int) -> list[float]:
    """Return the numbers of a column from top to bottom, without missing ones."""
    cells = page.run(
        f"[...document.querySelectorAll('{table} tbody tr')].map(row => row.cells[{column}].dataset.order)"
    )
    return [float(cell) for cell in cells if cell]
