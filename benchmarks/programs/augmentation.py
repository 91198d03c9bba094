"""Throughput of random crops, flips and normalisation of CIFAR-10-sized images on one thread.

Makes whole batches as training does, from 50 000 random images. The order, crops and flips of an epoch are drawn
before the clock starts. Each result is the median over rounds.
"""

import statistics
import sys
from collections.abc import Sequence

from benchmarks.harness.bench import DATA, random_splits, seconds
from benchmarks.harness.findings import Findings, parse
from supernet.data.images import Augmenter, Splits
from supernet.training.device import configure

BATCHES = (64, 256)


def images_a_second(splits: Splits, batch_size: int, batches: int, rounds: int) -> float:
    """Return images per second: the median over rounds of `batches` batches, after a warm-up round."""
    augmenter = Augmenter(splits.train, splits, DATA, channels_last=True)
    times = []
    for number in range(rounds + 1):
        epoch = augmenter.epoch(0, number, batch_size)
        times.append(seconds(lambda e=epoch: [e.batch(index) for index in range(batches)]))  # type: ignore[misc]
    return batches * batch_size / statistics.median(times[1:])


def main(arguments: Sequence[str]) -> None:
    options = parse(__doc__, arguments)
    configure(1, "cpu")
    found = Findings()
    splits = random_splits(600, 20) if options.quick else random_splits(55_556, 250)
    rates = {size: images_a_second(splits, size, *((2, 2) if options.quick else (100, 9))) for size in BATCHES}
    for size, rate in rates.items():
        found.say(f"batch {size}: {rate / 1000:.1f} k images/s")
    # The slower batch size, so that the faster one cannot hide it.
    worst = min(rates, key=lambda size: rates[size])
    found.add("augmentation", rates[worst] / 1000, f"batch {worst}, the slower of {BATCHES[0]} and {BATCHES[1]}")
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
