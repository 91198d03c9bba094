"""Sentences that captions share, true to what was read: no number that the artifacts do not hold."""

from collections.abc import Iterable
from types import MappingProxyType

from supernet.config.datasets import DATASETS
from supernet.config.fidelity import theirs
from supernet.config.study import Study
from supernet.paper.load import Results
from supernet.paper.names import BN_MODE_NAMES, PROXY_NAMES, SPACE_NAMES, count, listed, significant_percent
from supernet.paper.summary import Reading, main_reading, point_pools

INTERVAL = (
    "Intervals are 95 % bootstrap percentile intervals over architectures; with several seeds, the mean "
    "plus and minus the average distance of the runs' bounds from their estimates. They tell the error "
    "from the choice of the pool, not the spread over seeds."
)
TOP_ORDERS = {"sorted": "", "permuted_twice": ", whose order the authors' double permutation has scrambled"}

_PROXIES = MappingProxyType(
    {
        "synflow": "what flows through all weights at their absolute values",
        "jacov": "how little the gradients at different images are correlated",
        "naswot": "how well the signs of the ReLUs tell images apart",
    }
)

SPLITS = MappingProxyType({"scoring": "the scoring split, held out of training", "test": "the test set"})
SHORT = 16
"""Characters of a root digest in a caption: 64 bits, which nobody meets by chance. The records have all 64."""
QUANTILE_SETS = MappingProxyType(
    {
        "pool": "the pool (N = {})",
        "sample": "a uniform sample of the space (N = {})",
        "table": "the complete table of the space (N = {})",
    }
)
"""Sets in which a quantile is taken."""
OWN_POOL = "‡"
"""Marks settings of a sub-space."""


def caption(*sentences: str) -> str:
    """Sentences as one paragraph; empty ones drop out."""
    return " ".join(sentence for sentence in sentences if sentence)


def study_sentence(results: Results) -> str:
    """Which study it is, on which images, and its root digest."""
    return caption(images_sentence(results), root_sentence(results))


def images_sentence(results: Results) -> str:
    """Which study it is, on which images, for what needs no metrics and so has no root digest."""
    study, data = results.study, results.study.data
    side = f", averaged down to {data.resolution} x {data.resolution}" if data.resolution else ""
    return caption(
        f"Study {study.study}: {study.title.rstrip('.')}. Images: {DATASETS[data.name].title} ({data.name}){side}.",
        fidelity_sentence(study),
    )


def root_sentence(results: Results) -> str:
    """The start of the root digest, by which a caption names the very results that it describes."""
    found = results.root_digest
    return "Root digest: none, for metrics.parquet has no record." if found is None else f"Root digest {found[:SHORT]}."


def fidelity_sentence(study: Study) -> str:
    """Which traps of the authors' code the study has; empty if none."""
    found = [f"{trap.name} {str(trap.theirs).lower()}" for trap in theirs(study)]
    preset = " (preset fidelity: authors_code)" if study.fidelity == "authors_code" else ""
    return f"As in the authors' code, not corrected: {', '.join(found)}{preset}." if found else ""


def truth_sentence(results: Results, spaces: Iterable[str]) -> str:
    """Where the ground truth of each space is from."""
    return f"Ground truth: {merged({space: results.facts[space].source for space in spaces})}."


def reading_sentence(results: Results, reading: Reading | None = None) -> str:
    """Which scores were read: split, batch-norm mode, and what ranks the architectures; by default the main ones."""
    reading = reading or main_reading(results.study)
    ranked = {"accuracy": "accuracy", "loss": "negative loss"}
    return (
        f"Super-net scores: shared-weight accuracy on {SPLITS[reading.split]}, with "
        f"{BN_MODE_NAMES[reading.bn_mode]} (mode {reading.bn_mode}); architectures ranked by "
        f"{ranked[reading.score]}."
    )


def pool_sentence(results: Results, spaces: Iterable[str]) -> str:
    """n, the architectures in the pool of each space, and how they were chosen if not at random."""
    pool = results.study.pool
    law = f" It is no sample of the space, but the best architecture of each of {pool.size} intervals of accuracy."
    own = " Each run seed has a pool of its own; what is said of the pool is said of the first."
    return (
        f"n, architectures in the pool: {_by_space(results, spaces, 'pool')}."
        f"{law if pool.law == 'stratified' else ''}{own if pool.per_seed else ''}"
    )


def own_pools_sentence(results: Results, factor: str, spaces: Iterable[str]) -> str:
    """Which settings have a sub-space with a pool and a size of its own; empty if none has."""
    own = [pool for space in spaces for pool in point_pools(results.study, space, factor)[1:]]
    if not own:
        return ""
    facts = {pool.dynamic_channels: results.pools[str(pool)] for pool in own}
    named = (f"{name} (N = {count(fact.size)}, n = {count(fact.pool)})" for name, fact in facts.items())
    return f"{OWN_POOL}: a sub-space with a pool of its own, not to be compared with the others: {', '.join(named)}."


