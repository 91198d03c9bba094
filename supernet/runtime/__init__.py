"""How a program runs: start, log, lock, progress, stop. Nothing in here imports torch."""
