"""The study file: accepted values, names, and error messages."""

import re
import time
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from checkouts import ROOT

from supernet.config.baselines import BASELINES, SWEEPS
from supernet.config.datasets import DATASETS, PUBLISHED
from supernet.config.factors import (
    BEYOND,
    FACTORS,
    LAYER_MULTIPLES,
    PATH_LAWS,
    SPACES,
    PathSampling,
    beyond_the_paper,
    factors_of,
    of_the_paper,
)
from supernet.config.jobs import truth_job
from supernet.config.study import Data, Pool, Run, Setting, SpaceName, Study, load_study
from supernet.errors import UserError

MINI = ROOT / "tests" / "studies" / "mini.yaml"
ALLOWED = ", ".join(factor.name for factor in factors_of("nasbench201"))
# Line numbers in the cases below count from `study: case` as line 1.
BASE = """\
study: case
title: A case
data:
  name: digits
  scoring_portion: 0.25
pool:
  size: 10
spaces:
  nasbench101:
    truth: {channels: 8, layers: 3, epochs: 20, train_portion: 0.75}
  nasbench201:
    truth: {channels: 8, layers: 1, epochs: 20, train_portion: 0.75}
    baseline: {train_portion: 0.75}
    sweep:
      learning_rate: [0.05, 0.1]
  darts:
    truth: {channels: 8, layers: 3, epochs: 20, train_portion: 0.75}
    baseline: {train_portion: 0.75}
"""
RATES = "      learning_rate: [0.05, 0.1]"


def _load(folder: Path, text: str, name: str = "case.yaml") -> Study:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return load_study(path)


def _errors(folder: Path, text: str, name: str = "case.yaml") -> list[str]:
    """Return the errors in a file, without the folder's name."""
    with pytest.raises(UserError) as caught:
        _load(folder, text, name)
    return [line.removeprefix(f"{folder}/") for line in str(caught.value).splitlines()]


def _swap(old: str, new: str) -> str:
    assert BASE.count(old) == 1, f"{old!r} must stand once in BASE"
    return BASE.replace(old, new)


def _sweep(line: str) -> str:
    return _swap(RATES, f"      {line}")


def _baseline(value: str) -> str:
    text = "    baseline: {train_portion: 0.75}\n    sweep:"
    return _swap(text, f"    baseline: {{train_portion: 0.75, {value}}}\n    sweep:")


def _darts(lines: str) -> str:
    """Return DARTS with these lines in place of its baseline."""
    head, _, _ = BASE.rpartition("baseline: {train_portion: 0.75}")
    return f"{head}{lines}\n"


def _published(line: str, images: str) -> str:
    """Return NASBench-201 with this line in place of its recipe."""
    return _swap("truth: {channels: 8, layers: 1, epochs: 20, train_portion: 0.75}", line).replace("digits", images)


