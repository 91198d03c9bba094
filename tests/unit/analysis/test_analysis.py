"""Loss landscapes and feature statistics, on networks with known results, and against numpy."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny
import torch
from checkouts import ROOT
from safetensors.torch import save_file
from torch import Tensor, nn

from supernet import spaces
from supernet.analysis.features import (
    Moments,
    Recorder,
    Steps,
    average,
    distance,
    measure,
    spread,
    tracked,
)
from supernet.analysis.images import first_batches
from supernet.analysis.landscape import (
    Plane,
    Surface,
    coordinates,
    direction,
    filter_normalised,
    loss_and_accuracy,
    moving,
    plane,
    rows,
    scan,
)
from supernet.config.jobs import features_job, landscape_job, standalone_job
from supernet.config.study import Study, load_study
from supernet.data.images import Data, load, split
from supernet.errors import UserError
from supernet.nn.norm import Norm
from supernet.pools.file import best_of
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.checkpoint import Checkpoint
from supernet.training.fingerprint import Fingerprint

SMOKE = ROOT / "tests" / "studies" / "smoke.yaml"


class Quadratic(nn.Module):
    """Loss: sum of squares of the weights; accuracy: a hundredth of their sum, from 0.5."""

    def __init__(self, values: Sequence[Sequence[float]]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(values, dtype=torch.float64))
        self.bias = nn.Parameter(torch.ones(2, dtype=torch.float64))

    def measure(self) -> tuple[float, float]:
        weight = self.weight.detach()
        return float((weight**2).sum()), 0.5 + float(weight.sum()) / 100


def quadratic(seed: int = 0) -> Surface:
    network = Quadratic([[3.0, 4.0], [0.5, -1.2], [0.0, 2.0]])
    return Surface(f"quadratic{seed}", network, plane(network, seed), network.measure)


class TestLandscape:
    def test_coordinates_have_the_network_in_the_middle(self) -> None:
        assert coordinates(5).tolist() == [-1.0, -0.5, 0.0, 0.5, 1.0]
        assert coordinates(21)[10] == 0 and np.allclose(np.diff(coordinates(21)), 0.1)

    def test_a_quadratic_has_a_quadratic_landscape(self) -> None:
        surface = quadratic()
        start, x, y = (
            values.detach().numpy().copy()
            for values in (surface.network.weight, surface.plane.x["weight"], surface.plane.y["weight"])  # type: ignore[arg-type]
        )
        found = scan([surface], 5)[0]
        for row, b in enumerate((-1, -0.5, 0, 0.5, 1)):
            for column, a in enumerate((-1, -0.5, 0, 0.5, 1)):
                # |θ + a·x + b·y|², multiplied out.
                expected = (
                    (start**2).sum() + a * a * (x**2).sum() + b * b * (y**2).sum()
                    + 2 * (a * (start * x).sum() + b * (start * y).sum() + a * b * (x * y).sum())
                )  # fmt: skip
                assert found[row, column, 0] == pytest.approx(expected, rel=1e-12)
                assert found[row, column, 1] == pytest.approx(0.5 + (start + a * x + b * y).sum() / 100, rel=1e-12)

    def test_weights_are_what_they_were_afterwards(self) -> None:
        surface = quadratic()
        before = surface.network.weight.detach().clone()  # type: ignore[operator]
        scan([surface], 3)
        assert torch.equal(surface.network.weight, before)  # type: ignore[arg-type]

    def test_a_point_does_not_depend_on_the_way_there(self) -> None:
        surface = quadratic()
        with moving(surface.network, surface.plane) as move:
            move(0.3, -0.7)
            direct = surface.measure()
            move(1.0, 1.0)
            move(-0.1, 0.2)
            move(0.3, -0.7)
            assert surface.measure() == direct

    @pytest.mark.parametrize("shape", [(4, 3, 3, 3), (6, 1, 5, 5), (10, 7)])
    def test_each_filter_has_its_own_norm(self, shape: tuple[int, ...]) -> None:
        generator = torch.Generator().manual_seed(1)
        weight = torch.randn(shape, generator=generator, dtype=torch.float64)
        weight[1] = 0
        noise = torch.randn(shape, generator=generator, dtype=torch.float64)
        found = filter_normalised(weight, noise).numpy()
        for number in range(shape[0]):
            own, towards = weight[number].numpy().ravel(), noise[number].numpy().ravel()
            expected = towards * math.sqrt(sum(v * v for v in own)) / math.sqrt(sum(v * v for v in towards))
            np.testing.assert_allclose(found[number].ravel(), expected, rtol=1e-12)
        assert (found[1] == 0).all()

    def test_channels_last_weights_are_normalised_alike(self) -> None:
        generator = torch.Generator().manual_seed(2)
        weight, noise = (torch.randn(4, 3, 3, 3, generator=generator) for _ in range(2))
        other = weight.clone().contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(filter_normalised(other, noise), filter_normalised(weight, noise))

    def test_rescaled_filters_have_the_same_landscape(self) -> None:
        # Batch norm removes the scale of a filter: the function is the same, so its plane must be the same.
        space = tiny.SPACES["nasbench201"]
        arch = space.sample(np.random.default_rng(0), count=30)[7]
        images, labels = tiny.random_images(40), torch.arange(40) % 5
        losses = []
        for factor in (1.0, 8.0):
            network = tiny.supernet(space)
            for module in network.modules():
                if isinstance(module, Norm):
                    module.eps = 1e-14  # which alone knows the scale
            with torch.no_grad():
                for name, weight in network.named_parameters():
                    if "_conv_" in name and name.endswith("conv.weight"):
                        weight.mul_(factor)
                    elif name == "stem.conv.weight":
                        weight[0].mul_(factor)  # one filter of a layer
            surface = Surface(
                "one", network, plane(network, 3), lambda n=network: loss_and_accuracy(n, [arch], [(images, labels)])  # type: ignore[misc]
            )  # fmt: skip
            losses.append(scan([surface], 3)[..., 0])
        assert np.ptp(losses[0]) > 0.1
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)

    def test_directions_move_kernels_and_leave_norms_and_biases(self) -> None:
        network = tiny.supernet(tiny.SPACES["darts"])
        found = direction(network, 0, "x")
        dimensions = {name: parameter.dim() for name, parameter in network.named_parameters()}
        assert set(found) == {name for name, count in dimensions.items() if count > 1}
        assert 1 in dimensions.values() and "classifier.weight" in found and "classifier.bias" not in found

    def test_directions_are_functions_of_seed_axis_and_name(self) -> None:
        network = tiny.supernet(tiny.SPACES["nasbench201"])
        first, again, other = plane(network, 0), plane(network, 0), plane(network, 1)
        for name in first.x:
            assert torch.equal(first.x[name], again.x[name])
            assert not torch.equal(first.x[name], first.y[name])
            assert not torch.equal(first.x[name], other.x[name])

    def test_gaussian_directions_are_nearly_orthogonal_to_each_other_and_the_weights(self) -> None:
        network = nn.Linear(400, 50)
        found = plane(network, 0)
        flat = [values.flatten() for values in (network.weight.detach(), found.x["weight"], found.y["weight"])]
        cosines = torch.corrcoef(torch.stack(flat))
        assert float((cosines - torch.eye(3)).abs().max()) < 0.03

    def test_loss_and_accuracy_are_means_over_paths_and_images(self) -> None:
        space = tiny.SPACES["nasbench101"]
        network = tiny.supernet(space).eval()
        archs = space.sample(np.random.default_rng(1), count=3)
        batches = [(tiny.random_images(8, seed), torch.arange(8) % 5) for seed in (0, 1)]
        loss, accuracy = loss_and_accuracy(network, archs, batches)
        network.train()  # statistics of the batch
        losses, hits = [], []
        with torch.no_grad():
            for arch in archs:
                for images, labels in batches:
                    logits = network(images, arch).numpy()
                    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
                    losses += (-np.log(chances[np.arange(8), labels.numpy()])).tolist()
                    hits += (logits.argmax(1) == labels.numpy()).tolist()
        assert loss == pytest.approx(np.mean(losses), rel=1e-10) and accuracy == np.mean(hits)

    def test_evaluation_changes_no_statistics(self) -> None:
        space = tiny.SPACES["nasbench201"]
        network = tiny.supernet(space)
        before = {name: value.clone() for name, value in network.state_dict().items()}
        loss_and_accuracy(network, space.sample(np.random.default_rng(0), count=2),
                          [(tiny.random_images(6), torch.zeros(6, dtype=torch.int64))])  # fmt: skip
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())

    def test_a_killed_scan_measures_no_row_twice_and_gives_the_same(self, tmp_path: Path) -> None:
        whole = scan([quadratic(0), quadratic(1)], 5)
        state = Checkpoint(tmp_path / "surfaces.safetensors", Fingerprint("one"), 0.0)
        with pytest.raises(KeyboardInterrupt):
            scan([quadratic(0), Surface("", *_killed(quadratic(1), after=12))], 5, state)
        assert state.done == 5 + 2
        counted, network = [0], quadratic(1)
        rest = Surface("", network.network, network.plane, lambda: counted.append(1) or network.measure())  # type: ignore[func-returns-value]
        done: list[int] = []
        np.testing.assert_array_equal(scan([quadratic(0), rest], 5, state, done.append), whole)
        assert sum(counted) == 3 * 5 and done == [8, 9, 10]

    @pytest.mark.parametrize(
        ("point", "value", "done"),
        [((0, 2, 0, 1), 17.0, 7), ((0, 2, 0, 1), np.nan, 7), ((1, 3, 0, 1), 0.5, 7), ((), 0, 9)],
    )
    def test_a_state_whose_rows_do_not_agree_is_refused(
        self, tmp_path: Path, point: tuple[int, ...], value: float, done: int
    ) -> None:
        surfaces = [quadratic(0), quadratic(1)]
        found = torch.from_numpy(scan(surfaces, 5))
        found.flatten(0, 1)[7:] = torch.nan
        if point:
            found[point] = value
        state = Checkpoint(tmp_path / "surfaces.safetensors", Fingerprint("one"), 0.0)
        state.save({"found": found}, {"done": done})
        with pytest.raises(UserError, match=r"surfaces\.safetensors: .* rows are done, but"):
            scan(surfaces, 5, state)

    def test_rows_name_their_points(self) -> None:
        surface = quadratic()
        found = scan([surface], 3)
        table = pd.DataFrame(rows([surface], found))
        point = table[(table["x"] == 1) & (table["y"] == -1)].iloc[0]
        assert len(table) == 9 and point["loss"] == found[0, 0, 2, 0] and point["kind"] == "quadratic0"


def _killed(surface: Surface, after: int) -> tuple[nn.Module, Plane, Any]:
    calls = [0]

    def measure() -> tuple[float, float]:
        calls[0] += 1
        if calls[0] > after:
            raise KeyboardInterrupt
        return surface.measure()

    return surface.network, surface.plane, measure


class TestImages:
    def test_the_first_training_images_in_equal_batches(self) -> None:
        splits = tiny.small_splits()
        batches = first_batches(splits, 0.5, 25, 10, channels_last=False)
        assert [len(labels) for _, labels in batches] == [9, 8, 8]
        expected = splits.normalise(splits.train.pixels[:25])
        assert torch.equal(torch.cat([images for images, _ in batches]), expected)

    def test_more_than_were_trained_on_is_an_error(self) -> None:
        with pytest.raises(UserError, match="found 41 images to analyse; expected at most 30"):
            first_batches(tiny.small_splits(), 0.5, 41, 10, channels_last=False)


class TwoNorms(nn.Module):
    """A path network with two norms: one of the images, one of the images times the architecture plus one."""

    def __init__(self, tracking: bool = True) -> None:
        super().__init__()
        self.first = Norm(2, affine=False, tracking=tracking, momentum=0.1)
        self.second = Norm(2, affine=False, tracking=tracking, momentum=0.1)

    def forward(self, images: Tensor, arch: float) -> Tensor:
        self.first(images)
        return self.second(arch * images + 1) if arch else images  # type: ignore[no-any-return]


def by_numpy(images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Means and unbiased variances of channels."""
    values = images.numpy()
    flat = values.transpose(1, 0, 2, 3).reshape(values.shape[1], -1)
    return flat.mean(1), flat.var(1, ddof=1)


