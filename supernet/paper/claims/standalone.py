"""Claim 1: super-net training differs from stand-alone training, which changes the best batch norm and learning rate.

A decision requires stand-alone networks that are trained with the swept settings. No study trains them, so the answer
is unknown. The numbers show how far feature means move between paths of the super-net, and between batches of one path.
"""

from supernet.paper.claims.answer import SpaceAnswer
from supernet.paper.load import Results


def answer(results: Results, space: str) -> SpaceAnswer:
    """Return `unknown`, with the distances that feature means move, in standard deviations."""
    features = results.features(space) if results.study.features is not None else None
    if features is None:
        return SpaceAnswer(space, "unknown")
    groups = features.dropna(subset="mean_distance").groupby(["network", "kind"])["mean_distance"].median()
    kinds = {"between paths": ("supernet", "architectures"), "alone": ("standalone", "batches")}
    known = {words: float(groups[kind]) for words, kind in kinds.items() if kind in groups.index}
    return SpaceAnswer(space, "unknown", known)