S201 = "spaces.nasbench201"
CASES = {
    "unknown top-level key": (
        _swap("title:", "tilte: x\ntitle:"),
        "2: tilte: found 'x'; unknown key; did you mean 'title'? allowed here: study, title, seed, fidelity, ",
    ),
    "unknown nested key": (
        _swap("size: 10", "size: 10\n  repeats: 3"),
        "8: pool.repeats: found 3; unknown key; did you mean 'repeated'? allowed here: size, sizes, seeds, ",
    ),
    "unknown key in a space": (
        _swap("    sweep:", "    sweeps: {}\n    sweep:"),
        "14: spaces.nasbench201.sweeps: found {}; unknown key; did you mean 'sweep'? allowed here: published, ",
    ),
    "unknown key without a near match": (
        _swap("size: 10", "size: 10\n  zzz: 3"),
        "8: pool.zzz: found 3; unknown key; allowed here: size, sizes, seeds, repeated, shards",
    ),
    "text for an integer": (
        _swap("size: 10", "size: many"),
        "7: pool.size: found 'many'; should be `all`, or an integer of at least 3",
    ),
    "quoted integer": (
        _swap("size: 10", "size: '10'"),
        "7: pool.size: found '10'; should be `all`, or an integer of at least 3: YAML reads 10 as text here, write 10 "
        "without quotes",
    ),
    "float for an integer": (
        _swap("size: 10", "size: 10.0"),
        "7: pool.size: found 10.0; should be `all`, or an integer of at least 3: write 10",
    ),
    "fraction for an integer": (
        _swap("size: 10", "size: 10.5"),
        "7: pool.size: found 10.5; should be `all`, or an integer of at least 3",
    ),
    "bool for an integer": (
        _swap("size: 10", "size: true"),
        "7: pool.size: found True; should be `all`, or an integer of at least 3",
    ),
    "bool for a float": (
        _swap("scoring_portion: 0.25", "scoring_portion: true"),
        "5: data.scoring_portion: found True; should be a number",
    ),
    "integer for a bool": (
        _swap("  name: digits", "  name: digits\n  flip: 1"),
        "5: data.flip: found 1; should be true or false",
    ),
    "null for a mapping": (
        _swap("pool:\n  size: 10", "pool:"),
        "6: pool: found None; should be a mapping of keys to values",
    ),
    "number for text": (
        _swap("title: A case", "title: 3"),
        "2: title: found 3; should be text: put it in quotes",
    ),
    "exponent without a dot": (
        _baseline("learning_rate: 1e-3"),
        f"13: {S201}.baseline.learning_rate: found '1e-3'; should be a number: "
        "YAML reads 1e-3 as text here, write 0.001 without quotes",
    ),
    "exponent without a dot, small": (
        _baseline("weight_decay: 1e-5"),
        f"13: {S201}.baseline.weight_decay: found '1e-5'; should be a number: "
        "YAML reads 1e-5 as text here, write 1.0e-05 without quotes",
    ),
    "exponent without a dot in a sweep": (
        _sweep("learning_rate: [0.1, 1e-3]"),
        f"15: {S201}.sweep.learning_rate.1: found '1e-3'; should be a number: "
        "YAML reads 1e-3 as text here, write 0.001 without quotes",
    ),
    "exponent without a dot for an integer": (
        _baseline("epochs: 1e3"),
        f"13: {S201}.baseline.epochs: found '1e3'; should be an integer: "
        "YAML reads 1e3 as text here, write 1000 without quotes",
    ),
    "unknown factor": (
        _sweep("learning_rates: [0.1]"),
        f"15: {S201}.sweep.learning_rates: found [0.1]; unknown factor; "
        f"did you mean 'learning_rate'? allowed here: {ALLOWED}",
    ),
    "unknown factor in the baseline": (
        _baseline("colour: 3"),
        f"13: {S201}.baseline.colour: found 3; unknown factor; allowed here: {ALLOWED}",
    ),
    "channels that have no statistics": (
        _swap(
            "layers: 3, epochs: 20, train_portion: 0.75}\n  nasbench201:",
            "layers: 3, epochs: 20, train_portion: 0.75}\n    baseline: {train_portion: 0.75}\n"
            "    sweep: {dynamic_channels: [fixed-v2, shuffled-v2], batch_norm: [affine, tracking]}\n"
            "    seeds: [0]\n  nasbench201:",
        ).replace("baseline: {train_portion: 0.75}\n    sweep: {dyn", "baseline: {train_portion: 0.75, "
        "batch_norm: tracking}\n    sweep: {dyn"),
        "12: spaces.nasbench101.sweep.dynamic_channels.1: found 'shuffled-v2'; with the baseline's other values: "
        "batch_norm tracks, but no channel has separate statistics: use affine or none",
    ),
    "value of a factor that has names": (
        _sweep("dropout: [0.1]"),
        f"15: {S201}.sweep.dropout.0: found 0.1; should be 'none', 'path-0.1', 'path-0.2', 'global-0.1' or "
        "'global-0.2'",
    ),
    "no value for a factor that the space has": (
        _sweep("dropout: [null]"),
        f"15: {S201}.sweep.dropout.0: found None; nasbench201 has this factor: expected a value",
    ),
    "norms of nothing": (
        _darts("baseline: {train_portion: 0.75, wsbn: per_input, op_placement: node}"),
        "18: spaces.darts.baseline.wsbn: found 'per_input'; batch_norm is none: without affine or tracking there is "
        "nothing to specialise",
    ),
    "norms of one input": (
        _darts("baseline: {train_portion: 0.75, batch_norm: affine}\n    sweep: {wsbn: [none, per_input]}"),
        "19: spaces.darts.sweep.wsbn.1: found 'per_input'; with the baseline's other values: op_placement is edge: "
        "each operation has one input, nothing to specialise",
    ),
    "factor that the space lacks": (
        _sweep("wsbn: [true]"),
        f"15: {S201}.sweep.wsbn: found [True]; nasbench201 does not have this factor; "
        f"allowed here: {ALLOWED}",
    ),
    "unknown space": (
        _swap("  darts:", "  nasbench301:"),
        "16: spaces.nasbench301: found {'truth': {'channels': 8, 'layers': 3, 'epochs': 20, 'tra...; "
        "unknown space; did you mean 'nasbench201'? allowed here: nasbench101, nasbench201, darts",
    ),
    "no spaces": (
        BASE[: BASE.index("spaces:")] + "spaces: {}\n",
        "8: spaces: found {}; should not be empty",
    ),
    "negative epochs": (
        _baseline("epochs: -1"),
        f"13: {S201}.baseline.epochs: found -1; should be greater than 0",
    ),
    "zero epochs": (_sweep("epochs: [0]"), f"15: {S201}.sweep.epochs.0: found 0; should be greater than 0"),
    "negative learning rate": (
        _sweep("learning_rate: [-0.1]"),
        f"15: {S201}.sweep.learning_rate.0: found -0.1; should be greater than 0",
    ),
    "train portion above 1": (
        _sweep("train_portion: [1.5]"),
        f"15: {S201}.sweep.train_portion.0: found 1.5; should be less than or equal to 1",
    ),
    "train portion overlaps the scoring split": (
        _sweep("train_portion: [0.5, 0.8]"),
        f"15: {S201}.sweep.train_portion.1: found 0.8; "
        "data.scoring_portion keeps 0.25 of the training set: at most 0.75",
    ),
    "baseline that is filled in overlaps the scoring split": (
        _swap("    baseline: {train_portion: 0.75}\n    sweep:", "    sweep:"),
        f"11: {S201}.baseline.train_portion: found 0.9 (a default, not in the file); "
        "data.scoring_portion keeps 0.25 of the training set: at most 0.75",
    ),
    "default of the truth overlaps the scoring split": (
        _swap("layers: 1, epochs: 20, train_portion: 0.75", "layers: 1, epochs: 20"),
        f"12: {S201}.truth.train_portion: found 0.9 (a default, not in the file); "
        "data.scoring_portion keeps 0.25 of the training set: at most 0.75",
    ),
    "value of the paper's grid overlaps the scoring split": (
        _sweep("train_portion: paper"),
        f"15: {S201}.sweep.train_portion.3: found 0.9 (a default, not in the file); "
        "data.scoring_portion keeps 0.25 of the training set: at most 0.75",
    ),
    "nan": (
        _baseline("learning_rate: .nan"),
        f"13: {S201}.baseline.learning_rate: found nan; should be a finite number",
    ),
    "inf": (
        _sweep("learning_rate: [.inf]"),
        f"15: {S201}.sweep.learning_rate.0: found inf; should be a finite number",
    ),
    "layers of nasbench101": (
        _swap("3, epochs: 20, train_portion: 0.75}\n  nas", "4, epochs: 20, train_portion: 0.75}\n  nas"),
        "10: spaces.nasbench101.truth.layers: found 4; "
        "nasbench101 has stacks of equal depth: expected a multiple of 3",
    ),
    "swept layers of nasbench101": (
        _swap("  nasbench201:", "    sweep: {layers: [3, 5]}\n  nasbench201:"),
        "11: spaces.nasbench101.sweep.layers.1: found 5; "
        "nasbench101 has stacks of equal depth: expected a multiple of 3",
    ),
    "path law that the space lacks": (
        BASE + "    sweep: {path_sampling: [random_nas]}\n",
        "19: spaces.darts.sweep.path_sampling.0: found 'random_nas'; "
        "darts does not have this law; allowed here: random_a, fairnas",
    ),
    "unknown path law": (
        _sweep("path_sampling: [random]"),
        f"15: {S201}.sweep.path_sampling.0: found 'random'; should be 'random_a', 'random_nas', 'fairnas' or "
        "'fairnas_by_weights'",
    ),
    "empty sweep list": (_sweep("epochs: []"), f"15: {S201}.sweep.epochs: found []; should not be empty"),
    "single value for a list": (
        _sweep("epochs: 3"),
        f"15: {S201}.sweep.epochs: found 3; should be a list of values, or `paper`",
    ),
    "text for a list": (
        _sweep("batch_norm: none"),
        f"15: {S201}.sweep.batch_norm: found 'none'; should be a list of values, or `paper`",
    ),
    "sweep is a list": (
        _sweep("- learning_rate"),
        f"14: {S201}.sweep: found ['learning_rate']; should be a mapping of keys to values",
    ),
    "value twice, 0.1 and 0.10": (
        _sweep("learning_rate: [0.1, 0.10]"),
        f"15: {S201}.sweep.learning_rate.1: found 0.1; duplicate value in the list",
    ),
    "value twice, 1 and 1.0": (
        _sweep("learning_rate: [1, 1.0]"),
        f"15: {S201}.sweep.learning_rate.1: found 1.0; duplicate value in the list",
    ),
    "value twice, 0.0 and -0.0": (
        _sweep("weight_decay: [0.0, -0.0]"),
        f"15: {S201}.sweep.weight_decay.1: found 0.0; duplicate value in the list",
    ),
    "duplicate key": (
        _swap("title: A case", "title: A case\ntitle: B"),
        "3: title: duplicate key (first in line 2)",
    ),
    "duplicate key of a section": (
        _swap("size: 10", "size: 10\n  shards: 1\n  size: 9"),
        "9: pool.size: duplicate key (first in line 7)",
    ),
    "duplicate seeds": (
        _swap("    sweep:", "    seeds: [1, 2, 1]\n    sweep:"),
        f"14: {S201}.seeds.2: found 1; duplicate value in the list",
    ),
    "empty seeds": (
        _swap("    sweep:", "    seeds: []\n    sweep:"),
        f"14: {S201}.seeds: found []; should not be empty",
    ),
    "seed as a single number": (
        _swap("    sweep:", "    sweep_seeds: 3\n    sweep:"),
        f"14: {S201}.sweep_seeds: found 3; should be a list",
    ),
    "bool among seeds": (
        _swap("    sweep:", "    seeds: [0, true]\n    sweep:"),
        f"14: {S201}.seeds.1: found True; should be an integer",
    ),
    "seed out of range": (
        _swap("    sweep:", "    seeds: [4294967296]\n    sweep:"),
        f"14: {S201}.seeds.0: found 4294967296; should be less than 4294967296",
    ),
    "other name than the file's": (
        _swap("study: case", "study: other"),
        "1: study: found 'other'; should be the name of the file: 'case'",
    ),
    "repeated above pool size": (
        _swap("size: 10", "size: 10\n  seeds: 2\n  repeated: 11"),
        "9: pool.repeated: found 11; the pool has 10 architectures: at most that many",
    ),
    "repeated without seeds": (
        _swap("size: 10", "size: 10\n  repeated: 5"),
        "8: pool.repeated: found 5; has no effect while pool.seeds is 1: set pool.seeds to 2 or more",
    ),
    "seeds without repeated": (
        _swap("size: 10", "size: 10\n  seeds: 2"),
        "8: pool.seeds: found 2; has no effect while pool.repeated is 0: set pool.repeated",
    ),
    "more shards than architectures": (
        _swap("size: 10", "size: 10\n  shards: 11"),
        "8: pool.shards: found 11; the pool has 10 architectures: at most that many",
    ),
    "top above pool size": (
        _swap("size: 10", "size: 10\nmetrics: {top: 11}"),
        "8: metrics.top: found 11; the pool has 10 architectures: at most that many",
    ),
    "default top above pool size": (
        _swap("size: 10", "size: 4"),
        "1: metrics.top: found 5 (a default, not in the file); "
        "the pool has 4 architectures: at most that many",
    ),
    "threshold": (
        _swap("size: 10", "size: 10\nmetrics: {threshold: 0.0}"),
        "8: metrics.threshold: found 0.0; should be `auto`, or a number greater than 0 and less than 1",
    ),
    "retrain above architectures": (
        _swap("size: 10", "size: 10\nsearch: {architectures: 2, retrain: 3}"),
        "8: search.retrain: found 3; only 2 architectures are drawn: at most that many",
    ),
    "unknown bn mode": (
        _swap("size: 10", "size: 10\nscoring: {bn_modes: [batch, train]}"),
        "8: scoring.bn_modes.1: found 'train'; should be 'batch', 'tracked' or 'recalibrated'",
    ),
    "nothing to rank on": (
        _swap("pool:\n", "scoring: {splits: [test]}\npool:\n"),
        "6: scoring.splits: found ['test']; architectures are ranked on `scoring`: it should be in the list",
    ),
    "unknown data set": (
        _swap("name: digits", "name: cifar"),
        "4: data.name: found 'cifar'; should be 'digits', 'cifar10', 'cifar10-jpeg', 'cifar10-first4000', 'cifar100' "
        "or 'svhn'",
    ),
    "test share of a data set that has a test set": (
        _swap("  name: digits", "  name: cifar10\n  test_portion: 0.1"),
        "5: data.test_portion: found 0.1; cifar10 has an official test set: leave this key out",
    ),
    "resolution that does not divide": (
        _swap("  name: digits", "  name: cifar10\n  resolution: 12"),
        "5: data.resolution: found 12; images of cifar10 have 32 x 32 pixels: expected one of 4, 8, 16, 32",
    ),
    "resolution above the original": (
        _swap("  name: digits", "  name: digits\n  resolution: 16"),
        "5: data.resolution: found 16; images of digits have 8 x 8 pixels: expected one of 4, 8",
    ),
    "published table of another space": (
        _published("published: nasbench101", "cifar10"),
        f"12: {S201}.published: found 'nasbench101'; not a table of nasbench201; allowed here: nasbench201",
    ),
    "former name of a published table": (
        _swap("  darts:\n", "  darts:\n    published: darts\n").replace("digits", "cifar10"),
        "17: spaces.darts.published: found 'darts'; not a table of darts, now called darts-nds; allowed here: "
        "darts-oncenas545, darts-214, darts-swap1000, darts-nds, darts-nds-varied",
    ),
    "published table of another data set": (
        _published("published: nasbench201", "digits"),
        f"12: {S201}.published: found 'nasbench201'; accuracies on CIFAR-10, while data.name is digits; "
        "allowed there: cifar10, cifar10-jpeg, cifar10-first4000",
    ),
    "unknown further truth": (
        _swap("title:", "metrics: {further_truths: [nasbench301]}\ntitle:"),
        "2: metrics.further_truths.0: found 'nasbench301'; not a table of the spaces of this study; allowed here: "
        "nasbench101, nasbench201, nasbench201-cifar100, ",
    ),
    "further truth that is the ground truth": (
        _published("published: nasbench201", "cifar10").replace(
            "title:", "metrics: {further_truths: [nasbench201-cifar100, nasbench201]}\ntitle:"
        ),
        "2: metrics.further_truths.1: found 'nasbench201'; is the ground truth of this study already: leave it out",
    ),
    "further truth twice": (
        _swap("title:", "metrics: {further_truths: [nasbench201, nasbench201]}\ntitle:"),
        "2: metrics.further_truths",
    ),
    "neither recipe nor table": (
        _published("seeds: [0]", "cifar10"),
        f"11: {S201}.truth: found None (a default, not in the file); a space needs `truth`, `published`, or both",
    ),
    "missing section": (
        _swap("data:\n  name: digits\n  scoring_portion: 0.25\n", ""),
        "1: data: nothing; this key is required",
    ),
    "missing key": (
        _swap("channels: 8, layers: 1", "layers: 1"),
        f"12: {S201}.truth.channels: nothing; this key is required",
    ),
    "title of two lines": (
        _swap("title: A case", 'title: "A\\ncase"'),
        "2: title: found 'A\\ncase'; should be one line of text",
    ),
    "octal": (
        _swap("size: 10", "size: 010"),
        "7: pool.size: found 010; YAML reads this as 8: write that, or use quotes",
    ),
    "sexagesimal": (
        _swap("size: 10", "size: 1:30"),
        "7: pool.size: found 1:30; YAML reads this as 90: write that, or use quotes",
    ),
    "key that is not text": (
        _swap("size: 10", "on: 10"),
        "7: pool: found the key on, which is not text: put it in quotes",
    ),
    "anchor inside itself": (
        _swap(RATES, "      <<: &a {b: *a}"),
        f"15: {S201}.sweep.<<.b: this anchor contains an alias of itself",
    ),
    "tag": (_swap("size: 10", "size: !!set {a, b}"), "7: pool.size: found the tag tag:yaml.org,2002:set; "),
    "not YAML": (_swap("size: 10", "size: [1, 2"), "8: not valid YAML: did not find expected ',' or ']'"),
    "impossible date": (
        _swap("size: 10", "size: 2024-13-45"),
        "7: pool.size: cannot be read: month must be in 1..12",
    ),
    "a list": ("- study: case\n", "1: found a list; expected a mapping of keys to values"),
    "a value": ("study\n", "1: found a single value; expected a mapping of keys to values"),
    "empty file": ("", "1: found nothing; expected a mapping of keys to values"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_one_error_that_says_where_and_what(tmp_path: Path, text: str, expected: str) -> None:
    findings = _errors(tmp_path, text)
    assert len(findings) == 1
    assert findings[0].startswith(f"case.yaml:{expected}")


def test_the_unchanged_case_is_valid(tmp_path: Path) -> None:
    study = _load(tmp_path, BASE)
    assert list(study.settings("nasbench201")) == ["baseline", "learning_rate=0.05", "learning_rate=0.1"]


@pytest.mark.parametrize("name", ["a/b", "a b", "a;b", "../case", "", ".case", "-case", "a\\nb", "é"])
def test_unsafe_study_names(tmp_path: Path, name: str) -> None:
    findings = _errors(tmp_path, _swap("study: case", f'study: "{name}"'))
    assert len(findings) == 1
    assert findings[0].endswith("should be letters, digits, `_`, `.` and `-`, and start with a letter or digit")


@pytest.mark.parametrize("name", ["store", "Store"])
def test_no_study_has_the_name_of_the_store(tmp_path: Path, name: str) -> None:
    findings = _errors(tmp_path, _swap("study: case", f"study: {name}"))
    assert findings == [
        f"case.yaml:1: study: found '{name}'; is the folder of what all studies share: rename study and file"
    ]


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yaml: no such file"):
        load_study(tmp_path / "nowhere.yaml")


def _nested(opened: str, closed: str, depth: int) -> str:
    return f"study: {opened * depth}{closed * depth}\n"


BOMB = "a0: &a0 [x, x]\n" + "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10))
MERGES = "a0: &a0 {x: 1}\n" + "\n".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40))
HOSTILE = {
    "alias bomb": (BOMB, "6: has more than 300000 values, with those that aliases repeat"),
    "merges": (MERGES, "16: has more than 300000 values"),
    "deep lists": (_nested("[", "]", 2000), "1: nested more than 50 levels deep"),
    "very deep lists": (_nested("[", "]", 100_000), "1: nested more than 50 levels deep"),
    "deep mappings": (_nested("{a: ", "}", 2000), "1: nested more than 50 levels deep"),
    "long file": ("x" * 10_000_001, " has more than 10000000 bytes"),
    "second document": ("study: a\n---\nstudy: b\n", "2: found a second document; expected one"),
    "second anchor": ("a: &x 1\nb: &x 2\n", "2: found a second anchor &x"),
    "alias without anchor": ("a: *x\n", "1: found the alias *x; no anchor of this name comes before it"),
    "tag without value": ('a: !!int ""\n', "1: a: cannot be read"),
    "tag of another type": ("a: !!bool x\n", "1: a: cannot be read"),
    "long integer": (f"a: 0x{'f' * 5000}\n", "1: a: cannot be read: the integer has more than 64 bits"),
    "terminal": ('a: "x\\e[2J"\n', "1: a: found the character U+001B"),
    "direction of writing": ('a: "\\u202e"\n', "1: a: found the character U+202E (RIGHT-TO-LEFT OVERRIDE)"),
    "control character in a key": ('"a\\0": 1\n', "1: found the character U+0000"),
}


