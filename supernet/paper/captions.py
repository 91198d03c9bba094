"""Sentences that captions and notes share; every number is read from the artifacts."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from supernet.config.datasets import DATASETS
from supernet.config.fidelity import theirs
from supernet.config.study import Study
from supernet.metrics.measures import FEWEST, LARGEST_BOOTSTRAP
from supernet.paper.load import CEILINGS, Results
from supernet.paper.names import BN_MODE_NAMES, PROXY_NAMES, SPACE_NAMES, count, listed, significant_percent
from supernet.paper.summary import ScoreSelection, main_selection, point_pools
from supernet.spaces import KINDS

INTERVAL = (
    "Intervals are 95 % bootstrap percentile intervals over architectures. With several seeds, an interval is the mean "
    "estimate minus and plus the average distances of the runs' bounds from their estimates. Intervals reflect the "
    "choice of the pool, not the variation between seeds."
)
KDT = "KdT is Kendall's tau-b between super-net accuracy and ground truth."
TOP_ORDERS = {"sorted": "", "permuted_twice": ", in the order scrambled by the double permutation of the authors' code"}

_PROXIES = MappingProxyType(
    {
        "synflow": "the signal that passes through all weights at their absolute values",
        "jacov": "low correlation between the gradients with respect to different images",
        "naswot": "how well the signs of the ReLU outputs distinguish images",
    }
)

SPLITS = MappingProxyType({"scoring": "the scoring split (held out of training)", "test": "the test set"})
QUANTILE_SETS = MappingProxyType(
    {
        "pool": "the pool (N = {})",
        "sample": "a uniform sample of the space (N = {})",
        "table": "the complete table of the space (N = {})",
        "listed": "the published table, which is a part of the space (N = {})",
    }
)
"""Sets in which a quantile is taken."""
SUBSPACE_MARK = "‡"
"""Marks settings of a sub-space, which have a separate pool."""


def paragraph(*sentences: str) -> str:
    """Join sentences into one paragraph; empty ones are dropped."""
    return " ".join(sentence for sentence in sentences if sentence)


def study_sentence(results: Results) -> str:
    """Name the study and its images."""
    study, data = results.study, results.study.data
    side = f", averaged down to {data.resolution} x {data.resolution}" if data.resolution else ""
    return paragraph(
        f"Study {study.study}: {study.title.rstrip('.')}. Images: {DATASETS[data.name].title} ({data.name}){side}.",
        fidelity_sentence(study),
    )


def fidelity_sentence(study: Study) -> str:
    """List the options for which the study follows the authors' code; empty if there are none."""
    found = [f"{trap.name} {str(trap.theirs).lower()}" for trap in theirs(study)]
    preset = " (preset fidelity: authors_code)" if study.fidelity == "authors_code" else ""
    return f"As in the authors' code, not corrected: {', '.join(found)}{preset}." if found else ""


def truth_sentence(results: Results, spaces: Iterable[str]) -> str:
    """State the source of the ground truth of each space, and how many architectures have none."""
    facts = {space: results.facts[space] for space in spaces}
    return paragraph(
        f"Ground truth: {merged({space: one.source for space, one in facts.items()})}.",
        lost_truth_sentence({space: (one.diverged, one.diverged + one.pool) for space, one in facts.items()}),
    )


def lost_truth_sentence(pools: Mapping[str, tuple[int, int]]) -> str:
    """State how many architectures of each pool have no ground truth, of (without one, all); empty if all have one."""
    lost = {space: (without, size) for space, (without, size) in pools.items() if without}
    if not lost:
        return ""
    counts = merged_names({space: f"{count(without)} of {count(size)}" for space, (without, size) in lost.items()})
    few = [space for space, (without, size) in lost.items() if size - without < FEWEST]
    unmeasured = (
        f" In {listed(few)} fewer than three are left: what compares with ground truth is empty." if few else ""
    )
    return (
        f"Without a ground truth, because all their stand-alone trainings diverged, and left out: {counts}.{unmeasured}"
    )


def scores_sentence(results: Results, selection: ScoreSelection | None = None) -> str:
    """State split, batch-norm mode and ranking of the scores, by default of the main selection."""
    selection = selection or main_selection(results.study)
    ranked = {"accuracy": "accuracy", "loss": "negative loss"}
    of_functions = results.study.metrics.same_function == "averaged"
    averaged = ", averaged over architectures that compute the same function" if of_functions else ""
    return (
        f"Super-net scores: shared-weight accuracy on {SPLITS[selection.split]} with "
        f"{BN_MODE_NAMES[selection.bn_mode]} (mode {selection.bn_mode}); architectures are ranked by "
        f"{ranked[selection.score]}{averaged}."
    )


def further_truths(results: Results, spaces: Iterable[str]) -> str:
    """List the further truths of spaces with their meaning; empty if there are none."""
    found = {table: words for space in spaces for table, words in results.facts[space].further.items()}
    return "; ".join(f"{table}: {words}" for table, words in found.items())


