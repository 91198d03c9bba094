"""Write an image data set as bytes: `images` (N, C, H, W) uint8 and `labels` (N,) int64 in a safetensors file."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

from supernet import cli
from supernet.files import publish


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", choices=["digits"], required=True, help="data set")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    with cli.open_log(options.log):
        digits = load_digits()
        # Grey levels are 0 to 16 there.
        pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)[:, None]
        with publish(options.output) as temporary:
            save_file({"images": pixels, "labels": digits.target.astype(np.int64)}, temporary)
        print(f"{options.output}: {len(pixels)} images of {pixels.shape[1:]}, {digits.target.max() + 1} classes")


if __name__ == "__main__":
    cli.run(main)
