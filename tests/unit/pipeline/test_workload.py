"""The work of jobs, by hand, and against the estimate of super-nets."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from checkouts import ROOT

from supernet.config.artifacts import RunName
from supernet.config.jobs import standalone_values_job, truth_job
from supernet.pipeline.estimate import run_work, scored_work, standalone_work, training_passes
from supernet.pipeline.plan import Plan
from supernet.pipeline.workload import Part, Workload, standalone_part, training_work, workload
from supernet.spaces import load

SPACE = {"space": "darts", "seed": "0"}


def plan_of(folder: Path, **changes: Any) -> Plan:
    """The plan of the study `mini` with other sections."""
    study = yaml.safe_load((ROOT / "tests" / "studies" / "three-spaces" / "mini.yaml").read_text())
    file = folder / "mini.yaml"
    file.write_text(yaml.safe_dump({**study, **changes}))
    return Plan.load({"study": str(file)}, ROOT)


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    return plan_of(tmp_path)


def parts(plan: Plan, rule: str, **wildcards: str) -> dict[str, Part]:
    found = workload(plan, rule, wildcards)
    assert found is not None
    return {part.kind: part for part in found.parts}


def test_a_super_net_is_trained_and_scored(plan: Plan) -> None:
    run = plan.study.run("darts", "baseline", 0)
    work = run_work(run, plan.study.scoring, plan.pool_size("darts").architectures)
    training, scoring = training_work(plan, RunName("darts", "baseline", 0)).parts
    assert training == Part("training", "darts", training_passes(run), work.training_macs)
    assert scoring == Part("scoring", "darts", 0, work.scoring_macs)
    assert parts(plan, "train", setting="baseline", **SPACE) == {"training": training, "scoring": scoring}


def test_passes_are_counted_by_layers(tmp_path: Path) -> None:
    spaces = yaml.safe_load((ROOT / "tests" / "studies" / "three-spaces" / "mini.yaml").read_text())["spaces"]
    spaces["darts"]["sweep"]["layers"] = [3, 5]
    plan = plan_of(tmp_path, spaces=spaces)
    once, more = (training_work(plan, RunName("darts", name, 0)).parts[0] for name in ("baseline", "layers=5"))
    assert more.passes == pytest.approx(once.passes * 5 / 3)


def test_ground_truth_by_hand(plan: Plan) -> None:
    # 808 training images and 270 for scoring: .75 of them are 808. Twelve batches of 64, eight epochs; 719 test images.
    steps, macs = standalone_work(truth_job(plan.study, "darts"), "darts")
    assert steps == 12 * 8
    image = macs / (3 * 96 * 64 + 719)
    assert image == pytest.approx(270_000, rel=0.15)
    # 64 architectures, 32 of them twice, in two jobs.
    assert parts(plan, "truth", pool="darts", shard="1") == {
        "stand-alone": Part("stand-alone", "darts", 48 * steps, 48 * macs)
    }
    assert standalone_part(plan, "darts", 0) == Part("stand-alone", "darts", 0, 0)


def test_searches_and_analyses_have_the_work_of_their_budgets(plan: Plan) -> None:
    run, study = plan.study.run("darts", "baseline", 0), plan.study
    steps, macs = standalone_work(truth_job(study, "darts"), "darts")
    # 30 architectures on the 270 images of the scoring split, in one BN mode; two are trained.
    assert parts(plan, "search", **SPACE) == {
        "scoring": Part("scoring", "darts", 0, scored_work(run, 30, 270)),
        "stand-alone": Part("stand-alone", "darts", 2 * steps, 2 * macs),
    }
    landscape = parts(plan, "landscape", space="darts")
    assert landscape["scoring"].macs == pytest.approx(6 * 121 * scored_work(run, 1, 256))
    assert landscape["stand-alone"] == Part("stand-alone", "darts", steps, macs)
    features = parts(plan, "features", space="darts")
    assert features["training"] == Part("training", "darts", 200, pytest.approx(3 * scored_work(run, 1, 200 * 32)))
    # Three proxies of 64 networks.
    assert parts(plan, "proxies", pool="darts")["stand-alone"].passes == 192


def test_stand_alone_networks_have_the_size_of_the_super_net_and_a_short_schedule(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, standalone={"architectures": 5, "ceiling": 8, "epochs": 2, "seeds": 3})
    swept = plan.study.standalone_values("darts")
    count = 3 * (8 + 5 * sum(map(len, swept.values())))
    assert count == plan.standalone_count("darts")
    recipe = standalone_values_job(plan.study, "darts").recipe
    assert recipe.truth.epochs == 2 and recipe.truth.batch_size == plan.study.spaces["darts"].baseline.batch_size
    steps, macs = standalone_work(recipe, "darts")
    assert parts(plan, "standalone", space="darts") == {
        "stand-alone": Part("stand-alone", "darts", count * steps, pytest.approx(count * macs))
    }
    total = sum(map(plan.standalone_count, plan.study.spaces))
    assert f"In addition, {total} stand-alone trainings of the section" in plan.estimate()
    assert "In addition" not in plan_of(tmp_path).estimate()


def test_search_systems_have_a_budget_of_images_or_of_seconds(tmp_path: Path) -> None:
    searches = {"systems": {"darts": ["spos", "enas", "nao"]}, "jobs": 2, "batch_size": 32}
    plan = plan_of(tmp_path, searches={**searches, "images": 3200})
    first = parts(plan, "systems", part="0", **SPACE)
    # Two of the three systems, 3200 images each.
    assert first["training"].passes == 200
    assert first["training"].macs == pytest.approx(3 * scored_work(plan.study.run("darts", "baseline", 0), 2, 3200))
    timed = workload(plan_of(tmp_path, searches={**searches, "seconds": 7.0}), "systems", {**SPACE, "part": "0"})
    assert timed is not None and timed.seconds == 14
    assert [part.kind for part in timed.parts] == ["stand-alone"]


def test_a_mixture_is_the_work_of_its_operations(tmp_path: Path) -> None:
    def macs(budget: dict[str, int], *systems: str) -> Part:
        searches = {"systems": {"darts": list(systems)}, "batch_size": 32, **budget}
        found = parts(plan_of(tmp_path, searches=searches), "systems", part="0", **SPACE)
        return found["training"]

    run = plan_of(tmp_path).study.run("darts", "baseline", 0)
    others, operations = load("darts").relaxed_macs(
        load("darts").network_size(run.setting.channels, run.setting.layers, 10, 1), 8
    )
    images = {"images": 3200}
    whole = macs(images, "darts_1st")
    assert whole.macs == 3 * 3200 * (others + operations.sum())
    assert whole.passes == pytest.approx(whole.macs / macs(images, "spos").macs * 100)
    assert macs(images, "gdas").macs == pytest.approx(3 * 3200 * (others + operations.sum() / 8))
    assert macs(images, "spos", "xnas").macs == macs(images, "spos").macs + whole.macs
    assert macs({"multiply_adds": 10**9}, "spos", "xnas").macs == 2 * 10**9


def test_other_rules_neither_train_nor_score(plan: Plan) -> None:
    assert workload(plan, "table_costs", {}) is None
    assert workload(plan, "metrics", {}) is None
    assert Workload().parts == ()
