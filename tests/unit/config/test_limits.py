"""Limits that follow from the data set, the spaces and other values: a study that cannot run to its end is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from supernet.config.study import load_study
from supernet.errors import UserError

SIZE = {"channels": 8, "epochs": 2, "batch_size": 64, "train_portion": 0.75}


def study(space: str = "nasbench201", **changes: Any) -> dict[str, Any]:
    """Return a study of one space on digits: 449 test, 337 scoring and 1 011 training images."""
    layers = 1 if space == "nasbench201" else 3
    section = {"truth": {**SIZE, "layers": layers}, "baseline": {**SIZE, "layers": layers}, "seeds": [0]}
    data = {"name": "digits", "test_portion": 0.25, "scoring_portion": 0.25, "crop_padding": 1}
    return {"study": "case", "title": "A case", "data": data, "spaces": {space: section}} | changes


def changed(content: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Set the value at a key such as `data.test_portion`."""
    *path, last = key.split(".")
    part = content
    for name in path:
        part = part.setdefault(name, {})
    part[last] = value
    return content


def refusals(folder: Path, content: dict[str, Any]) -> list[str]:
    """Return the refusals of a study, without the name of the file and the line; empty if it is accepted."""
    file = folder / "case.yaml"
    file.write_text(yaml.safe_dump(content, sort_keys=False))
    try:
        load_study(file)
    except UserError as error:
        return [line.partition(": ")[2] for line in str(error).splitlines()]
    return []


SPACE = "spaces.nasbench201"
SEARCHES = {"systems": {"nasbench201": ["spos"]}, "images": 1_000}
# Key, a value outside its limit, the nearest value that is accepted, the limit in the message.
CASES = [
    ("data.test_portion", 0.0002, 0.0003, "0 of 1797 images are the test set; expected at least 1"),
    ("data.scoring_portion", 1e-9, 0.0015, "0 of 1348 images are the scoring split; expected at least 2"),
    ("data.resolution", 1, 4, "expected at least 4"),
    ("data.resolution", 2, 8, "expected at least 4"),
    ("data.crop_padding", 8, 7, "expected at most 7"),
    ("pool.size", 15_626, 15_625, "nasbench201 has 15625 architectures; expected at most 15625"),
    ("search.architectures", 20_000, 15_625, "nasbench201 has 15625 architectures; expected at most 15625"),
    ("proxies.images", 1_012, 1_011, "1011 images are left for training; expected at most 1011"),
    ("metrics.threshold", 1e-7, 1e-6, "below one image of a million; expected at least 1e-06"),
    (f"{SPACE}.truth.train_portion", 0.0001, 0.05, "gives 0 training images for batches of 2"),
    (f"{SPACE}.baseline.train_portion", 0.0001, 0.05, "gives 0 training images for batches of 2"),
    (f"{SPACE}.truth.batch_size", 1_012, 1_011, "gives 1011 training images for batches of 1012"),
    (f"{SPACE}.baseline.batch_size", 1_012, 1_011, "gives 1011 training images for batches of 1012"),
    (f"{SPACE}.sweep", {"batch_size": [64, 2_048]}, {"batch_size": [64, 1_011]}, "for batches of 2048"),
    (f"{SPACE}.sweep", {"train_portion": [0.5, 0.01]}, {"train_portion": [0.5, 0.05]}, "gives 13 training images"),
    (f"{SPACE}.cumulative", {"batch_size": 2_048}, {"batch_size": 1_011}, "for batches of 2048"),
    (f"{SPACE}.baseline.epochs", 100_001, 100_000, "expected at most 100000"),
    (f"{SPACE}.truth.epochs", 10**9, 100_000, "expected at most 100000"),
    (f"{SPACE}.sweep", {"epochs": [10**9]}, {"epochs": [10**5]}, "expected at most 100000"),
    (f"{SPACE}.baseline.layers", 1_001, 1_000, "expected at most 1000"),
    ("landscape.images", 1_012, 1_011, "nasbench201 are trained on 1011 images; expected at most 1011"),
    ("landscape.grid", 1_003, 1_001, "expected at most 1001"),
    ("metrics.resamples", 10**9, 10**6, "expected at most 1000000"),
    ("protocol.random_paths", 10**6, 10**3, "expected at most 1000"),
    ("searches", {**SEARCHES, "batch_size": 338}, {**SEARCHES, "batch_size": 337}, "expected at most 337"),
]


