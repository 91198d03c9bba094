"""The workflow as a user runs it: complete, repeated, after edits, with bad input, killed."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import crates
import pandas as pd
import pytest
from checkouts import ROOT, copy_checkout

from supernet import spaces
from supernet.audit.expected import recorded_root_digest
from supernet.config.artifacts import is_stored
from supernet.config.jobs import Ahead
from supernet.config.study import load_study
from supernet.errors import UserError
from supernet.metrics.measures import measures
from supernet.paper.catalogue import figure_names
from supernet.pipeline.plan import Plan
from supernet.provenance.record import read_record
from supernet.runtime.lock import sole_writer
from supernet.runtime.startup import TUNABLES
from supernet.training.trained import TrainedSupernet


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def study_digest(folder: Path) -> str | None:
    """Return the root digest of the smoke study in a checkout, from the records alone."""
    with contextlib.chdir(folder):
        return recorded_root_digest(Plan.load({"study": SMOKE[1].partition("=")[2]}, folder))


def program(folder: Path, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program on the results of the smoke study; it must succeed."""
    command = [sys.executable, "-m", "supernet", name, "--study", SMOKE[1].partition("=")[2], *arguments]
    others = os.environ.get("PYTHONPATH", "")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), others])}
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    return result


def jobs(result: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Return rules and counts of a dry run's table, without `all`."""
    assert result.returncode == 0, result.stdout + result.stderr
    text = result.stdout + result.stderr
    if "Nothing to be done" in text:
        return {}
    lines = text.split("Job stats:")[1].split("\n\n")[0].splitlines()[3:]
    counts = {line.split()[0]: int(line.split()[1]) for line in lines if len(line.split()) == 2}
    return {rule: count for rule, count in counts.items() if rule not in ("all", "total")}


def snakemake_inputs(folder: Path) -> dict[str, set[str]]:
    """Return inputs by output from Snakemake's metadata, whose files are named by the output's path in base64."""
    found, metadata = {}, folder / ".snakemake" / "metadata"
    for path in (path for path in metadata.rglob("*") if path.is_file()):
        # Long names are split over folders, whose names begin with `@`.
        name = str(path.relative_to(metadata)).replace("/@", "").removeprefix("@").replace("/", "")
        output = base64.urlsafe_b64decode(name).decode()
        if output.startswith(("results/smoke/", "resources/")):
            found[output] = set(json.loads(path.read_text())["input"])
    return found


@contextmanager
def edited(module: Path) -> Iterator[None]:
    """Add a comment at the end of a module, within the context."""
    text, before = module.read_text(), module.stat()
    module.write_text(text + "\n# an edit\n")
    try:
        yield
    finally:
        module.write_text(text)
        os.utime(module, ns=(before.st_atime_ns, before.st_mtime_ns))


@contextmanager
def changed_study(folder: Path, *changes: tuple[str, str]) -> Iterator[None]:
    """Replace texts of the smoke study, each of which occurs once, within the context."""
    file = folder / "tests" / "studies" / "smoke.yaml"
    before = text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)
    try:
        yield
    finally:
        file.write_text(before)


