"""The notebook of the documentation, executed on made-up results."""

from pathlib import Path

import fake_results
import pytest
from checkouts import ROOT

from supernet.config.study import load_study

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = ROOT / "docs" / "use" / "results.ipynb"
STUDY = """
study: small
title: Two spaces for the notebook
data: {name: digits, test_portion: 0.25, scoring_portion: 0.25, crop_padding: 1, flip: false}
pool: {size: 8, seeds: 2, repeated: 8}
metrics: {top: 2}
search: {architectures: 4, retrain: 1}
spaces:
  nasbench201: &space
    truth: {channels: 4, layers: 1, epochs: 1, batch_size: 64, train_portion: 0.5}
    baseline: {channels: 4, layers: 1, epochs: 3, batch_size: 64, train_portion: 0.5}
    seeds: [0]
    sweep: {learning_rate: [0.05]}
  darts: *space
"""


def test_the_notebook_runs_and_draws_two_plots(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(STUDY)
    fake_results.write_results(load_study(tmp_path / "small.yaml"), tmp_path / "results")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source = f"study_file, folder = {str(tmp_path / 'small.yaml')!r}, {str(tmp_path / 'results')!r}"
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    tables = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert len(tables) == 2 and "learning_rate=0.05" in tables[0]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


def test_the_notebook_is_kept_without_outputs_and_reads_mini() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    study = ROOT / "workflow" / "studies" / "mini.yaml"
    assert study.is_file() and '"workflow" / "studies" / "mini.yaml"' in "\n".join(cell.source for cell in code)
