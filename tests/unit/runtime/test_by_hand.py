"""Programs by hand: wrong numbers, and inputs that do not exist or are not what the option names."""

import argparse
import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from supernet import spaces
from supernet.config.jobs import search_job
from supernet.config.study import load_study
from supernet.errors import UserError
from supernet.runtime.arguments import natural, positive, positive_number

SPACE = spaces.load("nasbench201")
STUDY = """
study: hand
title: A study for programs by hand
data: {name: digits, test_portion: 0.25, scoring_portion: 0.25, crop_padding: 1, flip: false}
pool: {size: 8}
spaces:
  nasbench201:
    truth: {channels: 4, layers: 1, epochs: 1, batch_size: 64, train_portion: 0.5}
    baseline: {channels: 4, layers: 1, epochs: 1, batch_size: 64, train_portion: 0.5}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images, a pool and the config of a run, as the programs write them."""
    monkeypatch.chdir(tmp_path)
    images = {"images": np.zeros((8, 1, 8, 8), np.uint8), "labels": np.arange(8)}
    save_file(images, "images.safetensors", {"official_test": "0"})
    texts = [SPACE.format(SPACE.architecture(number)) for number in range(3)]
    pd.DataFrame({"arch_id": texts, "encoding": texts, "truth": 0.5}).to_parquet("pool.parquet")
    Path("hand.yaml").write_text(STUDY)
    Path("run.json").write_text(load_study("hand.yaml").run("nasbench201", "baseline", 0).model_dump_json())
    Path("text.txt").write_text("text")
    return tmp_path


def train(**options: str) -> list[str]:
    """Return arguments of scripts/train.py."""
    given = {"config": "@run.json", "data": "images.safetensors", "task": "by hand"}
    written = {name: f"out/{name}" for name in ("state", "store", "curve", "weights", "summary")}
    values = {**given, **written, **options}
    return [word for name, value in values.items() for word in (f"--{name.replace('_', '-')}", value)]


