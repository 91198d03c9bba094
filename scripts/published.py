"""Make the table of a published benchmark: fetch the first available form and convert it to the common schema."""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from supernet.download import command_line
from supernet.download.sources import load_sources
from supernet.provenance.recorder import note_config
from supernet.published.convert import convert
from supernet.published.readers import read
from supernet.published.schema import write
from supernet.runtime import program


def main(arguments: Sequence[str]) -> None:
    """Run the program with command-line arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", required=True, help="name of a table in the sources")
    command_line.add_arguments(parser)
    parser.add_argument("--output", type=Path, required=True, help="Parquet file to write")
    parser.add_argument("--log", type=Path, help="log file")
    options = parser.parse_args(arguments)
    with program.open_log(options.log):
        note_config({"table": options.table})
        table = load_sources(options.sources).table(options.table)
        opens = partial(read, options.table, table.space, table.dataset)
        fetched = command_line.fetch_table(options.table, options, opens)
        rows, about = convert(options.table, table, fetched)
        write(options.output, rows, about)
        print(f"{options.output}: {about.table}, form {about.form}: {about.extent()}; {about.truth}")


if __name__ == "__main__":
    program.run(main)
