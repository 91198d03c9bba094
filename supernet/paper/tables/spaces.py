"""Table of the spaces: their size, ground truth with its noise, and rank correlations without a super-net."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from supernet.config.artifacts import Kind
from supernet.metrics.interval import Estimate
from supernet.paper import captions
from supernet.paper.alone import unshared_sentence, unshared_words
from supernet.paper.costs import table_sentence
from supernet.paper.load import CEILINGS, Results
from supernet.paper.names import ABSENT, PROXY_NAMES, SPACE_NAMES, count, percent, significant_percent
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame
from supernet.paper.tables._cells import estimate_cell
from supernet.spaces import KINDS

INPUTS: tuple[Kind, ...] = ("metrics", "references", "spaces", "searches", "truth_timings")

Row = tuple[str, str, Callable[[Results, str], str]]
TAUS = (
    ("", "Ceiling of any score"),
    ("parameters", "Parameter count as the score"),
    ("macs", "Multiply-adds as the score"),
    ("live_macs", "Live multiply-adds as the score"),
)
_FACTS = (
    "size",
    "pool",
    "repeated",
    "truth_mean",
    "truth_std",
    "truth_min",
    "truth_max",
    "seed_std",
    "truth_se",
    "threshold",
    "images_test",
    "images_scoring",
    "diverged",
)


def make(results: Results, out_stem: Path) -> None:
    """Write the table of spaces, with one column per space and blocks of quantities."""
    spaces = results.spaces
    text = [
        {"Block": block, "Quantity": name, **{SPACE_NAMES[space]: cell(results, space) for space in spaces}}
        for block, name, cell in _rows(_taus(results))
    ]
    table = Table(
        frame(text),
        frame([row for space in spaces for row in _numbers(results, space)]),
        _caption(results),
        group="Block",
        left=frozenset({"Quantity"}),
    )
    write(table, out_stem)


def _taus(results: Results) -> list[tuple[str, str]]:
    """Name and label of each reference of the study; the name of the ceiling, which depends on the space, is empty."""
    unshared = unshared_words(results)
    ceiling = [("fidelity", f"Ceiling: {unshared}")] if unshared else []
    proxies = [(name, f"{PROXY_NAMES[name]} as the score") for name in results.study.proxies.names]
    return [TAUS[0], *ceiling, *TAUS[1:], *proxies]


def _rows(taus: Sequence[tuple[str, str]]) -> list[Row]:
    """Rows as (block, quantity, cell of a space)."""
    fact = _fact
    return [
        ("Space", "Architectures N", fact(lambda f: count(f.size))),
        ("Space", "Encodings", fact(lambda f: f.encodings)),
        ("Space", "Pool: architectures scored", fact(lambda f: count(f.pool))),
        ("Networks", "Super-net, baseline: layers x channels", _super_net),
        ("Networks", "Stand-alone: layers x channels", _stand_alone),
        ("Ground truth", "Source", fact(lambda f: "trainings here" if f.quantile == "pool" else "published table")),
        (
            "Ground truth",
            "Mean ± sd over the pool (%)",
            fact(lambda f: f"{percent(f.truth_mean)} ± {percent(f.truth_std)}"),
        ),
        (
            "Ground truth",
            "Range over the pool (%)",
            fact(lambda f: f"{percent(f.truth_min)} to {percent(f.truth_max)}"),
        ),
        ("Ground truth", "Noise: sd of one training (%)", fact(lambda f: percent(f.seed_std, 2))),
        ("Ground truth", "Standard error of a mean (%)", fact(lambda f: percent(f.truth_se, 2))),
        ("Ground truth", "Architectures with repeated training", fact(lambda f: count(f.repeated))),
        ("Ground truth", "Diverged architectures", fact(lambda f: count(f.diverged))),
        ("Ground truth", "Test images", fact(lambda f: count(f.images_test))),
        ("Ground truth", "Images of the scoring split", fact(lambda f: count(f.images_scoring))),
        *(("KdT", words, _tau(name, "kdt")) for name, words in taus),
        ("S-KdT", "Threshold", fact(lambda f: significant_percent(f.threshold))),
        *(("S-KdT", words, _tau(name, "s_kdt")) for name, words in taus),
        ("Random search", "Found: mean ± sd over searches (%)", _search),
    ]


def _fact(shown: Callable[[Any], str]) -> Callable[[Results, str], str]:
    return lambda results, space: shown(results.facts[space])


def _tau(name: str, metric: str) -> Callable[[Results, str], str]:
    def cell(results: Results, space: str) -> str:
        return estimate_cell(_reference(results, space, name, metric)[1], separator=" ")

    return cell


def _reference(results: Results, space: str, name: str, metric: str) -> tuple[str, Estimate]:
    """Return a reference with its name; `seed` for a ceiling that is not known."""
    if name:
        return name, results.reference(space, name, metric)
    found, ceiling = results.ceiling(space, metric)
    return found or CEILINGS[0], ceiling


def _super_net(results: Results, space: str) -> str:
    baseline = results.study.spaces[space].baseline
    return f"{_layers(space, baseline.layers)} x {baseline.channels}"


def _stand_alone(results: Results, space: str) -> str:
    truth = results.study.spaces[space].truth
    if truth is None or results.facts[space].quantile != "pool":
        return "the benchmark's"
    return f"{_layers(space, truth.layers)} x {truth.channels}"


def _layers(space: str, layers: int | None) -> int:
    return layers or KINDS[space].layers


def _found(results: Results, space: str) -> tuple[float, float, int]:
    """Mean over searches of the mean ground truth of found architectures, its sd (n - 1), and the number of
    searches."""
    means = frame([{"mean": search.found["truth"].mean()} for search in results.searches(space).values()], ["mean"])
    means = means.dropna()
    if means.empty:
        return math.nan, math.nan, 0
    return float(means["mean"].mean()), float(means["mean"].std()), len(means)


def _search(results: Results, space: str) -> str:
    mean, sd, searches = _found(results, space)
    if searches == 0:
        return ABSENT
    return percent(mean) if math.isnan(sd) else f"{percent(mean)} ± {percent(sd)}"


def _numbers(results: Results, space: str) -> list[dict[str, Any]]:
    facts = results.facts[space]
    rows: list[dict[str, Any]] = [{"space": space, "quantity": name, "value": getattr(facts, name)} for name in _FACTS]
    for metric in ("kdt", "s_kdt"):
        for name, _ in _taus(results):
            found, tau = _reference(results, space, name, metric)
            rows.append(
                {
                    "space": space,
                    "quantity": f"{metric} of {found}",
                    "value": tau.value,
                    "low": tau.low,
                    "high": tau.high,
                }
            )
    mean, sd, searches = _found(results, space)
    rows.append(
        {
            "space": space,
            "quantity": "random search: mean truth of found",
            "value": mean,
            "sd": sd,
            "n": searches,
        }
    )
    return rows


def _caption(results: Results) -> Caption:
    spaces, search = results.spaces, results.study.search
    return Caption.of(
        captions.paragraph(
            "The search spaces: size, ground truth and its noise, and rank correlations that need no super-net.",
            "Brackets contain 95 % bootstrap percentile intervals over architectures.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(
                captions.truth_sentence(results, spaces), captions.large_pools_sentence(results, spaces)
            ),
            captions.ceiling_sentence(results, spaces),
            unshared_sentence(results),
            "Multiply-adds are live unless all inputs of the convolution are zero.",
            captions.proxies_sentence(results),
            captions.threshold_sentence(results, spaces),
            f"Random search: mean stand-alone accuracy of the {search.retrain} best-scored of "
            f"{search.architectures} random architectures, over baseline super-nets (seeds).",
            captions.missing_sentence(results, spaces),
            table_sentence(results, "spaces"),
        ),
    )
