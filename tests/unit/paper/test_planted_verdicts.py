"""The table `verdicts` of studies with planted answers: what it prints and writes for each claim."""

from collections.abc import Mapping
from pathlib import Path

import fake_results
import numpy as np
import pandas as pd
import pytest

from supernet.config.artifacts import Artifacts
from supernet.config.study import Study
from supernet.metrics.effects import effects
from supernet.metrics.halves import Halves
from supernet.paper import catalogue
from supernet.paper.claims import systems
from supernet.paper.claims.measure import smallest_difference
from supernet.paper.load import Results

SPACE, SYSTEMS = "darts", ("random_search", "spos", "gdas")
POOL = 60
SETTINGS = ("epochs=50", "path_sampling=fairnas", "layers=1")


def study(seeds: int) -> Study:
    content = {"study": "case", "title": "A case", "data": {"name": "digits", "scoring_portion": 0.25}}
    truth = {"channels": 8, "layers": 3, "epochs": 2, "train_portion": 0.75}
    several = list(range(seeds))
    space = {"truth": truth, "seeds": several, "sweep_seeds": several}
    baseline = {"train_portion": 0.75, "epochs": 100, "layers": 3}
    sweep = {"epochs": [50], "path_sampling": ["fairnas"], "layers": [1]}
    searches = {"systems": {SPACE: SYSTEMS}, "images": 9_000}
    return Study.model_validate(
        {
            **content,
            "pool": {"size": 20},
            "searches": searches,
            "spaces": {SPACE: {**space, "baseline": baseline, "sweep": sweep}},
        }
    )


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A study of seven seeds with random results, in which each test plants those of one claim."""
    chosen = study(seeds=7)
    folder = tmp_path_factory.mktemp("planted")
    return Results(chosen, fake_results.write_results(chosen, folder, frozenset()))


def printed(results: Results, claim: int) -> tuple[list[str], pd.DataFrame]:
    """Make the table; return the cells of the claim's row, and its rows in the CSV file."""
    fresh = Results(results.study, results.folder)
    catalogue.make_table("verdicts", fresh, results.folder / "verdicts")
    lines = (results.folder / "verdicts.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| **{claim}. "))
    cells = [cell.strip().replace("\\", "") for cell in row.strip("|").split(" | ")]
    numbers = pd.read_csv(results.folder / "verdicts.csv")
    return cells, numbers[numbers["claim"] == claim]


def expect(results: Results, claim: int, answer: str, power: str, missing: str) -> pd.DataFrame:
    """Check verdict, answer, power and what is missing of a claim, in the table and its CSV file."""
    cells, numbers = printed(results, claim)
    verdict, said = {
        "yes": ("reproduced", "yes"),
        "no": ("not reproduced", "no"),
        "unknown": ("undecided", "uncertain"),
    }[answer]
    assert (cells[2], cells[4]) == (verdict, said)
    assert power in cells[-1], cells[-1]
    assert missing in cells[-1] if missing else "missing" not in cells[-1], cells[-1]
    assert set(numbers["verdict"]) == {verdict} and set(numbers["answer"]) == {answer}
    assert numbers["missing"].notna().all() if missing else numbers["missing"].isna().all()
    return numbers.set_index("quantity")["value"]


def plant_effects(results: Results, skills: Mapping[str, float], spread: float, seeds: int = 7) -> None:
    """Write effects of settings with these skills; `spread` is their standard deviation between seeds."""
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.5, 0.9, POOL)
    z = (truth - truth.mean()) / truth.std()
    noise = rng.normal(size=(seeds, POOL))

    def scores(skill: float) -> dict[int, np.ndarray]:
        return {
            seed: (skill + spread * rng.normal()) * z + noise[seed] + 0.02 * rng.normal(size=POOL)
            for seed in range(seeds)
        }

    settings = {name: scores(skill) for name, skill in skills.items()}
    baseline = settings.pop("baseline")
    found = {one.setting: one for one in effects(baseline, settings, truth, 1e-3, rng, 200) if one.metric == "s_kdt"}
    path = Artifacts(str(results.folder)).effects
    table = pd.read_parquet(path)
    for place, row in table[table["metric"] == "s_kdt"].iterrows():
        for name in ("effect", "low", "high", "p", "p_holm", "smallest", "common", "sd", "pool_error", "tested"):
            table.loc[place, name] = getattr(found[row["setting"]], name)
        table.loc[place, "outcome"] = found[row["setting"]].outcome
        table.loc[place, "left_out"] = ""
    table.to_parquet(path)


