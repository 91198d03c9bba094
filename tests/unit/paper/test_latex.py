"""The LaTeX of every table compiles with booktabs; needs an engine (`make test-deps`)."""

import shutil
import subprocess
from pathlib import Path

import fake_results
import pytest
from checkouts import ROOT

from supernet.config.study import load_study
from supernet.paper import catalogue
from supernet.paper.load import Results

STUDY_FILE = ROOT / "tests" / "studies" / "mini.yaml"


@pytest.mark.latex
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex: run `make test-deps`")
def test_every_table_compiles(tmp_path: Path) -> None:
    study = load_study(STUDY_FILE)
    results = Results(study, fake_results.write_results(study, tmp_path / "results"))
    names = catalogue.table_names(study)
    for name in names:
        catalogue.make_table(name, results, tmp_path / name)
    body = "\n".join(rf"\input{{{name}.tex}}" for name in names)
    (tmp_path / "all.tex").write_text(
        rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{body}\end{{document}}"
    )
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "all.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 0