@pytest.mark.parametrize(("key", "outside", "inside", "limit"), CASES, ids=lambda one: str(one)[:40])
def test_a_value_outside_its_limit_is_refused(tmp_path: Path, key: str, outside: Any, inside: Any, limit: str) -> None:
    found = refusals(tmp_path, changed(study(), key, outside))
    assert found and all(one.startswith(key) and limit in one for one in found), found
    assert all("use " in one for one in found), "each message says what to do"
    assert refusals(tmp_path, changed(study(), key, inside)) == []


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("place", ["truth", "baseline", "sweep"])
def test_cells_of_nasbench101_need_four_channels(tmp_path: Path, place: str, channels: int) -> None:
    content = study("nasbench101")
    value: Any = {"channels": [channels]} if place == "sweep" else {**SIZE, "layers": 3, "channels": channels}
    content["spaces"]["nasbench101"][place] = value
    found = refusals(tmp_path, content)
    assert any("cannot be shared by all vertices" in one and "at least 4" in one for one in found), found
    other = study("nasbench201")
    other["spaces"]["nasbench201"][place] = {"channels": [4]} if place == "sweep" else {**SIZE, "layers": 1}
    assert refusals(tmp_path, other) == []


def test_doubled_widths_need_half_the_channels(tmp_path: Path) -> None:
    content = study("nasbench101", protocol={"nasbench101_widths": "doubled"})
    content["spaces"]["nasbench101"]["truth"]["channels"] = 2
    assert refusals(tmp_path, content) == []


def test_each_space_and_each_data_set_has_its_own_limit(tmp_path: Path) -> None:
    # Each table has its number of genotypes; genotypes that are trained here are not limited by it.
    trained = study("darts", pool={"size": 6_000})
    assert refusals(tmp_path, trained) == []
    published = study("darts", pool={"size": 6_000}, data={"name": "cifar10", "crop_padding": 4})
    tables = {"darts-nds": 5_000, "darts-oncenas545": 526, "darts-214": 214, "darts-swap1000": 1_000}
    for table, size in tables.items():
        published["spaces"]["darts"] |= {"published": table, "truth": None}
        assert [f"expected at most {size}" in one for one in refusals(tmp_path, published)] == [True]
    # A sub-space of NASBench-101 has fewer architectures than the space.
    subspace = study("nasbench101", pool={"size": 20_000})
    assert refusals(tmp_path, subspace) == []
    subspace["spaces"]["nasbench101"]["sweep"] = {"dynamic_channels": ["constant-4"]}
    [found] = refusals(tmp_path, subspace)
    assert "nasbench101-constant-4 has 10467 architectures" in found


def test_landmarks_and_pool_share_the_space(tmp_path: Path) -> None:
    content = study(pool={"size": 15_620}, protocol={"landmarks": 6}, search={"architectures": 5})
    assert refusals(tmp_path, content) == []
    content["spaces"]["nasbench201"]["sweep"] = {"landmarks": ["ranking"]}
    [found] = refusals(tmp_path, content)
    assert found.startswith("protocol.landmarks: found 6") and "15620 of which are the pool" in found


def test_the_scoring_split_must_leave_images_for_training(tmp_path: Path) -> None:
    content = study(data={"name": "digits", "test_portion": 0.999, "scoring_portion": 0.9})
    content["spaces"]["nasbench201"] |= {
        "truth": {**SIZE, "layers": 1, "train_portion": 0.1}, "baseline": {**SIZE, "layers": 1, "train_portion": 0.1},
    }  # fmt: skip
    assert any("are left for training" in one for one in refusals(tmp_path, content))