def pool_sentence(results: Results, spaces: Iterable[str]) -> str:
    """State the pool size of each space, and how the pool was chosen if not at random."""
    study, pool = results.study, results.study.pool
    whole = [space for space in spaces if pool.size_of(space) == "all"]
    trained = [space for space in whole if any(one.space == space for one in study.landmarks())]
    landmarks = (
        f" In {listed(trained)} the {study.protocol.landmarks} landmarks are not scored and count as outside the space."
        if trained
        else ""
    )
    intervals = merged({space: str(pool.size_of(space)) for space in spaces})
    stratified = f" The pool is not a random sample: it holds the best architecture of {intervals} accuracy intervals."
    per_seed = " Each run seed has its own pool; statements about the pool refer to the first."
    sentences = (
        f"Architectures in the pool: {_by_space(results, spaces, 'pool')}."
        f"{stratified if pool.law == 'stratified' else ''}{per_seed if pool.per_seed else ''}{landmarks}"
    )
    return paragraph(sentences, large_pools_sentence(results, spaces))


def pool_sizes(study: Study) -> str:
    """State the sizes of the pools, without results: `64 architectures per space`."""
    whole = "every architecture of a published table that is a uniform sample of its space"
    sizes = {space: study.pool.size_of(space) for space in study.spaces}
    if len(set(sizes.values())) > 1:
        return "; ".join(
            f"{SPACE_NAMES[space]}: {whole if size == 'all' else f'{count(size)} architectures'}"
            for space, size in sizes.items()
        )
    size = next(iter(sizes.values()))
    return whole if size == "all" else f"{count(size)} architectures per space"


def large_pools_sentence(results: Results, spaces: Iterable[str]) -> str:
    """State in which spaces intervals do not come from the bootstrap; empty if all do."""
    study, sizes = results.study, {space: results.facts[space].pool for space in spaces}
    whole = [space for space, size in sizes.items() if size == study.scorable(study.main_pool(space))]
    large = [space for space, size in sizes.items() if size > LARGEST_BOOTSTRAP and space not in whole]
    return paragraph(
        f"In {listed(whole)} the pool is the whole space: both ends of an interval are the estimate." if whole else "",
        f"In {listed(large)} intervals come from the jackknife, not the bootstrap." if large else "",
    )


def own_pools_sentence(results: Results, factor: str, spaces: Iterable[str]) -> str:
    """List the sub-spaces of a factor's settings, with N and pool size; empty if there are none."""
    own = [pool for space in spaces for pool in point_pools(results.study, space, factor)[1:]]
    if not own:
        return ""
    facts = {pool.dynamic_channels: results.pools[str(pool)] for pool in own}
    named = (f"{name} (N = {count(fact.size)}, pool of {count(fact.pool)})" for name, fact in facts.items())
    return f"{SUBSPACE_MARK} marks a sub-space with its own pool, not comparable with the others: {', '.join(named)}."


def ceiling_sentence(results: Results, spaces: Iterable[str]) -> str:
    """Define the ceilings that the spaces have."""
    found = {space: results.ceiling(space, "s_kdt")[0] for space in spaces}
    seed, replicates = ([space for space, one in found.items() if one == name] for name in CEILINGS)
    where = f" in {listed(seed)}" if replicates else ""
    return paragraph(
        f"The seed-to-seed ceiling{where} is the correlation between two stand-alone trainings of the pool."
        if seed or not replicates
        else "",
        f"The ceiling of equal functions in {listed(replicates)}, whose table has only means, is the correlation over "
        "functions between the published accuracies of two cells that compute the same function. It is a ceiling for "
        "means of trainings, and functions with two cells are not a random sample of the space."
        if replicates
        else "",
    )


def threshold_sentence(results: Results, spaces: Iterable[str]) -> str:
    """Define S-KdT, with its threshold."""
    percent = results.study.metrics.positional_percent
    if percent is None:
        return f"S-KdT is Kendall's tau-b with ground truth rounded to {_by_space(results, spaces, 'threshold')}."
    return (
        f"S-KdT is the positional variant of the authors' code at {percent} %: Kendall's tau-b between the binned "
        "ranks in ground-truth order and in predicted order."
    )


def effects_sentence(results: Results) -> str:
    """State which S-KdT the effects use, if the study prints another one; empty otherwise."""
    if results.study.metrics.s_kdt == "rounded":
        return ""
    return "Effects use S-KdT with rounded ground truth, not the positional variant."


