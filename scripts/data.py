"""Write an image data set as bytes: `images` (N, C, H, W) uint8 and `labels` (N,) int64 in a safetensors file.

The file's metadata say how many images at its end are the official test set. CIFAR-10 is fetched first.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

from supernet import cifar10, cli, fetching
from supernet.cifar10 import Bytes, Labels
from supernet.datasets import DATASETS
from supernet.files import publish
from supernet.provenance import uses


def digits() -> tuple[Bytes, Labels]:
    """scikit-learn's digits; grey levels are 0 to 16 there."""
    found = load_digits()
    pixels: Bytes = np.round(found.images * (255 / 16)).astype(np.uint8)[:, None]
    return pixels, found.target.astype(np.int64)


def read(options: argparse.Namespace) -> tuple[Bytes, Labels]:
    """Pixels and labels of the data set, the official test set last."""
    if options.name == "digits":
        return digits()
    paths = [file.path for file in fetching.dataset(options.name, options).files]
    return cifar10.read_archive(*paths) if options.name == "cifar10" else cifar10.read_jpegs(*paths)


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", choices=list(DATASETS), required=True, help="data set")
    fetching.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    with cli.open_log(options.log):
        uses({"dataset": options.name})
        pixels, labels = read(options)
        metadata = {"official_test": str(DATASETS[options.name].official_test)}
        with publish(options.output) as temporary:
            save_file({"images": pixels, "labels": labels}, temporary, metadata)
        print(f"{options.output}: {len(pixels)} images of {pixels.shape[1:]}, {labels.max() + 1} classes")


if __name__ == "__main__":
    cli.run(main)