class TestFeatures:
    def test_moments_against_numpy(self) -> None:
        images = tiny.random_images(6)
        found = measure(TwoNorms(), 3.0, [images])
        assert list(found) == ["first", "second"]
        for layer, values in (("first", images), ("second", 3 * images + 1)):
            mean, variance = by_numpy(values)
            np.testing.assert_allclose(found[layer].mean, mean, rtol=1e-12)
            np.testing.assert_allclose(found[layer].variance, variance, rtol=1e-12)

    def test_batches_are_averaged_as_recalibration_averages_them(self) -> None:
        batches = [tiny.random_images(5, seed) for seed in range(3)]
        found = measure(TwoNorms(), 2.0, batches)["first"]
        each = [by_numpy(images) for images in batches]
        np.testing.assert_allclose(found.mean, np.mean([mean for mean, _ in each], 0), rtol=1e-12)
        np.testing.assert_allclose(found.variance, np.mean([variance for _, variance in each], 0), rtol=1e-12)

    def test_distances_by_hand(self) -> None:
        reference = moments([1.0, -2.0, 9.0], [4.0, 0.25, 1.0])
        found = distance(moments([2.0, -1.0], [1.0, 1.0]), reference)
        # |2 - 1| / 2 and |-1 + 2| / .5; |ln(1 / 2)| and |ln(1 / .5)|. The third channel has no counterpart.
        assert found.mean == pytest.approx((0.5 + 2) / 2)
        assert found.scale == pytest.approx(math.log(2))
        assert distance(reference, reference) == type(found)(0.0, 0.0)

    def test_a_layer_of_zeros_has_a_distance(self) -> None:
        dead = Moments(torch.zeros(2), torch.zeros(2), 1e-5)
        found = distance(Moments(torch.zeros(2), torch.ones(2), 1e-5), dead)
        assert found.mean == 0 and found.scale == pytest.approx(math.log(math.sqrt(1.00001 / 1e-5)))

    def test_distances_do_not_depend_on_the_scale_of_a_layer(self) -> None:
        one, other = moments([1.0, 3.0], [4.0, 1.0]), moments([2.0, 2.0], [1.0, 3.0])
        scaled = [moments((7 * m.mean).tolist(), (49 * m.variance).tolist()) for m in (one, other)]
        assert distance(*scaled).mean == pytest.approx(distance(one, other).mean)
        assert distance(*scaled).scale == pytest.approx(distance(one, other).scale)

    def test_average_takes_the_channels_that_all_have(self) -> None:
        found = average([moments([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]), moments([3.0, 4.0], [3.0, 5.0])])
        assert found.mean.tolist() == [2.0, 3.0] and found.variance.tolist() == [2.0, 3.0]

    def test_spread_is_around_the_average_of_those_that_ran(self) -> None:
        images, network = tiny.random_images(6), TwoNorms()
        samples = [measure(network, arch, [images]) for arch in (1.0, 2.0, 0.0)]
        table = pd.DataFrame(spread("supernet", "architectures", "baseline", samples))
        assert table["layer"].value_counts().to_dict() == {"first": 3, "second": 2}
        same = table.loc[table["layer"] == "first", ["mean_distance", "scale_distance"]]
        np.testing.assert_allclose(same, 0, atol=1e-12)
        mean, variance = by_numpy(images)
        centre, scale = 1.5 * mean + 1, np.sqrt(2.5 * variance + 1e-5)
        second = table[table["layer"] == "second"].set_index("sample")
        for arch, sample in ((1, 0), (2, 1)):
            expected = np.abs(arch * mean + 1 - centre) / scale
            assert second.loc[sample, "mean_distance"] == pytest.approx(expected.mean(), rel=1e-10)
            factor = np.log(np.sqrt(arch**2 * variance + 1e-5) / scale)
            assert second.loc[sample, "scale_distance"] == pytest.approx(np.abs(factor).mean(), rel=1e-10)

    def test_tracked_statistics_against_the_true_ones(self) -> None:
        images, network = tiny.random_images(6), TwoNorms()
        assert network.first.running_mean is not None and network.first.running_var is not None
        mean, variance = by_numpy(images)
        network.first.running_mean.copy_(torch.from_numpy(mean) + torch.tensor([0.5, 0.0]))
        network.first.running_var.copy_(4 * torch.from_numpy(variance))
        table = pd.DataFrame(tracked("supernet", "x", network, [measure(network, 0.0, [images])]))
        assert table["layer"].tolist() == ["first"]
        row = table.iloc[0]
        assert row["mean_distance"] == pytest.approx(0.25 / np.sqrt(variance[0] + 1e-5), rel=1e-5)
        assert row["scale_distance"] == pytest.approx(math.log(2), rel=1e-4)
        with pytest.raises(ValueError, match="without tracking"):
            list(tracked("supernet", "x", TwoNorms(tracking=False), []))

    def test_measuring_changes_nothing(self) -> None:
        space = tiny.SPACES["nasbench101"]
        network, images = tiny.supernet(space), tiny.random_images(6)
        arch = space.sample(np.random.default_rng(0))
        before = {name: value.clone() for name, value in network.state_dict().items()}
        measure(network, arch, [images])
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())

    def test_nothing_is_recorded_after_the_context(self) -> None:
        space, recorder = tiny.SPACES["nasbench101"], Recorder()
        network, images = tiny.supernet(space), tiny.random_images(6)
        arch = space.sample(np.random.default_rng(0))
        with recorder.on(network):
            network(images, arch)
        assert recorder.take()
        network(images, arch)
        assert recorder.take() == {}

    def test_norms_whose_channels_are_chosen_are_left_out(self) -> None:
        space = tiny.SPACES["nasbench101"]
        plain, shuffled = (
            tiny.supernet(space, "affine", dynamic_channels=kind) for kind in ("fixed-v2", "shuffled-v2")
        )
        pairs = []
        for arch in space.sample(np.random.default_rng(0), count=10):
            pairs.append([set(measure(network, arch, [tiny.random_images(6)])) for network in (plain, shuffled)])
        assert all(chosen <= every for every, chosen in pairs) and any(chosen < every for every, chosen in pairs)


