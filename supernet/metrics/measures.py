"""Names of the rows of metrics.parquet."""

from collections.abc import Iterable

SCORED_TWICE = (
    "kdt", "s_kdt", "s_kdt_positional_0.1", "s_kdt_positional_1", "spearman",
    "p_surpass", "p_surpass_complement", "final_mean", "final_std", "final_best",
)  # fmt: skip
FEWEST = 3
"""Minimum number of architectures, of a pool or of a subset, for correlations and final performance."""
LARGEST_BOOTSTRAP = 1_000
"""Up to so many architectures, intervals come from the bootstrap; for more, see `supernet.metrics.large`.

The time of the bootstrap grows with n^2: the correlations of one score take 0.3 s at 200 architectures, 1.4 s at 500
and 5.7 s at 1 000 (10 000 resamples, one core), and a run has a dozen such scores and subsets."""
CORRELATIONS = ("kdt", "s_kdt", "s_kdt_positional_0.1", "s_kdt_positional_1", "spearman")
"""Metrics that are also given for subsets of the pool."""
WITHOUT_TRUTH = ("accuracy", "accuracy_std", "loss")
"""Metrics that need no ground truth."""


def measures(subsets: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Return (metric, score) of every row that a run has in one BN mode and split, for a pool with these subsets."""
    scores = ("accuracy", "loss")
    return (
        ("accuracy", "accuracy"),
        ("accuracy_std", "accuracy"),
        ("loss", "loss"),
        *((metric, score) for score in scores for metric in SCORED_TWICE),
        *((f"{metric}_{subset}", score) for subset in subsets for score in scores for metric in CORRELATIONS),
    )