SMOKE = ("--config", "study=tests/studies/smoke.yaml")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the smoke study has run."""
    folder = copy_checkout(tmp_path_factory.mktemp("clone with space"))
    result = snakemake(folder, *SMOKE)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return folder


class TestFinishedStudy:
    def test_every_target_exists_and_is_not_empty(self, finished: Path) -> None:
        results = finished / "results" / "smoke"
        figures = {"kdt_vs_skdt", "accuracy_vs_final", "search", "learning_rate", "epochs", "batch_norm", "landscape"}
        for name in figures | {
            "path_sampling",
            "weight_decay",
            "ofa_kernel",
            "wsbn",
            "dropout",
            "op_placement",
            "dynamic_channels",
            "few_shot",
            "landmarks",
        }:
            for suffix in (".pdf", ".png", ".csv", ".md"):
                assert (results / "figures" / name).with_suffix(suffix).stat().st_size > 0
        for name in ("spaces", "factors", "search", "learning_rate", "weight_decay"):
            for suffix in (".csv", ".md", ".tex", ".html"):
                assert (results / "tables" / name).with_suffix(suffix).stat().st_size > 0

    def test_nothing_is_done_twice(self, finished: Path) -> None:
        assert jobs(snakemake(finished, "-n", *SMOKE)) == {}

    def test_a_moved_clone_makes_nothing(self, finished: Path, tmp_path: Path) -> None:
        moved = Path(shutil.copytree(finished, tmp_path / "moved", symlinks=True))
        # A study that is given by its name has a path with the folder of the checkout.
        shutil.copy2(moved / "tests" / "studies" / "smoke.yaml", moved / "workflow" / "studies")
        assert jobs(snakemake(moved, "-n", "--config", "study=smoke")) == {}

    def test_report_and_site_are_made_from_a_finished_study(self, finished: Path) -> None:
        wanted = (*SMOKE, "--", "all", "site")
        assert jobs(snakemake(finished, "-n", *wanted)) == {"site": 1}
        made = snakemake(finished, *wanted)
        assert made.returncode == 0, made.stdout[-2000:] + made.stderr[-2000:]
        results = finished / "results" / "smoke"
        assert "22 of 22, 1 of them diverged" in (results / "site" / "index.html").read_text(encoding="utf-8")
        reported = snakemake(finished, "--report", "results/smoke/report.html", *wanted)
        assert reported.returncode == 0, reported.stdout[-2000:] + reported.stderr[-2000:]
        report = (results / "report.html").read_text(encoding="utf-8")
        assert "22, one per space, setting and seed." in report and "over 700 GPU days" in report
        for name in ("tables/learning_rate.html", "tables/spaces.html", "figures/epochs.png", "figures/search.png"):
            assert f"results/smoke/{name}" in report
        caption = (results / "figures" / "weight_decay.md").read_text(encoding="utf-8").split(".")[0]
        assert caption.split("(")[0].strip() in report

    def test_every_run_has_all_metrics(self, finished: Path) -> None:
        table = pd.read_parquet(finished / "results" / "smoke" / "metrics.parquet")
        runs = table.groupby(["space", "setting", "seed", "bn_mode", "split"])
        assert runs.ngroups == sum(
            len(pd.read_parquet(path)[["bn_mode", "split"]].drop_duplicates())
            for path in (finished / "results" / "smoke" / "runs").rglob("scores.parquet")
        )
        for space, sizes in runs.size().groupby("space"):
            subsets = ("top_half", "regular", *(["unique"] if space == "nasbench201" else []))
            assert set(sizes) == {len(measures(subsets))}, space

    def test_tracked_statistics_only_where_they_are_tracked(self, finished: Path) -> None:
        table = pd.read_parquet(finished / "results" / "smoke" / "metrics.parquet")
        tracked = set(table.loc[table["bn_mode"] == "tracked", "setting"])
        assert tracked == {"batch_norm=affine+tracking", "batch_norm=tracking"}

    def test_a_diverged_run_keeps_its_place(self, finished: Path) -> None:
        results = finished / "results" / "smoke"
        setting = "learning_rate=1e+30"
        summary = json.loads((results / "runs/nasbench201" / setting / "seed0/run.json").read_text())
        assert summary["status"] == "diverged" and summary["diverged_at"] >= 1
        table = pd.read_parquet(results / "metrics.parquet")
        rows = table[table["setting"] == setting]
        assert set(rows["status"]) == {"diverged"} and rows["estimate"].isna().all()
        assert set(rows["diverged_at"]) == {summary["diverged_at"]}
        assert table.loc[table["status"] == "complete", "estimate"].notna().any()
        assert "diverged" in (results / "tables/learning_rate.md").read_text()

    def test_every_architecture_has_its_proxies(self, finished: Path) -> None:
        results = finished / "results" / "smoke"
        for space in ("nasbench101", "nasbench201", "darts"):
            found = pd.read_parquet(results / "proxies" / f"{space}.parquet")
            assert list(found.columns) == ["arch_id", "synflow", "jacov", "naswot"]
            assert list(found["arch_id"]) == list(pd.read_parquet(results / "drawn" / f"{space}.parquet")["arch_id"])
            assert found.notna().all(axis=None) and found["naswot"].nunique() > 1
        assert (results / "proxies" / "nasbench101-constant-2.parquet").exists()
        references = pd.read_parquet(results / "references.parquet")
        assert {"synflow", "jacov", "naswot"} < set(references["name"])
        assert "NASWOT, untrained" in (results / "tables" / "learning_rate.md").read_text(encoding="utf-8")

    def test_a_sub_space_has_a_separate_pool_and_references(self, finished: Path) -> None:
        results = finished / "results" / "smoke"
        own = spaces.load("nasbench101-constant-2")
        pool = pd.read_parquet(results / "pools" / f"{own.name}.parquet")
        assert all(own.holds(encoding) for encoding in pool["encoding"]) and pool["truth"].notna().all()
        run = results / "runs" / "nasbench101" / "dynamic_channels=constant-2" / "seed0"
        assert set(pd.read_parquet(run / "scores.parquet")["arch_id"]) == set(pool["arch_id"])
        assert json.loads((results / "spaces.json").read_text())[own.name]["size"] == own.size
        text = (results / "tables" / "dynamic_channels.md").read_text(encoding="utf-8")
        assert "constant-2 ‡" in text and "its own pool" in text and "parameters alone, constant-2 ‡" in text

    def test_landmarks_have_ground_truth_and_are_never_scored(self, finished: Path) -> None:
        results = finished / "results" / "smoke"
        landmarks = pd.read_parquet(results / "pools" / "nasbench201-landmarks.parquet")
        assert len(landmarks) == 4 and landmarks["truth"].notna().all()
        assert not set(landmarks["arch_id"]) & set(
            pd.read_parquet(results / "pools" / "nasbench201.parquet")["arch_id"]
        )
        run, usual = (
            json.loads((results / "runs" / "nasbench201" / name / "seed0" / "run.json").read_text())
            for name in ("landmarks=ranking", "baseline")
        )
        # Two passes for each ranked pair come on top of the budget of steps.
        assert run["steps"] == usual["steps"] and run["passes"] > usual["passes"]
        assert "nasbench201-landmarks" not in json.loads((results / "spaces.json").read_text())

    def test_every_network_has_its_loss_landscape(self, finished: Path) -> None:
        results = finished / "results" / "smoke"
        for space in ("nasbench101", "nasbench201", "darts"):
            found = pd.read_parquet(results / "analysis" / "landscape" / f"{space}.parquet")
            assert found.groupby("kind").size().to_dict() == dict.fromkeys(
                ("standalone", "supernet_fixed", "supernet_random"), 9
            )
            assert found["loss"].gt(0).all() and found["accuracy"].between(0, 1).all()

    def test_features_of_training_of_paths_and_of_what_is_tracked(self, finished: Path) -> None:
        folder = finished / "results" / "smoke" / "analysis" / "features"
        assert [path.name for path in sorted(folder.glob("*.parquet"))] == ["nasbench201.parquet"]
        found = pd.read_parquet(folder / "nasbench201.parquet")
        assert set(found.groupby(["network", "kind", "setting"]).size().index) == {
            ("standalone", "step", ""),
            ("standalone", "batches", ""),
            ("standalone", "tracked", ""),
            ("supernet", "step", "baseline"),
            ("supernet", "batches", "baseline"),
            ("supernet", "architectures", "baseline"),
            ("supernet", "tracked", "batch_norm=affine+tracking"),
        }
        assert set(found.loc[(found["kind"] == "step") & (found["network"] == "supernet"), "step"]) == {0, 1, 2, 3}
        assert found.loc[found["kind"] != "step", ["mean_distance", "scale_distance"]].notna().all(axis=None)

    def test_stand_alone_networks_are_trained_with_the_swept_values(self, finished: Path) -> None:
        results = finished / "results" / "smoke"
        counts = {"nasbench101": {}, "darts": {}, "nasbench201": {"learning_rate": 6, "batch_norm": 6}}
        for space, swept in counts.items():
            found = pd.read_parquet(results / "standalone" / f"{space}.parquet")
            assert found.groupby("factor").size().to_dict() == {"baseline": 4, **swept}
        lost = found[found["value"] == "1e+30"]
        assert len(lost) == 3 and lost["diverged_at"].notna().all() and lost["accuracy"].isna().all()
        assert found.loc[found["value"] != "1e+30", "accuracy"].between(0, 1).all()
        references = pd.read_parquet(results / "references.parquet").query("name == 'fidelity' and metric == 'kdt'")
        assert references[["space", "n"]].to_numpy().tolist() == [["nasbench101", 4], ["nasbench201", 4], ["darts", 4]]
        contrasts = pd.read_parquet(results / "contrasts.parquet").query("metric == 's_kdt'")
        # All super-nets with the learning rate 1e30 diverged.
        assert set(contrasts.loc[contrasts["factor"] == "learning_rate", "value"]) <= {"0.1", "0.025"}
        assert not contrasts["tested"].any()
        for path in (results / "tables" / "standalone.md", results / "figures" / "standalone.png"):
            assert path.stat().st_size > 0

    def test_state_is_gone_when_runs_are_complete(self, finished: Path) -> None:
        assert not list((finished / "state").rglob("*.safetensors"))
        assert not list((finished / "state").rglob("*.jsonl"))

    def test_an_edited_plot_draws_that_plot_only(self, finished: Path) -> None:
        with edited(finished / "supernet/paper/figures/epochs.py"):
            assert jobs(snakemake(finished, "-n", *SMOKE)) == {"figure_epochs": 1}

    def test_an_edited_module_makes_again_all_that_imports_it_and_nothing_else(self, finished: Path) -> None:
        study = load_study(finished / "tests/studies/smoke.yaml")
        with edited(finished / "supernet/paper/style.py"):
            figures = {f"figure_{name}": 1 for name in figure_names(study)}
            assert jobs(snakemake(finished, "-n", *SMOKE)) == figures
        with edited(finished / "supernet/paper/summary.py"):
            assert "table_epochs" in (found := jobs(snakemake(finished, "-n", *SMOKE)))
            assert all(name.startswith(("table_", "figure_")) for name in found)

    @pytest.mark.parametrize(
        "name", ["supernet/training/trainer.py", "supernet/nn/conv.py", "scripts/train.py", "scripts/truth.py"]
    )
    def test_edited_training_code_makes_nothing(self, finished: Path, name: str) -> None:
        with edited(finished / name):
            assert jobs(snakemake(finished, "-n", *SMOKE)) == {}

    def test_a_deleted_table_trains_nothing(self, finished: Path) -> None:
        table = finished / "results" / "smoke" / "tables" / "epochs.csv"
        moved = table.rename(table.with_suffix(".moved"))
        try:
            assert jobs(snakemake(finished, "-n", *SMOKE)) == {"table_epochs": 1}
        finally:
            moved.rename(table)

    def test_one_figure_by_name(self, finished: Path) -> None:
        asked = ("-n", "--forcerun", "figure_epochs", *SMOKE, "--", "figure_epochs")
        assert jobs(snakemake(finished, *asked)) == {"figure_epochs": 1}

    @pytest.mark.parametrize(
        ("old", "new", "rules"),
        [
            ("title: Smoke", "title: Other", {"table", "figure"}),
            ("tracked, recalibrated]", "tracked]", {"score", "metrics", "effects", "table", "figure"}),
            (
                "size: 6",
                "size: 7",
                # Of the super-nets, only that with landmarks: these are drawn outside of the pool.
                {"pool", "truth", "proxies", "train", "score", "search", "systems", "landscape", "features"}
                | {"standalone"}
                | {"metrics", "effects", "table", "figure"},
            ),
            ("images: 16", "images: 17", {"proxies", "metrics", "effects", "table", "figure"}),
            ("images: 16", "names: []\n  images: 16", {"metrics", "effects", "table", "figure"}),
            ("resamples: 200", "resamples: 300", {"metrics", "effects", "table", "figure"}),
            ("grid: 3", "grid: 5", {"landscape", "table", "figure"}),
            ("steps: 4", "steps: 5", {"features", "table", "figure"}),
            ("ceiling: 4", "ceiling: 5", {"standalone", "metrics", "effects", "table", "figure"}),
            (
                "learning_rate: [0.1, 1.0e+30]",
                "learning_rate: [0.2, 1.0e+30]",
                {"train", "score", "standalone", "metrics", "effects", "table", "figure"},
            ),
        ],
    )
    def test_a_changed_config_makes_what_depends_on_it(
        self, finished: Path, old: str, new: str, rules: set[str]
    ) -> None:
        study = finished / "tests" / "studies" / "smoke.yaml"
        text = study.read_text()
        assert text.count(old) == 1
        study.write_text(text.replace(old, new))
        try:
            found = jobs(snakemake(finished, "-n", *SMOKE))
        finally:
            study.write_text(text)
        assert {rule.split("_")[0] for rule in found} == rules
        assert found.get("train", 1) == 1

    def test_every_output_of_the_workflow_has_a_record_and_the_audit_finds_it_intact(self, finished: Path) -> None:
        """Snakemake's metadata are the reference for the list of outputs and their inputs."""
        command = [
            sys.executable,
            "-m",
            "supernet",
            "audit",
            "--json",
            "--no-cache",
            "--study",
            SMOKE[1].partition("=")[2],
        ]
        environment = {**os.environ, "PYTHONPATH": str(finished)}
        result = subprocess.run(command, cwd=finished, env=environment, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout[-3000:] + result.stderr
        audited = {one["path"] for one in json.loads(result.stdout)["targets"]}
        made = snakemake_inputs(finished)
        assert len(made) > 200 and set(made) <= audited
        for output, declared in made.items():
            record = json.loads((finished / f"{output}.prov.json").read_text())
            read = {one["file"].removeprefix("checkout/") for one in record["made"]["inputs"]}
            # Declared inputs that are not read are allowed: a record lists only files that were read.
            # Files of the store are not declared.
            stored = set(filter(is_stored, read))
            trained = "/truth/" in output or ("/runs/" in output and "/scores." not in output)
            searched = "/search/" in output or "/systems/" in output
            assert read - stored <= declared and (searched or bool(stored) == trained), output
            assert read or not any(name.startswith(("results/", "resources/")) for name in declared), output

    def test_a_number_is_explained_and_traced(self, finished: Path) -> None:
        result = program(finished, "explain", "table_epochs", "--row", "space=darts", "--row", "name=epochs=2")
        run = finished / "results" / "smoke" / "runs" / "darts" / "epochs=2" / "seed0"
        summary, root = json.loads((run / "run.json").read_text()), study_digest(finished)
        assert f"darts, epochs=2: seed 0; {summary['steps']} steps, {summary['images']} images" in result.stdout
        assert "Intact: files are as recorded" in result.stdout and "darts, baseline: seed" not in result.stdout
        table = read_record(finished / "results" / "smoke" / "tables" / "epochs.csv")
        assert f"{table['digest']}, of its record." in result.stdout
        program(finished, "trace", "figure_search", "--output", "search.svg")
        picture = (finished / "search.svg").read_text(encoding="utf-8")
        assert "results/smoke/runs/darts/baseline/seed0/weights.safetensors" in picture and f"{root}" in picture

    def test_nothing_is_planned_for_a_finished_study(self, finished: Path) -> None:
        nothing = "Study smoke: 0 of 22 super-nets and 0 of 44 stand-alone networks would be trained.\n"
        assert program(finished, "plan").stdout == nothing

    def test_a_plan_names_the_key_of_a_changed_value(self, finished: Path) -> None:
        baseline = "baseline: {channels: 4, layers: 3, epochs: "
        with changed_study(finished, (f"{baseline}1", f"{baseline}3")):
            first, *said = program(finished, "plan", "--cores", "1", "--all").stdout.splitlines()
        assert re.fullmatch(
            r"Study smoke: 4 of 22 super-nets and 0 of 44 stand-alone networks would be trained, "
            r"about [\d.]+ (s|min) on one core\.",
            first,
        )
        change = "spaces.darts.baseline.epochs: 1 → 3"
        place = said.index(f"4 super-nets: {change}")
        names = [line.split()[0] for line in said[place + 1 : place + 5]]
        settings = ("baseline", "path_sampling=fairnas", "ofa_kernel=transform", "op_placement=node")
        assert names == [f"darts/{name}/seed0" for name in settings]
        assert "  1 random search: darts/0" in said and "  2 jobs of search systems: darts/0/0, darts/0/1" in said
        again = next(place for place, line in enumerate(said) if line.endswith(f"inputs made again ({change})"))
        assert {"  metrics", "  effects"} <= set(said[again:])
        assert any(line.startswith("Times are estimated from 22 finished super-nets and 10 finished") for line in said)

    def test_a_plan_follows_changes_of_pools_and_of_ground_truth(self, finished: Path) -> None:
        truth = "truth: {channels: 4, layers: 1, epochs: "
        with changed_study(finished, (f"{truth}1", f"{truth}2"), ("  size: 6", "  size: 7")):
            first, *said = program(finished, "plan", "--all").stdout.splitlines()
        # Seven architectures instead of six in each of three pools and in the sub-space; landmarks are drawn outside.
        assert first.startswith("Study smoke: 1 of 22 super-nets and 18 of 48 stand-alone networks would be trained")
        assert "15 stand-alone networks of the ground truth in 4 jobs: spaces.nasbench201.truth.epochs: 1 → 2" in said
        assert "3 stand-alone networks of the ground truth in 6 jobs: inputs made again (pool.size: 6 → 7)" in said
        pools = "nasbench101, nasbench101-constant-2, nasbench201, darts"
        assert f"  4 pools: {pools}" in said

    def test_a_plan_names_an_edited_module(self, finished: Path) -> None:
        with edited(finished / "supernet" / "paper" / "figures" / "epochs.py"):
            first, *said = program(finished, "plan").stdout.splitlines()
        assert first.startswith("Study smoke: 0 of 22 super-nets and 0 of 44 stand-alone networks would be trained, ")
        assert said[1].endswith(": supernet/paper/figures/epochs.py changed") and said[2] == "  1 figure: epochs"

    def test_an_archive_is_verified_and_restored_in_a_fresh_clone(self, finished: Path, tmp_path: Path) -> None:
        archive, again = tmp_path / "smoke.tar.zst", tmp_path / "again.tar.zst"
        program(finished, "archive", "--output", str(archive))
        program(finished, "archive", "--output", str(again))
        assert archive.read_bytes() == again.read_bytes()
        clone = copy_checkout(tmp_path / "clone")
        checked = program(clone, "audit", "--archive", str(archive), "--json")
        assert set(json.loads(checked.stdout)["summary"].values()) > {0}
        assert json.loads(checked.stdout)["summary"]["stale"] == json.loads(checked.stdout)["summary"]["broken"] == 0
        assert json.loads(checked.stdout)["root_digest"] == study_digest(finished)
        unpacked = [sys.executable, "-m", "supernet", "unpack", str(archive)]
        assert subprocess.run(unpacked, cwd=clone, env={**os.environ, "PYTHONPATH": str(clone)}).returncode == 0
        assert not list(clone.rglob("*.safetensors"))
        assert jobs(snakemake(clone, "-n", *SMOKE)) == {}
        # Nor do the records differ from the study: of diverged runs, landmarks, sub-spaces, proxies and search systems.
        assert "Nothing to do: all results are up to date" in program(clone, "run", "--", "--dry-run").stdout
        found = json.loads(program(clone, "audit", "--json").stdout)
        assert found["summary"]["broken"] == 0 and found["root_digest"] == study_digest(finished)
        drawn = snakemake(clone, "--forcerun", "figure_search", *SMOKE, "--", "figure_search")
        assert drawn.returncode == 0 and "1 of 1 steps (100%) done" in drawn.stdout + drawn.stderr
        for suffix in (".pdf", ".png", ".csv", ".md"):
            figure = Path("results", "smoke", "figures", f"search{suffix}")
            assert (clone / figure).read_bytes() == (finished / figure).read_bytes(), suffix

    def test_a_crate_is_valid_and_verified(self, finished: Path, tmp_path: Path) -> None:
        program(finished, "crate", "--author", "A. Person")
        crate = finished / "results" / "smoke" / "ro-crate"
        # The library that the validator uses does not accept folder names with a space.
        copy = shutil.copytree(crate, tmp_path / "crate")
        assert crates.findings(Path(copy), tmp_path / "cache") == []
        checked = program(finished, "audit", "--archive", str(crate), "--json")
        assert json.loads(checked.stdout)["summary"]["intact"] > 300
        # A crate has copies, which are not results of the study.
        own = json.loads(program(finished, "audit", "results/smoke", "--json").stdout)
        assert not any("ro-crate" in one["path"] for one in own["targets"])

    def test_scores_of_a_training_and_of_a_job_of_their_own_are_the_same(self, finished: Path, tmp_path: Path) -> None:
        run = "nasbench201/batch_norm=affine+tracking/seed0"
        target, store = f"results/smoke/runs/{run}/scores.parquet", finished / "results" / "store" / "scores"
        timing, before = finished / target.replace(".parquet", ".timing.json"), (finished / target).read_bytes()
        counts = json.loads(timing.read_text())
        assert counts["computed"] == 0 and counts["taken_over"] == len(pd.read_parquet(finished / target))
        moved = store.rename(tmp_path / "scores")
        try:
            result = snakemake(finished, "--forcerun", "score", "--until", "score", *SMOKE, "--", target)
            assert result.returncode == 0, result.stderr
            again = json.loads(timing.read_text())
            assert (finished / target).read_bytes() == before
            assert again["computed"] == counts["taken_over"] and again["taken_over"] == 0
        finally:
            shutil.rmtree(store, ignore_errors=True)
            moved.rename(store)

    def test_a_trained_super_net_scores_as_its_run_did(self, finished: Path) -> None:
        folder = finished / "results" / "smoke" / "runs"
        pool = pd.read_parquet(finished / "results" / "smoke" / "pools" / "nasbench201.parquet")
        encodings = dict(zip(pool["arch_id"], pool["encoding"], strict=True))
        evaluation = load_study(finished / "tests/studies/smoke.yaml").scoring.evaluation
        for setting in ("baseline", "batch_norm=affine+tracking", "few_shot=split"):
            run = folder / "nasbench201" / setting / "seed0"
            trained = TrainedSupernet.load(run, finished / "resources/data/digits.safetensors", evaluation=evaluation)
            for row in pd.read_parquet(run / "scores.parquet").itertuples():
                found = trained.score(encodings[row.arch_id], row.bn_mode, row.split)
                assert (found.accuracy, found.loss) == pytest.approx((row.accuracy, row.loss), rel=1e-5), (setting, row)
        with pytest.raises(UserError, match="the run is diverged"):
            TrainedSupernet.load(folder / "nasbench201" / "learning_rate=1e+30" / "seed0", "no matter")

    def test_the_documented_call_runs(self, finished: Path) -> None:
        text = (ROOT / "docs" / "use" / "how-to.md").read_text(encoding="utf-8")
        (code,) = re.findall(r"```python\n(from supernet import TrainedSupernet.*?)```", text, re.DOTALL)
        command = [sys.executable, "-c", code.replace("results/mini", "results/smoke")]
        result = subprocess.run(command, cwd=finished, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        assert re.match(r"Score\(accuracy=0\.\d+, loss=\d+\.\d+\)\n0\.\d+\n", result.stdout)

    def test_a_plot_does_not_import_torch(self, finished: Path) -> None:
        modules = "supernet.pipeline.plan, supernet.metrics.study_metrics, supernet.paper.catalogue"
        code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], cwd=finished).returncode == 0