def moments(mean: list[float], variance: list[float]) -> Moments:
    return Moments(torch.tensor(mean).double(), torch.tensor(variance).double(), 0.0)


@pytest.fixture(scope="module")
def study() -> Study:
    return load_study(SMOKE)


class TestSteps:
    def trained(self, study: Study, count: int | None, until: int | None = None) -> tuple[nn.Module, Steps, int]:
        run = study.run("nasbench201", "baseline", 0)
        space = spaces.load(run.own_space)
        splits = split(tiny.raw_images(1200, in_channels=1), Data(name="digits", test_portion=0.5), 0)
        network = build_supernet(run, space, splits)
        trainer, steps = supernet_trainer(run, space, network, splits), Steps("supernet", "baseline")
        done = trainer.run(until=until) if count is None else steps.train(trainer, count, until)
        return network, steps, done.steps

    def test_recording_does_not_change_the_training(self, study: Study) -> None:
        plain, _, whole = self.trained(study, None)
        recorded, steps, done = self.trained(study, 3)
        for name, value in plain.state_dict().items():
            assert torch.equal(value, recorded.state_dict()[name]), name
        assert whole == done > 3
        assert sorted({row["step"] for row in steps.rows}) == [0, 1, 2]

    def test_the_first_steps_are_those_of_the_whole_training(self, study: Study) -> None:
        _, whole, _ = self.trained(study, 3)
        _, cut, done = self.trained(study, 3, until=3)
        assert done == 3
        pd.testing.assert_frame_equal(pd.DataFrame(cut.rows), pd.DataFrame(whole.rows))

    def test_each_layer_is_compared_with_its_last_use(self) -> None:
        steps, images = Steps("supernet", "baseline"), tiny.random_images(6)
        network, recorder = TwoNorms(tracking=False), Recorder()
        for step, arch in enumerate((1.0, 0.0, 3.0)):
            with recorder.on(network):
                network(images, arch)
            steps.note(step, recorder.take())
        table = pd.DataFrame(steps.rows).set_index(["layer", "step"])
        assert table.loc["second"].index.tolist() == [0, 2]
        assert math.isnan(table.loc[("second", 0), "mean_distance"])
        mean, variance = by_numpy(images)
        expected = np.abs(2 * mean) / np.sqrt(variance + 1e-5)
        assert table.loc[("second", 2), "mean_distance"] == pytest.approx(expected.mean(), rel=1e-10)
        assert table.loc[("first", 2), "mean_distance"] == 0


