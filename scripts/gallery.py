"""Write docs/use/gallery.md: the figures of a study in fewer colours, small enough to be kept with the code."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from supernet.config.study import load_study
from supernet.errors import UserError
from supernet.io.atomic import publish, write_text
from supernet.paper.catalogue import figure_names, heading, on_request
from supernet.paper.load import Results
from supernet.runtime.program import run

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 900
"""Pixels of a picture; narrower ones stay as they are."""
COLOURS = 64
LIMIT = 1_000_000
"""Bytes of all pictures together."""


def small(source: Path, target: Path) -> None:
    """A picture with at most `WIDTH` pixels across and `COLOURS` colours."""
    picture = Image.open(source).convert("RGB")
    if picture.width > WIDTH:
        picture = picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
    with publish(target, record=False) as temporary:
        # Maximum coverage keeps rare colours, such as a thin line's, to which the default gives another hue; a few
        # rounds of k-means keep those of large areas.
        few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=3, dither=Image.Dither.NONE)
        few.save(temporary, "png", optimize=True)


def page(results: Results, names: Sequence[str], folder: str) -> str:
    """The page: each picture with its caption, all as the workflow made them."""
    study = results.study
    lines = [
        "# Gallery",
        "",
        f"The figures of the study `{study.study}` (`workflow/studies/{study.study}.yaml`), as the workflow drew "
        f"them: `make run STUDY={study.study}` makes them, `make gallery STUDY={study.study}` puts them here, in "
        "fewer pixels and colours. What they say is what a study of that size can say: see the intervals.",
    ]
    for name in names:
        caption = (results.folder / "figures" / f"{name}.md").read_text(encoding="utf-8").strip()
        lines += [
            "",
            f"## {heading(name)[0].upper()}{heading(name)[1:]}",
            "",
            f"![{heading(name)}]({folder}/{name}.png)",
            "",
            caption,
        ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Parse the command line and write page and pictures; UserError if a figure is missing or they are too large."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study-file", type=Path, required=True, metavar="YAML", help="the study")
    parser.add_argument("--results", type=Path, required=True, metavar="FOLDER", help="its results")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", metavar="FOLDER", help="default: %(default)s")
    options = parser.parse_args(arguments)
    results = Results(load_study(options.study_file), options.results)
    names = [name for name in figure_names(results.study) if name not in on_request(results.study)]
    missing = [name for name in names if not (options.results / "figures" / f"{name}.png").exists()]
    if missing:
        raise UserError(
            f"{options.results / 'figures'}: lacks {', '.join(missing)}; make them with `snakemake figures`"
        )
    folder = options.docs / "images" / "gallery"
    for name in names:
        small(options.results / "figures" / f"{name}.png", folder / f"{name}.png")
    for old in set(folder.glob("*.png")) - {folder / f"{name}.png" for name in names}:
        old.unlink()
    total = sum(path.stat().st_size for path in folder.glob("*.png"))
    if total > LIMIT:
        raise UserError(f"{folder}: {total} bytes of pictures; expected at most {LIMIT}: lower WIDTH or COLOURS here")
    write_text(options.docs / "use" / "gallery.md", page(results, names, "../images/gallery"), record=False)
    print(f"{options.docs / 'use' / 'gallery.md'}: {len(names)} figures, {total} bytes")


if __name__ == "__main__":
    run(main)
