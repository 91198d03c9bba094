"""Compute the effect of each setting against the baseline of its space, and measures of runs on halves of pools."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from supernet.config.artifacts import Artifacts
from supernet.config.jobs import METRICS_SECTIONS
from supernet.config.study import load_study
from supernet.io.atomic import write_table
from supernet.metrics.study_effects import COLUMNS, CONTRAST_COLUMNS, contrast_rows, effect_rows
from supernet.metrics.study_halves import COLUMNS as HALF_COLUMNS
from supernet.metrics.study_halves import half_rows
from supernet.provenance.recorder import note_config
from supernet.runtime import program


def write_rows(path: Path, rows: Iterable[dict[str, Any]], columns: dict[str, str]) -> None:
    """Write rows as Parquet, with the types of the columns."""
    write_table(path, pd.DataFrame(rows, columns=list(columns)).astype(columns))


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study-file", type=Path, required=True, help="the study")
    parser.add_argument("--results", type=Path, required=True, help="results of the study")
    parser.add_argument("--output", type=Path, required=True, help="effects to write (Parquet)")
    parser.add_argument("--halves", type=Path, required=True, help="measures on halves of pools to write (Parquet)")
    parser.add_argument("--contrasts", type=Path, nargs="?", help="differences between all values to write (Parquet)")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    with program.open_log(options.log):
        study, paths = load_study(options.study_file), Artifacts(str(options.results))
        note_config(study.model_dump(mode="json", include=set(METRICS_SECTIONS)))
        rows = list(effect_rows(study, paths))
        write_rows(options.output, rows, COLUMNS)
        write_rows(options.halves, half_rows(study, paths), HALF_COLUMNS)
        if options.contrasts is not None:
            write_rows(options.contrasts, contrast_rows(study, paths), CONTRAST_COLUMNS)
        print(f"{options.output}: {sum(not row['left_out'] for row in rows)} effects of {len(rows)} settings x metrics")


if __name__ == "__main__":
    program.run(main)
