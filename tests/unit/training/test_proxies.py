"""Zero-cost proxies: against sums by hand, loops, and torch's derivatives for one image at a time."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from checkouts import ROOT
from fake_results import write_results
from tiny import SIZES, SPACES, random_images, small_splits
from torch import Tensor, nn
from torch.autograd.functional import jacobian
from torch.nn import functional as F

from supernet.config.jobs import proxies_job
from supernet.config.pool_name import PoolName
from supernet.config.splits import Sizes
from supernet.config.study import Study, load_study
from supernet.data.images import Images, Splits
from supernet.errors import UserError
from supernet.metrics.study_metrics import PoolTruth
from supernet.nn.factory import LayerFactory
from supernet.nn.norm import norms
from supernet.nn.standalone import StandAlone
from supernet.rng import stream
from supernet.spaces.base import Space
from supernet.spaces.nasbench201 import NASBench201
from supernet.training.build import build_untrained
from supernet.training.proxies import JACOV_EPSILON, SINGULAR, first_images, jacov, naswot, proxies, synflow

NAMES = ("synflow", "jacov", "naswot")
NO_PATH = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
DEGENERATE = {
    "nasbench201": [NO_PATH, "|skip_connect~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"],
    "nasbench101": [],
    "darts": [],
    "macro": ["00000000"],
}
SMOKE = ROOT / "tests" / "studies" / "smoke.yaml"


def built(space: Space[Any], arch: Any, seed: int = 0) -> nn.Module:
    size = SIZES[space.name]
    torch.manual_seed(seed)
    return space.build_standalone(arch, size.channels, size.layers, size.num_classes, size.in_channels).double()


class Linear(nn.Module):
    """Three linear layers with a bias on the last, ReLUs between them."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b, bias=b == 2) for a, b in ((12, 5), (5, 4), (4, 2)))
        self.double()

    def forward(self, images: Tensor) -> Tensor:
        values = images.flatten(1)
        for number, layer in enumerate(self.layers):
            values = F.relu(layer(values)) if number < 2 else layer(values)
        return values


class TestSynflow:
    def test_of_a_chain_is_its_length_times_the_product_of_the_absolute_matrices(self) -> None:
        torch.manual_seed(1)
        network = Linear()
        product = np.ones(12)
        for layer in network.layers:
            product = np.abs(layer.weight.detach().numpy()) @ product  # type: ignore[operator,union-attr]
        assert synflow(network, (3, 2, 2)) == pytest.approx(math.log(3 * product.sum()), rel=1e-12)

    def test_of_a_convolution_counts_the_windows_and_leaves_the_norm_out(self) -> None:
        """3x3 with zero padding on 2 x 2 pixels: a tap meets as many pixels as the kernel overlaps."""
        factory = LayerFactory("affine+tracking", 0.1)
        torch.manual_seed(2)
        network = nn.Sequential(
            factory.conv(2, 3, 3), factory.norm(3), nn.Flatten(), nn.Linear(12, 2, bias=False)
        ).double()
        with torch.no_grad():
            for layer in norms(network):
                layer.weight.fill_(7.0)  # type: ignore[union-attr]
        kernel, linear = (network[i].weight.detach().abs().numpy() for i in (0, 3))  # type: ignore[union-attr,operator]
        total = 0.0
        for c_out in range(3):
            for y, x in np.ndindex(2, 2):
                seen = sum(
                    kernel[c_out, c_in, dy + 1, dx + 1]
                    for c_in in range(2)
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                    if 0 <= y + dy < 2 and 0 <= x + dx < 2
                )
                total += seen * linear[:, c_out * 4 + y * 2 + x].sum()
        assert synflow(network, (2, 2, 2)) == pytest.approx(math.log(2 * total), rel=1e-12)

    def test_doubling_a_weight_of_every_path_adds_log_two(self) -> None:
        network = built(SPACES["darts"], SPACES["darts"].sample(stream(0, "test")))
        before = synflow(network, (2, 8, 8))
        with torch.no_grad():
            network.network.classifier.weight.mul_(-2)  # type: ignore[union-attr,operator]
        assert synflow(network, (2, 8, 8)) == pytest.approx(before + math.log(2), abs=1e-9)

    def test_without_a_path_it_is_the_log_of_the_smallest_double(self) -> None:
        space = NASBench201()
        assert synflow(built(space, space.parse(NO_PATH)), (2, 8, 8)) == pytest.approx(-744.4400719213812)

    @pytest.mark.parametrize(("name", "side"), [("nasbench201", 4), ("macro", 8)])
    def test_last_layers_may_have_one_pixel(self, name: str, side: int) -> None:
        """Doubling the weights of the classifier adds log 2, as at any resolution."""
        network = built(SPACES[name], SPACES[name].sample(stream(1, "test")))
        before = synflow(network, (2, side, side))
        with torch.no_grad():
            network.network.classifier.weight.mul_(2)  # type: ignore[union-attr,operator]
        assert synflow(network, (2, side, side)) == pytest.approx(before + math.log(2), abs=1e-9)

    def test_more_may_flow_than_a_double_holds(self) -> None:
        """Twenty DARTS cells, each a chain of 5x5 separable convolutions, are near the largest double, e^709.8."""
        space = SPACES["darts"]
        cell = [("sep_conv_5x5", source) for node in range(4) for source in (node, node + 1)]
        ends = [2, 3, 4, 5]
        arch = space.parse({"normal": cell, "normal_concat": ends, "reduce": cell, "reduce_concat": ends})
        torch.manual_seed(0)
        network = space.build_standalone(arch).double()
        before = synflow(network, (3, 8, 8))
        with torch.no_grad():
            network.network.classifier.weight.mul_(2.0**300)  # type: ignore[union-attr,operator]
        found = synflow(network, (3, 8, 8))
        assert found > 709.8 and found == pytest.approx(before + 300 * math.log(2), rel=1e-9)


