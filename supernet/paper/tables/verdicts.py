"""Table of the paper's four claims, the test of each, and the verdict of this study."""

from collections.abc import Callable, Sequence
from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, number, percent
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame
from supernet.paper.verdicts import SpaceAnswer, claim_1, claim_2, claim_3, claim_4, csv_rows, verdict

INPUTS: tuple[Kind, ...] = (
    "metrics",
    "spaces",
    "effects",
    "searches",
    "systems",
    "features",
    "run_timings",
)

_CLAIMS = (
    "Super-net training differs from stand-alone training, which changes the best batch norm and learning rate",
    "Epochs matter strongly, path sampling barely; low-fidelity estimates hurt",
    "Super-net accuracy is an unreliable measure of a super-net; S-KdT is better",
    "With a well-trained super-net, random search matches complex systems",
)
_TESTS = (
    "requires stand-alone trainings with the swept settings, which no study has; shows how far feature means move, in "
    "standard deviations",
    "in every space, an effect of epochs is significant, those of path sampling are within its size, and an effect of "
    "layers, train portion, batch size or channels is significantly negative and none positive",
    "in every space, Kendall's tau with final performance over runs is larger for S-KdT than for accuracy, with the "
    "interval of the difference above zero",
    "in every space, random search's mean ground truth is not worse than that of any other system by more than half a "
    "percentage point, by tests of non-inferiority over seeds; requires search systems of two or more seeds",
)


def make(results: Results, out_stem: Path) -> None:
    """Write the table, with one row per claim and space."""
    effects = results.effects[results.effects["metric"] == "s_kdt"] if results.study.factors() else None
    answers: list[list[SpaceAnswer]] = [
        [claim_1(results, space) for space in results.spaces],
        [SpaceAnswer(space, "unknown") if effects is None else claim_2(effects, space) for space in results.spaces],
        [claim_3(results, space) for space in results.spaces],
        [claim_4(results, space) for space in results.spaces],
    ]
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
        left=frozenset({"Test", "Verdict", "Space", "Answer", "Numbers"}),
        widths={"Claim": "1.4in", "Test": "1.7in", "Numbers": "1.6in"},
    )
    write(table, out_stem)


def _text(place: int, answers: Sequence[SpaceAnswer]) -> list[dict[str, str]]:
    shown: tuple[Callable[[str, float], str], ...] = (_plain, _plain, _plain, _share)
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
                "Numbers": "\n".join(f"{name}: {shown[place](name, value)}" for name, value in one.numbers.items()),
            }
        )
    return rows


def _plain(name: str, value: float) -> str:
    return f"{value:.0f}" if name in {"settings", "significant"} else number(value, 2)


def _share(name: str, value: float) -> str:
    if name in {"systems", "not inferior to", "equivalent to"}:
        return f"{value:.0f}"
    return f"{percent(value)} %"


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
            "Claim 2: the largest effect of each kind on S-KdT, and the number of effects that are significant at 5 % "
            "after Holm's correction.",
            "Claim 3: settings are resampled with all their seeds. S-KdT and final performance use the same scores, "
            "which causes part of their agreement.",
            "Claim 4: mean ground truth of the architectures found by random search and by the other systems. "
            "Differences are random search minus the other system.",
            captions.scores_sentence(results),
            captions.paragraph(captions.threshold_sentence(results, spaces), captions.effects_sentence(results)),
            captions.missing_sentence(results, spaces),
            table_sentence(results, "verdicts"),
        ),
    )
