"""The parts of `make run`: Snakemake as a child process, what its log says, and what the user sees of it."""
