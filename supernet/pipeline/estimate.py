"""Estimate the cost of a study's super-nets before training: images, multiply-adds and GPU days. Torch-free.

A training pass of an image costs three times the multiply-adds of its forward pass, because the gradients of inputs and
of weights cost one each. A multiply-add is two floating-point operations. Multiply-adds are the mean over a sample of
architectures: drawn by the path sampling of the run for training, and uniformly for scoring. Not counted are norms,
activations and poolings, the full widths that `dynamic_channels` computes in version 1, the matrices of `ofa_kernel`,
stand-alone trainings and searches.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from supernet import spaces
from supernet.config.datasets import DATASETS
from supernet.config.study import Data, Run, Study
from supernet.data.sizes import Sizes, part_sizes
from supernet.spaces.base import NetworkSize
from supernet.training.path_sampling import epoch_paths, passes_per_step
from supernet.training.schedule import step_after, supernet_steps

GPU_TFLOPS = 3.0
"""Sustained teraflop/s of one V100 in float32, whose peak is 15.7 (NVIDIA Tesla V100 data sheet, SXM2).

The geometric mean of two bounds. 9.0: wide dense convolutions, ResNet-50 trained at 367 images/s (NVIDIA,
DeepLearningExamples, ResNet50 v1.5, FP32 on a DGX-1 of 16 GB) with 4.1 billion multiply-adds per image, at six
operations each. 1.0: small and depthwise convolutions; an assumption, not a measurement.
"""
UNCERTAINTY = 3.0
"""The cost is within this factor of the estimate if the sustained rate is between those bounds."""

TRAINING_PASS = 3
FLOPS_PER_MAC = 2
SAMPLE = 200
DAY = 86_400


@dataclass(frozen=True)
class Work:
    """Cost of runs: their number, the images of all passes, and multiply-adds."""

    runs: int = 0
    trained_images: int = 0
    scored_images: int = 0
    training_macs: float = 0.0
    scoring_macs: float = 0.0

    def __add__(self, other: Self) -> Self:
        """Add two costs."""
        return type(self)(
            self.runs + other.runs,
            self.trained_images + other.trained_images,
            self.scored_images + other.scored_images,
            self.training_macs + other.training_macs,
            self.scoring_macs + other.scoring_macs,
        )

    @property
    def macs(self) -> float:
        """All multiply-adds."""
        return self.training_macs + self.scoring_macs

    def days(self, tflops: float) -> float:
        """Return the days on a device that sustains this many teraflop/s."""
        return self.macs * FLOPS_PER_MAC / (tflops * 1e12) / DAY


def estimate(study: Study) -> dict[str, Work]:
    """Return the cost of all super-nets per space. Raises UserError if a batch is larger than the training split."""
    found = {space: Work() for space in study.spaces}
    for space in study.spaces:
        for name in study.settings(space):
            seeds = study.seeds(space, name)
            one = run_work(study.run(space, name, seeds[0]), study.pool.size)
            for _ in seeds:
                found[space] += one
    return found


def run_work(run: Run, pool: int) -> Work:
    """Return the cost of training one super-net and scoring `pool` architectures with it; it is equal for all seeds."""
    sizes = _sizes(run.data)
    passes, images = training_passes(run), _scored_images(run, sizes)
    trained, scored = passes * run.setting.batch_size, pool * images
    return Work(
        runs=1,
        trained_images=trained,
        scored_images=scored,
        training_macs=TRAINING_PASS * trained * _macs(run, run.setting.path_sampling),
        scoring_macs=scored * _macs(run, "random_a"),
    )


def training_passes(run: Run) -> int:
    """Return the forward-backward passes of a training, with one mini-batch each, as `supernet.training` plans them."""
    steps = supernet_steps(run, spaces.load(run.own_space), _sizes(run.data))
    return steps.total * steps.passes + _ranking_passes(run, steps.total)


def _ranking_passes(run: Run, steps: int) -> int:
    """Return the additional passes of landmarks: two per pair in each step that ranks."""
    if run.setting.landmarks == "none":
        return 0
    return 2 * run.protocol.landmark_pairs * (steps - step_after(run.protocol.landmark_start, steps))


def report(work: dict[str, Work], tflops: float) -> str:
    """Return lines to print: counts per space and in all, GPU days, and the assumptions."""
    total = sum(work.values(), start=Work())
    middle = total.days(tflops)
    rows = [*work.items(), ("in all", total)]
    return "\n".join(
        [
            "Super-nets of this study, including finished ones:",
            *_table(rows, tflops),
            f"About {_number(middle)} GPU days, one super-net per GPU at a time; {_number(middle / UNCERTAINTY)} to "
            f"{_number(middle * UNCERTAINTY)} if the rate is {_number(tflops * UNCERTAINTY)} to "
            f"{_number(tflops / UNCERTAINTY)} teraflop/s.",
            f"Assumed: {_number(tflops)} teraflop/s sustained (config key gpu_tflops), 2 operations per multiply-add,",
            "three forward passes per training pass. Stand-alone trainings and searches are not counted.",
        ]
    )


def _table(rows: Iterable[tuple[str, Work]], tflops: float) -> list[str]:
    head = (
        f"{'':12} {'super-nets':>10} {'images trained':>15} {'images scored':>15} {'multiply-adds':>14} {'GPU days':>9}"
    )
    return [
        head,
        *(
            f"{name:12} {one.runs:10} {one.trained_images:15.3g} {one.scored_images:15.3g} {one.macs:14.3g} "
            f"{_number(one.days(tflops)):>9}"
            for name, one in rows
        ),
    ]


def _number(value: float) -> str:
    """Format with two significant digits, without an exponent from 10 on."""
    return f"{float(f'{value:.2g}'):.0f}" if value >= 9.95 else f"{value:.2g}"


def _scored_images(run: Run, sizes: Sizes) -> int:
    """Return the images of scoring one architecture, over all bn_modes and splits, including re-calibration."""
    scoring = run.scoring
    splits = {"scoring": sizes.scoring, "test": sizes.test}
    bn_modes = [
        bn_mode for bn_mode in scoring.bn_modes if bn_mode != "tracked" or run.setting.batch_norm.endswith("tracking")
    ]
    calibration = min(scoring.recalibration_batches * scoring.batch_size, sizes.train)
    shown = sum(splits[split] for split in scoring.splits)
    return len(bn_modes) * shown + ("recalibrated" in bn_modes) * calibration


def _sizes(data: Data) -> Sizes:
    known = DATASETS[data.name]
    return part_sizes(known.images, known.official_test, data)


def _macs(run: Run, law: str) -> float:
    known, setting = DATASETS[run.data.name], run.setting
    return mean_macs(
        run.own_space,
        law,
        NetworkSize(setting.channels, setting.layers, known.classes, known.channels, run.protocol.nasbench101_widths),
        run.data.resolution or known.side,
        setting.batch_norm == "none",
        run.study_seed,
    )


@lru_cache(maxsize=1024)
def mean_macs(space: str, law: str, size: NetworkSize, image: int, zero_in_zero_out: bool, seed: int) -> float:
    """Return the mean multiply-adds of a forward pass of one image over about `SAMPLE` architectures drawn by a law."""
    loaded = spaces.load(space)
    groups = epoch_paths(loaded, law, seed, 0, SAMPLE // passes_per_step(loaded, law))
    costs = [loaded.cost(arch, size, image, zero_in_zero_out).macs for group in groups for arch in group]
    return sum(costs) / len(costs)