@pytest.mark.parametrize(("text", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_one_error(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "case.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_study(path)
    assert str(caught.value).startswith(f"{path}:{expected}")


def test_the_time_to_read_seeds_grows_with_their_number(tmp_path: Path) -> None:
    """A quadratic check took minutes for 100 000 seeds. Ten times as many seeds may take 60 times as long, not 100."""
    spent = []
    for number in (10_000, 100_000):
        seeds = ", ".join(map(str, range(number)))
        start = time.process_time()
        study = _load(tmp_path, _swap("    sweep:\n", f"    seeds: [{seeds}]\n    sweep:\n"))
        spent.append(time.process_time() - start)
        assert study.seeds("nasbench201", "baseline") == tuple(range(number))
    assert spent[1] < 60 * spent[0]


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        load_study(tmp_path)


def test_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "case.yaml"
    path.write_bytes(b"study: case\ntitle: caf\xe9\n")
    with pytest.raises(UserError, match=r"case\.yaml:2: found the byte 0xe9; expected UTF-8 text"):
        load_study(path)


def test_control_characters(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not valid YAML: unacceptable character"):
        _load(tmp_path, BASE + "# \x00\n")


def test_all_errors_are_reported_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = BASE.replace("study: case", "study: other").replace("size: 10", "size: 1\n  sizes: 3")
    text = text.replace("{train_portion: 0.75}\n    sweep:", "{train_portion: 0.9, epochs: 0, hue: 1}\n    sweep:")
    text = text.replace(RATES, "      layers: [0, 1.5]\n      wsbn: [1]\n      batch_norm: []")
    text = text.replace("  darts:\n    truth: {channels: 8, layers: 3", "  darts:\n    truth: {channels: 8, layer: 3")
    findings = _errors(tmp_path, text)
    keys = [finding.split(": ")[1] for finding in findings]
    assert sorted(keys) == sorted(
        [
            "study",
            "pool.size",
            "pool.sizes",
            f"{S201}.baseline.train_portion",
            f"{S201}.baseline.epochs",
            f"{S201}.baseline.hue",
            f"{S201}.sweep.layers.0",
            f"{S201}.sweep.layers.1",
            f"{S201}.sweep.wsbn",
            f"{S201}.sweep.batch_norm",
            "spaces.darts.truth.layers",
            "spaces.darts.truth.layer",
        ]
    )
    lines = [int(finding.split(":")[1]) for finding in findings]
    assert lines == sorted(lines)


def test_tables_need_scores_with_the_statistics_of_the_batch(tmp_path: Path) -> None:
    [finding] = _errors(tmp_path, _swap("size: 10", "size: 10\nscoring: {bn_modes: [tracked]}"))
    reason = "effects, tables and figures read scores with the statistics `batch`: add it to the list"
    assert finding == f"case.yaml:8: scoring.bn_modes: found ('tracked',); {reason}"


MERGED = BASE.replace("    sweep:\n", "    sweep: &grid\n").replace(
    RATES, f"{RATES}\n      path_sampling: [random_a, random_nas]"
)


def test_merge_keys(tmp_path: Path) -> None:
    study = _load(tmp_path, MERGED + "    sweep: {<<: *grid, path_sampling: [fairnas], epochs: [7]}\n")
    assert study.spaces["darts"].sweep == {
        "learning_rate": (0.05, 0.1),
        "path_sampling": ("fairnas",),
        "epochs": (7,),
    }
    assert study.spaces["nasbench201"].sweep["path_sampling"] == ("random_a", "random_nas")


def test_an_error_in_a_merged_value_points_at_where_it_is_written(tmp_path: Path) -> None:
    findings = _errors(tmp_path, MERGED + "    sweep:\n      <<: *grid\n")
    assert len(findings) == 1
    assert findings[0].startswith("case.yaml:16: spaces.darts.sweep.path_sampling.1: found 'random_nas'; ")
    assert "random_nas" in MERGED.splitlines()[16 - 1]


def test_a_list_of_merged_mappings(tmp_path: Path) -> None:
    text = MERGED + "    sweep:\n      <<: [{epochs: [1], learning_rate: [0.3]}, {epochs: [2]}]\n"
    assert _load(tmp_path, text).spaces["darts"].sweep == {"epochs": (1,), "learning_rate": (0.3,)}


def test_paper_stands_for_the_grid(tmp_path: Path) -> None:
    study = _load(tmp_path, _sweep("weight_decay: paper"))
    assert study.spaces["nasbench201"].sweep["weight_decay"] == (0.0, 1e-4, 3e-4, 5e-4, 1e-3, 3e-3, 5e-3)
    # The baseline is among them.
    assert len(study.settings("nasbench201")) == 1 + 7 - 1


def test_paper_for_every_factor_of_every_space(tmp_path: Path) -> None:
    truth = {"channels": 8, "layers": 3, "epochs": 2}
    truths = {space: {key: value for key, value in truth.items() if key in BASELINES[space]} for space in SPACES}
    content = {
        "study": "case",
        "title": "x",
        "data": {"name": "digits"},
        "spaces": {
            space: {"truth": truths[space], "sweep": {factor.name: "paper" for factor in factors_of(space)}}
            for space in SPACES
        },
    }
    # Norms per input need affine parameters, and operations that several inputs share.
    specialised = {"batch_norm": "affine", "op_placement": "node"}
    content["spaces"]["darts"]["baseline"] = specialised
    study = _load(tmp_path, yaml.safe_dump(content, sort_keys=False))
    for space in SPACES:
        assert study.spaces[space].sweep == dict(SWEEPS[space])
        own = specialised if space == "darts" else {}
        assert study.spaces[space].baseline.model_dump(exclude_none=True) == {**BASELINES[space], **own}


@pytest.mark.parametrize(
    ("space", "layers", "message"),
    [
        ("macro", {}, None),
        ("macro", {"layers": 8}, "spaces.macro.truth.layers: found 8; macro lacks this factor"),
        ("nasbench201", {"layers": 2}, None),
        ("nasbench201", {}, "(a default, not in the file); nasbench201 has this factor: expected a value"),
    ],
)
def test_a_recipe_has_layers_where_the_space_has_the_factor(
    space: str, layers: dict[str, int], message: str | None, tmp_path: Path
) -> None:
    section = {"truth": {"channels": 8, "epochs": 2, **layers}}
    text = yaml.safe_dump({"study": "case", "title": "x", "data": {"name": "digits"}, "spaces": {space: section}})
    if message is None:
        truth = _load(tmp_path, text).spaces[space].truth
        assert truth is not None and truth.layers == layers.get("layers")
    else:
        with pytest.raises(UserError, match=re.escape(message)):
            _load(tmp_path, text)


def test_integers_become_floats_where_a_factor_is_one(tmp_path: Path) -> None:
    study = _load(tmp_path, _sweep("learning_rate: [1]"))
    assert list(study.settings("nasbench201")) == ["baseline", "learning_rate=1.0"]
    assert study.setting_of("nasbench201", "learning_rate", 1) == "learning_rate=1.0"


def test_mini() -> None:
    study = load_study(MINI)
    assert study.factors() == ["batch_norm", "learning_rate", "epochs", "path_sampling"]
    assert study.seeds("darts", "baseline") == (0, 1)
    assert study.seeds("darts", "epochs=50") == (0,)
    # 2 seeds of the baseline; 2 rates, 1 epoch count, 2 batch norms, 2 or 1 laws apart from the baseline's.
    counts = {space: sum(run[0] == space for run in study.runs()) for space in study.spaces}
    assert counts == {"nasbench101": 9, "nasbench201": 8, "darts": 8}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda study: study.settings("dart"), "no space 'dart'; did you mean 'darts'?"),
        (lambda study: study.seeds("darts", "epoch=50"), "no setting 'epoch=50'; did you mean 'epochs=50'?"),
        (lambda study: study.run("darts", "baseline", 7), r"no run seed 7; it has \(0, 1\)"),
        (lambda study: study.run("darts", "layers=3", 0), "no setting 'layers=3'"),
        (
            lambda study: study.setting_of("darts", "epoch", 50),
            "unknown factor 'epoch'; did you mean 'epochs'?",
        ),
        (lambda study: study.setting_of("darts", "epochs", 51), "no setting epochs=51; values: 150, 50"),
    ],
)
def test_what_a_study_does_not_have(call: Any, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("?", r"\?")):
        call(load_study(MINI))


def test_a_table_a_recipe_or_both(tmp_path: Path) -> None:
    study = _load(tmp_path, _published("published: nasbench201", "cifar10"))
    assert study.spaces["nasbench201"].truth is None
    assert study.spaces["nasbench101"].published is None
    assert study.data.test_portion is None
    darts = _swap("  darts:\n", "  darts:\n    published: darts-nds\n").replace("digits", "cifar10")
    both = _load(tmp_path, darts).spaces["darts"]
    assert both.published == "darts-nds"
    assert both.truth is not None
    with pytest.raises(UserError, match="nasbench201 has no `truth`: its ground truth is published, not trained"):
        truth_job(study, "nasbench201")


def test_definitions_agree() -> None:
    assert get_args(SpaceName) == SPACES
    assert get_args(Data.model_fields["name"].annotation) == tuple(DATASETS)
    assert len(of_the_paper()) == 14
    assert {"few_shot", "landmarks"} <= {factor.name for factor in beyond_the_paper()}
    for factor in FACTORS.values():
        # Off unless they are named, unlike the paper's factors, which have a value per space.
        assert bool(factor.values) == (factor.group == BEYOND)
        assert factor.group != BEYOND or Setting.model_fields[factor.name].default == factor.values[0]
    assert tuple(FACTORS.values()) == (*of_the_paper(), *beyond_the_paper())
    assert set(BASELINES) == set(SWEEPS) == set(PATH_LAWS) == set(LAYER_MULTIPLES) == set(PUBLISHED) == set(SPACES)
    for space in SPACES:
        names = [factor.name for factor in factors_of(space)]
        assert names == list(BASELINES[space]) == list(SWEEPS[space])
        assert names == [name for name in Setting.model_fields if name in names]
        assert set(PATH_LAWS[space]) <= set(get_args(PathSampling))
        for name, values in SWEEPS[space].items():
            assert BASELINES[space][name] in values
            assert {type(value) for value in values} == {type(BASELINES[space][name])}


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("layers", 4, "expected a multiple of 3"),
        ("train_portion", 0.8, "at most 0.75"),
        ("epochs", 0, "greater than 0"),
        ("epoch", 3, "Extra inputs are not permitted"),
    ],
)
def test_an_edited_run_is_checked(key: str, value: Any, message: str) -> None:
    content = load_study(MINI).run("nasbench101", "baseline", 0).model_dump()
    content["setting"][key] = value
    with pytest.raises(ValueError, match=message):
        Run.model_validate(content)


def test_models_are_immutable() -> None:
    study = load_study(MINI)
    with pytest.raises(ValueError, match="frozen"):
        study.spaces["darts"].baseline.epochs = 3


def test_a_model_is_checked_when_it_is_made_in_code() -> None:
    with pytest.raises(ValueError, match="the pool has 4 architectures"):
        Pool(size=4, seeds=2, repeated=5)
