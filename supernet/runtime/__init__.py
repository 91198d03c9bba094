"""How a program runs: start, log, lock, progress, stop. These modules do not import torch."""
