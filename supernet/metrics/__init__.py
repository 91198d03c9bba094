"""From scores and ground truth to correlations, intervals, effects and tests."""
