"""Cost of each heuristic in a training step, relative to the baseline.

A step is the trainer's: mini-batch, forward, backward, clip, update. All variants step in turn within each round, on
the same architectures, so that drift of the machine cancels. A ratio is the median over rounds.
"""

import statistics
import sys
from collections.abc import Sequence

from benchmarks.harness.bench import QUICK, SMALL, Bench, Size, drawn, paired_ratio, random_splits, seconds, warm
from benchmarks.harness.findings import Findings, parse
from supernet.config.factors import PATH_LAWS
from supernet.data.images import Splits
from supernet.training.device import configure
from supernet.training.path_sampling import epoch_paths

OFF_TARGET = 1.03

# Heuristics that change the computation of a step: name, changed factors, and changed factors of the reference. A
# heuristic that needs other factors is compared with a network that has only those.
VARIANTS: dict[str, dict[str, tuple[dict[str, str], dict[str, str]]]] = {
    "nasbench101": {
        "batch_norm=affine+tracking": ({"batch_norm": "affine+tracking"}, {}),
        "batch_norm=tracking": ({"batch_norm": "tracking"}, {}),
        "batch_norm=none": ({"batch_norm": "none"}, {}),
        **{
            f"dynamic_channels={value}": ({"dynamic_channels": value}, {})
            for value in ("fixed-v1", "shuffled-v2", "shuffled-v1", "interpolation-v2", "interpolation-v1")
        },
        "ofa_kernel=crop": ({"ofa_kernel": "crop"}, {}),
        "ofa_kernel=transform": ({"ofa_kernel": "transform"}, {}),
        "wsbn=per_input": ({"wsbn": "per_input"}, {}),
        "dropout=path-0.2": ({"dropout": "path-0.2"}, {}),
        "dropout=global-0.2": ({"dropout": "global-0.2"}, {}),
    },
    "nasbench201": {
        "batch_norm=affine+tracking": ({"batch_norm": "affine+tracking"}, {}),
        "batch_norm=tracking": ({"batch_norm": "tracking"}, {}),
        "batch_norm=none": ({"batch_norm": "none"}, {}),
        "ofa_kernel=crop": ({"ofa_kernel": "crop"}, {}),
        "ofa_kernel=transform": ({"ofa_kernel": "transform"}, {}),
        "dropout=path-0.2": ({"dropout": "path-0.2"}, {}),
        "dropout=global-0.2": ({"dropout": "global-0.2"}, {}),
        "op_placement=node": ({"op_placement": "node"}, {}),
    },
    "darts": {
        "batch_norm=affine+tracking": ({"batch_norm": "affine+tracking"}, {}),
        "batch_norm=affine": ({"batch_norm": "affine"}, {}),
        "batch_norm=tracking": ({"batch_norm": "tracking"}, {}),
        "ofa_kernel=crop": ({"ofa_kernel": "crop"}, {}),
        "ofa_kernel=transform": ({"ofa_kernel": "transform"}, {}),
        "wsbn=per_input (node, affine)": (
            {"wsbn": "per_input", "op_placement": "node", "batch_norm": "affine"},
            {"op_placement": "node", "batch_norm": "affine"},
        ),
        "dropout=path-0.2": ({"dropout": "path-0.2"}, {}),
        "dropout=global-0.2": ({"dropout": "global-0.2"}, {}),
        "op_placement=node": ({"op_placement": "node"}, {}),
    },
}


def heuristics(space: str, size: Size, splits: Splits) -> list[str]:
    """Return the step time of each value that changes a step, relative to the baseline, for one space."""
    baseline, plain = Bench(space, size, splits), Bench(space, size, splits, plain=True)
    names = VARIANTS[space]
    variants = {name: Bench(space, size, splits, factors) for name, (factors, _) in names.items()}
    bases = {name: Bench(space, size, splits, base) if base else baseline for name, (_, base) in names.items()}
    groups = drawn(baseline, size.rounds)
    everything = [baseline, plain, *variants.values(), *(base for base in bases.values() if base is not baseline)]
    for bench in everything:
        warm(bench, groups)
    times: dict[int, list[float]] = {id(bench): [] for bench in everything}
    for number, group in enumerate(groups):
        # In alternating order, so that no position in the round has an advantage.
        for bench in everything if number % 2 else reversed(everything):
            times[id(bench)].append(seconds(lambda b=bench, g=group: b.step(g)))  # type: ignore[misc]
    lines = [f"{space}: {1000 * statistics.median(times[id(baseline)]):.1f} ms per step, baseline"]
    for name, bench in variants.items():
        ratio = paired_ratio(zip(times[id(bench)], times[id(bases[name])], strict=True))
        lines.append(f"  {name:34} {ratio:6.2f}")
    return lines + _laws(baseline, size)


