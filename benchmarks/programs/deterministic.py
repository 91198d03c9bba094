"""Cost of deterministic algorithms in a training step.

Runs the same steps of the same super-net with `torch.use_deterministic_algorithms` on (as all programs do), off, and
on with new memory filled with NaN (torch's default). The modes alternate within each round. A ratio is the median over
rounds, in processor seconds of one thread. The output also says whether the final weights are identical to the bit.
"""

import contextlib
import statistics
import sys
import time
from collections.abc import Iterator, Sequence

import torch

from benchmarks.harness.bench import LARGE, QUICK, SMALL, Bench, Size, drawn, random_splits
from benchmarks.harness.findings import Findings, parse
from supernet.data.images import Splits
from supernet.training.device import configure

MODES = ("on", "on, memory filled", "off")


@contextlib.contextmanager
def mode(name: str) -> Iterator[None]:
    """Set the mode of torch within the context; afterwards restore the mode of all programs."""
    torch.use_deterministic_algorithms(name != "off")
    torch.utils.deterministic.fill_uninitialized_memory = name == "on, memory filled"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(True)
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


def ratio(ones: list[float], others: list[float]) -> float:
    """Return the median ratio over the rounds after the first, which is a warm-up."""
    return statistics.median(one / other for one, other in zip(ones[1:], others[1:], strict=True))


def compare(space: str, size: Size, splits: Splits) -> str:
    """Return a line with the milliseconds of a step as programs run it, and its ratio to the other modes."""
    benches = {name: Bench(space, size, splits) for name in MODES}
    groups = drawn(benches["on"], size.rounds + 1)
    taken: dict[str, list[float]] = {name: [] for name in MODES}
    for number, group in enumerate(groups):
        # Each mode comes first in a round in turn.
        for position in range(len(MODES)):
            name = MODES[(number + position) % len(MODES)]
            with mode(name):
                started = time.process_time()
                benches[name].step(group)
                taken[name].append(time.process_time() - started)
    ratios = [f"on over {name}: {ratio(taken['on'], taken[name]):.3f}" for name in MODES[1:]]
    weights = [list(bench.network.state_dict().values()) for bench in benches.values()]
    same = all(torch.equal(*pair) for other in weights[1:] for pair in zip(weights[0], other, strict=True))
    milliseconds = 1000 * statistics.median(taken["on"][1:])
    return (
        f"{space} C{size.channels} L{size.layers} batch {size.batch_size}: {milliseconds:.1f} ms on; "
        f"{'; '.join(ratios)}; weights {'the same' if same else 'differ'}"
    )


def main(arguments: Sequence[str]) -> None:
    options = parse(__doc__, arguments)
    configure(1, "cpu")
    found = Findings()
    splits = random_splits(200, 50)
    for space in LARGE:
        for size in [QUICK] if options.quick else [SMALL[space], LARGE[space]]:
            found.say(compare(space, size, splits))
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