@pytest.mark.parametrize(
    ("skills", "spread", "answer", "power", "missing"),
    [
        # Baseline, fewer epochs, another sampling, fewer layers.
        ((2.0, 0.1, 2.0, 0.1), 0.01, "yes", "path sampling: shows equality within ±0.0", ""),
        ((0.3, 2.5, 0.3, 0.1), 0.01, "no", "epochs: finds a difference of 0.", ""),
        ((1.0, 0.9, 1.0, 0.9), 0.8, "unknown", "low fidelity: finds a difference of", "missing: epochs: about"),
        (
            (2.0, 0.1, 2.0, 1.97),
            0.01,
            "unknown",
            "epochs: finds a difference of 0.",
            "missing: low fidelity: nothing, a difference",
        ),
    ],
)
def test_claim_2(
    planted: Results, skills: tuple[float, ...], spread: float, answer: str, power: str, missing: str
) -> None:
    plant_effects(planted, dict(zip(("baseline", *SETTINGS), skills, strict=True)), spread)
    numbers = expect(planted, 2, answer, power, missing)
    assert numbers["tested"] == 3 and numbers["epochs, power"] > 0
    if "about" in missing:
        # More than the study has, and as many as are written.
        assert numbers["epochs, seeds"] > 7 and numbers["path sampling, seeds"] > 7
        cells, _ = printed(planted, 2)
        assert f"epochs: about {numbers['epochs, seeds']:.0f} seeds for a difference of 0.1" in cells[-1]
        assert f"path sampling: about {numbers['path sampling, seeds']:.0f} seeds for equality within ±0.1" in cells[-1]


def test_claim_2_lacks_seeds_in_common(planted: Results) -> None:
    plant_effects(planted, dict(zip(("baseline", *SETTINGS), (2.0, 0.1, 2.0, 0.1), strict=True)), 0.01, seeds=2)
    cells, numbers = printed(planted, 2)
    assert cells[-1].count("3 common seeds of setting and baseline (has 2)") == 3
    assert set(numbers["answer"]) == {"unknown"} and numbers["missing"].str.contains("has 2").all()


def test_the_best_settings_have_outcomes_with_the_margin(planted: Results) -> None:
    plant_effects(planted, dict(zip(("baseline", *SETTINGS), (0.3, 2.5, 0.3, 0.3), strict=True)), 0.01)
    catalogue.make_table("best_settings", Results(planted.study, planted.folder), planted.folder / "best")
    numbers = pd.read_csv(planted.folder / "best.csv").set_index("factor")
    written = (planted.folder / "best.md").read_text(encoding="utf-8")
    known = numbers["effect_outcome"].dropna()
    assert len(known) and set(known) <= {"significant", "within", "significant and within", "neither"}
    assert (numbers.loc[known.index, "effect_margin"] == 0.1).all()
    assert (numbers.loc[known.index, "effect_smallest"] > 0).all()
    for outcome in known:
        assert outcome.replace("within", "within ±0.1") in written


