"""Super-nets and ground truth that diverge stop no table and no figure: what the real programs write for them.

One space has super-nets that all diverged, the other ground truth that all diverged. Partial cases change the real
files: their programs write the same nulls.
"""

import argparse
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from programs import Programs

from supernet.audit.file_status import State
from supernet.audit.study_audit import KEYS, StudyAudit
from supernet.io.atomic import write_json, write_table
from supernet.launcher.results_table import results_table
from supernet.paper.load import Results
from supernet.pipeline.plan import Plan
from supernet.site.build import Site
from supernet.site.start import start_page

ROOT = Path(__file__).resolve().parents[2]
SIZE = {"channels": 4, "epochs": 1, "batch_size": 128, "train_portion": 0.5}
STUDY: dict[str, Any] = {
    "study": "lost",
    "title": "Everything that can diverge",
    "data": {"name": "digits", "test_portion": 0.5, "scoring_portion": 0.25, "crop_padding": 1, "flip": False},
    "protocol": {"bn_momentum": 0.1, "landmarks": 2},
    "pool": {"size": 5, "seeds": 2, "repeated": 5},
    "scoring": {"bn_modes": ["batch", "tracked"]},
    "metrics": {"top": 4, "resamples": 100},
    "search": {"architectures": 3, "retrain": 2},
    "proxies": {"images": 8, "names": ["naswot"]},
    "landscape": {"grid": 3, "images": 16, "paths": 1},
    "features": {"steps": 2, "architectures": 2, "batches": 2},
    "standalone": {"architectures": 3, "epochs": 1},
    "searches": {
        "systems": {"nasbench201": ["random_search", "darts_1st"], "nasbench101": ["random_search"]},
        "images": 300,
        "batch_size": 32,
        "scored_images": 32,
    },
    "spaces": {
        "nasbench101": {
            "truth": {**SIZE, "layers": 3, "learning_rate": 1e30},
            "baseline": {**SIZE, "layers": 3},
            "seeds": [0],
            "sweep": {"learning_rate": [0.1], "batch_norm": ["affine+tracking"], "landmarks": ["ranking"]},
        },
        "nasbench201": {
            "truth": {**SIZE, "layers": 1},
            "baseline": {**SIZE, "layers": 1, "learning_rate": 1e30},
            "seeds": [0, 1],
            "sweep_seeds": [0],
            "sweep": {"learning_rate": [0.1]},
        },
    },
}
LOST_NETS, LOST_TRUTH = "nasbench201", "nasbench101"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Run the study up to its metrics, once; the current folder is that of its results."""
    before, folder = Path.cwd(), tmp_path_factory.mktemp("lost")
    os.chdir(folder)
    (folder / "lost.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    found = Programs(Plan.load({"study": "lost.yaml", "device": "cpu"}, ROOT))
    found.all()
    yield found
    os.chdir(before)


def metric(programs: Programs, space: str, name: str, setting: str = "baseline") -> pd.DataFrame:
    """Return the rows of a metric of the printed selection of scores."""
    table = pd.read_parquet(programs.paths.metrics)
    chosen = {"space": space, "metric": name, "setting": setting, "bn_mode": "batch", "split": "scoring"}
    chosen["score"] = "accuracy"
    return table[np.all([table[key] == value for key, value in chosen.items()], axis=0)]


def facts(programs: Programs) -> Any:
    return json.loads(Path(programs.paths.spaces).read_text())


def markdown(programs: Programs, table: str) -> str:
    return Path(programs.paths.table(table).stem + ".md").read_text()


def test_super_nets_that_diverged_are_marked_and_have_no_values(programs: Programs) -> None:
    rows = metric(programs, LOST_NETS, "kdt")
    assert set(rows["status"]) == {"diverged"} and rows["estimate"].isna().all() and len(rows) == 2
    for seed in (0, 1):
        found = programs.paths.search(LOST_NETS, seed)
        assert pd.read_parquet(found.table).empty
        assert json.loads(Path(found.cost).read_text())["architectures"] == 0
        systems = pd.read_parquet(programs.paths.systems(LOST_NETS, seed, 0).table)
        assert set(systems["status"]) == {"diverged"} and systems["truth"].isna().all()


def test_without_ground_truth_accuracy_is_measured_and_nothing_else(programs: Programs) -> None:
    [accuracy] = metric(programs, LOST_TRUTH, "accuracy").to_dict("records")
    assert accuracy["status"] == "complete" and 0 < accuracy["estimate"] < 1 and accuracy["n"] == 5
    for name in ("kdt", "s_kdt", "p_surpass", "final_mean"):
        [row] = metric(programs, LOST_TRUTH, name).to_dict("records")
        assert math.isnan(row["estimate"]) and row["n"] == 0 and row["status"] == "complete"
    own = facts(programs)[LOST_TRUTH]
    assert (own["pool"], own["diverged"], own["top"], own["truth_mean"]) == (0, 5, 0, None)
    effects = pd.read_parquet(programs.paths.effects)
    assert set(effects.loc[effects["space"] == LOST_TRUTH, "left_out"]) == {"truth"}
    assert set(effects.loc[effects["space"] == LOST_NETS, "left_out"]) == {"baseline"}


def test_a_setting_whose_landmarks_diverged_is_a_diverged_run(programs: Programs) -> None:
    files = programs.paths.run(LOST_TRUTH, "landmarks=ranking", 0)
    summary = json.loads(Path(files.summary).read_text())
    assert (summary["status"], summary["diverged_at"], summary["steps"]) == ("diverged", 0, 0)
    assert pd.read_parquet(files.curve)[["step", "loss"]].isna().to_numpy().tolist() == [[False, True]]
    assert set(metric(programs, LOST_TRUTH, "accuracy", "landmarks=ranking")["status"]) == {"diverged"}


def test_stand_alone_networks_that_diverged_count_as_a_guess(programs: Programs) -> None:
    found = pd.read_parquet(programs.paths.standalone(LOST_NETS).table)
    lost = found[found["factor"] == "baseline"]
    assert len(lost) == 3 and lost["accuracy"].isna().all() and lost["diverged_at"].notna().all()
    programs.table("standalone")
    table = pd.read_csv(f"{programs.paths.table('standalone').stem}.csv", dtype={"value": str})
    rows = table[table["space"] == LOST_NETS].set_index("value")
    assert rows.loc["1e+30", "alone"] == pytest.approx(0.1) and rows.loc["1e+30", "trainings_diverged"] == 3
    assert rows["alone_best"].to_dict() == {"0.1": True, "1e+30": False}
    # All super-nets of the baseline diverged: there is nothing to compare with.
    assert "not compared" in markdown(programs, "standalone")


def test_every_table_and_figure_is_made_and_says_what_diverged(programs: Programs) -> None:
    for name in programs.tables:
        programs.table(name)
    for name in programs.figures:
        programs.figure(name)
    words = "all their stand-alone trainings diverged, and left out: 5 of 5 (NASBench-101)"
    for name in ("spaces", "learning_rate", "search", "correlations", "verdicts", "search_systems"):
        assert words in markdown(programs, name).replace("\\", ""), name
    assert markdown(programs, "search").count("super-net diverged") == 2
    assert "super-net diverged" in markdown(programs, "search_systems")
    cells = markdown(programs, "learning_rate")
    assert "too few" in cells and "2 runs diverged and are excluded" in cells
    assert "limited to the architectures with ground truth: 0 (NASBench-101)" in cells.replace("\\", "")


def test_site_report_summary_and_audit_follow(programs: Programs) -> None:
    plan = programs.plan
    results = Results(plan.study, Path(plan.results))
    Site(results).write(Path(plan.results) / "site")
    assert "Super-nets" in start_page(plan.study, Path(plan.results), None)
    shown = "\n".join(results_table(Path("lost.yaml"), Path(plan.results)))
    assert "0 (2 diverged)" in shown and "none: all diverged" in shown and "nan" not in shown
    options = argparse.Namespace(**dict.fromkeys(KEYS), no_cache=False)
    options.study = "lost.yaml"
    states = {one.path: one.state for one in StudyAudit.open(options).statuses([])}
    assert State.BROKEN not in {state for path, state in states.items() if "site" not in path}, states


@pytest.fixture
def changed(programs: Programs) -> Iterator[Programs]:
    """The programs, after which the pool and the runs of the space with ground truth are as before."""
    folder = Path(programs.plan.results)
    files = [*(folder / "pools").glob("*.parquet"), *folder.rglob("scores.parquet"), *folder.rglob("run.json")]
    before = {file: file.read_bytes() for file in files}
    yield programs
    for file, content in before.items():
        file.write_bytes(content)


def give_scores(programs: Programs, seeds: tuple[int, ...]) -> None:
    """Give finite scores to runs of the space whose super-nets diverged."""
    for seed in seeds:
        files = programs.paths.run(LOST_NETS, "baseline", seed)
        table = pd.read_parquet(files.scores)
        rng = np.random.default_rng(seed)
        table = table.assign(accuracy=rng.random(len(table)), loss=rng.random(len(table)))
        write_table(Path(files.scores), table)
        summary = json.loads(Path(files.summary).read_text())
        write_json(Path(files.summary), {**summary, "status": "complete", "diverged_at": None})


@pytest.mark.parametrize(("left", "top", "measured"), [(1, 1, False), (2, 2, False), (3, 3, True), (4, 4, True)])
def test_k_is_limited_to_the_architectures_with_ground_truth(
    changed: Programs, left: int, top: int, measured: bool
) -> None:
    give_scores(changed, (0, 1))
    pool = Path(changed.paths.pool(LOST_NETS))
    table = pd.read_parquet(pool)
    table.loc[left:, [name for name in table if str(name).startswith("truth")]] = np.nan
    write_table(pool, table)
    changed.measures()
    assert facts(changed)[LOST_NETS]["top"] == top and facts(changed)[LOST_NETS]["pool"] == left
    final = metric(changed, LOST_NETS, "final_mean")
    assert final["estimate"].notna().all() == measured and (final["n"] == left).all()
    if measured and left < 4:
        # K is all of them: any super-net finds their mean.
        assert final["estimate"].tolist() == pytest.approx([table["truth"].mean()] * 2)
    for name in ("learning_rate", "spaces", "best_settings"):
        changed.table(name)
    assert (
        f"limited to the architectures with ground truth: 0 (NASBench-101), {top}"
        in markdown(changed, "learning_rate").replace("\\", "")
    ) == (left < 4)


def test_one_of_two_seeds_diverges(changed: Programs) -> None:
    give_scores(changed, (0,))
    changed.measures()
    assert sorted(metric(changed, LOST_NETS, "kdt")["status"]) == ["complete", "diverged"]
    changed.table("learning_rate")
    assert "1 (+1 diverged)" in markdown(changed, "learning_rate")


def test_a_score_that_is_not_finite_marks_the_run_as_diverged(changed: Programs) -> None:
    give_scores(changed, (0, 1))
    files = changed.paths.run(LOST_NETS, "baseline", 1)
    table = pd.read_parquet(files.scores)
    table.loc[table["arch_id"] == table["arch_id"].iloc[0], "loss"] = np.nan
    write_table(Path(files.scores), table)
    changed.measures()
    assert metric(changed, LOST_NETS, "kdt").set_index("seed")["status"].to_dict() == {0: "complete", 1: "diverged"}
    effects = pd.read_parquet(changed.paths.effects)
    # The effects agree: the setting diverged, and one baseline seed is left.
    assert set(effects.loc[effects["space"] == LOST_NETS, "left_out"]) <= {"runs", ""}
