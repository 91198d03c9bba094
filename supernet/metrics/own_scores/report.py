"""An evaluation as text, as JSON and as a table."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from supernet.metrics.own_scores.evaluation import LARGEST_BOOTSTRAP, Evaluation, Row
from supernet.metrics.subsets import WHOLE

MEANINGS: Mapping[str, str] = MappingProxyType(
    {
        "kdt": "Kendall's tau-b with ground truth",
        "s_kdt": "the same, with ground truth rounded to {threshold}",
        "spearman": "Spearman's rank correlation with ground truth",
        "s_kdt_positional_0.1": "sparse tau of the paper's code at .1 %",
        "s_kdt_positional_1": "sparse tau of the paper's code at 1 %",
        "p_surpass": "P(random search is worse than the best of the top {top}), {draws} draws",
        "p_surpass_complement": "one minus that",
        "final_mean": "mean ground truth of the top {top}",
        "final_std": "standard deviation of the ground truth of the top {top}",
        "final_best": "best ground truth of the top {top}",
    }
)
SUBSETS: Mapping[str, str] = MappingProxyType(
    {
        WHOLE: "all scored architectures",
        "top_half": "the better half by ground truth",
        "regular": "architectures with a convolution on a path",
        "unique": "architectures that compute the same function, counted once",
    }
)
REFERENCES: Mapping[str, str] = MappingProxyType(
    {
        "parameters": "number of parameters, as a score",
        "macs": "multiply-adds (FLOPs), as a score",
        "live_macs": "multiply-adds without convolutions of zeros",
        "seed": "ceiling: one training against another",
        "replicates": "ceiling: cells that compute the same function",
    }
)
_POPULATIONS = MappingProxyType(
    {
        "table": "the whole space",
        "sample": "a uniform sample of the space",
        "listed": "the published table",
        "given": "the given table",
    }
)
_SHOWN_OF_REFERENCES = ("kdt", "s_kdt")


def text(found: Evaluation) -> str:
    """Return the evaluation as a table for people, with what its intervals are based on."""
    return "\n".join([*_head(found), *_scores(found), "", *_references(found), "", *_interval(found)])


def as_json(found: Evaluation) -> str:
    """Return the evaluation as JSON; numbers that are undefined are null."""
    facts = {name: getattr(found, name) for name in ("space", "truth", "scored", "size", "census")}
    facts |= {"population": found.population, "population_kind": found.population_kind, **asdict(found.options)}
    rows = [{name: _known(value) for name, value in asdict(row).items()} for row in found.rows]
    return json.dumps({**facts, "law": law(found), "rows": rows}, indent=2, allow_nan=False)


def law(found: Evaluation) -> str:
    """State how the scored architectures must have been drawn for the intervals to be valid."""
    if found.census:
        whole = (
            "All architectures of the space are scored: there is no error of sampling, and both ends are the estimate."
        )
        pairs = any(row.name == "replicates" for row in found.rows)
        return f"{whole} The interval of the ceiling is over functions." if pairs else whole
    return (
        "Intervals (95 %) are valid if the scored architectures are a uniform random sample of the space, without "
        "replacement, chosen without regard to their scores or accuracies."
    )


def _head(found: Evaluation) -> Iterator[str]:
    yield f"{found.title}: {_count(found.scored)} of {_count(found.size)} architectures are scored"
    yield f"Ground truth: {found.truth}"


def _scores(found: Evaluation) -> Iterator[str]:
    for name in dict.fromkeys(row.name for row in found.rows if row.kind == "score"):
        yield ""
        yield f"Score {name}"
        own = [row for row in found.rows if row.kind == "score" and row.name == name]
        for subset in dict.fromkeys(row.subset for row in own):
            rows = [row for row in own if row.subset == subset]
            yield f"  {SUBSETS[subset]} (n = {_count(rows[0].n)})"
            for row in rows:
                meaning = _meaning(row.metric, found) if subset == WHOLE else ""
                yield f"    {row.metric:<21}{_estimate(row):<26}{meaning}".rstrip()


def _references(found: Evaluation) -> Iterator[str]:
    yield "References: a score that does not exceed those of parameters and multiply-adds adds nothing to them"
    for row in found.rows:
        if row.kind != "score" and row.metric in _SHOWN_OF_REFERENCES and row.subset == WHOLE:
            yield f"    {row.name:<12}{row.metric:<9}{_estimate(row):<26}{REFERENCES[row.name]} (n = {_count(row.n)})"


def _interval(found: Evaluation) -> Iterator[str]:
    yield law(found)
    if not found.census:
        yield (
            f"They come from the bootstrap up to {LARGEST_BOOTSTRAP} architectures and from the jackknife above. They "
            "do not cover another training of the super-net or of the ground truth."
        )
    yield f"P>R takes its rank among {_count(found.population)} architectures: {_POPULATIONS[found.population_kind]}."


def _meaning(metric: str, found: Evaluation) -> str:
    top, threshold = found.options.top, f"{100 * found.options.threshold:.3g} %"
    return MEANINGS[metric].format(top=top, draws=top, threshold=threshold)


def _estimate(row: Row) -> str:
    if math.isnan(row.estimate):
        return "undefined"
    if math.isnan(row.low) or row.low == row.high:
        return f"{row.estimate:.4f}"
    return f"{row.estimate:.4f} [{row.low:.4f}, {row.high:.4f}]"


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _count(number: int) -> str:
    """Write a number with thin groups; the number of DARTS' genotypes is a power of ten."""
    return f"{number:,}".replace(",", " ") if number < 10**9 else f"{number:.1e}"
