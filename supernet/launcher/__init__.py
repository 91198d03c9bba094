"""The parts of `supernet run`: Snakemake as a child process, its log, the progress display, the final message."""
