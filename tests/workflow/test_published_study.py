"""A study with published ground truth and real images, from the mirror to tables and figures."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from checkouts import ROOT, copy_checkout
from mirror import mirror as mirror
from safetensors.numpy import load_file
from scipy.stats import kendalltau

from supernet.pipeline.plan import Plan
from supernet.published.table import PublishedTable

pytestmark = pytest.mark.benchmarks
STUDY = "tests/studies/published.yaml"


def snakemake(folder: Path, mirror: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(
        [*command, "--config", f"study={STUDY}", f"mirror={mirror}"], cwd=folder, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Path:
    """A checkout in which the study has run."""
    folder = copy_checkout(tmp_path_factory.mktemp("clone"))
    result = snakemake(folder, mirror)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return folder


def test_pools_hold_published_accuracies(finished: Path) -> None:
    for space in ("nasbench101", "nasbench201", "macro"):
        table = PublishedTable.load(finished / "resources" / "tables" / f"{space}.parquet")
        pool = pd.read_parquet(finished / "results" / "published" / "pools" / f"{space}.parquet")
        assert len(pool) == 12
        rows = table.take(table.rows(pool["arch_id"]))
        assert rows["test_acc"].tolist() == pool["truth"].tolist()
        assert rows["uniform"].all()
    # Nothing was trained where ground truth is published, and everything where it is not.
    trained = {path.name for path in (finished / "results" / "published" / "truth").iterdir()}
    assert trained == {"darts"}


def test_every_table_says_where_its_ground_truth_is_from(finished: Path) -> None:
    results = finished / "results" / "published"
    texts = [*results.glob("tables/*.md"), *results.glob("figures/*.md")]
    assert len(texts) >= 8
    for path in texts:
        text = path.read_text(encoding="utf-8")
        if path.stem in ("factors", "paradigms", "costs"):  # they have no accuracies
            continue
        assert "CIFAR-10, re-encoded as JPEG (cifar10-jpeg), averaged down to 8 x 8" in text, path
        assert "published, mean test accuracy of" in text, path
        if "DARTS" in text and path.stem not in ("epochs", "dynamic_channels"):  # which DARTS does not sweep
            assert "trained here (DARTS)" in text, path
    facts = json.loads((results / "spaces.json").read_text())
    sets = {space: (facts[space]["quantile"], facts[space]["population"]) for space in facts}
    sub_space = sets.pop("nasbench101-constant-2")
    assert sets == {
        "nasbench101": ("sample", 28_963),
        "nasbench201": ("table", 15_625),
        "macro": ("table", 6_561),
        "darts": ("pool", 12),
    }
    # The sample is uniform over the space, so about as large a part of it lies in the sub-space.
    assert sub_space[0] == "sample" and sub_space[1] == pytest.approx(28_963 * 201_441 / 423_624, rel=0.03)
    assert all(facts[space]["threshold"] == 0.001 for space in facts)


def test_search_finds_what_the_table_knows(finished: Path) -> None:
    results = finished / "results" / "published"
    for space, uniform in (("nasbench101", 28_963), ("nasbench201", 15_625), ("macro", 6_561)):
        found = pd.read_parquet(results / "search" / space / "seed0.parquet")
        table = PublishedTable.load(finished / "resources" / "tables" / f"{space}.parquet")
        assert table.test_acc[table.rows(found["arch_id"])].tolist() == found["truth"].tolist()
        ranks = [1 + int((table.test_acc[table.uniform] > truth).sum()) for truth in found["truth"]]
        assert found["truth_quantile"].tolist() == [rank / uniform for rank in ranks]


def test_scores_are_compared_with_further_truths(finished: Path) -> None:
    results = finished / "results" / "published"
    metrics, references = (pd.read_parquet(results / f"{name}.parquet") for name in ("metrics", "references"))
    scores = pd.read_parquet(results / "runs" / "nasbench201" / "baseline" / "seed0" / "scores.parquet")
    accuracy = scores[(scores["bn_mode"] == "batch") & (scores["split"] == "scoring")].set_index("arch_id")["accuracy"]
    truth = pd.read_parquet(results / "pools" / "nasbench201.parquet").set_index("arch_id")["truth"]
    for name in ("nasbench201-cifar100", "nasbench201-12epochs"):
        table = PublishedTable.load(finished / "resources" / "tables" / f"{name}.parquet")
        other = table.take(table.rows(accuracy.index)).set_index("arch_id")["test_acc"]
        rows = metrics[(metrics["metric"] == f"kdt_{name}") & (metrics["score"] == "accuracy")]
        rows = rows[rows["split"] == "scoring"]
        assert set(rows["space"]) == {"nasbench201"} and set(rows["n"]) == {12}
        (found,) = rows.loc[rows["setting"] == "baseline", "estimate"]
        assert found == pytest.approx(kendalltau(accuracy, other).statistic)
        between = references[(references["name"] == name) & (references["metric"] == "kdt")]
        assert between["estimate"].item() == pytest.approx(kendalltau(truth, other[truth.index]).statistic)
        assert f"with {name}" in (results / "tables" / "correlations.md").read_text(encoding="utf-8")


def test_images_are_those_of_the_mirror(finished: Path) -> None:
    images = load_file(finished / "resources" / "data" / "cifar10-jpeg.safetensors")
    assert images["images"].shape == (60_000, 3, 32, 32)
    assert np.bincount(images["labels"][:50_000]).tolist() == [5_000] * 10
    assert np.bincount(images["labels"][50_000:]).tolist() == [1_000] * 10
    # The usual means of Krizhevsky's training set; JPEG changes them little.
    means = images["images"][:50_000].mean(axis=(0, 2, 3)) / 255
    np.testing.assert_allclose(means, [0.4914, 0.4822, 0.4465], atol=2e-3)


def test_nothing_is_done_twice(finished: Path, mirror: Path) -> None:
    result = snakemake(finished, mirror, "-n")
    assert "Nothing to be done" in result.stdout + result.stderr


def test_a_table_that_is_at_hand_is_preferred_to_trainings(finished: Path, tmp_path: Path) -> None:
    config = {"study": str(finished / STUDY), "resources": str(tmp_path)}
    assert Plan.load(config, ROOT).tables("darts") == []
    (tmp_path / "downloads" / "nds").mkdir(parents=True)
    path = next(iter(Plan.load(config, ROOT).forms("darts-nds").values()))[0].path
    (tmp_path / "downloads" / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "downloads" / path).write_bytes(b"")
    assert Plan.load(config, ROOT).tables("darts") == [f"{tmp_path}/tables/darts-nds.parquet"]