def threshold_sentence(results: Results, spaces: Iterable[str]) -> str:
    """What S-KdT is, with its threshold."""
    percent = results.study.metrics.positional_percent
    if percent is None:
        return f"S-KdT is Kendall's tau-b with ground truth rounded to {_by_space(results, spaces, 'threshold')}."
    return (
        f"S-KdT is the positional one of the authors' code at {percent} %: Kendall's tau-b of the binned ranks in "
        "ground-truth order and in predicted order."
    )


def effects_sentence(results: Results) -> str:
    """On which S-KdT effects are, where the study prints another one; empty where it does not."""
    if results.study.metrics.s_kdt == "rounded":
        return ""
    return "Effects are on S-KdT with rounded ground truth, not on the positional one."


def proxies_sentence(results: Results) -> str:
    """What the zero-cost proxies of the study are; empty if it has none."""
    proxies = results.study.proxies
    if not proxies.names:
        return ""
    data = "" if proxies.names == ("synflow",) else f" on {proxies.images} training images"
    several = f", mean over {proxies.seeds} initialisations" if proxies.seeds > 1 else ""
    words = "; ".join(f"{PROXY_NAMES[name]}: {_PROXIES[name]}" for name in proxies.names)
    return f"Zero-cost proxies of the stand-alone networks before training{data}{several}. {words}."


def surpass_sentence(results: Results, spaces: Iterable[str]) -> str:
    """The definition of P>R and the set in which each space takes the rank."""
    facts = {space: results.facts[space] for space in spaces}
    draws = merged({space: str(fact.draws) for space, fact in facts.items()})
    top = merged({space: str(fact.top) for space, fact in facts.items()})
    return (
        f"P>R = (1 - r/N)^n is the probability that none of n = {draws} uniform random draws does as well "
        f"as the best of the K = {top} predicted best, r being its rank from the top by ground truth; r/N "
        f"is a quantile in {_quantile_set(results, facts)}. Its interval is descriptive only: the bootstrap "
        "of a maximum is not consistent."
    )


def quantile_sentence(results: Results, spaces: Iterable[str]) -> str:
    """What the quantile of a found architecture is, and in which set each space takes it."""
    where = _quantile_set(results, spaces)
    return f"Quantile: r/N, r being the rank from the top by ground truth in {where}; small is good."


def finds_sentence(results: Results, spaces: Iterable[str]) -> str:
    """Where the stand-alone accuracy of what a search found is from."""
    how = {
        "pool": "trained with the recipe of the ground truth",
        "sample": "looked up in the published table, in which alone it is drawn",
        "table": "looked up in the published table",
    }
    return f"What is found is {merged({space: how[results.facts[space].quantile] for space in spaces})}."


def final_sentence(results: Results, spaces: Iterable[str]) -> str:
    """What final performance is."""
    top = merged({space: str(results.facts[space].top) for space in spaces})
    return (
        f"Final performance: mean ground truth (stand-alone test accuracy) of the K = {top} architectures "
        f"predicted best{TOP_ORDERS[results.study.metrics.top_order]}."
    )


def diverged_sentence(number: int) -> str:
    """How many runs diverged, and what became of them."""
    if number == 0:
        return "No run diverged."
    return f"{number} {'run' if number == 1 else 'runs'} diverged; they are left out of means and intervals."


def missing_sentence(results: Results, drawn: Iterable[str], what: str = "results") -> str:
    """Spaces of the paper that are not drawn; empty if none is missing."""
    shown = set(drawn)
    missing = [space for space in SPACE_NAMES if space not in shown]
    return f"Not shown, for study {results.study.study} has no such {what}: {listed(missing)}." if missing else ""


def lost_searches_sentence(results: Results) -> str:
    """Which searches of measured spaces are missing; empty if none is."""
    missing = [
        f"{SPACE_NAMES[space]} seed {seed}"
        for space in results.spaces
        for seed in results.study.seeds(space, "baseline")
        if seed not in results.searches(space)
    ]
    return f"No search (the baseline run diverged or is not made): {', '.join(missing)}." if missing else ""


def _quantile_set(results: Results, spaces: Iterable[str]) -> str:
    facts = {space: results.facts[space] for space in spaces}
    return merged({space: QUANTILE_SETS[fact.quantile].format(count(fact.population)) for space, fact in facts.items()})


def _by_space(results: Results, spaces: Iterable[str], name: str) -> str:
    def shown(space: str) -> str:
        facts = results.facts[space]
        return significant_percent(facts.threshold) if name == "threshold" else count(facts.pool)

    return merged({space: shown(space) for space in spaces})


def merged(values: dict[str, str]) -> str:
    """`5` where all spaces agree, else `5 (NASBench-101), 10 (NASBench-201)`."""
    if len(set(values.values())) == 1:
        return next(iter(values.values()))
    return ", ".join(f"{value} ({SPACE_NAMES[space]})" for space, value in values.items())