def stopped(program: str, arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a program that stops for a mistake; return its message. Nothing is written."""
    main: Callable[[Sequence[str]], None] = importlib.import_module(f"scripts.{program}").main
    try:
        main(arguments)
    except UserError as error:
        return str(error)
    except SystemExit as exit_:
        assert exit_.code == 2
        return capsys.readouterr().err
    finally:
        assert not [path for path in Path("out").rglob("*") if path.is_file()]
    raise AssertionError("the program ended without an error")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threads": "0"}, "argument --threads: found '0'; expected an integer of 1 or more"),
        ({"threads": "two"}, "argument --threads: found 'two'; expected an integer of 1 or more"),
        ({"checkpoint_seconds": "-1"}, "argument --checkpoint-seconds: found '-1'; expected a number above 0"),
        ({"checkpoint_seconds": "nan"}, "argument --checkpoint-seconds: found 'nan'; expected a number above 0"),
        ({"limit_minutes": "0"}, "argument --limit-minutes: found '0'; expected a number above 0"),
        ({"ahead": "{}"}, "--ahead: not a Ahead"),
        ({"device": "gpu"}, "--device: found 'gpu'; expected auto, cpu, cuda or cuda:N"),
        ({"device": "cuda:99"}, "--device: found 'cuda:99'; this machine has"),
        ({"config": "@none.json"}, "none.json: no such file; expected a JSON file"),
        ({"config": "@."}, ".: cannot be read: Is a directory; expected a JSON file"),
        ({"config": "@text.txt"}, "text.txt: not a JSON file, or a damaged one"),
        ({"config": "{}"}, "--config: not a Run"),
        ({"config": "text"}, "--config: not a Run"),
        ({"data": "none.safetensors"}, "none.safetensors: no such file; scripts/data.py makes it"),
        ({"data": "."}, ".: no such file; scripts/data.py makes it"),
        ({"data": "text.txt"}, "text.txt: not a safetensors file of scripts/data.py, or a damaged one"),
        ({"data": "pool.parquet"}, "pool.parquet: not a safetensors file of scripts/data.py, or a damaged one"),
        ({"landmarks": "none.parquet"}, "none.parquet: no such file; expected a Parquet file"),
        ({"landmarks": "text.txt"}, "text.txt: not a Parquet file, or a damaged one"),
        ({"landmarks": "images.safetensors"}, "images.safetensors: not a Parquet file, or a damaged one"),
    ],
)
def test_a_wrong_option_of_train_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], options: dict[str, str], message: str
) -> None:
    assert message in stopped("train", train(**options), capsys)


POOL = "pool --space nasbench201 --study-seed 1 --size 2 --output out/pool"
POOL_TRUTH = "pool_truth --space nasbench201 --pool pool.parquet --output out/pool"
METRICS = "metrics --study-file hand.yaml --results . --data d --metrics out/m --references out/r --spaces out/s"
TRUTH = (
    "truth --config {} --data d --state out/s --store out/store --pool p --seeds 1 --repeated 1 --shard 0 --shards 1 "
    "--output out/t"
)
# Programs that train or score: the config is read first.
JOB = "--data d --pool p --task t"
CONFIGS = {
    "proxies --data d --pool p --output out/p": "ProxiesJob",
    f"score {JOB} --weights w --summary s --store st --scores out/s": "ScoringJob",
    f"search {JOB} --store st --weights w --summary s --output out/o --cost out/c": "SearchJob",
    f"systems {JOB} --store st --state out/s --output out/o": "SystemsJob",
    f"landscape {JOB} --state out/s --weights w --summary s --output out/o": "LandscapeJob",
    f"standalone {JOB} --state out/s --output out/o": "StandaloneJob",
    f"features {JOB} --weights w --summaries s --output out/o": "FeaturesJob",
}


@pytest.mark.parametrize(
    ("command", "message"),
    [
        # The last of equal options counts.
        (f"{POOL} --size 0", "--size: found '0'; expected an integer of 1 or more"),
        (f"{POOL} --size -5", "--size: found '-5'; expected an integer of 1 or more"),
        (f"{POOL} --study-seed -1", "--study-seed: found '-1'; expected an integer of 0 or more"),
        (f"{POOL} --space nb201", "found space 'nb201'; expected one of nasbench101,"),
        (f"{POOL} --table none", "none: no such file"),
        (f"{POOL} --exclude text.txt", "text.txt: not a Parquet file, or a damaged one"),
        (f"{POOL_TRUTH} --trainings t --pool none", "none: no such file; expected a Parquet file"),
        (f"{POOL_TRUTH} --trainings t", "t: no such file; expected a Parquet file"),
        (f"{POOL_TRUTH} --trainings t --table t", "expected either --trainings or --table"),
        (f"{METRICS} --study-file none.yaml", "none.yaml: "),
        (f"{METRICS} --data text.txt", "text.txt: not a safetensors file of scripts/data.py"),
        (f"{METRICS} --threads 0", "--threads: found '0'; expected an integer of 1 or more"),
        ("effects --study-file hand.yaml --results none --output out/e --halves out/h", "no such file"),
        ("table spaces --study-file hand.yaml --results none --output-stem out/t", "no such file"),
        ("figure effects --study-file none.yaml --results none --output-stem out/t", "none.yaml: "),
        ("site --study-file hand.yaml --results none --output out/site", "none/tables: lacks "),
        (f"{TRUTH} --seeds 0", "--seeds: found '0'; expected an integer of 1 or more"),
        (f"{TRUTH} --repeated -1", "--repeated: found '-1'; expected an integer of 0 or more"),
        (f"{TRUTH} --shard 2 --shards 2", "--shard 2: expected less than --shards 2"),
        (TRUTH, "--config: not a TruthJob"),
        *((f"{command} --config {{}}", f"--config: not a {job}") for command, job in CONFIGS.items()),
        *((f"{command} --config @none", "none: no such file; expected a JSON file") for command in CONFIGS),
    ],
)
def test_a_wrong_option_of_each_program_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, message: str
) -> None:
    program, *arguments = command.split()
    assert message in stopped(program, arguments, capsys)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": np.zeros((8, 8), np.uint8)}, r"found images torch.uint8 \(8, 8\)"),
        ({"images": np.zeros((8, 1, 8, 8), np.float32)}, "found images torch.float32"),
        ({"labels": np.arange(7)}, "found 8 images and 7 labels; expected one label"),
        ({"labels": None}, "not a safetensors file of scripts/data.py, or a damaged one"),
        ({"metadata": {}}, "its metadata lack the size of the official test set"),
    ],
)
def test_images_of_another_form_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str], change: dict[str, Any], message: str
) -> None:
    tensors = {"images": np.zeros((8, 1, 8, 8), np.uint8), "labels": np.arange(8), **change}
    metadata = tensors.pop("metadata", {"official_test": "0"})
    save_file({name: one for name, one in tensors.items() if one is not None}, "images.safetensors", metadata)
    assert re.search(f"images.safetensors: {message}", stopped("train", train(), capsys))


def test_a_summary_that_is_not_json_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = load_study("hand.yaml")
    job = search_job(study, "nasbench201", 0, trained=True)
    words = [
        "--config",
        job.model_dump_json(),
        *["--data", "images.safetensors", "--pool", "pool.parquet", "--task", "t"],
    ]
    words += ["--weights", "w", "--summary", "text.txt", "--output", "out/o", "--cost", "out/c", "--store", "st"]
    assert "text.txt: expected JSON with the keys run, status" in stopped("search", words, capsys)


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        (natural, ["0", "7"], ["-1", "", "x", "nan", "1.5"]),
        (positive, ["1", "7"], ["0", "-1", "", "x", "nan", "1.5"]),
        (positive_number, ["0.5", "1e3"], ["0", "-1", "", "x", "nan", "inf"]),
    ],
)
def test_numbers_of_the_command_line(kind: Callable[[str], float], right: list[str], wrong: list[str]) -> None:
    assert [kind(text) for text in right] == [float(text) for text in right]
    for text in wrong:
        with pytest.raises(argparse.ArgumentTypeError, match=f"found {text!r}; expected"):
            kind(text)
