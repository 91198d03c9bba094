"""Constants of NASBench-101 that all forms share (Ying et al. 2019, google-research/nasbench)."""

RUNS = 3
EPOCHS = 108
# 39 batches of 256 out of 10 000: the benchmark evaluated only complete batches.
IMAGES = 9_984
TRUTH = "mean test accuracy of 3 runs of 108 epochs each"