BAD = {
    "unknown key": ("seed: 20", "sead: 20", "sead"),
    "wrong type": ("size: 64", "size: many", "pool.size"),
    "unknown factor": ("learning_rate: [0.001", "learning_rat: [0.001", "learning_rat"),
    "factor of a later version": ("epochs: [2, 30, 360]", "wsbn: [true]", "wsbn"),
    "factor that the space lacks": ("epochs: [2, 10, 120]", "dynamic_channels: [fixed]", "dynamic_channels"),
    "negative epochs": ("epochs: 120,", "epochs: -120,", "epochs"),
    "train portion above 1": ("train_portion: 0.75}", "train_portion: 1.5}", "train_portion"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_study_is_an_error_before_any_job(name: str, tmp_path: Path) -> None:
    old, new, key = BAD[name]
    folder = copy_checkout(tmp_path)
    study = folder / "workflow" / "studies" / "mini.yaml"
    text = study.read_text()
    assert old in text
    study.write_text(text.replace(old, new, 1))
    result = snakemake(folder)
    line = next(number for number, content in enumerate(study.read_text().splitlines(), 1) if new in content)
    assert result.returncode != 0
    assert f"workflow/studies/mini.yaml:{line}: " in result.stderr and key in result.stderr
    assert "Traceback" not in result.stderr
    assert not (folder / "results").exists() and not (folder / "resources").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("study=nothing", "expected one of cifar10, cifar10-jpeg, heuristics, midi, mini"),
        ("stduy=mini", "unknown key"),
        ("device=tpu", "device"),
        ("study=no/such.yaml", "no such file"),
        ("checkpoint_seconds=-1", "checkpoint_seconds"),
    ],
)
def test_bad_config_is_an_error(setting: str, message: str, tmp_path: Path) -> None:
    result = snakemake(copy_checkout(tmp_path), "--config", setting)
    assert result.returncode != 0
    assert message in result.stderr and "Traceback" not in result.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("shared", "lock"), [("state", "state/smoke/locks/workflow"), ("results", "results/smoke/.locks/workflow")]
)
def test_a_second_snakemake_on_the_study_is_refused_wherever_it_runs(tmp_path: Path, shared: str, lock: str) -> None:
    folder = copy_checkout(tmp_path / "clone")
    command = ("resources/data/digits.safetensors", *SMOKE, f"{shared}={tmp_path / shared}")
    with sole_writer(tmp_path / lock):
        result = snakemake(folder, *command)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert f"process {os.getpid()} on" in result.stderr and "expected one writer" in result.stderr
    assert f"of the checkout {ROOT}" in result.stderr
    assert not (folder / "resources").exists()
    # No process holds the lock any more.
    assert snakemake(folder, *command).returncode == 0