def halves(kind: str) -> pd.DataFrame:
    """Return halves of 24 runs in which S-KdT is the better measure (yes), accuracy is (no), or neither."""
    rng = np.random.default_rng(2)
    truth = np.clip(0.9 + 0.02 * rng.normal(size=POOL), 0, 1)
    z = (truth - truth.mean()) / truth.std()
    drawn, rows = Halves.draw(POOL, rng, splits=10), []
    for number in range(24):
        skill = rng.uniform(0, 3) if kind != "unknown" else 1.0
        accuracy = np.clip(rng.uniform(0.3, 0.7) + 0.01 * (skill * z + rng.normal(size=POOL)), 0, 1)
        for half, (mean, tau, final) in enumerate(
            zip(*drawn.measure(accuracy, -accuracy, truth, 1e-3, 5), strict=True)
        ):
            last = mean + 0.001 * rng.normal() if kind == "no" else final
            values = {"accuracy": mean, "s_kdt": tau, "final_mean": last}
            rows.append({"space": SPACE, "setting": f"s{number:02}", "seed": 0, "half": half, **values})
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("kind", "missing"), [("yes", ""), ("no", ""), ("unknown", "settings for a difference of 0.1")]
)
def test_claim_3(planted: Results, kind: str, missing: str) -> None:
    halves(kind).to_parquet(planted.folder / "halves.parquet")
    numbers = expect(planted, 3, kind, "finds a difference of", missing)
    low, high = numbers["difference, low"], numbers["difference, high"]
    assert numbers["power"] == pytest.approx((high - low) / 2 / 1.96 * 2.8016, rel=1e-3)
    if missing:
        needed = numbers["settings needed"]
        assert needed == np.ceil(24 * (numbers["power"] / 0.1) ** 2) > 24


def test_claim_3_lacks_settings(planted: Results) -> None:
    table = halves("yes")
    table[table["setting"] < "s05"].to_parquet(planted.folder / "halves.parquet")
    expect(planted, 3, "unknown", "missing", "8 settings with a correlation in every half (has 5)")


def test_the_smallest_difference_of_claim_3_is_found_in_four_of_five_studies() -> None:
    """A normal difference of known error, with its interval."""
    rng = np.random.default_rng(3)
    smallest = smallest_difference(-0.98, 0.98)
    lows = smallest + 0.5 * rng.normal(size=20_000) - 0.98
    assert (lows > 0).mean() == pytest.approx(0.8, abs=0.01)


def plant_systems(results: Results, quantiles: Mapping[str, list[float]], share: float = 1.0, *short: str) -> None:
    """Write the quantile of what each system found, one per seed, and a share of the baseline's training.

    Only the systems of `short` have this share, if they are given.
    """
    paths = Artifacts(str(results.folder))
    for seed in results.study.seeds(SPACE, "baseline"):
        for part in range(len(results.study.systems(SPACE))):
            path = paths.systems(SPACE, seed, part).table
            table = pd.read_parquet(path)
            table["truth_quantile"] = [quantiles[name][seed] for name in table["system"]]
            shares = [share if not short or name in short else 1.0 for name in table["system"]]
            table["trained"] = table["baseline_trained"] * shares
            table.to_parquet(path)


GOOD = [0.02, 0.03, 0.01, 0.04, 0.02, 0.03, 0.05]
WIDE = [0.1, 0.5, 0.3, 0.9, 0.2, 0.6, 0.4]


@pytest.mark.parametrize(
    ("own", "others", "answer", "missing"),
    [
        (GOOD, GOOD, "yes", ""),
        ([0.5 + one for one in GOOD], GOOD, "no", ""),
        (WIDE, WIDE[::-1], "unknown", "more than 30 seeds to find that an equal search is not worse"),
    ],
)
def test_claim_4(planted: Results, own: list[float], others: list[float], answer: str, missing: str) -> None:
    plant_systems(planted, {"random_search": own, "spos": others, "gdas": others})
    numbers = expect(planted, 4, answer, "finds that random search is not worse", missing)
    assert numbers["power, worse by"] > numbers["margin"] > numbers["power, worse by at most"]
    cells, _ = printed(planted, 4)
    assert f"finds that it is worse from a difference of {numbers['power, worse by']:.2f}" in cells[-1]