def _laws(bench: Bench, size: Size) -> list[str]:
    """Compare one pass of each path sampling law with `random_a` at equal passes per step, and the share of drawing."""
    space, setting = bench.space, bench.run.setting
    models = len(space.operations)
    groups = {law: epoch_paths(space, law, 0, 0, size.rounds, models) for law in PATH_LAWS[space.name]}
    times: dict[str, list[float]] = {law: [] for law in groups}
    for some in groups.values():
        warm(bench, some)
    for number in range(size.rounds):
        for law, drawn_groups in groups.items():
            times[law].append(seconds(lambda g=drawn_groups[number]: bench.step(g)))  # type: ignore[misc]
    mean = {law: statistics.fmean(taken) for law, taken in times.items()}
    lines = []
    for law in groups:
        drawing = seconds(lambda law=law: epoch_paths(space, law, 1, 0, 200, models)) / 200  # type: ignore[misc]
        lines.append(
            f"  {f'path_sampling={law}, {models} passes':34} {mean[law] / mean['random_a']:6.2f}   "
            f"drawing {drawing / mean[law]:6.2%} of a step of batch {setting.batch_size}"
        )
    return lines


def off(space: str, size: Size, splits: Splits) -> str:
    """Compare the baseline, with all heuristics off, with the network without hooks."""
    hooked, plain = Bench(space, size, splits), Bench(space, size, splits, plain=True)
    groups = drawn(hooked, 4 * size.rounds)
    for bench in (hooked, plain):
        warm(bench, groups)
    pairs = []
    for number, group in enumerate(groups):
        order = (hooked, plain) if number % 2 else (plain, hooked)
        taken = {id(bench): seconds(lambda b=bench, g=group: b.step(g)) for bench in order}  # type: ignore[misc]
        pairs.append((taken[id(hooked)], taken[id(plain)]))
    # Rounded as printed, so that verdict and printed ratio agree.
    ratio = round(paired_ratio(pairs), 3)
    verdict = "met" if ratio <= OFF_TARGET else "missed"
    return f"{f'heuristics off, {space}':34} {ratio:6.3f} of a plain network, target {OFF_TARGET}: {verdict}"


def bookkeeping(space: str, size: Size, splits: Splits) -> str:
    """Measure the parts of a step that touch all parameters, including those off the path."""
    bench = Bench(space, size, splits)
    groups = drawn(bench, size.rounds)
    bench.step(groups[0])
    taken = statistics.median(seconds(lambda g=group: bench.step(g)) for group in groups)  # type: ignore[misc]
    parameters = bench.trainer.parameters
    touched = statistics.median(
        seconds(lambda: [p for p in parameters.values() if p.grad is not None]) for _ in range(size.rounds)
    )
    update = statistics.median(seconds(bench.trainer.optimizer.step) for _ in range(size.rounds))
    cleared = seconds(lambda: bench.trainer.optimizer.zero_grad())
    return (
        f"{f'over all parameters, {space}':34} {len(parameters)} tensors: finding gradients {touched / taken:.2%}, "
        f"clearing {cleared / taken:.2%}, update {update / taken:.2%} of a step"
    )


def main(arguments: Sequence[str]) -> None:
    options = parse(__doc__, arguments)
    configure(1, "cpu")
    sizes = dict.fromkeys(SMALL, QUICK) if options.quick else SMALL
    splits = random_splits(300, 20) if options.quick else random_splits(5000, 250)
    found = Findings()
    for space, size in sizes.items():
        found.say(off(space, size, splits))
    for space, size in sizes.items():
        found.say(bookkeeping(space, size, splits))
    found.say("step time relative to the baseline:")
    for space, size in sizes.items():
        for line in heuristics(space, size, splits):
            found.say(line)
    found.save(options.json)


if __name__ == "__main__":
    main(sys.argv[1:])