class TestJobs:
    def test_stand_alone_takes_the_recipe_of_the_ground_truth(self) -> None:
        study = load_study(SMOKE)
        assert standalone_job(study, "darts").truth == study.spaces["darts"].truth

    def test_or_the_values_of_the_baseline_where_that_is_published(self) -> None:
        study = load_study(ROOT / "tests" / "studies" / "published.yaml")
        space = next(name for name, one in study.spaces.items() if one.truth is None)
        recipe, baseline = standalone_job(study, space).truth, study.spaces[space].baseline
        for name in ("channels", "layers", "epochs", "learning_rate", "weight_decay", "batch_size", "train_portion"):
            assert getattr(recipe, name) == getattr(baseline, name), name

    def test_features_take_a_run_that_tracks_if_there_is_one(self) -> None:
        study = load_study(SMOKE)
        found = features_job(study, "nasbench201").tracking
        assert found is not None and found.setting.batch_norm == "affine+tracking"
        assert features_job(study, "darts").tracking is None
        assert study.feature_spaces() == ("nasbench201",)

    def test_a_study_without_the_sections_has_no_such_jobs(self) -> None:
        study = load_study(ROOT / "tests" / "studies" / "mini.yaml")
        assert study.landscape_spaces() == study.feature_spaces() == ()
        with pytest.raises(UserError, match="no section `landscape`"):
            landscape_job(study, "darts")
        with pytest.raises(UserError, match="no section `features`"):
            features_job(study, "darts")

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("grid: 3", "grid: 4", "should be odd"),
            ("grid: 3", "grid: 1", "landscape.grid"),
            ("batch_norm: [affine+tracking, tracking]", "weight_decay: [0.1]", "no space sweeps `batch_norm`"),
        ],
    )
    def test_sections_that_make_no_sense_are_errors(self, old: str, new: str, message: str, tmp_path: Path) -> None:
        text = SMOKE.read_text()
        assert old in text
        changed = text.replace("      weight_decay: [0.0]\n", "").replace(old, new)
        (tmp_path / "smoke.yaml").write_text(changed)
        with pytest.raises(UserError, match=message):
            load_study(tmp_path / "smoke.yaml")

    def test_the_best_of_a_pool(self, tmp_path: Path) -> None:
        space = spaces.load("nasbench201")
        drawn = sorted(space.sample(np.random.default_rng(0), count=4), key=space.arch_id, reverse=True)
        texts = [space.format(arch) for arch in drawn]
        table = pd.DataFrame({"arch_id": texts, "encoding": texts})
        table.assign(truth=[0.5, 0.9, 0.9, np.nan]).to_parquet(tmp_path / "pool.parquet")
        assert best_of(tmp_path / "pool.parquet", space) == drawn[2]
        table.assign(truth=np.nan).to_parquet(tmp_path / "pool.parquet")
        assert best_of(tmp_path / "pool.parquet", space) == drawn[3], "without any ground truth the first arch_id"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, a pool, an untrained super-net as a run, and a job of some seconds."""
    folder = tmp_path_factory.mktemp("landscape")
    script = [sys.executable, str(ROOT / "scripts" / "data.py"), "--name", "digits"]
    subprocess.run([*script, "--output", str(folder / "digits.safetensors")], check=True, capture_output=True)
    job = landscape_job(load_study(SMOKE), "nasbench201")
    job = job.model_copy(update={"landscape": job.landscape.model_copy(update={"grid": 11})})
    (folder / "job.json").write_text(job.model_dump_json())
    space = spaces.load("nasbench201")
    texts = [space.format(arch) for arch in space.sample(np.random.default_rng(0), count=4)]
    pool = pd.DataFrame({"arch_id": texts, "encoding": texts})
    pool.assign(truth=[0.1, 0.4, 0.3, 0.2]).to_parquet(folder / "pool.parquet")
    splits = split(load(folder / "digits.safetensors"), job.run.data, job.run.study_seed)
    weights = build_supernet(job.run, space, splits).state_dict()
    save_file({name: value.contiguous() for name, value in weights.items()}, folder / "weights.safetensors")
    summary = {"status": "complete", "diverged_at": None, "run": job.run.model_dump(mode="json")}
    (folder / "run.json").write_text(json.dumps(summary))
    return folder


class TestKilledProgram:
    def command(self, folder: Path, out: Path) -> list[str]:
        return [
            sys.executable, str(ROOT / "scripts" / "landscape.py"), "--config", f"@{folder / 'job.json'}",
            "--data", str(folder / "digits.safetensors"), "--pool", str(folder / "pool.parquet"),
            "--weights", str(folder / "weights.safetensors"), "--summary", str(folder / "run.json"),
            "--task", "test", "--output", str(out / "found.parquet"), "--state", str(out / "state"),
            "--checkpoint-seconds", "0.05", "--progress", str(out / "progress.json"), "--device", "cpu",
        ]  # fmt: skip

    def test_killed_and_resumed_has_the_same_bytes(self, folder: Path) -> None:
        whole, killed = folder / "whole", folder / "killed"
        subprocess.run(self.command(folder, whole), check=True, capture_output=True)
        process = subprocess.Popen(self.command(folder, killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        state, deadline = killed / "state" / "surfaces.safetensors", time.monotonic() + 120
        while process.poll() is None and not state.exists() and time.monotonic() < deadline:
            time.sleep(0.002)
        assert process.poll() is None, "the program ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (killed / "found.parquet").exists()
        again = subprocess.run(self.command(folder, killed), check=True, capture_output=True, text=True)
        first = next(line for line in (again.stdout + again.stderr).splitlines() if "rows of the grid" in line)
        assert "rows of the grid 0/" not in first
        assert (killed / "found.parquet").read_bytes() == (whole / "found.parquet").read_bytes()
        assert not list((killed / "state").iterdir())
        table = pd.read_parquet(whole / "found.parquet")
        assert table.groupby("kind").size().to_dict() == dict.fromkeys(
            ("standalone", "supernet_fixed", "supernet_random"), 121
        )
        assert table[["loss", "accuracy"]].notna().all(axis=None)
        assert set(table.loc[table["kind"] != "supernet_random", "arch_id"]) == {
            spaces.load("nasbench201").arch_id(best_of(folder / "pool.parquet", spaces.load("nasbench201")))
        }

    def test_a_diverged_super_net_leaves_the_stand_alone_surface(self, folder: Path) -> None:
        out = folder / "diverged"
        command = self.command(folder, out)
        summary = json.loads((folder / "run.json").read_text())
        (folder / "diverged.json").write_text(json.dumps({**summary, "status": "diverged"}))
        command[command.index("--summary") + 1] = str(folder / "diverged.json")
        subprocess.run(command, check=True, capture_output=True)
        assert set(pd.read_parquet(out / "found.parquet")["kind"]) == {"standalone"}
