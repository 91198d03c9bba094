"""How many stand-alone trainings a study still needs: those that the store lacks."""

from pathlib import Path

import pytest
from checkouts import ROOT

from scripts import pool
from supernet.config.jobs import truth_job
from supernet.io.atomic import write_text
from supernet.pipeline.ground_truth import trainings_left
from supernet.pipeline.plan import Plan
from supernet.pools.trainings import Training, trainings
from supernet.provenance.recorder import Recorder, recording
from supernet.training.store.truth import StandAloneResult, TruthStore

SHARDS = [("darts", 0), ("darts", 1), ("nasbench101-constant-2", 0), ("nasbench201-landmarks", 1)]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.chdir(tmp_path)
    return Plan.load({"study": str(ROOT / "tests" / "studies" / "smoke.yaml")}, ROOT)


def todo(plan: Plan, name: str) -> list[Training]:
    """The trainings of a pool as scripts/pool.py draws it."""
    for one in (*plan.others(name), name):
        exclude = [plan.artifacts.drawn_pool(other) for other in plan.others(one)]
        output = plan.artifacts.drawn_pool(one)
        pool.main([*plan.pool_arguments(one).split(), "--exclude", *exclude, "--output", output])
    return trainings(Path(plan.artifacts.drawn_pool(name)), *plan.training_counts(name))


def add(plan: Plan, space: str, trained: list[Training]) -> None:
    with recording(Recorder(ROOT / "scripts" / "truth.py")):
        images = Path(plan.artifacts.images("digits"))
        write_text(images, "images")
        store = TruthStore(Path(plan.artifacts.store), truth_job(plan.study, space), images)
        for one in trained:
            store.add(one, StandAloneResult(0.5, None, 10, 20, 15))


def test_without_a_store_all_are_left(plan: Plan) -> None:
    assert trainings_left(plan, SHARDS) == {shard: plan.trainings_in(*shard) for shard in SHARDS}


def test_those_in_the_store_are_not_left(plan: Plan) -> None:
    every = todo(plan, "darts")
    add(plan, "darts", every[:5])
    assert len(every) == 10
    assert trainings_left(plan, SHARDS[:2]) == {("darts", 0): 2, ("darts", 1): 3}
    write_text(plan.artifacts.images("digits"), "other images")
    assert trainings_left(plan, SHARDS[:2]) == {("darts", 0): 5, ("darts", 1): 5}


OTHERS = {"nasbench101-constant-2": "nasbench101", "nasbench201-landmarks": "nasbench201"}


@pytest.mark.parametrize(("name", "space"), OTHERS.items())
def test_pools_of_sub_spaces_and_landmarks_are_drawn_as_by_their_program(plan: Plan, name: str, space: str) -> None:
    add(plan, space, todo(plan, name))
    assert trainings_left(plan, [(name, 0), (name, 1)]) == {(name, 0): 0, (name, 1): 0}
