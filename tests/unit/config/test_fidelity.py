"""Deviations of the authors' code: the preset, and the effect of each option."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fake_results import write_results
from tiny import SPACES, small_splits
from trainings import run_of

from supernet.config.fidelity import TRAPS, theirs
from supernet.config.jobs import ScoringJob, truth_job
from supernet.config.study import Scoring, Study, load_study
from supernet.errors import UserError
from supernet.nn.norm import norms
from supernet.paper import catalogue
from supernet.paper.load import Results
from supernet.paper.summary import ScoreSelection, run_values
from supernet.runtime.progress import Progress
from supernet.spaces.base import NetworkSize
from supernet.training.build import build_standalone, build_supernet, supernet_trainer
from supernet.training.scores import rows, wanted
from supernet.training.scoring import compute, evaluator_of

STUDY = """\
study: case
title: A case
data: {name: digits, scoring_portion: 0.25}
pool: {size: 10}
spaces:
  nasbench101:
    truth: {channels: 8, layers: 3, epochs: 2, train_portion: 0.75}
    baseline: {channels: 8, layers: 3, train_portion: 0.75}
"""


def load(folder: Path, text: str) -> Study:
    path = folder / "case.yaml"
    path.write_text(text, encoding="utf-8")
    return load_study(path)


def values(study: Study) -> dict[str, Any]:
    return {trap.name: getattr(getattr(study, trap.section), trap.key) for trap in TRAPS}


def test_the_default_is_corrected_and_the_preset_takes_theirs(tmp_path: Path) -> None:
    corrected = load(tmp_path, STUDY)
    assert values(corrected) == {trap.name: trap.ours for trap in TRAPS}
    assert theirs(corrected) == ()
    authors = load(tmp_path, STUDY + "fidelity: authors_code\n")
    assert values(authors) == {trap.name: trap.theirs for trap in TRAPS}
    assert theirs(authors) == TRAPS
    # The rest is unchanged, and the written study reads back as equal.
    assert authors.pool.size == 10
    assert Study.model_validate_json(authors.model_dump_json()) == authors


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.name)
def test_a_value_of_the_file_wins(trap: Any, tmp_path: Path) -> None:
    text = STUDY.replace("pool: {size: 10}\n", "")
    own = str(trap.ours).lower()
    study = load(tmp_path, f"{text}fidelity: authors_code\n{trap.section}: {{{trap.key}: {own}}}\n")
    assert values(study) == {other.name: other.ours if other is trap else other.theirs for other in TRAPS}


def test_what_is_filled_in_can_be_wrong_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load(tmp_path, STUDY + "fidelity: authors_code\nscoring: {splits: [scoring]}\n")
    message = str(caught.value)
    assert "scoring.ranked_on: found 'test' (a default, not in the file); is not scored" in message
    with pytest.raises(UserError, match=r"fidelity: found 'theirs'; .*corrected"):
        load(tmp_path, STUDY + "fidelity: theirs\n")
    with pytest.raises(UserError, match=r"bn_momentum: found 'tensorflow'; should be `benchmark`, `authors_code`"):
        load(tmp_path, STUDY + "protocol: {bn_momentum: tensorflow}\n")


def test_doubled_widths_are_those_of_the_authors_network() -> None:
    space = SPACES["nasbench101"]
    size = NetworkSize(8, 3, 5, 2, "doubled")
    arch = space.parse("I3O:11/1")
    network = space.build_standalone(arch, 8, 3, 5, 2, widths="doubled").network
    # The stem keeps its channels, and each stack has twice what it is given.
    assert network.stem.norm.channels == 8  # type: ignore[union-attr]
    assert network.classifier.in_features == 64  # type: ignore[union-attr]
    images = torch.randn(3, 2, 8, 8)
    seen: list[tuple[int, int]] = []
    for stack in network.stacks:  # type: ignore[union-attr]
        for cell in stack:
            cell.register_forward_hook(lambda _, given, out: seen.append((given[0].shape[1], out.shape[1])))
    assert network(images, arch).shape == (3, 5)
    assert seen == [(8, 16), (16, 32), (32, 64)]
    assert space.cost(arch, size, 8).parameters == sum(p.numel() for p in network.parameters())
    half = space.build_supernet(4, 3, 5, 2, widths="doubled")
    whole = space.build_supernet(8, 3, 5, 2)
    # Past the first cell's input and the stem, half the channels give the benchmark's networks.
    shapes = [{name: p.shape for name, p in one.stacks[1:].named_parameters()} for one in (half, whole)]  # type: ignore[index,union-attr]
    assert shapes[0] == shapes[1]
    with pytest.raises(ValueError, match="widths: found 'half'"):
        space.build_standalone(arch, 8, 3, 5, 2, widths="half")


@pytest.mark.parametrize(
    ("space", "chosen", "expected"),
    [
        ("nasbench101", "benchmark", 0.003),
        ("nasbench101", "authors_code", 0.997),
        ("nasbench101", 0.2, 0.2),
        ("nasbench201", "benchmark", 0.1),
        ("nasbench201", "authors_code", 0.1),
    ],
)
def test_momentum_of_the_norms(space: str, chosen: Any, expected: float) -> None:
    run = run_of(space, protocol={"bn_momentum": chosen})
    network = build_supernet(run, SPACES[space], small_splits())
    assert {layer.momentum for layer in norms(network)} == {expected}


def test_runs_and_truths_are_built_as_the_protocol_says(tmp_path: Path) -> None:
    space, splits = SPACES["nasbench101"], small_splits()
    study = load(tmp_path, STUDY + "fidelity: authors_code\n")
    arch = space.parse("I3O:11/1")
    alone = build_standalone(truth_job(study, "nasbench101"), space, arch, 0, splits)
    shared = build_supernet(study.run("nasbench101", "baseline", 0), space, splits)
    for network in (alone, shared):
        assert network.classifier.in_features == 64  # type: ignore[union-attr]
        assert {layer.momentum for layer in norms(network)} == {0.997}


SCORING = Scoring(bn_modes=("batch", "recalibrated"), batch_size=8, recalibration_batches=2)
KEPT = SCORING.model_copy(update={"dropout_at_evaluation": True})


def scores(run: Any, network: torch.nn.Module, scoring: Scoring, seed: int = 0, order: int = 1) -> pd.DataFrame:
    space = SPACES[run.space]
    archs = space.sample(np.random.default_rng(1), "random_a", count=6)
    pool = {space.format(arch): arch for arch in archs[::order]}
    table = scored(run.model_copy(update={"seed": seed}), network, scoring, small_splits(), pool)
    return table.sort_values(["arch_id", "bn_mode", "split"], ignore_index=True)


def scored(run: Any, network: torch.nn.Module, scoring: Scoring, splits: Any, pool: dict[str, Any]) -> pd.DataFrame:
    keys = wanted(ScoringJob(run=run, scoring=scoring), list(pool))
    evaluator = evaluator_of(run, scoring.evaluation, SPACES[run.space], splits)
    with Progress("test", "scoring", len(keys), None, None) as progress:
        found = {key: one for batch in compute(evaluator, network, pool, keys, progress) for key, one in batch.items()}
        return pd.DataFrame(rows(keys, found.get))


@pytest.mark.parametrize(
    ("channels", "acts"), [("shuffled-v1", True), ("shuffled-v2", True), ("interpolation-v2", False)]
)
def test_shuffled_channels_at_evaluation(channels: str, acts: bool) -> None:
    run = run_of("nasbench101", dynamic_channels=channels, batch_norm="affine", channels=8)
    network = build_supernet(run, SPACES["nasbench101"], small_splits())
    shuffling = SCORING.model_copy(update={"shuffle_at_evaluation": True})
    off, on = scores(run, network, SCORING), scores(run, network, shuffling)
    assert off.equals(on) is not acts
    assert scores(run, network, shuffling, order=-1).equals(on)
    assert scores(run, network, shuffling, seed=1).equals(on) is not acts
    # Dropout is another option, and afterwards the network is unchanged.
    assert scores(run, network, KEPT).equals(off)
    assert scores(run, network, SCORING).equals(off)


@pytest.mark.parametrize(("dropout", "acts"), [("path-0.2", True), ("global-0.2", False), ("none", False)])
def test_path_dropout_at_evaluation(dropout: str, acts: bool) -> None:
    run = run_of("nasbench201", dropout=dropout)
    network = build_supernet(run, SPACES["nasbench201"], small_splits())
    off, on = scores(run, network, SCORING), scores(run, network, KEPT)
    assert off.equals(on) is not acts
    # A score depends on the seed and on what is scored, not on what was scored before.
    assert scores(run, network, KEPT, order=-1).equals(on)
    assert scores(run, network, KEPT, seed=1).equals(on) is not acts
    # Afterwards the network is unchanged.
    assert scores(run, network, SCORING).equals(off)


def test_training_and_scoring_with_the_preset(tmp_path: Path) -> None:
    baseline = "baseline: {channels: 8, layers: 3, dropout: path-0.2, epochs: 1, batch_size: 8, "
    text = STUDY.replace("baseline: {channels: 8, layers: 3, ", baseline)
    study = load(tmp_path, f"{text}fidelity: authors_code\n")
    run, space, splits = study.run("nasbench101", "baseline", 0), SPACES["nasbench101"], small_splits()
    tables = []
    for _ in range(2):
        network = build_supernet(run, space, splits)
        assert supernet_trainer(run, space, network, splits).run().diverged_at is None
        archs = space.sample(np.random.default_rng(0), "random_a", count=3)
        pool = {space.arch_id(arch): arch for arch in archs}
        tables.append(scored(run, network, study.scoring, splits, pool))
    assert tables[0].equals(tables[1])
    assert np.isfinite(tables[0]["loss"]).all()


PAPER = """\
study: case
title: A case
data: {name: digits, scoring_portion: 0.25}
pool: {size: 12, per_seed: false}
scoring: {bn_modes: [batch]}
search: {architectures: 10, retrain: 2}
spaces:
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 2, train_portion: 0.75}
    baseline: {channels: 8, layers: 1, epochs: 4, train_portion: 0.75}
    seeds: [7]
    sweep: {epochs: [2, 4]}
