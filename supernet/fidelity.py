"""The traps in the authors' public code: for each the option of a study file, our value and theirs.

`fidelity: authors_code` fills in theirs wherever the file gives no value itself; each works alone as well. "The code"
below is the public repository kcyu2014/nas-landmarkreg. No option is a claim about the published numbers: it tells what
the trap is worth in our reproduction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Fidelity = Literal["corrected", "authors_code"]


@dataclass(frozen=True, slots=True)
class Trap:
    """One option: its place in the study file, our value and theirs, what the trap is, and where the code has it."""

    section: str
    key: str
    ours: Any
    theirs: Any
    what: str
    source: str

    @property
    def name(self) -> str:
        """The option as messages and captions quote it."""
        return f"{self.section}.{self.key}"


TRAPS = (
    Trap(
        "scoring",
        "ranked_on",
        "scoring",
        "test",
        "Architectures are ranked, and found by the search, by their accuracy on the test set.",
        "the evaluation queue of the policies is the test set",
    ),
    Trap(
        "metrics",
        "s_kdt",
        "rounded",
        "positional_1",
        "Sparse Kendall's tau compares the ranks at equal positions of two sorted lists, at a threshold of 1 %.",
        "`compute_sparse_kendalltau` in nasws/cnn/utils.py; threshold 1e-2 in the visualization folder's tool",
    ),
    Trap(
        "metrics",
        "top_order",
        "sorted",
        "permuted_twice",
        "Identifiers that are already sorted by score are sorted once more by the unsorted scores, which scrambles "
        "the K best.",
        "`spares_kdt_compute_mean_std` returns sorted identifiers beside unsorted scores, and "
        "`add_supernetacc_finalperf_kdt` passes both to `sort_hash_perfs`",
    ),
    Trap(
        "pool",
        "per_seed",
        False,
        True,
        "Each run seed scores architectures of its own.",
        "`random_eval_ids` draws from the global generator, which the run's seed has seeded",
    ),
)  # fmt: skip


def filled_in(study: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping of a study file with the authors' values where it gives none; what is no mapping stays as it is."""
    filled = dict(study)
    for trap in TRAPS:
        section = filled.get(trap.section, {})
        if isinstance(section, Mapping) and trap.key not in section:
            filled[trap.section] = {**section, trap.key: trap.theirs}
    return filled


def theirs(study: Any) -> tuple[Trap, ...]:
    """The traps that a validated study has as the authors' code has them."""
    return tuple(trap for trap in TRAPS if getattr(getattr(study, trap.section), trap.key) == trap.theirs)
