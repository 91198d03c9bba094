"""Loading the super-net of a run from its folder: the same network, and helpful errors."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from checkouts import ROOT
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

from supernet.config.study import Evaluation, Run, load_study
from supernet.data.images import load, split
from supernet.errors import UserError
from supernet.spaces import load as load_space
from supernet.training.build import build_supernet
from supernet.training.trained import TrainedSupernet

SMOKE = ROOT / "tests" / "studies" / "smoke.yaml"
CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|skip_connect~1|nor_conv_3x3~2|"


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    digits = load_digits()
    path = tmp_path_factory.mktemp("data") / "digits.safetensors"
    pixels = torch.tensor(digits.images * (255 / 16)).round().to(torch.uint8)[:, None]
    save_file({"images": pixels, "labels": torch.tensor(digits.target)}, path, {"official_test": "0"})
    return path


def finished(
    folder: Path, images: Path, space: str = "nasbench201", setting: str = "baseline", **changes: object
) -> Run:
    """The folder of a run whose weights are those it starts with."""
    run = load_study(SMOKE).run(space, setting, 0)
    network = build_supernet(run, load_space(run.own_space), split(load(images), run.data, run.study_seed))
    folder.mkdir()
    save_file(
        {name: value.contiguous() for name, value in network.state_dict().items()}, folder / "weights.safetensors"
    )
    summary = {"status": "complete", "diverged_at": None, "run": run.model_dump(mode="json"), **changes}
    (folder / "run.json").write_text(json.dumps(summary))
    return run


def test_the_score_is_that_of_the_network_on_the_images_held_out(tmp_path: Path, images: Path) -> None:
    run = finished(tmp_path / "run", images)
    trained = TrainedSupernet.load(tmp_path / "run", images)
    assert trained.run == run
    held_out, arch = trained.evaluator.splits.scoring, trained.space.parse(CELL)
    network = trained.network.train()  # in training, batch norms take the statistics of the batch
    correct, loss, batch = 0, 0.0, Evaluation().batch_size
    pieces = -(-len(held_out) // batch)
    with torch.no_grad():
        for pixels, labels in zip(
            held_out.pixels.tensor_split(pieces), held_out.labels.tensor_split(pieces), strict=True
        ):
            logits = network(trained.evaluator.splits.normalise(pixels), arch)
            correct += int((logits.argmax(1) == labels).sum())
            loss += float(torch.logsumexp(logits, 1).sub(logits.gather(1, labels[:, None])[:, 0]).sum())
    found = trained.score(CELL)
    assert found == trained.score(arch, "batch", "scoring")
    assert found.accuracy == correct / len(held_out)
    assert found.loss == pytest.approx(loss / len(held_out), rel=1e-4)
    assert trained.score(CELL, split="test") != found


def test_another_mode_part_or_architecture_is_an_error(tmp_path: Path, images: Path) -> None:
    finished(tmp_path / "run", images)
    trained = TrainedSupernet.load(tmp_path / "run", images)
    with pytest.raises(UserError, match="bn_mode: found 'tracked'; expected one of batch, recalibrated"):
        trained.score(CELL, "tracked")
    with pytest.raises(UserError, match="split: found 'train'; expected one of scoring, test"):
        trained.score(CELL, split="train")
    with pytest.raises(UserError, match="conv_9x9"):
        trained.score(CELL.replace("conv_1x1", "conv_9x9"))


def test_a_sub_space_scores_its_own_architectures_alone(tmp_path: Path, images: Path) -> None:
    finished(tmp_path / "run", images, "nasbench101", "dynamic_channels=constant-2")
    trained = TrainedSupernet.load(tmp_path / "run", images)
    every = load_space("nasbench101")
    cells = [every.format(arch) for arch in every.sample(np.random.default_rng(0), "random_a", count=60)]
    inside = next(cell for cell in cells if trained.space.holds(cell))
    outside = next(cell for cell in cells if not trained.space.holds(cell))
    assert 0 <= trained.score(inside).accuracy <= 1
    with pytest.raises(UserError, match="not an architecture of nasbench101-constant-2"):
        trained.score(outside)


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors"])
def test_a_folder_without_a_finished_run_is_named(tmp_path: Path, images: Path, name: str) -> None:
    finished(tmp_path / "run", images)
    (tmp_path / "run" / name).unlink()
    with pytest.raises(UserError, match=f"{name}: no such file; expected the folder of a finished run"):
        TrainedSupernet.load(tmp_path / "run", images)


def test_a_diverged_run_has_no_scores(tmp_path: Path, images: Path) -> None:
    finished(tmp_path / "run", images, status="diverged", diverged_at=3)
    with pytest.raises(UserError, match=r"the run is diverged \(step 3\): it has no scores"):
        TrainedSupernet.load(tmp_path / "run", images)


def test_weights_of_another_run_are_an_error(tmp_path: Path, images: Path) -> None:
    finished(tmp_path / "run", images)
    path = tmp_path / "run" / "weights.safetensors"
    weights = load_file(path)
    save_file({name: value[..., :1].contiguous() for name, value in weights.items()}, path)
    with pytest.raises(UserError, match="not the weights of this run"):
        TrainedSupernet.load(tmp_path / "run", images)


def test_a_run_of_another_version_is_named(tmp_path: Path, images: Path) -> None:
    run = finished(tmp_path / "run", images)
    old = {**run.model_dump(mode="json"), "scoring": {"batch_size": 250}}
    (tmp_path / "run" / "run.json").write_text(json.dumps({"status": "complete", "diverged_at": None, "run": old}))
    with pytest.raises(UserError, match=r"run\.json: run\.scoring: .*another version of the project"):
        TrainedSupernet.load(tmp_path / "run", images)
