"""Write an image data set to a safetensors file: `images` (N, C, H, W) uint8 and `labels` (N,) int64.

The file's metadata contain the size of the official test set, which comes last. Files that the sources list are fetched
first.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

from supernet.config.datasets import DATASETS, DataSet
from supernet.data import readers
from supernet.data.jpegs import Bytes, Labels
from supernet.download import command_line
from supernet.errors import UserError
from supernet.io.atomic import publish
from supernet.provenance.recorder import note_config
from supernet.runtime import program


def digits() -> tuple[Bytes, Labels]:
    """Return scikit-learn's digits, with grey levels scaled from 0-16 to 0-255."""
    found = load_digits()
    pixels: Bytes = np.round(found.images * (255 / 16)).astype(np.uint8)[:, None]
    return pixels, found.target.astype(np.int64)


def read(options: argparse.Namespace) -> tuple[Bytes, Labels]:
    """Read pixels and labels of the data set, the official test set last; raises UserError for an unknown form."""
    if options.name == "digits":
        return digits()
    found = command_line.fetch_dataset(options.name, options, partial(readers.read, options.name))
    if found.form == "folders" and DATASETS[options.name].official_test:
        raise UserError(f"{options.name}: a separate test set needs the form `arrays`, in which images have an order")
    return readers.read(options.name, found.form, *(file.path for file in found.files))


def check(name: str, known: DataSet, pixels: Bytes, labels: Labels) -> None:
    """Raise UserError if images or labels differ from the table of data sets, with which studies are planned."""
    expected = (known.images, known.channels, known.side, known.side)
    classes = np.arange(known.classes)
    if pixels.shape != expected:
        raise UserError(
            f"{name}: found images (N, C, H, W) of {pixels.shape}; supernet/config/datasets.py says {expected}"
        )
    if not np.array_equal(np.unique(labels), classes):
        found = ", ".join(map(str, np.unique(labels)[:20]))
        raise UserError(f"{name}: found the labels {found}; supernet/config/datasets.py says 0 to {known.classes - 1}")


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", choices=list(DATASETS), required=True, help="data set")
    command_line.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    with program.open_log(options.log):
        note_config({"dataset": options.name})
        pixels, labels = read(options)
        known = DATASETS[options.name]
        check(options.name, known, pixels, labels)
        metadata = {"official_test": str(known.official_test)}
        with publish(options.output) as temporary:
            save_file({"images": pixels, "labels": labels}, temporary, metadata)
        print(f"{options.output}: {len(pixels)} images of {pixels.shape[1:]}, {labels.max() + 1} classes")


if __name__ == "__main__":
    program.run(main)
