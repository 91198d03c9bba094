"""What the rules of the workflow make, in words, for the lists of `supernet plan`."""

from collections.abc import Mapping
from types import MappingProxyType

_NOUNS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "data": ("data set", "data sets"),
        "published": ("published table", "published tables"),
        "pool": ("pool", "pools"),
        "truth": ("ground-truth job", "ground-truth jobs"),
        "pool_truth": ("pool with ground truth", "pools with ground truth"),
        "train": ("super-net", "super-nets"),
        "score": ("set of scores", "sets of scores"),
        "search": ("random search", "random searches"),
        "systems": ("job of search systems", "jobs of search systems"),
        "landscape": ("loss landscape", "loss landscapes"),
        "features": ("set of feature statistics", "sets of feature statistics"),
        "standalone": (
            "set of stand-alone trainings with swept values",
            "sets of stand-alone trainings with swept values",
        ),
        "proxies": ("set of zero-cost proxies", "sets of zero-cost proxies"),
        "table": ("table", "tables"),
        "figure": ("figure", "figures"),
    }
)
"""Singular and plural by family; a family that is not listed is named by its rule."""
_NAMED = ("table", "figure")
"""Rules that have one name per job: `table_NAME`."""


def family(rule: str) -> str:
    """Return what a rule belongs to: `table` for all rules `table_NAME`, `figure` for `figure_NAME`, else the rule."""
    start = rule.partition("_")[0]
    return start if start in _NAMED and start != rule else rule


def own_name(rule: str, wildcards: Mapping[str, str]) -> str:
    """Return what distinguishes a job from others of its family: `NAME` of `table_NAME`, or the wildcards."""
    if family(rule) != rule:
        return rule.partition("_")[2]
    return "/".join(wildcards.values())


def noun(rule: str, count: int) -> str:
    """Return the noun of a family for a number of jobs."""
    singular, plural = _NOUNS.get(rule, (rule, rule))
    return singular if count == 1 else plural


def counted(rule: str, count: int) -> str:
    """Return a number of jobs in words: `1 table`, `3 pools`; a single `metrics` has no number."""
    return f"{count} {noun(rule, count)}" if rule in _NOUNS or count > 1 else rule
