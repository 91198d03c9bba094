"""The paper's four claims, the test that decides each, and what this study says."""

from collections.abc import Callable, Sequence
from pathlib import Path

from supernet.config.artifacts import Kind
from supernet.paper import captions
from supernet.paper.costs import table_sentence
from supernet.paper.load import Results
from supernet.paper.names import SPACE_NAMES, number, percent
from supernet.paper.render import Caption, Table, write
from supernet.paper.summary import frame
from supernet.paper.verdicts import Said, claim_1, claim_2, claim_3, claim_4, numbers_of, verdict

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
    "needs stand-alone trainings with the swept settings: none here; how far means of features move (in standard "
    "deviations) stands beside it",
    "an effect of epochs is significant, those of path sampling are within its size, one of layers, train portion, "
    "batch size or channels is significantly negative and none positive, in every space",
    "Kendall's tau with final performance over runs is larger for S-KdT than for accuracy, the interval of the "
    "difference above zero, in every space",
    "random search's mean ground truth is not worse than any other system's by more than half a percentage point, by "
    "tests of non-inferiority over seeds, in every space; needs search systems of two seeds or more",
)


def make(results: Results, out_stem: Path) -> None:
    """Write the table: a row for each claim and space."""
    effects = results.effects[results.effects["metric"] == "s_kdt"] if results.study.factors() else None
    said: list[list[Said]] = [
        [claim_1(results, space) for space in results.spaces],
        [Said(space, "unknown") if effects is None else claim_2(effects, space) for space in results.spaces],
        [claim_3(results, space) for space in results.spaces],
        [claim_4(results, space) for space in results.spaces],
    ]
    text = [row for place, spaces in enumerate(said) for row in _text(place, spaces)]
    numbers = [
        {"claim": place + 1, "verdict": verdict(spaces), **row}
        for place, spaces in enumerate(said)
        for one in spaces
        for row in numbers_of(one)
    ]
    table = Table(
        frame(text),
        frame(numbers),
        _caption(results),
        group="Claim",
        left=frozenset({"Test", "Verdict", "Space", "Says", "Numbers"}),
        widths={"Claim": "1.4in", "Test": "1.7in", "Numbers": "1.6in"},
    )
    write(table, out_stem)


def _text(place: int, said: Sequence[Said]) -> list[dict[str, str]]:
    shown: tuple[Callable[[str, float], str], ...] = (_plain, _plain, _plain, _share)
    rows = []
    for position, one in enumerate(said):
        first = position == 0
        rows.append(
            {
                "Claim": f"{place + 1}. {_CLAIMS[place]}",
                "Test": _TESTS[place] if first else "",
                "Verdict": verdict(said) if first else "",
                "Space": SPACE_NAMES[one.space],
                "Says": {"yes": "yes", "no": "no", "unknown": "nothing certain"}[one.answer],
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