def test_images_from_the_future_stop_the_study_before_the_first_job(tmp_path: Path) -> None:
    folder = copy_checkout(tmp_path)
    images = folder / "resources" / "data" / "digits.safetensors"
    assert snakemake(folder, "resources/data/digits.safetensors", *SMOKE).returncode == 0
    future = time.time() + 3 * 3600
    os.utime(images, (future, future))
    result = snakemake(folder, *SMOKE)
    assert result.returncode == 1 and "Traceback" not in result.stderr
    assert "resources/data/digits.safetensors: from the future" in result.stderr
    assert "touch resources/data/digits.safetensors" in result.stderr
    assert not list((folder / "results").rglob("*.parquet"))


def test_jobs_have_the_measured_memory_allocator_and_import_without_garbage_collection(tmp_path: Path) -> None:
    folder = copy_checkout(tmp_path)
    stub = "import gc, os, sys; sys.exit(f'found {os.environ[\"GLIBC_TUNABLES\"]} {gc.isenabled()}')\n"
    (folder / "scripts" / "table.py").write_text(stub)
    environment = {**os.environ, "GLIBC_TUNABLES": "glibc.malloc.perturb=1"}
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "table_factors"]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert f"found glibc.malloc.perturb=1:{TUNABLES} False\n" in ran.stdout + ran.stderr, "after the user's own"


