"""Table of the paper's four claims, the test of each, and the verdict of this study."""

from collections.abc import Sequence
from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.config.factors import LATER_LAWS
from supernet.metrics.effects import MARGIN
from supernet.metrics.halves import SPLITS
from supernet.metrics.power import FEWEST_SEEDS
from supernet.paper import captions
from supernet.paper.alone import contrasts_with
from supernet.paper.claims import factors, measure, standalone, systems
from supernet.paper.claims.answer import SpaceAnswer, csv_rows, verdict
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import ABSENT, SPACE_NAMES, number
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame
from supernet.rng import stream

INPUTS: tuple[Kind, ...] = (
    "metrics",
    "spaces",
    "effects",
    "halves",
    "searches",
    "systems",
    "features",
    "standalone",
    "contrasts",
    "run_timings",
)

_COUNTS = frozenset({"settings", "significant", "tested", "systems", "not inferior to", "equivalent to", "too short"})
_CLAIMS = (
    "Super-net training differs from stand-alone training, which changes the best batch norm and learning rate",
    "Epochs matter strongly, path sampling barely; low-fidelity estimates hurt",
    "Super-net accuracy is an unreliable measure of a super-net; S-KdT is better",
    "With a well-trained super-net, random search matches complex systems",
)
_TESTS = (
    "in every space, a value of learning rate or batch norm has a significantly higher S-KdT than the value that is "
    "best for stand-alone networks of the super-net's size, and is significantly worse for these; requires stand-alone "
    "networks that are trained with the swept values",
    f"in every space, more epochs are significantly better by more than {MARGIN}, all effects of path sampling "
    f"are within ±{MARGIN}, and a larger value of layers, train portion, batch size or channels is "
    "significantly better and none is worse",
    "in every space, Kendall's tau over runs with final performance on other architectures is larger for S-KdT than "
    "for accuracy, with the interval of the difference above zero",
    "in every space, the quantile of what random search found is not worse than that of any other system by more than "
    f"{systems.MARGIN}, by rank-sum tests over seeds; requires search systems of {FEWEST_SEEDS} or more seeds, with "
    "super-nets that are trained at least half as much as the baseline's",
)


def make(results: Results, out_stem: Path) -> None:
    """Write the table, with one row per claim and space."""
    rules = (standalone.answer, _of_factors, _of_measure, systems.answer)
    answers = [[rule(results, space) for space in results.spaces] for rule in rules]
    text = [row for place, spaces in enumerate(answers) for row in _text(place, spaces)]
    numbers = [
        {"claim": place + 1, "verdict": verdict(spaces), **row}
        for place, spaces in enumerate(answers)
        for one in spaces
        for row in csv_rows(one)
    ]
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results),
        group="Claim",
        left=frozenset({"Test", "Verdict", "Space", "Answer", "Numbers", "Power"}),
        widths={"Claim": "1.4in", "Test": "1.4in", "Numbers": "1.2in", "Power": "1.5in"},
    )
    write(table, out_stem)


def _of_factors(results: Results, space: str) -> SpaceAnswer:
    if not results.study.factors():
        return SpaceAnswer(space, "unknown")
    own = results.effects[results.effects["metric"] == "s_kdt"]
    baseline = results.study.spaces[space].baseline
    laws = None
    if baseline.path_sampling in LATER_LAWS:
        laws = factors.paper_laws(contrasts_with(results, space, "path_sampling"))
    return factors.answer(own, space, factors.baseline_values(baseline), laws)


def _of_measure(results: Results, space: str) -> SpaceAnswer:
    return measure.answer(results.halves, space, stream(results.study.seed, "verdicts", space))


def _text(place: int, answers: Sequence[SpaceAnswer]) -> list[dict[str, str]]:
    rows = []
    for position, one in enumerate(answers):
        first = position == 0
        rows.append(
            {
                "Claim": f"{place + 1}. {_CLAIMS[place]}",
                "Test": _TESTS[place] if first else "",
                "Verdict": verdict(answers) if first else "",
                "Space": SPACE_NAMES[one.space],
                "Answer": {"yes": "yes", "no": "no", "unknown": "uncertain"}[one.answer],
                "Numbers": "\n".join(f"{name}: {_plain(name, value)}" for name, value in one.numbers.items()),
                "Power": "\n".join([*one.power, *(f"missing: {line}" for line in one.missing)]) or ABSENT,
            }
        )
    return rows


def _plain(name: str, value: float) -> str:
    return f"{value:.0f}" if name in _COUNTS else number(value, 3 if name.endswith(", p") else 2)


def _caption(results: Results) -> Caption:
    spaces = results.spaces
    return Caption.of(
        captions.paragraph(
            "The paper's four claims and the verdict of this study on each.",
            "A claim is reproduced if its test answers yes in every space, not reproduced if it answers no in any "
            "space, and undecided otherwise.",
            "Missing data never decide a claim.",
        ),
        (
            captions.study_sentence(results),
            captions.paragraph(captions.truth_sentence(results, spaces), captions.pool_sentence(results, spaces)),
            "Claim 1: for each factor, the value that is best alone and its accuracy; of the other values the one with "
            "the largest S-KdT, and its differences from the best one, with p-values corrected for the values of a "
            "factor. Feature means: how far they move, in standard deviations.",
            "Claim 2: the largest effect of each kind on S-KdT, larger minus smaller value, of the effects that are "
            "tested with three seeds; and how many of them are significant at 5 % after Holm's correction.",
            "Claim 3: accuracy and S-KdT on one half of the pool, final performance on the other, averaged over "
            f"{SPLITS} splits; settings are resampled with all their seeds.",
            "Claim 4: mean quantile (0 is the best) of the architectures found; a search without a ground truth counts "
            "as 1. With the smallest p-value that this number of seeds can give.",
            "Power: the smallest difference that the tests find in 80 of 100 studies with the spread of this one. For "
            "equality, the smallest margin that they show where nothing differs. An uncertain answer lists what is "
            "missing; numbers of seeds and settings are estimates from that spread.",
            captions.scores_sentence(results),
            captions.paragraph(captions.threshold_sentence(results, spaces), captions.effects_sentence(results)),
            captions.missing_sentence(results, spaces),
            table_sentence(results, "verdicts"),
        ),
    )
