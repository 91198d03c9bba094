"""Captions have at most three sentences; notes hold definitions and digests, and are folded wherever they are shown."""

import html
import re
import shutil
from pathlib import Path

import fake_results
import pandas as pd
import pytest
import yaml
from checkouts import ROOT
from docutils.core import publish_parts
from jinja2 import Template

from supernet.config.study import load_study
from supernet.io.atomic import write_table
from supernet.paper import catalogue
from supernet.paper.load import Results
from supernet.paper.render import DIGEST_LENGTH, Caption, read_caption, write_caption
from supernet.provenance.record import inputs_digest, read_record
from supernet.provenance.recorder import Recorder, note_config, recording
from supernet.site.build import Site

MOST_SENTENCES = 3
MOST_CHARACTERS = 420
SENTENCE_END = re.compile(r"[.!?](?=\s|$)")
WITHOUT_INPUTS = frozenset({"factors", "paradigms"})
"""Tables and figures that show no results."""
COMMON_PRACTICE = {"batch_norm": "none", "epochs": 50}
SYSTEMS = ["random_search", "spos", "gdas"]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Made-up results of a study with every optional section, with a record, and all of its tables and figures."""
    content = yaml.safe_load((ROOT / "tests" / "studies" / "mini.yaml").read_text(encoding="utf-8"))
    content |= {"landscape": {"grid": 3, "images": 32, "paths": 2}, "features": {"steps": 40, "batches": 6}}
    content |= {"standalone": {"architectures": 8, "ceiling": 12, "epochs": 5, "seeds": 2}}
    content["searches"] = {"systems": dict.fromkeys(("nasbench201", "darts"), SYSTEMS), "images": 9_000}
    content["spaces"]["nasbench101"]["cumulative"] = COMMON_PRACTICE
    path = tmp_path_factory.mktemp("study") / "mini.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    study = load_study(path)
    found = Results(study, fake_results.write_results(study, tmp_path_factory.mktemp("results")))
    with recording(Recorder(ROOT / "scripts" / "metrics.py")):
        note_config({"study": study.study})
        write_table(found.folder / "metrics.parquet", pd.read_parquet(found.folder / "metrics.parquet"))
    with recording(Recorder(ROOT / "scripts" / "table.py")):
        for name in catalogue.table_names(study):
            catalogue.make_table(name, found, found.folder / "tables" / name)
        for name in catalogue.figure_names(study):
            catalogue.make_figure(name, found, found.folder / "figures" / name)
    return found


@pytest.fixture(scope="module")
def written(results: Results) -> dict[str, Caption]:
    """Captions by kind and name, such as `tables/epochs`."""
    files = [*results.folder.glob("tables/*.md"), *results.folder.glob("figures/*.md")]
    return {f"{path.parent.name}/{path.stem}": read_caption(path) for path in files}


def test_every_table_and_figure_has_a_short_caption(results: Results, written: dict[str, Caption]) -> None:
    tables, figures = catalogue.table_names(results.study), catalogue.figure_names(results.study)
    assert set(written) == {f"tables/{name}" for name in tables} | {f"figures/{name}" for name in figures}
    assert {"tables/search_systems", "figures/landscape", "figures/cumulative"} <= set(written)
    for name, caption in written.items():
        sentences = len(SENTENCE_END.findall(caption.text))
        assert 1 <= sentences <= MOST_SENTENCES, f"{name}: {sentences} sentences: {caption.text}"
        assert len(caption.text) <= MOST_CHARACTERS, f"{name}: {len(caption.text)} characters: {caption.text}"
        assert caption.text.endswith(".") and "  " not in caption.text, name


def test_notes_hold_definitions_and_costs(written: dict[str, Caption]) -> None:
    for path, caption in written.items():
        assert all(note.strip() == note and note for note in caption.notes), path
    for name in ("tables/epochs", "figures/epochs", "figures/kdt_vs_skdt", "tables/spaces"):
        assert "S-KdT is Kendall's tau-b with ground truth rounded to" in "\n".join(written[name].notes), name
    assert "P>R = (1 - r/N)^n" in "\n".join(written["tables/epochs"].notes)
    assert "2 runs diverged and are excluded" in "\n".join(written["tables/learning_rate"].notes)
    assert "hours on cpu" in "\n".join(written["tables/epochs"].notes)


def test_notes_have_the_digest_of_what_the_program_has_read(results: Results, written: dict[str, Caption]) -> None:
    digests = set()
    for path, caption in written.items():
        made = read_record(results.folder / f"{path}.md")["made"]
        (note,) = (note for note in caption.notes if note.startswith("Digest of the inputs"))
        # In the fixture, only metrics.parquet has a record.
        without = sum(one["kind"] == "result" for one in made["inputs"]) - 1
        lacking = f", {without} of which have no provenance record" if without else ""
        assert note == f"Digest of the inputs{lacking}: {inputs_digest(made['inputs'])[:DIGEST_LENGTH]}.", path
        digests.add(note)
    assert len(digests) > 5


def test_a_caption_without_inputs_has_no_digest(results: Results, tmp_path: Path) -> None:
    with recording(Recorder(ROOT / "scripts" / "table.py")):
        for name in WITHOUT_INPUTS & set(catalogue.table_names(results.study)):
            catalogue.make_table(name, results, tmp_path / name)
    pages = list(tmp_path.glob("*.md"))
    assert pages and not any("Digest of the inputs" in page.read_text(encoding="utf-8") for page in pages)


def test_another_reference_gives_another_digest(results: Results, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(results.folder, tmp_path / results.folder.name))
    before = _digest_note(Results(results.study, folder), tmp_path / "before")
    assert _digest_note(Results(results.study, folder), tmp_path / "again") == before
    table = pd.read_parquet(folder / "references.parquet")
    table.assign(estimate=0.99).to_parquet(folder / "references.parquet")
    assert _digest_note(Results(results.study, folder), tmp_path / "after") != before


def _digest_note(results: Results, stem: Path) -> str:
    with recording(Recorder(ROOT / "scripts" / "table.py")):
        catalogue.make_table("epochs", results, stem)
    (note,) = (one for one in read_caption(Path(f"{stem}.md")).notes if one.startswith("Digest of the inputs"))
    return note


def test_a_caption_survives_its_file(tmp_path: Path) -> None:
    caption = Caption.of("P>R of a_b* [1] | 100 %.", ["`x` \\ <y>", "", "Second."])
    write_caption(tmp_path / "c.md", caption)
    assert read_caption(tmp_path / "c.md") == caption == Caption(caption.text, ("`x` \\ <y>", "Second."))


def test_tables_fold_their_notes(results: Results, written: dict[str, Caption]) -> None:
    for name in catalogue.table_names(results.study):
        stem = results.folder / "tables" / name
        for suffix in (".md", ".html"):
            text = stem.with_suffix(suffix).read_text(encoding="utf-8")
            shown, folded = text.split("<details><summary>Notes</summary>")
            start = written[f"tables/{name}"].notes[0].split("'")[0][:30]
            assert start in folded and start not in shown, (name, suffix)
        latex = stem.with_suffix(".tex").read_text(encoding="utf-8")
        caption, rest = latex.split(r"\label{")
        assert "Root digest" not in caption and rest.index(r"\end{tabular}") < rest.index("Notes.")
        assert rest.index(r"\footnotesize") < rest.index(r"\begin{tabular}")


@pytest.mark.parametrize(("kind", "position", "page"), [("tables", 1, "table.rst"), ("figures", 2, "figure.rst")])
def test_the_report_folds_them(
    results: Results, written: dict[str, Caption], kind: str, position: int, page: str
) -> None:
    """Captions of the report are rendered as Snakemake does: the template first, then reStructuredText."""
    template = Template((ROOT / "workflow" / "report" / page).read_text(encoding="utf-8"))
    for path, caption in written.items():
        if not path.startswith(kind):
            continue
        output = ["", "", ""]
        output[position] = f"{results.folder / path}.md"
        body = publish_parts(template.render(snakemake={"output": output}), writer="html")["body"]
        assert "system-message" not in body, path
        shown, folded = body.split("<details><summary>Notes</summary>")
        assert text_of(shown) == plain(caption.text), path
        assert [text_of(note) for note in folded.split("</p>")[:-1]] == [plain(note) for note in caption.notes], path
        assert folded.rstrip().endswith("</details>")


HOSTILE = (
    "Study x: </script><img src=x onerror=alert(1)> {{7*7}} |a|_ :sup:`b` `c <javascript:alert(2)>`_ "
    "javascript:alert(3) data:text/html,d http://e.f g@h.ij "
    "<details><summary>Notes</summary> [k](javascript:alert(4)) l::"
)


def test_texts_of_a_study_are_text_in_the_report(tmp_path: Path) -> None:
    path, caption = tmp_path / "c.md", Caption.of(HOSTILE, [HOSTILE, "Second."])
    write_caption(path, caption)
    assert read_caption(path) == caption
    template = Template((ROOT / "workflow" / "report" / "figure.rst").read_text(encoding="utf-8"))
    body = publish_parts(template.render(snakemake={"output": ["", "", str(path)]}), writer="html")["body"]
    assert set(re.findall(r"<(\w+)", body)) == {"p", "details", "summary"}
    assert [text_of(part) for part in body.split("</p>")[:2]] == [plain(HOSTILE), f"Notes{plain(HOSTILE)}"]


def test_the_site_folds_them(results: Results, written: dict[str, Caption], tmp_path: Path) -> None:
    Site(results).write(tmp_path / "site")
    for kind in ("tables", "figures"):
        text = (tmp_path / "site" / f"{kind}.html").read_text(encoding="utf-8")
        for path, caption in written.items():
            if path.startswith(kind):
                section = text.split(f'<section aria-labelledby="{path.partition("/")[2]}">')[1].split("</section>")[0]
                shown, folded = section.split('<details class="notes">')
                notes = folded.split("</details>")[0]
                assert plain(caption.text) in text_of(shown), path
                assert [text_of(note) for note in notes.split("<p>")[1:]] == [plain(n) for n in caption.notes], path


def text_of(element: str) -> str:
    """Text of a piece of HTML without tags and entities, white space as single spaces."""
    return plain(html.unescape(re.sub(r"<[^>]*>", "", element)))


def plain(text: str) -> str:
    return " ".join(text.split())
