"""Effect of re-encoding images as JPEG on the scores of a super-net: one training, scored on both versions of images.

Takes the first 4 000 training images of CIFAR-10 without loss (`cifar10-first4000`) and the same images in
`cifar10-jpeg`: the nearest ones by mean absolute difference. Both come from a mirror. Three super-nets of NASBench-201
(8 channels, one cell per stage, 16 x 16) differ in their training images:

- `lossless`: 3 000 of the images, without loss; scored on the other 1 000
- `jpeg`: the same 3 000 images as JPEG, with the same order, crops and paths; scored on the same 1 000
- `jpeg-all`: the other 46 000 training images, as JPEG; scored on the 4 000

Each is scored with the same weights on both versions of its held-out images, with batch statistics, and compared with
the published test accuracies. `python -m benchmarks` does not run this program, because it measures no speed.
"""

import argparse
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from supernet import spaces
from supernet.config.baselines import BASELINES
from supernet.config.study import Data, Evaluation, Protocol, Run
from supernet.data.image_files import read_npz
from supernet.data.images import Images, Splits, split
from supernet.data.jpegs import TRAIN, read_jpegs
from supernet.io.atomic import write_json
from supernet.metrics.definitions import kendall_tau, sparse_kendall_tau
from supernet.pools.draw import draw_pool
from supernet.published.readers import read as read_table
from supernet.rng import stream
from supernet.runtime import program
from supernet.training.build import build_supernet, supernet_trainer
from supernet.training.device import configure
from supernet.training.evaluator import Evaluator

VERSIONS = ("lossless", "jpeg")
TRAININGS = (*VERSIONS, "jpeg-all")
HELD_OUT = 1_000
_NEAR = 8
"""Candidates by squared distance, which a matrix product gives, among which the nearest image is looked for."""
_ROWS = 500
DATA = Data(name="cifar10", resolution=16, crop_padding=2, scoring_portion=0.01)
PORTION = 0.99
"""All images outside the scoring split, which is not used here."""


