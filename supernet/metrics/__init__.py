"""Metrics of scores against ground truth: correlations, intervals, effects of settings and their tests."""
