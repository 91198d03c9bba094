"""Measure the speed of this machine: passes of super-nets, scoring, and passes of stand-alone networks.

`supernet plan` starts this program in a process if no run of the study is finished. It reads cases from standard input
and writes the measurements to standard output, both as JSON. Networks, batches and images have the sizes of the study;
images are random, because their content has no influence. On a processor, seconds are those of the process, which other
work on the machine disturbs less than wall time.
"""

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from pydantic import TypeAdapter

from supernet.config.datasets import DATASETS
from supernet.config.study import Run, Scoring
from supernet.data.images import Images, Splits, split
from supernet.rng import stream
from supernet.runtime import program
from supernet.runtime.arguments import positive
from supernet.spaces.base import NetworkSize, Space
from supernet.training.build import build_standalone, build_supernet, standalone_trainer, supernet_trainer
from supernet.training.device import configure
from supernet.training.evaluator import Evaluator
from supernet.training.measurements import Calibration, Case, Measurement, Pass
from supernet.training.trainer import Trainer

SECONDS = 0.5
"""Seconds of each measurement. As many steps before it are not timed, because oneDNN compiles its kernels then."""
MOST = 96
"""Steps of a measurement."""


@dataclass(frozen=True)
class Clock:
    """Measures seconds: of this process on a processor, of wall time on a GPU, for which it waits."""

    device: torch.device

    def now(self) -> float:
        """Return the seconds of all work so far."""
        if self.device.type == "cpu":
            return time.process_time()
        torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def seconds(self, task: Callable[[], object]) -> float:
        """Return the seconds of a task."""
        start = self.now()
        task()
        return self.now() - start


def measure(case: Case, clock: Clock) -> Measurement:
    """Measure a case on the device of the clock."""
    space = case.run.load_space()
    splits = random_splits(case, clock.device)
    network = build_supernet(case.run, space, splits)
    archs = space.sample(stream(0, "pool", case.run.own_space), count=case.architectures)
    training = tuple(_training(case.run, space, network, splits, batch, clock) for batch in case.batches)
    scoring = _scoring(case, space, network, splits, archs, clock)
    standalone = tuple(_standalone(case, space, splits, archs, batch, clock) for batch in case.standalone_batches)
    return Measurement(training=training, scoring=scoring, standalone=standalone)


def random_splits(case: Case, device: torch.device) -> Splits:
    """Return random images of the shape of a data set, split as the study says, with two batches or more."""
    data, known = case.run.data, DATASETS[case.run.data.name]
    portion = min(case.run.setting.train_portion, case.standalone.truth.train_portion)
    most = max(*case.batches, *case.standalone_batches)
    enough = max(case.images, math.ceil(2 * most / portion))
    test = min(known.official_test, case.images)
    count = test + enough if known.official_test else known.images
    pixels = np.random.default_rng(0).integers(
        256, size=(count, known.channels, known.side, known.side), dtype=np.uint8
    )
    labels = torch.from_numpy(np.arange(count) % known.classes)
    return split(Images(torch.from_numpy(pixels), labels, test), data, case.run.study_seed, device)


def _training(run: Run, space: Space[Any], network: torch.nn.Module, splits: Splits, batch: int, clock: Clock) -> Pass:
    run = run.model_copy(update={"setting": run.setting.model_copy(update={"batch_size": batch})})
    trainer = supernet_trainer(run, space, network, splits)
    steps, seconds = _timed(trainer, clock, SECONDS)
    per_epoch = trainer.recipe.steps_per_epoch
    groups = [group for epoch in range(-(-steps // per_epoch)) for group in trainer.paths(epoch, per_epoch)][:steps]
    setting = run.setting
    size = _size(space, splits, setting.channels, setting.layers, run.protocol.nasbench101_widths)
    image, without_norms = splits.train.pixels.shape[-1], setting.batch_norm == "none"
    macs = [space.cost(arch, size, image, without_norms).macs for group in groups for arch in group]
    return Pass(images=batch, macs=statistics.fmean(macs), seconds=seconds / len(macs))


def _timed(trainer: Trainer, clock: Clock, target: float) -> tuple[int, float]:
    """Return a number of steps that take about `target` seconds, and their seconds; all start at the first step."""
    trainer.run(until=1)
    once = clock.seconds(lambda: trainer.run(until=1))
    steps = max(1, min(round(target / max(once, 1e-9)), MOST, trainer.recipe.steps))
    if steps > 1:
        trainer.run(until=steps)
    return steps, clock.seconds(lambda: trainer.run(until=steps))


def _scoring(
    case: Case, space: Space[Any], network: torch.nn.Module, splits: Splits, archs: Sequence[Any], clock: Clock
) -> Pass:
    scoring = Scoring(bn_modes=("batch",), splits=("scoring",), batch_size=case.scored_batch)
    evaluator = Evaluator(splits, scoring, case.run.protocol.channels_last)
    setting, images = case.run.setting, len(splits.scoring)
    evaluator.evaluate_many(network, archs, "batch", ["scoring"])
    seconds = clock.seconds(lambda: evaluator.evaluate_many(network, archs, "batch", ["scoring"]))
    size = _size(space, splits, setting.channels, setting.layers, case.run.protocol.nasbench101_widths)
    macs = _mean_macs(space, archs, size, splits, setting.batch_norm == "none")
    return Pass(images=images, macs=macs, seconds=seconds / len(archs))


def _standalone(case: Case, space: Space[Any], splits: Splits, archs: Sequence[Any], batch: int, clock: Clock) -> Pass:
    truth = case.standalone.truth.model_copy(update={"batch_size": batch})
    job = case.standalone.model_copy(update={"truth": truth})
    passes = []
    for arch in archs:
        network = build_standalone(job, space, arch, 0, splits)
        steps, seconds = _timed(standalone_trainer(job, network, arch, 0, splits), clock, SECONDS / len(archs))
        passes.append(seconds / steps)
    size = _size(space, splits, truth.channels, truth.layers, job.protocol.nasbench101_widths)
    return Pass(images=batch, macs=_mean_macs(space, archs, size, splits, False), seconds=statistics.fmean(passes))


def _size(space: Space[Any], splits: Splits, channels: int, layers: int | None, widths: str) -> NetworkSize:
    return space.network_size(channels, layers, splits.classes, splits.train.pixels.shape[1], widths)


def _mean_macs(
    space: Space[Any], archs: Sequence[Any], size: NetworkSize, splits: Splits, without_norms: bool
) -> float:
    image = splits.train.pixels.shape[-1]
    return statistics.fmean(space.cost(arch, size, image, without_norms).macs for arch in archs)


def main(arguments: Sequence[str]) -> None:
    """Measure the cases on standard input, and print the calibration."""
    started = time.process_time()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=positive, default=1, help="threads of torch")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    options = parser.parse_args(arguments)
    cases = TypeAdapter(list[Case]).validate_json(sys.stdin.read())
    device = configure(options.threads, options.device)
    measurements = tuple(measure(case, Clock(device)) for case in cases)
    print(Calibration(start=started, device=str(device), measurements=measurements).model_dump_json())


if __name__ == "__main__":
    program.run(main)