def test_no_job_keeps_one_of_a_higher_priority_waiting(tmp_path: Path) -> None:
    """Landmarks that were drawn late left the longest training for the end, and a core without work."""
    folder = copy_checkout(tmp_path)
    for rules in (folder / "workflow" / "rules").glob("*.smk"):
        # For a job without a message, a dry run lists all details.
        rules.write_text(re.sub(r"^ +message:\n.*\n", "", rules.read_text(), flags=re.MULTILINE))
    planned = snakemake(folder, "-n", *SMOKE)
    assert planned.returncode == 0, planned.stdout[-2000:] + planned.stderr[-2000:]
    listed: list[tuple[list[str], list[str], int]] = []
    for job in re.split(r"^(?:local)?rule \w+:", planned.stdout + planned.stderr, flags=re.MULTILINE)[1:]:
        found = dict(re.findall(r"^    (input|output|priority): (.*)$", job, re.MULTILINE))
        files = [found.get(kind, "").split(", ") for kind in ("input", "output")]
        listed.append((files[0], files[1], int(found.get("priority", 0))))
    makers = {path: priority for _, outputs, priority in listed for path in outputs if path}
    assert len(listed) > 90 and len(set(makers.values())) == 5
    behind = {path for inputs, _, priority in listed for path in inputs if makers.get(path, priority) < priority}
    assert behind == set()


