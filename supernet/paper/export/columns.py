"""Meaning and unit of every column of the exported tables."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from supernet.config.factors import FACTORS

FRACTION, SECONDS, NATS, IMAGES = "fraction (0 to 1)", "s", "nats", "images"
_ARCHITECTURES, _PASSES, _MACS, _BYTES = "architectures", "passes of one image", "multiply-adds per image", "bytes"


class Column(NamedTuple):
    """Meaning of a column, and its unit; empty for texts, numbers without a unit and rank correlations."""

    meaning: str
    unit: str = ""


COLUMNS: Mapping[str, Column] = MappingProxyType(
    {
        # Names
        "study": Column("name of the study"),
        "space": Column("search space"),
        "setting": Column("baseline, or factor=value"),
        "seed": Column("seed of the run"),
        "factor": Column("the factor that the setting changes; baseline for none"),
        "value": Column("value of the factor as text; empty for the baseline"),
        "pool": Column("name of the pool"),
        "arch_id": Column("identifier of the architecture in its space"),
        "encoding": Column("text of the architecture, as the space parses it"),
        "bn_mode": Column("batch-norm statistics of scoring: batch, tracked or recalibrated"),
        "split": Column("images of scoring: scoring or test"),
        # Outcome and cost of a run
        "status": Column("complete or diverged; of a search system also stopped_early, unlisted, truth_diverged"),
        "diverged_at": Column("training step at which the run diverged; empty for a complete run", "steps"),
        "steps": Column("training steps", "steps"),
        "passes": Column("forward and backward passes of training, including those of landmarks", "passes"),
        "images": Column("images that the passes used", IMAGES),
        "parameters": Column("trainable parameters"),
        "seconds": Column("duration of the job, including interrupted processes", SECONDS),
        "device": Column("device of the job"),
        # Curves and scores
        "epoch": Column("epoch, from 1", "epochs"),
        "step": Column("training step at the end of the epoch", "steps"),
        "learning_rate": Column("learning rate of the last step of the epoch"),
        "loss": Column("cross-entropy", NATS),
        "accuracy": Column("accuracy", FRACTION),
        # Metrics, effects, references
        "score": Column("the score by which architectures are ranked: accuracy or loss"),
        "metric": Column("name of the metric (docs/understand/metrics.md)"),
        "estimate": Column("value of the metric: a rank correlation, a fraction, or nats for loss"),
        "low": Column("lower bound of the 95 % interval, in the unit of the estimate"),
        "high": Column("upper bound of the 95 % interval, in the unit of the estimate"),
        "n": Column("architectures that the number is computed from", _ARCHITECTURES),
        "effect": Column("metric of the setting minus that of the baseline"),
        "p": Column("p-value of the effect"),
        "p_holm": Column("p-value after Holm's correction for multiple tests"),
        "smallest": Column("smallest effect that the study could have detected"),
        "seeds": Column("seeds of the setting that the effect uses"),
        "baseline_seeds": Column("seeds of the baseline that the effect uses"),
        "common": Column("seeds that the setting and the baseline have in common"),
        "effects.sd": Column("standard deviation of the effects of single seeds"),
        "pool_error": Column("standard error of the effect from the choice of architectures"),
        "outcome": Column("significant after Holm's correction, within the margin, both or neither; empty if untested"),
        "margin": Column("difference that counts as barely different"),
        "tested": Column("whether there are three seeds of both, so that the interval covers seeds"),
        "left_out": Column("reason of a missing effect: pool, runs, baseline, seeds or truth; empty if it exists"),
        "references.name": Column(
            "parameters, macs, live_macs or a zero-cost proxy; seed, replicates and fidelity for ceilings"
        ),
        # Pools
        "spaces.name": Column("name of the pool"),
        "size": Column("architectures of the space", _ARCHITECTURES),
        "encodings": Column("number of encodings of the space, in words"),
        "spaces.pool": Column("architectures of the pool", _ARCHITECTURES),
        "law": Column("law by which the pool was drawn"),
        "degenerate": Column("architectures without a convolution on any path", _ARCHITECTURES),
        "repeated": Column("architectures that were trained with two seeds", _ARCHITECTURES),
        "truth_mean": Column("mean ground truth", FRACTION),
        "truth_std": Column("standard deviation of the ground truth over architectures", FRACTION),
        "truth_min": Column("lowest ground truth", FRACTION),
        "truth_max": Column("highest ground truth", FRACTION),
        "seed_std": Column("standard deviation of one stand-alone training within an architecture", FRACTION),
        "truth_se": Column("standard error of the mean accuracy of an architecture", FRACTION),
        "threshold": Column("step to which S-KdT rounds the ground truth", FRACTION),
        "images_test": Column("images of the test split", IMAGES),
        "images_scoring": Column("images of the scoring split", IMAGES),
        "diverged": Column("architectures whose stand-alone trainings all diverged", _ARCHITECTURES),
        "source": Column("origin of the ground truth, in words"),
        "quantile": Column("set of architectures in which P>R takes its rank: pool, sample or table"),
        "population": Column("size of that set", _ARCHITECTURES),
        "top": Column("K, the best-scored architectures of P>R", _ARCHITECTURES),
        "draws": Column("n, the architectures that random search draws in P>R", _ARCHITECTURES),
        "truth": Column("ground truth: mean stand-alone accuracy", FRACTION),
        "macs": Column("multiply-adds of the stand-alone network", _MACS),
        "live_macs": Column("multiply-adds without convolutions whose input is always zero", _MACS),
        "synflow": Column("zero-cost proxy SynFlow"),
        "jacov": Column("zero-cost proxy Jacobian covariance"),
        "naswot": Column("zero-cost proxy NASWOT"),
        # Searches
        "rank": Column("rank of the architecture by its score, from 1"),
        "searches.score": Column("accuracy with shared weights", FRACTION),
        "systems.score": Column("score of the system; empty for a relaxed super-net", FRACTION),
        "truth_quantile": Column("share of the population that is not better", FRACTION),
        "architectures": Column("architectures that were scored", _ARCHITECTURES),
        "multiply_adds": Column("multiply-adds of the layers that the search executed", "multiply-adds"),
        "trained": Column("images of training passes, times the operations that a pass trains at a position", IMAGES),
        "baseline_trained": Column("the same of the baseline's super-net", IMAGES),
        "forward_passes": Column("forward passes of the search", _PASSES),
        "backward_passes": Column("backward passes of the search", _PASSES),
        "system": Column("name of the search system"),
        "invalid": Column("proposals that are not in the space"),
        "passed_over": Column("proposals without a ground truth"),
        "systems.kind": Column("set of architectures of the quantile: pool, sample or table"),
        "peak_bytes": Column("largest memory of the process", _BYTES),
        # Analyses
        "landscapes.kind": Column("standalone, supernet_fixed or supernet_random"),
        "x": Column("first coordinate, in norms of the weights"),
        "y": Column("second coordinate, in norms of the weights"),
        "network": Column("supernet or standalone"),
        "features.kind": Column("what is compared: step, batches, architectures or tracked"),
        "layer": Column("name of the batch norm"),
        "features.step": Column("training step, from 0", "steps"),
        "sample": Column("number of the batch or architecture"),
        "mean": Column("mean over the channels' means"),
        "variance": Column("variance over the channels' means"),
        "mean_distance": Column("distance of the means (supernet/analysis/features.py)"),
        "scale_distance": Column("distance of the scales (supernet/analysis/features.py)"),
        "test_accuracy": Column("accuracy on the test split; empty if diverged", FRACTION),
        "contrasts.factor": Column("the factor whose values are compared"),
        "contrasts.value": Column("value of the factor as text"),
        "other": Column("the value that it is compared with, as text"),
        "difference": Column("metric of the setting with the value minus that of the setting with the other one"),
        "other_seeds": Column("seeds of the other value"),
        "contrasts.common": Column("seeds that both values have in common"),
        "contrasts.sd": Column("standard deviation of the differences of single seeds"),
    }
)
"""Columns by name, or by `table.name` where the name has another meaning in that table."""


def column(table: str, name: str) -> Column:
    """Return meaning and unit of a column of an exported table; KeyError for an unknown one."""
    if table == "runs" and name in FACTORS:
        return Column(FACTORS[name].meaning)
    if seed := re.fullmatch(r"truth_seed(\d+)", name):
        return Column(f"stand-alone accuracy of seed {seed[1]}; empty if not trained or diverged", FRACTION)
    return COLUMNS.get(f"{table}.{name}") or COLUMNS[name]
