"""Names of the rows of metrics.parquet."""

SCORED_TWICE = (
    "kdt", "s_kdt", "s_kdt_positional_0.1", "s_kdt_positional_1", "spearman",
    "p_surpass", "p_surpass_complement", "final_mean", "final_std", "final_best",
)  # fmt: skip
FEWEST = 3
"""Minimum number of architectures, of a pool or of a subset, for correlations and final performance."""
LARGEST_BOOTSTRAP = 1_000
"""Up to so many architectures, intervals come from the bootstrap; for more, see `supernet.metrics.large`."""
SUBSETS = ("top_half", "regular")
"""Subsets of a pool: the better half by ground truth, and the architectures that are not degenerate."""
WITHOUT_TRUTH = ("accuracy", "accuracy_std", "loss")
"""Metrics that need no ground truth."""
MEASURES = (
    ("accuracy", "accuracy"),
    ("accuracy_std", "accuracy"),
    ("loss", "loss"),
    *((metric, score) for score in ("accuracy", "loss") for metric in SCORED_TWICE),
    *(
        (f"{metric}_{subset}", score)
        for subset in SUBSETS
        for score in ("accuracy", "loss")
        for metric in ("kdt", "s_kdt", "s_kdt_positional_0.1", "s_kdt_positional_1", "spearman")
    ),
)
"""(metric, score) of every row that a run has in one BN mode and split."""