class TestNaswot:
    def test_against_a_loop_over_units(self) -> None:
        torch.manual_seed(3)
        network, images = Linear(), random_images(4, in_channels=3, size=2)
        first = network.layers[0](images.flatten(1))
        second = network.layers[1](F.relu(first))
        kernel = np.zeros((4, 4))
        for units in (first, second):
            for i, j, unit in np.ndindex(4, 4, units.shape[1]):
                kernel[i, j] += bool(units[i, unit] > 0) == bool(units[j, unit] > 0)
        sign, expected = np.linalg.slogdet(kernel)
        assert sign == 1 and naswot(network, images) == pytest.approx(expected, rel=1e-10)

    def test_an_image_twice_is_singular(self) -> None:
        network, images = Linear(), random_images(4, in_channels=3, size=2)
        assert naswot(network, torch.cat([images, images[:1]])) == SINGULAR
        assert naswot(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)).double(), images) == SINGULAR

    @pytest.mark.parametrize("name", SPACES)
    def test_every_relu_of_the_path_counts(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The diagonal is the number of units: those that F.relu was called on, in any module."""
        space = SPACES[name]
        units: list[Tensor] = []
        original = F.relu

        def recorded(images: Tensor, inplace: bool = False) -> Tensor:
            units.append(images.detach().clone())
            return original(images, inplace)

        network, images = built(space, space.sample(stream(1, "test"))), random_images(6)
        found = naswot(network, images)
        monkeypatch.setattr(F, "relu", recorded)
        network.train()
        with torch.no_grad():
            network(images)
        signs = np.concatenate([np.sign(one.flatten(1).numpy()) > 0 for one in units], axis=1)
        kernel = np.array([[(one == other).sum() for other in signs] for one in signs], dtype=float)
        assert kernel[0, 0] == sum(one[0].numel() for one in units)
        assert found == pytest.approx(np.linalg.slogdet(kernel)[1], rel=1e-10)


class TestJacov:
    def test_against_jacobian_and_eigenvalues(self) -> None:
        torch.manual_seed(4)
        network, images = Linear(), random_images(6, in_channels=3, size=2)
        rows = [jacobian(lambda one: network(one[None]).sum(), image).flatten().numpy() for image in images]  # type: ignore[no-untyped-call]
        values = np.linalg.eigvals(np.corrcoef(rows)).real
        expected = -sum(math.log(v + JACOV_EPSILON) + 1 / (v + JACOV_EPSILON) for v in values)
        assert jacov(network, images) == pytest.approx(expected, rel=1e-6)

    def test_goes_through_the_statistics_of_the_batch(self) -> None:
        space = NASBench201()
        network, images = built(space, space.sample(stream(2, "test"))), random_images(6)
        network.train()
        rows = jacobian(lambda batch: network(batch).sum(), images).flatten(1).numpy()  # type: ignore[no-untyped-call]
        values = np.linalg.eigvals(np.corrcoef(rows)).real
        expected = -sum(math.log(v + JACOV_EPSILON) + 1 / (v + JACOV_EPSILON) for v in values)
        assert jacov(network, images) == pytest.approx(expected, rel=1e-6)

    def test_equal_gradients_and_no_path_are_lowest(self) -> None:
        space, images = NASBench201(), random_images(6)
        lowest = jacov(built(space, space.parse(NO_PATH)), images)
        linear = jacov(nn.Sequential(nn.Flatten(), nn.Linear(128, 2)).double(), images)
        assert lowest == pytest.approx(linear, rel=1e-6) and lowest == pytest.approx(-5e5, rel=1e-3)
        assert lowest < min(jacov(built(space, arch), images) for arch in _live(space, 5))

    def test_a_constant_gradient_correlates_with_no_other(self) -> None:
        """Of three images the last has no gradient: eigenvalues 1 + r, 1 - r and 1."""
        torch.manual_seed(5)
        network = Linear()
        images = random_images(3, in_channels=3, size=2)
        images[2] = 0  # no unit is on: the gradient is zero
        rows = [jacobian(lambda one: network(one[None]).sum(), image).flatten().numpy() for image in images]  # type: ignore[no-untyped-call]
        assert not rows[2].any()
        r = np.corrcoef(rows[0], rows[1])[0, 1]
        values = np.array([1 + r, 1 - r, 1]) + JACOV_EPSILON
        assert jacov(network, images) == pytest.approx(-(np.log(values) + 1 / values).sum(), rel=1e-9)


def _live(space: Space[Any], count: int) -> list[Any]:
    """Random architectures whose output depends on the images."""
    found = [arch for arch in space.sample(stream(4, "test"), count=20) if space.cost(arch, None, 32).macs > 8_000_000]
    return found[:count]


@pytest.mark.parametrize("name", SPACES)
def test_random_and_degenerate_architectures_have_finite_values(name: str) -> None:
    space, images = SPACES[name], random_images(8).float()
    archs = [*space.sample(stream(5, "test"), count=4), *map(space.parse, DEGENERATE[name])]
    for arch in archs:
        found = proxies(built(space, arch).float(), images, NAMES)
        assert tuple(found) == NAMES and all(map(math.isfinite, found.values())), space.format(arch)


def test_weights_off_the_path_do_not_count() -> None:
    """An edge into a node that leads nowhere: other weights there, the same proxies."""
    space = NASBench201()
    arch = space.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|nor_conv_3x3~1|none~2|")
    network, images = built(space, arch), random_images(6)
    before = proxies(network, images, NAMES)
    assert before == proxies(network, images, NAMES)
    with torch.no_grad():
        for stage in network.network.stages:  # type: ignore[union-attr]
            for cell in stage:
                cell.edges[1]["nor_conv_1x1"].conv.weight.mul_(-3)
    assert proxies(network, images, NAMES) == before
    with torch.no_grad():
        for stage in network.network.stages:  # type: ignore[union-attr]
            for cell in stage:
                cell.edges[0]["nor_conv_3x3"].conv.weight.add_(0.3)
    after = proxies(network, images, NAMES)
    assert all(after[name] != before[name] for name in NAMES)


def test_a_network_is_left_as_it_was() -> None:
    space = SPACES["nasbench101"]
    network, images = built(space, space.sample(stream(6, "test"))), random_images(4)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    proxies(network, images, NAMES)
    assert network.training and not images.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())


class TestJob:
    @pytest.fixture
    def study(self) -> Study:
        return load_study(SMOKE)

    def test_networks_are_those_of_the_ground_truth(self, study: Study) -> None:
        job = proxies_job(study, "nasbench201", trained=True)
        assert (job.channels, job.layers) == (4, 1)
        own = proxies_job(study, "nasbench201", trained=False)
        assert (own.channels, own.layers) == (16, 5)

    def test_networks_start_where_a_training_of_the_seed_starts(self, study: Study) -> None:
        from supernet.config.jobs import truth_job
        from supernet.training.build import build_standalone

        space, splits = NASBench201(), small_splits()
        arch = space.sample(stream(7, "test"))
        job = proxies_job(study, "nasbench201", trained=True)
        start = build_standalone(truth_job(study, "nasbench201"), space, arch, 1, splits).state_dict()
        found = build_untrained(job, space, arch, 1, splits)
        assert isinstance(found, StandAlone)
        state = found.network.state_dict()
        assert list(state) == list(start) and all(torch.equal(state[name], start[name]) for name in start)
        other = build_untrained(job, space, arch, 0, splits).network.state_dict()  # type: ignore[union-attr,operator]
        assert any(not torch.equal(other[name], start[name]) for name in start)

    def test_images_are_the_first_training_images(self) -> None:
        splits: Splits = small_splits()
        found = first_images(splits, 3)
        pixels: Images = splits.train
        mean, std = splits.mean[:, None, None], splits.std[:, None, None]
        assert torch.allclose(found, (pixels.pixels[:3] / 255 - mean) / std, atol=1e-5)
        with pytest.raises(UserError, match=r"proxies\.images 1000: there are \d+ training images"):
            first_images(splits, 1000)


class TestReferences:
    def test_each_proxy_has_its_taus(self, tmp_path: Path) -> None:
        study = load_study(SMOKE)
        pool = pd.read_parquet(write_results(study, tmp_path) / "pools" / "darts.parquet")
        scores = pool[["arch_id"]].assign(synflow=pool["truth"] * 3 + 1, naswot=-pool["truth"])
        truth = PoolTruth(
            study, PoolName("darts"), pool, Sizes(800, 300, 700), proxies=scores.sample(frac=1, random_state=0)
        )
        found = {(row["name"], row["metric"]): row["estimate"] for row in truth.references()}
        assert found["synflow", "kdt"] == 1 and found["naswot", "kdt"] == -1
        assert {name for name, _ in found} == {"parameters", "macs", "live_macs", "synflow", "naswot", "seed"}

    @pytest.mark.parametrize("value", [np.inf, np.nan])
    def test_a_proxy_that_is_not_finite_ranks_nothing(self, tmp_path: Path, value: float) -> None:
        study = load_study(SMOKE)
        pool = pd.read_parquet(write_results(study, tmp_path) / "pools" / "darts.parquet")
        scores = pool[["arch_id"]].assign(synflow=[value, *range(len(pool) - 1)], naswot=pool["truth"])
        rows = PoolTruth(study, PoolName("darts"), pool, Sizes(800, 300, 700), proxies=scores).references()
        found = {row["name"]: row["estimate"] for row in rows if row["metric"] == "kdt"}
        assert np.isnan(found["synflow"]) and found["naswot"] == 1

    def test_an_architecture_without_a_proxy_is_an_error(self, tmp_path: Path) -> None:
        study = load_study(SMOKE)
        pool = pd.read_parquet(write_results(study, tmp_path) / "pools" / "darts.parquet")
        scores = pool[["arch_id"]].assign(synflow=1.0).iloc[1:]
        with pytest.raises(ValueError, match=f"1 architectures lack a proxy, the first is {pool['arch_id'][0]}"):
            PoolTruth(study, PoolName("darts"), pool, Sizes(800, 300, 700), proxies=scores)
        # Unless the study computes fewer.
        fewer = study.proxies.model_copy(update={"architectures": len(pool) - 1})
        study = study.model_copy(update={"proxies": fewer})
        rows = PoolTruth(study, PoolName("darts"), pool, Sizes(800, 300, 700), proxies=scores).references()
        counts = {row["name"]: row["n"] for row in rows if row["metric"] == "kdt"}
        assert counts["synflow"] == len(pool) - 1 and counts["macs"] == len(pool)