def test_slurm_profile_is_parsed(tmp_path: Path) -> None:
    result = snakemake(copy_checkout(tmp_path), "--profile", "slurm", "-n", "all")
    counts = jobs(result)
    assert counts["train"] == 390


def call(command: Sequence[str]) -> None:
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def train_command(folder: Path, out: Path, seed: int = 0) -> list[str]:
    return [
        sys.executable, str(ROOT / "scripts" / "train.py"),
        "--config", "@" + str(folder / f"run{seed}.json"),
        "--data", str(folder / "digits.safetensors"), "--ahead", "@" + str(folder / "ahead.json"),
        "--curve", str(out / "curve.parquet"), "--weights", str(out / "weights.safetensors"),
        "--store", str(out / "store"), "--summary", str(out / "run.json"),
        "--state", str(out / "state"), "--progress", str(out / "progress.json"), "--task", "test",
        "--checkpoint-seconds", "0.2", "--timing", str(out / "timing.json"), "--log", str(out / "log"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a pool and the configs of two runs, for trainings by hand."""
    from supernet.config.study import load_study

    folder = tmp_path_factory.mktemp("killed")
    scripts = ROOT / "scripts"
    call([sys.executable, str(scripts / "data.py"), "--name", "digits", "--output", str(folder / "digits.safetensors")])
    pool = ["--space", "nasbench201", "--size", "12", "--study-seed", "0", "--output", str(folder / "pool.parquet")]
    call([sys.executable, str(scripts / "pool.py"), *pool])
    study = load_study(ROOT / "tests" / "studies" / "smoke.yaml")
    ahead = Ahead(scoring=study.scoring, pools=str(folder / "pool.parquet"), per_seed=False)
    (folder / "ahead.json").write_text(ahead.model_dump_json())
    for seed in (0, 1):
        run = study.run("nasbench201", "baseline", seed)
        setting = run.setting.model_copy(update={"epochs": 40, "batch_size": 32})
        (folder / f"run{seed}.json").write_text(run.model_copy(update={"setting": setting}).model_dump_json())
    return folder


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> Path:
    """Outputs of a training that was not killed."""
    out = folder / "undisturbed"
    call(train_command(folder, out))
    return out


class TestKilledTraining:
    """scripts/train.py killed with SIGKILL and started again, against an undisturbed run."""

    FILES = ("weights.safetensors", "curve.parquet", "run.json")

    def kill_when(self, command: Sequence[str], out: Path, phase: str, done: int) -> None:
        """Start the program, and kill it when the progress file says that the phase has reached this point."""
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_for(process, out, phase, done)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def wait_for(self, process: subprocess.Popen[Any], out: Path, phase: str, done: int) -> None:
        """Wait until the progress file says that the phase has reached this point; the program must still run."""
        progress, deadline = out / "progress.json", time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            try:
                report = json.loads(progress.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                report = {"phase": "", "done": 0}
            if report["phase"] == phase and report["done"] >= done:
                break
            time.sleep(0.002)
        assert process.poll() is None, "the program ended before it could be killed"

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
    def test_a_signal_saves_and_stops_and_the_next_start_has_the_same_bytes(
        self, folder: Path, undisturbed: Path, number: signal.Signals
    ) -> None:
        out = folder / f"stopped-{number.name}"
        # No timed checkpoints: the resumed state was saved at the signal.
        command = [*train_command(folder, out), "--checkpoint-seconds", "1000", "--lock", str(out / "lock")]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.wait_for(process, out, "training", 30)
        process.send_signal(number)
        _, said = process.communicate()
        assert process.returncode == 2
        step = int(said.split("stopped after step ")[1].split()[0])
        assert step >= 30 and f"signal {number.name} was received" in said
        assert not (out / "weights.safetensors").exists()
        call(command)
        steps = json.loads((undisturbed / "run.json").read_text())["steps"]
        assert f"training finished, {steps}/{steps}, {steps - step} steps in" in (out / "log").read_text()
        assert self.same(undisturbed, out)

    def test_it_stops_ahead_of_its_time_limit(self, folder: Path, undisturbed: Path) -> None:
        out = folder / "limited"
        command = [*train_command(folder, out), "--checkpoint-seconds", "1000"]
        result = subprocess.run([*command, "--limit-minutes", "0.0001"], capture_output=True, text=True)
        assert result.returncode == 2 and "stopped after step 1 of" in result.stderr
        assert "its time limit is near" in result.stderr
        call([*command, "--limit-minutes", "60"])
        assert self.same(undisturbed, out)

    def same(self, one: Path, other: Path, files: Sequence[str] = FILES) -> bool:
        return all((one / name).read_bytes() == (other / name).read_bytes() for name in files)

    def scores(self, out: Path) -> dict[str, bytes]:
        """Return the content of the parts with scores, by name."""
        return {path.name: path.read_bytes() for path in (out / "store" / "scores").rglob("*.parquet")}

    @pytest.mark.parametrize(("phase", "done"), [("training", 1), ("training", 150), ("scoring", 0)])
    def test_killed_and_resumed_has_the_same_bytes(
        self, folder: Path, undisturbed: Path, phase: str, done: int
    ) -> None:
        out = folder / f"{phase}{done}"
        command = train_command(folder, out)
        self.kill_when(command, out, phase, done)
        assert not (out / "timing.json").exists()
        call(command)
        assert self.same(out, undisturbed)
        # A training that was killed while it scored ahead is complete: scripts/score.py computes the rest.
        assert self.scores(out).items() <= self.scores(undisturbed).items()
        assert phase == "scoring" or self.scores(out) == self.scores(undisturbed) != {}

    def test_same_seed_same_bytes_another_seed_other_bytes(self, folder: Path, undisturbed: Path) -> None:
        again, other = folder / "again", folder / "other"
        call(train_command(folder, again))
        call(train_command(folder, other, seed=1))
        assert self.same(again, undisturbed)
        for name in self.FILES:
            assert not self.same(other, undisturbed, [name])
        assert self.scores(again) == self.scores(undisturbed) != self.scores(other)

    def test_a_truncated_checkpoint_is_named(self, folder: Path, undisturbed: Path) -> None:
        out = folder / "truncated"
        command = train_command(folder, out)
        self.kill_when(command, out, "training", 150)
        checkpoint = out / "state" / "training.safetensors"
        checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 2 and str(checkpoint) in result.stderr
