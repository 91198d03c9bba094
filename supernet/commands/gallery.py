"""Write docs/use/gallery.md: the figures of a finished study in fewer colours, small enough to be committed."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from supernet.config.study import load_study
from supernet.errors import UserError
from supernet.io.atomic import publish, write_text
from supernet.paper.catalogue import figure_names, heading, on_request
from supernet.paper.load import Results
from supernet.runtime.checkout import clone

WIDTH = 900
"""Largest width of an image in pixels; narrower images keep their size."""
COLOURS = 64
LIMIT = 1_000_000
"""Largest size of all images together, in bytes."""


def small(source: Path, target: Path) -> None:
    """Write a copy of an image with at most `WIDTH` pixels across and `COLOURS` colours."""
    picture = Image.open(source).convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    with publish(target, record=False) as temporary:
        # Maximum coverage keeps rare colours, such as that of a thin line; the default changes their hue. A few rounds
        # of k-means keep the colours of large areas.
        few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
        few.save(temporary, "png", optimize=True)


def page(results: Results, names: Sequence[str], folder: str) -> str:
    """Return the page in Markdown: each image with the caption that the workflow wrote."""
    study = results.study
    lines = [
        "# Gallery",
        "",
        f"The figures of the study `{study.study}` (`workflow/studies/{study.study}.yaml`) as the workflow drew them. "
        f"`make run STUDY={study.study}` makes them, and `make gallery STUDY={study.study}` copies them to this page "
        "with fewer pixels and colours. The intervals show how much a study of this size can tell.",
    ]
    for name in names:
        caption = Path(f"{results.artifacts.figure(name).stem}.md").read_text(encoding="utf-8").strip()
        lines += [
            "",
            f"## {heading(name)[0].upper()}{heading(name)[1:]}",
            "",
            f"![{heading(name)}]({folder}/{name}.png)",
            "",
            caption,
        ]
    return "\n".join(lines) + "\n"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="supernet gallery", description=__doc__)
    parser.add_argument("--study-file", type=Path, required=True, metavar="YAML", help="the study")
    parser.add_argument("--results", type=Path, required=True, metavar="FOLDER", help="results of the study")
    parser.add_argument("--docs", type=Path, metavar="FOLDER", help="folder to write to (default: docs/)")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """Write the page and its images; raises UserError if a figure is missing or the images are too large."""
    options = parse(arguments)
    docs = options.docs or clone() / "docs"
    results = Results(load_study(options.study_file), options.results)
    names = [name for name in figure_names(results.study) if name not in on_request(results.study)]
    images = {name: Path(f"{results.artifacts.figure(name).stem}.png") for name in names}
    missing = [name for name, image in images.items() if not image.exists()]
    if missing:
        raise UserError(f"{results.artifacts.figures}: lacks {', '.join(missing)}; make them with `snakemake figures`")
    folder = docs / "images" / "gallery"
    for name, image in images.items():
        small(image, folder / f"{name}.png")
    for old in set(folder.glob("*.png")) - {folder / f"{name}.png" for name in names}:
        old.unlink()
    total = sum(path.stat().st_size for path in folder.glob("*.png"))
    if total > LIMIT:
        raise UserError(f"{folder}: {total} bytes of images; expected at most {LIMIT}: lower WIDTH or COLOURS here")
    write_text(docs / "use" / "gallery.md", page(results, names, "../images/gallery"), record=False)
    print(f"{docs / 'use' / 'gallery.md'}: {len(names)} figures, {total} bytes")
