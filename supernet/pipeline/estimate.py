"""Estimate the cost of the super-nets of a study: trainings, images, multiply-adds, GPU days. Does not import torch.

The time of jobs on this machine is estimated by `supernet.pipeline.speed` from the same multiply-adds.

A training pass of an image counts as three times the multiply-adds of its forward pass (the gradients of inputs and of
weights cost one each), and a multiply-add as two floating-point operations. Multiply-adds are the mean over a sample of
architectures: for training by the law of the run, for scoring uniform, as the pool. The estimate omits norms,
activations and poolings; the full widths that `dynamic_channels` computes in version 1; the matrices of `ofa_kernel`;
stand-alone trainings; searches.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Self

from supernet import spaces
from supernet.config.datasets import DATASETS
from supernet.config.jobs import TruthJob
from supernet.config.splits import Sizes, split_sizes
from supernet.config.study import Data, Run, Scoring, Study
from supernet.spaces.base import NetworkSize
from supernet.spaces.darts.encoding import Concat
from supernet.training.path_sampling import epoch_paths, passes_per_step
from supernet.training.schedule import standalone_steps, step_after, supernet_steps

UNCERTAINTY = 3.0
"""The estimate is right within this factor if the sustained rate is between those bounds."""

TRAINING_PASS = 3
FLOPS_PER_MAC = 2
SAMPLE = 200
DAY = 86_400


@dataclass(frozen=True)
class Work:
    """The cost of runs: their number, images of all passes, and multiply-adds."""

    runs: int = 0
    trained_images: int = 0
    scored_images: int = 0
    training_macs: float = 0.0
    scoring_macs: float = 0.0

    def __add__(self, other: Self) -> Self:
        """Add up two costs."""
        return type(self)(
            self.runs + other.runs,
            self.trained_images + other.trained_images,
            self.scored_images + other.scored_images,
            self.training_macs + other.training_macs,
            self.scoring_macs + other.scoring_macs,
        )

    @property
    def macs(self) -> float:
        """Multiply-adds of training and scoring."""
        return self.training_macs + self.scoring_macs

    def days(self, tflops: float) -> float:
        """Return the days that a device with this sustained speed in teraflop/s needs."""
        return self.macs * FLOPS_PER_MAC / (tflops * 1e12) / DAY


def estimate(study: Study, architectures: Callable[[str], int]) -> dict[str, Work]:
    """Estimate the work of all super-nets of each space; `architectures` returns the size of a pool of that name.

    Raises UserError if a batch has more images than there are.
    """
    found = {space: Work() for space in study.spaces}
    for space in study.spaces:
        for name in study.settings(space):
            seeds = study.seeds(space, name)
            scored = architectures(str(study.pool_of(space, name, seeds[0])))
            one = run_work(study.run(space, name, seeds[0]), study.scoring, scored)
            for _ in seeds:
                found[space] += one
    return found


def run_work(run: Run, scoring: Scoring, pool: int) -> Work:
    """Estimate the work of training one super-net and scoring a pool of `pool` architectures; seeds do not matter."""
    sizes = _sizes(run.data)
    passes, images = training_passes(run), _scored_images(run, scoring, sizes)
    trained, scored = passes * run.setting.batch_size, pool * images
    return Work(
        runs=1,
        trained_images=trained,
        scored_images=scored,
        training_macs=training_macs(run),
        scoring_macs=scored * _macs(run, "random_a"),
    )


def training_passes(run: Run) -> int:
    """Count the forward-backward passes of a training, one mini-batch each."""
    steps = supernet_steps(run, run.load_space(), _sizes(run.data))
    return steps.total * steps.passes + _ranking_passes(run, steps.total)


def training_macs(run: Run) -> float:
    """Estimate the multiply-adds of the training of a super-net."""
    return TRAINING_PASS * training_passes(run) * run.setting.batch_size * _macs(run, run.setting.path_sampling)


def standalone_work(job: TruthJob, own_space: str) -> tuple[int, float]:
    """Return the steps of a stand-alone training, and its multiply-adds with those of its test.

    `own_space` is the space or sub-space of the architecture. Raises UserError if a batch has more images than there
    are.
    """
    sizes, known, truth = _sizes(job.data), DATASETS[job.data.name], job.truth
    steps = standalone_steps(truth, sizes).total
    widths = job.protocol.nasbench101_widths
    size = spaces.load(own_space).network_size(truth.channels, truth.layers, known.classes, known.channels, widths)
    image, concat = job.data.resolution or known.side, job.protocol.darts_concat
    macs = mean_macs(own_space, "random_a", size, image, False, job.study_seed, concat)
    return steps, (TRAINING_PASS * steps * truth.batch_size + sizes.test) * macs


def scored_work(run: Run, architectures: int, images: int) -> float:
    """Return the multiply-adds of a forward pass of `images` images by each of a number of architectures of a run."""
    return architectures * images * _macs(run, "random_a")


def mixture_work(run: Run, images: int, sampled: bool = False, partial_channels: int = 1) -> float:
    """Return the multiply-adds of a forward pass of `images` images by a relaxed super-net with the values of a run.

    It computes all operations of each position or, if it is `sampled`, an average one; on 1/K of the channels with
    `partial_channels` K.
    """
    others, operations = spaces.load(run.own_space).relaxed_macs(_size(run), _side(run), partial_channels)
    return images * float(others + (operations.mean(-1) if sampled else operations).sum())


def split_images(data: Data, split: str) -> int:
    """Return the number of images of a split: `scoring`, `test` or `train`."""
    return int(getattr(_sizes(data), split))


def _ranking_passes(run: Run, steps: int) -> int:
    """Count the passes of landmarks, which are additional: two per pair, in the steps that rank."""
    if run.setting.landmarks == "none":
        return 0
    return 2 * run.protocol.landmark_pairs * (steps - step_after(run.protocol.landmark_start, steps))


def report(
    work: Mapping[str, Work],
    tflops: float | None,
    standalone: Mapping[str, int],
    swept: int = 0,
    at_most: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """Format the estimate: counts per space and in total and, for a stated rate, GPU days with their assumptions.

    `tflops` is the sustained rate of a GPU in teraflop/s, None if it is not known; `standalone` is the number of
    stand-alone trainings of the ground truth of each space, and `swept` that of the section `standalone`; `at_most` has
    the pools whose number of architectures is not known yet, with the most that they can have.
    """
    total = sum(work.values(), start=Work())
    rows = [(name, one, standalone.get(name, 0)) for name, one in work.items()]
    rows.append(("total", total, sum(standalone.values())))
    lines = ["Super-nets and ground truth of this study, including what is finished:", *_table(rows, tflops)]
    if swept:
        lines.append(f"In addition, {swept} stand-alone trainings of the section `standalone`.")
    lines += [
        f"{pool}: scored images are those of {most} architectures, the most that its published table can have; "
        "the number is known when the table is there."
        for pool, most in at_most.items()
    ]
    return "\n".join([*lines, *(_without_rate() if tflops is None else _gpu_days(total, tflops))])


def _gpu_days(total: Work, tflops: float) -> list[str]:
    middle = total.days(tflops)
    return [
        f"About {_number(middle)} GPU days for the super-nets, with one super-net per GPU at a time; "
        f"{_number(middle / UNCERTAINTY)} to {_number(middle * UNCERTAINTY)} "
        f"if the rate is {_number(tflops * UNCERTAINTY)} to {_number(tflops / UNCERTAINTY)} teraflop/s.",
        f"Assumed: {_number(tflops)} teraflop/s sustained (config key gpu_tflops), two operations per",
        "multiply-add, three forward passes per training pass. Stand-alone trainings and searches are not counted.",
    ]


def _without_rate() -> list[str]:
    return [
        "`supernet plan` says which of these would be trained, why, and the time on this machine. For GPU days, state",
        "the sustained teraflop/s of the GPU: --config gpu_tflops=NUMBER. Images and multiply-adds are of super-nets.",
    ]


def _table(rows: Sequence[tuple[str, Work, int]], tflops: float | None) -> list[str]:
    names = f"{'':12} {'super-nets':>10} {'stand-alone':>11}"
    head = f"{names} {'images trained':>15} {'images scored':>15} {'multiply-adds':>14}"
    lines = [
        f"{name:12} {one.runs:10} {alone:11} {one.trained_images:15.3g} {one.scored_images:15.3g} {one.macs:14.3g}"
        for name, one, alone in rows
    ]
    if tflops is None:
        return [head, *lines]
    days = [f"{'GPU days':>9}", *(f"{_number(one.days(tflops)):>9}" for _, one, _ in rows)]
    return [f"{line} {one}" for line, one in zip([head, *lines], days, strict=True)]


def _number(value: float) -> str:
    """Format with two significant digits, without exponent from 10 on."""
    return f"{float(f'{value:.2g}'):.0f}" if value >= 9.95 else f"{value:.2g}"


def _scored_images(run: Run, scoring: Scoring, sizes: Sizes) -> int:
    """Count the images of scoring one architecture, over all BN modes and splits, with re-calibration."""
    splits = {"scoring": sizes.scoring, "test": sizes.test}
    bn_modes = scoring.defined_modes(run.setting.tracks)
    calibration = min(scoring.recalibration_batches * scoring.batch_size, sizes.train)
    shown = sum(splits[split] for split in scoring.splits)
    return len(bn_modes) * shown + ("recalibrated" in bn_modes) * calibration


def _sizes(data: Data) -> Sizes:
    known = DATASETS[data.name]
    return split_sizes(known.images, known.official_test, data)


def _macs(run: Run, law: str) -> float:
    bare, concat = run.setting.batch_norm == "none", run.protocol.darts_concat
    return mean_macs(run.own_space, law, _size(run), _side(run), bare, run.study_seed, concat)


def _size(run: Run) -> NetworkSize:
    known, setting = DATASETS[run.data.name], run.setting
    widths = run.protocol.nasbench101_widths
    loaded = run.load_space()
    return loaded.network_size(setting.channels, setting.layers, known.classes, known.channels, widths)


def _side(run: Run) -> int:
    return run.data.resolution or DATASETS[run.data.name].side


@lru_cache(maxsize=1024)
def mean_macs(
    space: str,
    law: str,
    size: NetworkSize,
    image: int,
    zero_in_zero_out: bool,
    seed: int,
    darts_concat: Concat = "loose_ends",
) -> float:
    """Return the mean multiply-adds of a forward pass of one image, over about `SAMPLE` architectures of a law."""
    loaded = spaces.load(space, darts_concat)
    groups = epoch_paths(loaded, law, seed, 0, SAMPLE // passes_per_step(loaded, law))
    costs = [loaded.cost(arch, size, image, zero_in_zero_out).macs for group in groups for arch in group]
    return sum(costs) / len(costs)