def proxies_sentence(results: Results) -> str:
    """Describe the zero-cost proxies of the study; empty if it has none."""
    proxies = results.study.proxies
    if not proxies.names:
        return ""
    data = "" if proxies.names == ("synflow",) else f" on {proxies.images} training images"
    several = f", mean over {proxies.seeds} initialisations" if proxies.seeds > 1 else ""
    words = "; ".join(f"{PROXY_NAMES[name]}: {_PROXIES[name]}" for name in proxies.names)
    larger = [one for one in results.facts.values() if one.pool + one.diverged > proxies.architectures]
    first = f" In larger pools, they are of the first {count(proxies.architectures)} architectures of the draw."
    return f"Zero-cost proxies of the untrained stand-alone networks{data}{several}. {words}.{first if larger else ''}"


def surpass_sentence(results: Results, spaces: Iterable[str]) -> str:
    """Define P>R, and name the set in which each space takes the rank."""
    facts = {space: results.facts[space] for space in spaces}
    draws = merged({space: str(fact.draws) for space, fact in facts.items()})
    top = merged({space: str(fact.top) for space, fact in facts.items()})
    return (
        f"P>R = (1 - r/N)^n is the probability that none of n = {draws} uniform random draws is as good as the best "
        f"of the K = {top} predicted best architectures; r is its rank from the top by ground truth, r/N its quantile "
        f"in {_quantile_set(results, facts)}. The interval of P>R is descriptive only, because the bootstrap of a "
        f"maximum is not consistent.{_limited(results, facts)}"
    )


def quantile_sentence(results: Results, spaces: Iterable[str]) -> str:
    """Define the quantile of a found architecture, and name the set in which each space takes it."""
    where = _quantile_set(results, spaces)
    return f"Quantile: r/N, where r is the rank from the top by ground truth in {where}; smaller is better."


def finds_sentence(results: Results, spaces: Iterable[str]) -> str:
    """State the source of the stand-alone accuracy of architectures that a search found."""
    how = {
        "pool": "trained with the recipe of the ground truth",
        "sample": "looked up in the published table, from which alone the search draws",
        "table": "looked up in the published table",
        "listed": "looked up in the published table, from which alone the search draws",
    }
    return f"Found architectures are {merged({space: how[results.facts[space].quantile] for space in spaces})}."


def final_sentence(results: Results, spaces: Iterable[str]) -> str:
    """Define final performance."""
    top = merged({space: str(results.facts[space].top) for space in spaces})
    return (
        f"Final performance: mean ground truth (stand-alone accuracy) of the K = {top} architectures "
        f"predicted best{TOP_ORDERS[results.study.metrics.top_order]}.{_limited(results, spaces)}"
    )


def _limited(results: Results, spaces: Iterable[str]) -> str:
    """State that K is smaller than the study's where fewer architectures have a ground truth; else empty."""
    asked = results.study.metrics.top
    limited = {space: str(top) for space in spaces if (top := results.facts[space].top) < asked}
    if not limited:
        return ""
    return f" The study's K is {asked}; it is limited to the architectures with ground truth: {merged_names(limited)}."


def diverged_sentence(number: int) -> str:
    """State how many runs diverged and that they are excluded."""
    if number == 0:
        return "No run diverged."
    runs = "1 run diverged and is" if number == 1 else f"{number} runs diverged and are"
    return f"{runs} excluded from means and intervals."


def missing_sentence(results: Results, drawn: Iterable[str], what: str = "results") -> str:
    """List the spaces of the paper that are not shown; empty if none is missing."""
    shown = set(drawn)
    missing = [space for space, kind in KINDS.items() if kind.of_the_paper and space not in shown]
    return f"Not shown because study {results.study.study} has no such {what}: {listed(missing)}." if missing else ""


def lost_searches_sentence(results: Results) -> str:
    """List the missing searches of measured spaces; empty if there are none."""
    missing = [
        f"{SPACE_NAMES[space]} seed {seed}"
        for space in results.spaces
        for seed in results.study.seeds(space, "baseline")
        if seed not in results.searches(space)
    ]
    return f"No search, because the baseline run diverged or is missing: {', '.join(missing)}." if missing else ""


def _quantile_set(results: Results, spaces: Iterable[str]) -> str:
    facts = {space: results.facts[space] for space in spaces}
    return merged({space: QUANTILE_SETS[fact.quantile].format(count(fact.population)) for space, fact in facts.items()})


def _by_space(results: Results, spaces: Iterable[str], name: str) -> str:
    def shown(space: str) -> str:
        facts = results.facts[space]
        return significant_percent(facts.threshold) if name == "threshold" else count(facts.pool)

    return merged({space: shown(space) for space in spaces})


def merged_names(values: Mapping[str, str]) -> str:
    """Return `3 (NASBench-101), 4 (NASBench-201)`."""
    return ", ".join(f"{value} ({SPACE_NAMES[space]})" for space, value in values.items())


def merged(values: dict[str, str]) -> str:
    """Return `5` if all spaces agree, else `5 (NASBench-101), 10 (NASBench-201)`."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return merged_names(values)