def test_claim_4_is_undecided_if_a_budget_is_too_short(planted: Results, tmp_path: Path) -> None:
    worse, everywhere = [0.5 + one for one in GOOD], ("random_search", "spos", "gdas")
    said = "larger budget: {} trained less than 50 % of the baseline's super-net, too short for a verdict"
    for own, others, share, short, answer in (
        (GOOD, GOOD, 0.5, everywhere, "yes"),
        (GOOD, GOOD, 0.49, everywhere, "unknown"),
        (GOOD, GOOD, 0.49, ("gdas",), "unknown"),
        (worse, GOOD, 0.49, ("random_search",), "unknown"),
        # It is worse than a system that is trained enough.
        (worse, GOOD, 0.49, ("gdas",), "no"),
        (worse, GOOD, 0.49, ("spos", "gdas"), "unknown"),
    ):
        plant_systems(planted, {"random_search": own, "spos": others, "gdas": others}, share, *short)
        found = systems.answer(Results(planted.study, planted.folder), SPACE)
        assert found.answer == answer, (share, short)
        assert found.numbers.get("too short", 0) == (len(short) if share < 0.5 else 0)
        if answer == "unknown":
            names = ", ".join({"random_search": "random search", "spos": "SPOS", "gdas": "GDAS"}[one] for one in short)
            assert said.format(names) in found.missing[0]
    numbers = {"random_search": GOOD, "spos": GOOD, "gdas": GOOD}
    plant_systems(planted, numbers, 0.49, "gdas")
    catalogue.make_table("search_systems", Results(planted.study, planted.folder), tmp_path / "t")
    text = (tmp_path / "t.md").read_text()
    assert text.count("49 %, too short") == len(GOOD) and text.count("| 100 % |") == 2 * len(GOOD)
    catalogue.make_figure("search_systems", Results(planted.study, planted.folder), tmp_path / "f")
    assert "Hollow markers: searches that are too short for a verdict" in (tmp_path / "f.md").read_text()
    assert pd.read_csv(tmp_path / "f.csv")["too_short"].sum() == len(GOOD)


def test_claim_4_lacks_seeds_or_systems(planted: Results) -> None:
    def best(seeds: int) -> pd.DataFrame:
        rows = [(name, 0.1 * seed) for name in SYSTEMS for seed in range(seeds)]
        return pd.DataFrame(rows, columns=["system", "truth_quantile"]).assign(truth=0.9)

    # With three seeds the smallest p-value is 1/20, with four 1/70; the level of two systems is 5 % / 2.
    found = systems.compare(SPACE, best(3))
    assert "4 seeds to find that it is worse than one of 2 systems" in found.missing and len(found.power) == 1
    assert len(systems.compare(SPACE, best(4)).power) == 2
    assert systems.compare(SPACE, best(2)).missing == ("3 seeds of random search and each other system (has 2)",)
    alone = planted.study.model_copy(update={"searches": None})
    assert systems.answer(Results(alone, planted.folder), SPACE).missing == (
        "search systems (`searches` in the study file)",
    )


def test_claim_4_finds_differences_of_the_size_that_it_states() -> None:
    """Quantiles of normal results, with the spread and the number of seeds of a first study."""
    rng = np.random.default_rng(4)
    first = best_of(rng, 0.0, 0.1, 6)
    stated = systems.compare(SPACE, first).power_numbers
    sd = np.sqrt(np.mean([group.var(ddof=1) for _, group in first.groupby("system")["truth_quantile"]]))
    for difference, answer in ((stated["power, worse by"], "no"), (stated["power, worse by at most"], "yes")):
        said = [systems.compare(SPACE, best_of(rng, difference, sd, 6)).answer for _ in range(150)]
        assert said.count(answer) / len(said) == pytest.approx(0.8, abs=0.09)


def best_of(rng: np.random.Generator, difference: float, sd: float, seeds: int) -> pd.DataFrame:
    """Return what random search and one other system found; random search is worse by `difference`."""
    means = {"random_search": 0.4 + difference, "spos": 0.4}
    rows = [(name, mean + sd * rng.normal()) for name, mean in means.items() for _ in range(seeds)]
    return pd.DataFrame(rows, columns=["system", "truth_quantile"]).assign(truth=0.9)
