"""Scores of any code base against the ground truth of a space; `evaluation.evaluate` is `supernet.evaluate`."""
