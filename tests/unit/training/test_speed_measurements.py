"""Measurements of the speed of this machine, shortened: every space, small networks."""

import io
import statistics
from typing import Any

import pytest
import torch
from checkouts import ROOT

from supernet import spaces
from supernet.pipeline.calibration import case_of
from supernet.pipeline.plan import Plan
from supernet.rng import stream
from supernet.spaces.base import NetworkSize
from supernet.training import calibration
from supernet.training.calibration import Clock, main, measure, random_splits
from supernet.training.measurements import Calibration, Case


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "SECONDS", 0.01)


def case(space: str, study: str = "smoke") -> Case:
    plan = Plan.load({"study": str(ROOT / "tests" / "studies" / f"{study}.yaml")}, ROOT)
    return case_of(plan, space, gpu=False)


@pytest.mark.parametrize("space", ["nasbench101", "nasbench201", "darts"])
def test_every_space_is_measured(space: str) -> None:
    one = case(space)
    found = measure(one, Clock(torch.device("cpu")))
    assert [each.images for each in found.training] == list(one.batches) == [128, 32]
    assert [each.images for each in found.standalone] == [128, 32]
    everything = (*found.training, *found.standalone, found.scoring)
    assert all(each.seconds > 0 and each.macs > 0 for each in everything)
    # Four times as many images take longer, but not always in a few milliseconds; both are of the same order.
    assert found.training[0].seconds > 0.5 * found.training[1].seconds
    loaded, image = spaces.load(space), 8
    archs = loaded.sample(stream(0, "pool", space), count=one.architectures)
    costs = [loaded.cost(arch, NetworkSize(4, one.run.setting.layers, 10, 1), image).macs for arch in archs]
    assert found.standalone[0].macs == pytest.approx(statistics.fmean(costs))


def test_images_are_enough_for_two_batches() -> None:
    one = case("nasbench201")
    splits = random_splits(one, torch.device("cpu"))
    # All images of a small data set, as in the study.
    assert sum((splits.sizes.train, splits.sizes.scoring, splits.sizes.test)) == 1797
    data = one.run.data.model_copy(update={"name": "cifar10", "test_portion": None, "resolution": 16})
    large = one.model_copy(update={"run": one.run.model_copy(update={"data": data}), "batches": (900,)})
    splits = random_splits(large, torch.device("cpu"))
    assert splits.train.pixels.shape[1:] == (3, 16, 16)
    assert len(splits.training_images(one.run.setting.train_portion)) >= 1800


def test_the_program_prints_what_it_measured(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"[{case('nasbench201').model_dump_json()}]"))
    # The settings of the program would stay for other tests.
    monkeypatch.setattr(calibration, "configure", lambda threads, device: torch.device(device))
    main(["--threads", "1", "--device", "cpu"])
    found = Calibration.model_validate_json(capsys.readouterr().out)
    assert found.device == "cpu" and found.start > 0 and len(found.measurements) == 1