"""


@pytest.fixture(scope="module")
def authors(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder = tmp_path_factory.mktemp("authors")
    study = load(folder, PAPER + "fidelity: authors_code\n")
    return Results(study, write_results(study, folder / "results", frozenset()))


def raw(results: Results, metric: str, split: str) -> pd.DataFrame:
    keys = {"metric": metric, "split": split, "score": "accuracy", "setting": "baseline"}
    return results.metrics[(results.metrics[list(keys)] == pd.Series(keys)).all(axis=1)]


def test_tables_read_the_test_set_and_the_positional_s_kdt(authors: Results) -> None:
    for metric, stored in (("accuracy", "accuracy"), ("s_kdt", "s_kdt_positional_1"), ("kdt", "kdt")):
        (value,) = run_values(authors, "nasbench201", metric, "baseline")
        assert value.value == raw(authors, stored, "test")["estimate"].item()
    assert value.value != raw(authors, "kdt", "scoring")["estimate"].item()
    (part,) = run_values(authors, "nasbench201", "s_kdt_top_half", "baseline")
    assert part.value == raw(authors, "s_kdt_positional_1_top_half", "test")["estimate"].item()
    # What is asked for by its own name or with a selection is given as asked.
    (value,) = run_values(authors, "nasbench201", "accuracy", "baseline", ScoreSelection(split="scoring"))
    assert value.value == raw(authors, "accuracy", "scoring")["estimate"].item()
    references = authors.references
    row = references[(references["name"] == "macs") & (references["metric"] == "s_kdt_positional_1")]
    assert authors.reference("nasbench201", "macs", "s_kdt").value == row["estimate"].item()


def test_every_caption_says_what_is_theirs(authors: Results, tmp_path: Path) -> None:
    for name in catalogue.table_names(authors.study):
        catalogue.make_table(name, authors, tmp_path / name)
    catalogue.make_figure("kdt_vs_skdt", authors, tmp_path / "kdt_vs_skdt")
    captions = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.glob("*.md")}
    assert "cut off below multiples of 1 %" in captions["kdt_vs_skdt.md"]
    assert captions
    options = "protocol.untouched decay, protocol.fairnas_budget equal_steps, protocol.nasbench101_widths doubled"
    for name, text in captions.items():
        plain = text.replace("\\", "")
        assert f"As in the authors' code, not corrected: {options}" in plain, name
        assert "(preset fidelity: authors_code)" in plain, name
        assert "pool.per_seed" not in plain, name
    assert "positional variant of the authors' code at 1 %" in captions["epochs.md"].replace("\\", "")
    assert "shared-weight accuracy on the test set" in captions["epochs.md"]
    assert "scrambled by the double permutation" in captions["epochs.md"]