def matches(images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Find the nearest of `others` (M, C, H, W) to each of `images` (N, C, H, W), by mean absolute difference.

    Returns its index (N,) and the difference (N,) in grey levels.
    """
    targets = others.flatten(1).float() - 128
    norms = targets.square().sum(1)
    found, differences = [], []
    for part in torch.split(images.flatten(1), _ROWS):
        near = (norms - 2 * (part.float() - 128) @ targets.T).topk(_NEAR, largest=False).indices
        apart = (others.flatten(1)[near].float() - part.float()[:, None]).abs().mean(2)
        best = apart.argmin(1, keepdim=True)
        found.append(near.gather(1, best)[:, 0])
        differences.append(apart.gather(1, best)[:, 0])
    return torch.cat(found), torch.cat(differences)


def both_versions(mirror: Path) -> dict[str, Images]:
    """Read the 4 000 images in both versions, and the others as JPEG (`others`).

    Raises RuntimeError unless the matches are distinct and have the labels of the lossless images.
    """
    folder = mirror / "datasets"
    pixels, labels = map(torch.from_numpy, read_npz(folder / "cifar10-first4000.npz"))
    encoded = [folder / f"cifar10-jpeg-{part}.parquet" for part in ("train", "test")]
    jpegs, jpeg_labels = (torch.from_numpy(array[:TRAIN]) for array in read_jpegs(*encoded))
    found, differences = matches(pixels, jpegs)
    distinct, agree = len(torch.unique(found)), int((jpeg_labels[found] == labels).sum())
    apart = f"mean difference {differences.mean():.2f} grey levels, largest {differences.max():.2f}"
    print(f"{len(labels)} images: {distinct} distinct matches, {agree} equal labels, {apart}", flush=True)
    if distinct != len(labels) or agree != len(labels):
        raise RuntimeError("the images of the two files do not match one to one")
    others = torch.ones(TRAIN, dtype=torch.bool)
    others[found] = False
    return {
        "lossless": Images(pixels, labels),
        "jpeg": Images(jpegs[found], labels),
        "others": Images(jpegs[others], jpeg_labels[others]),
    }


def splits_of(images: Mapping[str, Images], training: str) -> dict[str, Splits]:
    """Split the images of a training; the held-out images are the test set, in the version that each key names."""
    count = len(images["lossless"])
    order = stream(0, "split").permutation(count)
    held_out = order if training == "jpeg-all" else order[:HELD_OUT]
    trained = images["others"] if training == "jpeg-all" else images[training].take(order[HELD_OUT:])
    return {version: _split(trained, images[version].take(held_out)) for version in VERSIONS}


def _split(train: Images, held_out: Images) -> Splits:
    pixels = torch.cat([train.pixels, held_out.pixels])
    labels = torch.cat([train.labels, held_out.labels])
    return split(Images(pixels, labels, len(held_out)), DATA, 0)


def run_of(images: int, passes: int, seed: int) -> Run:
    """Return the run of a FairNAS super-net with about this many passes: the baseline of the study `cifar10`."""
    per_epoch = int(PORTION * images + 1e-9) // 64
    setting = {
        **BASELINES["nasbench201"],
        **{"path_sampling": "fairnas", "learning_rate": 0.05, "weight_decay": 5e-4, "batch_size": 64},
        **{"channels": 8, "layers": 1, "train_portion": PORTION, "epochs": max(1, round(passes / per_epoch))},
    }
    run = {"space": "nasbench201", "setting": setting, "seed": seed, "study_seed": 0}
    return Run.model_validate({**run, "data": DATA, "protocol": Protocol(bn_momentum=0.1)})


def scores(splits: Mapping[str, Splits], archs: Sequence[Any], passes: int, seed: int) -> dict[str, Any]:
    """Train a super-net; return accuracies and losses of architectures (n,) on both versions, and steps and seconds."""
    space, first = spaces.load("nasbench201"), splits[VERSIONS[0]]
    run = run_of(first.sizes.train + first.sizes.scoring, passes, seed)
    network = build_supernet(run, space, first)
    started = time.process_time()
    trained = supernet_trainer(run, space, network, first).run()
    found: dict[str, Any] = {"passes": trained.passes, "seconds": time.process_time() - started}
    for version in VERSIONS:
        evaluator = Evaluator(splits[version], Evaluation(), True)
        results = evaluator.evaluate_many(network, archs, "batch", ["test"])
        accuracies, losses = np.array([one for (one,) in results]).T
        found[version] = {"accuracy": accuracies.tolist(), "loss": losses.tolist()}
    return found


def summary(found: Mapping[str, Any], truth: np.ndarray[Any, Any]) -> str:
    """Return one line: tau between the rankings of both versions, and mean accuracy and S-KdT of each."""
    one, other = (found[version] for version in VERSIONS)
    by_accuracy, by_loss = (kendall_tau(one[key], other[key]) for key in ("accuracy", "loss"))
    changes = np.subtract(one["accuracy"], other["accuracy"])
    parts = [
        f"{version} {100 * np.mean(found[version]['accuracy']):.2f} %, "
        f"S-KdT {sparse_kendall_tau(found[version]['accuracy'], truth):.3f} by accuracy, "
        f"{sparse_kendall_tau(np.negative(found[version]['loss']), truth):.3f} by loss"
        for version in VERSIONS
    ]
    tau = f"tau {by_accuracy:.3f} by accuracy, {by_loss:.3f} by loss"
    return f"{tau}; {'; '.join(parts)}; sd of the differences {100 * changes.std(ddof=1):.2f} points"


def between(results: Mapping[str, Any]) -> list[str]:
    """Return one line per pair of trainings on equal held-out images: tau between their rankings on each version."""
    names = [name for name in results if not name.startswith("jpeg-all")]
    pairs = [(a, b) for number, a in enumerate(names) for b in names[number + 1 :]]
    return [
        f"tau between {a} on {one} and {b} on {other}: "
        f"{kendall_tau(results[a][one]['accuracy'], results[b][other]['accuracy']):.3f} by accuracy, "
        f"{kendall_tau(results[a][one]['loss'], results[b][other]['loss']):.3f} by loss"
        for a, b in pairs
        for one, other in [(version, version) for version in VERSIONS] + [VERSIONS, VERSIONS[::-1]]
    ]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    mirror = os.environ.get("SUPERNET_MIRROR")
    parser.add_argument("--mirror", type=Path, default=mirror, required=mirror is None, help="folder of the mirror")
    parser.add_argument("--trainings", nargs="+", choices=TRAININGS, default=TRAININGS, help="super-nets to train")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="run seeds (default: 0)")
    parser.add_argument("--passes", type=int, default=12_000, help="passes per training (default: %(default)s)")
    parser.add_argument("--architectures", type=int, default=1_000, help="number to score (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="file for all scores")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    options = parse(arguments)
    configure(1, "cpu")
    space = spaces.load("nasbench201")
    pool = draw_pool(space, options.architectures, stream(0, "pool", "nasbench201"))
    archs = [space.parse(text) for text in pool["encoding"]]
    path = options.mirror / "benchmarks" / "nasbench201.parquet"
    known = read_table("nasbench201", "nasbench201", "cifar10", "mirror", path).rows.set_index("arch_id")["test_acc"]
    truth = known.loc[pool["arch_id"]].to_numpy()
    images = both_versions(options.mirror)
    results = {}
    for training in options.trainings:
        splits = splits_of(images, training)
        for seed in options.seeds:
            name = f"{training}, seed {seed}"
            results[name] = found = scores(splits, archs, options.passes, seed)
            print(f"{name}: {found['passes']} passes, {found['seconds']:.0f} s; {summary(found, truth)}", flush=True)
            if options.json is not None:
                write_json(options.json, {"arch_ids": pool["arch_id"].tolist(), "truth": truth.tolist(), **results})
    print("\n".join(between(results)))


if __name__ == "__main__":
    program.run(main)
